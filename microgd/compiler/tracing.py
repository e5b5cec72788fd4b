"""Recording a step: arrays that write down what is done with them, and the list of what they wrote.

`Traced` stands in for an array inside Values while the engine and the optimizer run as always. Since they only speak
NumPy, what they do becomes a flat list of NumPy calls: a `Trace`. `compile.py` turns it into source.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from ..autograd.operators import call_of, namespace, settle
from ..autograd.rules.table import RULES, Function, full_name
from ..autograd.value import Value


class CompileError(RuntimeError):
    """Raised when a step does what a compiled step cannot repeat; the message names it, and says how to write it."""


class Line:
    """One call: result = function(*arguments, **options)."""

    __slots__ = ("arguments", "comment", "function", "options", "result")

    def __init__(
        self, function: Function, arguments: tuple[Any, ...], options: dict[str, Any], result: Traced, comment: str
    ) -> None:
        self.function = function
        self.arguments = arguments
        self.options = options
        self.result = result
        self.comment = comment

    def inputs(self) -> Iterator[Traced]:
        """Yield the traced arrays that the call reads."""
        return traced_in((self.arguments, self.options))


def traced_in(tree: Any) -> Iterator[Traced]:
    """Yield the traced arrays in nested tuples, lists and dicts."""
    if type(tree) is Traced:
        yield tree
    elif isinstance(tree, tuple | list):
        for part in tree:
            yield from traced_in(part)
    elif isinstance(tree, dict):
        for part in tree.values():
            yield from traced_in(part)


def bare(tree: Any) -> Any:
    """Return a tree with each traced array replaced by the numbers it had when it was recorded."""
    if type(tree) is Traced:
        return tree.value
    if isinstance(tree, tuple | list):
        return type(tree)(map(bare, tree))
    if isinstance(tree, dict):
        return {key: bare(part) for key, part in tree.items()}
    return tree


class Trace:
    """What a step did: its inputs, its lines, and what it changed."""

    def __init__(self, drawn: list[Any]) -> None:
        self.began: int = namespace["next_serial"]()  # Values of a higher number are made by the step
        self.lines: list[Line] = []
        self.arguments: list[Traced] = []
        self.leaves: dict[Any, tuple[Traced, Any]] = {}  # Values: what stands in for their data, their gradient before
        self.before: dict[Any, Traced] = {}  # Values: what stands in for the gradient that they had before
        self.states: list[tuple[Any, int, tuple[Any, ...], tuple[Traced, ...]]] = []  # an optimizer's: list, place, ...
        self.draws: list[tuple[Function, tuple[Traced, ...]]] = []  # numbers that are drawn anew for each call
        self.drawn = drawn  # what they were in this call, which is recorded twice
        self.after: list[Function] = []  # what is called after each call: counters
        self.guards: list[tuple[Any, str, Any]] = []  # (object, attribute, value) that the record takes for granted
        self.known: dict[Any, Traced] = {}
        self.comment = ""

    def forget(self) -> None:
        """Let go of what was computed while recording: it may be large, and has been written out."""
        self.lines.clear()
        self.known.clear()

    def standing(self) -> list[Traced]:
        """Return what stands in for arrays that stay where they are from call to call."""
        leaves = [stand_in for stand_in, _ in self.leaves.values()]
        states = [stand_in for _, _, _, stand_ins in self.states for stand_in in stand_ins]
        return [t for t in (*leaves, *states) if isinstance(t.value, np.ndarray)]

    def changing(self) -> list[Traced]:
        """Return what stands in for what is looked up at each call: numbers, gradients from before, draws."""
        leaves = [stand_in for stand_in, _ in self.leaves.values()]
        states = [stand_in for _, _, _, stand_ins in self.states for stand_in in stand_ins]
        draws = [stand_in for _, stand_ins in self.draws for stand_in in stand_ins]
        numbers = [t for t in (*leaves, *states) if not isinstance(t.value, np.ndarray)]
        return [*numbers, *self.before.values(), *draws]

    def lift(self, *values: Any) -> None:
        """Let a traced array stand in for the data of each Value that was made outside the step."""
        for value in values:
            if type(value) in (list, tuple):
                self.lift(*value)
                continue
            if not hasattr(value, "_data") or type(value._data) is Traced or value in self.leaves:
                continue
            if value.rule is not None:
                raise CompileError(
                    f"{value!r} was computed outside the step that is being compiled. Compute it inside, or "
                    "detach() it."
                )
            stand_in = Traced(value._data, self, value.name or "value")
            self.leaves[value] = stand_in, value.grad
            value._data = stand_in
            if value.grad is not None:
                value.grad = self.before[value] = Traced(value.grad, self, f"grad_{stand_in.name}_before")

    def lift_states(self, states: list[tuple[Any, ...]], names: tuple[str, ...]) -> None:
        """Let traced arrays stand in for those in a list of tuples, in which the step puts new tuples."""
        for place, state in enumerate(states):
            if not state:
                continue
            if len({id(x) for x in state}) < len(state):  # one array of zeros for all, as yet: they will be written to
                state = tuple(x.copy() if isinstance(x, np.ndarray) else x for x in state)
            stand_ins = tuple(Traced(array, self, f"{names[k]}_{place + 1}") for k, array in enumerate(state))
            self.states.append((states, place, state, stand_ins))
            states[place] = stand_ins

    def constant(self, x: Any) -> Any:
        """Return a constant operand of a Value's operation as it is without tracing: NumPy's numbers are Python's."""
        scalar = type(x) is Traced and not x.ndim and isinstance(x.value, np.floating | np.ndarray)
        return self.call(float, (x,), {}) if scalar else x

    def draw(self, function: Function, name: str) -> tuple[Any, ...]:
        """Let traced numbers stand in for the tuple that a function returns: it is called anew for each call."""
        if len(self.draws) == len(self.drawn):
            self.drawn.append(function())
        numbers = self.drawn[len(self.draws)]
        stand_ins = tuple(Traced(number, self, name) for number in numbers)
        self.draws.append((function, stand_ins))
        return stand_ins

    def name_gradient(self, leaf: Any) -> None:
        """Name the gradient of a leaf after it."""
        if type(leaf.grad) is Traced and leaf in self.leaves:
            leaf.grad.name = f"grad_{self.leaves[leaf][0].name}"

    def call(self, function: Function, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Write down a call and return what stands for its result; the same call twice is one line."""
        function, arguments = canonical(function, arguments)
        key = (function, fingerprint(arguments), fingerprint(options))
        known = self.known.get(key)
        if known is not None:
            return known
        same = identity(function, arguments)
        if same is not None:
            return same
        values = bare(arguments)
        numbers = all(isinstance(x, float | int) for x in values) and not options
        perform = call_of(RULES[function]) if numbers and function in RULES else function
        value = settle(perform(*values, **bare(options)))
        result = Traced(value, self, noun(function))
        self.lines.append(Line(function, arguments, options, result, self.comment))
        self.known[key] = result
        return result


OF_SHAPES_AND_TYPES = {np.shape, np.ndim, np.size, np.result_type, np.common_type, np.can_cast, np.broadcast_shapes}
OF_SHAPES_AND_TYPES |= {np.iscomplexobj, np.isrealobj, np.isscalar}
SHAPED_BY_DATA = {np.nonzero, np.flatnonzero, np.argwhere, np.unique, np.compress, np.extract, np.trim_zeros}
NOUNS = {"multiply": "product", "dot": "product", "matmul": "product", "add": "total", "subtract": "difference"}
NOUNS |= {"divide": "ratio", "negative": "negated", "transpose": "transposed", "reduce": "sum", "getitem": "part"}


def noun(function: Function) -> str:
    """Return what the result of a function is called in the source."""
    return f"{NOUNS.get(function.__name__, function.__name__)}_1"


def fingerprint(tree: Any) -> Any:
    """Return what makes two arguments the same for the purpose of not computing a thing twice."""
    if isinstance(tree, tuple | list):
        return tuple(map(fingerprint, tree))
    if isinstance(tree, dict):
        return tuple((key, fingerprint(part)) for key, part in tree.items())
    if isinstance(tree, slice):
        return slice, tree.start, tree.stop, tree.step
    if type(tree) in (float, int, bool, str):
        return type(tree), repr(tree)  # 0.0 and -0.0 are equal, and not the same
    return id(tree)


def canonical(function: Function, arguments: tuple[Any, ...]) -> tuple[Function, tuple[Any, ...]]:
    """Return the call that NumPy makes of x ** 2 and its kin on arrays."""
    if function is np.power and type(arguments[1]) in (int, float) and isinstance(bare(arguments[0]), np.ndarray):
        simple = {2: np.square, 1: np.positive, 0.5: np.sqrt, -1: np.reciprocal}.get(arguments[1])
        if simple is not None:
            return simple, arguments[:1]
    if function is np.power and type(arguments[1]) in (int, float) and arguments[1] == 1:
        return np.positive, arguments[:1]
    return function, arguments


def is_one(x: Any) -> bool:
    """Return whether a constant is 1 in each element."""
    if type(x) is np.ndarray:
        return x.size > 0 and not any(x.strides) and bool(x.flat[0] == 1)
    return type(x) in (float, int) and x == 1


def identity(function: Function, arguments: tuple[Any, ...]) -> Any:
    """Return the argument that a call returns unchanged, bit for bit: x * 1, x / 1, x in its own shape."""
    if function is np.multiply or function is np.divide:
        a, b = arguments
        for x, one in ((a, b), (b, a)) if function is np.multiply else ((a, b),):
            same_shape = np.shape(bare(x)) == np.broadcast_shapes(np.shape(bare(x)), np.shape(bare(one)))
            if type(x) is Traced and type(one) is not Traced and is_one(one) and same_shape:
                return x
    if function is np.positive or (function is np.reshape and arguments[0].shape == tuple(np.atleast_1d(arguments[1]))):
        return arguments[0]
    return None


class Traced:
    """An array or a number that writes down what is done with it; its numbers are those of the recorded call."""

    __slots__ = ("name", "trace", "value")
    __hash__ = object.__hash__

    def __init__(self, value: Any, trace: Trace, name: str) -> None:
        self.value = value
        self.trace = trace
        self.name = name

    shape = property(lambda self: getattr(self.value, "shape", ()))
    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: getattr(self.value, "size", 1))
    dtype = property(lambda self: self.value.dtype)  # a Python float has none
    T = property(lambda self: self.trace.call(np.transpose, (self,), {}))

    def __repr__(self) -> str:
        return f"<{self.name}: {getattr(self.value, 'dtype', 'number')} {self.shape}, traced>"

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if any(type(x) is Value for x in inputs):
            return NotImplemented
        if method == "__call__" and not options:
            return self.trace.call(ufunc, inputs, {})
        if method == "reduce":
            options = {key: option for key, option in options.items() if option is not None}
            return self.trace.call(reduction_of(ufunc), inputs, options)
        raise self.refusal(f"np.{ufunc.__name__} with {method} {sorted(options)}")

    def __array_function__(self, function: Function, types: Any, inputs: Any, options: dict[str, Any]) -> Any:
        if Value in types:
            return NotImplemented
        if function in OF_SHAPES_AND_TYPES:
            return function(*bare(inputs), **bare(options))
        if function in (np.zeros_like, np.ones_like):
            return settle(function(self.value))
        if function in SHAPED_BY_DATA or (function is np.where and len(inputs) == 1):
            raise self.refusal(f"{full_name(function)}, whose result is as long as the data have it; use np.where")
        return self.trace.call(function, tuple(inputs), options)

    def __record__(self, function: Function, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Take part in a function of microgd's own: what it does in NumPy is written down, where that can be done."""
        for x in inputs:
            if type(x) is Value:
                return x.__record__(function, inputs, options)
        values = bare(inputs)
        rule = RULES.get(function)
        if rule and rule.scalar and all(isinstance(x, float | int) for x in values):
            return self.trace.call(function, inputs, options)
        try:
            return inspect.unwrap(function)(*inputs, **options)
        except (
            CompileError,
            TypeError,
            ValueError,
            AttributeError,
        ):  # it needs real arrays: one line, and its source beside it
            return self.trace.call(function, inputs, options)

    def __getitem__(self, index: Any) -> Any:
        for part in traced_in(index if isinstance(index, tuple) else (index,)):
            if part.dtype == bool:
                raise self.refusal("indexing with a mask: how many elements it picks depends on the data; use np.where")
        return self.trace.call(operator.getitem, (self, index), {})

    def reshape(self, *shape: Any) -> Any:
        """As an array's method."""
        return self.trace.call(np.reshape, (self, shape[0] if len(shape) == 1 else shape), {})

    def astype(self, dtype: Any) -> Any:
        """As an array's method."""
        return self.trace.call(np.astype, (self, np.dtype(dtype)), {})

    def dot(self, other: Any) -> Any:
        """As an array's method."""
        return self.trace.call(np.dot, (self, other), {})

    def copy(self) -> Any:
        """As an array's method."""
        return self.trace.call(np.copy, (self,), {})

    def refusal(self, what: str) -> CompileError:
        """Return the error for what a compiled step cannot do."""
        who = f"the {self.trace.comment}" if self.trace.comment else "it"
        return CompileError(f"the step being compiled cannot be repeated: {who} uses {what}.")

    def __bool__(self) -> NoReturn:
        raise self.refusal(
            "`if`, `while` or `assert` on a number that it computes, whose outcome may be another at the next call; "
            "write np.where(condition, a, b), or leave the decision outside the step"
        )

    def __float__(self) -> NoReturn:
        raise self.refusal("float(), int() or item() of a number that it computes; return the number instead")

    __int__ = __index__ = item = __float__

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        raise self.refusal("an array built from numbers that it computes; use np.stack or np.concatenate")

    def __iter__(self) -> NoReturn:
        raise self.refusal("a loop over an array that it computes; use NumPy's functions on the whole array")

    def __len__(self) -> int:
        return len(self.value)


REDUCTIONS: dict[np.ufunc, Function] = {}


def reduction_of(ufunc: np.ufunc) -> Function:
    """Return the reduce method of a ufunc, the same object each time."""
    return REDUCTIONS.setdefault(ufunc, ufunc.reduce)


def _operator(ufunc: np.ufunc, *, reflected: bool = False) -> Callable[[Traced, Any], Any]:
    def operate(self: Traced, other: Any) -> Any:
        if type(other) is Value:  # it knows how to record a step, and comes back with what it holds
            return NotImplemented
        return self.trace.call(ufunc, (other, self) if reflected else (self, other), {})

    return operate


_ufunc: np.ufunc
for _ufunc, _name in (
    *((np.add, "add"), (np.subtract, "sub"), (np.multiply, "mul"), (np.divide, "truediv"), (np.power, "pow")),
    *((np.remainder, "mod"), (np.floor_divide, "floordiv"), (np.matmul, "matmul")),
    *((np.bitwise_and, "and"), (np.bitwise_or, "or")),
):
    setattr(Traced, f"__{_name}__", _operator(_ufunc))
    setattr(Traced, f"__r{_name}__", _operator(_ufunc, reflected=True))
for _ufunc, _name in (
    *((np.greater, "gt"), (np.greater_equal, "ge"), (np.less, "lt"), (np.less_equal, "le")),
    *((np.equal, "eq"), (np.not_equal, "ne")),
):
    setattr(Traced, f"__{_name}__", _operator(_ufunc))
for _ufunc, _name in ((np.negative, "neg"), (np.absolute, "abs"), (np.invert, "invert")):
    setattr(Traced, f"__{_name}__", lambda self, ufunc=_ufunc: self.trace.call(ufunc, (self,), {}))
