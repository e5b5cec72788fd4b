"""The Value: what it holds, what it refuses, how it compares, copies and prints."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import numpy as np
import pytest

import microgd as mg
from microgd import Value
from microgd.autograd.operators import source_of


def record(value: Value) -> tuple[Any, ...]:
    return value.rule, value.inputs, value.operands, value.options


@pytest.mark.parametrize(
    ("data", "kind", "dtype"),
    [
        (3, float, "float64"),
        (True, float, "float64"),
        (2.5, float, "float64"),
        (np.float64(2.5), float, "float64"),
        (np.array(2.5), float, "float64"),
        (np.int8(3), float, "float64"),
        (np.float32(2.5), np.float32, "float32"),
        (np.array([1, 2]), np.ndarray, "float64"),
        ([1, 2], np.ndarray, "float64"),
        ([[1, 2], [3, 4]], np.ndarray, "float64"),
        (np.array([True]), np.ndarray, "float64"),
        (np.ones(2, dtype=np.float32), np.ndarray, "float32"),
        (np.ones((0, 3)), np.ndarray, "float64"),
    ],
)
def test_data_on_entry(data: Any, kind: type, dtype: str) -> None:
    value = Value(data)
    assert type(value.data) is kind
    assert value.dtype == np.dtype(dtype)
    assert value.shape == np.shape(data)
    assert value.ndim == np.ndim(data)
    assert value.size == np.size(data)
    np.testing.assert_array_equal(value.data, data)


def test_an_array_is_copied() -> None:
    array = np.array([1.0, 2.0])
    value = Value(array)
    array[0] = 100.0
    assert value.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("3", "got '3'"),
        (None, "got None"),
        (1j, "its real part"),
        (np.array([1j]), "its real part"),
        (np.array(["a"]), "an array of <U1"),
        (object(), "an object of type object"),
        ([1, [2, 3]], "a ragged list"),
        ([Value(1.0), 2.0], "np.stack"),
        (Value(1.0), "another Value"),
        ({"a": 1}, "an object of type dict"),
    ],
)
def test_data_that_are_refused(data: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Value(data)


@pytest.mark.parametrize("operand", ["3", None, object(), np.array(["a"])])
def test_operands_that_are_refused(operand: Any) -> None:
    with pytest.raises(TypeError, match="real numbers"):
        Value(1.0) + operand
    with pytest.raises(TypeError, match="real numbers"):
        operand * Value(1.0)


def test_arrays_are_never_made_silently() -> None:
    v = Value([1.0, 2.0])
    conversions: list[Any] = [np.asarray, np.array, lambda x: [np.array([x, x])], lambda x: np.array([Value(1.0), 2.0])]
    for convert in conversions:
        with pytest.raises(TypeError, match=r"value\.data"):
            convert(v)
    with pytest.raises(TypeError, match="one element"):
        float(v)
    with pytest.raises(TypeError, match="with_item"):
        v[0] = 3.0


x, y = Value([1.0, -2.0, 3.0]), Value([0.5, 2.0, -1.5])
m = Value([[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    ("written", "called"),
    [
        (lambda: x + y, lambda: np.add(x, y)),
        (lambda: x - y, lambda: np.subtract(x, y)),
        (lambda: x * y, lambda: np.multiply(x, y)),
        (lambda: x / y, lambda: np.divide(x, y)),
        (lambda: x // y, lambda: np.floor_divide(x, y)),
        (lambda: x % y, lambda: np.remainder(x, y)),
        (lambda: 2 + y, lambda: np.add(2, y)),
        (lambda: 2 - y, lambda: np.subtract(2, y)),
        (lambda: 2 * y, lambda: np.multiply(2, y)),
        (lambda: 2 / y, lambda: np.divide(2, y)),
        (lambda: 2**y, lambda: np.power(2, y)),
        (lambda: x**2, lambda: np.power(x, 2)),
        (lambda: x**y**2, lambda: np.power(x, np.power(y, 2))),
        (lambda: -x, lambda: np.negative(x)),
        (lambda: +x, lambda: np.positive(x)),
        (lambda: abs(x), lambda: np.abs(x)),
        (lambda: m @ m, lambda: np.matmul(m, m)),
        (lambda: m.T, lambda: np.transpose(m)),
        (lambda: m.sum(axis=0), lambda: np.sum(m, axis=0)),
        (lambda: m.sum(0), lambda: np.sum(m, 0)),
        (lambda: np.add.reduce(m, axis=1), lambda: np.sum(m, axis=1)),
        (lambda: m.mean(), lambda: np.mean(m)),
        (lambda: m.reshape(4), lambda: np.reshape(m, 4)),
        (lambda: m.reshape(4, 1), lambda: np.reshape(m, (4, 1))),
        (lambda: m.max(axis=-1, keepdims=True), lambda: np.max(m, axis=-1, keepdims=True)),
        (lambda: m.cumsum(axis=0), lambda: np.cumsum(m, axis=0)),
        (lambda: m.cumprod(1), lambda: np.cumprod(m, 1)),
        (lambda: m.diagonal(1), lambda: np.diagonal(m, 1)),
        (lambda: m.trace(), lambda: np.trace(m)),
        (lambda: m.take([1, 0], axis=1), lambda: np.take(m, [1, 0], axis=1)),
        (lambda: m.repeat(2, axis=0), lambda: np.repeat(m, 2, axis=0)),
        (lambda: m.compress([True, False], axis=1), lambda: np.compress([True, False], m, axis=1)),
        (lambda: m.copy(), lambda: np.copy(m)),
        (lambda: m.mT, lambda: np.swapaxes(m, -1, -2)),
        (lambda: m.real, lambda: np.real(m)),
        (lambda: m.imag, lambda: np.imag(m)),
        (lambda: m.conj(), lambda: np.conjugate(m)),
        (lambda: np.maximum.reduce(m), lambda: np.max(m, axis=0)),
        (lambda: np.logaddexp.reduce(m, axis=1), lambda: mg.logsumexp(m, axis=1)),
        (lambda: np.add.accumulate(m, axis=1), lambda: np.cumsum(m, axis=1)),
        (lambda: np.add.outer(x, y), lambda: np.add(np.reshape(x, (3, 1)), y)),
        (lambda: divmod(x, 2.0)[1], lambda: np.remainder(x, 2.0)),
        (lambda: x.exp(), lambda: np.exp(x)),
        (lambda: x.relu(), lambda: mg.relu(x)),
        (lambda: np.ones(3) * x, lambda: np.multiply(np.ones(3), x)),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_operators_methods_and_calls_give_the_same_record(written: Any, called: Any) -> None:
    one, two = written(), called()
    assert one.rule is two.rule
    assert one.options == two.options
    for a, b in zip(one.inputs, two.inputs, strict=True):
        assert (a is b) or (type(a) is not Value and np.array_equal(a, b)) or record(a)[0] is record(b)[0]
    np.testing.assert_array_equal(one.data, two.data)


def test_what_carries_no_gradient_is_a_bare_array() -> None:
    for found in (x.argmax(), x.argsort(), x.any(), x.all(), x.argpartition(1), x.searchsorted(2.0), *x.nonzero()):
        assert isinstance(found, np.ndarray | np.generic)
    for found in (*np.where(x), np.isclose(x, y), np.digitize(x, [0.0, 2.0]), np.isin(x, [1.0]), np.lexsort((x, y))):
        assert isinstance(found, np.ndarray)
    assert np.allclose(x, x) is True
    assert np.logical_and.reduce(x)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: x.sort(), r"np\.sort\(value\)"),
        (lambda: x.fill(1.0), r"np\.full_like"),
        (lambda: np.add.at(np.zeros(3), [0, 1, 1], x), r"np\.bincount"),
        (lambda: np.add.reduceat(x, [0, 1]), r"np\.split"),
        (lambda: np.subtract.reduce(x), r"reduce of add, multiply"),
        (lambda: np.add.outer(x, y, dtype=float), r"outer without options"),
        (lambda: np.histogram(x), r"np\.histogram has no derivative.*np\.bincount"),
        (lambda: np.unique(x), r"np\.unique has no derivative"),
        (lambda: np.sum(x, out=np.zeros(())), r"np\.sum: the argument out="),
        (lambda: np.sum(x, dtype=np.float32), r"np\.sum: the argument dtype="),
        (lambda: np.exp(x, where=np.array([True, False, True])), r"np\.exp: the argument where="),
        (lambda: np.quantile(x, 0.5, weights=y), r"np\.quantile: the argument weights="),
        (lambda: np.quantile(x, 1.5), r"from 0 to 1 .*got q=1\.5"),
        (lambda: np.quantile(x, 0.5, method="best"), r"method='best' is not known; choose from linear"),  # type: ignore[call-overload]
        (lambda: np.linalg.norm(x, "fro"), r"ord='fro' for matrices"),
        (lambda: np.linalg.norm(m, 3), r"ord=3 is no norm of a matrix; choose from 'fro'"),
        (lambda: np.average(m, weights=[1.0, 2.0]), r"name the axis"),
        (lambda: np.sign(x * 1j), r"write z / np\.abs\(z\)"),
        (lambda: np.select([x > 0], [x, y]), r"a choice for each condition, but got 2 for 1"),
        (lambda: np.piecewise(x, [x > 0], [x, y, x]), r"a function for each of 1 conditions .*got 3"),  # type: ignore[call-overload]
        (lambda: np.gradient(x, 1.0, 2.0), r"one spacing for all axes .*got 2"),
        (lambda: np.median(x, axis=1), r"axis 1 is out of bounds"),
        (lambda: np.diff(m, axis=2), r"axis 2 is out of bounds"),
        (lambda: np.linalg.norm(m, axis=(0, 0)), r"repeated axis"),
        (lambda: np.mean(Value(3.0), axis=0), r"np\.mean .* axis 0 is out of bounds"),
        (lambda: np.interp(0.5, x, m), r"np\.interp .*got shapes \(3,\) and \(2, 2\)"),
        (lambda: np.vander(m), r"np\.vander .*got shape \(2, 2\); write np\.ravel"),
        (lambda: np.cov(np.stack([m, m])), r"np\.cov .*got shape \(2, 2, 2\)"),
        (lambda: np.diff(x, n=-1), r"np\.diff takes n= from 0 on, but got -1"),
    ],
)
def test_calls_that_are_refused_say_what_to_write_instead(call: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError, NotImplementedError), match=message):
        call()


def same(found: Any, expected: Any) -> bool:
    return bool(np.array_equal(found.data, expected, equal_nan=True))


def test_what_is_not_finite_is_as_in_numpy() -> None:
    special = np.array([1.0, np.nan, 2.0, np.inf, -np.inf, 0.0])
    infinite, empty = np.array([-np.inf, 1.0, np.inf]), np.zeros(0)
    with np.errstate(all="ignore"):
        for function in (np.nansum, np.nanmax, np.nanmedian, np.median, np.sort, np.nan_to_num, np.sinc, np.cumsum):
            assert same(function(Value(special)), function(special))
        for method in ("lower", "higher", "nearest"):
            assert same(np.quantile(Value(infinite), 0.4, method=method), np.quantile(infinite, 0.4, method=method))
        assert same(np.modf(Value(special))[0], np.modf(special)[0])
        assert same(np.gradient(Value(special)), np.gradient(special))
        assert np.quantile(Value(infinite), 0.5).data == 1.0  # where NumPy loses the number beside an infinity
    with np.errstate(invalid="ignore"), pytest.warns(RuntimeWarning, match="Mean of empty slice"):
        assert np.isnan(float(np.nanmedian(Value(empty))))
    for order in (None, 1, 2, np.inf):
        assert np.linalg.norm(Value(empty), order).data == np.linalg.norm(empty, order) == 0.0


def test_comparisons_are_constants() -> None:
    assert (x > 0).tolist() == [True, False, True]
    assert type(Value(1.0) > 0) is bool
    assert (x == x).all()
    assert (x != y).all()
    assert (Value(1.0) == None) is False  # noqa: E711 - what is compared is the operator
    assert Value(2.0) >= 2
    assert not Value(2.0) < 2


def test_sets_and_dicts_go_by_identity() -> None:
    a, b = Value(1.0), Value(1.0)
    assert len({a, b}) == 2
    assert {a: "a", b: "b"}[b] == "b"


def test_division_by_zero_and_overflow_answer_as_numpy_does() -> None:
    with np.errstate(all="ignore"):
        assert (Value(1.0) / 0.0).data == np.inf
        assert np.isnan((Value(0.0) / 0.0).data)
        assert (Value(0.0) ** -1).data == np.inf
        assert Value(1000.0).exp().data == np.inf
        assert Value(0.0).log().data == -np.inf
        assert np.isnan((Value(-8.0) ** (1 / 3)).data)
        v = Value(0.0)
        (1.0 / v).backward()
        assert v.grad == -np.inf


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Value(3.0), "Value(3.0)"),
        (Value(3.0, name="x"), "Value(3.0, name='x')"),
        (Value(3.0) * 2, "Value(6.0, operation='multiply')"),
        (Value([1.0, 2.0]), "Value([1., 2.], shape=(2,))"),
    ],
)
def test_repr(value: Value, text: str) -> None:
    assert repr(value) == text


def test_repr_of_a_large_array_is_one_short_line() -> None:
    text = repr(Value(np.arange(10_000.0).reshape(100, 100)) * 2)
    assert len(text) < 200
    assert "\n" not in text


def test_formats_and_conversions() -> None:
    v = Value(2.345678)
    assert f"{v:.2f}" == "2.35"
    assert float(v) == 2.345678
    assert int(v) == 2
    assert round(v, 2).data == 2.35
    assert bool(Value(0.0)) is False
    assert [float(part) for part in Value([1.0, 2.0])] == [1.0, 2.0]
    with pytest.raises(TypeError, match="no length"):
        len(v)


def test_copies_do_not_share() -> None:
    v = Value([1.0, 2.0], name="v")
    loss = (v * v).sum()
    loss.backward()
    twin = copy.deepcopy(loss)
    assert twin.data == loss.data
    twin.backward()
    assert v.grad.tolist() == [2.0, 4.0]
    assert copy.copy(loss).rule is loss.rule
    assert pickle.loads(pickle.dumps(v)).name == "v"
    with pytest.raises(TypeError, match="detach"):
        pickle.dumps(loss)


def test_shape_mismatch_names_both_shapes_and_the_operation() -> None:
    with pytest.raises(ValueError, match=r"np\.add.*\(3,\) and \(2, 2\)"):
        x + m
    with pytest.raises(ValueError, match=r"np\.matmul.*\(2, 2\) and \(3,\)"):
        m @ x


def test_functions_and_arguments_without_a_rule_are_named() -> None:
    with pytest.raises(NotImplementedError, match=r"np\.poly has no derivative rule"):
        np.poly(x)
    with pytest.raises(NotImplementedError, match="argument out= is not supported"):
        np.exp(x, out=np.zeros(3))
    with pytest.raises(NotImplementedError, match=r"np\.add\.at"):
        np.add.at(np.zeros(3), 0, x)


def test_no_grad_records_nothing_in_its_own_thread_only() -> None:
    v = Value(3.0)
    seen: list[Any] = []
    with mg.no_grad():
        assert (v * v).rule is None
        assert mg.relu(v).rule is None
        with mg.enable_grad():
            assert (v * v).rule is not None
        thread = threading.Thread(target=lambda: seen.append((v * v).rule))
        thread.start()
        thread.join()
    assert seen[0] is not None
    assert (v * v).rule is not None

    @mg.no_grad()
    def square(value: Value) -> Value:
        return value * value

    assert square(v).rule is None
    with pytest.raises(ZeroDivisionError), mg.no_grad():
        1 / 0  # noqa: B018 - the block must be left by an exception
    assert (v * v).rule is not None


def test_detach_stops_the_gradient() -> None:
    v = Value(3.0)
    (v * v.detach()).backward()
    assert v.grad == 3.0


def test_emitted_source_is_readable() -> None:
    text = source_of(np.multiply)
    assert "data = a * b" in text
    assert "d = g * b" in text
    assert "d = g * a" in text


def test_complex_numbers_may_come_between_but_the_result_is_real() -> None:
    x = Value([1.0, 2.0])
    z = x * np.array([1j, 2.0 + 1j])
    assert z.dtype == complex
    with pytest.raises(ValueError, match=r"real number to differentiate, but sum gave complex128. Take its real part"):
        np.sum(z).backward()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda x: x + np.ones(4),
            ValueError,
            r"np\.add cannot take inputs of shapes \(3,\) and \(4,\): .* Reshape or",
        ),
        (lambda x: x.mean(axis=5), np.exceptions.AxisError, r"np\.mean .* of shape \(3,\): axis 5 .* counted from 0"),
        (lambda x: x.reshape(2, 2), ValueError, r"np\.reshape cannot take an input of shape \(3,\): cannot reshape"),
        (lambda x: x[7], IndexError, r"cannot take an input of shape \(3,\): index 7 is out of bounds"),
    ],
)
def test_what_numpy_refuses_is_refused_with_the_shapes(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(Value([1.0, 2.0, 3.0]))
