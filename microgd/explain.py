"""`microgd explain`: backpropagation through an expression or a file, in the terminal, as a table or in steps."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import runpy
import shutil
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import numpy as np

from .autograd.backward import ancestors
from .autograd.rules.elementwise import relu, sigmoid, softplus
from .autograd.value import Value
from .viz.checking import check_formula
from .viz.drawing import DrawingError, draw
from .viz.formulas import FormulaError, formula
from .viz.labels import short
from .viz.ledger import ledger
from .viz.stepper import Stepper, step

FORWARD, BACK, STOP = "right", "left", "stop"
KEYS = {
    **dict.fromkeys(("\x1b[C", "\x1bOC", "\xe0M", "\x00M", " ", "\r", "\n"), FORWARD),
    **dict.fromkeys(("\x1b[D", "\x1bOD", "\xe0K", "\x00K"), BACK),
    **dict.fromkeys(("q", "\x1b", "\x03", "\x04", ""), STOP),
}
FUNCTIONS = {name: getattr(np, name) for name in ("exp", "log", "sqrt", "sin", "cos", "tan", "tanh", "arctan")}
FUNCTIONS |= {"maximum": np.maximum, "minimum": np.minimum, "abs": abs}
FUNCTIONS |= {"relu": relu, "sigmoid": sigmoid, "softplus": softplus}
RIGHT, WRONG = 0, 1  # exit codes
HINT = "→ or space: next   ←: back   q: stop"


class ExplainError(ValueError):
    """What was asked for cannot be explained; the message says why."""


def explain(options: argparse.Namespace) -> int:
    """Print the ledger or the steps, write the picture or page if one is wanted, and return the exit code."""
    result, known = from_file(options) if options.what.endswith(".py") else from_expression(options)
    try:
        with np.errstate(all="ignore"):  # what is not finite is seen in the table
            for value in ancestors(result):
                value.grad = None  # what a file has computed would be added to
            result.backward()
            stepper = step(result) if options.step or options.save else None
            table = None if options.step else ledger(result, nudge=options.nudge)
        print(f"{short(str(result.name))} = {result:.6g}\n")
        if stepper is not None and options.step:
            walk_through(stepper)
        else:
            print(table)
        if options.formula:
            print("", *formulas(result), sep="\n")
        wrong = sum([not checked(result, given, known) for given in options.check])
        if options.draw:
            print(f"\nwritten: {draw(result).save(options.draw)}")
        if stepper is not None and options.save:
            print(f"\nwritten: {stepper.save(options.save)}")
    except (NotImplementedError, ArithmeticError, DrawingError) as error:
        raise ExplainError(str(error)) from None
    return WRONG if wrong else RIGHT


def formulas(result: Value) -> Iterator[str]:
    """Yield the gradient by each leaf as a formula, or why there is none."""
    for leaf in ancestors(result):
        if leaf.rule is None:
            try:
                yield str(formula(result, leaf))
            except FormulaError as error:
                yield f"∂{short(str(leaf.name))}: {error}"


def checked(result: Value, given: str, known: dict[str, Any]) -> bool:
    """Print whether a gradient that was given, as NAME=FORMULA, is right, and return it.

    Args:
        result: What is differentiated.
        given: What was typed.
        known: Numbers and arrays by name, which a formula may use.
    """
    leaves = {leaf.name: leaf for leaf in ancestors(result) if leaf.rule is None and leaf.name}
    name, _, text = given.partition("=")
    if name.strip() not in leaves:
        if len(leaves) != 1:
            raise ExplainError(f"{given!r} does not say by what: write NAME=FORMULA, with one of {', '.join(leaves)}.")
        (name,), text = leaves, given
    outcome = check_formula(result, leaves[name.strip()], text, **known)
    print(f"\n{outcome}")
    return outcome.right


def walk_through(stepper: Stepper) -> None:
    """Go through the steps with the keyboard; where there is no keyboard, print them all."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print(stepper)
        return
    place, written = 1, 0
    with keyboard() as read_key:
        while True:
            width = shutil.get_terminal_size().columns - 1
            lines = wrapped(f"{stepper.told(place)}\n\n{HINT}", width)
            erase = f"\x1b[{written}F\x1b[J" if written else ""  # the step before, so that a step stays in its place
            print(erase + "\n".join(lines), flush=True)
            written = len(lines)
            key = KEYS.get(read_key())
            if key == STOP or (key == FORWARD and place == len(stepper)):
                return
            place = max(1, place + {FORWARD: 1, BACK: -1}.get(key or "", 0))


def wrapped(text: str, width: int) -> list[str]:
    """Return the lines of a text, none longer than a terminal is wide; what is wrapped keeps its indentation."""
    found = []
    for line in text.splitlines():
        indent = " " * min(len(line) - len(line.lstrip()), width // 2)
        found += textwrap.wrap(line, max(width, 1), subsequent_indent=indent) or [""]
    return found


@contextlib.contextmanager
def keyboard() -> Iterator[Callable[[], str]]:
    """Give a function that waits for a key and returns it; an arrow is what the terminal sends for it."""
    if sys.platform == "win32":
        import msvcrt

        def read_pair() -> str:
            first = msvcrt.getwch()
            return first + msvcrt.getwch() if first in "\x00\xe0" else first

        yield read_pair
        return
    import termios
    import tty

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)
    try:
        yield lambda: os.read(terminal, 8).decode(errors="replace")
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def from_expression(options: argparse.Namespace) -> tuple[Value, dict[str, Any]]:
    """Return the Value of an expression with the values given for its names, and nothing else that is known."""
    if options.result:
        raise ExplainError(f"--result {options.result} is for a file; an expression has one result.")
    values: dict[str, Value] = {}
    for given in options.values:
        name, sign, number = given.partition("=")
        if name in values:
            raise ExplainError(f"{name} is given twice: {given!r}.")
        try:
            values[name] = Value(float(number), name=name)
        except ValueError:
            sign = ""
        if not sign or not name.isidentifier():
            raise ExplainError(f"{given!r} is not NAME=NUMBER, such as x=2.")
    try:
        with np.errstate(all="ignore"):
            result = eval(options.what, {"__builtins__": {}, "np": np, **FUNCTIONS}, values)
    except NameError as error:
        if re.search(rf"\b{error.name}\s*\(", options.what):
            raise ExplainError(f"there is no function {error.name}; there are np and {', '.join(FUNCTIONS)}.") from None
        raise ExplainError(f"{error}: give it a value, as {error.name}=2.") from None
    except SyntaxError as error:
        raise ExplainError(f"{options.what!r} is not an expression: {error.msg}.") from None
    except (AttributeError, TypeError, LookupError, ArithmeticError, NotImplementedError) as error:
        raise ExplainError(f"{options.what!r} cannot be computed: {error}") from None
    if type(result) is not Value or result.rule is None:
        raise ExplainError(f"{options.what!r} does not compute with any of the values; write such as x=2 after it.")
    result.name = result.name or "result"
    return result, {}


def from_file(options: argparse.Namespace) -> tuple[Value, dict[str, Any]]:
    """Return the Value that a Python file computes, and the numbers and arrays that it has by name."""
    if options.values:
        raise ExplainError(f"{options.values[0]!r} is for an expression; {options.what} has its own values.")
    try:
        made = runpy.run_path(options.what)
    except SyntaxError as error:
        raise ExplainError(f"{options.what}, line {error.lineno}: {error.msg}.") from None
    except FileNotFoundError as error:
        raise ExplainError(f"{error.filename} is not there.") from None
    except Exception as error:
        lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if is_of(frame, options.what)]
        place = f"{options.what}, line {lines[-1]}" if lines else options.what
        raise ExplainError(f"{place}: {type(error).__name__}: {error}") from None
    computed = {name: value for name, value in made.items() if type(value) is Value and value.rule is not None}
    if not computed:
        raise ExplainError(f"{options.what} computes no Value; it needs one, as in loss = (v * x - y) ** 2.")
    name = options.result or next(reversed(computed))
    if name not in computed:
        raise ExplainError(f"{options.what} computes no Value named {name}; those it computes: {', '.join(computed)}.")
    computed[name].name = computed[name].name or name
    return computed[name], {name: x for name, x in made.items() if isinstance(x, int | float | np.ndarray)}


def is_of(frame: FrameType, path: str) -> bool:
    """Return whether what runs is written in a file."""
    return os.path.abspath(frame.f_code.co_filename) == os.path.abspath(path)
