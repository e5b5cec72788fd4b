"""A double for arrays that are not NumPy's: what lives elsewhere, as on a GPU, and never turns into NumPy unasked.

It stands for CuPy where there is none. It speaks NumPy's protocols (NEP 13, NEP 18, NEP 35), and like CuPy it refuses
to be made into a NumPy array silently, to be computed with together with NumPy arrays (other than as indices), and to
give NumPy scalars.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from microgd.autograd.operators import namespace

PLACES = (np.take, np.transpose, np.roll)  # functions whose other arguments are places, not data
REDUCTIONS = (np.sum, np.prod, np.max, np.min, np.mean, np.var, np.std, np.any, np.all)  # CuPy's have none of
OF_NUMPY = ("initial", "where")  # these options


class SilentConversion(TypeError):
    """Raised where an array would have been copied from where it is, without anybody having asked."""


class Duck(np.lib.mixins.NDArrayOperatorsMixin):
    """An array whose numbers are inside, out of NumPy's sight."""

    mixes = False  # whether NumPy arrays may stand beside it in a call, and NumPy's own options be given

    def __init__(self, inside: Any) -> None:
        assert not isinstance(inside, Duck)
        self.inside = np.asarray(inside)

    # What it is -------------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        return self.inside.shape

    @property
    def ndim(self) -> int:
        return self.inside.ndim

    @property
    def size(self) -> int:
        return self.inside.size

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.inside.dtype

    def __repr__(self) -> str:
        return f"{type(self).__name__}(shape={self.shape}, dtype={self.dtype})"

    def __len__(self) -> int:
        return len(self.inside)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    # What it refuses --------------------------------------------------------------------------------------------------

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        raise SilentConversion(f"{self!r} would have become a NumPy array; ask for it by .get()")

    def out(self, argument: Any) -> Any:
        """Return an argument with the numbers that are inside."""
        if isinstance(argument, Duck):
            return argument.inside
        if isinstance(argument, list | tuple):
            parts = [self.out(part) for part in argument]
            return type(argument)(*parts) if hasattr(argument, "_fields") else type(argument)(parts)
        if isinstance(argument, dict):
            return {key: self.out(part) for key, part in argument.items()}
        if isinstance(argument, np.ndarray) and not self.mixes:
            raise TypeError(f"{type(self).__name__} and a NumPy array of shape {argument.shape} do not go together")
        return argument

    def refuse(self, name: str, options: dict[str, Any]) -> None:
        """Raise where a reduction is given what CuPy's does not take."""
        for option in OF_NUMPY:
            if option in options and not self.mixes:
                raise TypeError(f"{name}() got an unexpected keyword argument {option!r}, as CuPy has it")

    def wrapped(self, result: Any) -> Any:
        """Return a result with its arrays, and its NumPy scalars, inside."""
        if isinstance(result, np.ndarray | np.generic):
            return type(self)(result)
        if isinstance(result, tuple) and hasattr(result, "_fields"):
            return type(result)(*map(self.wrapped, result))
        if isinstance(result, list | tuple):
            return type(result)(map(self.wrapped, result))
        return result

    # What is done with it ---------------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if any(hasattr(x, "__record__") for x in inputs):
            return NotImplemented  # a Value takes over
        if method == "at":
            array, index, *values = inputs
            ufunc.at(self.out(array), index_out(index), *self.out(values))
            return None
        return self.wrapped(getattr(ufunc, method)(*self.out(inputs), **self.out(options)))

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: dict[str, Any]) -> Any:
        if any(hasattr(kind, "__record__") for kind in types):
            return NotImplemented
        asked = function in (np.asarray, np.array)  # by `like=`: to bring an array here
        if asked and isinstance(inputs[0], np.ndarray):
            return self.wrapped(function(*inputs, **options))
        if function in REDUCTIONS:
            self.refuse(function.__name__, options)
        out = index_out if function in PLACES else self.out
        options = {key: out(value) for key, value in options.items()}
        return self.wrapped(function(*self.out(inputs[:1]), *map(out, inputs[1:]), **options))

    def __getitem__(self, index: Any) -> Any:
        return self.wrapped(self.inside[index_out(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self.inside[index_out(index)] = self.out(value)

    def __bool__(self) -> bool:
        return bool(self.inside)

    def __int__(self) -> int:
        return int(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __index__(self) -> int:
        return int(self.inside.__index__())

    def item(self) -> Any:
        """Return the only element, which has to be asked for, so it is not silent."""
        return self.inside.item()

    def tolist(self) -> Any:
        return self.inside.tolist()

    def get(self) -> Any:
        """Return the NumPy array."""
        return self.inside

    @property
    def T(self) -> Any:
        return self.wrapped(self.inside.T)

    @property
    def real(self) -> Any:
        return self.wrapped(self.inside.real)

    @property
    def imag(self) -> Any:
        return self.wrapped(self.inside.imag)

    def dot(self, other: Any) -> Any:
        return self.wrapped(self.inside.dot(self.out(other)))

    def copy(self) -> Any:
        return self.wrapped(self.inside.copy())

    def astype(self, dtype: Any, **options: Any) -> Any:
        return self.wrapped(self.inside.astype(dtype, **options))

    def reshape(self, *shape: Any, **options: Any) -> Any:
        return self.wrapped(self.inside.reshape(*shape, **options))

    def transpose(self, *axes: Any) -> Any:
        return self.wrapped(self.inside.transpose(*axes))

    def ravel(self) -> Any:
        return self.wrapped(self.inside.ravel())

    def sum(self, *arguments: Any, **options: Any) -> Any:
        self.refuse("sum", options)
        return self.wrapped(self.inside.sum(*arguments, **options))

    def max(self, *arguments: Any, **options: Any) -> Any:
        self.refuse("max", options)
        return self.wrapped(self.inside.max(*arguments, **options))

    def min(self, *arguments: Any, **options: Any) -> Any:
        self.refuse("min", options)
        return self.wrapped(self.inside.min(*arguments, **options))

    def all(self, *arguments: Any, **options: Any) -> Any:
        self.refuse("all", options)
        return self.wrapped(self.inside.all(*arguments, **options))

    def any(self, *arguments: Any, **options: Any) -> Any:
        self.refuse("any", options)
        return self.wrapped(self.inside.any(*arguments, **options))


def index_out(index: Any) -> Any:
    """Return an index with the numbers that are inside; NumPy's arrays may be indices, for they are brought over."""
    if isinstance(index, tuple | list):
        return type(index)(map(index_out, index))
    return index.inside if isinstance(index, Duck) else index


class Sociable(Duck):
    """One that NumPy arrays may stand beside: for calls that have them, or options of NumPy's, of their own."""

    mixes = True


def forget_other_arrays() -> None:
    """Leave who computes a function to NumPy's dispatch no longer, as when there have been NumPy's arrays alone."""
    namespace["dispatching"] = False
    for name, rule in list(namespace.items()):
        if name.startswith("rule_"):
            namespace[f"forward_{name.removeprefix('rule_')}"] = inspect.unwrap(rule.forward)
