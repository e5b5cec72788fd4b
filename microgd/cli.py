"""The command line: `microgd train SOURCE` and `microgd predict MODEL CSV`.

Training standardises the features and the target with figures of the training rows, so that the defaults do for any
table. The model that is saved takes and gives the units of the table: both scalings are layers of it.
"""

from __future__ import annotations

import argparse
import ast
import csv
import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from .data import (
    StandardScaler,
    Table,
    last_split,
    load_boston,
    load_cars,
    load_houses,
    read_columns,
    read_csv,
    train_test_split,
)
from .nn import (
    Activation,
    CosineDecay,
    Dense,
    DivergenceError,
    EarlyStopping,
    History,
    LambdaCallback,
    ModelCheckpoint,
    Normalization,
    Rescaling,
    Sequential,
    accuracy,
    load_model,
    r2,
)
from .nn.activations import ACTIVATIONS
from .nn.losses import LOSSES, Loss
from .nn.names import look_up
from .nn.optimizers import OPTIMIZERS
from .nn.progress import somebody_sees
from .nn.saving import read_state

SOURCES: dict[str, Callable[[], Table]] = {"houses": load_houses, "cars": load_cars, "boston": load_boston}
DONE, BAD_INPUT, DIVERGED, INTERRUPTED = 0, 2, 3, 130
BATCH = 256  # rows in a step, unless told otherwise
STEPS = 10_000  # as many epochs as make this many, unless told otherwise
LINES = 10  # of progress, where there is no terminal to show a bar on
CHECKPOINTS = 100  # in a training
SETTLED = 1e-10  # the change of the loss, with a target of deviation 1, ...
SETTLED_FOR = 20  # ... over so many epochs, after which there is nothing more to learn from all rows at once
SHOWN_WEIGHTS = 20
USE = {"train": "to train on", "validation": "to validate", "test": "to test"}

# How a loss changes when the target is divided by its deviation: by which power of that; None where it has no unit.
POWERS: dict[str, int | None] = {"mean_squared_error": 2, "mean_absolute_error": 1, "huber": None, "log_cosh": None}
CLASSES_LOSS = "binary_crossentropy"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return its exit code: 0 done, 2 bad input, 3 diverged, 130 interrupted.

    Args:
        arguments: What stands after `microgd`; by default what the shell passed.

    Example:
        >>> main(["predict", "nowhere.safetensors", "nowhere.csv"])
        2
    """
    options = parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except DivergenceError as error:
        print(f"microgd: {error}", file=sys.stderr)
        return DIVERGED
    except BrokenPipeError:  # who reads the output has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (OSError, ValueError, TypeError, ImportError, MemoryError) as error:
        print(f"microgd: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("microgd: interrupted", file=sys.stderr)
        return INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(prog="microgd", description="Gradient descent that you can watch.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    train = commands.add_parser(
        "train",
        help="learn to predict one column of a table from others",
        description="Learn to predict one column of a table from the others.",
    )
    train.set_defaults(run=train_command)

    def add(*names: str, help: str, **settings: Any) -> None:
        shown = "" if settings.get("default") in (None, []) else " (default: %(default)s)"
        train.add_argument(*names, help=help + shown, **settings)

    add("source", nargs="*", metavar="SOURCE", help=f"{', '.join(SOURCES)} (the first by default), or a CSV file")
    add("--target", help="the column to predict: the last one of a CSV file")
    add("--features", type=listed, help="the columns to predict it from, as A,B: all others")
    add("--drop-missing", action="store_true", help="leave out the rows of a CSV file that have empty cells")
    add("--epochs", type=whole, help=f"how often to go through all rows: what makes {STEPS} steps, or less")
    add("--batch-size", type=whole, help=f"rows in a step: {BATCH}; with --dask, those of four blocks")
    add("--optimizer", choices=sorted(OPTIMIZERS), default="sgd", help="how to follow the gradient")
    add("--learning-rate", type=positive, default=0.01, help="the size of a step")
    add("--schedule", choices=("cosine", "constant"), default="cosine", help="whether the size of a step falls to 0")
    add("--momentum", type=float, default=0.9, help="how much of the last step is kept (sgd, rmsprop)")
    add("--validation-split", type=fraction, default=0.2, help="the part of the training rows to validate on")
    add("--test-split", type=fraction, default=0.2, help="the part of all rows to test on")
    add("--hidden", type=units, default=[], metavar="50,50", help="the units of each hidden layer: none")
    add("--activation", choices=sorted(ACTIVATIONS), default="relu", help="of the hidden layers")
    add(
        "--loss",
        choices=sorted([*POWERS, CLASSES_LOSS, "mse", "mae"]),
        default="mean_squared_error",
        help="to make small",
    )
    add("--seed", type=int, default=0, help="the same seed gives the same result, bit for bit")
    add("--early-stopping", type=whole, metavar="EPOCHS", help="stop when it has not got better for so many epochs")
    add("--checkpoint-dir", type=Path, metavar="DIR", help="where to keep the state of training")
    add("--resume", action="store_true", help="go on from the state in --checkpoint-dir, if there is one")
    add("--out", type=Path, default=Path("run"), metavar="DIR", help="where to write model, history and pictures")
    add("--quiet", action="store_true", help="print nothing but errors")
    add("--dask", action="store_true", help="train on files that outgrow memory, in processes of this machine")
    add("--scheduler", metavar="ADDRESS", help="the same, on the cluster of a Dask scheduler, as tcp://10.0.0.1:8786")

    explain = commands.add_parser("explain", help="show backpropagation edge by edge, as a table or in steps")
    explain.add_argument(
        "what", metavar="EXPRESSION|FILE.py", help='such as "(v*x - y)**2", or a file that computes one'
    )
    explain.add_argument("values", nargs="*", metavar="NAME=NUMBER", help="the values in the expression")
    explain.add_argument("--result", metavar="NAME", help="in a file, the Value to differentiate; the last by default")
    explain.add_argument("--nudge", action="store_true", help="also measure each edge, by moving what flows along it")
    explain.add_argument("--step", action="store_true", help="go through the steps with the arrow keys, or print them")
    explain.add_argument("--save", metavar="PAGE", type=Path, help="also write a page to click through: .html")
    explain.add_argument("--formula", action="store_true", help="also print the gradient by each leaf as a formula")
    explain.add_argument(
        "--check",
        metavar="NAME=FORMULA",
        action="append",
        default=[],
        help="check a gradient that you worked out, as v='2*(v*x - y)*x'; exit code 1 if it is wrong",
    )
    explain.add_argument("--draw", metavar="PATH", type=Path, help="also write the picture: .svg, .png, .pdf or .dot")
    explain.set_defaults(run=lambda options: import_module("microgd.explain").explain(options))

    predict = commands.add_parser(
        "predict",
        help="predict with a model that `microgd train` saved",
        description="Predict the target for each row of a CSV file, and write the predictions as CSV.",
    )
    predict.set_defaults(run=predict_command)
    predict.add_argument("model", metavar="MODEL", type=Path, help="the file model.safetensors")
    predict.add_argument(
        "table", metavar="CSV", type=Path, help="a file with the columns that the model was trained on"
    )
    predict.add_argument("--drop-missing", action="store_true", help="leave out the rows that have empty cells")
    predict.add_argument("--out", type=Path, metavar="FILE", help="where to write them, instead of printing them")
    return top


def listed(text: str) -> list[str]:
    """Return names separated by commas."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError(f"{text!r} names nothing; expected A,B")
    return names


def whole(text: str) -> int:
    """Return a whole number from 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1")
    return number


def units(text: str) -> list[int]:
    """Return whole numbers separated by commas."""
    return [whole(part) for part in listed(text)]


def positive(text: str) -> float:
    """Return a number above 0."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number


def fraction(text: str) -> float:
    """Return a number from 0 to less than 1."""
    number = float(text)
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to less than 1")
    return number


# Training -------------------------------------------------------------------------------------------------------------


@dataclass
class Part:
    """Some rows of the table, as they are and as they are trained on."""

    x: Any
    y: Any
    x_scaled: Any = None
    y_scaled: Any = None


class Run:
    """One training: the table cut into parts and scaled, and the model."""

    def __init__(self, table: Table, options: argparse.Namespace) -> None:
        self.table, self.options = table, options
        self.choose_loss()
        if self.classes and not np.isin(table.target, (0.0, 1.0)).all():
            raise ValueError(f"{CLASSES_LOSS} needs a target of 0 and 1, but {table.target_name} has other values.")
        generator = np.random.default_rng(options.seed)
        x, y = table.data, table.target.reshape(-1, 1)
        self.parts: dict[str, Part] = {}
        if options.test_split:
            x, x_test, y, y_test = train_test_split(x, y, options.test_split, seed=generator)
            self.parts["test"] = Part(x_test, y_test)
        if options.validation_split:
            x, x_last, y, y_last = last_split(x, y, options.validation_split)
            self.parts["validation"] = Part(x_last, y_last)
        self.parts = {"train": Part(x, y), **dict(reversed(self.parts.items()))}
        self.x_scaler = StandardScaler().fit(x)
        y_scaler = StandardScaler().fit(y)
        self.y_mean, self.y_scale = (0.0, 1.0) if self.classes else (y_scaler.mean_.item(), y_scaler.scale_.item())
        for part in self.parts.values():
            part.x_scaled = self.x_scaler.transform(part.x)
            part.y_scaled = (part.y - self.y_mean) / self.y_scale
        self.model = self.made(generator)

    def choose_loss(self) -> None:
        """Look up the loss, and how it changes with the scale of the target."""
        name = self.options.loss
        self.loss_name = {"mse": "mean_squared_error", "mae": "mean_absolute_error"}.get(name, name)
        self.loss: Loss = LOSSES[self.loss_name]
        self.classes = self.loss_name == CLASSES_LOSS
        self.power = POWERS.get(self.loss_name)
        self.in_units = self.classes or self.power is not None

    @property
    def unit(self) -> float:
        """What a loss in training is multiplied by to be in the units of the target."""
        return float(self.y_scale**self.power) if self.power else 1.0

    def made(self, generator: np.random.Generator) -> Sequential:
        """Return the model, compiled."""
        options = self.options
        layers = [Dense(count, options.activation) for count in options.hidden]
        model = Sequential([*layers, Dense(1)], seed=generator)
        kind = OPTIMIZERS[options.optimizer]
        settings = {"momentum": options.momentum} if "momentum" in kind.__dataclass_fields__ else {}
        loss = logistic_loss if self.classes else self.loss
        rate = options.learning_rate
        schedule = CosineDecay(rate, self.epochs * self.steps) if options.schedule == "cosine" else rate
        model.compile(kind(schedule, **settings), loss)
        return model

    @property
    def steps(self) -> int:
        """How many steps make an epoch."""
        return int(-(-len(self.parts["train"].x) // self.options.batch_size))

    @property
    def epochs(self) -> int:
        """How many epochs to train for."""
        return int(self.options.epochs or max(-(-STEPS // self.steps), LINES))

    def fit(self) -> History:
        """Train, from the start or from a checkpoint."""
        options, train, validation = self.options, self.parts["train"], self.parts.get("validation")
        callbacks: list[Any] = []
        if options.early_stopping:
            monitor = "val_loss" if validation else "loss"
            callbacks.append(EarlyStopping(monitor, patience=options.early_stopping))
        if options.epochs is None and self.steps == 1:
            callbacks.append(
                LambdaCallback(
                    on_train_begin=lambda logs: self.settle(), on_epoch_end=lambda epoch, logs: self.settle()
                )
            )
        if not options.quiet and not somebody_sees(sys.stderr):
            callbacks.append(self.line)
        if options.checkpoint_dir:
            options.checkpoint_dir.mkdir(parents=True, exist_ok=True)
            checkpoint = options.checkpoint_dir / "checkpoint.safetensors"
            self.model.notes = self.settings()
            if options.resume and checkpoint.exists():
                self.resume(checkpoint, train)
            callbacks.append(ModelCheckpoint(checkpoint, every=max(self.epochs // CHECKPOINTS, 1)))
        return self.model.fit(
            train.x_scaled,
            train.y_scaled,
            batch_size=options.batch_size,
            epochs=self.epochs,
            initial_epoch=self.model.epoch,
            validation_data=(validation.x_scaled, validation.y_scaled) if validation else None,
            callbacks=callbacks,
            verbose=0 if options.quiet else 1,
        )

    def settings(self) -> dict[str, Any]:
        """Return what has to be the same when training is taken up again."""
        kept = ("batch_size", "optimizer", "learning_rate", "momentum", "validation_split", "test_split", "hidden")
        options = {name: getattr(self.options, name) for name in (*kept, "activation", "seed")}
        return {
            **options,
            "schedule": [self.options.schedule, self.epochs if self.options.schedule == "cosine" else None],
            "loss": self.loss_name,
            "features": list(self.table.feature_names),
            "rows": len(self.table.data),
        }

    def resume(self, checkpoint: Path, train: Part) -> None:
        """Go back to the state in a checkpoint, if it is one of the same training."""
        notes = read_state(checkpoint)[1]["notes"]
        for name, value in self.settings().items():
            if notes.get(name) != value:
                raise ValueError(
                    f"{checkpoint} is of another training: {name} was {notes.get(name)!r} there and is {value!r} here. "
                    "Give the same options, or another --checkpoint-dir."
                )
        self.model.output_shape(np.asarray(train.x_scaled[:1]))
        self.model.load(checkpoint)

    def settle(self) -> None:
        """Stop when the loss of all rows at once has come to rest."""
        recent = self.model.history.history.get("loss", [])[-SETTLED_FOR:]
        self.model.stop_training = len(recent) == SETTLED_FOR and max(recent) - min(recent) <= SETTLED

    def history(self) -> dict[str, list[float]]:
        """Return the figures of each epoch, in the units of the table where a loss has any."""
        return {name: [value * self.unit for value in values] for name, values in self.model.history.history.items()}

    def line(self, epoch: int, logs: dict[str, float]) -> None:
        """Print the figures of an epoch, of a few of them only."""
        if (epoch + 1) % max(self.epochs // LINES, 1) == 0:
            figures = (f"{name} {value * self.unit:.6g}" for name, value in logs.items())
            print(f"epoch {epoch + 1}/{self.epochs}", *figures, sep="  ", flush=True)

    def finished(self) -> Sequential:
        """Return the model with both scalings as layers: it takes and gives the units of the table."""
        normalization = Normalization()
        normalization.make(self.x_scaler.mean_.shape)
        normalization.mean, normalization.scale = self.x_scaler.mean_, self.x_scaler.scale_
        last = Activation("sigmoid") if self.classes else Rescaling(self.y_scale, self.y_mean)
        model = Sequential([normalization, *self.model.layers, last], seed=self.model.generator)
        model.notes = {"feature_names": list(self.table.feature_names), "target_name": self.table.target_name}
        return model

    def figures(self, model: Sequential) -> dict[str, tuple[float, float]]:
        """Return the loss and R² (for classes: accuracy) of each part."""
        found = {}
        for name, part in self.parts.items():
            y, y_pred = part.y, np.asarray(model.predict(part.x))
            loss = (
                self.loss(y, y_pred)
                if self.in_units
                else self.loss(part.y_scaled, (y_pred - self.y_mean) / self.y_scale)
            )
            found[name] = float(loss), (accuracy if self.classes else r2)(y, y_pred)
        return found

    def baseline(self) -> float:
        """Return the loss of always predicting the mean of the training target, on the test rows if there are any."""
        part = self.parts.get("test", self.parts["train"])
        if self.in_units:
            return float(self.loss(part.y, np.full_like(part.y, np.mean(self.parts["train"].y))))
        return float(self.loss(part.y_scaled, np.zeros_like(part.y_scaled)))

    def weights(self) -> list[tuple[str, float, float]]:
        """Return (name, weight, weight in units of the table) of each feature of a linear model, largest first."""
        last: Any = self.model.layers[-1]
        kernel = last.kernel.data[:, 0] * self.y_scale
        original = kernel / self.x_scaler.scale_
        bias = last.bias.data.item() * self.y_scale + self.y_mean
        rows = list(zip(self.table.feature_names, kernel.tolist(), original.tolist(), strict=True))
        intercept = ("(intercept)", bias, float(bias - original @ self.x_scaler.mean_))
        return [*sorted(rows, key=lambda row: -abs(row[1])), intercept]


def logistic_loss(y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
    """Return the binary cross-entropy of logits."""
    return LOSSES[CLASSES_LOSS](y_true, y_pred, sample_weight, from_logits=True)


def table_of(options: argparse.Namespace) -> Table:
    """Return the table that a source names, with the columns chosen."""
    if options.source in SOURCES:
        table = SOURCES[options.source]()
        names = [*table.feature_names, table.target_name]
        columns = dict(zip(names, np.column_stack([table.data, table.target]).T, strict=True))
        target = options.target or table.target_name
        chosen = options.features or [name for name in names if name != target]
        picked = [look_up(f"column in {options.source}", columns, name) for name in (*chosen, target)]
        if target in chosen:
            raise ValueError(f"{target} is the target and a feature; leave it out of --features.")
        return Table(np.column_stack(picked[:-1]), picked[-1], tuple(chosen), target, table.DESCR)
    if not Path(options.source).exists() and "." not in Path(options.source).name:
        raise ValueError(f"there is no source {options.source!r}: expected {', '.join(SOURCES)}, or a CSV file.")
    try:
        return read_csv(options.source, options.target, options.features, options.drop_missing)
    except ValueError as error:
        raise ValueError(in_options(str(error))) from error


def in_options(message: str) -> str:
    """Return a message about a table in words of the command line: its options for the arguments of `read_csv`."""

    def named(found: re.Match[str]) -> str:
        return f"--features {shlex.quote(','.join(ast.literal_eval(found[1])))}"

    message = re.sub(r"features=(\[[^\]]*\])", named, message)
    for argument, option in (("features=", "--features"), ("target=", "--target")):
        message = message.replace(argument, option)
    return message.replace("drop_missing=True", "--drop-missing")


def train_command(options: argparse.Namespace) -> int:
    """Do `microgd train`."""
    if options.resume and not options.checkpoint_dir:
        raise ValueError("--resume goes on from the state in --checkpoint-dir; give that too, and from the start.")
    if options.dask or options.scheduler:
        import_module("microgd.distributed")  # which says what to install where Dask is missing
        return int(import_module("microgd.cli_dask").train_command(options))
    if len(options.source) > 1:
        raise ValueError(f"{len(options.source)} sources, expected one; to train on all of these files, add --dask.")
    options.source = options.source[0] if options.source else next(iter(SOURCES))
    options.batch_size = options.batch_size or BATCH
    return train(Run(table_of(options), options))


def train(run: Run) -> int:
    """Train, save what was learned, and print the figures."""
    table, options = run.table, run.options
    say: Callable[..., None] = (lambda *texts: None) if options.quiet else print
    options.out.mkdir(parents=True, exist_ok=True)
    rows = ", ".join(f"{len(part.x)} {USE[name]}" for name, part in run.parts.items())
    say(f"{len(table.data)} rows ({rows}), {table.data.shape[1]} features: {', '.join(table.feature_names)}")
    say(f"baseline loss, of predicting the mean of {table.target_name}: {run.baseline():.6g}")
    code = DONE
    try:
        run.fit()
        say(f"trained for {run.model.epoch} epochs")
    except DivergenceError as error:
        print(f"microgd: {error}", file=sys.stderr)
        code = DIVERGED
    except KeyboardInterrupt:
        print(f"microgd: interrupted in epoch {run.model.epoch + 1}; saving what was learned so far", file=sys.stderr)
        code = INTERRUPTED
    model = run.finished()
    model.save(options.out / "model.safetensors")
    write_history(run, options.out / "history.csv")
    report(run, model, say)
    missing = draw(run, options.out)
    say(f"written to {options.out}: {', '.join(sorted(path.name for path in options.out.iterdir()))}")
    if missing:
        say(missing)
    return code


def report(run: Run, model: Sequential, say: Callable[..., None]) -> None:
    """Print the final figures and the weights."""
    units = "" if run.in_units else f" (in deviations of {run.table.target_name}: {run.y_scale:.6g})"
    measure = "accuracy" if run.classes else "R²"
    say(f"\n{run.loss_name}{units}")
    for name, (loss, quality) in run.figures(model).items():
        say(f"  {name:<10}  {loss:<12.6g}  {measure} {quality:.4f}")
    if run.options.hidden:
        return
    rows = run.weights()
    wide = max(len(name) for name, _, _ in rows)
    say(f"\n{'weight':<{wide}}  {'per deviation':>14}  {'per unit':>14}")
    for name, weight, original in [*rows[:-1][:SHOWN_WEIGHTS], rows[-1]]:
        say(f"{name:<{wide}}  {weight:>14.6g}  {original:>14.6g}")
    if len(rows) - 1 > SHOWN_WEIGHTS:
        say(f"... and {len(rows) - 1 - SHOWN_WEIGHTS} smaller")
    say()


def write_history(run: Run, path: Path) -> None:
    """Write the figures of each epoch."""
    history = run.history()
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", *history])
        figures = zip(*history.values(), strict=False)  # none, where not even one epoch came to its end
        writer.writerows([epoch, *row] for epoch, row in enumerate(figures, start=1))


def draw(run: Run, folder: Path) -> str:
    """Draw the losses and the graph of one step; return what was not drawn and why, or nothing."""
    missing: dict[str, str] = {}
    for name, picture in (("loss.png", draw_losses), ("graph.svg", draw_graph)):
        try:
            picture(run, folder / name)
        except (ImportError, RuntimeError) as error:
            missing[name] = str(error)
    if not missing:
        return ""
    why = "; ".join(set(missing.values()))
    return f"not drawn: {', '.join(missing)} ({why}); for pictures: pip install 'microgd[viz]'"


def draw_losses(run: Run, path: Path) -> None:
    """Draw the losses over the epochs."""
    figure = import_module("matplotlib.figure").Figure(layout="constrained")  # an extra, which takes long to import
    import_module("microgd.viz.plots").training_curves(run.history(), figure.add_subplot())
    figure.savefig(path)


def draw_graph(run: Run, path: Path) -> None:
    """Draw the graph of one step."""
    viz = import_module("microgd.viz")
    train = run.parts["train"]
    viz.draw(run.model.objective_of(train.x_scaled[:4], train.y_scaled[:4])).save(path)


# Predicting -----------------------------------------------------------------------------------------------------------


def predict_command(options: argparse.Namespace) -> int:
    """Do `microgd predict`."""
    model = load_model(options.model)
    names = model.notes.get("feature_names")
    if names is None:
        raise ValueError(f"{options.model} does not say which columns it takes; it was not saved by `microgd train`.")
    try:
        x = read_columns(options.table, names, options.drop_missing)
    except ValueError as error:
        raise ValueError(in_options(str(error))) from error
    y_pred = model.predict(x)
    lines = [model.notes["target_name"], *map(repr, y_pred[:, 0].tolist())]
    text = "\n".join(lines) + "\n"
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return DONE
