"""`microgd explain`: backpropagation through an expression or a file, in the terminal, as a table or in steps."""

from __future__ import annotations

import argparse
import contextlib
import os
import runpy
import shutil
import sys
from collections.abc import Callable, Iterator

import numpy as np

from .autograd.backward import ancestors
from .autograd.value import Value
from .viz.checking import check_formula
from .viz.drawing import draw
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
RIGHT, WRONG = 0, 1  # exit codes
HINT = "→ or space: next   ←: back   q: stop"


class ExplainError(ValueError):
    """What was asked for cannot be explained; the message says why."""


def explain(options: argparse.Namespace) -> int:
    """Print the ledger or the steps, write the picture or page if one is wanted, and return the exit code."""
    try:
        result = from_file(options) if options.what.endswith(".py") else from_expression(options)
        result.backward()
        stepper = step(result) if options.step or options.save else None
        table = None if options.step else ledger(result, nudge=options.nudge)
    except (NotImplementedError, ArithmeticError) as error:
        raise ExplainError(str(error)) from None
    print(f"{short(str(result.name))} = {result:.6g}\n")
    if stepper is not None and options.step:
        walk_through(stepper)
    else:
        print(table)
    if options.formula:
        print("", *formulas(result), sep="\n")
    wrong = sum([not checked(result, given) for given in options.check])
    if options.draw:
        print(f"\nwritten: {draw(result).save(options.draw)}")
    if stepper is not None and options.save:
        print(f"\nwritten: {stepper.save(options.save)}")
    return WRONG if wrong else RIGHT


def formulas(result: Value) -> Iterator[str]:
    """Yield the gradient by each leaf as a formula, or why there is none."""
    for leaf in ancestors(result):
        if leaf.rule is None:
            try:
                yield str(formula(result, leaf))
            except FormulaError as error:
                yield f"∂{short(str(leaf.name))}: {error}"


def checked(result: Value, given: str) -> bool:
    """Print whether a gradient that was given, as NAME=FORMULA, is right, and return it."""
    leaves = {leaf.name: leaf for leaf in ancestors(result) if leaf.rule is None and leaf.name}
    name, _, text = given.partition("=")
    if name.strip() not in leaves:
        if len(leaves) != 1:
            raise ExplainError(f"{given!r} does not say by what: write NAME=FORMULA, with one of {', '.join(leaves)}.")
        (name,), text = leaves, given
    outcome = check_formula(result, leaves[name.strip()], text)
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
            lines = [line[:width] for line in f"{stepper.told(place)}\n\n{HINT}".splitlines()]
            erase = f"\x1b[{written}F\x1b[J" if written else ""  # the step before, so that a step stays in its place
            print(erase + "\n".join(lines), flush=True)
            written = len(lines)
            key = KEYS.get(read_key())
            if key == STOP or (key == FORWARD and place == len(stepper)):
                return
            place = max(1, place + {FORWARD: 1, BACK: -1}.get(key or "", 0))


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
