"""The page that says which functions have derivatives: written from the tables of rules, of cases and of conventions.

`python -m tests.coverage_table` writes it; a test holds the stored page to what it writes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

import microgd as mg
from microgd.autograd.rules.table import COMPOSITE, CONSTANT, REFUSED, RULES, full_name
from microgd.autograd.value import ACCUMULATIONS, REDUCTIONS
from tests.cases import CASES, PIECEWISE_CONSTANT, Case
from tests.cases.conventions import CONVENTIONS

PAGE = Path(__file__).parents[1] / "microgd" / "autograd" / "rules" / "COVERAGE.md"
COMMAND = "python -m tests.coverage_table"
HEAD = "| function | how | orders | shapes | checked | where there is no single derivative |\n|---|---|---|---|---|---|"

INTRODUCTION = """\
# Which functions have derivatives

This page is written by `{command}` from the tables of rules, of test cases and of conventions.

{differentiable} functions differentiate. `how` says by what means: a **row** of the table of rules, **steps** that have
rows of their own, or **zero** (the function is constant between its jumps).

Every function has cases, and each case is checked: its value against NumPy's; its derivative in both modes, reverse and
forward, against central differences, and that derivative's own up to the order named; that it is linear in the
cotangent; for float32; for arrays that are not contiguous, and read-only ones; compiled. A fault of 0.05 % planted in a
row must be noticed. `shapes` are those of the cases' arguments, "mixed" where several differ or broadcast; `checked` is
the range that the arguments are from, where that is not all numbers.
"""

METHODS = """\
## Methods of ufuncs

Each is recorded as the function beside it: {methods}. `outer` works for every ufunc of two arguments that has a row."""
CONSTANTS = """\
## Results that carry no gradient

Given a Value, these compute on its bare numbers, and return bare arrays: {functions}."""
OTHERS = """\
- `scipy.special.softmax`, `log_softmax`, `logsumexp` and `polygamma`, which are no ufuncs, make an array of their
  argument, and so refuse a Value: write `mg.softmax` and `mg.logsumexp`.
- Any other function of NumPy's, given a Value, raises `NotImplementedError` (`TypeError` where NumPy makes an array of
  it at once); the message names the function, and the nearest that has a rule.
"""


def differentiable() -> dict[str, Any]:
    """Return the functions that have derivatives, by the names that users write, in alphabetical order."""
    found = {full_name(function): function for function in (*RULES, *COMPOSITE)}
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def names_of(function: Any) -> list[str]:
    """Return the name of a function, and the other names that it goes by where it is from."""
    name = full_name(function)
    package, _, own = name.rpartition(".")
    module = sys.modules.get(package.replace("np", "numpy", 1)) if package != "mg" else mg
    listed = mg.__all__ if package == "mg" else [key for key in dir(module) if not key.startswith("_")]
    others = [key for key in listed if key != own and getattr(module, key) is function]
    return [name, *(f"{package}.{other}" for other in others)]


def how(function: Any) -> str:
    """Return by what means a function differentiates."""
    return "zero" if function in PIECEWISE_CONSTANT else "row" if function in RULES else "steps"


def shapes(cases: list[Case]) -> str:
    """Return what kinds of shapes the arguments of some cases have."""
    given = [np.shape(x) for case in cases for x in case.args]
    axes = sorted({len(shape) for shape in given} - {0})
    words = []
    if () in given:
        words.append("number")
    if any(0 in shape for shape in given):
        words.append("empty")
    if any(1 in shape for shape in given):
        words.append("length 1")
    if axes:
        words.append(
            f"{axes[0]} to {axes[-1]} axes" if len(axes) > 1 else f"{axes[0]} {'axis' if axes == [1] else 'axes'}"
        )
    if any(len({np.shape(x) for x in case.args}) > 1 for case in cases):
        words.append("mixed")
    return ", ".join(words)


def domains(cases: list[Case]) -> str:
    """Return where the arguments of some cases are, where that is not everywhere."""
    return "; ".join(dict.fromkeys(case.domain for case in cases if case.domain != "all numbers"))


def conventions(function: Any) -> str:
    """Return what a function's derivative is taken to be where it has no single one."""
    return "; ".join(dict.fromkeys(str(c) for c in CONVENTIONS if c.function is function))


def line(function: Any) -> str:
    """Return a function's line of the table."""
    cases = [case for case in CASES if case.function is function]
    orders = ", ".join(map(str, range(1, max(case.order for case in cases) + 1)))
    known_as = ", ".join(f"`{known}`" for known in names_of(function))
    cells = (known_as, how(function), orders, shapes(cases), domains(cases), conventions(function))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def section(title: str, names: Iterable[str], functions: dict[str, Any]) -> str:
    """Return a part of the page: a heading and a table."""
    return f"## {title}\n\n{HEAD}\n" + "\n".join(line(functions[name]) for name in names)


def methods() -> str:
    """Return what the methods of ufuncs are taken for."""
    pairs = [(f"np.{u.__name__}.reduce", full_name(f)) for u, f in REDUCTIONS.items()]
    pairs += [(f"np.{u.__name__}.accumulate", full_name(f)) for u, f in ACCUMULATIONS.items()]
    return ", ".join(f"`{method}` (`{name}`)" for method, name in pairs)


def listed(functions: Iterable[Any]) -> str:
    """Return the names of functions of NumPy's and SciPy's, in order."""
    names = {name for name in map(full_name, functions) if not name.startswith("mg.")}
    return ", ".join(f"`{name}`" for name in sorted(names, key=str.lower))


def page() -> str:
    """Return the whole page."""
    functions = differentiable()
    public = [name for name in functions if not name.startswith("mg.") or hasattr(mg, name.removeprefix("mg."))]
    parts = {
        "NumPy": [n for n in public if n.startswith("np.") and not n.startswith(("np.linalg.", "np.fft."))],
        "np.linalg": [name for name in public if name.startswith("np.linalg.")],
        "np.fft": [name for name in public if name.startswith("np.fft.")],
        "scipy.special, where SciPy is installed": [name for name in public if name.startswith("scipy.")],
        "microgd's own": [name for name in public if name.startswith("mg.")],
        "Steps inside others": [name for name in functions if name not in public],
    }
    refusals: dict[str, list[Any]] = {}
    for function, advice in REFUSED.items():
        refusals.setdefault(advice, []).append(function)
    return "\n\n".join(
        (
            INTRODUCTION.format(command=COMMAND, differentiable=len(public)).rstrip(),
            *(section(title, names, functions) for title, names in parts.items()),
            METHODS.format(methods=methods()),
            CONSTANTS.format(functions=listed(CONSTANT)),
            "## Refused",
            "\n".join(sorted(f"- {listed(alike)}: {advice}" for advice, alike in refusals.items())) + "\n" + OTHERS,
        )
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.name}: {len(differentiable())} functions, {len(CASES)} cases, {len(CONVENTIONS)} conventions")
