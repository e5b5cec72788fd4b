"""`microgd explain`: the ledger of an expression, or of a Python file, in the terminal."""

from __future__ import annotations

import argparse
import runpy

import numpy as np

from .autograd.value import Value
from .viz.drawing import draw
from .viz.ledger import ledger


class ExplainError(ValueError):
    """What was asked for cannot be explained; the message says why."""


def explain(options: argparse.Namespace) -> int:
    """Print the ledger, write the picture if one is wanted, and return the exit code."""
    try:
        result = from_file(options) if options.what.endswith(".py") else from_expression(options)
        result.backward()
        table = ledger(result, nudge=options.nudge)
    except (NotImplementedError, ArithmeticError) as error:
        raise ExplainError(str(error)) from None
    print(f"{result.name} = {result:.6g}\n\n{table}")
    if options.draw:
        print(f"\nwritten: {draw(result).save(options.draw)}")
    return 0


def from_expression(options: argparse.Namespace) -> Value:
    """Return the Value of an expression with the values given for its names."""
    values: dict[str, Value] = {}
    for given in options.values:
        name, sign, number = given.partition("=")
        try:
            values[name] = Value(float(number), name=name)
        except ValueError:
            sign = ""
        if not sign or not name.isidentifier():
            raise ExplainError(f"{given!r} is not NAME=NUMBER, such as x=2.")
    functions = {name: getattr(np, name) for name in ("exp", "log", "sqrt", "sin", "cos", "tan", "tanh", "maximum")}
    try:
        result = eval(options.what, {"__builtins__": {}, "np": np, "abs": abs, **functions}, values)
    except NameError as error:
        raise ExplainError(f"{error}: give it a value, as {error.name}=2.") from None
    except SyntaxError as error:
        raise ExplainError(f"{options.what!r} is not an expression: {error.msg}.") from None
    if type(result) is not Value or result.rule is None:
        raise ExplainError(f"{options.what!r} does not compute with any of the values; write such as x=2 after it.")
    result.name = result.name or "result"
    return result


def from_file(options: argparse.Namespace) -> Value:
    """Return the Value that a Python file computes."""
    computed = {k: v for k, v in runpy.run_path(options.what).items() if type(v) is Value and v.rule is not None}
    name = options.result or next(reversed(computed), None)
    if name not in computed:
        found = ", ".join(computed) or "none"
        raise ExplainError(f"{options.what} computes no Value named {name or 'anything'}; those it computes: {found}.")
    computed[name].name = computed[name].name or name
    return computed[name]
