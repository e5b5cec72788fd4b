"""Value: a number or an array that remembers how it was computed."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any, NoReturn

import numpy as np

from .arrays import kind
from .backward import ancestors, backward
from .inplace import Watch, mark_changed, watch
from .operators import (
    ABSENT,
    NO_OPTIONS,
    NUMBERS,
    Operator,
    active,
    call_of,
    constant,
    intercept,
    namespace,
    operator_of,
    packed,
    refusal,
    rescue,
    unpacked,
)
from .rules import indexing, shaping
from .rules.cumulative import cumulative_logaddexp, cumulative_maximum, cumulative_minimum
from .rules.elementwise import is_complex, relu, sigmoid
from .rules.fused import sum_of_products
from .rules.reductions import logsumexp
from .rules.table import (
    COMPOSITE,
    CONSTANT,
    RULES,
    Function,
    Rule,
    complete,
    defaults_of,
    find,
    full_name,
    no_derivative,
    options_of,
    parameters_of,
)

NO_INPUTS: tuple[Any, ...] = ()
new, next_serial = object.__new__, namespace["next_serial"]
added_products = inspect.unwrap(sum_of_products)  # what it does with bare numbers


def in_place(instead: str) -> Function:
    """Return a method that a Value refuses: it would change the numbers that others were computed from."""

    def refuse(self: Value, *args: Any, **options: Any) -> NoReturn:
        raise TypeError(f"a Value cannot be changed in place; write {instead}, which returns a new Value.")

    return refuse


class Value:
    """A differentiable number or array: it records how it was made, so that gradients can flow back through it.

    Anything that is not a Value (a number, an array, a list) is a constant. Integers become float64; float32 stays
    float32; a float64 scalar is kept as a Python float. An array is copied, so that later changes to it do not reach
    the Value.

    Args:
        data: A number, an array of real numbers, or a nested list of them; any shape.
        name: What to call it in `repr`, drawings and tables; a number in order of creation where missing.

    Attributes:
        data: The number or array itself.
        grad: d(root)/d(this), in the shape of `data`, once a `backward` has computed it; None before.
        rule: The row of the table of rules that made it; None for a leaf.
        options: The rule's options, such as `axis`.
        serial: When it was made: a number that grows with every Value.

    Raises:
        TypeError: If the data are not real numbers.

    Example:
        >>> v, x, y = Value(0.0, name="v"), 2.0, 5.0
        >>> loss = (v * x - y) ** 2
        >>> loss.backward()
        >>> v
        Value(0.0, name='v', grad=-20.0)

    Source: the chain rule; the record is a Wengert list (R. E. Wengert, "A simple automatic derivative evaluation
    program", 1964).
    """

    __slots__ = (
        *("_data", "grad", "name", "serial", "watched"),
        *("rule", "left", "right", "left_data", "right_data", "options"),  # the record
    )

    def __init__(self, data: Any, name: str | None = None) -> None:
        self._data = data if type(data) is float else leaf_data(data)
        self.grad: Any = None
        self.rule: Rule | None = None
        self.left = self.left_data = NO_INPUTS
        self.right = self.right_data = ABSENT
        self.options: dict[str, Any] = NO_OPTIONS
        self.name = name
        self.serial: int = next_serial()
        self.watched: Watch | None = None

    # What it holds ------------------------------------------------------------------------------------------------

    @property
    def data(self) -> Any:
        """The number or array. An array may be changed in place between a graph's backward and the next forward."""
        if namespace["intercepted"] and active.trace is not None:
            active.trace.lift(self)
        if type(self._data) is np.ndarray:
            watch(self)
        return self._data

    @data.setter
    def data(self, data: Any) -> None:
        if data is self._data:  # `value.data -= step` ends here, after changing the array in place
            mark_changed(self)
        else:
            self._data = leaf_data(data)
            self.watched = None

    @property
    def inputs(self) -> tuple[Any, ...]:
        """What the rule was given: Values and constants, in order. `x * x` has two inputs; a leaf has none."""
        return unpacked(self.left, self.right)

    @property
    def operands(self) -> tuple[Any, ...]:
        """The inputs as the bare numbers and arrays that they were then."""
        return unpacked(self.left_data, self.right_data)

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis; () for a number."""
        return getattr(self._data, "shape", ())

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(getattr(self._data, "size", 1))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of an element."""
        return getattr(self._data, "dtype", np.dtype(complex if type(self._data) is complex else float))

    @property
    def T(self) -> Value:
        """The transpose: axes in reverse order."""
        return recorded(np.transpose, self)

    def __repr__(self) -> str:
        parts = [brief(self._data)]
        if self.name is not None:
            parts.append(f"name={self.name!r}")
        if self.ndim:
            parts.append(f"shape={self.shape}")
        if self.grad is not None:
            parts.append(f"grad={brief(self.grad._data if isinstance(self.grad, Value) else self.grad)}")
        if self.rule is not None:
            parts.append(f"operation={self.rule.name!r}")
        return f"Value({', '.join(parts)})"

    def __format__(self, spec: str) -> str:
        return format(self._data if not self.ndim else brief(self._data) if not spec else self._data, spec)

    def __float__(self) -> float:
        if self.size != 1:
            raise TypeError(
                f"float() takes a Value with one element, but got shape {self.shape}; index or sum it first."
            )
        return float(self.item())

    def __int__(self) -> int:
        return int(float(self))

    def item(self) -> float:
        """Return the only element as a Python float."""
        return float(self._data.item() if hasattr(self._data, "item") else self._data)

    def tolist(self) -> Any:
        """Return the data as nested lists of Python floats."""
        return self._data.tolist() if hasattr(self._data, "tolist") else self._data

    def __bool__(self) -> bool:
        return bool(self._data)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a Value of shape () has no length; it is a single number.")
        return self.shape[0]

    def __iter__(self) -> Iterator[Value]:
        return (self[i] for i in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        asking = caller()
        advice = f"write {INSTEAD_OF[asking]}" if asking in INSTEAD_OF else "np.stack([...]) joins Values"
        raise TypeError(
            f"{asking or 'np.array, or what calls it,'} makes an array of a Value, whose gradient would be lost; "
            f"{advice}. For the bare array (a plot, a printout) use value.data."
        )

    # How it was made ----------------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__":
            return apply_method(ufunc, method, inputs, options)
        return apply(ufunc, inputs, options)

    def __array_function__(self, function: Function, types: Any, inputs: Any, options: dict[str, Any]) -> Any:
        return apply(function, inputs, options)

    def __record__(self, function: Function, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        return apply(function, inputs, options)

    __hash__ = object.__hash__

    __add__ = Operator(np.add)
    __radd__ = Operator(np.add, reflected=True)
    __sub__ = Operator(np.subtract)
    __rsub__ = Operator(np.subtract, reflected=True)
    __mul__ = Operator(np.multiply)
    __rmul__ = Operator(np.multiply, reflected=True)
    __truediv__ = Operator(np.divide)
    __rtruediv__ = Operator(np.divide, reflected=True)
    __floordiv__ = Operator(np.floor_divide)
    __rfloordiv__ = Operator(np.floor_divide, reflected=True)
    __mod__ = Operator(np.remainder)
    __rmod__ = Operator(np.remainder, reflected=True)
    __pow__ = Operator(np.power)
    __rpow__ = Operator(np.power, reflected=True)
    __matmul__ = Operator(np.matmul)
    __rmatmul__ = Operator(np.matmul, reflected=True)
    __neg__ = Operator(np.negative)
    __pos__ = Operator(np.positive)
    __abs__ = Operator(np.absolute)

    def __divmod__(self, other: Any) -> tuple[Value, Value]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Value, Value]:
        return other // self, other % self

    def __round__(self, decimals: int = 0) -> Value:
        return recorded(np.round, self, decimals)

    def __eq__(self, other: object) -> Any:
        return compare(np.equal, self, other)

    def __ne__(self, other: object) -> Any:
        return compare(np.not_equal, self, other)

    def __lt__(self, other: Any) -> Any:
        return compare(np.less, self, other)

    def __le__(self, other: Any) -> Any:
        return compare(np.less_equal, self, other)

    def __gt__(self, other: Any) -> Any:
        return compare(np.greater, self, other)

    def __ge__(self, other: Any) -> Any:
        return compare(np.greater_equal, self, other)

    def __getitem__(self, index: Any) -> Value:
        return recorded(indexing.getitem, self, index)

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise TypeError(
            "a Value cannot be changed in place, for what was computed from it would be wrong. "
            "Write x = mg.with_item(x, index, value), which returns a new Value."
        )

    # NumPy's methods, each the NumPy function of that name ---------------------------------------------------------

    sum = np.sum
    mean = np.mean
    prod = np.prod
    max = np.max
    min = np.min
    var = np.var
    std = np.std
    ravel = np.ravel
    swapaxes = np.swapaxes
    squeeze = np.squeeze
    diagonal = np.diagonal
    trace = np.trace
    take = np.take
    repeat = np.repeat
    copy = np.copy
    dot = np.dot
    clip = np.clip
    round = np.round
    cumsum = np.cumsum
    cumprod = np.cumprod
    argmax = np.argmax
    argmin = np.argmin
    argsort = np.argsort
    argpartition = np.argpartition
    searchsorted = np.searchsorted
    nonzero = np.nonzero
    all = np.all
    any = np.any
    conj = conjugate = Operator(np.conjugate)
    sort = in_place("np.sort(value)")
    partition = in_place("np.partition(value, kth)")
    fill = in_place("np.full_like(value, number)")
    put = in_place("mg.with_item(value, index, v)")
    resize = in_place("np.resize(value, shape)")
    exp = Operator(np.exp)
    log = Operator(np.log)
    sqrt = Operator(np.sqrt)
    tanh = Operator(np.tanh)
    relu = Operator(relu)
    sigmoid = Operator(sigmoid)

    @property
    def real(self) -> Value:
        """The real part: the Value's own numbers, unless it lies within a Fourier transform."""
        return recorded(np.real, self)

    @property
    def imag(self) -> Value:
        """The imaginary part."""
        return recorded(np.imag, self)

    @property
    def mT(self) -> Value:
        """The last two axes exchanged: the transpose of each matrix."""
        return recorded(np.swapaxes, self, -1, -2)

    def compress(self, condition: Any, axis: int | None = None) -> Value:
        """Return the elements, or slices along an axis, for which a condition holds."""
        return recorded(np.compress, condition, self, axis)

    def reshape(self, *shape: Any) -> Value:
        """Return the elements in another shape, as in `v.reshape(2, 3)`; -1 stands for what is left."""
        return recorded(np.reshape, self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Value:
        """Return the axes in another order: reversed, `v.transpose(1, 0)` or `v.transpose((1, 0))`."""
        order = axes[0] if len(axes) == 1 else axes or None
        return recorded(np.transpose, self, order)

    def flatten(self) -> Value:
        """Return the elements along one axis."""
        return recorded(np.ravel, self)

    def astype(self, dtype: Any) -> Value:
        """Return the data in another floating-point type."""
        return recorded(shaping.astype, self, dtype)

    def detach(self) -> Value:
        """Return a new leaf with the same data: no gradient flows back through it."""
        leaf = new_value(self._data)
        leaf.name = self.name
        return leaf

    # Copies: never recursive, so that a long chain can be copied too -----------------------------------------------

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        from_old: dict[Value, Value] = {}
        for value in ancestors(self):
            twin = new_value(np.copy(value._data) if isinstance(value._data, np.ndarray) else value._data)
            twin.grad, twin.name = value.grad, value.name
            if value.rule is not None:
                record(
                    twin,
                    value.rule,
                    tuple(from_old.get(x, x) if type(x) is Value else x for x in value.inputs),
                    value.options,
                )
            from_old[value] = twin
        return from_old[self]

    def __copy__(self) -> Value:
        twin = new_value(self._data)
        for slot in self.__slots__:
            setattr(twin, slot, getattr(self, slot))
        return twin

    def __reduce__(self) -> tuple[type[Value], tuple[Any, str | None]]:
        if self.rule is not None:
            raise TypeError(f"{self!r} has a record, which cannot be pickled; pickle value.detach() or value.data.")
        return Value, (self._data, self.name)

    def backward(self, cotangent: Any = None, *, keep: str = "all", create_graph: bool = False) -> None:
        """Compute the gradient of this Value with respect to everything it was computed from.

        Leaves accumulate: their `grad` grows with each call, until `zero_grad` clears it. What lies between is computed
        anew by each call, so that two calls over one graph are right.

        Args:
            cotangent: d(what you differentiate)/d(this), in the shape of this Value; 1 for a single number.
            keep: "all" keeps the gradient of every inner node, which is what people look at; "leaves" drops them, and
                the record itself, as it goes, which is what training wants.
            create_graph: Record the backward pass too, so that gradients are Values and can be differentiated again.

        Raises:
            ValueError: If this Value has several elements and no cotangent is given.
            RuntimeError: If it has no record, its record was dropped, or an array was changed in place since.

        Example:
            >>> x = Value([1.0, 2.0])
            >>> (x * x).sum().backward()
            >>> x.grad
            array([2., 4.])

        Source: S. Linnainmaa's reverse mode (1970), one fused step per record, latest first.
        """
        backward(self, cotangent, keep=keep, create_graph=create_graph)

    def zero_grad(self) -> None:
        """Clear the gradient of this Value and of everything it was computed from."""
        for value in ancestors(self):
            value.grad = None


# What NumPy and SciPy compute without asking whether somebody else would, and what to write instead.
INSTEAD_OF = {
    "np.full": "np.broadcast_to(value, shape)",
    "scipy.special.softmax": "mg.softmax(value, axis=...)",
    "scipy.special.log_softmax": "value - mg.logsumexp(value, axis=..., keepdims=True)",
    "scipy.special.logsumexp": "mg.logsumexp(value, axis=...)",
    "scipy.special.polygamma": "scipy.special.psi(value), and its derivatives by mg.elementwise_grad",
}


def caller() -> str:
    """Return the function of NumPy's or SciPy's that the user's code has called, as it is written there; '' if none."""
    frame: Any = sys._getframe(2)
    name = ""
    while frame is not None:
        package, *inner = frame.f_globals.get("__name__", "").split(".")
        if package not in ("numpy", "scipy"):
            break
        public = takewhile(lambda part: not part.startswith("_"), inner)
        name = ".".join(("np" if package == "numpy" else package, *public, frame.f_code.co_name))
        frame = frame.f_back
    return name


# Making Values ------------------------------------------------------------------------------------------------------


def leaf_data(data: Any) -> Any:
    """Return data as a Value holds it: a Python float, or an array of floats of its own."""
    if type(data) is np.ndarray and data.dtype.kind == "f" and data.ndim:
        return data.copy()
    if type(data) is Value:
        raise TypeError("a Value cannot hold another Value; write value + 0 for a step, value.detach() for a new leaf.")
    checked = constant(data)
    if is_complex(checked):
        raise refusal(data, f"{data!r}" if np.ndim(data) == 0 else f"an array of {checked.dtype}")
    if isinstance(checked, np.ndarray) or kind(checked) is not None:  # not what stands in while a step is compiled
        return np.array(checked, checked.dtype if checked.dtype.kind == "f" else float, like=kind(checked))
    if isinstance(data, np.ndarray | np.generic) and data.dtype.kind == "f" and data.dtype != np.float64:
        return data.dtype.type(data)  # a float32 scalar stays float32
    return float(checked) if isinstance(checked, bool | int | float) else checked


def new_value(data: Any) -> Value:
    """Return a leaf that holds data as they are, unchecked."""
    leaf: Value = new(Value)
    leaf._data = data
    leaf.grad = leaf.rule = leaf.name = leaf.watched = None
    leaf.left = leaf.left_data = NO_INPUTS
    leaf.right = leaf.right_data = ABSENT
    leaf.options = NO_OPTIONS
    leaf.serial = next_serial()
    return leaf


def raw(data: Any) -> Any:
    """Return the bare numbers of a Value, or of the Values in a list or tuple; anything else as it is."""
    if type(data) is Value:
        return data._data
    if type(data) is list or type(data) is tuple:
        return type(data)(map(raw, data))
    return data


def brief(data: Any) -> str:
    """Return data for a printed line: a number in full, an array in summary."""
    if isinstance(data, np.ndarray):
        text = np.array2string(data, separator=", ", threshold=6, edgeitems=2 if data.ndim == 1 else 1, precision=6)
        return " ".join(text.split())
    return repr(data.item() if isinstance(data, np.generic) else data)


def compare(ufunc: np.ufunc, left: Value, right: Any) -> Any:
    """Compare elements; the result is a plain truth value, or an array of them."""
    if right is None or isinstance(right, str):
        return NotImplemented
    if active.trace is not None:
        active.trace.lift(left, right)
    result = ufunc(left._data, raw(right))
    return bool(result) if isinstance(result, np.bool_) else result


# Whether to record --------------------------------------------------------------------------------------------------


def recording() -> bool:
    """Return whether this thread records what is done with Values."""
    return active.recording


class Recording(contextlib.ContextDecorator):
    """Turn recording on or off in this thread, as a `with` block or a decorator; may be nested."""

    on = True

    def __enter__(self) -> None:
        self._before = [*getattr(self, "_before", []), recording()]
        active.recording = self.on
        intercept()

    def __exit__(self, *exception: object) -> None:
        intercept(-1)
        active.recording = self._before.pop()


class enable_grad(Recording):
    """Record again inside a `no_grad` block."""


class no_grad(Recording):
    """Compute without recording: results are leaves. Per thread; a `with` block or a decorator; may be nested.

    Example:
        >>> v = Value(3.0)
        >>> with no_grad():
        ...     (v * v).rule is None
        True
    """

    on = False


# The one function that records --------------------------------------------------------------------------------------


def apply(function: Function, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Call a function, at least one of whose arguments is a Value, and record the call.

    Args:
        function: The NumPy function, or one of microgd's own.
        inputs: Its positional arguments: Values and constants.
        options: Its keyword arguments.

    Returns:
        A Value with its record; a bare array where the function's result carries no gradient (a comparison, argmax).

    Raises:
        NotImplementedError: If the function, one argument or one option has no derivative.
        ValueError: If NumPy refuses the inputs, with their shapes.
    """
    rule = RULES.get(function)
    plain = rule is not None and rule.fixed and not options and len(inputs) == len(rule.derivatives)
    if rule is not None and plain and not namespace["intercepted"]:
        return (rule.operator or operator_of(function))(*inputs)
    if active.trace is not None:
        active.trace.lift(*inputs)
    if rule is None and function not in COMPOSITE and function not in CONSTANT:
        complete()
    if function in CONSTANT or (function is np.where and len(inputs) == 1):
        return function(*raw(inputs), **{key: raw(value) for key, value in options.items()})
    if function in COMPOSITE:
        steps = COMPOSITE[function]
        return steps(*inputs, **understood(function, options, options_of(0, (steps,))))
    rule = find(function)
    inputs, options = bound(rule, inputs, options)
    inputs = tuple(
        x if type(x) in (Value, str, type(None)) or rule.derivative(i) is None else constant(x)
        for i, x in enumerate(inputs)
    )
    operands = tuple(map(raw, inputs))
    try:
        data = call_of(rule)(*operands, **options)
    except Exception as error:
        data = rescue(rule, error, *operands)
    out = new_value(data)
    if active.debug is not None:
        active.debug.check_forward(function, inputs, out)
    if recording():
        record(out, rule, inputs, options)
    return out


def record(value: Value, rule: Rule, inputs: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Write into a Value how it was made."""
    value.rule = rule
    value.left, value.right = packed(inputs)
    value.left_data, value.right_data = packed(tuple(map(raw, inputs)))
    value.options = options


REDUCTIONS: dict[np.ufunc, Function] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.fmax: np.nanmax,
    np.fmin: np.nanmin,
    np.logaddexp: logsumexp,
    np.hypot: np.linalg.norm,
    np.logical_and: np.all,
    np.logical_or: np.any,
}
ACCUMULATIONS: dict[np.ufunc, Function] = {
    np.add: np.cumsum,
    np.multiply: np.cumprod,
    np.maximum: cumulative_maximum,
    np.minimum: cumulative_minimum,
    np.logaddexp: cumulative_logaddexp,
}
INSTEAD = {
    "at": "It changes an array in place; write x + np.bincount(index, weights=value, minlength=len(x)).",
    "reduceat": "Write np.stack([part.sum() for part in np.split(x, places)]).",
}


def apply_method(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Record np.add.reduce and its kin as the function that they are: np.sum and its kin."""
    if method == "reduce" and ufunc in REDUCTIONS:
        return apply(REDUCTIONS[ufunc], inputs, {"axis": 0} | options)
    if method == "accumulate" and ufunc in ACCUMULATIONS:
        return apply(ACCUMULATIONS[ufunc], inputs, {"axis": 0} | options)
    if method == "outer" and ufunc.nin == 2 and not options:
        left, right = inputs
        return ufunc(np.reshape(left, np.shape(left) + (1,) * np.ndim(right)), right)
    raise NotImplementedError(
        f"np.{ufunc.__name__}.{method} has no derivative rule, and one of its arguments is a Value. "
        + INSTEAD.get(
            method,
            "Supported: outer without options; "
            f"reduce of {', '.join(f.__name__ for f in REDUCTIONS)}; "
            f"accumulate of {', '.join(f.__name__ for f in ACCUMULATIONS)}.",
        )
    )


def recorded(function: Function, *inputs: Any) -> Value:
    """Return what `apply` does, for a function whose result is known to be a Value."""
    result: Value = apply(function, inputs, NO_OPTIONS)
    return result


def sumprod(p: Sequence[Any], q: Sequence[Any]) -> Any:
    """Return p_1 q_1 + ... + p_n q_n of two sequences of numbers, as one step: a neuron of scalar Values.

    Args:
        p: Numbers or scalar Values.
        q: As many again.

    Returns:
        The sum, added from the left.

    Raises:
        ValueError: If the two are not of the same length.
        TypeError: If something in them is not a single number.

    Example:
        >>> w = [Value(1.0), Value(2.0)]
        >>> sumprod(w, [3.0, 4.0]).backward()
        >>> [weight.grad for weight in w]
        [3.0, 4.0]

    Source: `math.sumprod` of Python 3.12.
    """
    if len(p) != len(q):
        raise ValueError(f"sumprod takes two sequences of the same length, but got {len(p)} and {len(q)}.")
    factors = (*p, *q)
    numbers = tuple([x._data if type(x) is Value else x for x in factors])
    if not NUMBERS.issuperset(map(type, numbers)):
        for number in numbers:
            if np.shape(number):
                raise TypeError(f"sumprod takes single numbers, but got shape {np.shape(number)}; write np.sum(p * q).")
    if namespace["intercepted"] or Value not in map(type, factors):
        return sum_of_products(*factors)
    out = new_value(added_products(*numbers))
    out.rule, out.left, out.left_data = RULES[sum_of_products], factors, numbers
    return out


def bound(rule: Rule, inputs: tuple[Any, ...], options: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Sort the arguments of a call into the inputs that have a derivative and the options, each option by name."""
    function = rule.function
    if rule.bind is not None:
        inputs, options = rule.bind(*inputs, **options)
    elif rule.variadic is None:
        names, count = parameters_of(function), len(rule.derivatives)
        options = dict(zip(names[count:], inputs[count:], strict=False)) | options
        inputs = inputs[:count]
        while len(inputs) < count and len(inputs) < len(names) and names[len(inputs)] in options:
            inputs += (options.pop(names[len(inputs)]),)
    for key, value in options.items():
        if type(value) is Value:
            raise no_derivative(function, key)
    options = understood(function, options, rule.options)
    for argument, value in enumerate(inputs):
        if type(value) is Value and rule.derivative(argument) is None:
            raise no_derivative(function, argument)
    return inputs, options


def understood(function: Function, options: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """Return the options without those that say nothing, or refuse one that is not known."""
    chosen = {key: value for key, value in options.items() if key in known}
    for key, value in options.items():
        if key not in known and value is not None and value is not np._NoValue:
            if type(value) in (bool, int, str) and defaults_of(function).get(key) == value:
                continue  # as NumPy's own functions spell it out: casting="same_kind"
            raise NotImplementedError(
                f"{full_name(function)}: the argument {key}= is not supported on a Value; leave it out, "
                f"or pass the constant part as value.data. Supported: {', '.join(sorted(known)) or 'none'}."
            )
    return chosen


namespace.update(Value=Value, apply=apply)
