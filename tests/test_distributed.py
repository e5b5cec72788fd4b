"""Training on Dask: the numbers of one machine, whatever the cluster; what goes wrong, and what is said then."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import microgd as mg
from benchmarks import distributed as benchmark
from microgd.cli import main
from microgd.compiler.compile import Plan
from microgd.data.tables import DataError

da = pytest.importorskip("dask.array", reason='Dask is missing: pip install "microgd[dask]"')
distributed = pytest.importorskip("distributed", reason='Dask is missing: pip install "microgd[dask]"')

import dask  # noqa: E402

from microgd.distributed import Cluster, ClusterFeed, cluster_of, gradients  # noqa: E402
from microgd.distributed.rows import rows_of  # noqa: E402
from microgd.nn.losses import LOSSES  # noqa: E402

ROWS, FEATURES = 1000, 5
CUTS = (230, 230, 230, 230, 80)
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(ROWS, FEATURES))
Y = X @ np.arange(1.0, 6.0) + 2.0 + 0.1 * GENERATOR.normal(size=ROWS)


def on_dask(array: Any, cuts: Any = CUTS) -> Any:
    return da.from_array(array, chunks=(cuts, *array.shape[1:]))


def perceptron(*more: Any, metrics: Any = (), optimizer: Any = "adam") -> mg.Sequential:
    model = mg.Sequential([mg.Dense(8, "tanh"), *more, mg.Dense(1)], seed=1)
    model.compile(optimizer, "mse", metrics)
    return model


def classifier() -> mg.Sequential:
    model = mg.Sequential([mg.Dense(1, "sigmoid")], seed=1)
    model.compile("sgd", "binary_crossentropy")
    return model


def weights(model: mg.Model) -> Any:
    return np.concatenate([np.ravel(parameter.data) for parameter in model.parameters()])


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    settings: dict[str, Any] = {"processes": False, "dashboard_address": ":0", "n_workers": 2, "threads_per_worker": 1}
    with distributed.LocalCluster(**settings) as cluster, distributed.Client(cluster, set_as_default=False) as client:
        yield client


# The numbers of one machine -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [50, 100, 460, 1000])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_same_batches_give_the_numbers_of_one_machine(batch_size: int, optimizer: str) -> None:
    how: Any = {"batch_size": batch_size, "epochs": 5, "shuffle": False, "verbose": 0}
    here, there = (perceptron(optimizer=optimizer, metrics=["r2"]) for _ in range(2))
    one = here.fit(X, Y, validation_data=(X[:50], Y[:50]), **how)
    many = there.fit(on_dask(X), on_dask(Y), validation_data=(on_dask(X)[:50], on_dask(Y)[:50]), **how)
    np.testing.assert_allclose(weights(there), weights(here), rtol=0, atol=1e-12)
    assert one.history.keys() == many.history.keys() == {"loss", "r2", "val_loss", "val_r2"}
    for name in one.history:
        np.testing.assert_allclose(many.history[name], one.history[name], rtol=1e-11)


def test_a_gradient_differs_by_no_more_than_the_bound_that_is_stated() -> None:
    """Each of the n terms of a mean is made with at most k roundings: |difference| <= 2 (n + k) u mean |term|."""
    model, twin = (mg.Sequential([mg.Dense(1, input_shape=(FEATURES,))], seed=3) for _ in range(2))
    twin.set_weights(model.get_weights())
    before = weights(model)
    kernel, bias = before[:-1], before[-1]
    model.compile(mg.SGD(1.0), "mse")
    twin.compile(mg.SGD(1.0), "mse")
    how: Any = {"batch_size": ROWS, "epochs": 1, "shuffle": False, "verbose": 0}
    model.fit(X, Y, **how)
    twin.fit(on_dask(X), on_dask(Y), **how)
    terms = 2.0 * np.column_stack([np.abs(X), np.ones(ROWS)])
    terms *= (np.abs(X) @ np.abs(kernel) + abs(bias) + np.abs(Y))[:, None]
    bound = 2.0 * (ROWS + FEATURES + 8) * 2.0**-53 * terms.mean(axis=0)
    update = 2.0**-52 * np.abs(np.maximum(before, weights(model)))  # the step itself is rounded as well
    difference = np.abs(weights(model) - weights(twin))
    assert (difference <= bound + update).all()
    assert difference.any(), "the sums were added up in the same order: this test shows nothing"


def test_a_batch_within_a_block_has_the_same_bits() -> None:
    how: Any = {"batch_size": 50, "epochs": 3, "shuffle": False, "verbose": 0}
    here, there = perceptron(), perceptron()
    here.fit(X, Y, **how)
    there.fit(on_dask(X, (200,) * 5), on_dask(Y, (200,) * 5), **how)
    np.testing.assert_array_equal(weights(there), weights(here))


def test_rows_are_summed_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    how: Any = {"batch_size": 1000, "epochs": 20, "shuffle": False, "verbose": 0}
    here, there = perceptron(), perceptron()
    here.fit(X, Y, **how)
    monkeypatch.setattr(gradients, "ROWS_AT_A_TIME", 64)
    there.fit(on_dask(X), on_dask(Y), **how)
    np.testing.assert_allclose(weights(there), weights(here), rtol=0, atol=1e-12)


def test_a_step_is_compiled_once_and_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Counted(Plan):
        def __init__(self, *arguments: Any) -> None:
            made.append(arguments)
            super().__init__(*arguments)

    monkeypatch.setattr("microgd.compiler.compile.Plan", Counted)
    with dask.config.set(scheduler="synchronous"):
        perceptron().fit(on_dask(X, (250,) * 4), on_dask(Y, (250,) * 4), epochs=5, verbose=0)
    assert len(made) == 1
    assert "tanh(" in gradients.own.twin.compiled.source


def test_the_order_of_rows_when_shuffled() -> None:
    """Blocks in random order, rows in random order in each; and each row once an epoch."""
    feed = ClusterFeed(Cluster(), rows_of(on_dask(X), on_dask(Y)), 100, True, np.random.default_rng(5), None)
    orders = []
    for _ in range(2):
        order: list[int] = []
        for batch in feed.epoch():
            for part in feed.parts(batch.x):
                assert part.first == sum(CUTS[: part.block])
                rows = np.arange(CUTS[part.block])
                if part.order is not None:
                    rows = np.random.default_rng(part.order).permutation(CUTS[part.block])
                order += (part.first + rows[part.start : part.stop]).tolist()
        assert sorted(order) == list(range(ROWS))
        orders.append(order)
    assert orders[0] != orders[1]
    seeds = np.random.default_rng(5)
    np.testing.assert_array_equal(feed_seed(seeds), [seed_of(orders[0]), seed_of(orders[1])])

    here, there = perceptron(), perceptron()
    for model in (here, there):
        model.output_shape(X)
    there.generator = np.random.default_rng(5)
    there.fit(on_dask(X), on_dask(Y), batch_size=100, epochs=1, verbose=0)
    here.fit(X[orders[0]], Y[orders[0]], batch_size=100, epochs=1, shuffle=False, verbose=0)
    np.testing.assert_allclose(weights(there), weights(here), rtol=0, atol=1e-12)


def feed_seed(generator: np.random.Generator) -> list[list[int]]:
    """The order of blocks in two epochs, as documented: from one number an epoch."""
    return [np.random.default_rng(int(generator.integers(2**63))).permutation(len(CUTS)).tolist() for _ in range(2)]


def seed_of(order: list[int]) -> list[int]:
    """The order in which blocks are met first."""
    blocks = np.searchsorted(np.cumsum(CUTS), order, side="right")
    return list(dict.fromkeys(blocks.tolist()))


def everything(**where: Any) -> Any:
    """Train with all that can differ from step to step, and return the weights."""
    model = perceptron(mg.Dropout(0.1), metrics=["mae"])
    weight = np.linspace(0.5, 1.5, ROWS)
    model.fit(on_dask(X), on_dask(Y), batch_size=170, epochs=3, verbose=0, sample_weight=weight, **where)
    return weights(model)


def test_the_same_bits_whatever_computes_them(client: Any) -> None:
    with dask.config.set(scheduler="synchronous"):
        alone = everything()
    assert np.array_equal(alone, everything())  # in threads
    assert np.array_equal(alone, everything(client=client))
    with client.as_current():
        assert np.array_equal(alone, everything())
    assert np.array_equal(alone, everything(client=client.scheduler.address))
    here = perceptron(mg.Dropout(0.1), metrics=["mae"])
    here.fit(X, Y, batch_size=170, epochs=3, verbose=0)
    assert not np.array_equal(alone, weights(here)), "the weights of rows made no difference"


def test_a_step_that_takes_longer_than_a_look_at_the_scheduler(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microgd.distributed.cluster.LOOK", 0.001)
    assert np.array_equal(everything(client=client), everything())


def test_weights_of_rows_and_of_classes() -> None:
    classes = (Y > 2.0).astype(float)
    how: Any = {"batch_size": 250, "epochs": 2, "shuffle": False, "verbose": 0, "class_weight": {0: 1.0, 1: 3.0}}
    weight = np.linspace(0.5, 1.5, ROWS)
    for sample_weight in (None, weight):
        here, there = perceptron(), perceptron()
        here.fit(X, classes, sample_weight=sample_weight, **how)
        there.fit(on_dask(X), on_dask(classes), sample_weight=sample_weight, **how)
        np.testing.assert_allclose(weights(there), weights(here), rtol=0, atol=1e-12)


def test_validation_split_regularizers_frozen_layers_and_steps_per_epoch() -> None:
    def made() -> mg.Sequential:
        model = mg.Sequential(
            [mg.Dense(4, "tanh"), mg.Dense(4, kernel_regularizer="l2", activity_regularizer="l2"), mg.Dense(1)], seed=2
        )
        model.layers[0].trainable = False
        model.compile("sgd", "mse")
        return model

    how: Any = {"batch_size": 300, "epochs": 3, "shuffle": False, "verbose": 0, "validation_split": 0.25}
    here, there = made(), made()
    one = here.fit(X, Y, steps_per_epoch=2, **how)
    many = there.fit(on_dask(X), on_dask(Y), steps_per_epoch=2, **how)
    np.testing.assert_allclose(weights(there), weights(here), rtol=0, atol=1e-12)
    np.testing.assert_allclose(many.history["val_loss"], one.history["val_loss"], rtol=1e-12)


def test_float32_stays_float32_and_whole_numbers_become_floats() -> None:
    model = perceptron()
    model.fit(on_dask(X.astype(np.float32)), on_dask(Y.astype(np.float32)), epochs=2, verbose=0)
    assert {parameter.dtype for parameter in model.parameters()} == {np.dtype(np.float32)}
    model = perceptron()
    model.fit(on_dask(np.arange(ROWS)), on_dask(np.arange(ROWS)), epochs=1, verbose=0)
    assert {parameter.dtype for parameter in model.parameters()} == {np.dtype(float)}


def test_evaluate_and_predict_where_the_rows_are() -> None:
    model = perceptron(metrics=["r2"])
    model.fit(on_dask(X), on_dask(Y), epochs=2, verbose=0)
    np.testing.assert_allclose(model.evaluate(on_dask(X), on_dask(Y)), model.evaluate(X, Y), rtol=1e-12)
    predicted = model.predict(on_dask(X))
    assert isinstance(predicted, da.Array)
    assert predicted.chunks == (CUTS, (1,))
    np.testing.assert_allclose(predicted.compute(), model.predict(X), rtol=1e-12)


# Callbacks, checkpoints, resume ---------------------------------------------------------------------------------------


def test_callbacks_early_stopping_and_progress_are_those_of_fit(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []
    watch = mg.LambdaCallback(
        on_train_begin=lambda logs: seen.append("begin"),
        on_batch_end=lambda batch, logs: seen.append(f"batch {batch}"),
        on_train_end=lambda logs: seen.append("end"),
    )
    stopping = mg.EarlyStopping(monitor="loss", min_delta=1e9, patience=2)
    history = perceptron().fit(on_dask(X), on_dask(Y), epochs=9, callbacks=[watch, stopping], verbose=2)
    assert len(history.epoch) == 3  # the first counts as the best
    assert seen == ["begin", *["batch 0", "batch 1"] * 3, "end"]
    assert capsys.readouterr().out.count("epoch ") == 3


def test_training_taken_up_from_a_checkpoint_has_the_same_bits(tmp_path: Path) -> None:
    how: Any = {"batch_size": 100, "verbose": 0}
    whole, half = perceptron(mg.Dropout(0.1)), perceptron(mg.Dropout(0.1))
    whole.fit(on_dask(X), on_dask(Y), epochs=6, **how)
    half.fit(on_dask(X), on_dask(Y), epochs=3, callbacks=mg.ModelCheckpoint(tmp_path / "model.safetensors"), **how)
    again = mg.load_model(tmp_path / "model.safetensors")
    again.fit(on_dask(X), on_dask(Y), epochs=6, initial_epoch=again.epoch, **how)
    assert np.array_equal(weights(again), weights(whole))


def test_divergence_is_told_with_its_cause() -> None:
    model = perceptron(optimizer=mg.SGD(1e6))
    with pytest.raises(mg.DivergenceError, match="The likely cause is the learning rate"):
        model.fit(on_dask(X), on_dask(Y), epochs=50, verbose=0)
    assert np.isfinite(weights(model)).all()


# A worker or the scheduler dies ---------------------------------------------------------------------------------------


class KillWorker(mg.Callback):
    """Kills a worker in the middle of an epoch."""

    def __init__(self, pids: list[int]) -> None:
        self.pids = pids

    def on_batch_end(self, batch: int, logs: Any) -> None:
        if batch == 3 and self.pids:
            os.kill(self.pids.pop(), signal.SIGKILL)


def test_a_worker_killed_in_the_middle_of_an_epoch_changes_no_bit() -> None:
    settings: dict[str, Any] = {"processes": True, "dashboard_address": ":0", "n_workers": 2, "threads_per_worker": 1}
    expected, model = perceptron(), perceptron()
    expected.fit(on_dask(X), on_dask(Y), batch_size=100, epochs=3, verbose=0)
    with distributed.LocalCluster(**settings) as cluster, distributed.Client(cluster, set_as_default=False) as client:
        killer = KillWorker([next(iter(client.run(os.getpid).values()))])
        model.fit(on_dask(X), on_dask(Y), batch_size=100, epochs=3, verbose=0, callbacks=killer, client=client)
    assert not killer.pids, "no worker was killed"
    assert np.array_equal(weights(model), weights(expected))


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: str) -> subprocess.Popen[bytes]:
        dask_cli = [sys.executable, "-m", "dask", *command]
        started.append(subprocess.Popen(dask_cli, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.filterwarnings("ignore")  # what the client of a dead scheduler leaves behind
def test_the_scheduler_killed_is_a_clear_error_and_training_resumes(tmp_path: Path, processes: Any) -> None:
    file = tmp_path / "scheduler.json"
    scheduler = processes("scheduler", "--port", "0", "--no-dashboard", "--host", "127.0.0.1", "--scheduler-file", file)
    until = time.monotonic() + 30
    while not file.exists() and time.monotonic() < until:
        time.sleep(0.05)
    processes("worker", "--no-nanny", "--nthreads", "1", "--no-dashboard", "--scheduler-file", file)
    address = json.loads(file.read_text())["address"]

    def kill(epoch: int, logs: Any) -> None:
        if epoch == 1:
            scheduler.kill()

    checkpoint = mg.ModelCheckpoint(tmp_path / "model.safetensors")
    model, whole = perceptron(), perceptron()
    how: Any = {"batch_size": 100, "epochs": 4, "verbose": 0}
    with pytest.raises(ConnectionError, match=f"the Dask scheduler at {address} has gone away.*last checkpoint"):
        model.fit(on_dask(X), on_dask(Y), callbacks=[checkpoint, kill], client=address, **how)
    again = mg.load_model(tmp_path / "model.safetensors")
    assert again.epoch == 2
    again.fit(on_dask(X), on_dask(Y), initial_epoch=again.epoch, **how)
    whole.fit(on_dask(X), on_dask(Y), **how)
    assert np.array_equal(weights(again), weights(whole))


def test_a_block_that_kills_its_workers_is_an_error() -> None:
    settings: dict[str, Any] = {"processes": True, "dashboard_address": ":0", "n_workers": 1, "threads_per_worker": 1}
    deadly = on_dask(X).map_blocks(lambda block: os._exit(1) if len(block) else block, dtype=float)
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(**settings) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
        pytest.raises(MemoryError, match=r"several workers died .* smaller blocks, as with x\.rechunk"),
    ):
        perceptron().fit(deadly, on_dask(Y), epochs=1, verbose=0, client=client)


def test_a_scheduler_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microgd.distributed.cluster.PATIENCE", 1)
    with pytest.raises(ConnectionError, match=r"no Dask scheduler answers at 'tcp://127\.0\.0\.1:9'"):
        perceptron().fit(on_dask(X), on_dask(Y), client="tcp://127.0.0.1:9")
    with pytest.raises(ConnectionError, match="no Dask scheduler answers at 'nonsense://x'"):
        perceptron().fit(on_dask(X), on_dask(Y), client="nonsense://x")


def test_something_else_than_a_scheduler_answers(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client of Dask's would wait for ever for what its dashboard answers."""
    monkeypatch.setattr("microgd.distributed.cluster.PATIENCE", 1)
    page = client.dashboard_link.split("/")[2].replace("localhost", "127.0.0.1")
    worker = next(iter(client.scheduler_info()["workers"]))
    for address, reason in ((page, "TimeoutError"), (worker, "a worker does")):
        with pytest.raises(ConnectionError, match=rf"no Dask scheduler answers at .*{reason}.*not that of the dashbo"):
            perceptron().fit(on_dask(X), on_dask(Y), client=address)


def test_clients_that_cannot_be_used(client: Any) -> None:
    for other in (client.cluster, 3, object):
        with pytest.raises(TypeError, match=r"client is \w+; expected a distributed\.Client, as Client\(cluster\)"):
            perceptron().fit(on_dask(X), on_dask(Y), client=other)
    closed = distributed.Client(client.scheduler.address, set_as_default=False)
    closed.close()
    with pytest.raises(ConnectionError, match="the client is closed; make a new one"):
        perceptron().fit(on_dask(X), on_dask(Y), client=closed)

    async def fitted() -> None:
        async with distributed.Client(client.scheduler.address, asynchronous=True, set_as_default=False) as other:
            with pytest.raises(TypeError, match="the client is asynchronous, but fit waits"):
                perceptron().fit(on_dask(X), on_dask(Y), client=other)

    asyncio.run(fitted())


def test_a_scheduler_without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microgd.distributed.cluster.PATIENCE", 1)
    settings: dict[str, Any] = {"processes": False, "dashboard_address": ":0", "n_workers": 0}
    with (
        distributed.LocalCluster(**settings) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        with pytest.raises(ConnectionError, match="has no workers; start one"), cluster_of(client):
            pass
        cluster.adapt(minimum=0, maximum=1)  # starts a worker when there is work
        with cluster_of(client) as adaptive:
            assert adaptive.compute(dask.delayed(sum)([1, 2])) == 3


# Bad input ------------------------------------------------------------------------------------------------------------


class Table:
    """Poses as a table of Dask."""

    def to_dask_array(self, lengths: bool) -> Any:
        raise NotImplementedError


Table.__module__ = "dask.dataframe"
STRANGE = X.copy()
STRANGE[700, 2] = np.nan

BAD: dict[str, tuple[Any, Any, type[Exception], str]] = {
    "blocks that do not line up": (
        on_dask(X),
        on_dask(Y, (500, 500)),
        ValueError,
        r"do not line up: x is cut into blocks of 230, 230, 230, 230, ... \(5 in all\) rows, y of 500, 500; .*rechunk",
    ),
    "other rows": (on_dask(X), on_dask(Y)[:900], ValueError, "x has 1000 rows and y has 900"),
    "blocks of unknown size": (on_dask(X)[on_dask(X)[:, 0] > 0], on_dask(Y), ValueError, r"compute_chunk_sizes\(\)"),
    "columns in several blocks": (
        da.from_array(X, chunks=(500, 3)),
        on_dask(Y),
        ValueError,
        r"cut along axis 1, into blocks of 3, 2; expected blocks of whole rows: x = x.rechunk\({1: -1}\)",
    ),
    "mixed types": (on_dask(X.astype(object)), on_dask(Y), TypeError, "x holds object, expected real numbers"),
    "complex numbers": (on_dask(X), on_dask(Y + 1j), TypeError, "y holds complex128, expected real numbers"),
    "no rows": (on_dask(X)[:0], on_dask(Y)[:0], ValueError, "x has no rows"),
    "y missing": (on_dask(X), None, ValueError, "y is missing"),
    "targets that are no classes": (
        on_dask(X),
        on_dask(np.where(np.arange(ROWS) == 700, 7.0, 1.0)),
        DataError,
        r"in block 3, from row 690 of y on: y has 7 in row 10 \(counted from 0\)",
    ),
    "a table of Dask": (
        Table(),
        on_dask(Y),
        TypeError,
        r"x is a Table; on Dask, expected a Dask array: x = x\.to_dask_array\(lengths=True\)",
    ),
    "what is to be made": (dask.delayed(X), on_dask(Y), TypeError, r"x is a \w+; on Dask, expected a Dask array\.$"),
    "masked cells": (
        da.ma.masked_greater(on_dask(X), 1.0),
        on_dask(Y),
        DataError,
        r"x holds a MaskedArray in block \d, expected an array of float64 of shape \(\d+, 5\)",
    ),
    "a block of another shape": (
        da.concatenate([on_dask(X), da.from_delayed(dask.delayed(X[:7]), (10, FEATURES), float)]),
        da.concatenate([on_dask(Y), on_dask(Y[:10], (10,))]),
        DataError,
        r"x holds float64 of shape \(7, 5\) in block 5, expected an array of float64 of shape \(10, 5\)",
    ),
    "nan in one block": (
        on_dask(STRANGE),
        on_dask(Y),
        DataError,
        "x has 1 cells that are nan or infinite in block 3: the first in row 10 of the block, row 700 of x, column 2",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(name: str) -> None:
    x, y, kind, message = BAD[name]
    model = classifier() if name == "targets that are no classes" else perceptron()
    with pytest.raises(kind, match=message):
        model.fit(x, y, batch_size=100, shuffle=False, epochs=1, verbose=0)


def test_bad_input_to_evaluate_and_predict_is_named() -> None:
    model = perceptron()
    model.fit(X, Y, verbose=0)
    with pytest.raises(DataError, match="in block 3: the first in row 10 of the block, row 700 of x, column 2"):
        model.evaluate(on_dask(STRANGE), on_dask(Y))
    with pytest.raises(DataError, match="in block 3: the first in row 10 of the block, row 700 of x, column 2"):
        model.predict(on_dask(STRANGE)).compute()
    with pytest.raises(DataError, match=r"in block \d, from row \d+ of y on: y has"):
        classifier().evaluate(on_dask(X), on_dask(Y))


def test_weights_of_rows_are_not_negative() -> None:
    negative = np.where(np.arange(ROWS) == 700, -1.0, 1.0)
    for weight in (negative, on_dask(negative)):
        with pytest.raises(DataError, match="sample_weight is negative in block 3: in row 700"):
            perceptron().fit(on_dask(X), on_dask(Y), sample_weight=weight, verbose=0)


@pytest.mark.parametrize("validation", ["rows/*.csv", on_dask(X), (on_dask(X),), (on_dask(X),) * 4])
def test_validation_data_are_pairs(validation: Any) -> None:
    with pytest.raises(TypeError, match=r"validation_data is .*; expected \(x, y\) or \(x, y, sample_weight\)"):
        perceptron().fit(on_dask(X), on_dask(Y), validation_data=validation, verbose=0)


class Centred(mg.Model):
    """A model that mixes rows."""

    def __init__(self) -> None:
        self.last = mg.Dense(1)

    def __call__(self, x: Any, training: bool = False) -> Any:
        return self.last(x - np.mean(x, axis=0))


@pytest.mark.parametrize(
    ("model", "loss"),
    [
        (perceptron(), lambda y_true, y_pred: np.sum((y_true - y_pred) ** 2)),
        (perceptron(), lambda y_true, y_pred: np.sqrt(np.mean((y_true - y_pred) ** 2))),
        (Centred(), "mse"),
    ],
)
def test_a_loss_that_is_not_a_mean_over_rows_is_refused(model: mg.Model, loss: Any) -> None:
    model.compile("sgd", loss)
    with pytest.raises(ValueError, match="on Dask a loss has to be a mean over rows"):
        model.fit(on_dask(X), on_dask(Y), verbose=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_losses_are_means_over_rows(loss: str, dtype: Any) -> None:
    y = np.where(Y > 0, 1.0, -1.0 if loss == "hinge" else 0.0)
    several = loss.endswith("categorical_crossentropy")
    model = mg.Sequential([mg.Dense(3, "softmax") if several else mg.Dense(1, "sigmoid")], seed=0)
    model.compile("sgd", loss)
    targets = np.eye(3)[y.astype(int)] if loss == "categorical_crossentropy" else y
    weight = np.linspace(0.0, 2.0, ROWS)
    model.fit(on_dask(X.astype(dtype)), on_dask(targets.astype(dtype)), sample_weight=weight, verbose=0)


def test_a_model_that_cannot_be_sent_is_refused() -> None:
    model = perceptron()
    model.layers[0].lock = threading.Lock()
    with pytest.raises(TypeError, match=r"the model cannot be sent to workers: .*lock"):
        model.fit(on_dask(X), on_dask(Y), verbose=0)


def test_blocks_without_rows() -> None:
    some = da.arange(ROWS, chunks=(CUTS,)) // 230 != 1
    x, y = on_dask(X)[some].compute_chunk_sizes(), on_dask(Y)[some].compute_chunk_sizes()
    assert x.chunks[0] == (230, 0, 230, 230, 80)
    model, here = perceptron(), perceptron()
    chosen = some.compute()
    how: Any = {"batch_size": 100, "epochs": 2, "shuffle": False, "verbose": 0}
    model.fit(x, y, **how)
    here.fit(X[chosen], Y[chosen], **how)
    np.testing.assert_allclose(weights(model), weights(here), rtol=0, atol=1e-12)
    np.testing.assert_allclose(model.evaluate(x, y), here.evaluate(X[chosen], Y[chosen]), rtol=1e-12)
    np.testing.assert_allclose(model.predict(x).compute(), here.predict(X[chosen]), rtol=1e-12)


def test_bad_input_is_named_by_a_cluster_too(client: Any) -> None:
    with pytest.raises(DataError, match="block 3"):
        perceptron().fit(on_dask(STRANGE), on_dask(Y), epochs=1, verbose=0, client=client)


def test_a_block_of_another_type_than_it_says() -> None:
    lying = da.concatenate([on_dask(X), da.from_delayed(dask.delayed(np.float32)(X[:10]), (10, FEATURES), float)])
    with pytest.raises(
        DataError, match=r"x holds float32 of shape \(10, 5\) in block 5, expected an array of float64 of shape"
    ):
        perceptron().fit(lying, da.concatenate([on_dask(Y), on_dask(Y[:10], (10,))]), epochs=1, verbose=0)


def test_batch_normalization_needs_a_whole_batch() -> None:
    with pytest.raises(ValueError, match="batchnormalization_1 keeps statistics of whole batches"):
        perceptron(mg.BatchNormalization()).fit(on_dask(X), on_dask(Y), verbose=0)


def test_a_client_for_rows_that_are_here() -> None:
    with pytest.raises(TypeError, match="client= is for Dask arrays and files, but x is ndarray"):
        perceptron().fit(X, Y, client="tcp://127.0.0.1:9")


def test_without_dask_the_message_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['dask'] = None; import microgd as mg\n"
        "model = mg.Sequential([mg.Dense(1)]); model.compile(); model.fit([[1.0]], [1.0], verbose=0)\n"
        "model.fit('rows/*.csv', verbose=0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith("ImportError: training on Dask needs Dask")
    assert last.endswith('pip install "microgd[dask]".')


# Files ----------------------------------------------------------------------------------------------------------------

NAMES = ("a", "b", "c", "d", "e", "price")


def written(folder: Path, kind: str = "csv", parts: int = 4) -> Path:
    """Write the rows into files, and return the folder."""
    rows = np.column_stack([X, Y])
    folder.mkdir(exist_ok=True)
    for number, part in enumerate(np.array_split(rows, parts)):
        if kind == "csv":
            lines = [",".join(NAMES), *(",".join(map(repr, row)) for row in part.tolist())]
            (folder / f"part-{number}.csv").write_text("\n".join(lines) + "\n")
        else:
            np.save(folder / f"part-{number}.npy", part)
    return folder


@pytest.mark.parametrize("kind", ["csv", "npy"])
def test_files_are_trained_on_like_arrays(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written(tmp_path / "rows", kind)
    how: Any = {"batch_size": 100, "epochs": 2, "shuffle": False, "verbose": 0}
    here = perceptron()
    here.fit(X, Y, **how)
    for source in (str(folder), folder / f"*.{kind}"):
        there = perceptron()
        there.fit(source, **how)
        np.testing.assert_allclose(weights(there), weights(here), rtol=0, atol=1e-12)
    monkeypatch.setattr("microgd.distributed.files.BYTES_IN_A_BLOCK", 5000)
    x, y = rows_of(folder, None)[:2]
    assert len(x.chunks[0]) > 10, "large files were not cut"
    np.testing.assert_array_equal(x.compute(), X)
    np.testing.assert_array_equal(y.compute(), Y)


def test_the_target_is_chosen_by_name_and_the_order_of_columns_may_differ(tmp_path: Path) -> None:
    folder = written(tmp_path / "rows", parts=1)
    (folder / "part-9.csv").write_text("price,e,d,c,b,a\n6,5,4,3,2,1\n")
    history = perceptron().fit(folder, "c", epochs=1, verbose=0, validation_data=(folder / "part-9.csv", "c"))
    assert np.isfinite(history.history["val_loss"]).all()
    x, y = rows_of(folder, "c")[:2]
    assert x[-1].compute().tolist() == [1.0, 2.0, 4.0, 5.0, 6.0]
    assert float(y[-1].compute()) == 3.0


def test_files_are_predicted_and_evaluated(tmp_path: Path) -> None:
    model = perceptron()
    model.fit(X, Y, verbose=0)
    whole = written(tmp_path / "rows")
    np.testing.assert_allclose(model.evaluate(whole, "price"), model.evaluate(X, Y), rtol=1e-12)
    with pytest.raises(ValueError, match=r"takes 5 features .* shape \(1, 6\)"):
        model.predict(whole)
    model.notes = {"feature_names": ["a", "b", "c", "d", "e"]}  # as `microgd train` leaves it
    np.testing.assert_allclose(model.predict(whole).compute(), model.predict(X), rtol=1e-12)
    np.save(tmp_path / "x.npy", X)
    np.testing.assert_allclose(model.predict(tmp_path / "x.npy").compute(), model.predict(X), rtol=1e-12)
    with pytest.raises(TypeError, match="x is files, and y ndarray; expected the name of a column"):
        model.fit(whole, Y, verbose=0)


def test_npy_files_with_the_targets_apart(tmp_path: Path) -> None:
    for number in range(2):
        np.save(tmp_path / f"x-{number}.npy", X[number * 500 : (number + 1) * 500])
        np.save(tmp_path / f"y-{number}.npy", Y[number * 500 : (number + 1) * 500])
    x, y = rows_of(tmp_path / "x-*.npy", tmp_path / "y-*.npy")[:2]
    assert x.chunks[0] == y.chunks[0] == (500, 500)
    np.testing.assert_array_equal(y.compute(), Y)
    np.save(tmp_path / "y-1.npy", Y[:10])
    with pytest.raises(DataError, match=r"y-1\.npy has 10 rows, expected 500, as .*x-1\.npy has"):
        rows_of(tmp_path / "x-*.npy", tmp_path / "y-*.npy")


def test_parquet_files(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is missing: pip install pyarrow")
    from pyarrow import parquet

    for number, part in enumerate(np.array_split(np.column_stack([X, Y]), 3)):
        table = pyarrow.table(dict(zip(NAMES, part.T, strict=True)))
        parquet.write_table(table, tmp_path / f"part-{number}.parquet", row_group_size=200)
    x, y = rows_of(tmp_path, "price")[:2]
    np.testing.assert_array_equal(x.compute(), X)
    np.testing.assert_array_equal(y.compute(), Y)
    for kind, found in (("s", "datetime"), ("string", "could not convert")):
        (tmp_path / kind).mkdir()
        strange = pyarrow.array([1, 2]).cast(pyarrow.timestamp("s") if kind == "s" else pyarrow.string())
        strange = pyarrow.array(["x", "y"]) if kind == "string" else strange
        parquet.write_table(pyarrow.table({"a": strange, "b": [1.0, 2.0]}), tmp_path / kind / "a.parquet")
        with pytest.raises(DataError, match=rf"a\.parquet: column 'a' cannot be read as numbers: .*{found}"):
            perceptron().fit(tmp_path / kind, verbose=0)
    (tmp_path / "s" / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"a\.parquet cannot be read as a Parquet file"):
        perceptron().fit(tmp_path / "s", verbose=0)
    parquet.write_table(pyarrow.table({"a": [1.0]}), tmp_path / "part-9.parquet")
    with pytest.raises(DataError, match=r"part-9\.parquet: its columns are a, expected those of part-0\.parquet"):
        rows_of(tmp_path, "price")


def test_parquet_without_pyarrow_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(ImportError, match=r"a\.parquet is a Parquet file, which pyarrow reads: pip install pyarrow"):
        rows_of(tmp_path, None)


BAD_FILES: dict[str, tuple[str, str, type[Exception], str]] = {
    "other columns": (
        "part-2.csv",
        "a,b,c,d,rooms,price\n1,2,3,4,5,6\n",
        DataError,
        r"part-2\.csv: its columns are a, b, c, d, rooms, price, expected those of part-0\.csv: .*: e; .*: rooms",
    ),
    "nan": (
        "part-2.csv",
        "a,b,c,d,e,price\n1,2,3,4,5,6\n1,2,nan,4,5,6\n",
        DataError,
        r"part-2\.csv: row 2 \(line 3\), column 'c' is nan, expected a finite number",
    ),
    "a word": (
        "part-2.csv",
        "a,b,c,d,e,price\n1,2,3,4,5,6\n1,2,few,4,5,6\n",
        DataError,
        r"part-2\.csv: row 2 \(line 3\), column 'c' is 'few', expected a number",
    ),
    "a missing cell": (
        "part-2.csv",
        "a,b,c,d,e,price\n1,2,3,4,5,6\n1,2,3,4,5,\n",
        DataError,
        r"part-2\.csv: row 2 \(line 3\), column 'price' is '', expected a number",
    ),
    "a short row": (
        "part-2.csv",
        "a,b,c,d,e,price\n1,2,3,4,5,6\n1,2,3\n",
        DataError,
        r"part-2\.csv: row 2 \(line 3\) has 3 cells, expected 6",
    ),
    "a line after empty ones": (
        "part-2.csv",
        "a,b,c,d,e,price\n\n1,2,3,4,5,6\n\n \n1,2,few,4,5,6\n",
        DataError,
        r"part-2\.csv: row 2 \(line 6\), column 'c' is 'few', expected a number",
    ),
    "infinity after empty lines": (
        "part-2.csv",
        "a,b,c,d,e,price\n\n1,2,3,4,5,6\n\n1,2,inf,4,5,6\n",
        DataError,
        r"part-2\.csv: row 2 \(line 5\), column 'c' is inf, expected a finite number",
    ),
    "a number as Python writes it": (
        "part-2.csv",
        "a,b,c,d,e,price\n1_000,2,3,4,5,6\n",
        DataError,
        r"part-2\.csv: row 1 \(line 2\), column 'a' is '1_000', expected a number",
    ),
    "nothing": (
        "part-2.csv",
        "",
        DataError,
        r"part-2\.csv: its first line is empty, expected the names of the columns",
    ),
    "no names": ("part-2.csv", "1,2,3,4,5,6\n1,2,3,4,5,6\n", DataError, r"part-2\.csv: .* are numbers or missing"),
    "another kind": ("rows.npy", "", DataError, r"files of several kinds.*part-0\.csv"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_named(name: str, tmp_path: Path) -> None:
    folder = written(tmp_path / "rows")
    file, text, kind, message = BAD_FILES[name]
    (folder / file).write_text(text)
    with pytest.raises(kind, match=message):
        perceptron().fit(folder, epochs=1, verbose=0)


def test_npy_files_of_another_type_and_with_nan(tmp_path: Path) -> None:
    folder = written(tmp_path / "rows", "npy")
    np.save(folder / "part-2.npy", np.zeros((3, 6), np.float32))
    with pytest.raises(DataError, match=r"part-2\.npy holds float32 of shape \(3, 6\), expected float64"):
        rows_of(folder, None)
    np.save(folder / "part-2.npy", np.full((3, 6), np.nan))
    with pytest.raises(DataError, match=r"part-2\.npy: row 1, column 0 is nan, expected a finite number"):
        perceptron().fit(folder, epochs=1, verbose=0)


@pytest.mark.parametrize("text", ["a,b\n\xe9,3\n", "\xe9,b\n1,3\n"])
def test_a_file_in_another_encoding_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=r"a\.csv: not UTF-8 text \(.*\); save it as CSV, UTF-8"):
        perceptron().fit(tmp_path, verbose=0)


def test_files_without_rows_and_files_beside_them(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n")
    with pytest.raises(DataError, match=r"a\.csv: there are no rows"):
        perceptron().fit(tmp_path, verbose=0)
    (tmp_path / "b.csv").write_text("a,b\n1,2\n")
    (tmp_path / "._b.csv").write_text("notes of the file system")
    (tmp_path / "_SUCCESS.csv").write_text("notes of a job")
    assert rows_of(tmp_path, None).x.shape == (1, 1)
    (tmp_path / "more" / "and").mkdir(parents=True)
    (tmp_path / "more" / "and" / "c.csv").write_text("a,b\n1,2\n3,4\n")
    assert rows_of(tmp_path / "**" / "[abc].csv", None).x.shape == (3, 1)
    with pytest.raises(FileNotFoundError, match=r"for folders in a folder, a pattern such as 'rows/\*\*/\*\.csv'"):
        perceptron().fit(tmp_path.parent / "nothing", verbose=0)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        perceptron().fit(tmp_path / "*.csv")
    folder = written(tmp_path / "rows")
    with pytest.raises(DataError, match="there is no column 'prize'; it has a, b, c, d, e, price"):
        perceptron().fit(folder, "prize")


# The command line -----------------------------------------------------------------------------------------------------


def test_the_command_line_trains_on_files(tmp_path: Path, client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    folder = written(tmp_path / "rows")
    files = [str(path) for path in sorted(folder.glob("*.csv"))]
    out = tmp_path / "out"
    how = ["--scheduler", client.scheduler.address, "--out", str(out), "--epochs", "40", "--learning-rate", "0.05"]
    checkpoint = ["--checkpoint-dir", str(tmp_path / "kept"), "--resume"]
    assert main(["train", *files, *how, *checkpoint, "--target", "price"]) == 0
    printed = capsys.readouterr().out
    assert "1000 rows (640 to train on, 160 to validate, 200 to test), 5 features: a, b, c, d, e" in printed
    assert {path.name for path in out.iterdir()} >= {"model.safetensors", "history.csv"}
    model = mg.load_model(out / "model.safetensors")
    assert mg.r2(Y[:, None], model.predict(X)) > 0.95
    assert main(["train", *files, *how, *checkpoint, "--target", "price"]) == 0  # from the checkpoint: nothing to do
    assert np.array_equal(weights(mg.load_model(out / "model.safetensors")), weights(model))


@pytest.mark.parametrize("missing", ["dask", "distributed"])
def test_the_command_line_without_dask_says_what_to_install(missing: str) -> None:
    program = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from microgd.cli import main; sys.exit(main(['train', 'a.csv', '--dask']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("microgd: ")
    assert done.stderr.endswith('pip install "microgd[dask]".\n')


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.csv", "b.csv"], "2 sources, expected one; to train on all of these files, add --dask"),
        (["--dask"], "--dask needs files"),
        (["nowhere.csv", "--dask", "--drop-missing"], "--drop-missing does not go with --dask"),
        (["a.csv", "--scheduler", "nonsense://x"], "no Dask scheduler answers at 'nonsense://x'"),
    ],
)
def test_the_command_line_refuses(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_the_command_line_names_a_bad_file(tmp_path: Path, client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    folder = written(tmp_path / "rows")
    (folder / "part-2.csv").write_text("a,b,c,d,e,price\n1,2,3,4,5,6\n1,2,nan,4,5,6\n")
    assert main(["train", str(folder), "--scheduler", client.scheduler.address, "--out", str(tmp_path / "out")]) == 2
    assert "part-2.csv: row 2 (line 3), column 'c' is nan" in capsys.readouterr().err


# What a step costs ----------------------------------------------------------------------------------------------------


def test_the_model_of_the_cost_finds_its_constants_again() -> None:
    cost = benchmark.Cost(fixed=0.02, block=0.003, hop=5e-9, touch=2e-8)
    cases = benchmark.cases(quick=False)
    for case in cases:
        if not case.finds:
            case.rows_alone = [1e-6]
        for workers in benchmark.WORKERS:
            seconds = cost.step(workers, case.blocks, case.blocks * case.rows, case.row, case.parameters)
            case.seconds[str(workers)] = [seconds]
    found = benchmark.cost_of(cases)
    for name in ("fixed", "block", "hop", "touch"):  # a little is laid to the 21 weights of the linear model
        assert getattr(found, name) == pytest.approx(getattr(cost, name), rel=1e-3)
    many, few = (benchmark.best(cost, rows, 1e-6, 21)[0] for rows in (10**8, 10**6))
    assert many == pytest.approx(np.sqrt(1e-6 * 10**8 / cost.block), rel=0.2)
    assert many > few


# What does not fit one process: run by `pytest -m by_hand tests/test_distributed.py` ----------------------------------


def generated(rows: int, features: int, chunk: int) -> tuple[Any, Any, Any]:
    """Return rows of a linear law with noise, made block by block when they are needed, and the law."""
    generator = da.random.default_rng(0)
    x = generator.normal(size=(rows, features), chunks=(chunk, features))
    law = np.linspace(-1.0, 1.0, features)
    return x, x @ law + 3.0 + generator.normal(0.0, 0.5, size=rows, chunks=chunk), law


def closed_form(x: Any, y: Any, client: Any) -> Any:
    """Return weights and intercept from the normal equations, summed block by block."""
    ones = da.ones((len(x), 1), chunks=(x.chunks[0], 1))
    whole = da.concatenate([x, ones], axis=1).rechunk({1: -1})
    left, right = client.gather(client.compute([whole.T @ whole, whole.T @ y]))
    return np.linalg.solve(left, right)


def peak_memory() -> float:
    """Return the most memory that this process has had, in MB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.by_hand
def test_twenty_million_rows_in_two_processes_of_less_than_a_gigabyte() -> None:
    x, y, _ = generated(20_000_000, 20, 250_000)
    assert x.nbytes > 3e9
    settings: dict[str, Any] = {"dashboard_address": ":0", "n_workers": 2, "threads_per_worker": 1}
    with (
        distributed.LocalCluster(memory_limit="1GB", **settings) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        model = mg.Sequential([mg.Dense(1)], seed=0)
        model.compile(mg.SGD(0.5), "mse")  # half the curvature of x, which has deviation 1
        start = time.perf_counter()
        history = model.fit(x, y, batch_size=len(x), epochs=5, verbose=0, client=client)
        seconds = time.perf_counter() - start
        peaks = list(client.run(peak_memory).values())
        expected = closed_form(x, y, client)
    print(f"{seconds:.1f} s for 5 epochs, peaks {peaks} MB, loss {history.history['loss']}")
    np.testing.assert_allclose(weights(model), expected, rtol=1e-9)
    assert max(peaks) < 1000


@pytest.mark.by_hand
def test_a_worker_killed_among_two_million_rows() -> None:
    x, y, law = generated(2_000_000, 20, 50_000)
    settings: dict[str, Any] = {"dashboard_address": ":0", "n_workers": 2, "threads_per_worker": 1}
    found = []
    with distributed.LocalCluster(**settings) as cluster, distributed.Client(cluster, set_as_default=False) as client:
        for pids in ([], [next(iter(client.run(os.getpid).values()))]):
            model = mg.Sequential([mg.Dense(1)], seed=0)
            model.compile(mg.SGD(0.1), "mse")
            killer = KillWorker(pids)
            model.fit(x, y, batch_size=200_000, epochs=3, verbose=0, client=client, callbacks=killer)
            assert not killer.pids
            found.append(weights(model))
    assert np.array_equal(*found)
    np.testing.assert_allclose(found[0][:-1], law, atol=0.02)
