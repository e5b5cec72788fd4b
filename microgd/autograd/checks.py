"""Checking derivatives against finite differences, and adding rules that have been checked."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from .derivatives import jvp, leaves_of, map_tree, name_of, vjp
from .rules.table import COMPOSITE, CONSTANT, RULES, Function, Rule, find, full_name, primitive
from .value import Value, no_grad

STEP = 1e-4  # of the fourth-order difference: its error is about STEP⁴ and rounding over STEP
RELATIVE = 1e-6  # disagreement that is put down to rounding, relative to the size of the derivative,
ABSOLUTE = 1e-8  # and to that of what was added up to get it
DRAWS = 2  # random directions for each argument


class GradientError(AssertionError):
    """A derivative disagrees with finite differences; the message says which, where, what was got and expected."""


def check_grads(f: Function, *args: Any, order: int = 2) -> None:
    """Check the derivatives of a function against central differences; raise on the first disagreement.

    In random directions t and with random cotangents u, compares u · (f(x + h t) - f(x - h t)) / 2h, to fourth order in
    h, with u · J t as reverse mode and as forward mode give it; then the same for the gradient itself, up to `order`.

    Args:
        f: A function of arrays (or nested dicts, lists and tuples of them) that returns an array or a number.
        args: Where to check; float32 is checked in float64. Stay away from kinks and edges of the domain by 1e-3.
        order: How many times to differentiate.

    Raises:
        GradientError: If a derivative is off by more than 1e-6 of its size.

    Example:
        >>> check_grads(np.sin, np.array([0.5, 1.0]))

    Source: R. W. Hamming, "Numerical Methods for Scientists and Engineers", 1962, for the differences.
    """
    check(f, args, order)


def check(f: Function, args: Sequence[Any], order: int, forward: bool = True) -> None:
    """Check in random directions, the same ones each time; in reverse mode alone where there is no other."""
    double = [map_tree(lambda x: np.asarray(x, dtype=float)[()] * 1.0, argument) for argument in args]
    generator = np.random.default_rng(0)
    for argument in range(len(args)):
        if any(np.size(leaf) for leaf in leaves_of(double[argument])):
            for _ in range(DRAWS):
                compare(f, double, argument, order, forward, generator, name_of(f))


def compare(
    f: Function, args: list[Any], argument: int, order: int, forward: bool, generator: np.random.Generator, name: str
) -> None:
    """Compare the derivatives with respect to one argument in one random direction."""
    value, pullback = vjp(f, *args)
    cotangent = draw(generator, value)
    tangent = map_tree(lambda leaf: draw(generator, leaf), args[argument])
    zeros = [map_tree(np.zeros_like, other) for other in args]

    def along(t: float) -> float:
        moved = map_tree(lambda leaf, direction: leaf + t * direction, args[argument], tangent)
        with no_grad():
            result = f(*args[:argument], moved, *args[argument + 1 :])
        return float(np.sum(cotangent * (result._data if type(result) is Value else result)))

    h = STEP
    expected = (8 * (along(h) - along(-h)) - (along(2 * h) - along(-2 * h))) / (12 * h)
    noise = ABSOLUTE * (1 + abs(along(0.0)))
    reverse = sum(
        float(np.sum(a * b)) for a, b in zip(leaves_of(pullback(cotangent)[argument]), leaves_of(tangent), strict=True)
    )
    directions = [*zeros[:argument], tangent, *zeros[argument + 1 :]]
    found = {"reverse": reverse}
    if forward:
        found["forward"] = float(np.sum(cotangent * jvp(f, args, directions)[1]))
    for mode, got in found.items():
        if not abs(got - expected) <= RELATIVE * max(abs(got), abs(expected)) + noise:
            raise GradientError(
                f"{name}: the derivative with respect to argument {argument}, in {mode} mode, is {got!r} along a "
                f"random direction, but finite differences give {expected!r}. Look at the rules that {name} uses; at a "
                "kink of the function, move away from it."
            )
    if order > 1:

        def slope(*inner: Any) -> Any:
            return vjp(f, *inner)[1](cotangent)[argument]

        def flat(*inner: Any) -> Any:
            parts = zip(leaves_of(slope(*inner)), leaves_of(tangent), strict=True)
            return sum(np.sum(part * direction) for part, direction in parts)

        for other in range(len(args)):
            if any(np.size(leaf) for leaf in leaves_of(args[other])):
                compare(flat, args, other, order - 1, forward, generator, f"the gradient of {name}")


def draw(generator: np.random.Generator, like: Any) -> Any:
    """Return random numbers of either sign and not small, in the shape of an array."""
    shape = np.shape(like)
    numbers = generator.uniform(0.5, 1.5, size=shape) * generator.choice([-1.0, 1.0], size=shape)
    return numbers if shape else float(numbers)


def custom_rule(
    *derivatives: Function | None, example: Sequence[Any] | None = None, order: int = 2, numeric: bool = False
) -> Callable[[Function], Function]:
    """Give a function a derivative of your own: a decorator, checked against finite differences on the spot.

    Args:
        derivatives: For each positional argument a function (g, y, *inputs) -> cotangent of that argument, where g is
            the cotangent of the output y; None for an argument that has no derivative.
        example: Arguments to check it with; arrays of three numbers between 0.5 and 1.5 by default.
        order: 2 for derivatives that NumPy computes, so that they can be differentiated in turn, as often as wanted; 1
            for any others (of SciPy, of a program): the gradient of the gradient is then refused.
        numeric: Take derivatives by central differences instead: first order only, and slow.

    Returns:
        A decorator. The function may be one of NumPy's that has no rule yet.

    Raises:
        GradientError: If the derivatives are wrong; then no rule is added.
        ValueError: If the function has a rule already, cannot be called with the example or changes it, or if there is
            not one derivative for each of its arguments.

    Example:
        >>> @custom_rule(lambda g, y, x: g * 3 * x**2)
        ... def cube(x):
        ...     return x * x * x
        >>> v = Value(2.0)
        >>> cube(v).backward()
        >>> v.grad
        12.0
    """
    if example is not None and not isinstance(example, list | tuple):
        raise TypeError(f"custom_rule takes example= as a list of arguments, but got {example!r}; write [{example!r}].")
    for derivative in derivatives:
        if derivative is not None and not callable(derivative):
            raise TypeError(f"custom_rule takes a function (g, y, *inputs) for each argument, but got {derivative!r}.")

    def decorate(function: Function) -> Function:
        if not hasattr(function, "__name__"):
            raise TypeError(
                "custom_rule decorates a function that has a name, as in `@mg.custom_rule(lambda g, y, x: ...)` above "
                f"a def, but got {function!r}."
            )
        name = full_name(function)
        if not derivatives and not numeric:
            raise ValueError(f"{name}: give a derivative for each argument, or numeric=True.")
        known = isinstance(function, np.ufunc) or hasattr(function, "_implementation")
        recorded: Function = function if known else primitive(function)
        if has_rule(recorded):
            raise ValueError(f"{name} has a rule already; it cannot be given another.")
        needed, most = arguments_of(function)
        count = len(derivatives) or needed
        if not needed <= count <= most:
            raise ValueError(
                f"{name} takes {needed if needed == most else f'{needed} or more'} argument(s), but got {count} "
                "derivative(s); give one for each, None for an argument that has none."
            )
        chosen = derivatives or tuple(numeric_derivative(function, k) for k in range(count))
        if order == 1:
            chosen = tuple(d and first_order(function, d) for d in chosen)
        inputs = (
            copy.deepcopy(list(example))
            if example is not None
            else [np.linspace(0.5, 1.5, 3) + k for k in range(count)]
        )
        RULES[recorded] = Rule(recorded, chosen, forward=None if known else function)
        try:
            try_out(function, name, inputs)
            places = [k for k, derivative in enumerate(chosen) if derivative is not None]

            def of_differentiable(*given: Any) -> Any:
                together = list(inputs)
                for place, argument in zip(places, given, strict=True):
                    together[place] = argument
                return recorded(*together)

            of_differentiable.__name__ = function.__name__
            if not numeric:  # nothing to compare: they are finite differences
                check(of_differentiable, [inputs[k] for k in places], order, forward=order > 1)
        except (AttributeError, IndexError, KeyError, TypeError) as error:
            del RULES[recorded]
            raise ValueError(
                f"{name}: a derivative failed where it was checked: {error}. It takes (g, y, *inputs), and returns an "
                "array in the shape of its input; order=1 is for one that cannot be computed on Values."
            ) from error
        except Exception:
            del RULES[recorded]
            raise
        return recorded

    return decorate


def has_rule(function: Function) -> bool:
    """Return whether something is known about a function's derivative."""
    try:
        return bool(find(function))
    except NotImplementedError:
        return function in COMPOSITE or function in CONSTANT


def arguments_of(function: Function) -> tuple[int, float]:
    """Return how many positional arguments a function needs, and how many it takes at most."""
    if isinstance(function, np.ufunc):
        return function.nin, function.nin
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):  # written in C
        return 1, math.inf
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    more = any(p.kind == p.VAR_POSITIONAL for p in parameters)
    return sum(p.default is p.empty for p in places), math.inf if more else len(places)


def try_out(function: Function, name: str, inputs: list[Any]) -> None:
    """Call a function with the example, or say why no rule can be checked with it."""
    given = copy.deepcopy(inputs)
    try:
        result = function(*inputs)
    except Exception as error:
        raise ValueError(f"{name} cannot be called with {given} to check its rule ({error}); pass example=.") from error
    if not isinstance(result, float | int | np.ndarray | np.generic) or np.asarray(result).dtype.kind not in "fiubc":
        raise ValueError(f"{name} returned {result!r}; a rule is for a function that returns one array of numbers.")
    if not all(np.array_equal(x, before) for x, before in zip(inputs, given, strict=True)):
        raise ValueError(f"{name} changes its arguments in place; a rule is for a function that leaves them alone.")


def first_order(function: Function, derivative: Function) -> Function:
    """Return a derivative that refuses Values: it is computed by something that would not record."""

    @wraps(derivative)
    def of_numbers(g: Any, y: Any, *inputs: Any, **options: Any) -> Any:
        if any(type(x) is Value for x in (g, y, *inputs)):
            raise NotImplementedError(
                f"{full_name(function)} has a derivative of order=1, which cannot be differentiated again; give it a "
                "rule that is computed by NumPy."
            )
        return derivative(g, y, *inputs, **options)

    return of_numbers


def numeric_derivative(function: Function, argument: int) -> Function:
    """Return a derivative by central differences, one element of the argument at a time."""

    def derivative(g: Any, y: Any, *inputs: Any) -> Any:
        if any(type(x) is Value for x in (g, y, *inputs)):
            raise NotImplementedError(
                f"{full_name(function)} has a numeric derivative, which cannot be differentiated again; give it a rule."
            )
        x = np.array(inputs[argument], dtype=float)
        result = np.zeros_like(x)
        for place in np.ndindex(x.shape):
            sides = []
            for h in (STEP, -STEP):
                moved = x.copy()
                moved[place] += h
                sides.append(np.sum(g * function(*inputs[:argument], moved[()], *inputs[argument + 1 :])))
            result[place] = (sides[0] - sides[1]) / (2 * STEP)
        return result

    return derivative
