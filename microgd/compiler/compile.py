"""A step recorded once, planned, written out as NumPy source, and replayed.

`compile` runs a function of yours (forward, backward, update) once with arrays that write down what is done with them.
The list is cleaned of what is computed twice or for nothing, each array gets a place in memory, and the rest is written
as a Python function that calls NumPy, one line an operation. That source is what runs, and you can print it.
"""

from __future__ import annotations

import builtins
import inspect
import types
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..autograd.operators import active, intercept, namespace
from ..autograd.rules.table import Function
from ..autograd.value import Value, new_value
from .emit import Writer
from .tracing import CompileError, Trace, Traced


class Compiled:
    """A compiled step: call it like the function it was made from. See `compile`."""

    def __init__(self, step: Function) -> None:
        self.step = step
        self.plans: dict[Any, Plan] = {}
        self.enter: Function = self.dispatch  # the entry of the plan used last, which checks its own guards
        name: str = getattr(step, "__name__", "step")
        self.__name__ = name if name.isidentifier() else "step"  # a lambda has no name
        self.__doc__ = step.__doc__

    def __call__(self, *arguments: Any) -> Any:
        """Do one step."""
        if namespace["intercepted"] and active.debug is not None:
            return self.step(*arguments)  # operation by operation, so that the one to blame is found
        return self.enter(*arguments)

    def dispatch(self, *arguments: Any) -> Any:
        """Find the plan for arguments of these shapes and types, or record one, and run it."""
        if active.trace is not None:
            raise CompileError("a compiled step cannot be recorded inside another; call the plain function there.")
        arguments = tuple(x if isinstance(x, np.ndarray | float | int | Value) else np.asarray(x) for x in arguments)
        key = tuple((type(x), *(getattr(x, name, None) for name in ("shape", "strides", "dtype"))) for x in arguments)
        plan = self.plans.get(key)
        if plan is not None and self.enter is not plan.enter:
            self.enter = plan.enter
            return plan.enter(*arguments)
        plan = self.plans[key] = Plan(self, arguments)  # new, or what it took for granted holds no more
        self.enter = plan.enter
        return plan.first(*arguments)

    @property
    def source(self) -> str:
        """The NumPy source of the plan for each signature seen so far."""
        if not self.plans:
            raise CompileError(f"{self.__name__} has not been called yet, so there is nothing to show; call it once.")
        return "\n\n".join(plan.source for plan in self.plans.values())


def compile(step: Function) -> Compiled:
    """Return a function that does what `step` does, recorded once and replayed as plain NumPy.

    The step may use Values (a model's parameters), call `backward`, and update the parameters, by an optimizer or by
    `value.data = ...`. It is recorded anew for arguments of another shape or type, and where a variable that it takes
    from outside is bound to something else; an array from outside is a constant. Results are the same, bit for bit. A
    parameter's array is updated in place: keep a copy of `value.data` if it has to stay as it is.

    Args:
        step: A function of arrays and numbers. What it does in Python (print, append) happens while recording only.

    Returns:
        A function of the same arguments; `.source` is the NumPy that it runs.

    Raises:
        CompileError: At the first call, if the step does what cannot be repeated: a decision on a number that it
            computes, numbers that differ from call to call, an array built by hand.

    Example:
        >>> w = Value(0.5, name="w")
        >>> def step(x, y):
        ...     loss = (w * x - y) ** 2
        ...     loss.backward()
        ...     w.data = w.data - 0.05 * w.grad
        ...     w.grad = None
        ...     return loss
        >>> fast = compile(step)
        >>> [float(fast(3.0, 4.0)) for _ in range(3)]
        [6.25, 0.0625, 0.0006250000000000178]

    Source: recording by duck arrays; JAX's jit and PyTorch's CUDA graphs replay a step in the same spirit.
    """
    return Compiled(step)


ENTRY = """\
def enter({arguments}):
    if not ({guards}):
        return dispatch({arguments})
{draws}    try:
        {results}run({given})
    except (ArithmeticError, ValueError):  # Python refuses what NumPy answers with inf or nan; nothing has changed yet
        return eager({arguments})
{puts}    return {value}
"""


class Written(NamedTuple):
    """What is left of a recording."""

    source: str  # of the step
    parameters: dict[str, Any]  # the arrays that stay, by the names that they have there
    entry: str  # the source of what checks the guards and calls the step


class Plan:
    """A step recorded for one signature: its source, and the entry that checks what the record takes for granted."""

    def __init__(self, compiled: Compiled, arguments: Sequence[Any]) -> None:
        self.name = compiled.__name__
        self.known: dict[str, Any] = {
            "dispatch": compiled.dispatch,
            "eager": compiled.step,
            "new_value": new_value,
        }
        self.drawn: list[Any] = []
        written = self.write(compiled.step, arguments)
        again = self.write(compiled.step, arguments)
        if written.source != again.source or not same(written.parameters, again.parameters):
            raise CompileError(
                f"{self.name} did not do the same twice with the same arguments, so it cannot be replayed: it draws "
                f"random numbers or counts its calls. {difference(written.source, again.source)} Pass such numbers as "
                "arguments."
            )
        self.source = written.source
        self.known["run"] = built(written.source, written.parameters)
        exec(builtins.compile(again.entry, "<entry of a compiled step>", "exec"), self.known)
        self.enter: Function = self.known["enter"]

    def write(self, step: Function, arguments: Sequence[Any]) -> Written:
        """Record the step, and write its source and that of the entry."""
        trace = Trace(self.drawn)
        outside = from_outside(step)
        result, data, states = recorded(step, arguments, trace, outside)
        guards, given, puts = self.guards_of_arguments(arguments)
        returned: list[Any] = []
        written: list[tuple[Traced, Any]] = []

        def put(place: str, new: Any) -> None:
            puts.append(f"{place} = result_{len(returned)}")
            returned.append(new)

        value = as_source(result, returned, self.known, trace.began)
        for i, (leaf, (stand_in, grad)) in enumerate(trace.leaves.items()):
            self.known |= {f"leaf_{i}": leaf, f"data_{i}": stand_in.value}
            new, new_grad = data[i]
            if isinstance(stand_in.value, np.ndarray):
                guards.append(f"leaf_{i}._data is data_{i}")
                written.append((stand_in, new))
            elif new is not stand_in:
                put(f"leaf_{i}._data", new)
            guards.append(f"leaf_{i}.grad is {'not None' if grad is not None else 'None'}")
            if new_grad is not trace.before.get(leaf):
                put(f"leaf_{i}.grad", new_grad)
        for i, (owner, place, state, stand_ins) in enumerate(trace.states):
            self.known |= {f"states_{i}": owner, f"state_{i}": state}
            if all(isinstance(array, np.ndarray) for array in state):
                guards.append(f"states_{i}[{place}] is state_{i}")
                written += zip(stand_ins, states[i], strict=True)
            else:
                put(f"states_{i}[{place}]", states[i])
        settings = [(owner, f".{attribute}", expected) for owner, attribute, expected in trace.guards]
        for i, (owner, lookup, expected) in enumerate([*settings, *(variable[1:] for variable in outside)]):
            self.known |= {f"owner_{i}": owner, f"expected_{i}": expected}
            guards.append(f"owner_{i}{lookup} is expected_{i}")
        for i, function in enumerate(trace.after):
            self.known[f"after_{i}"] = function
            puts.append(f"after_{i}()")

        # Numbers are looked up at each call, in the order in which the trace lists them.
        leaves = enumerate(stand_in.value for stand_in, _ in trace.leaves.values())
        given += [f"leaf_{i}._data" for i, data_before in leaves if not isinstance(data_before, np.ndarray)]
        for i, (_, place, state, _) in enumerate(trace.states):
            given += [f"states_{i}[{place}][{k}]" for k, x in enumerate(state) if not isinstance(x, np.ndarray)]
        given += [f"leaf_{i}.grad" for i, leaf in enumerate(trace.leaves) if leaf in trace.before]
        draws = ""
        for i, (function, stand_ins) in enumerate(trace.draws):
            names = [f"drawn_{i}_{k}" for k in range(len(stand_ins))]
            self.known[f"draw_{i}"] = function
            draws += f"    ({', '.join(names)},) = draw_{i}()\n"
            given += names

        results = [f"result_{i}" for i in range(len(returned))]
        writer = Writer(self.name, trace, returned, written)
        entry = ENTRY.format(
            arguments=", ".join(f"argument_{i}" for i in range(len(arguments))),
            guards=" and ".join(guards) or "True",
            draws=draws,
            results=f"{', '.join(results)} = " if results else "",
            given=", ".join(given),
            puts="".join(f"    {line}\n" for line in puts),
            value=value,
        )
        trace.forget()
        return Written(writer.source, writer.parameters, entry)

    def guards_of_arguments(self, arguments: Sequence[Any]) -> tuple[list[str], list[str], list[str]]:
        """Return what must hold of the arguments, how they are passed on, and a list for what follows."""
        guards, given = [], []
        for i, argument in enumerate(arguments):
            self.known[f"type_{i}"] = type(argument)
            guards.append(f"type(argument_{i}) is type_{i}")
            given.append(f"argument_{i}")
            if isinstance(argument, np.ndarray):
                self.known |= {f"{name}_{i}": getattr(argument, name) for name in ("shape", "strides", "dtype")}
                guards.append(f"argument_{i}.shape == shape_{i} and argument_{i}.strides == strides_{i}")
                guards.append(f"argument_{i}.dtype is dtype_{i}")
        return guards, given, []

    def first(self, *arguments: Any) -> Any:
        """Run the step with the numbers that were drawn for recording it."""
        functions = {f"draw_{i}": self.known[f"draw_{i}"] for i in range(len(self.drawn))}
        self.known |= {f"draw_{i}": (lambda numbers=numbers: numbers) for i, numbers in enumerate(self.drawn)}
        try:
            return self.enter(*arguments)
        finally:
            self.known |= functions


def built(source: str, parameters: dict[str, Any]) -> Function:
    """Return the step that a source defines, on the arrays that stay."""
    known: dict[str, Any] = {}
    exec(builtins.compile(source, "<compiled step>", "exec"), known)
    step: Function = known["make_step"](**parameters)
    return step


def recorded(
    step: Function, arguments: Sequence[Any], trace: Trace, outside: list[tuple[str, Any, str, Any]]
) -> tuple[Any, list[Any], list[Any]]:
    """Run a step once on traced arrays; return what it returned, and what its leaves and states became."""
    names = list(inspect.signature(step).parameters)
    for place, argument in enumerate(arguments):
        if type(argument) is Value:
            raise CompileError(
                f"argument {names[place]!r} of {step.__name__} is a Value. Pass data as bare arrays, and let the step "
                "use the Values that it trains from outside."
            )
        trace.arguments.append(Traced(argument, trace, names[min(place, len(names) - 1)]))
    active.trace = trace
    intercept()
    try:
        result = step(*trace.arguments)
        data = [(leaf._data, leaf.grad) for leaf in trace.leaves]
        states = [owner[place] for owner, place, _, _ in trace.states]
    finally:
        intercept(-1)
        active.trace = None
        for leaf, (stand_in, grad) in trace.leaves.items():
            leaf._data, leaf.grad = stand_in.value, grad
        for owner, place, state, _ in trace.states:
            owner[place] = state
        rebound = restored(outside)
    if rebound:
        raise CompileError(
            f"{step.__name__} binds {', '.join(map(repr, rebound))} anew, which is from outside; a replay would not. "
            "Return it instead, or keep it as the data of a Value."
        )
    return result, data, states


def restored(outside: list[tuple[str, Any, str, Any]]) -> list[str]:
    """Bind variables from outside as they were, and return the names of those that a step had bound anew."""
    rebound = []
    for name, owner, _, value in outside:
        cell = isinstance(owner, types.CellType)
        if (owner.cell_contents if cell else owner.get(name)) is not value:
            rebound.append(name)
            if cell:
                owner.cell_contents = value
            else:
                owner[name] = value
    return rebound


def as_source(result: Any, returned: list[Any], known: dict[str, Any], began: int) -> str:
    """Return the source that gives a step's result back in its structure, adding what it is made of to `returned`."""
    if isinstance(result, dict):
        parts = (f"{key!r}: {as_source(part, returned, known, began)}" for key, part in result.items())
        return f"{{{', '.join(parts)}}}"
    if isinstance(result, tuple | list):
        inside = "".join(f"{as_source(part, returned, known, began)}, " for part in result)
        return f"({inside})" if isinstance(result, tuple) else f"[{inside}]"
    made = type(result) is Value and result.serial > began  # by the step, so that each call has one of its own
    data = result._data if made else result
    if type(data) is not Traced and not isinstance(data, np.ndarray | float):
        name = f"constant_{len(known)}"
        known[name] = result
        return name
    returned.append(data)
    name = f"result_{len(returned) - 1}"
    return f"new_value({name})" if made else name


def from_outside(step: Function) -> list[tuple[str, Any, str, Any]]:
    """Return the variables that a function takes from outside: (name, owner, how to look it up there, what is it)."""
    code = getattr(step, "__code__", None)
    if code is None:
        return []
    cells = zip(code.co_freevars, step.__closure__ or (), strict=True)
    found: list[tuple[str, Any, str, Any]] = [
        (name, cell, ".cell_contents", cell.cell_contents) for name, cell in cells if cell != types.CellType()
    ]
    known = step.__globals__
    for name in sorted(names_in(code) & known.keys()):
        if not inspect.ismodule(known[name]):
            found.append((name, known, f".get({name!r})", known[name]))
    return found


def names_in(code: types.CodeType) -> set[str]:
    """Return the names that a function's code looks up, with those in the functions and comprehensions inside it."""
    inside = (names_in(part) for part in code.co_consts if isinstance(part, types.CodeType))
    return set(code.co_names).union(*inside)


def same(one: dict[str, Any], two: dict[str, Any]) -> bool:
    """Return whether two sets of arrays are equal, bit for bit."""
    return one.keys() == two.keys() and all(one[k].tobytes() == two[k].tobytes() for k in one)


def difference(one: str, two: str) -> str:
    """Return the first line in which two sources differ, for a message."""
    for a, b in zip(one.splitlines(), two.splitlines(), strict=False):
        if a != b:
            return f"First it did `{a.strip()}`, then `{b.strip()}`."
    return "A large constant array differed."
