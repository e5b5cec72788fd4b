"""Formulas as data: names, numbers, sums, products and functions of them, lightly simplified as they are made.

The rules of differentiation are ordinary functions on arrays. Called with terms instead, they return the term of what
they compute. Each term also knows the numbers that it stands for, computed from its simplified parts: so a rule may
look at shapes, and a simplification that is wrong is found by comparing numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, NoReturn

import numpy as np

from ..autograd.operators import call_of
from ..autograd.rules.elementwise import LN2, LN10, difference_or_zero, exponent_slope, quotient
from ..autograd.rules.indexing import getitem
from ..autograd.rules.table import Function, row_of
from ..autograd.symbols import Untraceable
from ..autograd.value import REDUCTIONS, bound

MANY = 1_000_000  # symbols, above which they are not counted
COMPARISONS = (np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal)
LOGICAL = (np.logical_and, np.logical_or, np.logical_not, np.logical_xor, np.bitwise_and, np.bitwise_or)
OF_SHAPES: tuple[Function, ...] = (
    np.shape,
    np.ndim,
    np.size,
    np.zeros_like,
    np.ones_like,
    np.result_type,
    np.broadcast_shapes,
)
OF_SHAPES += (np.iscomplexobj, np.isrealobj, np.may_share_memory, np.shares_memory)


class Term(np.lib.mixins.NDArrayOperatorsMixin):
    """A formula, or a part of one.

    Attributes:
        data: The number or array that it stands for.
        symbols: How many it is written with, about.
        key: The same for the same formula.
    """

    __slots__ = ("data", "key", "symbols")
    symbols: int
    __hash__ = object.__hash__

    def __init__(self, data: Any, key: Any, parts: Iterable[Term] = ()) -> None:
        self.data = data
        self.key = hash((type(self).__name__, key))
        self.symbols = min(1 + sum(part.symbols for part in parts), MANY)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the data."""
        return np.shape(self.data)

    @property
    def ndim(self) -> int:
        """The number of axes of the data."""
        return np.ndim(self.data)

    @property
    def size(self) -> int:
        """The number of elements of the data."""
        return int(np.size(self.data))

    @property
    def dtype(self) -> Any:
        """The type of the data."""
        return np.result_type(self.data)

    @property
    def T(self) -> Term:
        """The transpose."""
        return as_term(applied(np.transpose, (self,), {}))

    def astype(self, dtype: Any) -> Term:
        """Return the same: a formula has no precision."""
        return self

    def reshape(self, *shape: Any) -> Any:
        """Return the same elements in another shape."""
        return applied(np.reshape, (self, shape[0] if len(shape) == 1 else shape), {})

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method == "reduce" and ufunc in REDUCTIONS:
            return applied(REDUCTIONS[ufunc], inputs, {"axis": 0} | options)
        if method != "__call__" or options:
            raise Untraceable(f"{ufunc.__name__}.{method}")
        return applied(ufunc, inputs, {})

    def __array_function__(self, function: Function, types: Any, inputs: Any, options: dict[str, Any]) -> Any:
        return applied(function, inputs, options)

    def __record__(self, function: Function, inputs: Any, options: dict[str, Any]) -> Any:
        return applied(function, inputs, options)

    def __getitem__(self, index: Any) -> Any:
        return applied(getitem, (self, index), {})

    def __bool__(self) -> NoReturn:
        raise Untraceable("bool")

    def __iter__(self) -> NoReturn:
        raise Untraceable("iter")


class Number(Term):
    """A number, or an array of the same number throughout."""

    __slots__ = ("value",)

    def __init__(self, value: Fraction | float, shape: tuple[int, ...] = ()) -> None:
        self.value = value
        super().__init__(np.full(shape, float(value)) if shape else float(value), value)


class Name(Term):
    """A name, as the user gave it."""

    __slots__ = ("text",)

    def __init__(self, text: str, data: Any) -> None:
        self.text = text
        super().__init__(data, text)


class Product(Term):
    """A coefficient times some factors, over others; each factor with its power."""

    __slots__ = ("coefficient", "over", "under")

    def __init__(self, coefficient: Fraction | float, over: Sequence[Term], under: Sequence[Term]) -> None:
        self.coefficient, self.over, self.under = coefficient, tuple(over), tuple(under)
        data: Any = float(coefficient)
        with np.errstate(all="ignore"):
            for term in over:
                data = data * term.data
            for term in under:
                data = np.divide(data, term.data)
        super().__init__(data, (coefficient, *(t.key for t in over), "/", *(t.key for t in under)), (*over, *under))


class Sum(Term):
    """Some terms, each with its coefficient, added."""

    __slots__ = ("terms",)

    def __init__(self, terms: Sequence[tuple[Fraction | float, Term]]) -> None:
        self.terms = tuple(terms)
        data = sum(float(coefficient) * term.data for coefficient, term in terms)
        super().__init__(data, tuple((c, term.key) for c, term in terms), (term for _, term in terms))


class Applied(Term):
    """A function of terms."""

    __slots__ = ("arguments", "function", "options")

    def __init__(self, function: Function, arguments: Sequence[Any], options: dict[str, Any]) -> None:
        self.function, self.arguments, self.options = function, tuple(arguments), options
        data = called(function, [x.data if isinstance(x, Term) else x for x in arguments], options)
        keys = tuple(x.key if isinstance(x, Term) else repr(x) for x in arguments)
        terms = (x for x in arguments if isinstance(x, Term))
        super().__init__(data, (function.__name__, keys, repr(options)), terms)


ONE, MINUS = Number(Fraction(1)), Number(Fraction(-1))
LOGARITHMS = {LN2: Fraction(2), LN10: Fraction(10)}


def exact(x: Any) -> Fraction | float:
    """Return a number so that sums and products of it are exact; inf and nan as they are."""
    if not math.isfinite(x):
        return float(x)
    near = Fraction(float(x)).limit_denominator(1000)
    return near if len(repr(float(x))) > 12 and float(near) == x else Fraction(float(x))  # 0.333..., but 0.1 as typed


def as_term(x: Any) -> Term:
    """Return a number or an array as a term."""
    if isinstance(x, Term):
        return x
    if type(x) is float and x in LOGARITHMS:
        return Applied(np.log, (Number(LOGARITHMS[x]),), {})
    data = np.asarray(x, dtype=float)
    if data.size and (data == data.flat[0]).all():
        return Number(exact(data.flat[0]), data.shape)
    return Name(f"[{'×'.join(map(str, data.shape))}]", data)


def called(function: Function, inputs: Sequence[Any], options: dict[str, Any]) -> Any:
    """Return a function of bare numbers and arrays."""
    with np.errstate(all="ignore"):
        row = row_of(function)
        return function(*inputs, **options) if row is None else call_of(row)(*inputs, **options)


def applied(function: Function, inputs: Sequence[Any], options: dict[str, Any]) -> Any:
    """Return a function of terms, simplified; what does not depend on terms, or only on their shapes, is computed.

    Raises:
        Untraceable: If the result is no formula, for it decides by the numbers.
    """
    row = row_of(function)
    if row is None and function not in COMPARISONS + LOGICAL:
        if function not in OF_SHAPES:
            raise Untraceable(function.__name__)
        return function(*(x.data if isinstance(x, Term) else x for x in inputs), **options)
    if row is not None and not isinstance(function, np.ufunc):
        inputs, options = bound(row, tuple(inputs), options)
    if not any(isinstance(x, Term) for x in inputs):
        return called(function, inputs, options)
    simplify = SIMPLIFIED.get(function)
    if simplify is not None:
        return simplify(*(as_term(x) for x in inputs), **options)
    return Applied(function, [x if x is None or isinstance(x, str) else as_term(x) for x in inputs], options)


# Simplified as they are made ------------------------------------------------------------------------------------------


def factors(term: Term) -> tuple[Fraction | float, tuple[Term, ...], tuple[Term, ...]]:
    """Return a term as coefficient, factors above and factors below the line."""
    if isinstance(term, Number):
        return term.value, (Number(Fraction(1), term.shape),) if term.ndim else (), ()
    if isinstance(term, Product):
        return term.coefficient, term.over, term.under
    return Fraction(1), (term,), ()


def product(coefficient: Fraction | float, over: Iterable[Term], under: Iterable[Term] = ()) -> Term:
    """Return a product without factors of 1 and with equal factors as powers."""
    above, below = powers(over), powers(under)
    shape = np.broadcast_shapes(*(term.shape for term in (*above, *below)))
    rest = [term for term in above if not isinstance(term, Number)]
    if np.broadcast_shapes(*(term.shape for term in (*rest, *below))) == shape:
        above = rest
    elif not rest and not below:
        return Number(coefficient, shape)
    else:
        above = [*rest, Number(Fraction(1), shape)]
    if coefficient == 0:
        return Number(Fraction(0), shape)
    if not below and len(above) == 1:
        if coefficient == 1:
            return above[0]
        if coefficient == -1 and isinstance(above[0], Sum):
            return Sum([(-c, term) for c, term in above[0].terms])
    return Product(coefficient, above, below) if above or below else Number(coefficient)


def powers(terms: Iterable[Term]) -> list[Term]:
    """Return factors with equal ones taken together as a power."""
    bases: dict[Any, tuple[Term, Fraction | float]] = {}
    for term in terms:
        base, exponent = term, ONE.value
        if isinstance(term, Applied) and term.function is np.power:
            raised = term.arguments[1]
            if isinstance(raised, Number) and raised.value > 0 and not raised.ndim:
                base, exponent = term.arguments[0], raised.value
        place = (base.key, base.shape)
        bases[place] = (base, bases[place][1] + exponent if place in bases else exponent)
    return [
        base if exponent == 1 else Applied(np.power, (base, Number(exponent)), {}) for base, exponent in bases.values()
    ]


def power(base: Term, exponent: Term) -> Term:
    """Return a power."""
    if isinstance(exponent, Number):
        if exponent.value == 1 or (isinstance(base, Number) and base.value == 1):
            return multiply(base, Number(Fraction(1), exponent.shape))
        if exponent.value == 0:
            return Number(Fraction(1), np.broadcast_shapes(base.shape, exponent.shape))
    elif isinstance(exponent, Sum):  # b - (b != 0), which is b - 1 wherever it matters
        (_, first), *others = exponent.terms
        for coefficient, term in others:
            unequal = term.arguments[0] if isinstance(term, Applied) and term.function is np.not_equal else None
            if coefficient == -1 and unequal is not None and unequal.key == first.key:
                exponent = add(first, MINUS)
    return Applied(np.power, (base, exponent), {})


def multiply(a: Term, b: Term) -> Term:
    """Return a product of two terms."""
    (c, over, under), (d, over_too, under_too) = factors(a), factors(b)
    return product(c * d, over + over_too, under + under_too)


def divide(a: Term, b: Term) -> Term:
    """Return a quotient of two terms."""
    (c, over, under), (d, over_too, under_too) = factors(a), factors(b)
    if d == 0 or any(isinstance(term, Number) for term in over_too):
        return Applied(np.divide, (a, b), {})
    return product(c / d, over + under_too, under + over_too)


def add(*terms: Term) -> Term:
    """Return a sum, with equal terms taken together."""
    found: dict[Any, tuple[Fraction | float, Term]] = {}

    def take(coefficient: Fraction | float, term: Term) -> None:
        factor, over, under = factors(term)
        if isinstance(term, Sum):
            for inner, part in term.terms:
                take(coefficient * inner, part)
        elif isinstance(term, Product) and factor in (1, -1) and not under and len(over) == 1:
            take(coefficient * factor, over[0])
        else:
            base = product(Fraction(1), over, under)
            place = (base.key, base.shape)
            found[place] = (found[place][0] + coefficient * factor if place in found else coefficient * factor, base)

    for term in terms:
        take(Fraction(1), term)
    shape = np.broadcast_shapes(*(term.shape for term in terms))
    left = [(c, term) for c, term in found.values() if c != 0]
    if np.broadcast_shapes(*(term.shape for _, term in left)) != shape:
        left.append((Fraction(0), Number(Fraction(1), shape))) if left else None
    if not left:
        return Number(Fraction(0), shape)
    return multiply(Number(left[0][0]), left[0][1]) if len(left) == 1 else Sum(left)


def matmul(a: Term, b: Term) -> Term:
    """Return a product of matrices, with what is a plain number before it."""
    (c, over, under), (d, over_too, under_too) = factors(a), factors(b)
    left, right = product(Fraction(1), over, under), product(Fraction(1), over_too, under_too)
    return product(c * d, (Applied(np.matmul, (left, right), {}),))


def transpose(x: Term, axes: Any = None) -> Term:
    """Return a transpose, none of a transpose, and with what is a plain number before it."""
    coefficient, over, under = factors(x)
    if coefficient != 1:
        return multiply(Number(coefficient), transpose(product(Fraction(1), over, under), axes))
    if isinstance(x, Number):
        return Number(x.value, x.shape[::-1])
    if axes is None and isinstance(x, Applied) and x.function is np.transpose and not x.options:
        return as_term(x.arguments[0])
    return x if x.ndim < 2 else Applied(np.transpose, (x,), {} if axes is None else {"axes": axes})


def total(x: Term, axis: Any = None, keepdims: bool = False) -> Term:
    """Return a sum over axes, with what is a plain number before it."""
    coefficient, over, under = factors(x)
    options = {} if axis is None else {"axis": axis}
    if keepdims and x.ndim:
        options["keepdims"] = True
    if isinstance(x, Number):
        return as_term(np.sum(x.data, **options))
    return product(coefficient, (Applied(np.sum, (product(Fraction(1), over, under),), options),))


def moved(function: Function) -> Any:
    """Return how a function is simplified that only moves elements about: a plain number stays before it."""

    def simplify(x: Term, *arguments: Any, **options: Any) -> Term:
        coefficient, over, under = factors(x)
        shape = np.shape(called(function, [x.data], options))
        if shape == x.shape:
            return x
        if not x.ndim or isinstance(x, Number):
            return multiply(Number(coefficient, shape), product(Fraction(1), () if x.ndim else over, under))
        inner = product(Fraction(1), over, under)
        if function is np.squeeze and isinstance(inner, Applied) and inner.function is np.matmul:
            left, right = inner.arguments
            if isinstance(right, Number) and options == {"axis": -1}:
                return multiply(Number(coefficient * right.value), total(left, axis=-1))
            if isinstance(right, Applied) and right.function is np.expand_dims and right.options == options:
                return product(coefficient, (Applied(np.matmul, (left, right.arguments[0]), {}),))  # a vector
        return product(coefficient, (Applied(function, (inner,), options),))

    return simplify


def tensordot(a: Term, b: Term, axes: Any = 2) -> Term:
    """Return a product of tensors; with a single number, a plain product."""
    return Applied(np.tensordot, (a, b), {"axes": axes}) if a.ndim and b.ndim else multiply(a, b)


def where(condition: Term, a: Term, b: Term) -> Term:
    """Return a choice, or what was chosen, where all elements choose the same."""
    if not isinstance(condition, Number):
        return Applied(np.where, (condition, a, b), {})
    shape = np.broadcast_shapes(condition.shape, a.shape, b.shape)
    return multiply(a if condition.value else b, Number(Fraction(1), shape))


def same(x: Term, *arguments: Any, **options: Any) -> Term:
    """Return the term as it is."""
    return x


SIMPLIFIED: dict[Function, Any] = {
    np.add: add,
    np.subtract: lambda a, b: add(a, multiply(MINUS, b)),
    np.multiply: multiply,
    np.divide: divide,
    quotient: divide,
    difference_or_zero: lambda a, b: add(a, multiply(MINUS, b)),
    np.negative: lambda x: multiply(MINUS, x),
    np.positive: same,
    np.reciprocal: lambda x: divide(ONE, x),
    np.square: lambda x: power(x, Number(Fraction(2))),
    np.power: power,
    exponent_slope: lambda y, a: multiply(y, as_term(applied(np.log, (a,), {}))),
    np.where: where,
    np.matmul: matmul,
    np.transpose: transpose,
    np.sum: total,
    np.tensordot: tensordot,
    np.reshape: moved(np.reshape),
    np.ravel: moved(np.ravel),
    np.squeeze: moved(np.squeeze),
    np.expand_dims: moved(np.expand_dims),
    np.broadcast_to: lambda x, shape: multiply(x, Number(Fraction(1), tuple(np.broadcast_shapes(x.shape, shape)))),
}
