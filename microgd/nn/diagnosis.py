"""Why a training diverges or crawls: the curvature of the loss, what learning rates it allows, and what causes it."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.value import Value, enable_grad
from .feeding import Feed, checked_rows, features
from .names import check_number
from .optimizers import SGD

if TYPE_CHECKING:
    from .training import Model

ITERATIONS = 200  # of the power method, at most
PRECISION = 1e-7  # of an eigenvalue at which it stops
OUTSTANDING = 30.0  # times the mean square of the middle column: a column that is a cause
SMALL = 0.1  # that of a column of which it does not matter how much smaller it is
LISTED = 8
TOO_FAR = 10.0  # times the first loss: where a range test ends
ILL_CONDITIONED = 1000.0


@dataclass
class Diagnosis:
    """What the curvature of the loss says about the learning rate. Printed, it is a report.

    Attributes:
        largest_curvature: The largest eigenvalue of the Hessian of the loss.
        smallest_curvature: The smallest; negative where the loss bends down in some direction.
        learning_rate: The one in use; None if the model is not compiled, or with an optimizer that scales its steps
            itself, as Adam does: the limit is that of gradient descent.
        momentum: The momentum in use.
        columns: The columns of x whose scale causes the curvature, largest first.
    """

    largest_curvature: float
    smallest_curvature: float
    learning_rate: float | None
    momentum: float
    columns: list[str]

    @property
    def stable_below(self) -> float:
        """The learning rate above which gradient descent diverges: 2 (1 + momentum) / the largest curvature."""
        return 2.0 * (1.0 + self.momentum) / self.largest_curvature if self.largest_curvature > 0 else np.inf

    @property
    def best_rate(self) -> float:
        """The rate that shrinks the slowest direction most, without momentum: 2 / (largest + smallest curvature)."""
        total = self.largest_curvature + max(self.smallest_curvature, 0.0)
        return 2.0 / total if total > 0 else np.inf

    @property
    def condition(self) -> float:
        """The largest curvature over the smallest; infinite where the loss is flat or bends down in some direction."""
        flat = self.smallest_curvature <= PRECISION * self.largest_curvature
        return np.inf if flat else self.largest_curvature / self.smallest_curvature

    @property
    def stable(self) -> bool | None:
        """Whether the learning rate in use is below the limit; None if there is none."""
        return None if self.learning_rate is None else self.learning_rate < self.stable_below

    def __str__(self) -> str:
        used = "" if self.learning_rate is None else f"; used {self.learning_rate:g}"
        verdict = {None: "", True: " (stable)", False: " (too large)"}[self.stable]
        lines = [
            f"largest curvature {self.largest_curvature:g}, smallest {self.smallest_curvature:g}: "
            f"condition {self.condition:.3g}",
            f"learning rate: stable below {self.stable_below:g}, best {self.best_rate:g}{used}{verdict}",
        ]
        if self.columns:
            lines.append(
                f"cause: the scale of the columns {', '.join(self.columns)}; bring all to mean 0 and deviation 1 with "
                "mg.data.StandardScaler, and choose the learning rate anew"
            )
        elif self.stable is False:
            lines.append(f"remedy: a learning rate below {self.stable_below:g}, such as {self.best_rate:.3g}")
        elif self.largest_curvature <= 0:
            lines.append("the loss bends down or nowhere here, which says nothing about a rate: see the range test")
        elif self.smallest_curvature < -PRECISION * self.largest_curvature:
            lines.append("the loss bends down in some direction: this is not near a minimum, and the limit will change")
        elif self.condition > ILL_CONDITIONED:
            lines.append(
                "it learns slowly in some directions: use momentum or Adam, or leave out columns that repeat others"
            )
        return "\n".join(lines)


def diagnose(
    model: Model, x: Any, y: Any, loss: Any = None, feature_names: Sequence[str] | None = None, seed: int = 0
) -> Diagnosis:
    """Estimate the curvature of the loss at the weights that a model has, and what learning rates it allows.

    Args:
        model: The model.
        x: Features, shape (rows, ...).
        y: Targets.
        loss: By name or as a function; by default the one that the model was compiled with.
        feature_names: The names of the columns of x; by default those of a pandas table, else their numbers.
        seed: Of the random direction that the search starts in.

    Returns:
        The `Diagnosis`; print it.

    Example:
        >>> from microgd.nn import Dense, SGD, Sequential
        >>> model = Sequential([Dense(1, use_bias=False, kernel_initializer="zeros")])
        >>> model.compile(SGD(learning_rate=0.5), "mean_squared_error")
        >>> print(diagnose(model, [[3.0]], [4.0]))
        largest curvature 18, smallest 18: condition 1
        learning rate: stable below 0.111111, best 0.0555556; used 0.5 (too large)
        remedy: a learning rate below 0.111111, such as 0.0556

    Source: the power method on Hessian-vector products; B. A. Pearlmutter, "Fast exact multiplication by the Hessian",
    1994; Y. LeCun, P. Simard and B. Pearlmutter, "Automatic learning rate maximization by on-line estimation of the
    Hessian's eigenvectors", 1993.
    """
    names = list(map(str, getattr(x, "columns", ())) if feature_names is None else feature_names)
    if names and len(names) != features(x).shape[-1]:
        raise ValueError(f"there are {len(names)} feature_names, but x has {features(x).shape[-1]} columns; name each.")
    descends = isinstance(model.optimizer, SGD)
    hessian = Hessian(model.objective_of(x, y, loss), model.trained())
    start = np.random.default_rng(seed).normal(size=hessian.size)
    dominant = eigenvalue(hessian.times, start)
    other = dominant + eigenvalue(lambda v: hessian.times(v) - dominant * v, start)
    return Diagnosis(
        max(dominant, other),
        min(dominant, other),
        model.compiled().rate if descends else None,
        getattr(model.optimizer, "momentum", 0.0) if descends else 0.0,
        outstanding_columns(features(x), names),
    )


class Hessian:
    """The second derivatives of a loss, as what they do to a vector; the slope is recorded once."""

    def __init__(self, loss: Value, parameters: list[Value]) -> None:
        self.parameters = parameters
        self.clear()
        loss.backward(create_graph=True)
        self.gradients = [Value(0.0) if p.grad is None else p.grad for p in parameters]
        self.size = sum(parameter.size for parameter in parameters)
        self.clear()

    def clear(self) -> None:
        """Clear the gradients of the parameters."""
        for parameter in self.parameters:
            parameter.grad = None

    def times(self, v: Any) -> Any:
        """Return H v: the gradient of the slope in the direction v."""
        cuts = np.cumsum([parameter.size for parameter in self.parameters])[:-1]
        parts = [
            np.reshape(part, parameter.shape)
            for part, parameter in zip(np.split(v, cuts), self.parameters, strict=True)
        ]
        with enable_grad():
            slope: Any = sum(np.sum(gradient * part) for gradient, part in zip(self.gradients, parts, strict=True))
        if slope.rule is not None:
            slope.backward()
        product = [np.zeros(p.size) if p.grad is None else np.ravel(p.grad) for p in self.parameters]
        self.clear()
        return np.concatenate(product)


def eigenvalue(times: Callable[[Any], Any], start: Any) -> float:
    """Return the eigenvalue of largest magnitude of a symmetric matrix, by the power method."""
    v, value = start, 0.0
    for _ in range(ITERATIONS):
        v = v / np.linalg.norm(v)
        w = times(v)
        before, value = value, float(v @ w)
        if not w.any() or abs(value - before) <= PRECISION * abs(value):
            break
        v = w
    return value


def outstanding_columns(x: Any, names: Sequence[str] = ()) -> list[str]:
    """Return the columns of some rows whose scale is far above that of the others, and above 1; largest first."""
    if np.ndim(x) != 2:
        return []
    squares = np.mean(np.square(x), axis=0)
    limit = OUTSTANDING * np.clip(np.median(squares), SMALL, 1.0)
    chosen = [int(i) for i in np.argsort(-squares) if squares[i] > limit]
    listed = [f"{names[i] if names else i} (up to {np.max(np.abs(x[:, i])):g})" for i in chosen[:LISTED]]
    return [*listed, *(["..."] if len(chosen) > LISTED else [])]


@dataclass
class RangeTest:
    """How the loss goes when the learning rate grows from step to step.

    Attributes:
        rates: The learning rate of each step.
        losses: The loss of the batch before each step.
    """

    rates: list[float]
    losses: list[float]

    @property
    def suggestion(self) -> float:
        """A tenth of the rate at which the smoothed loss was least: well on the way down, far from the rise."""
        smooth = np.convolve(self.losses, np.ones(5) / 5, mode="valid") if len(self.losses) > 5 else self.losses
        return self.rates[int(np.argmin(smooth)) + (2 if len(self.losses) > 5 else 0)] / 10.0

    def __repr__(self) -> str:
        return f"<RangeTest: rates {self.rates[0]:g} to {self.rates[-1]:g}; suggested {self.suggestion:.3g}>"

    def plot(self, axes: Any = None) -> Any:
        """Draw the loss against the learning rate, and return the axes; needs Matplotlib."""
        if axes is None:
            from matplotlib import pyplot

            axes = pyplot.subplots()[1]
        axes.plot(self.rates, self.losses)
        axes.axvline(self.suggestion, linestyle="--", label=f"suggested {self.suggestion:.3g}")
        axes.set(xscale="log", yscale="log", xlabel="learning rate", ylabel="loss")
        axes.legend()
        return axes


def learning_rate_range_test(
    model: Model, x: Any, y: Any, lowest: float = 1e-6, highest: float = 10.0, steps: int = 100, batch_size: int = 32
) -> RangeTest:
    """Train with a rate that grows from step to step, and see from where on the loss falls and rises. Nothing is kept.

    Args:
        model: A compiled model; its weights, its optimizer and its random state are put back afterwards.
        x: Features, shape (rows, ...).
        y: Targets.
        lowest, highest: The rates to begin and end with.
        steps: How many steps to make; it ends early when the loss is no longer finite, or ten times the first.
        batch_size: Rows in a batch.

    Returns:
        The `RangeTest`: rates, losses, a suggestion, and a plot.

    Raises:
        RuntimeError: If the model is not compiled.
        ValueError: If the rates are not two that grow, or the loss is not finite to begin with.

    Example:
        >>> from microgd.nn import Dense, Sequential
        >>> model = Sequential([Dense(1)], seed=0)
        >>> model.compile("sgd", "mean_squared_error")
        >>> learning_rate_range_test(model, [[0.0], [1.0]], [1.0, 3.0]).suggestion < 1
        True

    Source: L. N. Smith, "Cyclical learning rates for training neural networks", 2017.
    """
    check_number("steps", steps, 100, least=1, whole=True)
    if not 0 < lowest < highest:
        raise ValueError(f"lowest is {lowest!r} and highest is {highest!r}; expected rates such as 1e-6 and 10.0.")
    rows = model.fitting(checked_rows(x, y))
    used, generator = model.compiled(), model.random()
    weights, state = model.get_weights(), generator.bit_generator.state
    growth = (highest / lowest) ** (1.0 / max(steps - 1, 1))
    model.optimizer = dataclasses.replace(used, learning_rate=lambda step: lowest * growth**step)
    found = RangeTest([], [])
    feed = Feed(rows, batch_size, shuffle=True, generator=generator)
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            for batch in itertools.islice(
                itertools.chain.from_iterable(feed.epoch() for _ in itertools.count()), steps
            ):
                rate = model.optimizer.rate
                loss = model.train_step(batch, model.trained())[0].item()
                if not np.isfinite(loss) or loss > TOO_FAR * (found.losses or [loss])[0]:
                    break
                found.rates.append(rate)
                found.losses.append(loss)
    finally:
        model.optimizer = used
        model.set_weights(weights)
        generator.bit_generator.state = state
    if not found.losses:
        raise ValueError(f"the loss is {loss:g} before any step; bring the columns of x to mean 0 and deviation 1.")
    return found
