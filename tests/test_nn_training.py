"""compile, fit, evaluate, predict: what they do, and what they say when they cannot."""

from __future__ import annotations

import array
import copy
import functools
import gc
import pickle
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import microgd as mg
from microgd.nn.feeding import Batch, Feed

Array = np.ndarray[Any, np.dtype[np.float64]]


def line(rows: int = 40) -> tuple[Array, Array]:
    """y = 2 x1 - 3 x2 + 1, exactly."""
    x = np.random.default_rng(0).normal(size=(rows, 2))
    return x, x @ np.array([2.0, -3.0]) + 1.0


def linear(seed: int = 0, optimizer: Any = "sgd", **settings: Any) -> mg.Sequential:
    model = mg.Sequential([mg.Dense(1)], seed=seed)
    model.compile(optimizer, "mean_squared_error", **settings)
    return model


def coefficients(model: mg.Sequential, scaler: Any) -> Array:
    """The intercept and the weights in the units of the table."""
    kernel, bias = (parameter.data for parameter in model.parameters())
    weights = kernel[:, 0] / scaler.scale_
    return np.array([bias[0] - weights @ scaler.mean_, *weights])


# Least squares on the embedded tables


def test_houses_converge_to_the_known_line() -> None:
    houses = mg.data.load_houses()
    scaler = mg.data.StandardScaler().fit(houses.data)
    model = linear(optimizer=mg.SGD(0.1, momentum=0.9))
    model.fit(scaler.transform(houses.data), houses.target, batch_size=47, epochs=300)
    assert coefficients(model, scaler) == pytest.approx([89597.91, 139.2107, -8738.02], rel=1e-3)


def test_cars_converge_to_least_squares_in_all_ten_features() -> None:
    cars = mg.data.load_cars()
    scaler = mg.data.StandardScaler().fit(cars.data)
    model = linear(optimizer=mg.SGD(0.05, momentum=0.95))
    model.fit(scaler.transform(cars.data), cars.target, batch_size=32, epochs=4000)
    expected = np.linalg.lstsq(np.column_stack([np.ones(32), cars.data]), cars.target)[0]
    assert coefficients(model, scaler) == pytest.approx(expected, rel=1e-6)


# fit


def test_fit_learns_and_its_history_says_so() -> None:
    x, y = line()
    model = linear(optimizer=mg.SGD(0.1))
    history = model.fit(x, y, epochs=100, batch_size=8, validation_split=0.25)
    assert set(history.history) == {"loss", "val_loss"}
    assert history.epoch == list(range(100)) and model.history is history
    assert history.history["loss"][0] > 1 and history.history["loss"][-1] < 1e-9
    assert "100 epochs" in repr(history)


def test_the_loss_of_an_epoch_is_the_mean_over_its_rows_and_the_last_batch_is_short() -> None:
    x, y = line(10)
    model = linear(optimizer=mg.SGD(0.0))
    model.output_shape(x)
    errors = np.square(model.predict(x)[:, 0] - y)
    history = model.fit(x, y, batch_size=4, shuffle=False)
    assert history.history["loss"][0] == pytest.approx(errors.mean(), rel=1e-14)
    sizes: list[int] = []
    callback = mg.LambdaCallback(on_batch_end=lambda batch, logs: sizes.append(batch))
    model.fit(x, y, batch_size=4, callbacks=[callback])
    assert sizes == [0, 1, 2]


def test_the_validation_rows_are_the_last_ones_and_are_not_trained_on() -> None:
    x, y = line(20)
    y[15:] = 1e6
    model = linear(optimizer=mg.SGD(0.1))
    history = model.fit(x, y, epochs=100, validation_split=0.25)
    assert history.history["loss"][-1] < 1e-3
    assert history.history["val_loss"][-1] == pytest.approx(model.evaluate(x[15:], y[15:]))
    given = linear(optimizer=mg.SGD(0.1))
    same = given.fit(x[:15], y[:15], epochs=100, validation_data=(x[15:], y[15:]))
    assert same.history == history.history


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    x, y = line()
    histories = [linear(seed).fit(x, y, epochs=3, batch_size=7).history["loss"] for seed in (3, 3, 4)]
    assert histories[0] == histories[1] != histories[2]


SAME_BITS = """
import numpy as np
import microgd as mg

class Residual(mg.Model):
    def __init__(self):
        super().__init__(seed=5)
        self.inner, self.last = mg.Dense(2, "tanh"), mg.Dense(1, input_shape=(2,))
    def __call__(self, x):
        return self.last(x + self.inner(x))

x = np.random.default_rng(0).normal(size=(40, 2))
for make in (
    lambda: mg.Sequential([mg.Dense(3, "tanh", input_shape=(2,)), mg.Dense(1, input_shape=(3,))], seed=5),
    lambda: mg.Sequential([mg.Dense(3, "tanh"), mg.Dropout(0.5), mg.Dense(1)], seed=5),
    Residual,
):
    model = make()
    before = np.asarray(getattr(model(x), "data"))  # before anything else: its weights are drawn here
    model.compile(mg.Adam(0.01), "mse")
    losses = model.fit(x, x[:, 0] - x[:, 1], batch_size=7, epochs=20, validation_split=0.2, verbose=0).history
    print(before.tobytes().hex()[:64], *(value.hex() for values in losses.values() for value in values))
"""


def test_the_same_seed_gives_the_same_bits_in_another_process_too(capsys: pytest.CaptureFixture[str]) -> None:
    printed = [subprocess.check_output([sys.executable, "-c", SAME_BITS], text=True) for _ in range(2)]
    for _ in range(2):
        exec(SAME_BITS, {})
        printed.append(capsys.readouterr().out)
    assert len(printed[0].split()) == 3 * 41 and len(set(printed)) == 1


def test_weights_given_with_an_input_shape_are_there_at_once_and_come_from_the_model() -> None:
    alone = mg.Dense(2, input_shape=(3,))
    assert alone.kernel.shape == (3, 2) and len(mg.Dense(2, input_shape=(3,)).parameters()) == 2
    early, late = (mg.Sequential([mg.Dense(2, input_shape=shape)], seed=1) for shape in ((3,), None))
    late.predict(np.zeros((1, 3)))
    assert np.array_equal(early.layers[0].kernel.data, late.layers[0].kernel.data)
    kept = alone.kernel.data.copy()
    assert np.array_equal(mg.Sequential([alone], seed=1).layers[0].kernel.data, kept)  # what is there is not drawn anew


def test_a_fit_continued_is_a_fit_in_one_go() -> None:
    x, y = line()
    one, two = (linear(optimizer=mg.Adam(0.05)) for _ in range(2))
    one.fit(x, y, epochs=6, batch_size=8)
    two.fit(x, y, epochs=2, batch_size=8)
    two.fit(x, y, epochs=6, batch_size=8, initial_epoch=2)
    assert two.history.history == one.history.history
    assert one.epoch == two.epoch == 6


@pytest.mark.parametrize(
    "kind",
    ["list", "array.array", "float32", "integers", "read-only", "memory-mapped", "Fortran order", "every other row"],
)
def test_fit_takes_numbers_of_any_kind(kind: str, tmp_path: Path) -> None:
    x, y = np.arange(8.0).reshape(8, 1), 2.0 * np.arange(8.0)
    given: tuple[Any, Any] = (x, y)
    if kind == "list":
        given = (x.tolist(), y.tolist())
    elif kind == "array.array":
        given = (array.array("d", x[:, 0]), array.array("d", y))
    elif kind == "float32":
        given = (x.astype(np.float32), y.astype(np.float32))
    elif kind == "integers":
        given = (x.astype(int), y.astype(int))
    elif kind == "read-only":
        x.flags.writeable = False
    elif kind == "memory-mapped":
        np.save(tmp_path / "x.npy", x)
        given = (np.load(tmp_path / "x.npy", mmap_mode="r"), y)
    elif kind == "Fortran order":
        given = (np.asfortranarray(x), y)
    elif kind == "every other row":
        given = (np.repeat(x, 2, axis=0)[::2], np.repeat(y, 2)[::2])
    model = linear(optimizer=mg.SGD(0.01))
    history = model.fit(*given, epochs=3, shuffle=False)
    reference = linear(optimizer=mg.SGD(0.01)).fit(np.arange(8.0).reshape(8, 1), y, epochs=3, shuffle=False)
    tolerance = 1e-5 if kind == "float32" else 1e-12
    assert history.history["loss"] == pytest.approx(reference.history["loss"], rel=tolerance)
    assert model.parameters()[0].dtype == (np.float32 if kind == "float32" else np.float64)


def test_fit_takes_tables_of_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    x, y = line()
    table = pandas.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y})
    one, two = linear(), linear()
    one.fit(table[["a", "b"]], table["y"], epochs=2)
    two.fit(x, y, epochs=2)
    assert one.history.history == two.history.history
    table["b"] = ["text"] * len(x)
    with pytest.raises(TypeError, match="not numbers are b"):
        one.fit(table[["a", "b"]], table["y"])
    table["b"] = np.where(np.arange(len(x)) == 5, np.nan, 0.0)
    with pytest.raises(ValueError, match="row 5, column b"):
        one.fit(table[["a", "b"]], table["y"])


def test_fit_takes_batches_from_a_list_and_from_a_generator() -> None:
    x, y = line(16)
    batches = [(x[i : i + 4], y[i : i + 4]) for i in range(0, 16, 4)]

    def endless() -> Iterator[Any]:
        while True:
            yield from batches

    histories = [
        linear().fit(x, y, batch_size=4, epochs=3, shuffle=False).history,
        linear().fit(batches, epochs=3).history,
        linear().fit(endless(), epochs=3, steps_per_epoch=4).history,
    ]
    assert histories[0] == histories[1] == histories[2]
    with pytest.raises(ValueError, match="steps_per_epoch"):
        linear().fit(endless(), epochs=3)
    with pytest.raises(ValueError, match="gave 2 batches in this epoch; expected 3"):
        linear().fit(iter(batches[:2]), epochs=1, steps_per_epoch=3)


def test_batches_are_views_of_rows_picked_together_and_each_row_comes_once() -> None:
    x = np.arange(10_007.0).reshape(-1, 1)  # more than are picked at once
    feed = Feed(Batch(x, x[:, 0], x[:, 0]), 50, shuffle=True, generator=np.random.default_rng(0))
    order = np.random.default_rng(0).permutation(len(x))
    for expected in (order, None):
        given = list(feed.epoch())
        assert [len(batch.x) for batch in given] == [50] * 200 + [7]
        rows = np.concatenate([batch.y for batch in given])
        assert np.array_equal(np.sort(rows), x[:, 0]) and (expected is None or np.array_equal(rows, expected))
        assert all((batch.x[:, 0] == batch.weight).all() for batch in given)


def test_validation_rows_may_come_in_batches() -> None:
    x, y = line(40)
    batches = [(x[30:34], y[30:34]), (x[34:], y[34:])]
    histories = [
        linear().fit(x[:30], y[:30], epochs=60, validation_data=rows).history
        for rows in ((x[30:], y[30:]), [x[30:], y[30:]], batches, zip_again(batches))
    ]
    assert histories[0] == histories[1] and histories[2] == histories[3]
    assert histories[2]["loss"] == histories[0]["loss"]
    assert histories[2]["val_loss"] == pytest.approx(histories[0]["val_loss"])
    for wrong in (iter(batches), x, (x, y, y, y), 3):
        with pytest.raises(TypeError, match=r"validation_data is .*; expected .*or a list of batches"):
            linear().fit(x, y, validation_data=wrong)


class zip_again:
    """Batches that can be gone through again, as a loader of another library gives them."""

    def __init__(self, batches: Any) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[Any]:
        return iter(self.batches)


def test_the_validation_loss_is_compiled_to_the_same_bits_and_follows_new_weights() -> None:
    x, y = line(40)
    histories = []
    for eager in (True, False):
        model = linear(run_eagerly=eager, metrics=["mae"])
        model.predict(x)
        back = functools.partial(model.set_weights, model.get_weights())
        put = mg.LambdaCallback(on_epoch_end=lambda epoch, logs, back=back: epoch % 20 or back())
        weights = np.linspace(0.0, 2.0, 9)
        data = (x[31:], y[31:], weights)
        histories.append(model.fit(x[:31], y[:31], 7, 60, validation_data=data, callbacks=put).history)
        assert (model.fast_look is None) == eager
    assert histories[0] == histories[1] and len(set(histories[0]["val_loss"])) > 20


def test_weights_of_rows_and_of_classes() -> None:
    x, y = line(12)
    model = linear(optimizer=mg.SGD(0.0))
    errors = np.square(model.predict(x)[:, 0] - y)
    weights = np.arange(12.0)
    history = model.fit(x, y, sample_weight=weights, batch_size=5)
    assert history.history["loss"][0] == pytest.approx(np.mean(weights * errors))
    classes = (y > 0).astype(float)
    errors = np.square(model.predict(x)[:, 0] - classes)
    history = model.fit(x, classes, class_weight={0: 1.0, 1: 10.0})
    assert history.history["loss"][0] == pytest.approx(np.mean(np.where(classes, 10.0, 1.0) * errors))
    with pytest.raises(ValueError, match=r"no weight for the classes 1;"):
        model.fit(x, classes, class_weight={0: 1.0})
    loss = model.train_on_batch(x, classes, class_weight={0: 1.0, 1: 10.0})
    assert loss == pytest.approx(history.history["loss"][0])


def test_metrics_are_computed_over_all_rows_of_an_epoch() -> None:
    x, y = line()
    model = linear(optimizer=mg.SGD(0.0), metrics=["mae", "r2", mg.mean_squared_error])
    history = model.fit(x, y, batch_size=7, validation_split=0.5, shuffle=False)
    expected = float(mg.r2(y[:20], model.predict(x[:20])[:, 0]))
    assert history.history["r2"] == [pytest.approx(expected)]
    assert set(history.history) == {
        *("loss", "mae", "r2", "mean_squared_error"),
        *("val_loss", "val_mae", "val_r2", "val_mean_squared_error"),
    }
    loss, mae, r2, mse = model.evaluate(x, y)
    assert loss == pytest.approx(mse) and model.evaluate(x, y, return_dict=True)["mae"] == mae and r2 < 1


def test_predict_and_evaluate_in_batches_are_those_in_one_go() -> None:
    x, y = line()
    model = linear()
    assert model.predict(x, batch_size=7) == pytest.approx(model.predict(x), rel=1e-14)
    assert model.evaluate(x, y, batch_size=7) == pytest.approx(model.evaluate(x, y), rel=1e-14)
    assert model.predict(x).shape == (40, 1)


def test_train_on_batch_is_one_step() -> None:
    x, y = line()
    one, two = linear(), linear()
    losses = [one.train_on_batch(x, y) for _ in range(3)]
    assert two.fit(x, y, batch_size=len(x), epochs=3, shuffle=False).history["loss"] == losses


def test_a_class_with_call_is_a_model() -> None:
    class Residual(mg.Model):
        def __init__(self) -> None:
            self.layers = [mg.Dense(2, "tanh"), mg.Dense(2, "tanh")]
            self.scale = mg.Value(0.5)
            self.last = mg.Dense(1)

        def __call__(self, x: Any, training: bool = False) -> Any:
            for layer in self.layers:
                x = x + layer(x) * self.scale
            return self.last(x)

    x, y = line()
    model = Residual()
    model.compile(mg.Adam(0.05), "mse")
    history = model.fit(x, y, epochs=60)
    assert history.history["loss"][-1] < 0.05 * history.history["loss"][0]
    assert [parameter.name for parameter in model.parameters()] == [
        *("dense_1_kernel", "dense_1_bias", "dense_2_kernel", "dense_2_bias", "scale", "dense_3_kernel", "dense_3_bias")
    ]


def test_a_frozen_layer_stays_and_the_others_learn() -> None:
    x, y = line()
    model = mg.Sequential([mg.Dense(3, "tanh"), mg.Dense(1)], seed=0)
    model.compile(mg.SGD(0.1, momentum=0.9), "mse")
    model.fit(x, y, epochs=2)
    first, last = model.layers
    before = [parameter.data.copy() for parameter in model.parameters()]
    first.trainable = False
    model.fit(x, y, epochs=2)
    after = [parameter.data for parameter in model.parameters()]
    assert all(np.array_equal(a, b) for a, b in zip(before[:2], after[:2], strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(before[2:], after[2:], strict=True))
    model.trainable = False
    assert not last.trainable
    with pytest.raises(ValueError, match="nothing to train"):
        model.fit(x, y)


def normalized() -> list[Any]:
    layer = mg.Normalization()
    layer.adapt(line()[0])
    return [layer, mg.Dense(1)]


def change(first: Any, what: str) -> None:
    if what == "frozen":
        first.trainable = False
    elif what == "weights":
        first.kernel.data = first.kernel.data * 2.0
    elif what == "weights in place":
        first.kernel.data *= 2.0
    elif what == "adapted":
        first.adapt(3.0 * line()[0])
    elif what == "scale":
        first.scale = 3.0
    elif what == "penalty":
        first.kernel_regularizer.l2 = 0.5


@pytest.mark.parametrize("between_fits", [True, False])
@pytest.mark.parametrize(
    ("layers", "what"),
    [
        (lambda: [mg.Dense(4, "tanh"), mg.Dense(1)], "frozen"),
        (lambda: [mg.Dense(4, "tanh", trainable=False), mg.Dense(1)], "weights"),
        (lambda: [mg.Dense(4, "tanh", trainable=False), mg.Dense(1)], "weights in place"),
        (normalized, "adapted"),
        (lambda: [mg.Rescaling(2.0), mg.Dense(1)], "scale"),
        (lambda: [mg.Dense(4, kernel_regularizer=mg.L2(0.1)), mg.Dense(1)], "penalty"),
    ],
)
def test_what_is_changed_while_training_counts_in_a_compiled_step_too(
    layers: Any, what: str, between_fits: bool
) -> None:
    x, y = line()
    found = []
    for eager in (False, True):
        model = mg.Sequential(layers(), seed=0)
        model.compile(mg.SGD(0.02, momentum=0.9), "mse", run_eagerly=eager)
        if between_fits:
            model.fit(x, y, epochs=30)
            change(model.layers[0], what)
            model.fit(x, y, epochs=30)
        else:
            model.fit(x, y, epochs=60, callbacks=lambda e, logs, m=model: change(m.layers[0], what) if e == 29 else 0)
        found.append(model.get_weights())
        assert (model.fast_step is None) == eager
    untouched = mg.Sequential(layers(), seed=0)
    untouched.compile(mg.SGD(0.02, momentum=0.9), "mse")
    untouched.fit(x, y, epochs=60)
    assert all(np.array_equal(weight, found[1][name]) for name, weight in found[0].items())
    assert not all(np.array_equal(weight, found[1][name]) for name, weight in untouched.get_weights().items())


def test_a_frozen_layer_is_saved_as_frozen(tmp_path: Path) -> None:
    x, y = line()
    model = mg.Sequential([mg.Dense(4, "tanh", trainable=False), mg.Dense(1)], seed=0)
    model.compile("adam", "mse")
    model.fit(x, y)
    model.save(tmp_path / "model.safetensors")
    loaded = mg.load_model(tmp_path / "model.safetensors")
    assert [layer.trainable for layer in loaded.all_layers()] == [True, False, True]
    loaded.fit(x, y)
    assert np.array_equal(loaded.parameters()[0].data, model.parameters()[0].data)


def test_a_copy_trains_by_itself() -> None:
    x, y = line()
    model = linear(optimizer=mg.Adam(0.05))
    model.fit(x, y, epochs=60, batch_size=8)  # long enough to be compiled
    twins = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    before = model.get_weights()
    for twin in twins:
        twin.fit(x, y, epochs=2, batch_size=8)
        assert all(np.array_equal(weight, before[name]) for name, weight in model.get_weights().items())
    model.fit(x, y, epochs=2, batch_size=8)
    for twin in twins:
        assert all(np.array_equal(weight, model.get_weights()[name]) for name, weight in twin.get_weights().items())


def test_summary_lists_layers_weights_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    model = mg.Sequential([mg.Dense(3, "relu"), mg.Dense(1)])
    model.summary()
    assert "made at the first call" in capsys.readouterr().out
    model.predict([[1.0, 2.0]])
    model.layers[0].trainable = False
    model.summary()
    text = capsys.readouterr().out
    assert "kernel (2, 3), bias (3,) (frozen)" in text
    assert [line.split() for line in text.splitlines()[-2:]] == [["in", "all", "13"], ["frozen", "9"]]
    model.add(mg.Dropout(0.5))
    model.summary()
    assert "run as they are, not compiled, for the sake of dropout_1" in capsys.readouterr().out


def test_memory_is_flat_over_ten_thousand_fits_of_one_step() -> None:
    x, y = line(8)
    model = linear()

    def objects_after(fits: int) -> int:
        for _ in range(fits):
            model.fit(x, y, batch_size=8, verbose=0)
        gc.collect()
        return len(gc.get_objects())

    before, size = objects_after(1000), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert objects_after(9000) - before < 100
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - size < 2000  # KiB


# Divergence


def test_divergence_stops_names_the_cause_and_keeps_the_best_weights() -> None:
    houses = mg.data.load_houses()
    model = linear(optimizer=mg.SGD(0.1))
    with pytest.raises(
        mg.DivergenceError, match=r"diverged in epoch 1: .*learning rate, 0.1, where .*columns 0 "
    ) as caught:
        model.fit(houses.data, houses.target, epochs=100)
    assert (caught.value.epoch, caught.value.best_epoch) == (1, 0)
    assert all(np.isfinite(parameter.data).all() for parameter in model.parameters())
    assert "StandardScaler" in str(caught.value)


def test_divergence_goes_back_to_the_start_where_each_epoch_was_worse() -> None:
    x, y = line()
    model = linear(optimizer=mg.SGD(20.0))
    before = model.predict(x)
    with pytest.raises(
        mg.DivergenceError, match=r"20, where (1|0\.\d+) is the limit.*the weights of the start"
    ) as caught:
        model.fit(x, y, epochs=50, batch_size=20)
    assert caught.value.epoch > 1 and caught.value.best_epoch == 0
    assert np.array_equal(model.predict(x), before)


def test_divergence_after_good_epochs_goes_back_to_the_best_of_them() -> None:
    x, y = line()
    model = linear(optimizer=mg.SGD(lambda step: 0.05 if step < 20 else 50.0))
    seen: list[dict[str, Any]] = []
    with pytest.raises(mg.DivergenceError, match="the weights of epoch 10 ") as caught:
        model.fit(x, y, epochs=50, batch_size=20, callbacks=lambda epoch, logs: seen.append(model.get_weights()))
    assert caught.value.best_epoch == 10 and caught.value.epoch > 10
    for name, weight in model.get_weights().items():
        assert np.array_equal(weight, seen[9][name])


def test_a_loss_that_is_nan_stops_training() -> None:
    x, y = line()
    model = mg.Sequential([mg.Dense(1)], seed=0)
    model.compile("sgd", lambda y_true, y_pred: np.mean(np.log(y_pred - 1e9)))
    with pytest.raises(mg.DivergenceError, match="the loss is nan"):
        model.fit(x, y)


# Bad input


def bad(x: Any = None, y: Any = None, **settings: Any) -> Any:
    good_x, good_y = line(8)
    return lambda: linear().fit(good_x if x is None else x, good_y if y is None else y, **settings)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (bad(y=np.zeros(7)), ValueError, r"x has 8 rows and y has 7, of shapes \(8, 2\) and \(7,\)"),
        (bad(batch_size=0), ValueError, "batch_size is 0; expected a whole number of rows, at least 1"),
        (bad(batch_size=2.5), ValueError, "batch_size is 2.5"),
        (bad(batch_size=mg.nn.History()), ValueError, "batch_size is <History"),
        (bad(epochs=-1), ValueError, "epochs is -1; expected a whole number from 0"),
        (bad(validation_split=1.5), ValueError, "validation_split is 1.5"),
        (bad(validation_split="a"), ValueError, "validation_split is 'a'; expected a number from 0 to less than 1"),
        (bad(class_weight={0: 1.0}, y=[0] * 8, sample_weight=[1.0]), ValueError, "and sample_weight has 1, of shapes"),
        (bad(class_weight={0: 1.0}, y=[0] * 8, sample_weight=["a"] * 8), TypeError, "sample_weight holds <U1"),
        (bad(verbose=7), ValueError, "verbose is 7; expected 0 .nothing., 1 .a bar. or 2"),
        (bad(x=[["a", "b"]] * 8), TypeError, "x holds <U1, expected real numbers"),
        (bad(x=[[1.0], [1.0, 2.0]] * 4), TypeError, "x cannot be read as numbers"),
        (bad(x=np.full((8, 2), np.nan)), ValueError, "x has 16 cells that are nan or infinite, the first in row 0"),
        (bad(x=np.zeros((0, 2)), y=np.zeros(0)), ValueError, r"x has no rows: its shape is \(0, 2\)"),
        (bad(x=np.zeros((8, 2), complex)), TypeError, "x holds complex128"),
        (bad(y=["a"] * 8), TypeError, "y holds <U1"),
        (bad(y=np.zeros((8, 2))), ValueError, r"y_true has shape \(8, 2\) and y_pred has shape \(8, 1\)"),
        (bad(x=mg.Value(np.zeros((8, 2)))), TypeError, "x is a Value; training takes plain numbers"),
        (bad(sample_weight=np.zeros(3)), ValueError, "x has 8 rows and sample_weight has 3"),
        (bad(sample_weight=np.ones((8, 1))), ValueError, r"sample_weight has shape \(8, 1\); expected .*: \(8,\)"),
        (bad(sample_weight=np.arange(8) - 2.0), ValueError, "sample_weight is negative in row 0; expected"),
        (bad(class_weight=[1.0, 2.0]), ValueError, r"class_weight is \[1.0, 2.0\]; expected a dict from each class"),
        (bad(class_weight={0: -1.0}), ValueError, r"class_weight is \{0: -1.0\}; expected .*a weight from 0"),
        (
            bad(class_weight={0: 1.0}),
            ValueError,
            "no weight for the classes .*; give one for each",
        ),
        (bad(validation_data=line(8)[0]), TypeError, r"validation_data is ndarray; expected \(x, y\) or"),
        (bad(initial_epoch=5, epochs=2), ValueError, r"initial_epoch is 5, after epochs, 2: .* give epochs=7"),
        (bad(steps_per_epoch=0), ValueError, "steps_per_epoch is 0; expected a whole number of batches, at least 1"),
        (bad(x=iter([1])), TypeError, r"x is a generator, of batches \(x, y\), so that y is not read"),
        (bad(x=np.ma.masked_equal(np.eye(8), 1.0)), ValueError, "x has masked cells; leave out their rows, or fill"),
        (bad(callbacks=[3]), TypeError, "callbacks got 3; expected objects with some of the hooks"),
        (bad(callbacks=[mg.EarlyStopping]), TypeError, "callbacks got the class EarlyStopping; make one"),
        (bad(callbacks=[mg.EarlyStopping()]), ValueError, "no figure 'val_loss' to watch; there are loss. Give fit"),
        (lambda: linear().fit(line()[0]), ValueError, "y is missing"),
        (lambda: linear().fit([1, 2]), TypeError, "x gave int for a batch"),
        (
            lambda: mg.Sequential([mg.Dense(1)]).fit(*line()),
            RuntimeError,
            "the model is not compiled: call model.compile",
        ),
        (lambda: mg.Sequential([mg.Dense(1)]).evaluate(*line()), RuntimeError, "the model is not compiled"),
        (
            lambda: linear(optimizer="sdg"),
            ValueError,
            "no optimizer 'sdg' .did you mean 'sgd'.*adagrad, adam, adamw, rmsprop",
        ),
        (lambda: linear(optimizer=mg.SGD), TypeError, "optimizer is the class SGD; make one of it"),
        (
            lambda: mg.Sequential([mg.Dense(1)]).compile(loss="msee"),
            ValueError,
            "no loss 'msee' .*valid names: binary_",
        ),
        (lambda: mg.Sequential([mg.Dense(1)]).compile(metrics=["f1"]), ValueError, "no metric 'f1'.*accuracy"),
        (lambda: mg.Dense(1, "rleu"), ValueError, "no activation 'rleu' .did you mean 'relu'..; valid names: elu"),
        (lambda: mg.Dense(1, kernel_initializer="he"), ValueError, "no initializer 'he'.*valid names: .*he_normal"),
        (lambda: mg.Dense(0), ValueError, "units is 0; expected a whole number from 1"),
        (lambda: mg.Dense(cast(Any, True)), ValueError, "units is True; expected a whole number from 1"),
        (lambda: mg.Dense(1, input_shape=cast(Any, 2)), ValueError, r"input_shape is 2; expected .* such as \(12,\)"),
        (
            lambda: mg.Sequential([mg.Dense(1, input_shape=(3,))]).predict([1.0, 2.0, 3.0]),
            ValueError,
            r"input has shape \(3, 1\). Is it a single row\? Write \[x\]",
        ),
        (lambda: mg.Dense(2).set_weights(cast(Any, [1])), TypeError, "weights is list; expected arrays by name"),
        (lambda: mg.Dense(1).kernel, AttributeError, "dense has no kernel yet: its weights are made"),
        (lambda: mg.Sequential([3]), TypeError, "expected a layer or a function of an array, but got 3"),
        (lambda: mg.Sequential([mg.Dense]), TypeError, "got the class Dense for a layer"),
        (lambda: mg.Sequential(cast(Any, mg.Dense(1))), TypeError, "expected a list of layers"),
    ],
)
def test_bad_input_is_named(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def classifier(loss: Any, units: int = 3) -> mg.Sequential:
    model = mg.Sequential([mg.Dense(units, "softmax" if units > 1 else "sigmoid")], seed=0)
    model.compile("sgd", loss)
    return model


@pytest.mark.parametrize(
    "loss", ["sparse_categorical_crossentropy", lambda *both: mg.sparse_categorical_crossentropy(*both)]
)
@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (
            [0, 1, 5, 2],
            r"the class 5 in row . .counted from 0., and 1 such rows in all; expected whole numbers from 0 to 2",
        ),
        ([0, 1, 0, -1], r"the class -1 in row ."),
        ([0, 1, 0.5, 1], r"the class 0.5 in row . .*The last layer needs a unit for each class"),
        ([1, 2, 3, 1], r"the class 3 in row . .*They seem to count from 1: subtract 1"),
    ],
)
def test_classes_that_are_none_are_named(loss: Any, classes: list[float], message: str) -> None:
    x = np.ones((4, 2))
    for call in (
        lambda: classifier(loss).fit(x, classes),
        lambda: classifier(loss).fit(x, classes, epochs=100),  # compiled
        lambda: classifier(loss).fit(x, [0, 1, 2, 0], validation_data=(x, classes)),
        lambda: classifier(loss).fit([(x, classes)]),
        lambda: classifier(loss).evaluate(x, classes),
        lambda: classifier(loss).train_on_batch(x, classes),  # where the rows are shuffled, their place is in a batch
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_classes_of_bad_rows_in_later_batches_are_named_too() -> None:
    classes = np.zeros(400)
    classes[301] = 3
    with pytest.raises(ValueError, match="the class 3 in row 301 "):
        classifier("sparse_categorical_crossentropy").fit(np.ones((400, 2)), classes, epochs=10)
    with pytest.raises(ValueError, match=r"y has 2 in row 0 .*binary_crossentropy expects 0 and 1.*hinge"):
        classifier("binary_crossentropy", 1).fit(np.ones((2, 2)), [2, 1])


def flat(x: Any, y: Any, loss: Any = "mse", layers: Any = (), **settings: Any) -> Any:
    def fit() -> None:
        model = mg.Sequential([*layers, mg.Dense(1)])
        model.compile("sgd", loss, **settings)
        model.fit(x, y, sample_weight=np.ones(len(x)) if settings == {"metrics": []} else None)

    return fit


ROWS = line(8)
WORDS = np.arange(8.0).reshape(-1, 1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            flat(*ROWS, lambda t, p: (t - p) ** 2),
            ValueError,
            r"the loss is an array of shape \(8, 1\).*Look at <lambda>",
        ),
        (
            flat(*ROWS, lambda t, p: 1.0),
            ValueError,
            "the loss is the same whatever the weights are; expected one number",
        ),
        (flat(*ROWS, lambda t, p: np.mean(p), metrics=[]), TypeError, "the rows have weights, which the loss <lambda>"),
        (flat(*ROWS, metrics=["MAE", "mae"]), ValueError, "two metrics are called 'mae', so that one would hide"),
        (flat(*ROWS, metrics=mg.EarlyStopping()), TypeError, "metrics got EarlyStopping.., which is a callback; give"),
        (flat(ROWS[0], np.ones(8) * 0.5, "hinge"), ValueError, "y has 0.5 in row 0 .*hinge expects -1 and 1. For"),
        (
            flat(ROWS[0], ROWS[1] > 0, "binary_crossentropy"),
            ValueError,
            "binary_crossentropy expects probabilities, but the model predicts .*'sigmoid'; or .*from_logits=True",
        ),
        (flat(*ROWS, metrics=[lambda t, p: t - p]), ValueError, r"the metric <lambda> gave an array of shape \(8, 1\)"),
        (flat(*ROWS, layers=[mg.Normalization()]), RuntimeError, "normalization_1 has no figures yet: call its adapt"),
        (flat(ROWS[0][:, :1], ROWS[1], layers=normalized()[:1]), ValueError, r"adapted to rows of shape \(2,\), but"),
        (
            flat(WORDS, ROWS[1], layers=[mg.Embedding(7, 2)]),
            ValueError,
            "from 0 to 6; got 7 in row . of a batch, and 1 ",
        ),
        (flat(WORDS, ROWS[1], layers=[mg.Embedding(8, 2)]), ValueError, r"Is there a Flatten\(\) missing"),
        (flat(*ROWS, layers=[mg.Dense(2, name="a"), mg.Dense(2, name="a")]), ValueError, "two layers are called 'a'"),
        (lambda: mg.L2(-1.0), ValueError, "l2 is -1.0; expected a number from 0"),
        (lambda: mg.BatchNormalization(momentum=2.0), ValueError, "momentum is 2.0; expected"),
    ],
)
def test_what_makes_no_sense_to_a_layer_a_loss_or_a_metric_is_said(
    call: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_crossentropy_of_what_are_no_probabilities_is_refused(activation: Any) -> None:
    """Of softmax's classes each takes from the others; else all would be made 1, and nothing learnt."""
    for loss, y in (("categorical_crossentropy", np.eye(3)), ("sparse_categorical_crossentropy", [0, 1, 2])):
        model = mg.Sequential([mg.Dense(3, activation)], seed=0)
        model.compile("sgd", loss)
        with pytest.raises(ValueError, match=f"{loss} expects probabilities that sum to 1.*activation='softmax'"):
            model.fit(np.eye(3) * 3.0, y)
        of_logits = functools.partial(getattr(mg, loss), from_logits=True)
        model.compile(mg.SGD(1.0), of_logits, ["accuracy"])
        if activation is None:
            assert model.fit(np.eye(3) * 3.0, y, epochs=60).history["accuracy"][-1] == 1.0


def test_an_optimizer_trains_one_model() -> None:
    optimizer = mg.Adam()
    for number in range(2):
        model = linear(optimizer=optimizer)
        if number:
            with pytest.raises(ValueError, match=r"Adam has trained weights that are not of this model.*of its own"):
                model.fit(*line())
        else:
            model.fit(*line())


def test_call_may_do_without_training() -> None:
    class Plain(mg.Model):
        def __init__(self) -> None:
            self.last = mg.Dense(1)

        def __call__(self, x: Any) -> Any:  # type: ignore[override]
            return self.last(x)

    model = Plain()
    model.compile("sgd", "mse")
    losses = model.fit(*line(), epochs=30).history["loss"]
    assert losses[-1] < losses[0]


def test_the_wrong_number_of_features_names_both_shapes() -> None:
    x, y = line()
    model = linear()
    model.fit(x, y)
    with pytest.raises(
        ValueError, match=r"dense_1 takes 2 features .*shape \(2, 1\)\), but the input has shape \(5, 3\)"
    ):
        model.predict(np.zeros((5, 3)))
    with pytest.raises(ValueError, match=r"the input has shape \(5, 1\)"):
        model.predict(np.zeros(5))
