"""The fast operators: for each row of the table, the Python that records one call and the Python that pulls it back.

Both are written out from the row, by tracing it with symbols, and compiled once. `source_of(np.multiply)` prints them.
What cannot be written as a formula (a rule that looks at shapes) is called instead. Nothing here knows a derivative.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Sequence
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from .rules.elementwise import is_complex
from .rules.table import RULES, Function, Rule, find, full_name, no_derivative
from .symbols import Symbol, functions_in, identifier, source, trace

NO_OPTIONS: dict[str, Any] = {}
ABSENT = type("Absent", (), {"__repr__": lambda self: "absent"})()  # in place of a second input where there is none


class Active(threading.local):
    """What this thread is doing with the calls it makes: recording them or not, and for whom."""

    recording = True
    trace: Any = None  # the step being compiled, if there is one
    debug: Any = None  # who looks for numbers that are not finite, if anybody does


active = Active()
_lock = threading.Lock()


def intercept(change: int = 1) -> None:
    """Send every call the slow way round, where modes are looked at, until as many calls with -1 have been made."""
    with _lock:
        namespace["intercepted"] += change


NUMBERS = frozenset((float, int, bool))
LETTERS = ("a", "b", "c", "d", "e")

# What the emitted code refers to by name. `value.py` adds the class; `intercepted` counts the threads and modes
# (no_grad, debug) that want to see each call, and sends it the slow way round while there are any.
namespace: dict[str, Any] = {
    "intercepted": 0,
    "new": object.__new__,
    "ndarray": np.ndarray,
    "next_serial": count(1).__next__,
    "no_options": NO_OPTIONS,
    "absent": ABSENT,
    "dispatching": False,  # whether there may be arrays that are not NumPy's
}


def dispatch() -> None:
    """From now on, leave it to NumPy's dispatch who computes a function: there are arrays that are not NumPy's."""
    if not namespace["dispatching"]:
        namespace["dispatching"] = True
        for name, rule in list(namespace.items()):
            if name.startswith("rule_"):
                namespace[f"forward_{name.removeprefix('rule_')}"] = rule.forward


def constant(data: Any) -> Any:
    """Return a constant operand as a number or an array of numbers, or refuse it by name.

    Complex constants pass: a Fourier transform is complex, and may be filtered. A Value of the user's own is real.
    """
    kind = type(data)
    if kind in (float, int, bool, complex):
        return data
    if kind is np.ndarray or isinstance(data, np.generic):
        if data.dtype.kind not in "fiubc":
            raise refusal(data, f"an array of {data.dtype}")
        return data if data.ndim else data.item()
    if hasattr(data, "__array_function__"):
        if not hasattr(data, "__record__"):
            dispatch()
        elif active.trace is not None:
            return active.trace.constant(data)
        return data
    if data is None or isinstance(data, str | bytes):
        raise refusal(data, f"{data!r}")
    if hasattr(data, "__array__"):
        return constant(np.asarray(data))
    if isinstance(data, Sequence):
        for item in data:
            if type(item) is namespace["Value"]:
                raise TypeError(
                    "a list with Values in it is not a Value: NumPy would lose their gradients. "
                    "Join them with np.stack([...]) or np.concatenate([...])."
                )
        try:
            return constant(np.array(data))
        except ValueError as error:
            raise refusal(data, f"a ragged list ({error})") from None
    raise refusal(data, f"an object of type {kind.__name__}")


def refusal(data: Any, got: str) -> TypeError:
    """Return the error for data that no gradient can be taken of."""
    complex_data = is_complex(data)
    advice = "take its real part, or its magnitude with abs()" if complex_data else "convert it first"
    return TypeError(
        f"a Value holds real numbers (a number, or an array or nested list of them), but got {got}: {advice}."
    )


def fit(cotangent: Any, x: Any) -> Any:
    """Return a cotangent summed back over the axes along which `x` was broadcast, in the shape and dtype of `x`."""
    arrays = type(x) is np.ndarray and type(cotangent) is np.ndarray
    if arrays and cotangent.shape == x.shape and cotangent.dtype is x.dtype:
        return cotangent  # the usual case, and nothing to do
    shape: tuple[int, ...] = getattr(x, "shape", ())
    if getattr(cotangent, "shape", ()) != shape:
        cotangent = sum_to(cotangent, shape)
    if is_complex(x):
        return cotangent  # which may be real
    if hasattr(x, "dtype") and hasattr(cotangent, "dtype"):
        return cotangent if cotangent.dtype == x.dtype else cast(cotangent, x.dtype)
    if not hasattr(cotangent, "__record__"):
        return float(cotangent.real)
    return np.real(cotangent) if is_complex(cotangent) else cotangent


def cast(cotangent: Any, dtype: Any) -> Any:
    """Return a cotangent in the type of its real input."""
    return (np.real(cotangent) if is_complex(cotangent) else cotangent).astype(dtype)


def sum_to(cotangent: Any, shape: tuple[int, ...]) -> Any:
    """Sum an array over leading axes and over axes where `shape` has size 1, so that it has that shape."""
    extra = cotangent.ndim - len(shape)
    if cotangent.shape[extra:] == shape and extra > 0:
        return np.add.reduce(cotangent, axis=0 if extra == 1 else tuple(range(extra)))
    if extra < 0 or any(n != m and n != 1 for n, m in zip(shape, cotangent.shape[extra:], strict=True)):
        raise ValueError(
            f"a rule gave a cotangent of shape {cotangent.shape} for an input of shape {shape}; mend the rule"
        )
    stretched = tuple(i + extra for i, n in enumerate(shape) if n == 1 and cotangent.shape[i + extra] != 1)
    if stretched:
        cotangent = np.add.reduce(cotangent, axis=stretched, keepdims=True)
    return np.add.reduce(cotangent, axis=tuple(range(extra))) if extra else cotangent


def rescue(rule: Rule, error: Exception, *operands: Any) -> Any:
    """Answer as NumPy does where Python floats raise (1 / 0, exp(1000)); else say which shapes did not go together."""
    numeric = isinstance(error, ArithmeticError | ValueError) and not isinstance(error, np.exceptions.AxisError)
    if numeric and all(isinstance(x, float | int) for x in operands):
        return call_of(rule)(*map(float, operands))
    if isinstance(error, np.linalg.LinAlgError) or not isinstance(
        error, ArithmeticError | ValueError | TypeError | IndexError
    ):
        raise error
    shapes = [str(np.shape(x)) for x in operands]
    inputs = f"inputs of shapes {' and '.join(shapes)}" if len(shapes) > 1 else f"an input of shape {shapes[0]}"
    advice = ""
    if isinstance(error, np.exceptions.AxisError):
        advice = " Axes are counted from 0, or from the last one back with -1, -2."
    elif len(shapes) > 1:
        advice = (
            " Shapes are compared from the last axis back; they must be equal or 1. Reshape or transpose one of them."
        )
    name = full_name(rule.function)
    raise type(error)(f"{name} cannot take {inputs}: {str(error).strip(' .')}.{advice}") from error


def settle(data: Any) -> Any:
    """Return a float64 result without axes as the Python float that a Value holds."""
    if type(data) is np.float64 or (type(data) is np.ndarray and not data.ndim and data.dtype == np.float64):
        return float(data)
    return data


def call_of(rule: Rule) -> Function:
    """Return the row's forward computation as every way of calling it performs it."""
    if rule.call is None:
        rule.call = scalar_aware(rule)
    return rule.call


def scalar_aware(rule: Rule) -> Function:
    """Return a function that takes the row's twin for Python floats, and the NumPy function for anything else."""
    function, scalar = rule.forward, rule.scalar
    if scalar is None:
        return lambda *inputs, **options: settle(function(*inputs, **options))

    def of_one(x: Any) -> Any:
        if type(x) in NUMBERS:
            try:
                return scalar(x)
            except (ArithmeticError, ValueError):  # NumPy's answer: inf or nan
                return settle(function(float(x)))
        return settle(function(x))

    def of_several(*inputs: Any) -> Any:
        for x in inputs:
            if type(x) not in NUMBERS:
                return settle(function(*inputs))
        try:
            return scalar(*inputs)
        except (ArithmeticError, ValueError):
            return settle(function(*map(float, inputs)))

    def of_two(a: Any, b: Any) -> Any:
        if type(a) in NUMBERS and type(b) in NUMBERS:
            try:
                return scalar(a, b)
            except (ArithmeticError, ValueError):
                return settle(function(float(a), float(b)))
        return settle(function(a, b))

    by_arity: dict[int, Function] = {1: of_one, 2: of_two}
    return by_arity.get(len(rule.derivatives), of_several)


OPERATOR = """\
def {name}({parameters}):
    if intercepted:
        return apply({function}, ({inputs},), no_options)
{unpack}
    try:
        data = {forward}{settle}
    except Exception as error:
        data = rescue({rule}, error, {operands})
    out = new(Value)
    out._data = data
    out.grad = None
    out.rule = {rule}
    out.left = {left}
    out.right = {right}
    out.left_data = {left_data}
    out.right_data = {right_data}
    out.options = no_options
    out.name = None
    out.serial = next_serial()
    out.watched = None
    return out
"""

SETTLE = """
        if type(data) is not ndarray or not data.ndim:
            data = settle(data)"""

UNPACK = """\
    if type({input}) is Value:
        {operand} = {input}._data
    else:
        {operand} = {input} = {input} if type({input}) is float else constant({input})"""

UNPACK_CONSTANT = """\
    if type({input}) is Value:
        raise no_derivative({function}, {position})
    {operand} = {input}"""

PULL = """\
def pull_{name}(node, g):
{unpack}
    y = {y}
{steps}
"""

STEP = """\
    if type({input}) is Value:
        try:
            d = {derivative}
        except ArithmeticError:
            d = derivative_in_numpy(node, {position}, g)
        if type(d) is not float:
            d = fit(d, {operand})
        {input}.grad = d if {input}.grad is None else {input}.grad + d"""


VALUE_STEP = """\
    if type({input}) is Value:
        d = {derivative}
        if type(d) is not Value or type(d._data) is not float or type({operand}) is not float:
            d = fit(d, {input})
        {input}.grad = d if {input}.grad is None else {input}.grad + d"""


def packed(items: tuple[Any, ...]) -> tuple[Any, Any]:
    """Return what a record keeps of its inputs in two slots: one or two as they are, any other number as a tuple.

    A tuple costs as much as the record itself, and twice that in garbage collection, so that most records have none.
    """
    if len(items) == 2:
        return items
    return (items[0] if len(items) == 1 and type(items[0]) is not tuple else items), ABSENT


def unpacked(left: Any, right: Any) -> tuple[Any, ...]:
    """Return the inputs that `packed` put into two slots."""
    if right is not ABSENT:
        return left, right
    return left if type(left) is tuple else (left,)


def as_source(item: Any) -> str:
    """Return a name, a tuple of names or the absent input as source."""
    return "absent" if item is ABSENT else f"({', '.join(item)},)" if type(item) is tuple else item


def emit(rule: Rule, *, reflected: bool = False) -> tuple[str, str, str]:
    """Return the source of a row's fast operator and of its fused pullbacks, and make known the names they use.

    The first pullback works on bare numbers; the second on Values, so that it is recorded in turn.
    """
    name, arity = identifier(rule.function), len(rule.derivatives)
    operands = LETTERS[:arity]
    inputs = tuple(f"{letter}_" for letter in operands)
    namespace.update({f"rule_{name}": rule, f"function_{name}": rule.function})
    namespace[f"forward_{name}"] = rule.forward if namespace["dispatching"] else inspect.unwrap(rule.forward)
    namespace.update({f"derivative_{name}_{i}": d for i, d in enumerate(rule.derivatives)})

    def derivatives_of(names: tuple[str, ...]) -> list[Any]:
        formulas = trace(rule, names) if rule.elementwise else None
        if formulas is not None:
            return formulas
        arguments = ", ".join(("g", "y", *names))  # not a formula: call the rule
        return [d and Symbol(f"derivative_{name}_{i}({arguments})") for i, d in enumerate(rule.derivatives)]

    forward: Any = Symbol(f"forward_{name}({', '.join(operands)})")
    if rule.elementwise:
        forward = rule.function(*map(Symbol, operands))
    derivatives = derivatives_of(operands)
    for function in functions_in(forward).union(*map(functions_in, derivatives)):
        namespace[identifier(function)] = call_of(RULES[function]) if function in RULES else function
        namespace.setdefault(f"value_{identifier(function)}", partial(operate, function))

    names = map(as_source, (*packed(inputs), *packed(operands)))
    slots = dict(zip(("left", "right", "left_data", "right_data"), names, strict=True))
    operator = OPERATOR.format(
        name=("reflected_" if reflected else "") + name,
        parameters=", ".join(reversed(inputs) if reflected else inputs),
        function=f"function_{name}",
        rule=f"rule_{name}",
        inputs=", ".join(inputs),
        operands=", ".join(operands),
        unpack="\n".join(
            (UNPACK if d else UNPACK_CONSTANT).format(input=i, operand=o, function=f"function_{name}", position=k)
            for k, (i, o, d) in enumerate(zip(inputs, operands, rule.derivatives, strict=True))
        ),
        forward=source(forward),
        settle="" if rule.elementwise else SETTLE,
        **slots,
    )

    def pull(template: str, y: str, formulas: list[Any], prefix: str) -> str:
        steps = [
            template.format(input=i, operand=o, derivative=source(d, prefix=prefix), position=k)
            for k, (i, o, d) in enumerate(zip(inputs, operands, formulas, strict=True))
            if d is not None
        ]
        return PULL.format(
            name=name,
            unpack="\n".join(f"    {names} = node.{slot}" for slot, names in slots.items() if names != "absent"),
            y=y,
            steps="\n".join(steps) or "    return  # piecewise constant: nothing to add",
        )

    on_numbers = pull(STEP, "node._data", derivatives, "")
    on_values = pull(VALUE_STEP, "node", derivatives_of(inputs), "value_")
    return operator, on_numbers, on_values


def compiled(text: str) -> Function:
    """Return the function that a piece of emitted source defines."""
    defined: dict[str, Function] = {}
    exec(compile(text, "<emitted from the table of rules>", "exec"), namespace, defined)
    return next(iter(defined.values()))


def operator_of(function: Function, *, reflected: bool = False) -> Any:
    """Return the fast operator of a row of fixed arity: called with Values and constants, it records one step."""
    rule = find(function)
    if reflected:
        return compiled(emit(rule, reflected=True)[0])
    if rule.operator is None:
        rule.operator = compiled(emit(rule)[0])
    return rule.operator


class Operator:
    """A fast operator as a method of a class, written out when it is first used."""

    def __init__(self, function: Function, *, reflected: bool = False) -> None:
        self.function = function
        self.reflected = reflected

    def __set_name__(self, owner: type, name: str) -> None:
        self.owner = owner
        self.name = name

    def __get__(self, value: Any, owner: type) -> Any:
        operator = operator_of(self.function, reflected=self.reflected)
        setattr(self.owner, self.name, operator)  # from now on it is an ordinary method
        return operator if value is None else operator.__get__(value)


def pull_of(rule: Rule) -> Function:
    """Return a row's fused pullback: add to the gradient of each input its part of the cotangent."""
    if rule.pull is None:
        rule.pull = compiled(emit(rule)[1]) if rule.fixed else pull_with_options
    return rule.pull


def operate(function: Function, *inputs: Any) -> Any:
    """Call a function by its fast operator, where it has one."""
    rule = RULES.get(function)
    if rule is None or not rule.fixed:
        return function(*inputs)
    return (rule.operator or operator_of(function))(*inputs)


def value_pull_of(rule: Rule) -> Function:
    """Return a row's pullback on Values, which is recorded in turn."""
    if rule.value_pull is None:
        rule.value_pull = compiled(emit(rule)[2]) if rule.fixed else value_pull_with_options
    return rule.value_pull


def value_pull_with_options(node: Any, g: Any) -> None:
    """Do what `pull_with_options` does, on Values."""
    for argument, parent in enumerate(node.inputs):
        if type(parent) is namespace["Value"]:
            contribution = contribution_of(node, argument, g, node, node.inputs)
            if contribution is not None:
                parent.grad = contribution if parent.grad is None else parent.grad + contribution


def pull_with_options(node: Any, g: Any) -> None:
    """Pull back through a row whose derivatives take options or any number of inputs, one input at a time."""
    for argument, parent in enumerate(node.inputs):
        if type(parent) is namespace["Value"]:
            contribution = contribution_of(node, argument, g, node._data, node.operands)
            if contribution is not None:
                parent.grad = contribution if parent.grad is None else parent.grad + contribution


def contribution_of(node: Any, argument: int, g: Any, y: Any, inputs: tuple[Any, ...]) -> Any:
    """Return what one edge adds to the gradient of its input, or None where the derivative is zero."""
    product = product_of(node, argument, g, y, inputs)
    return None if product is None else fit(product, inputs[argument])


def product_of(node: Any, argument: int, g: Any, y: Any, inputs: tuple[Any, ...]) -> Any:
    """Return the cotangent times the local derivative of one edge, before it is summed over broadcast axes."""
    derivative = node.rule.derivative(argument)
    try:
        product = None if derivative is None else derivative(g, y, *inputs, **node.options)
    except (ZeroDivisionError, OverflowError):  # of Python floats only
        return derivative_in_numpy(node, argument, g)
    if type(product) is complex and not any(map(is_complex, (g, *inputs))):  # Python's (-8.0) ** 0.5: NumPy's is nan
        return derivative_in_numpy(node, argument, g)
    return product


def derivative_in_numpy(node: Any, argument: int, g: Any) -> Any:
    """Return one derivative of a scalar record with NumPy's arithmetic, where Python's raised (1 / 0 is inf)."""
    with np.errstate(all="ignore"):
        return node.rule.derivative(argument)(np.float64(g), np.float64(node._data), *map(np.float64, node.operands))


def source_of(function: Function) -> str:
    """Return the Python that microgd wrote from a function's row: how a call is recorded, and how it is pulled back.

    Example:
        >>> "data = a * b" in source_of(np.multiply)
        True
    """
    return "\n\n".join(emit(find(function)))


namespace.update(constant=constant, fit=fit, settle=settle, rescue=rescue)
namespace.update(no_derivative=no_derivative, derivative_in_numpy=derivative_in_numpy)
