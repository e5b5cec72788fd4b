"""Callbacks, the progress bar, saving, loading and resuming."""

from __future__ import annotations

import csv
import functools
import io
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import microgd as mg
from microgd import sigmoid
from microgd.nn.saving import ModelFileError, read_tensors, write_tensors

X = np.random.default_rng(0).normal(size=(40, 2))
Y = X @ np.array([[2.0], [-3.0]]) + 1.0


def linear(optimizer: Any = None, seed: int = 0) -> mg.Sequential:
    model = mg.Sequential([mg.Dense(1)], seed=seed)
    model.compile(optimizer or mg.SGD(0.1), "mse", ["mae"])
    return model


class InCamels:
    def onEpochEnd(self, epoch: int, logs: Any) -> None:  # as TensorFlow.js has it
        raise AssertionError


# Hooks


def test_hooks_are_called_in_order() -> None:
    calls: list[str] = []

    class Recorder(mg.Callback):
        def on_train_begin(self, logs: Any) -> None:
            calls.append("train begin")

        def on_epoch_begin(self, epoch: int, logs: Any) -> None:
            calls.append(f"epoch {epoch} begin")

        def on_batch_begin(self, batch: int, logs: Any) -> None:
            calls.append(f"batch {batch} begin")

        def on_batch_end(self, batch: int, logs: Any) -> None:
            calls.append(f"batch {batch} end, {', '.join(logs)}")

        def on_epoch_end(self, epoch: int, logs: Any) -> None:
            calls.append(f"epoch {epoch} end, {', '.join(logs)}")

        def on_train_end(self, logs: Any) -> None:
            calls.append("train end")

    linear().fit(X, Y, batch_size=20, epochs=1, callbacks=Recorder(), validation_split=0.5)
    assert calls == [
        *("train begin", "epoch 0 begin", "batch 0 begin", "batch 0 end, loss"),
        *("epoch 0 end, loss, mae, val_loss, val_mae", "train end"),
    ]


def test_a_checkpoint_comes_after_the_end_of_the_epoch_for_all() -> None:
    calls: list[str] = []
    hooks = {name: lambda *_, name=name: calls.append(name) for name in ("on_checkpoint", "on_epoch_end")}
    linear().fit(X, Y, callbacks=[mg.LambdaCallback(**hooks), lambda epoch, logs: calls.append("function")])
    assert calls == ["on_epoch_end", "function", "on_checkpoint"]


def test_a_function_is_called_at_the_end_of_each_epoch_and_may_stop_training() -> None:
    seen = []
    model = linear()

    def stop(epoch: int, logs: dict[str, float]) -> None:
        seen.append((epoch, set(logs)))
        model.stop_training = epoch == 2

    model.fit(X, Y, epochs=10, callbacks=[stop])
    assert seen == [(epoch, {"loss", "mae"}) for epoch in range(3)]


def test_an_unknown_hook_is_an_error() -> None:
    class Misspelt:
        def on_epoch_ended(self, epoch: int, logs: Any) -> None: ...

    with pytest.raises(
        ValueError, match="Misspelt has a hook on_epoch_ended, which is never called; hooks: on_train_beg"
    ):
        linear().fit(X, Y, callbacks=[Misspelt()])
    with pytest.raises(ValueError, match="there is no hook 'on_step'"):
        mg.LambdaCallback(on_step=print)


def test_early_stopping_restores_the_best_weights_however_training_ends() -> None:
    rates = [0.1] * 10 + [0.9] * 90
    stopping = mg.EarlyStopping("loss", patience=3)
    model = linear(mg.SGD(lambda step: rates[step]))
    weights: list[dict[str, Any]] = []
    history = model.fit(
        X, Y, batch_size=40, epochs=100, callbacks=[lambda e, logs: weights.append(model.get_weights()), stopping]
    )
    best = int(np.argmin(history.history["loss"]))
    assert stopping.best_epoch == best and stopping.stopped_epoch == best + 3 == len(history.epoch) - 1
    assert all(np.array_equal(weights[best][name], weight) for name, weight in model.get_weights().items())

    class Interrupt:
        def on_epoch_end(self, epoch: int, logs: Any) -> None:
            weights.append(model.get_weights())
            if epoch == 13:
                raise KeyboardInterrupt

    weights.clear()
    model = linear(mg.SGD(lambda step: rates[step]))
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, batch_size=40, epochs=100, callbacks=[mg.EarlyStopping("loss", patience=50), Interrupt()])
    best = int(np.argmin(model.history.history["loss"]))
    assert all(np.array_equal(weights[best][name], weight) for name, weight in model.get_weights().items())


def test_early_stopping_of_a_figure_that_should_grow() -> None:
    stopping = mg.EarlyStopping("val_r2", patience=2, min_delta=0.01)
    model = linear()
    model.compile(mg.SGD(0.05), "mse", ["r2"])
    history = model.fit(X, Y, batch_size=40, epochs=200, validation_split=0.2, callbacks=[stopping])
    assert len(history.epoch) < 200 and history.history["val_r2"][stopping.best_epoch] > 0.8


def test_reduce_on_plateau_and_the_scheduler_set_the_rate() -> None:
    model = linear(mg.SGD(0.1))
    reduce = mg.ReduceLROnPlateau("loss", factor=0.5, patience=2, min_learning_rate=0.03, min_delta=1e9)
    rates = []
    model.fit(X, Y, epochs=8, callbacks=[reduce, lambda epoch, logs: rates.append(model.compiled().learning_rate)])
    assert rates == [0.1, 0.1, 0.05, 0.05, 0.03, 0.03, 0.03, 0.03]
    rates.clear()
    scheduler = mg.LearningRateScheduler(lambda epoch, rate: 0.1 / (epoch + 1))
    model.fit(X, Y, epochs=3, callbacks=[scheduler, lambda epoch, logs: rates.append(model.compiled().learning_rate)])
    assert rates == [0.1, 0.05, 0.1 / 3]
    with pytest.raises(ValueError, match="which a callback cannot change"):
        linear(mg.SGD(mg.CosineDecay(0.1, 10))).fit(X, Y, callbacks=[scheduler])
    with pytest.raises(ValueError, match="the learning rate that a callback sets is -1; expected"):
        model.fit(X, Y, callbacks=[mg.LearningRateScheduler(lambda epoch: -1)])
    with pytest.raises(ValueError, match="factor is 2"):
        mg.ReduceLROnPlateau(factor=2)


def test_a_schedule_of_the_epoch_alone_or_of_the_rate_too_and_its_own_errors_are_not_hidden() -> None:
    for schedule in (lambda epoch: 0.2, lambda epoch, rate: rate * 2.0, mg.PiecewiseConstant([9], [0.2, 0.1])):
        model = linear(mg.SGD(0.1))
        model.fit(X, Y, callbacks=mg.LearningRateScheduler(schedule))
        assert model.compiled().rate == 0.2
    with pytest.raises(TypeError, match="unsupported operand"):
        linear().fit(X, Y, callbacks=mg.LearningRateScheduler(lambda epoch, rate: rate + "a"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: mg.EarlyStopping(patience=-1), "patience is -1; expected a whole number from 0"),
        (lambda folder: mg.EarlyStopping(mode="up"), "mode is 'up'; expected 'min', 'max' or 'auto'"),
        (lambda folder: mg.ReduceLROnPlateau(patience=cast(Any, 0.5)), "patience is 0.5; expected a whole number"),
        (lambda folder: mg.ReduceLROnPlateau(monitor="los"), "no figure 'los' to watch; there are loss, mae"),
        (lambda folder: mg.ModelCheckpoint("model", every=0), "every is 0; expected a whole number from 1"),
        (lambda folder: mg.ModelCheckpoint("{epch}"), "the path '{epch}' names 'epch'; there are epoch, loss, mae"),
        (
            lambda folder: mg.ModelCheckpoint(folder / "no" / "m"),
            "there is no folder .*no to save m in; make it first",
        ),
        (lambda folder: mg.ModelCheckpoint(folder), "is a folder; add the name of a file, as in .*model.safetensors"),
        (lambda folder: mg.ModelCheckpoint("a{epoch:.2q}"), "path 'a{epoch:.2q}' cannot be filled in: .*in braces"),
        (lambda folder: mg.ModelCheckpoint("a{}"), "the path 'a{}' cannot be filled in"),
        (lambda folder: mg.LearningRateScheduler(cast(Any, 0.1)), "schedule is 0.1; expected a function"),
        (lambda folder: InCamels(), "InCamels has a hook onEpochEnd, which is never called; hooks: on_train_begin"),
        (lambda folder: mg.CSVLogger(folder / "no" / "h.csv"), "there is no folder .*no to write h.csv in"),
        (lambda folder: mg.CSVLogger(folder / "o.csv", append=True), "o.csv has other lines than CSVLogger writes"),
        (lambda folder: mg.LambdaCallback(on_epoch_end=cast(Any, 3)), "on_epoch_end is 3; expected a function"),
        (lambda folder: mg.SGD(), "callbacks got SGD.*; expected objects with some of the hooks"),
    ],
)
def test_what_a_callback_cannot_do_is_said(make: Any, message: str, tmp_path: Path) -> None:
    (tmp_path / "o.csv").write_text("hello\nworld\n")
    with pytest.raises((ValueError, TypeError, FileNotFoundError, IsADirectoryError), match=message):
        linear().fit(X, Y, callbacks=make(tmp_path))


def test_the_csv_logger_writes_a_line_an_epoch_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    model = linear()
    one = model.fit(X, Y, epochs=2, callbacks=mg.CSVLogger(path)).history["loss"]
    two = model.fit(X, Y, epochs=3, callbacks=mg.CSVLogger(path, append=True)).history["loss"]
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == one + two
    assert [row["epoch"] for row in rows] == ["1", "2", "1", "2", "3"]


# Progress


def progress(terminal: bool, monkeypatch: pytest.MonkeyPatch, verbose: int = 1) -> str:
    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    stream = Stream()
    monkeypatch.setattr(sys, "stderr", stream)
    linear().fit(X, Y, epochs=3, validation_split=0.2, verbose=verbose)
    return stream.getvalue()


def test_there_is_a_bar_on_a_terminal_and_none_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bar = progress(True, monkeypatch)
    assert "epoch 3/3" in bar and "loss=" in bar and "val_loss=" in bar and "100%" in bar
    assert progress(False, monkeypatch) == "" and progress(True, monkeypatch, verbose=0) == ""
    assert not capsys.readouterr().out
    progress(False, monkeypatch, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and lines[2].startswith("epoch 3/3  loss ") and "val_mae" in lines[2]


NOTEBOOK = """\
import numpy as np, microgd as mg
model = mg.Sequential([mg.Dense(1)], seed=0)
model.compile("sgd", "mse", ["mae"])
x = np.arange(40.0).reshape(-1, 1) / 40
history = model.fit(x, x, epochs=300, validation_split=0.2)
"""


def test_there_is_a_bar_on_a_terminal_that_does_not_say_how_wide_it_is() -> None:
    pty = pytest.importorskip("pty")
    shown, terminal = pty.openpty()  # of 0 rows and columns, as in a container or under a tool that records
    source = NOTEBOOK.replace("epochs=300", "epochs=3")
    subprocess.run([sys.executable, "-c", source], stderr=terminal, check=True)
    bar = os.read(shown, 100_000).decode()
    assert "epoch 3/3: 100%" in bar and max(len(line) for line in bar.splitlines()) <= 80


def test_there_is_a_bar_in_a_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("PYTHONPATH", str(Path(mg.__file__).parents[1]))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(NOTEBOOK)])
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    outputs = notebook.cells[0].outputs
    assert {output.name for output in outputs} == {"stderr"}
    text = "".join(output.text for output in outputs)
    last = text.split("\r")[-1]
    assert "epoch 300/300: 100%" in last and "300/300 [" in last and "val_mae=" in last
    assert len(text) < 10_000  # drawn ten times a second, not at each step


# Saving


def everything() -> mg.Sequential:
    model = mg.Sequential(
        [
            mg.Normalization(),
            mg.Dense(6, "gelu", kernel_initializer="he_normal", kernel_regularizer=mg.L2(1e-4)),
            mg.BatchNormalization(),
            mg.Dropout(0.2),
            mg.LayerNormalization(),
            mg.Dense(4, np.tanh, use_bias=False),
            mg.Dropout(0.1, seed=5),
            mg.Sequential([mg.Dense(1), mg.Rescaling(2.0, 1.0)]),
        ],
        seed=0,
    )
    model.layers[0].adapt(X)
    model.compile(mg.Adam(mg.CosineDecay(0.05, 100)), "huber", ["mae", "r2"])
    return model


def same_weights(one: mg.Model, two: mg.Model) -> bool:
    a, b = one.get_weights(), two.get_weights()
    return a.keys() == b.keys() and all(a[name].tobytes() == b[name].tobytes() for name in a)


def test_a_loaded_model_predicts_the_same_and_goes_on_the_same(tmp_path: Path) -> None:
    whole = everything()
    history = whole.fit(X, Y, epochs=6, batch_size=16, validation_split=0.2)
    half = everything()
    half.fit(X, Y, epochs=3, batch_size=16, validation_split=0.2)
    half.notes = {"names": ["a", "b"]}
    half.save(tmp_path / "model.safetensors")
    loaded = mg.load_model(tmp_path / "model.safetensors")
    assert loaded.predict(X).tobytes() == half.predict(X).tobytes()
    assert loaded.notes == {"names": ["a", "b"]} and loaded.epoch == 3
    assert [layer.name for layer in loaded.all_layers()] == [layer.name for layer in half.all_layers()]
    loaded.fit(X, Y, epochs=6, batch_size=16, validation_split=0.2, initial_epoch=loaded.epoch)
    assert same_weights(loaded, whole)
    assert loaded.history.history == history.history


def test_safetensors_itself_reads_what_we_write_and_we_what_it_writes(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    model = linear()
    model.fit(X, Y)
    model.save(tmp_path / "model.safetensors")
    read = safetensors.load_file(tmp_path / "model.safetensors")
    assert all(np.array_equal(read[name], weight) for name, weight in model.get_weights().items())
    arrays: dict[str, Any] = {
        "a": np.arange(6.0).reshape(2, 3),
        "b": np.array([1.5], np.float32),
        "empty": np.zeros((0, 2)),
    }
    safetensors.save_file(arrays, tmp_path / "theirs.safetensors", {"who": "they"})
    found, metadata = read_tensors(tmp_path / "theirs.safetensors")
    assert metadata == {"who": "they"} and found.keys() == arrays.keys()
    assert all(np.array_equal(found[name], arrays[name]) for name in arrays)
    with pytest.raises(ModelFileError, match="was not written by microgd"):
        mg.load_model(tmp_path / "theirs.safetensors")


def test_files_that_are_not_whole_or_not_ours_are_refused_by_name(tmp_path: Path) -> None:
    model = linear()
    model.fit(X, Y)
    path = tmp_path / "model.safetensors"
    model.save(path)
    content = path.read_bytes()
    for length in range(0, len(content), 37):
        path.write_bytes(content[:length])
        with pytest.raises(ModelFileError, match=r"model.safetensors.* truncated"):
            mg.load_model(path)
    path.write_text("a,b\n1,2\n" * 10)
    with pytest.raises(ModelFileError, match="is not a model file"):
        mg.load_model(path)
    with pytest.raises(FileNotFoundError):
        mg.load_model(tmp_path / "nowhere.safetensors")
    arrays, metadata = {"a": np.zeros(1)}, {"microgd": json.dumps({"format": 99})}
    write_tensors(path, arrays, metadata)
    with pytest.raises(ModelFileError, match="written by a newer microgd, in format 99"):
        mg.load_model(path)


def test_a_damaged_file_is_refused_by_name_whatever_is_damaged(tmp_path: Path) -> None:
    model = linear(mg.Adam())
    model.fit(X, Y)
    path = tmp_path / "model.safetensors"
    model.save(path)
    content = path.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    dice = random.Random(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(content)
        damaged[dice.randrange(header)] ^= 1 << dice.randrange(8)
        path.write_bytes(damaged)
        try:
            mg.load_model(path)  # a digit of a number may be another one
        except ModelFileError as error:
            assert "model.safetensors" in str(error)
            refused += 1
    assert refused > 150


def test_the_state_of_another_optimizer_is_refused(tmp_path: Path) -> None:
    model, other = linear(mg.Adam()), linear(mg.SGD(momentum=0.9))
    model.fit(X, Y)
    model.save(tmp_path / "model.safetensors")
    other.fit(X, Y)
    with pytest.raises(ModelFileError, match="has the state of Adam, but the model is compiled with SGD"):
        other.load(tmp_path / "model.safetensors")


def test_weights_that_do_not_fit_name_the_layer_expected_and_found(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model = linear()
    model.fit(X, Y)
    model.save(path)
    other = linear()
    other.fit(X[:, :1], Y)
    with pytest.raises(ModelFileError, match=r"dense_1_kernel has shape \(1, 1\), but .* have shape \(2, 1\)"):
        other.load(path)
    deeper = mg.Sequential([mg.Dense(2), mg.Dense(1)])
    deeper.predict(X)
    with pytest.raises(ModelFileError, match="expected dense_1_kernel, dense_1_bias, dense_2_kernel"):
        deeper.load(path)


@dataclass(eq=False, repr=False)
class Doubling(mg.Layer):
    factor: float = 2.0

    def forward(self, x: Any, training: bool) -> Any:
        return x * self.factor


def test_layers_of_ones_own_are_saved_and_functions_without_a_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model = mg.Sequential([mg.Dense(1), Doubling(3.0)], seed=0)
    before = model.predict(X)
    model.save(path)
    assert np.array_equal(mg.load_model(path, custom=[Doubling]).predict(X), before)
    with pytest.raises(ModelFileError, match="no class 'Doubling'"):
        mg.load_model(path)
    with pytest.raises(TypeError, match="cannot save activation of layers of the model: <function"):
        mg.Sequential([mg.Dense(1, lambda x: x)]).save(path)


def pinball(y_true: Any, y_pred: Any) -> Any:
    return np.mean(np.maximum(0.9 * (y_true - y_pred), 0.1 * (y_pred - y_true)))


def test_the_settings_of_a_loss_are_saved_with_it(tmp_path: Path) -> None:
    model = mg.Sequential([mg.Dense(1)], seed=0)
    model.compile("sgd", functools.partial(mg.binary_crossentropy, from_logits=True))
    model.fit(X, Y > 0, epochs=2)
    model.save(tmp_path / "model.safetensors")
    other = mg.load_model(tmp_path / "model.safetensors")
    assert other.evaluate(X, Y > 0) == model.evaluate(X, Y > 0)
    assert other.fit(X, Y > 0, epochs=2).history == model.fit(X, Y > 0, epochs=2).history


def test_a_loss_of_ones_own_is_given_to_load_model(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    whole, half = linear(), linear()
    for model, epochs in ((whole, 4), (half, 2)):
        model.compile("sgd", pinball, [pinball, "mae"])
        model.fit(X, Y, epochs=epochs)
    half.save(path)
    loaded = mg.load_model(path, custom=[pinball])
    loaded.fit(X, Y, epochs=4, initial_epoch=2)
    assert same_weights(loaded, whole) and loaded.history.history == whole.history.history
    without = mg.load_model(path)
    assert without.predict(X).tobytes() == half.predict(X).tobytes()
    with pytest.raises(RuntimeError, match=r"compiled with pinball, .*load_model\(path, custom=\[pinball\]\)"):
        without.fit(X, Y)


class Residual(mg.Model):
    def __init__(self) -> None:
        self.inner = mg.Dense(2, "tanh")
        self.last = mg.Dense(1)

    def __call__(self, x: Any, training: bool = False) -> Any:
        return self.last(x + self.inner(x))


def test_a_class_of_ones_own_is_loaded_into(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model = Residual()
    model.compile("adam", "mse")
    model.fit(X, Y, epochs=2)
    model.save(path)
    other = Residual()
    other.compile("adam", "mse")
    other.predict(X)
    other.load(path)
    assert same_weights(model, other) and other.optimizer is not None and other.optimizer.iterations == 4
    with pytest.raises(ModelFileError, match=r"has the weights of a Residual.*call model.load"):
        mg.load_model(path)


def watched() -> mg.Sequential:
    """A model whose loss wanders, so that the callbacks have something to do."""
    model = mg.Sequential([mg.Dense(8, "tanh"), mg.Dropout(0.3), mg.Dense(1)], seed=0)
    model.compile(mg.RMSprop(0.05), "mse", ["mae"])
    return model


def watchers(folder: Path, patience: int) -> list[Any]:
    return [
        mg.ModelCheckpoint(folder / "last.safetensors"),  # before the others: it saves when they have had their turn
        mg.ModelCheckpoint(folder / "best.safetensors", save_best_only=True),
        mg.EarlyStopping(patience=patience),
        mg.ReduceLROnPlateau(patience=7, factor=0.7),
        mg.ReduceLROnPlateau("loss", patience=9, factor=0.9),
        mg.CSVLogger(folder / "history.csv", append=True),
    ]


def train_everything(folder: Path, epochs: int) -> mg.Model:
    folder.mkdir(exist_ok=True)
    path = folder / "last.safetensors"
    model = mg.load_model(path) if path.exists() else everything()
    model.fit(
        *(X, Y, 4, epochs),
        initial_epoch=model.epoch,
        callbacks=mg.ModelCheckpoint(path),
        verbose=0,
    )
    return model


def train_watched(folder: Path, epochs: int) -> mg.Model:
    folder.mkdir(exist_ok=True)
    path = folder / "last.safetensors"
    model = mg.load_model(path) if path.exists() else watched()
    model.fit(
        *(X, Y + np.sin(40.0 * X[:, :1]), 4, epochs, 0.2),
        initial_epoch=model.epoch,
        callbacks=watchers(folder, patience=epochs * 3 // 5),
        verbose=0,
    )
    model.save(folder / "final.safetensors")
    return model


@pytest.mark.parametrize("train", [train_everything, train_watched])
@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.by_hand)])
def test_kills_at_random_moments_change_no_bit(train: Any, kills: int, tmp_path: Path) -> None:
    """As `kill -9`, in an epoch or while a checkpoint is written."""
    epochs = 100 if kills < 20 else 1000
    began = time.perf_counter()
    whole = train(tmp_path / "whole", epochs)
    took = time.perf_counter() - began
    context = multiprocessing.get_context("fork")
    dice = random.Random(kills)
    folders = [tmp_path / "killed"]
    done = 0
    while done < kills:
        process = context.Process(target=train, args=(folders[-1], epochs))
        process.start()
        process.join(dice.uniform(0.0, 1.4 * took / kills))
        if process.is_alive():
            process.kill()
            done += 1
        else:  # it has come to its end before enough kills: another one
            folders.append(tmp_path / f"killed after {done}")
        process.join()
    train(folders[-1], epochs)
    for folder in folders:
        for path in (tmp_path / "whole").iterdir():
            assert path.read_bytes() == (folder / path.name).read_bytes(), path.name
    taken_up = mg.load_model(folders[-1] / "last.safetensors")
    assert whole.history.history == taken_up.history.history and taken_up.epoch == len(whole.history.epoch)


@pytest.mark.parametrize("place", ["os.fsync", "pathlib.Path.replace"])
def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The random kills above meet this moment too, but not each time."""
    whole = train_everything(tmp_path / "whole", 9)
    train_everything(tmp_path / "killed", 4)

    def killed() -> None:
        monkeypatch.setattr(place, lambda *arguments: os.kill(os.getpid(), signal.SIGKILL))
        train_everything(tmp_path / "killed", 9)

    process = multiprocessing.get_context("fork").Process(target=killed)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert sorted(path.name for path in (tmp_path / "killed").iterdir()) == [
        ".last.safetensors.tmp",
        "last.safetensors",
    ]
    assert mg.load_model(tmp_path / "killed" / "last.safetensors").epoch == 4
    model = train_everything(tmp_path / "killed", 9)
    assert same_weights(whole, model) and [path.name for path in (tmp_path / "killed").iterdir()] == [
        "last.safetensors"
    ]


def test_callbacks_go_on_where_they_were(tmp_path: Path) -> None:
    """At each epoch at which a run may end it is taken up, and comes to the same end."""
    target = Y + np.sin(40.0 * X[:, :1])

    def fit(model: mg.Model, folder: Path, epochs: int) -> mg.Model:
        folder.mkdir(exist_ok=True)
        model.fit(*(X, target, 8, epochs, 0.2), initial_epoch=model.epoch, callbacks=watchers(folder, patience=16))
        return model

    whole = fit(watched(), tmp_path / "whole", 100)
    ended = len(whole.history.epoch)
    assert 20 < ended < 100 and whole.compiled().rate < 0.05 * 0.7  # patience came to its end, and the rate came down
    for epochs in (1, 8, 20, ended - 1, ended):
        folder = tmp_path / str(epochs)
        fit(watched(), folder, epochs)  # ends with the best weights, but the checkpoint has those of its epoch
        taken_up = fit(mg.load_model(folder / "last.safetensors"), folder, 100)
        assert same_weights(whole, taken_up) and whole.history.history == taken_up.history.history
        assert whole.compiled().rate == taken_up.compiled().rate
        for name in ("best.safetensors", "last.safetensors", "history.csv"):
            assert (tmp_path / "whole" / name).read_bytes() == (folder / name).read_bytes(), name
    fresh = mg.load_model(tmp_path / "whole" / "last.safetensors")
    more = fresh.fit(X, target, 8, ended + 3, 0.2, initial_epoch=ended, callbacks=mg.EarlyStopping(patience=40))
    assert len(more.epoch) == ended + 3  # with more patience it goes on


def test_the_state_of_ones_own_callback_is_saved_too(tmp_path: Path) -> None:
    class Counter:
        def __init__(self) -> None:
            self.count, self.sums = 0, np.zeros(2)

        def on_batch_end(self, batch: int, logs: Any) -> None:
            self.count += 1
            self.sums += np.array([1.0, logs["loss"]])

        def get_state(self) -> dict[str, Any]:
            return {"count": self.count, "arrays": {"sums": self.sums}}

        def set_state(self, state: dict[str, Any]) -> None:
            self.count, self.sums = state["count"], state["arrays"]["sums"]

    path = tmp_path / "model.safetensors"
    whole, half, rest = Counter(), Counter(), Counter()
    linear().fit(X, Y, epochs=4, callbacks=[whole])
    linear().fit(X, Y, epochs=2, callbacks=[half, mg.ModelCheckpoint(path)])
    mg.load_model(path).fit(X, Y, epochs=4, initial_epoch=2, callbacks=[mg.TerminateOnNaN(), rest])
    assert whole.count == rest.count == 8 and np.array_equal(whole.sums, rest.sums)
    mg.load_model(path).fit(X, Y, epochs=1, callbacks=[again := Counter()])
    assert again.count == 2  # a fit that does not go on from the file begins anew
    rest.get_state = lambda: {"set": {1, 2}}  # type: ignore[method-assign]
    with pytest.raises(TypeError, match=r"cannot save the state of Counter: .*set.* get_state returns"):
        linear().fit(X, Y, callbacks=[rest, mg.ModelCheckpoint(path)])


# A stand-alone file


def bumpy(x: Any) -> Any:
    return np.sin(x) + sigmoid(x)


def modular(x: Any) -> Any:
    return mg.sigmoid(x)


def test_the_numpy_source_predicts_the_same_without_microgd(tmp_path: Path) -> None:
    model = everything()
    model.layers[-1].add(mg.Dense(3, bumpy))
    for name in ("leaky_relu", "elu", "selu", "gelu", "silu", "softsign", "softplus", "relu", "sigmoid", "softmax"):
        model.layers[-1].add(mg.Activation(name))
    model.layers[-1].add(mg.Flatten())
    model.predict(X)
    text = model.to_numpy_source(tmp_path / "model.py")
    assert "microgd" not in text.split('"""', 2)[2] and (tmp_path / "model.py").read_text() == text
    program = "import model, numpy; numpy.save('y.npy', model.predict(numpy.load('x.npy')))"
    np.save(tmp_path / "x.npy", X)
    subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, '.'); {program}"], cwd=tmp_path, check=True
    )
    assert np.load(tmp_path / "y.npy").tobytes() == model.predict(X).tobytes()
    words = mg.Sequential([mg.Embedding(3, 2), mg.Flatten(), mg.Dense(1)], seed=0)
    words.predict([[0.0, 2.0]])
    namespace: dict[str, Any] = {}
    exec(words.to_numpy_source(), namespace)
    assert np.array_equal(namespace["predict"]([[0, 2]]), words.predict([[0.0, 2.0]]))


def test_the_numpy_source_takes_one_axis_for_a_column_as_the_model_does() -> None:
    model = mg.Sequential([mg.Dense(1)], seed=0)
    namespace: dict[str, Any] = {}
    expected = model.predict([1.0, 2.0])
    exec(model.to_numpy_source(), namespace)
    assert np.array_equal(namespace["predict"]([1.0, 2.0]), expected)


def test_what_has_no_source_says_so() -> None:
    with pytest.raises(TypeError, match=r"has no source that could stand in a file; write it with def"):
        mg.Sequential([mg.Activation(lambda x: x + 1)]).to_numpy_source()
    with pytest.raises(TypeError, match="modular uses microgd, which a stand-alone file cannot"):
        mg.Sequential([mg.Activation(modular)]).to_numpy_source()
    with pytest.raises(
        NotImplementedError, match=r"doubling_1 cannot be written as NumPy source; define Doubling.export"
    ):
        mg.Sequential([Doubling()]).to_numpy_source()
