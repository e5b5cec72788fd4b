"""What pictures say: numbers in one format, names, and operations as mathematics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.rules.table import Function
from ..autograd.value import Value

LONGEST = 24  # characters of a name or formula; the rest is cut
WRITTEN: dict[Function, tuple[str, int]] = {  # how two operands are joined, and how tightly
    np.add: (" + ", 1),
    np.subtract: (" − ", 1),
    np.multiply: ("·", 2),
    np.divide: (" / ", 2),
    np.power: ("^", 4),
    np.matmul: (" @ ", 2),
    np.greater: (" > ", 0),
    np.less: (" < ", 0),
    np.greater_equal: (" ≥ ", 0),
    np.less_equal: (" ≤ ", 0),
    np.bitwise_and: (" & ", 0),
    np.bitwise_or: (" | ", 0),
    np.equal: (" == ", 0),
    np.not_equal: (" ≠ ", 0),
}
CALLED = {"absolute": "abs", "exponent_slope": "slope", "direction": "sign"}


def number(x: Any) -> str:
    """Return a number with four significant digits and a true minus sign: 0.3333, −20, 1.2e−5, 1 − 2i."""
    if np.iscomplexobj(x):
        return f"{number(x.real)} {'−' if x.imag < 0 else '+'} {number(abs(x.imag))}i"
    text = f"{float(x):.4g}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
    return ("0" if text == "-0" else text).replace("-", "−")


def summary(data: Any) -> str:
    """Return a number as it is, and an array as its shape and its range."""
    if not np.ndim(data):
        return number(data)
    shape = "×".join(map(str, np.shape(data)))
    return f"{shape}: {number(np.min(data))} to {number(np.max(data))}" if np.size(data) else f"{shape}: empty"


def short(text: str, longest: int = LONGEST) -> str:
    """Return a text on one line, cut where it is too long to be drawn, with no character that controls a terminal."""
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(text.split()))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def names_of(nodes: list[Value], leaves: list[Value]) -> dict[Value, str]:
    """Return what each Value of a graph is called: its name, or a number in the order of creation."""
    values = sorted((*leaves, *nodes), key=lambda value: value.serial)
    return {value: short(value.name) if value.name else f"n{place}" for place, value in enumerate(values, 1)}


def operation(node: Value, names: dict[Value, str], of_constant: Callable[[Any], str] | None = None) -> str:
    """Return what a record computes, in the names of its inputs: `v·x`, `tanh(n3)`."""
    assert node.rule is not None
    inputs = [names[x] if type(x) is Value else (of_constant or constant)(x) for x in node.inputs]
    if node.rule.function in WRITTEN and len(inputs) == 2:
        sign = WRITTEN[node.rule.function][0]
        first, second = (x if type(of) is Value else bracketed(x) for x, of in zip(inputs, node.inputs, strict=True))
        return power(first, inputs[1]) if sign == "^" else f"{first}{sign}{second}"
    name = CALLED.get(node.rule.name, node.rule.name)
    if name == "getitem":
        return f"{inputs[0]}[…]"
    return f"−{inputs[0]}" if name == "negative" else f"{name}({', '.join(inputs)})"


def constant(x: Any) -> str:
    """Return a constant operand: a number, or the shape of an array in brackets, as [3×2]."""
    if isinstance(x, str) or x is None:
        return str(x)
    return f"[{'×'.join(map(str, np.shape(x)))}]" if np.ndim(x) else number(x)


def bracketed(text: str) -> str:
    """Return a number in brackets where it has a sign, or else as it is."""
    return f"({text})" if text.startswith("−") or (" " in text and not text.startswith("(")) else text


def power(base: str, exponent: str) -> str:
    """Return a power with its exponent raised, where it is a whole number."""
    raised = exponent.translate(str.maketrans("0123456789−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"))
    whole = exponent.removeprefix("−").isdigit()
    return f"{base}{raised if whole else f'^{exponent}'}"
