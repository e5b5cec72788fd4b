"""Blame: which operation, on which line of the user's code, made the first number that is not finite."""

from __future__ import annotations

import contextlib
import linecache
import sys
from pathlib import Path
from typing import Any

import numpy as np

from .backward import pull_all, pull_on_values
from .operators import active, contribution_of, intercept
from .rules.table import Function, full_name

INSIDE = (str(Path(__file__).parents[1]), str(Path(np.__file__).parent), "<emitted", "<__array_function__")


class NonFiniteError(FloatingPointError):
    """A number became infinite or nan; the message names the operation, its operands and the line that made it."""


class debug(contextlib.ContextDecorator):
    """Raise at the first number that is not finite: where, by which operation, from what, forward or backward.

    A `with` block or a decorator, per thread; may be nested. Operations are slower inside, and cost nothing outside.
    Compiled steps run as they are written, `fit` too.

    Raises:
        NonFiniteError: When an operation gives inf or nan, or sends it back as a gradient.

    Example:
        >>> import microgd as mg
        >>> x = mg.Value(0.0, name="x")
        >>> with mg.debug():  # doctest: +ELLIPSIS, +IGNORE_EXCEPTION_DETAIL
        ...     y = np.log(x)
        Traceback (most recent call last):
        NonFiniteError: forward: np.log made -inf from x = 0, at example.py:3, `y = np.log(x)`.

    Source: as PyTorch's detect_anomaly, for the forward pass too.
    """

    def __enter__(self) -> debug:
        quiet = np.errstate(all="ignore")  # NumPy's warnings would say less, and twice
        self.before = [*getattr(self, "before", []), (active.debug, quiet)]
        active.debug = Blame()
        intercept()
        quiet.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        active.debug, quiet = self.before.pop()
        intercept(-1)
        quiet.__exit__()


class Blame:
    """What is known about the operations inside a `debug` block: the line that made each Value, by serial number."""

    def __init__(self) -> None:
        self.lines: dict[int, str] = {}

    def check_forward(self, function: Function, inputs: tuple[Any, ...], out: Any) -> None:
        """Note where a Value was made; raise if it is not finite."""
        line = self.lines[out.serial] = users_line()
        if not finite(out._data):
            operands = ", ".join(described(x, place) for place, x in enumerate(inputs))
            raise NonFiniteError(
                f"forward: {full_name(function)} made {what_is_wrong(out._data)} from {operands}, at {line}."
            )

    def pull(self, nodes: list[Any], *, create_graph: bool) -> None:
        """Pull the cotangent back through each record, latest first; raise at the first that sends back inf or nan."""
        pull = pull_on_values if create_graph else pull_all
        for node in reversed(nodes):
            active.debug = None  # what the derivative itself computes is not the user's
            try:
                pull([node])
            finally:
                active.debug = self
            for argument, parent in enumerate(node.inputs):
                if type(parent) is type(node) and not finite(bare(parent.grad)):
                    raise self.sent(bare(parent.grad), node, argument, bare(node.grad))

    def across(self, node: Any, argument: int, g: Any, y: Any, inputs: tuple[Any, ...]) -> Any:
        """Return what one edge adds to the gradient of its input; raise if it is not finite."""
        active.debug = None
        try:
            contribution = contribution_of(node, argument, g, y, inputs)
        finally:
            active.debug = self
        if not finite(bare(contribution)):
            raise self.sent(bare(contribution), node, argument, bare(g))
        return contribution

    def sent(self, wrong: Any, node: Any, argument: int, upstream: Any) -> NonFiniteError:
        """Return the error for what a derivative sent back."""
        operands = ", ".join(described(x, place) for place, x in enumerate(node.inputs))
        line = self.lines.get(node.serial, "a line outside mg.debug(), or by a backward pass")
        return NonFiniteError(
            f"backward: the derivative of {full_name(node.rule.function)} sent {what_is_wrong(wrong)} to "
            f"{called(node.inputs[argument], argument)}. Upstream was {ranged(upstream)}, the operands {operands}; the "
            f"operation was made at {line}."
        )


def bare(grad: Any) -> Any:
    """Return a gradient as numbers; 0 where there is none."""
    return 0.0 if grad is None else getattr(grad, "_data", grad)


def finite(data: Any) -> bool:
    """Return whether all numbers are finite."""
    return bool(np.all(np.isfinite(data)))


def what_is_wrong(data: Any) -> str:
    """Return which numbers are not finite, and how many."""
    data = np.asarray(data)
    if not data.ndim:
        return str(data)
    counts = {"nan": np.isnan(data).sum(), "inf": np.isposinf(data).sum(), "-inf": np.isneginf(data).sum()}
    parts = [f"{count} {name}" for name, count in counts.items() if count]
    return f"{' and '.join(parts)} of {data.size} numbers, the first at {first_place(~np.isfinite(data))},"


def first_place(chosen: Any) -> str:
    """Return the index of the first True of an array."""
    return str([int(i) for i in np.argwhere(chosen)[0]])


def called(value: Any, place: int) -> str:
    """Return what to call an operand."""
    return getattr(value, "name", None) or f"operand {place + 1}"


def described(operand: Any, place: int) -> str:
    """Return an operand's name and range."""
    return f"{called(operand, place)} = {ranged(getattr(operand, '_data', operand))}"


def ranged(data: Any) -> str:
    """Return a number as it is, and an array as its shape and range."""
    if not np.ndim(data):
        return f"{data:.6g}" if isinstance(data, float | int | np.number) else repr(data)
    data = np.asarray(data)
    if data.dtype.kind not in "fiub" or not data.size:
        return f"{data.dtype} of shape {data.shape}"
    known = data[np.isfinite(data)]
    limits = f"{known.min():.6g} to {known.max():.6g}" if known.size else "nothing finite"
    others = "" if known.size == data.size else f" with {what_is_wrong(data).rstrip(',')}"
    return f"{limits} in shape {data.shape}{others}"


def users_line() -> str:
    """Return the place in the user's code from which microgd was called, and what stands there."""
    frame: Any = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(INSIDE):
        frame = frame.f_back
    file, number = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(file, number, frame.f_globals).strip()
    return f"{Path(file).name if Path(file).exists() else file}:{number}" + (f", `{text}`" if text else "")
