"""Arrays that are not NumPy's: every rule on a strict double, training on one that poses as a GPU's, Dask, CuPy."""

from __future__ import annotations

import ast
import importlib.util
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import microgd as mg
from microgd import Value
from microgd.autograd.arrays import beside, fetched, kind, mover
from microgd.autograd.rules.table import RULES, full_name
from tests.cases import CASES, Case
from tests.duck import Duck, SilentConversion, Sociable, forget_other_arrays

pytestmark = pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value", "ignore:overflow")

# Calls that do not work on arrays that are not NumPy's, and why. A test holds that they do not: what is mended goes.
CALLS_FOR_NUMPY_ALONE = {
    "scipy.special.psi": "the derivative is SciPy's polygamma, which takes NumPy's arrays",
    "mg.polygamma": "SciPy's polygamma takes NumPy's arrays",
    "np.interp": "the places are counted among NumPy's constants",
    "np.nanmean": "the mean of what is not nan is taken by where=, which CuPy's does not have",
    "np.nanvar": "so is the variance",
    "np.nanstd": "and the deviation",
}
# A list of constants becomes a NumPy array, which CuPy takes no more than it takes the list; these calls have one.
OF_LISTS = {"np.polyval-at constants", "np.average-keepdims", "scipy.special.betainc-((2, 3),)"}
OF_LISTS |= {str(case) for case in CASES if case.label in ("of a constant", "with a constant")}


@pytest.fixture(autouse=True, scope="module")
def numpy_alone_again() -> Iterator[None]:
    """Let other tests see the operators as most people do."""
    yield
    forget_other_arrays()


def values(case: Case, make: Any) -> list[Value]:
    return [Value(make(np.array(x, dtype=float))) for x in case.args]


def bare(result: Any) -> Any:
    return result._data if type(result) is Value else result


def kind_for(case: Case) -> type[Duck]:
    """Return the strict double; the sociable one for a call with NumPy arrays or options of its own, or no numbers."""
    if not all(np.size(x) for x in case.args):
        return Sociable
    try:
        case.call(*(Duck(np.array(x, dtype=float)) for x in case.args))
    except Exception as error:
        ours = full_name(case.function).startswith("mg.") and "as CuPy has it" in str(error)
        return Duck if ours else Sociable
    return Duck


def differentiated(case: Case, make: Any) -> list[Any]:
    """Return the result of a call, its gradients, and those that the walk finds."""
    leaves = values(case, make)
    result = case.call(*leaves)
    found = [bare(result)]
    if type(result) is Value:
        cotangent = make(np.ones(result.shape))
        walked = {step.parent: step.total for step in mg.walk(result, cotangent)}
        result.backward(cotangent)
        found += [leaf.grad for leaf in leaves] + [walked.get(leaf) for leaf in leaves]
    return found


def excepted(case: Case) -> bool:
    return str(case) in OF_LISTS or any(str(case).startswith(name) for name in CALLS_FOR_NUMPY_ALONE)


def check(case: Case) -> None:
    make = kind_for(case)
    for found, expected in zip(differentiated(case, make), differentiated(case, np.asarray), strict=True):
        if expected is None or isinstance(expected, bool | tuple | list):
            continue
        assert isinstance(found, Duck), f"{case} gave {type(found).__name__}"
        np.testing.assert_allclose(found.get(), expected, rtol=1e-12, atol=1e-12, err_msg=str(case))


FAMILIES: dict[str, list[Case]] = {}
for _case in CASES:
    FAMILIES.setdefault(full_name(_case.function), []).append(_case)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_rule_on_arrays_that_never_turn_into_numpy(name: str) -> None:
    for case in FAMILIES[name]:
        if not excepted(case):
            check(case)


@pytest.mark.parametrize("name", CALLS_FOR_NUMPY_ALONE)
def test_what_is_said_not_to_work_does_not(name: str) -> None:
    cases = [case for case in CASES if str(case).startswith(name)]
    if not cases and importlib.util.find_spec("scipy") is None:
        pytest.skip("SciPy is not installed")
    failed = 0
    for case in cases:
        try:
            check(case)
        except (TypeError, AssertionError):
            failed += 1
    assert failed, f"{name} works: take it off the list"


@pytest.mark.parametrize("call", [np.exp, mg.softmax, lambda x: np.matmul(x, x.T), lambda x: np.dot(x, x.T) ** 2])
def test_gradients_of_gradients(call: Any) -> None:
    found: list[Any] = []
    for make in (np.asarray, Duck):
        x = Value(make(np.array([[0.3, 0.7], [1.1, -0.4]])))
        np.sum(call(x) ** 2).backward(create_graph=True)
        assert x.grad is not None
        gradient, x.grad = x.grad, None
        np.sum(gradient**2).backward()
        found.append(bare(x.grad))
    assert isinstance(found[1], Duck)
    np.testing.assert_allclose(found[1].get(), found[0], rtol=1e-12)


def test_the_double_is_strict() -> None:
    """A rule that takes an array to NumPy, or brings one from there, is caught."""
    x = Duck(np.ones(3))
    for wrong in (np.asarray, lambda x: x + np.ones(3), lambda x: np.frompyfunc(float, 1, 1)(np.array(x))):
        with pytest.raises(TypeError):
            wrong(x)
    with pytest.raises(SilentConversion):
        np.stack([1.0, 2.0], out=None) + np.asarray(x)
    row = RULES[np.exp]
    kept, pull = row.derivatives, row.pull
    try:
        row.derivatives, row.pull = (lambda g, y, x: g * np.ones(np.shape(x)),), None
        row.elementwise, before = False, row.elementwise
        with pytest.raises(TypeError):
            check(next(case for case in CASES if case.function is np.exp and np.shape(case.args[0]) == (3,)))
    finally:
        row.derivatives, row.pull, row.elementwise = kept, pull, before


def test_a_value_of_whole_numbers_or_single_precision() -> None:
    assert Value(Duck(np.array([1, 2]))).dtype == np.float64
    assert Value(Duck(np.ones(2, np.float32))).dtype == np.float32
    inside = np.ones(2)
    value = Value(Duck(inside))
    inside[0] = 5.0
    assert value.data.get()[0] == 1.0, "the array was not copied"
    with pytest.raises(TypeError, match="real numbers"):
        Value(Duck(np.ones(2) * 1j))
    assert "Value(" in repr(value * 2.0)


def asking(source: str) -> set[int]:
    """Return the lines of some source that import CuPy or ask for it by name, other than in docstrings."""
    tree = ast.parse(source)
    texts = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return {
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Name | ast.Attribute | ast.Constant)
        and id(node) not in texts
        and "cupy" in ast.unparse(node).lower()
    }


def test_one_module_asks_for_cupy() -> None:
    package = Path(mg.__file__).parent
    found = {str(path.relative_to(package)) for path in package.rglob("*.py") if asking(path.read_text("utf-8"))}
    assert found == {"autograd/arrays.py"}
    assert asking('"""On CuPy."""\nx = 1\nif type(x).__module__ == "cupy":\n    import cupy\n') == {3, 4}


def test_the_seam() -> None:
    duck, array = Duck(np.ones(2)), np.ones(2)
    assert kind(1.0, array, Value(array)) is None
    assert kind(1.0, array, Value(duck)) is not None
    assert isinstance(beside(array, 1.0, duck), Duck)
    assert beside(array, 1.0) is array
    assert fetched(duck) is duck.get()
    assert fetched(array) is array
    assert mover("cpu")(duck) is duck.get()


# A model on a device --------------------------------------------------------------------------------------------------

X = np.random.default_rng(0).normal(size=(120, 4))
Y = X @ np.array([[1.0], [2.0], [3.0], [4.0]]) + 0.1


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A CuPy whose arrays are the double's."""
    fake: Any = types.ModuleType("cupy")
    fake.ndarray = Duck  # for which Dask asks
    fake.asarray = lambda array: array if isinstance(array, Duck) else Duck(np.array(array))
    fake.cuda = types.SimpleNamespace(runtime=types.SimpleNamespace(getDeviceCount=lambda: 1))
    monkeypatch.setitem(sys.modules, "cupy", fake)
    return fake


def regression() -> mg.Sequential:
    layers = [mg.Dense(8, "relu", kernel_regularizer="l2"), mg.BatchNormalization(), mg.Dropout(0.2)]
    model = mg.Sequential([*layers, mg.LayerNormalization(), mg.Dense(1)], seed=0)
    model.compile(mg.Adam(0.01, clip_norm=1.0), "mse", metrics=["r2"])
    return model


def classification() -> mg.Sequential:
    model = mg.Sequential([mg.Dense(8, "sigmoid"), mg.Dense(2, "softmax")], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def lookup() -> mg.Sequential:
    model = mg.Sequential([mg.Embedding(5, 3), mg.Flatten(), mg.Dense(1, "sigmoid")], seed=0)
    model.compile("rmsprop", "binary_crossentropy")
    return model


MODELS: dict[str, tuple[Any, Any, Any]] = {
    "regression": (regression, X, Y),
    "classification": (classification, X, (Y[:, 0] > 0) * 1.0),
    "lookup": (lookup, np.arange(240).reshape(120, 2) % 5, (Y > 0) * 1.0),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_on_a_device_learns_what_it_learns_here(name: str, cuda: Any) -> None:
    make, x, y = MODELS[name]
    here, there = make(), make().to("cuda")
    how: Any = {"epochs": 3, "verbose": 0, "validation_split": 0.2}
    one, other = here.fit(x, y, **how), there.fit(x, y, **how)
    assert {type(parameter._data) for parameter in there.parameters()} == {Duck}
    for figure in one.history:
        np.testing.assert_allclose(other.history[figure], one.history[figure], rtol=1e-12)
    assert type(there.predict(x)) is np.ndarray
    np.testing.assert_allclose(there.predict(x), here.predict(x), rtol=1e-12)
    assert {type(parameter.data) for parameter in there.to("cpu").parameters()} == {np.ndarray}
    there.fit(x, y, epochs=1, verbose=0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_rows_on_dask_for_a_model_on_a_device(cuda: Any) -> None:
    da = pytest.importorskip("dask.array", reason='Dask is missing: pip install "microgd[dask]"')
    x, y = da.from_array(X, chunks=(30, 4)), da.from_array(Y, chunks=(30, 1))
    found = []
    for device in ("cpu", "cuda"):
        model = mg.Sequential([mg.Dense(8, "relu"), mg.Dense(1)], seed=0)
        model.compile("adam", "mse", metrics=["r2"])
        history = model.to(device).fit(x, y, epochs=3, verbose=0, shuffle=False, validation_data=(x, y))
        found.append([*history.history.values(), model.predict(x).compute()])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-12)


def test_rows_that_are_on_the_device_already(cuda: Any) -> None:
    model, here = regression().to("cuda"), regression()
    model.fit(cuda.asarray(X), cuda.asarray(Y), epochs=1, verbose=0)
    here.fit(X, Y, epochs=1, verbose=0)
    np.testing.assert_allclose(model.predict(X), here.predict(X), rtol=1e-12)


def test_a_checkpoint_of_a_device_goes_on_anywhere(tmp_path: Path, cuda: Any) -> None:
    model, whole = regression().to("cuda"), regression()
    model.fit(X, Y, epochs=2, verbose=0, callbacks=mg.ModelCheckpoint(tmp_path / "model.safetensors"))
    whole.fit(X, Y, epochs=4, verbose=0)
    for device in ("cpu", "cuda"):
        again: Any = mg.load_model(tmp_path / "model.safetensors")
        again.to(device).fit(X, Y, epochs=4, initial_epoch=again.epoch, verbose=0)
        np.testing.assert_allclose(again.predict(X), whole.predict(X), rtol=1e-12)


def test_no_device_is_a_clear_error(monkeypatch: pytest.MonkeyPatch, cuda: Any) -> None:
    model = regression()
    with pytest.raises(ValueError, match="there is no device 'tpu'; expected 'cpu' or 'cuda'"):
        model.to("tpu")
    cuda.cuda.runtime.getDeviceCount = lambda: 0
    with pytest.raises(RuntimeError, match="CuPy finds no GPU to put arrays on: it counts 0"):
        model.to("cuda")

    def no_driver() -> int:
        raise OSError("no driver")

    cuda.cuda.runtime.getDeviceCount = no_driver
    with pytest.raises(RuntimeError, match=r"CuPy finds no GPU to put arrays on \(no driver\)"):
        model.to("cuda")
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(ImportError, match="pip install cupy-cuda12x"):
        model.to("cuda")
    assert model.device == "cpu"


# The real ones --------------------------------------------------------------------------------------------------------


def gpu() -> Any:
    """Return CuPy where there is one and it has a device; else skip, and say why."""
    cupy = pytest.importorskip("cupy", reason="CuPy is missing: pip install cupy-cuda12x")
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:
        pytest.skip(f"CuPy finds no GPU: {error}")
    if not count:
        pytest.skip("CuPy finds no GPU: it counts 0")
    return cupy


def test_values_of_cupy_arrays() -> None:
    cupy = gpu()
    for case in CASES:
        if kind_for(case) is Duck and not excepted(case):
            found, expected = differentiated(case, cupy.asarray), differentiated(case, np.asarray)
            for a, b in zip(found, expected, strict=True):
                if b is not None and not isinstance(b, bool | tuple | list):
                    np.testing.assert_allclose(cupy.asnumpy(a), b, rtol=1e-9, atol=1e-9, err_msg=str(case))


@pytest.mark.parametrize("name", MODELS)
def test_a_model_on_a_gpu(name: str) -> None:
    gpu()
    make, x, y = MODELS[name]
    here, there = make(), make().to("cuda")
    how: Any = {"epochs": 3, "verbose": 0, "validation_split": 0.2}
    here.fit(x, y, **how), there.fit(x, y, **how)
    np.testing.assert_allclose(there.predict(x), here.predict(x), rtol=1e-6)


LAZY: dict[str, Any] = {
    "exp": np.exp,
    "arithmetic": lambda x: (x * 2.0 - 1.0) / (x + 3.0) ** 2,
    "sum": lambda x: np.sum(np.tanh(x), axis=0),
    "mean": np.mean,
    "relu": mg.relu,
    "where": lambda x: np.where(x > 0, x, 0.1 * x),
    "matmul": lambda x: np.matmul(x, x.T),
    "transpose": lambda x: np.transpose(x) * 2.0,
    "concatenate": lambda x: np.concatenate([x, 2.0 * x]),
    "maximum": lambda x: np.maximum(x, 0.0),
    "logsumexp": lambda x: mg.logsumexp(x, axis=1),
    "getitem": lambda x: x[1:3] * 2.0,
}


@pytest.mark.parametrize("name", LAZY)
def test_values_of_dask_arrays_are_computed_when_asked_for(name: str) -> None:
    da = pytest.importorskip("dask.array", reason='Dask is missing: pip install "microgd[dask]"')
    array = np.random.default_rng(1).normal(size=(4, 3))
    made: list[Any] = []

    def counted(block: Any) -> Any:
        made.append(block)
        return block

    lazy = Value(da.from_array(array, chunks=(2, 3)).map_blocks(counted, dtype=float, meta=np.zeros((0, 0))))
    x = Value(array)
    for value in (x, lazy):
        result = LAZY[name](value)
        result.backward(np.ones(result.shape))
    assert isinstance(lazy.grad, da.Array)
    assert not made, "a block was computed before anybody asked"
    np.testing.assert_allclose(lazy.grad.compute(), x.grad, rtol=1e-12)
    result._data.compute()
    assert made
