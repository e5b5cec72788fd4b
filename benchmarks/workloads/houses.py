"""The house-price model, trained by `fit`: 12 features, Dense(1), SGD 0.01, 200 epochs in batches of 40.

Of the 333 rows the last fifth is kept for the validation loss, which is computed after each epoch.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import microgd as mg

from ..systems import COMPILED, JAX, MICROGD, NUMPY, TENSORFLOW_JS, TORCH
from ..workload import Contestant, Entries, Workload

HERE = Path(__file__).parents[1]
ROOT = HERE.parent
FEATURES, ROWS, BATCH, EPOCHS, RATE = 12, 333, 40, 200, 0.01
SPLIT = 0.2
TRAINING = int(ROWS * (1.0 - SPLIT))
STEPS = EPOCHS * -(-TRAINING // BATCH)
NODE_PACKAGES = ("@tensorflow/tfjs@4.22.0", "@tensorflow/tfjs-backend-wasm@4.22.0")
WITHIN = 0.05  # of one another: each system draws its own order of rows, so the losses at the end are not the same


class Houses:
    """The rows to train on, and where Node finds TensorFlow.js."""

    node_folder = ROOT / "build" / "benchmarks"

    @cached_property
    def source(self) -> str:
        """Which data these are."""
        return "the Boston table" if self.found is not None else "synthetic data of the shape of the Boston table"

    @cached_property
    def found(self) -> Any:
        """The Boston table, from the folder in MICROGD_DATA or from ../shared/data, if it is there."""
        folder = os.environ.get("MICROGD_DATA") or ROOT.parent / "shared" / "data"
        try:
            return mg.data.load_boston(Path(folder, "boston_housing.csv"))
        except FileNotFoundError:
            return None

    @cached_property
    def rows(self) -> tuple[Any, Any]:
        """Return x, shape (333, 12), each column with mean 0 and deviation 1, and y, shape (333, 1)."""
        draw = np.random.default_rng(0)
        if self.found is None:
            x = draw.normal(size=(ROWS, FEATURES))
            y = 22.5 + x @ draw.normal(size=FEATURES) + 4.0 * draw.normal(size=ROWS)
        else:
            chosen = draw.permutation(len(self.found.data))[:ROWS]
            x, y = self.found.data[chosen], self.found.target[chosen]
        return np.asarray(mg.data.StandardScaler().fit_transform(x)), y.reshape(-1, 1)

    @property
    def parts(self) -> tuple[Any, Any, Any, Any]:
        """Return x and y to train on, then x and y to validate with."""
        x, y = self.rows
        return x[:TRAINING], y[:TRAINING], x[TRAINING:], y[TRAINING:]

    def start(self) -> Any:
        """Return the kernel to start from."""
        return np.random.default_rng(1).normal(size=(FEATURES, 1)) * 0.1


entries = Entries()


def microgd_contestant(problem: Houses, eagerly: bool) -> Contestant:
    x, y = problem.rows

    def step() -> Any:
        model = mg.Sequential([mg.Dense(1, input_shape=(FEATURES,))], seed=0)
        model.parameters()[0].data = problem.start()
        model.compile(optimizer=mg.SGD(learning_rate=RATE), loss="mean_squared_error", run_eagerly=eagerly)
        return model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, validation_split=SPLIT, verbose=0)

    return Contestant(step, lambda history: [history.history[name][-1] for name in ("loss", "val_loss")])


@entries.by(MICROGD)
def microgd_eager(problem: Houses) -> Contestant:
    return microgd_contestant(problem, eagerly=True)


@entries.by(COMPILED)
def microgd_compiled(problem: Houses) -> Contestant:
    """The default of `fit`; the time to record and compile the step is in it."""
    return microgd_contestant(problem, eagerly=False)


@entries.by(TORCH)
def torch_loop(problem: Houses) -> Contestant:
    """What one writes around PyTorch to have what `fit` does: shuffled batches, and both losses of each epoch."""
    import torch

    x, y, validation_x, validation_y = map(torch.tensor, problem.parts)

    def step() -> Any:
        model = torch.nn.Linear(FEATURES, 1, dtype=torch.float64)
        with torch.no_grad():
            model.weight.copy_(torch.tensor(problem.start().T))
            model.bias.zero_()
        optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
        criterion = torch.nn.MSELoss()
        history = []
        for _ in range(EPOCHS):
            order, total = torch.randperm(TRAINING), 0.0
            for rows in order.split(BATCH):
                optimizer.zero_grad()
                loss = criterion(model(x[rows]), y[rows])
                loss.backward()
                optimizer.step()
                total += loss.item() * len(rows)
            with torch.no_grad():
                history.append((total / TRAINING, criterion(model(validation_x), validation_y).item()))
        return history

    return Contestant(step, lambda history: history[-1])


@entries.by(JAX)
def jax_loop(problem: Houses) -> Contestant:
    """The same loop around a compiled step; the batches are cut in NumPy, which is faster than in JAX."""
    import jax

    x, y, validation_x, validation_y = problem.parts

    def loss_of(parameters: Any, x: Any, y: Any) -> Any:
        kernel, bias = parameters
        return jax.numpy.mean((x @ kernel + bias - y) ** 2)

    @jax.jit
    def train(parameters: Any, x: Any, y: Any) -> Any:
        loss, gradients = jax.value_and_grad(loss_of)(parameters, x, y)
        return loss, [p - RATE * g for p, g in zip(parameters, gradients, strict=True)]

    validate = jax.jit(loss_of)

    def step() -> Any:
        parameters = [jax.numpy.asarray(problem.start()), jax.numpy.zeros(1)]
        draw, history = np.random.default_rng(0), []
        for _ in range(EPOCHS):
            order, total = draw.permutation(TRAINING), 0.0
            for first in range(0, TRAINING, BATCH):
                rows = order[first : first + BATCH]
                loss, parameters = train(parameters, x[rows], y[rows])
                total += float(loss) * len(rows)
            history.append((total / TRAINING, float(validate(parameters, validation_x, validation_y))))
        return history

    return Contestant(step, lambda history: history[-1])


@entries.by(NUMPY)
def numpy_loop(problem: Houses) -> Contestant:
    """The same loop with the derivative written by hand."""
    x, y, validation_x, validation_y = problem.parts

    def step() -> Any:
        kernel, bias = problem.start(), np.zeros(1)
        draw, history = np.random.default_rng(0), []
        for _ in range(EPOCHS):
            order, total = draw.permutation(TRAINING), 0.0
            for first in range(0, TRAINING, BATCH):
                rows = order[first : first + BATCH]
                features = x[rows]
                error = features @ kernel + bias - y[rows]
                total += float((error**2).sum())
                gradient = 2 / len(rows) * error
                kernel = kernel - RATE * (features.T @ gradient)
                bias = bias - RATE * gradient.sum(axis=0)
            validation = float(np.mean((validation_x @ kernel + bias - validation_y) ** 2))
            history.append((total / TRAINING, validation))
        return history

    return Contestant(step, lambda history: history[-1])


def in_node(problem: Houses, backend: str) -> Contestant:
    """Start a Node process that fits the model each time it is asked to, so that it can take its turn in each round."""
    x, y = problem.rows
    if not (problem.node_folder / "node_modules" / "@tensorflow" / "tfjs").is_dir():
        raise RuntimeError("not installed; run `python -m benchmarks --install-tfjs` once")
    settings = {
        "folder": str(problem.node_folder),
        "backend": backend,
        "x": x.tolist(),
        "y": y.tolist(),
        "kernel": problem.start().tolist(),
        "batch": BATCH,
        "epochs": EPOCHS,
        "rate": RATE,
        "split": SPLIT,
    }
    process = subprocess.Popen(
        ["node", str(HERE / "houses.cjs")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    def ask(line: str) -> Any:
        stdin.write(line + "\n")
        stdin.flush()
        answer = stdout.readline()
        if not answer:
            raise RuntimeError(f"Node ended without an answer (the {backend} back end)")
        return json.loads(answer)

    def close() -> None:
        stdin.close()
        process.wait(timeout=10)

    try:
        ask(json.dumps(settings))
    except RuntimeError:
        close()
        raise
    return Contestant(lambda: ask("fit"), lambda answer: [answer["loss"], answer["validationLoss"]], close)


@entries.by(TENSORFLOW_JS)
def tensorflow_js(problem: Houses) -> Contestant:
    return in_node(problem, "cpu")


@entries.by(TENSORFLOW_JS, "wasm")
def tensorflow_js_wasm(problem: Houses) -> Contestant:
    return in_node(problem, "wasm")


def install_tensorflow_js() -> None:
    """Put TensorFlow.js where the workload looks for it; needs npm, and a network once."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm is not installed, so TensorFlow.js cannot be; the rest of the suite runs without it.")
    Houses.node_folder.mkdir(parents=True, exist_ok=True)
    command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(Houses.node_folder), *NODE_PACKAGES]
    subprocess.run(command, check=True)


HOUSES = Workload(
    key="houses",
    name="houses",
    title="house prices: fit, 200 epochs of 7 steps, each with its validation loss",
    problem=Houses(),
    entries=entries,
    tolerance=WITHIN,
    exact=[(MICROGD, COMPILED)],
    parts=(STEPS, "step"),
    steps=1,
)
