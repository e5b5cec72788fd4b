"""Gradient descent on any function of any weights, with its trace."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..autograd.derivatives import flattened, leaves_of, map_tree, value_and_grad
from ..autograd.value import Value, raw
from .names import check_number, look_up
from .optimizers import OPTIMIZERS, Optimizer, optimizer_of
from .training import DivergenceError

SCIPY_METHODS = ("L-BFGS-B", "BFGS", "CG", "Newton-CG", "SLSQP", "trust-constr")


@dataclass
class Trace:
    """Where a minimization went.

    Attributes:
        points: The weights before each step and after the last, in the structure they were given in.
        losses: J at each of the points.
        message: Why it ended.
    """

    points: list[Any]
    losses: list[float]
    message: str = ""

    @property
    def weights(self) -> Any:
        """The weights at the end."""
        return self.points[-1]

    @property
    def loss(self) -> float:
        """J at the end."""
        return self.losses[-1]

    def __repr__(self) -> str:
        return f"<Trace: {len(self.points) - 1} steps, loss {self.losses[0]:g} -> {self.loss:g}; {self.message}>"

    def add(self, point: Any, loss: float) -> None:
        """Add a point, or say that the function is not finite there."""
        self.points.append(point)
        self.losses.append(loss)
        if not np.isfinite(self.losses).any():
            raise ValueError(f"J is {loss:g} where it starts, at W0; start where it is a finite number.")
        if not math.isfinite(loss):
            best = int(np.nanargmin(self.losses))
            raise DivergenceError(
                f"minimize diverged: after {len(self.points) - 1} steps the loss is {loss:g}. The likely cause is the "
                f"learning rate; lower it. The least loss was {self.losses[best]:g}, after {best} steps.",
                len(self.points) - 1,
                best,
            )


def minimize(
    J: Callable[[Any], Any],
    W0: Any,
    optimizer: str | Optimizer = "sgd",
    steps: int = 100,
    tolerance: float = 0.0,
) -> Trace:
    """Take the slope of J, step against it, and repeat.

    Args:
        J: A function from weights, as Values, to one number.
        W0: Where to start: a number, an array, or a nested dict, list or tuple of them.
        optimizer: By name or made, as for `Model.compile`; one that has made steps elsewhere begins afresh. Or a
            method of SciPy's, where SciPy is installed: "L-BFGS-B", "BFGS", "CG", "Newton-CG", "SLSQP", "trust-constr".
        steps: How many steps to make at most.
        tolerance: Stop when no element of the gradient is larger; 0 by default: make all steps.

    Returns:
        The `Trace`: points, losses, weights and loss at the end.

    Raises:
        ValueError: If the name is unknown; the message lists the valid ones.
        DivergenceError: If J is not finite at some point.

    Example:
        >>> from microgd.nn.optimizers import SGD
        >>> trace = minimize(lambda w: (3 * w - 4) ** 2, 0.5, SGD(0.05), steps=3)
        >>> trace.losses
        [6.25, 0.0625, 0.0006250000000000178, 6.2499999999997335e-06]
        >>> trace.weights
        1.3325

    Source: A.-L. Cauchy, "Méthode générale pour la résolution des systèmes d'équations simultanées", 1847.
    """
    check_number("steps", steps, 100, whole=True)
    check_number("tolerance", tolerance, 1e-6)
    method = next((name for name in SCIPY_METHODS if name.lower() == str(optimizer).lower()), None)
    if method is not None:
        return minimize_with_scipy(J, W0, method, steps, tolerance)
    if isinstance(optimizer, str):
        look_up("optimizer", {**OPTIMIZERS, **dict.fromkeys(SCIPY_METHODS)}, optimizer.lower())
    update = replace(optimizer_of(optimizer))  # afresh: it counts its steps, and may have made some elsewhere
    weights = map_tree(Value, W0)
    leaves = leaves_of(weights)
    trace = Trace([], [])
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is noticed by the trace
        for step in range(steps + 1):
            loss = J(weights)
            if type(loss) is not Value or loss.shape:
                what = (
                    f"an array of shape {loss.shape}" if type(loss) is Value else f"{loss!r}, whatever the weights are"
                )
                raise ValueError(f"J gave {what}; expected one number that follows from the weights.")
            trace.add(map_tree(raw, weights), float(loss))
            if step == steps:
                grew = "; the loss has grown: lower the learning rate" if trace.loss > trace.losses[0] else ""
                trace.message = f"made all {steps} steps{grew}"
                break
            for leaf in leaves:
                leaf.grad = None
            loss.backward(keep="leaves")
            if tolerance and steepest(leaves) <= tolerance:
                trace.message = f"the gradient is at most {tolerance:g}"
                break
            update.step(leaves)
    return trace


def steepest(leaves: list[Value]) -> float:
    """Return the largest element of the gradients."""
    return max(float(np.max(np.abs(leaf.grad), initial=0.0)) for leaf in leaves if leaf.grad is not None)


def minimize_with_scipy(J: Callable[[Any], Any], W0: Any, method: str, steps: int, tolerance: float) -> Trace:
    """Minimize by a method of SciPy's, which is given the gradient."""
    try:
        from scipy.optimize import minimize as scipy_minimize
    except ImportError:
        raise ImportError(f"the method {method!r} is SciPy's: pip install scipy, or give one of microgd's.") from None
    flat, tree = flattened(W0)
    slope = value_and_grad(J)

    def both(flat: Any) -> tuple[float, Any]:
        value, gradient = slope(tree(flat))
        return float(value), flattened(gradient)[0]

    trace = Trace([], [])
    with np.errstate(over="ignore", invalid="ignore"):
        trace.add(tree(flat), both(flat)[0])
        result = scipy_minimize(
            *(both, flat),
            jac=True,
            method=method,
            callback=lambda flat, *_: trace.add(tree(flat), both(flat)[0]),
            tol=tolerance or None,
            options={"maxiter": steps},
        )
    if trace.loss != float(result.fun):
        trace.add(tree(result.x), float(result.fun))
    trace.message = str(result.message)
    return trace
