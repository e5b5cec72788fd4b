"""The table of derivative rules: one row per function, and the decorators that fill it.

A row holds a function and, for each positional argument, a derivative: from the cotangent `g` of the output `y`, the
output and the inputs, to that argument's cotangent. Derivatives are plain NumPy expressions: arrays in, arrays out;
Values in, Values out. Undoing a broadcast is not their business: the walk does it once, for all of them.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from functools import cache, partial, wraps
from typing import Any, TypeVar

import numpy as np

Function = Callable[..., Any]
Constant = Any  # the type of an argument of a composite function that cannot be a Value: an axis, a shape, a count
F = TypeVar("F", bound=Function)


class Rule:
    """One row of the table: a function, its derivatives, and how to call it."""

    __slots__ = (
        *("function", "name", "derivatives", "variadic", "forward", "bind", "scalar", "elementwise"),
        *("parts", "options", "fixed", "call", "operator", "pull", "value_pull"),
    )

    def __init__(
        self,
        function: Function,
        derivatives: tuple[Function | None, ...],
        *,
        variadic: Function | None = None,
        forward: Function | None = None,
        bind: Function | None = None,
        scalar: Function | None = None,
        elementwise: bool = False,
        parts: Function | None = None,
        pull: Function | None = None,
    ) -> None:
        self.function = function
        self.name: str = function.__name__
        self.derivatives = derivatives
        self.variadic = variadic
        self.forward = forward or function
        self.bind = bind
        self.scalar = scalar
        self.elementwise = elementwise
        self.parts = parts  # the same in several steps, where the row takes them as one
        self.options = options_of(2 + len(derivatives), (*derivatives, variadic)) | options_of(0, (bind,))
        self.fixed = variadic is None and bind is None and not self.options
        self.call: Function | None = None  # the forward computation, with Python floats handled apart,
        self.operator: Function | None = None  # the fast way to record one call, and
        self.pull = pull  # to send one cotangent back,
        self.value_pull: Function | None = None  # or to send it back on Values; all emitted when first needed

    def derivative(self, argument: int) -> Function | None:
        """Return the derivative with respect to one positional argument, or None where there is none."""
        if self.variadic is not None:
            return partial(self.variadic, argument)
        return self.derivatives[argument] if argument < len(self.derivatives) else None

    def __repr__(self) -> str:
        return f"<rule of {full_name(self.function)}>"


RULES: dict[Function, Rule] = {}
COMPOSITE: dict[Function, Function] = {}  # functions that are written as several steps, each of which has its rule
CONSTANT: set[Function] = set()  # functions whose result is a plain array: comparisons, argmax, shape, ...
REFUSED: dict[Function, str] = {}  # functions that cannot have a derivative here, and what to write instead


def rule(function: Function, *derivatives: Function | None, **details: Any) -> None:
    """Add a row; `None` in place of a derivative says that the argument has none."""
    declare_once(function)
    RULES[function] = Rule(function, derivatives, **details)


def composite(*functions: Function) -> Callable[[F], F]:
    """Declare that functions are several steps: the decorated function takes their arguments and performs the steps."""

    def declare(steps: F) -> F:
        for function in functions:
            declare_once(function)
            COMPOSITE[function] = refusing_values(function, steps)
        return steps

    return declare


def refusing_values(function: Function, steps: Function) -> Function:
    """Return the steps, refusing by name a Value where an argument is annotated as something else."""
    names = steps.__code__.co_varnames[: steps.__code__.co_argcount]
    kinds = {name: set(str(kind).split(" | ")) for name, kind in steps.__annotations__.items()}
    constants = {name for name, kind in kinds.items() if kind <= {"int", "bool", "str", "None", "Constant"}} - {
        "return"
    }

    @wraps(steps)
    def call(*inputs: Any, **options: Any) -> Any:
        for name, value in (*zip(names, inputs, strict=False), *options.items()):
            if name in constants and hasattr(value, "__record__"):
                raise no_derivative(function, name)
        return steps(*inputs, **options)

    return call if constants else steps


def declare_once(function: Function) -> None:
    """Raise if a function has its row already."""
    if any(function in table for table in (RULES, COMPOSITE, CONSTANT, REFUSED)):
        raise ValueError(f"{full_name(function)} already has a row in the table of rules; keep one of the two")


def elementwise(function: Function, *derivatives: Function | None, scalar: Function | None = None) -> None:
    """Add a row for a function that acts on each element alone; `scalar` is its twin for Python floats."""
    rule(function, *derivatives, scalar=scalar, elementwise=True)


def piecewise_constant(*functions: Function, **details: Any) -> None:
    """Add rows for functions whose derivative is zero wherever it exists: floor, sign, ..."""
    for function in functions:
        rule(function, *[zero] * getattr(function, "nin", 1), elementwise=True, **details)


def constant(*functions: Function) -> None:
    """Declare functions whose result carries no gradient: they are computed on the bare arrays."""
    for function in functions:
        declare_once(function)
        CONSTANT.add(function)


def refused(advice: str, *functions: Function) -> None:
    """Declare functions that have no derivative, and what to say to who calls them with a Value."""
    for function in functions:
        declare_once(function)
        REFUSED[function] = advice


def zero(g: Any, y: Any, *inputs: Any) -> None:
    """The derivative of a piecewise constant function: no contribution at all."""
    return


def primitive(function: F) -> F:
    """Let a function of microgd's own take part as NumPy's do: given a Value, it is recorded as one step."""

    @wraps(function)
    def call(*inputs: Any, **options: Any) -> Any:
        for value in inputs:
            record = getattr(type(value), "__record__", None)
            if record is not None:
                return record(value, call, inputs, options)
        return function(*inputs, **options)

    return call  # type: ignore[return-value]


def options_of(skipped: int, functions: tuple[Function | None, ...]) -> frozenset[str]:
    """Return the names of the parameters that come after the first few: for a derivative, after (g, y, *inputs)."""
    names: set[str] = set()
    for function in functions:
        if function is not None:
            code = inspect.unwrap(function).__code__
            names.update(code.co_varnames[skipped : code.co_argcount + code.co_kwonlyargcount])
    return frozenset(names)


def full_name(function: Function) -> str:
    """Return a function's name as its users write it: np.linalg.inv, mg.relu."""
    module = getattr(function, "__module__", None) or "numpy"
    if isinstance(function, np.ufunc):  # which does not say where it is from
        special = sys.modules.get("scipy.special")
        module = "scipy.special" if getattr(special, function.__name__, None) is function else "numpy"
    package = "mg" if module.startswith("microgd") else module.replace("numpy", "np")
    return f"{package}.{function.__name__}"


RARER = ("choosing", "cumulative", "fourier", "linalg", "norms", "padding", "signals", "sorting", "statistics")


@cache
def complete() -> None:
    """Import the families that wait until they are needed, so that `import microgd` costs little more than NumPy."""
    for family in RARER:
        importlib.import_module(f"{__package__}.{family}")


def row_of(function: Function) -> Rule | None:
    """Return a function's row, whichever family it is of; None where it has none."""
    if function not in RULES:
        complete()
    return RULES.get(function)


def find(function: Function) -> Rule:
    """Return a function's row, or say that there is none and name the nearest."""
    row = row_of(function)
    if row is None and full_name(function).startswith("scipy.special"):
        importlib.import_module(f"{__package__}.special")  # whose rows nobody needs who has no SciPy
        row = RULES.get(function)
    if row is None and function in REFUSED:
        raise NotImplementedError(
            f"{full_name(function)} has no derivative, and one of its arguments is a Value: {REFUSED[function]}"
        )
    if row is None:
        import difflib  # which takes as long to import as half of this package

        names = [name for name in map(full_name, (*RULES, *COMPOSITE)) if not name.startswith("mg.")]
        near = difflib.get_close_matches(full_name(function), names, n=1, cutoff=0.6)
        raise NotImplementedError(
            f"{full_name(function)} has no derivative rule, and one of its arguments is a Value. "
            + (f"The nearest function that has one is {near[0]}. " if near else "")
            + "Add a rule with mg.custom_rule, or pass the constant part as value.data."
        )
    return row


@cache
def defaults_of(function: Function) -> dict[str, Any]:
    """Return the default of each of a function's parameters that has one."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        return {}
    return {p.name: p.default for p in parameters if p.default is not p.empty}


@cache
def parameters_of(function: Function) -> tuple[str, ...]:
    """Return the names of a function's positional parameters, in order ('' where NumPy does not say)."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        return ()
    return tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))


def no_derivative(function: Function, argument: int | str) -> NotImplementedError:
    """Return the error for an argument, by position or by name, that cannot be a Value."""
    if isinstance(argument, int):
        names = parameters_of(function)
        argument = names[argument] if argument < len(names) else f"number {argument + 1}"
    return NotImplementedError(
        f"{full_name(function)} has no derivative with respect to its argument {argument!r}, but got a Value there; "
        "pass value.data if it is meant as a constant."
    )
