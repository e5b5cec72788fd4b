"""Compiled steps: the same bits as eager, readable source that stands alone, guards, and refusals by name."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microgd as mg
from microgd import CompileError, Value
from microgd.autograd.rules.table import RULES
from microgd.compiler import emit
from tests.cases import CASES, Case

Array = np.ndarray[Any, np.dtype[Any]]
Program = Callable[[Any, Any], Any]

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(90, 5)), RNG.normal(size=(90, 1))


def bits(x: Any) -> bytes:
    return np.asarray(x).tobytes()


def bits_of(results: Any) -> list[bytes]:
    return [bits(x._data if type(x) is Value else x) for x in results]


def train(make_step: Callable[[], tuple[Any, list[Value]]], *, compiled: bool, steps: int) -> tuple[list[float], Any]:
    """Train on batches of 32, 32 and 26 rows; return the losses and the parameters."""
    step, parameters = make_step()
    step = mg.compile(step) if compiled else step
    losses = []
    for number in range(steps):
        start = 32 * (number % 3)
        losses.append(float(step(X[start : start + 32], Y[start : start + 32])))
    return losses, [bits(parameter.data) for parameter in parameters]


OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "sgd": lambda: mg.SGD(0.05),
    "momentum": lambda: mg.SGD(0.05, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda: mg.SGD(0.05, momentum=0.9, nesterov=True),
    "clipped": lambda: mg.SGD(0.05, momentum=0.5, clip_norm=1.0),
    "adam": lambda: mg.Adam(0.01),
    "rmsprop": lambda: mg.RMSprop(0.01),
}


def network(optimizer: Any, dtype: Any = float) -> tuple[Any, list[Value]]:
    model = mg.Sequential([mg.Dense(7, "tanh"), mg.Dense(4, "relu"), mg.Dense(1)], seed=3)
    model(X[:1].astype(dtype))
    parameters = model.parameters()

    def step(x: Any, y: Any) -> Any:
        loss = mg.mean_squared_error(y.astype(dtype), model(x.astype(dtype)))
        loss.backward(keep="leaves")
        optimizer.step(parameters)
        for parameter in parameters:
            parameter.grad = None
        return loss

    return step, parameters


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_training_is_the_same_bit_for_bit(name: str, dtype: str) -> None:
    def make() -> tuple[Any, list[Value]]:
        return network(OPTIMIZERS[name](), np.dtype(dtype))

    assert train(make, compiled=True, steps=50) == train(make, compiled=False, steps=50)


@pytest.mark.parametrize("rate", [0.5, 0.05])
def test_the_worked_examples_are_the_same_bit_for_bit(rate: float) -> None:
    def run(compiled: bool) -> list[float]:
        w = Value(0.5, name="w")

        def step(x: Any, y: Any) -> Any:
            loss = (w * x - y) ** 2
            loss.backward()
            w.data = w.data - rate * w.grad
            w.grad = None
            return loss

        do = mg.compile(step) if compiled else step
        return [float(do(3.0, 4.0)) for _ in range(20)]

    assert run(compiled=True) == run(compiled=False)
    assert run(compiled=True)[1] == (400.0 if rate == 0.5 else 0.0625)


UNARY: list[Callable[[Any], Any]] = [
    np.tanh,
    np.exp,
    np.sin,
    mg.relu,
    mg.sigmoid,
    np.square,
    lambda a: a**3,
    lambda a: -a,
]
BINARY: list[Callable[[Any, Any], Any]] = [
    *(np.add, np.subtract, np.multiply, np.maximum),
    lambda a, b: a / (b * b + 1.0),
    lambda a, b: np.where(a > b, a, 2.0 * b),
]


@st.composite
def programs_with_a_part(draw: st.DrawFn) -> Callable[[Any, Any], tuple[Any, Any]]:
    """Draw a small program on two arrays: a few operations, each on results of earlier ones, of which one goes out."""
    plan = draw(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=8))

    def program(a: Any, b: Any) -> tuple[Any, Any]:
        found = [a, b]
        for choice, i, j in plan:
            left, right = found[i % len(found)], found[j % len(found)]
            functions = len(UNARY) + len(BINARY)
            number = choice % functions
            found.append(UNARY[number](left) if number < len(UNARY) else BINARY[number - len(UNARY)](left, right))
        return np.mean(np.tanh(sum(found[2:], 0.1 * a + 0.2 * b))), found[-1]

    return program


def programs() -> st.SearchStrategy[Program]:
    """Return a strategy that draws such programs without the part."""
    return programs_with_a_part().map(lambda program: lambda a, b: program(a, b)[0])


@settings(max_examples=60, deadline=None)
@given(program=programs_with_a_part(), shape=st.sampled_from([(), (3,), (2, 3)]))
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_random_programs_are_the_same_bit_for_bit(program: Any, shape: tuple[int, ...]) -> None:
    start = np.random.default_rng(7).uniform(-1, 1, size=(2, *shape))

    def run(compiled: bool) -> list[list[bytes]]:
        a, b = Value(start[0], name="a"), Value(start[1], name="b")

        def step(scale: Any) -> Any:
            result, within = program(a, b)
            loss = result * scale
            loss.backward()
            a.data, b.data = a.data - 0.1 * a.grad, b.data - 0.1 * b.grad
            gradients = a.grad, b.grad
            a.grad = b.grad = None
            return loss, *gradients, within

        do = mg.compile(step) if compiled else step
        results, seen = [], []
        for _ in range(3):
            results.append(do(1.5))
            seen += [bits_of(results[-1]), bits_of([a, b])]
        return [*seen, *map(bits_of, results)]  # the earlier ones still as they were

    with np.errstate(all="ignore"):
        assert run(compiled=True) == run(compiled=False)


def regression() -> tuple[Any, Value, Value]:
    kernel, bias = Value(np.zeros((5, 1)), name="kernel"), Value(np.zeros(1), name="bias")

    def step(x: Any, y: Any) -> Any:
        loss = mg.mean_squared_error(y, mg.affine(x, kernel, bias))
        loss.backward(keep="leaves")
        kernel.data = kernel.data - 0.01 * kernel.grad
        bias.data = bias.data - 0.01 * bias.grad
        kernel.grad = bias.grad = None
        return loss

    return mg.compile(step), kernel, bias


def test_the_source_reads_like_numpy_and_stands_alone() -> None:
    step, kernel, bias = regression()
    losses = [float(step(X[:32], Y[:32])) for _ in range(5)]
    for expected in ("x.dot(kernel, product_1)", "# derivative of affine", "subtract(kernel, product", "grad_bias"):
        assert expected in step.source
    known: dict[str, Any] = {}
    exec(step.source, known)
    again_kernel, again_bias = np.zeros((5, 1)), np.zeros(1)
    alone = known["make_step"](again_kernel, again_bias)
    assert [float(alone(X[:32], Y[:32])) for _ in range(5)] == losses
    assert bits(again_kernel) == bits(kernel.data)
    assert bits(again_bias) == bits(bias.data)


def test_source_before_the_first_call_says_what_to_do() -> None:
    with pytest.raises(CompileError, match="call it once"):
        _ = mg.compile(lambda x: x).source


def test_what_a_compiled_regression_step_does_is_this() -> None:
    step, _, _ = regression()
    step(X[:32], Y[:32])
    body = step.source.split("def step(x, y):\n")[1].split("return")[0]
    calls = [line.split("#")[0].strip() for line in body.splitlines() if line.strip()]
    assert calls == [
        "x.dot(kernel, product_1)",
        "add(product_1, bias, total_1)",
        "subtract(total_1, y, difference_1)",
        "product_2 = float(reshape_1.dot(reshape_1))",
        "ratio_1 = product_2 / 32",
        "multiply(difference_1, number_0_0625, product_3)",
        "transposed_1 = x.T",
        "transposed_1.dot(product_3, grad_kernel)",
        "add.reduce(product_3, 0, None, grad_bias)",
        "multiply(number_0_01, grad_kernel, product_4)",
        "subtract(kernel, product_4, kernel)",
        "multiply(number_0_01, grad_bias, product_5)",
        "subtract(bias, product_5, bias)",
    ]


def test_one_plan_for_each_signature() -> None:
    step, kernel, _ = regression()
    for rows in (32, 26, 32, 26):
        step(X[:rows], Y[:rows])
    assert len(step.plans) == 2
    plans = list(step.plans.values())
    kernel.data = np.ones((5, 1))  # another array: the plan that holds the old one is recorded anew
    step(X[:32], Y[:32])
    assert step.plans[next(iter(step.plans))] is not plans[0]
    assert not np.array_equal(kernel.data, np.ones((5, 1)))


def test_the_learning_rate_is_looked_up_and_other_settings_are_guarded() -> None:
    def run(compiled: bool) -> list[bytes]:
        optimizer = mg.SGD(0.1, momentum=0.9)
        step, parameters = network(optimizer)
        do = mg.compile(step) if compiled else step
        for rate, momentum in ((0.1, 0.9), (0.01, 0.9), (0.01, 0.5)):
            optimizer.learning_rate, optimizer.momentum = rate, momentum
            for _ in range(3):
                do(X[:32], Y[:32])
        assert optimizer.iterations == 9
        return [bits(parameter.data) for parameter in parameters]

    assert run(compiled=True) == run(compiled=False)


def test_numbers_that_a_step_closes_over_are_guarded() -> None:
    w, rate = Value(1.0), 0.1

    def step() -> Any:
        loss = w * w
        loss.backward()
        w.data = w.data - rate * w.grad
        w.grad = None
        return loss

    do = mg.compile(step)
    do()
    assert w.data == pytest.approx(0.8)
    rate = 0.5
    do()
    assert w.data == 0.0


def test_variables_from_outside_are_guarded() -> None:
    known: dict[str, Any] = {
        "np": np,
        "weights": Value(np.ones(2)),
        "rate": 0.1,
        "scaled": lambda x: 2.0 * x,
        "calls": 0,
    }
    text = """
def step(x):
    np.sum(scaled(weights) * x).backward()
    weights.data = weights.data - [rate][0] * weights.grad
    weights.grad = None

def counting(x):
    global calls
    calls += 1
    return np.sum(weights * x)
"""
    exec(text, known)
    do, x = mg.compile(known["step"]), np.array([1.0, 2.0])
    do(x)
    np.testing.assert_allclose(known["weights"].data, [0.8, 0.6])
    known["weights"], known["rate"] = Value(np.zeros(2)), 1.0
    do(x)
    np.testing.assert_allclose(known["weights"].data, [-2.0, -4.0])
    known["scaled"] = lambda x: 3.0 * x
    do(x)
    np.testing.assert_allclose(known["weights"].data, [-5.0, -10.0])
    with pytest.raises(CompileError, match="counting binds 'calls' anew, which is from outside"):
        mg.compile(known["counting"])(x)
    assert known["calls"] == 0

    total = 0.0

    def adding(x: Any) -> None:
        nonlocal total
        total = total + np.sum(known["weights"] * x)

    with pytest.raises(CompileError, match="adding binds 'total' anew"):
        mg.compile(adding)(x)
    assert total == 0.0


def test_gradients_that_are_not_cleared_accumulate() -> None:
    w = Value(np.array([1.0, 2.0]))

    @mg.compile
    def step() -> Any:
        loss = np.sum(w * w)
        loss.backward()
        return loss

    for k in (1, 2, 3):
        step()
        assert w.grad.tolist() == [2.0 * k, 4.0 * k]
    kept = w.grad
    step()
    assert kept.tolist() == [6.0, 12.0]  # what was given away is not written to


def test_long_chains_go_block_by_block_and_give_the_same_bits() -> None:
    data = np.random.default_rng(1).normal(size=300_007)

    def run(compiled: bool) -> tuple[float, bytes]:
        x = Value(data, name="x")

        def step() -> Any:
            v: Any = x
            for k in range(6):
                v = np.tanh(v * 1.01) if k % 2 else v * v + 0.1
            loss = np.sum(v)
            loss.backward(keep="leaves")
            gradient = x.grad
            x.grad = None
            return loss, gradient

        do = mg.compile(step) if compiled else step
        if isinstance(do, mg.Compiled):
            do()
            assert "for start in range(0, 300007," in do.source
        loss, gradient = do()
        return float(loss), bits(gradient)

    assert run(compiled=True) == run(compiled=False)


@settings(max_examples=60, deadline=None)
@given(program=programs_with_a_part())
def test_random_programs_block_by_block_are_the_same_bit_for_bit(program: Any) -> None:
    start = np.random.default_rng(7).uniform(-1, 1, size=(2, 5000))

    def run(compiled: bool) -> list[list[bytes]]:
        a, b = Value(start[0], name="a"), Value(start[1], name="b")

        def step(scale: Any) -> Any:
            inner = a * b + 1.0
            mean = np.sum(inner) / 5000.0  # of the whole array, in the middle of a chain
            result, within = program(a * mean, b)
            loss = result * scale + np.mean(np.tanh(inner) * mean)
            loss.backward()
            a.data, b.data = a.data - 0.1 * a.grad, b.data - 0.1 * b.grad
            gradients = a.grad, b.grad
            a.grad = b.grad = None
            return loss, *gradients, within, inner

        do = mg.compile(step) if compiled else step
        results, seen = [], []
        for _ in range(3):
            results.append(do(1.5))
            seen += [bits_of(results[-1]), bits_of([a, b])]
        if isinstance(do, mg.Compiled):
            assert "for start in" in do.source
        return [*seen, *map(bits_of, results)]  # the earlier ones still as they were

    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        patch.setattr(emit, "LONG", 8)
        patch.setattr(emit, "CACHE", 1 << 10)
        assert run(compiled=True) == run(compiled=False)


def test_where_python_raises_the_step_runs_eagerly_and_nothing_is_lost() -> None:
    w = Value(1.0)

    @mg.compile
    def step(x: Any) -> Any:
        loss = w / x
        loss.backward()
        w.data = w.data - w.grad
        w.grad = None
        return loss

    assert float(step(2.0)) == 0.5
    with np.errstate(all="ignore"):
        assert float(step(0.0)) == np.inf
    assert w.data == -np.inf


w_outside = Value(2.0, name="w")
generator = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (lambda x: 1.0 if w_outside * x > 0 else 2.0, r"np\.where"),
        (lambda x: float(np.sum(w_outside * x)), "return the number instead"),
        (lambda x: np.sum(w_outside * x).item(), "return the number instead"),
        (lambda x: np.sum(x[x > 0] * w_outside), "indexing with a mask"),
        (lambda x: np.sum(w_outside * x * generator.normal(size=3)), "did not do the same twice"),
        (lambda x: sum(part * w_outside for part in x), "NumPy's functions on the whole array"),
        (lambda x: np.sum(np.array([x, x])), r"np\.stack"),
        (lambda x: np.sum(np.nonzero(x * w_outside > 0)[0] * w_outside), r"np\.nonzero, whose result is as long as"),
        (lambda x: mg.compile(lambda z: z * w_outside)(x), "inside another"),
    ],
)
def test_what_cannot_be_repeated_is_refused_by_name(step: Any, message: str) -> None:
    step.__name__ = "step"
    with pytest.raises(CompileError, match=message):
        mg.compile(step)(np.array([1.0, -1.0, 2.0]))
    assert w_outside.data == 2.0  # everything is as it was
    assert float(w_outside * 3.0) == 6.0


def test_a_value_is_refused_as_an_argument_and_one_from_outside_the_step_too() -> None:
    with pytest.raises(CompileError, match="is a Value"):
        mg.compile(lambda x: x * 2)(Value(1.0))
    before = w_outside * 3
    with pytest.raises(CompileError, match="computed outside"):
        mg.compile(lambda x: before * x)(1.0)


def test_masks_are_not_frozen() -> None:
    w = Value(np.array([1.0, -1.0]))

    @mg.compile
    def step(x: Any) -> Any:
        loss = np.sum(np.where(w * x > 0, w * x, 0.0))
        loss.backward()
        gradient = w.grad
        w.grad = None
        return gradient

    assert step(np.array([1.0, 1.0])).tolist() == [1.0, 0.0]
    assert step(np.array([-1.0, -1.0])).tolist() == [0.0, -1.0]


def test_two_threads_train_two_models_at_once() -> None:
    def make() -> tuple[Any, list[Value]]:
        return network(mg.SGD(0.05, momentum=0.9))

    expected = train(make, compiled=False, steps=50)
    found: list[Any] = [None] * 4

    def work(place: int) -> None:
        found[place] = train(make, compiled=place % 2 == 0, steps=50)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(result == expected for result in found)


# Everything that has a rule -----------------------------------------------------------------------------------------

# What these do, or their derivatives, depends on the numbers: whether a matrix is singular, how many there are.
REFUSED = {"det", "slogdet", "logarithm_of_determinant", "eigh", "eigenvalues_above_vectors", "qr", "q_beside_r", "svd"}
REFUSED |= {"left_values_right", "svdvals", "cond", "norm", "matrix_norm", "lstsq", "piecewise", "real_if_close"}
REFUSED |= {"trim_zeros", "beyond_the_smaller_side"}


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_every_rule_is_the_same_bit_for_bit_or_refused(case: Case) -> None:
    def make_step() -> Any:
        leaves = [Value(np.asarray(x, dtype=float)) for x in case.args]

        def step(scale: float) -> Any:
            result = case.call(*leaves) * scale
            result.backward(np.ones(result.shape) if result.shape else None)
            gradients = [leaf.grad for leaf in leaves]
            for leaf in leaves:
                leaf.grad = None
            return result, *gradients

        return step

    compiled = mg.compile(make_step())
    try:
        first = compiled(3.0)  # so that nothing is left in a buffer from recording
    except CompileError:
        if case.function.__name__ not in REFUSED:
            raise
        return
    (plan,) = compiled.plans.values()
    plan.known["eager"] = None  # so that what the source cannot do is not done by other means
    assert bits_of(compiled(0.7)) == bits_of(make_step()(0.7))
    assert bits_of(first) == bits_of(make_step()(3.0))  # as it was


# Memory ---------------------------------------------------------------------------------------------------------------


def spoiled(step: Any, *calls: Any) -> bool:
    """Return whether a compiled step gives other bits than the step itself at one of some calls."""
    fast = mg.compile(step)
    return any(bits(raw(fast(x))) != bits(raw(step(x))) for x in calls)


def raw(x: Any) -> Any:
    return x.data if isinstance(x, Value) else x


VIEW_TAKERS: dict[str, Callable[[Any], Any]] = {
    "real part": lambda z: np.real(z),
    "diagonal": lambda z: np.diagonal(z),
    "flipped": lambda z: np.flip(z, 0),
    "transposed and flat": lambda z: np.reshape(z.T, -1),
    "reshaped": lambda z: np.reshape(z, -1),
    "at least 3-d": lambda z: np.atleast_3d(z),
    "every second row": lambda z: z[::2],
}


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("name", VIEW_TAKERS)
def test_the_memory_of_an_array_is_kept_while_a_view_of_it_is_needed(name: str, order: Any) -> None:
    def step(x: Any) -> Any:
        part = VIEW_TAKERS[name](x * 2.0)
        other = x * 3.0 + 1.0  # would go where x * 2.0 was, were it free
        return np.sum(part) * np.sum(other) + np.max(part)

    draw = np.random.default_rng(0)
    calls = [np.asarray(draw.normal(size=(4, 4)), order=order) for _ in range(3)]
    assert not spoiled(step, *calls)


def test_that_check_sees_memory_that_is_used_again_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emit, "owners", lambda lines: {})
    monkeypatch.setattr(emit, "may_show", lambda lines: {})

    def step(x: Any) -> Any:
        part = np.real(x * 2.0)
        other = x * 3.0 + 1.0
        return np.sum(part) * np.sum(other) + np.max(part)

    draw = np.random.default_rng(0)
    assert spoiled(step, *(draw.normal(size=(4, 4)) for _ in range(3)))


def test_arguments_of_another_layout_get_a_plan_of_their_own() -> None:
    w = Value(np.random.default_rng(1).normal(size=(40, 3)), name="w")

    def step(x: Any) -> Any:
        return np.sum((x * 2.0) @ w)

    x = np.random.default_rng(0).normal(size=(50, 40))
    fast = mg.compile(step)
    for layout in (x, np.asfortranarray(x), x[::-1], np.repeat(x, 2, axis=1)[:, ::2]):
        assert bits(raw(fast(layout))) == bits(raw(step(layout)))
    assert len(fast.plans) == 4


@pytest.fixture
def no_rules_left() -> Iterator[None]:
    before = dict(RULES)
    yield
    for function in RULES.keys() - before.keys():
        del RULES[function]


@pytest.mark.usefixtures("no_rules_left")
def test_functions_of_one_name_are_told_apart() -> None:
    special = pytest.importorskip("scipy.special", reason="SciPy is not installed")

    def powers(scale: float) -> Any:
        @mg.custom_rule(lambda g, y, x: g * scale * np.sign(x).astype(float))
        def exp2(x: Any) -> Any:
            return scale * np.abs(x)

        return exp2

    ours, others = powers(3.0), powers(5.0)
    x = np.array([0.3, 0.7, 1.9])
    value = Value(x)

    def step(scale: float) -> Any:
        loss = np.sum(scale * (ours(value) + others(value) + np.exp2(value) * special.exp2(value)))
        loss.backward()
        gradient, value.grad = value.grad, None
        return loss, gradient

    loss, gradient = step(2.0)
    assert float(loss) == pytest.approx(2.0 * (8.0 * x + 4.0**x).sum(), rel=1e-14)
    np.testing.assert_allclose(gradient, 2.0 * (8.0 + np.log(4.0) * 4.0**x), rtol=1e-14)
    compiled = mg.compile(step)
    compiled(1.0)
    assert [bits(getattr(part, "data", part)) for part in compiled(2.0)] == [bits(loss.data), bits(gradient)]
    assert "from scipy.special import exp2 as scipy_special_exp2" in compiled.source


def test_numbers_of_single_precision_between_values() -> None:
    weights, others = (Value(np.arange(1, n, dtype=np.float32) / 7) for n in (4, 5))

    def step(x: Any) -> Any:
        penalty = 0.01 * np.sum(np.square(others.data))  # of NumPy's, as a frozen layer has it
        loss = np.mean((weights * x) ** 2) + penalty
        return loss, penalty, penalty + 1.0, loss * penalty

    compiled, x = mg.compile(step), np.arange(3.0)
    compiled(x)
    assert bits_of(compiled(x)) == bits_of(step(x))


def test_what_a_step_returned_stays_as_it_was() -> None:
    weights, other = Value(np.ones(3), name="weights"), Value(np.full(3, 5.0), name="other")
    optimizer = mg.SGD(learning_rate=0.1, momentum=0.9)

    def step(x: Any) -> Any:
        before, part, column = weights.data, weights.data[1:], weights.reshape(3, 1)
        np.sum(weights * x).backward()
        optimizer.step([weights])
        weights.grad = None
        return before, part, column, weights.data, weights, other, other.data, np.ones(2), Value([1.0, 2.0])

    def run(function: Any) -> list[Any]:
        weights.data, optimizer.state[:] = np.ones(3), [(np.zeros(3),) for _ in optimizer.state]
        found = []
        for x in ([1.0, 1.0, 1.0], [1.0, 2.0, 3.0], [2.0, 0.0, 1.0]):
            found.append(function(np.array(x)))
            assert found[-1][4] is weights and found[-1][5] is other and found[-1][6] is other._data
        return [np.array(getattr(part, "_data", part)).tolist() for results in found for part in results]

    run(step)  # so that there is a velocity
    compiled = mg.compile(step)
    assert run(compiled) == run(step)
    *_, constant, made = compiled(np.ones(3))
    constant[:], made._data[:] = 7.0, 7.0  # the caller's own
    *_, constant, made = compiled(np.ones(3))
    assert constant.tolist() == [1.0, 1.0] and made.data.tolist() == [1.0, 2.0]


# Whole models ---------------------------------------------------------------------------------------------------------

OPTIMIZER_CLASSES: list[Callable[..., Any]] = [
    *(mg.SGD, mg.Adam, mg.AdamW, mg.RMSprop, mg.Adagrad),
    lambda **settings: mg.SGD(momentum=0.9, nesterov=True, **settings),
]
CLIPPED: list[dict[str, float]] = [{}, {"clip_value": 0.1}, {"clip_norm": 0.1}, {"global_clip_norm": 0.1}]
ACTIVATIONS = ["relu", "tanh", "gelu", "selu"]
LAYERS = st.tuples(st.sampled_from(ACTIVATIONS), st.booleans(), st.booleans(), st.booleans())


@settings(max_examples=40, deadline=None)
@given(
    layers=st.lists(LAYERS, max_size=3),
    optimizer=st.sampled_from(OPTIMIZER_CLASSES),
    clipped=st.sampled_from(CLIPPED),
    loss=st.sampled_from(["mse", "mae", "huber", "log_cosh"]),
    single=st.booleans(),
    frozen=st.booleans(),
    weighted=st.booleans(),
    batch_size=st.sampled_from([4, 8, 100]),
)
def test_random_models_learn_the_same_bit_for_bit(
    layers: Any, optimizer: Any, clipped: Any, loss: str, single: bool, frozen: bool, weighted: bool, batch_size: int
) -> None:
    generator = np.random.default_rng(3)
    x, y = generator.normal(size=(2, 18, 3)).astype(np.float32 if single else float)
    weight = np.linspace(0.5, 2.0, 18) if weighted else None

    def run(eagerly: bool) -> Any:
        parts: list[Any] = []
        for activation, penalized, watched, normalized in layers:
            kernel, output = mg.L2(0.01) if penalized else None, mg.L1(0.01) if watched else None
            parts.append(mg.Dense(4, activation, kernel_regularizer=kernel, activity_regularizer=output))
            parts += [mg.LayerNormalization()] * normalized
        model = mg.Sequential([*parts, mg.Dense(3)], seed=1)
        model.layers[0].trainable = not (frozen and layers)
        model.compile(optimizer(learning_rate=0.01, **clipped), loss, metrics=["mae"], run_eagerly=eagerly)
        history = model.fit(x, y, batch_size, 40, 0.2, sample_weight=weight, verbose=0)
        assert model.run_eagerly is eagerly  # it does not fall back
        return history.history, [array.tobytes() for array in model.get_weights().values()]

    assert run(eagerly=False) == run(eagerly=True)
