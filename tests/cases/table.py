"""What a case is, and how families of them are added."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from microgd.autograd.rules import linalg
from microgd.autograd.rules.table import full_name

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Case:
    """A call of a function that has a rule."""

    function: Callable[..., Any]
    call: Callable[..., Any]
    args: tuple[Any, ...]
    label: str
    domain: str = "all numbers"
    order: int = field(default=2)

    def __str__(self) -> str:
        return f"{full_name(self.function)}-{self.label}"


def numbers(shape: tuple[int, ...], low: float = -2.0, high: float = 2.0, seed: str = "") -> Any:
    """Return numbers between two limits, the same ones for the same arguments, none near another or near 0."""
    size = int(np.prod(shape))
    generator = np.random.default_rng(zlib.crc32(f"{shape}{low}{high}{seed}".encode()))
    steps = (generator.permutation(size) + generator.uniform(0.3, 0.7)) / max(size, 1)  # spread, so that none are equal
    found = low + (high - low) * steps
    found = np.where(np.abs(found) < 0.05, found + 0.1, found)
    return found.reshape(shape) if shape else float(found[0])


SHAPES: tuple[tuple[int, ...], ...] = ((), (3,), (0,), (1, 3), (2, 3), (2, 1, 2))
BROADCASTS: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    *(((), ()), ((3,), (3,)), ((3,), ()), ((), (3,)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((1,), (2, 2)), ((0, 2), (2,))),
)
AXES: tuple[dict[str, Any], ...] = (
    *({}, {"axis": 0}, {"axis": -1}, {"axis": (0, 1)}, {"keepdims": True}, {"axis": (0, -1), "keepdims": True}),
)

CASES: list[Case] = []
UNDETERMINED = {linalg.beyond_the_smaller_side}  # what uses them is refused, what leaves them out has derivative zero
PIECEWISE_CONSTANT = {
    np.floor,
    np.ceil,
    np.trunc,
    np.rint,
    np.round,
    np.around,
    np.fix,
    np.sign,
    np.floor_divide,
}  # the derivative is zero


def add(function: Any, call: Any, *args: Any, label: str = "", domain: str = "all numbers", order: int = 2) -> None:
    """Add a case."""
    CASES.append(Case(function, call, args, label or str(tuple(map(np.shape, args))), domain, order))


def unary(function: Any, low: float = -2.0, high: float = 2.0) -> None:
    """Add cases for a function of one array, over all shapes, with numbers between two limits."""
    for shape in SHAPES:
        add(function, function, numbers(shape, low, high), domain=f"{low} to {high}")


def binary(function: Any, low: float = -2.0, high: float = 2.0) -> None:
    """Add cases for a function of two arrays, broadcast either way, and with a Python number on either side."""
    for left, right in BROADCASTS:
        args = numbers(left, low, high, "left"), numbers(right, low, high, "right")
        add(function, function, *args, domain=f"{low} to {high}")
    array = numbers((2, 3), low, high)
    add(function, lambda a: function(a, 1.5), array, label="number on the right", domain=f"{low} to {high}")
    add(function, lambda b: function(1.5, b), array, label="number on the left", domain=f"{low} to {high}")
    add(function, lambda a: function(a, a * 0.7 + 0.1), array, label="the same twice", domain=f"{low} to {high}")


def reduction(function: Any, low: float = -2.0, high: float = 2.0, **options: Any) -> None:
    """Add cases for a function that reduces axes."""
    for given in AXES:
        chosen = {**given, **options}
        add(function, lambda x, chosen=chosen: function(x, **chosen), numbers((2, 3, 2), low, high), label=str(chosen))
    add(function, lambda x: function(x, **options), numbers((4,), low, high), label=f"one axis {options}")


def together(results: Any) -> Any:
    """Return the arrays of a tuple or list as one flat array, each weighted differently, so that all are checked."""
    return np.concatenate([np.ravel(part) * (1.0 + 0.3 * i) for i, part in enumerate(results)])
