"""The hot path is guarded by counting its work, not its seconds: instructions of Python, calls, lines of NumPy.

The counts are those of CPython 3.11 and the same on every machine; other versions have other instructions and a little
room. Whoever puts a generic call on the path is told by how much it grew. Tests plant such calls, to see that it shows.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import numpy as np
import pytest

import microgd as mg
from microgd import Value
from microgd.autograd import backward as backward_module
from microgd.autograd.operators import pull_of
from microgd.autograd.rules.table import RULES, find
from tests.duck import forget_other_arrays

LINKS = 50


@pytest.fixture(autouse=True, scope="module")
def numpy_alone() -> None:
    forget_other_arrays()  # that other tests had


@contextlib.contextmanager
def collector_off() -> Iterator[None]:
    """Keep the garbage collector, and what others hang on it, from being counted."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def instructions(action: Callable[[], Any]) -> int:
    """Return how many bytecode instructions an action executes, in Python functions that it calls, itself left out."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode" and frame.f_code is not action.__code__
        return trace

    before = sys.gettrace()
    with collector_off():
        sys.settrace(trace)
        try:
            action()
        finally:
            sys.settrace(before)
    return count


def calls(action: Callable[[], Any]) -> int:
    """Return how many functions an action calls, in Python or in C, that of the action itself left out."""
    count = -2  # the action, and turning this off

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    with collector_off():
        sys.setprofile(profile)
        try:
            action()
        finally:
            sys.setprofile(before)
    return count


def numpy_calls(source: str) -> list[str]:
    """Return the calls in the body of an emitted step, as they are written."""
    (maker,) = (node for node in ast.parse(source).body if getattr(node, "name", "") == "make_step")
    assert isinstance(maker, ast.FunctionDef)
    (step,) = (node for node in maker.body if isinstance(node, ast.FunctionDef))
    return [ast.unparse(node) for node in ast.walk(step) if isinstance(node, ast.Call)]


def warm(action: Callable[[], Any]) -> Callable[[], Any]:
    """Return an action after doing it, so that the operators that it needs are written out."""
    action()
    return action


def chain() -> tuple[Value, Value]:
    """Return the start and the end of a chain of scalars, two nodes a link."""
    start = v = Value(1.5)
    for _ in range(LINKS):
        v = v * 0.99 + 0.01
    return start, v


def regression(planted: Callable[[Any], Any] = lambda x: x) -> tuple[Any, Any, Any]:
    """Return a step of linear regression, and its data."""
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(32, 13)), draw.normal(size=(32, 1))
    kernel, bias = Value(np.zeros((13, 1)), name="kernel"), Value(np.zeros(1), name="bias")
    optimizer = mg.SGD(learning_rate=0.01)

    def step(x: Any, y: Any) -> Value:
        loss: Value = mg.mean_squared_error(y, planted(mg.affine(x, kernel, bias)))
        loss.backward(keep="leaves")
        optimizer.step([kernel, bias])
        kernel.grad = bias.grad = None
        return loss

    return step, x, y


def of_multiply() -> Callable[[], Any]:
    v, w = Value(2.0), Value(3.0)
    return warm(lambda: v * w)


def of_multiply_by_number() -> Callable[[], Any]:
    v = Value(2.0)
    return warm(lambda: v * 3.0)


def of_add_arrays() -> Callable[[], Any]:
    v, w = Value(np.ones(3)), Value(np.ones(3))
    return warm(lambda: v + w)


def of_chain_backward() -> Callable[[], Any]:
    chain()[1].backward()
    _, end = chain()
    return lambda: end.backward()


def of_chain_backward_to_leaves() -> Callable[[], Any]:
    chain()[1].backward(keep="leaves")
    _, end = chain()
    return lambda: end.backward(keep="leaves")


def of_regression_step() -> Callable[[], Any]:
    step, x, y = regression()
    return warm(lambda: step(x, y))


def of_compiled_regression_step() -> Callable[[], Any]:
    step, x, y = regression()
    fast = mg.compile(step)
    fast(x, y)
    return warm(lambda: fast(x, y))


# What was counted when this was written: instructions and calls.
COUNTED: dict[Callable[[], Callable[[], Any]], tuple[int, int]] = {
    of_multiply: (72, 2),
    of_multiply_by_number: (80, 2),
    of_add_arrays: (72, 2),
    of_chain_backward: (14_403, 511),
    of_chain_backward_to_leaves: (16_398, 611),
    of_regression_step: (2_083, 123),
    of_compiled_regression_step: (290, 13),
}
COMPILED_NUMPY_CALLS = 12
ROOM = 0.02 if sys.version_info[:2] == (3, 11) else 0.30  # other versions have other instructions


def limit(counted: int) -> int:
    return int(counted * (1.0 + ROOM))


@pytest.mark.parametrize("make", COUNTED, ids=lambda make: make.__name__)
def test_work_does_not_grow(make: Callable[[], Callable[[], Any]]) -> None:
    most_instructions, most_calls = map(limit, COUNTED[make])
    found = instructions(make())
    assert found <= most_instructions, f"{found} instructions; {most_instructions} at most"
    found = calls(make())
    assert found <= most_calls, f"{found} calls; {most_calls} at most"


@pytest.mark.parametrize("make", COUNTED, ids=lambda make: make.__name__)
def test_counting_gives_the_same_each_time(make: Callable[[], Callable[[], Any]]) -> None:
    assert (instructions(make()), calls(make())) == (instructions(make()), calls(make()))


def test_backward_costs_the_same_for_each_node() -> None:
    def of(links: int) -> int:
        v = Value(1.5)
        for _ in range(links):
            v = v * 0.99 + 0.01
        return instructions(lambda: v.backward())

    of(1)
    assert of(1000) - of(600) == 2 * (of(600) - of(400))


def test_the_compiled_step_calls_numpy_no_more_than_a_person_would() -> None:
    step, x, y = regression()
    fast = mg.compile(step)
    fast(x, y)
    written = numpy_calls(fast.source)
    assert len(written) <= COMPILED_NUMPY_CALLS, "\n".join(written)


def test_an_operation_costs_the_same_however_many_rules_there_are() -> None:
    x = Value(np.ones(3))
    actions: tuple[Callable[[], Any], ...] = (
        lambda: x * x,
        lambda: np.exp(x),
        lambda: np.sum(x, axis=0),
        lambda: np.tile(x, 2),
        lambda: np.sum(np.exp(x) * x, axis=0).backward(),
        lambda: mg.grad(np.sum)(np.ones(3)),
    )
    before = [(instructions(warm(action)), calls(action)) for action in actions]
    more = {(lambda number=number: number): rule for number, rule in enumerate([*RULES.values()] * 10)}
    RULES.update(more)
    try:
        assert [(instructions(action), calls(action)) for action in actions] == before
    finally:
        for function in more:
            del RULES[function]


# That the counters see what is planted --------------------------------------------------------------------------------


def test_a_generic_call_in_an_operator_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = (v := Value(2.0)).__mul__.__func__
    monkeypatch.setattr(Value, "__mul__", lambda a, b: operator(a, b))
    found = instructions(lambda: v * v), calls(lambda: v * v)
    assert found[0] > 1.05 * COUNTED[of_multiply][0] and found[1] > COUNTED[of_multiply][1]


def test_a_generic_call_in_a_pullback_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = find(np.multiply)
    pull = pull_of(rule)
    monkeypatch.setattr(rule, "pull", lambda node, g: pull(node, g))
    most_instructions, most_calls = COUNTED[of_chain_backward]
    assert instructions(of_chain_backward()) > most_instructions + 5 * LINKS
    assert calls(of_chain_backward()) >= most_calls + LINKS


def test_a_generic_call_in_the_walk_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    pull_all = backward_module.pull_all

    def one_by_one(nodes: list[Any]) -> None:
        for node in reversed(nodes):
            pull_all([node])

    monkeypatch.setattr(backward_module, "pull_all", one_by_one)
    assert instructions(of_chain_backward()) > 1.1 * COUNTED[of_chain_backward][0]


def test_a_line_too_much_in_a_compiled_step_is_seen() -> None:
    step, x, y = regression(planted=lambda prediction: np.absolute(prediction))
    fast = mg.compile(step)
    fast(x, y)
    assert len(numpy_calls(fast.source)) > COMPILED_NUMPY_CALLS


def test_counters_count() -> None:
    def one() -> int:
        return 1

    def twice() -> None:
        one()
        one()

    assert calls(twice) == 2
    assert instructions(twice) == 2 * instructions(lambda: one()) > 0
