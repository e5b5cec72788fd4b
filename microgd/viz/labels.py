"""What pictures say: numbers in one format, names, and the local derivative of an edge as mathematics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.rules.table import Function
from ..autograd.symbols import Symbol, trace
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
    np.equal: (" = ", 0),
    np.not_equal: (" ≠ ", 0),
}
CALLED = {"absolute": "abs", "exponent_slope": "slope", "direction": "sign"}


def number(x: Any) -> str:
    """Return a number with four significant digits and a true minus sign: 0.3333, −20, 1.2e−5, 1 − 2i."""
    if isinstance(x, complex | np.complexfloating):
        return f"{number(x.real)} {'−' if x.imag < 0 else '+'} {number(abs(x.imag))}i"
    text = f"{float(x):.4g}".replace("e-0", "e-").replace("e+0", "e")
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
        return power(*inputs) if sign == "^" else sign.join(inputs)
    name = CALLED.get(node.rule.name, node.rule.name)
    return f"−{inputs[0]}" if name == "negative" else f"{name}({', '.join(inputs)})"


def constant(x: Any) -> str:
    """Return a constant operand: a number, or the shape of an array."""
    if isinstance(x, str) or x is None:
        return str(x)
    return number(x) if not np.ndim(x) else "×".join(map(str, np.shape(x)))


def derivative(node: Value, argument: int, names: dict[Value, str], result: str) -> str:
    """Return the local derivative of an edge as a formula in the names of the inputs; '' where it is not a formula."""
    assert node.rule is not None
    inputs = tuple(names[x] if type(x) is Value else constant(x) for x in node.inputs)
    if node.rule.function is np.matmul:
        return f"{inputs[1 - argument]}ᵀ"
    if node.rule.function is np.sum:
        return "1"
    if node.rule.function is np.mean:
        return f"1 / {number(np.size(node.operands[0]) / max(node.size, 1))}"
    if not node.rule.elementwise:
        return ""
    derivatives = trace(node.rule, inputs)
    if derivatives is None:
        return ""
    return "0" if derivatives[argument] is None else written(with_seed(derivatives[argument], result))


def with_seed(expression: Any, result: str) -> Any:
    """Return a derivative with the cotangent taken as 1 and the output by its name, and what that makes simple."""
    if not isinstance(expression, Symbol):
        return expression
    if expression.function is None:
        return {"g": 1, "y": Symbol(result)}.get(expression.text, expression)
    parts = [with_seed(part, result) for part in expression.arguments]
    if expression.function is np.multiply:
        parts = [part for part in parts if isinstance(part, Symbol) or part != 1]
        if len(parts) < 2:
            return parts[0] if parts else 1
    if expression.function is np.power and isinstance(parts[1], Symbol) and parts[1].function is np.subtract:
        base, exponent = parts[1].arguments  # b - (b != 0), which is b - 1 wherever it matters
        if isinstance(exponent, Symbol) and exponent.function is np.not_equal:
            try:
                less = float(base.text) - 1
            except ValueError:
                parts[1] = Symbol(function=np.subtract, arguments=(base, 1))
            else:
                return parts[0] if less == 1 else 1 if less == 0 else power_of(parts[0], less)
    return Symbol(function=expression.function, arguments=tuple(parts))


def power_of(base: Any, exponent: float) -> Symbol:
    """Return base ** exponent as an expression."""
    return Symbol(function=np.power, arguments=(base, Symbol(number(exponent))))


def power(base: str, exponent: str) -> str:
    """Return a power with its exponent raised, where it is a whole number."""
    raised = exponent.translate(str.maketrans("0123456789−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"))
    whole = exponent.removeprefix("−").isdigit()
    return f"{base}{raised}" if whole else f"{base}^{exponent}"


def written(expression: Any, outer: int = 0) -> str:
    """Return an expression as mathematics."""
    if not isinstance(expression, Symbol):
        return number(expression)
    if expression.function is None:
        return expression.text
    arguments = expression.arguments
    if expression.function is np.negative:
        text, level = f"−{written(arguments[0], 2)}", 1
    elif expression.function.__name__ == "quotient":
        text, level = f"{written(arguments[0], 2)} / {written(arguments[1], 3)}", 2
    elif expression.function in WRITTEN:
        sign, level = WRITTEN[expression.function]
        left, right = written(arguments[0], level), written(arguments[1], level + 1)
        text = power(left, right) if sign == "^" else f"{left}{sign}{right}"
    else:
        name = CALLED.get(expression.function.__name__, expression.function.__name__)
        return f"{name}({', '.join(map(written, arguments))})"
    return f"({text})" if level < outer else text
