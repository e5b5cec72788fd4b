"""Tracing a rule with symbols: the local derivative as a formula, and the fast operators as Python source.

A rule is an ordinary function on arrays. Called with `Symbol`s instead, it returns the expression that it computes.
That expression is written in two ways: as mathematics, for the label of an edge, and as Python, for the fast operators.
So the row in the table stays the only declaration of a derivative.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from .rules.table import Function, Rule, full_name

INFIX: dict[Function, tuple[str, int]] = {  # the operator as Python writes it, and how tightly it binds
    np.greater: (">", 1),
    np.greater_equal: (">=", 1),
    np.less: ("<", 1),
    np.less_equal: ("<=", 1),
    np.equal: ("==", 1),
    np.not_equal: ("!=", 1),
    np.bitwise_and: ("&", 2),
    np.bitwise_or: ("|", 2),
    np.add: ("+", 3),
    np.subtract: ("-", 3),
    np.multiply: ("*", 4),
    np.divide: ("/", 4),
    np.matmul: ("@", 4),
    np.remainder: ("%", 4),
    np.floor_divide: ("//", 4),
    np.negative: ("-", 5),
}


class Untraceable(TypeError):
    """Raised when a rule asks a symbol for what only a number has: its shape, or whether it is true."""


class Symbol:
    """A name, a number, or a function of symbols; it records what is done to it."""

    __slots__ = ("arguments", "function", "like", "text")
    __hash__ = object.__hash__

    def __init__(
        self, text: str = "", function: Function | None = None, arguments: tuple[Any, ...] = (), like: Any = None
    ) -> None:
        self.text = text
        self.function = function
        self.arguments = arguments
        self.like = like  # the number or array that it stands for, where that is known

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Symbol:
        if method != "__call__" or options:
            raise Untraceable(f"{ufunc.__name__}.{method}")
        return call(ufunc, *inputs)

    def __array_function__(self, function: Function, types: Any, inputs: Any, options: dict[str, Any]) -> Any:
        if function is np.shape or function is np.ndim:
            if self.like is None:
                raise Untraceable(function.__name__)
            return function(self.like)
        return call(function, *inputs)

    def __record__(self, function: Function, inputs: Any, options: dict[str, Any]) -> Symbol:
        return call(function, *inputs)

    def __bool__(self) -> NoReturn:
        raise Untraceable("bool")

    def __iter__(self) -> NoReturn:
        raise Untraceable("iter")

    def __getattr__(self, name: str) -> NoReturn:
        raise Untraceable(name)

    def __neg__(self) -> Symbol:
        return call(np.negative, self)

    def __eq__(self, other: object) -> Symbol:  # type: ignore[override]
        return call(np.equal, self, other)

    def __ne__(self, other: object) -> Symbol:  # type: ignore[override]
        return call(np.not_equal, self, other)

    def __repr__(self) -> str:
        return source(self)


def call(function: Function, *arguments: Any) -> Symbol:
    """Return the expression function(*arguments)."""
    return Symbol(function=function, arguments=arguments)


def _operator(ufunc: np.ufunc, *, reflected: bool = False) -> Callable[[Symbol, Any], Symbol]:
    if reflected:
        return lambda self, other: call(ufunc, other, self)
    return lambda self, other: call(ufunc, self, other)


_ufunc: np.ufunc
for _ufunc, _name in (
    (np.add, "add"),
    (np.subtract, "sub"),
    (np.multiply, "mul"),
    (np.divide, "truediv"),
    (np.power, "pow"),
    (np.remainder, "mod"),
    (np.floor_divide, "floordiv"),
    (np.matmul, "matmul"),
    (np.bitwise_and, "and"),
    (np.bitwise_or, "or"),
):
    setattr(Symbol, f"__{_name}__", _operator(_ufunc))
    setattr(Symbol, f"__r{_name}__", _operator(_ufunc, reflected=True))
for _ufunc, _name in ((np.greater, "gt"), (np.greater_equal, "ge"), (np.less, "lt"), (np.less_equal, "le")):
    setattr(Symbol, f"__{_name}__", _operator(_ufunc))


def source(expression: Any, outer: int = 0, *, prefix: str = "") -> str:
    """Return an expression as Python source, with no more parentheses than it needs, its functions' names prefixed."""
    if not isinstance(expression, Symbol):
        return repr(expression)
    if expression.function is None:
        return expression.text
    if expression.function not in INFIX:
        arguments = ", ".join(source(a, prefix=prefix) for a in expression.arguments)
        return f"{prefix}{identifier(expression.function)}({arguments})"
    operator, level = INFIX[expression.function]
    if len(expression.arguments) == 1:
        text = operator + source(expression.arguments[0], level, prefix=prefix)
    else:
        left, right = expression.arguments
        comparison = level == 1  # Python chains comparisons, so each side needs its own parentheses
        sides = source(left, level + comparison, prefix=prefix), source(right, level + 1, prefix=prefix)
        text = f" {operator} ".join(sides)
    return f"({text})" if level < outer else text


IDENTIFIERS: dict[Function, str] = {}


def identifier(function: Function) -> str:
    """Return the name by which emitted source calls a function: exp, scipy_special_exp2; no two have the same."""
    if function not in IDENTIFIERS:
        name = re.sub(r"\W", "_", full_name(function).removeprefix("np."))
        while name in IDENTIFIERS.values():  # as when a notebook's cell, run again, defines its function anew
            name += "_"
        IDENTIFIERS[function] = name
    return IDENTIFIERS[function]


def functions_in(expression: Any) -> set[Function]:
    """Return the functions that an expression's source calls by name."""
    if not isinstance(expression, Symbol) or expression.function is None:
        return set()
    found = set().union(*(functions_in(a) for a in expression.arguments))
    return found if expression.function in INFIX else found | {expression.function}


def trace(rule: Rule, names: tuple[str, ...]) -> list[Any] | None:
    """Return each derivative of a rule as an expression in g, y and the names; None where it cannot be written so."""
    symbols = [Symbol(name) for name in names]
    try:
        return [None if d is None else d(Symbol("g"), Symbol("y"), *symbols) for d in rule.derivatives]
    except (Untraceable, AttributeError):
        return None
