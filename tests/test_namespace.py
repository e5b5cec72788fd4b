"""Every public function of NumPy, given a Value: it has a row, takes no numbers, or refuses in words that help.

No function may turn a Value silently into something else: an array of objects, or bare numbers with no gradient.
"""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from microgd import Value
from microgd.autograd.rules.table import COMPOSITE, CONSTANT, REFUSED, RULES, full_name
from tests.cases import CASES

pytestmark = pytest.mark.filterwarnings("ignore")
Function = Callable[..., Any]
PAD: Function = np.pad  # as functions of anything, for type checkers know what they take
MESHGRID: Function = np.meshgrid
SPECIAL: Any = importlib.import_module("scipy.special") if importlib.util.find_spec("scipy") else None

# Functions that do not compute with numbers that are given: they make arrays of shapes, describe types, print, read or
# write files, or set how NumPy does things. What they do with a Value is Python's business: int(), float(), str().
TAKE_NO_NUMBERS = {
    "arange",
    "array2string",
    "array_repr",
    "array_str",
    "bartlett",
    "base_repr",
    "binary_repr",
    "blackman",
    "bmat",
    "busday_count",
    "busday_offset",
    "can_cast",
    "datetime_as_string",
    "datetime_data",
    "diag_indices",
    "empty",
    "eye",
    "format_float_positional",
    "format_float_scientific",
    "from_dlpack",
    "frombuffer",
    "fromfile",
    "fromfunction",
    "fromiter",
    "frompyfunc",
    "fromregex",
    "fromstring",
    "genfromtxt",
    "get_include",
    "get_printoptions",
    "getbufsize",
    "geterr",
    "geterrcall",
    "hamming",
    "hanning",
    "identity",
    "indices",
    "info",
    "is_busday",
    "isdtype",
    "isfortran",
    "isscalar",
    "issubdtype",
    "iterable",
    "kaiser",
    "load",
    "loadtxt",
    "mask_indices",
    "mintypecode",
    "nested_iters",
    "ones",
    "printoptions",
    "promote_types",
    "save",
    "savetxt",
    "savez",
    "savez_compressed",
    "set_printoptions",
    "setbufsize",
    "seterr",
    "seterrcall",
    "show_config",
    "show_runtime",
    "test",
    "tri",
    "tril_indices",
    "triu_indices",
    "typename",
    "zeros",
}
NAMESPACES = {"np": np, "np.linalg": np.linalg, "np.fft": np.fft}
FUNCTIONS: dict[str, Function] = {  # row_stack is np.vstack, and deprecated
    f"{name}.{key}": function
    for name, module in NAMESPACES.items()
    for key in sorted(dir(module))
    if not key.startswith(("_", "row_stack"))
    and callable(function := getattr(module, key))
    and not isinstance(function, type)
}
ROWS = {**RULES, **COMPOSITE}
UNDECLARED = [
    name
    for name, function in FUNCTIONS.items()
    if not any(function in table for table in (RULES, COMPOSITE, CONSTANT, REFUSED))
    and name.rpartition(".")[2] not in TAKE_NO_NUMBERS
]


def leaves(result: Any) -> list[Any]:
    """Return what is in nested tuples and lists."""
    return [leaf for part in result for leaf in leaves(part)] if isinstance(result, tuple | list) else [result]


def calls(function: Function) -> list[tuple[Any, ...]]:
    """Return ways to call a function with a Value among its first arguments."""
    found: list[tuple[Any, ...]] = []
    for at in (2.0, [1.0, 2.0], [[2.0, 1.0], [1.0, 3.0]]):
        v, b = Value(at), np.array(at)
        found += [(v,), (v, v), (v, 1), ([v, v],), (b, b, v), (v, b, b), (3, v), (np.sum, 0, v), (np.sum, v, 0)]
    return found


def attempt(function: Function, arguments: tuple[Any, ...]) -> Any:
    """Return a call's result, or the error that it raised."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
            return function(*arguments)
    except Exception as error:
        return error


def helps(result: Any) -> bool:
    """Return whether an error is one that microgd wrote: it speaks of Values, and says what to do."""
    return (
        isinstance(result, NotImplementedError | TypeError) and "Value" in str(result) and "value.data" in str(result)
    )


@pytest.mark.parametrize("name", UNDECLARED)
def test_a_function_with_no_row_refuses_a_value_in_words_that_help(name: str) -> None:
    function = FUNCTIONS[name]
    results = [attempt(function, arguments) for arguments in calls(function)]
    assert any(map(helps, results)), [str(result)[:80] for result in results]
    for arguments, result in zip(calls(function), results, strict=True):
        if type(arguments[0]) is Value:  # further back may be a type, or yes or no
            assert isinstance(result, Exception), f"{name}{arguments} gave {result!r}"


@pytest.mark.parametrize("name", [n for n, f in FUNCTIONS.items() if f in ROWS or f in CONSTANT])
def test_no_function_makes_an_array_of_objects(name: str) -> None:
    for arguments in calls(FUNCTIONS[name]):
        result = None if arguments[0] is np.sum else attempt(FUNCTIONS[name], arguments)
        for leaf in leaves(result):
            assert getattr(leaf, "dtype", np.dtype(float)).kind != "O", f"{name}{arguments}"


@pytest.mark.parametrize("name", [n for n, f in FUNCTIONS.items() if f in ROWS])
def test_every_row_has_a_case_that_gives_a_value(name: str) -> None:
    case = next(case for case in CASES if case.function is FUNCTIONS[name])
    assert type(case.call(*map(Value, case.args))) is Value


def test_the_list_of_functions_without_numbers_is_of_functions_without_rows() -> None:
    listed = {f"np.{name}" for name in TAKE_NO_NUMBERS} & set(FUNCTIONS)
    assert [name for name in listed if FUNCTIONS[name] in ROWS] == []
    assert len(UNDECLARED) < 60, "most of NumPy should have a row"


@pytest.mark.parametrize("function", REFUSED, ids=full_name)
def test_refused_functions_name_themselves_and_the_way(function: Function) -> None:
    v = Value([[2.0, 1.0], [1.0, 3.0]])
    count = len(inspect.signature(function).parameters) if not isinstance(function, np.ufunc) else function.nin
    errors = [attempt(function, (v,) * n) for n in range(1, count + 1)]
    errors += [attempt(function, (np.ones((2, 2)), [0], v, 0)[:n]) for n in (3, 4)]
    said = [str(error) for error in errors if isinstance(error, NotImplementedError)]
    assert said
    assert all(full_name(function) in text and REFUSED[function] in text for text in said)


# An argument that cannot be a Value is named -------------------------------------------------------------------------

OPTIONS = [
    (function, option)
    for function, row in RULES.items()
    if full_name(function).startswith("np.") and row.bind is None and row.variadic is None
    for option in sorted(row.options)
]


@pytest.mark.parametrize(("function", "option"), OPTIONS, ids=lambda x: x if isinstance(x, str) else full_name(x))
def test_an_option_that_is_a_value_is_named(function: Function, option: str) -> None:
    inputs = [Value([[2.0, 1.0], [1.0, 3.0]])] * len(RULES[function].derivatives)
    parameters = inspect.signature(function).parameters
    names = list(parameters)
    required = {name: 0 for name in names[len(inputs) :] if parameters[name].default is inspect.Parameter.empty}
    with pytest.raises(
        NotImplementedError, match=rf"{full_name(function)}.*argument '{option}', but got a Value there"
    ):
        function(*inputs, **(required | {option: Value(1.0)}))


@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        (np.tile, (Value([1.0]), Value(2.0)), "reps"),
        (np.repeat, (Value([1.0]), Value(2.0)), "repeats"),
        (np.roll, (Value([1.0]), Value(2.0)), "shift"),
        (np.pad, (Value([1.0]), Value(2.0)), "pad_width"),
        (np.take, (Value([1.0]), Value(0.0)), "indices"),
        (np.insert, (Value([1.0]), Value(0.0), 2.0), "obj"),
        (np.choose, (Value([0.0]), [1.0, 2.0]), "a"),
        (np.rot90, (Value([[1.0]]), Value(1.0)), "k"),
        (np.split, (Value([1.0, 2.0]), Value(2.0)), "indices_or_sections"),
        (np.diag, (Value([1.0]), Value(0.0)), "k"),
        (np.fft.fft, (Value([1.0]), Value(1.0)), "n"),
        (np.fft.fft2, (Value([[1.0]]), Value([1.0, 1.0])), "s"),
        (np.linalg.matrix_power, (Value([[1.0]]), Value(2.0)), "n"),
        (np.where, (Value([1.0]), 1.0, 2.0), "condition"),
        (np.expand_dims, (Value([1.0]), Value(0.0)), "axis"),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_an_argument_without_a_derivative_is_named(function: Function, arguments: tuple[Any, ...], named: str) -> None:
    with pytest.raises(NotImplementedError, match=f"{full_name(function)} has no derivative .* argument '{named}'"):
        function(*arguments)


@pytest.mark.parametrize(
    ("call", "named", "nearest"),
    [
        (lambda v: np.linalg.eigvals(v), "np.linalg.eigvals", "np.linalg.eigh"),
        (lambda v: np.poly(v), "np.poly", "np.polyval"),
        (lambda v: np.polydiv(v, v), "np.polydiv", "np.poly"),
    ],
)
def test_the_nearest_function_that_has_a_rule_is_named(call: Function, named: str, nearest: str) -> None:
    with pytest.raises(NotImplementedError, match=named) as raised:
        call(Value([[2.0, 1.0], [1.0, 3.0]]))
    assert nearest in str(raised.value)
    assert "mg." not in str(raised.value).replace("mg.custom_rule", ""), "names a function of microgd's inside"


@pytest.mark.parametrize(
    ("call", "advice"),
    [
        (lambda v: np.pad(v, 1, mode=lambda *_: None), "one of NumPy's modes"),
        (lambda v: np.linalg.qr(v[:, :1], mode="complete"), "'reduced'"),
        (lambda v: np.linalg.qr(v, mode="raw"), "'reduced'"),
        (lambda v: np.linalg.eig(v), "np.linalg.eigh"),
        (lambda v: np.real(np.linalg.cholesky(v + 0j)).sum().backward(), "real matrices only"),
        (lambda v: np.linalg.eigh(v * 1j), "real matrices only"),
        (lambda v: np.fft.fft(v, out=np.zeros((2, 2), complex)), "out= is not supported"),
        (lambda v: np.trace(v, dtype=float), "dtype= is not supported"),
    ],
)
def test_what_is_not_supported_of_a_function_says_what_is(call: Function, advice: str) -> None:
    with pytest.raises(NotImplementedError, match=advice):
        call(Value([[2.0, 1.0], [1.0, 3.0]]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: np.split(v, 3), "np.split cannot divide an axis of length 2 into 3"),
        (lambda v: np.dsplit(v, 1), "takes arrays of 3 or more axes, but got 2"),
        (lambda v: np.cross(v, v), "three components, but got 2 and 2"),
        (lambda v: np.diag(v[None]), r"a vector or a matrix, but got shape \(1, 2, 2\)"),
        (lambda v: PAD(v, 1, mode="mirror"), "no mode 'mirror'; it has"),
        (lambda v: np.rot90(v, axes=(0, 0)), r"two different axes, but got axes=\(0, 0\)"),
        (lambda v: np.block([[v], v]), "same depth"),
        (lambda v: MESHGRID(v[0], indexing="yx"), "'xy' or 'ij', but got 'yx'"),
        (lambda v: np.fft.fft2(v, s=(2,), axes=(0, 1)), "a length for each axis"),
        (lambda v: np.linalg.inv(v * 0.0), "Singular matrix"),
        (lambda v: np.linalg.svd(v[:1])[2].sum().backward(), "full_matrices=False"),
        (lambda v: np.hstack([v, v[0]]), "np.concatenate"),
        (lambda v: np.take(v, 5), "np.take"),
    ],
)
def test_bad_arguments_are_refused_in_words(call: Function, message: str) -> None:
    with pytest.raises((ValueError, IndexError), match=message):
        call(Value([[2.0, 1.0], [1.0, 3.0]]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: np.full(2, v[0]), r"np.full makes an array .* write np.broadcast_to"),
        (lambda v: SPECIAL.softmax(v), r"scipy.special.softmax makes an array .* write mg.softmax"),
        (lambda v: SPECIAL.logsumexp(v), r"scipy.special.logsumexp makes an array .* write mg.logsumexp"),
        (lambda v: SPECIAL.log_softmax(v), r"scipy.special.log_softmax makes an array .* write value - mg.logsumexp"),
        (lambda v: SPECIAL.polygamma(1, v), r"scipy.special.polygamma makes an array .* write scipy.special.psi"),
        (lambda v: SPECIAL.multigammaln(v, 2), r"scipy.special.multigammaln makes an array of a Value"),
        (lambda v: np.testing.assert_allclose(v, 1.0), r"np.testing.assert_allclose makes an array"),
        (lambda v: np.array([v, v]), r"np.array, or what calls it, makes an array .* np.stack"),
    ],
)
def test_what_makes_an_array_of_a_value_is_named_and_what_to_write_instead(call: Function, message: str) -> None:
    if "scipy" in message and SPECIAL is None:
        pytest.skip("SciPy is not installed; it is in the extra `peers`")
    with pytest.raises(TypeError, match=message):
        call(Value([1.0, 2.0]))
