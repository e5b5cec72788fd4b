"""The walk and backward: order, accumulation, memory, errors."""

from __future__ import annotations

import copy
import gc
import threading
from typing import Any

import numpy as np
import pytest

import microgd as mg
from microgd import Value
from microgd.autograd.backward import graph


def test_the_walk_is_the_books_table() -> None:
    v, x, y = Value(0.0, name="v"), Value(2.0, name="x"), Value(5.0, name="y")
    loss = (v * x - y) ** 2
    steps = {(s.node.rule.name, s.parent.name): s.contribution for s in mg.walk(loss)}
    assert steps["power", None] == -10.0
    assert steps["subtract", None] == -10.0
    assert steps["multiply", "v"] == -20.0
    assert v.grad is None


def test_scalars_and_arrays_give_the_same_numbers_records_and_walk() -> None:
    def first(data: Any) -> str:
        return f"{np.ravel(data)[0]:.13e}"  # the tanh of a float and of an array may differ in the last bit

    def steps(shape: tuple[int, ...]) -> list[tuple[Any, ...]]:
        a, b = (Value(np.full(shape, number)) for number in (-0.7, 1.3))
        loss = (a * b - 2.0) ** 2 + np.tanh(a / b) * b
        places = {value: place for place, value in enumerate(graph(loss)[1] + graph(loss)[0])}
        return [
            (s.node.rule, s.argument, places[s.parent], first(s.contribution), first(s.total), s.path, s.paths)
            for s in mg.walk(loss, np.ones(shape))
        ]

    assert steps(()) == steps((1,)) == steps((2, 3))


def test_the_walk_counts_paths() -> None:
    x = Value(3.0)
    steps = [s for s in mg.walk(x * x + x) if s.parent is x]
    assert [(s.path, s.paths, s.total) for s in steps] == [(1, 3, 1.0), (2, 3, 4.0), (3, 3, 7.0)]


def test_leaves_accumulate_and_inner_nodes_do_not() -> None:
    x = Value(3.0)
    square = x * x
    loss = square * 2
    loss.backward()
    loss.backward()
    assert x.grad == 24.0
    assert square.grad == 2.0
    loss.zero_grad()
    assert x.grad is None
    assert square.grad is None


def test_gradients_that_a_leaf_had_are_kept_when_backward_fails() -> None:
    x = Value(3.0)
    (x * x).backward()
    loss = x * x
    loss.left_data = "not a number"
    loss.right_data = "not a number"
    with pytest.raises(TypeError):
        loss.backward()
    assert x.grad == 6.0


def test_keep_leaves_frees_the_graph() -> None:
    x = Value([1.0, 2.0])
    inner = x * x
    loss = inner.sum()
    loss.backward(keep="leaves")
    assert x.grad.tolist() == [2.0, 4.0]
    assert inner.grad is None
    with pytest.raises(RuntimeError, match="dropped"):
        loss.backward()


@pytest.mark.parametrize("keep", ["all", "leaves"])
def test_no_two_gradients_share_an_array(keep: str) -> None:
    a, b = Value(np.ones((2, 3))), Value(np.ones((2, 3)))
    (a + b).sum().backward(keep=keep)
    a.grad *= 5
    assert b.grad.tolist() == np.ones((2, 3)).tolist()


def test_what_does_not_matter_gets_zeros() -> None:
    x = Value([1.5, 2.5])
    (np.floor(x)).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0]
    assert mg.grad(lambda v: 3.0)(np.ones(2)).tolist() == [0.0, 0.0]


def test_the_seed_has_the_roots_type() -> None:
    x = Value(np.ones(3, dtype=np.float32))
    loss = (x * x * 2.0).sum()
    loss.backward()
    assert loss.dtype == np.float32
    assert x.grad.dtype == np.float32


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Value(1.0).backward(), RuntimeError, "nothing was recorded"),
        (lambda: (Value([1.0, 2.0]) * 2).backward(), ValueError, r"value\.sum\(\)\.backward"),
        (lambda: (Value([1.0, 2.0]) * 2).backward(np.ones(3)), ValueError, r"shape \(3,\)"),
        (lambda: (Value(1.0) * 2).backward(keep="some"), ValueError, "keep must be"),
    ],
)
def test_bad_calls(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_a_cotangent_is_pulled_back() -> None:
    x = Value([1.0, 2.0])
    (x * x).backward([10.0, 100.0])
    assert x.grad.tolist() == [20.0, 400.0]


def test_create_graph_gives_gradients_that_can_be_differentiated() -> None:
    x = Value(2.0)
    (x**4 - 2 * x**2).backward(create_graph=True)
    assert float(x.grad) == 24.0
    slope = x.grad
    x.grad = None
    slope.backward()
    assert x.grad == 44.0


def test_an_array_changed_in_place_is_noticed() -> None:
    x = Value([1.0, 2.0], name="x")
    loss = (x * x).sum()
    x.data[...] = 5.0
    with pytest.raises(RuntimeError, match=r"name='x'.*changed in place after multiply"):
        loss.backward()
    (x * x).sum().backward()
    assert x.grad.tolist() == [10.0, 10.0]


def test_an_array_changed_before_it_is_used_is_fine() -> None:
    x = Value([1.0, 2.0])
    x.data[...] = 5.0
    loss = (x * x).sum()
    assert x.data.tolist() == [5.0, 5.0]
    loss.backward()
    assert x.grad.tolist() == [10.0, 10.0]


def test_subtracting_in_place_is_noticed_and_rebinding_is_not_a_change() -> None:
    x = Value([1.0, 2.0])
    loss = (x * x).sum()
    x.data = x.data - 1.0
    loss.backward()  # the record keeps the array it used
    assert x.grad.tolist() == [2.0, 4.0]
    loss = (x * x).sum()
    x.data -= 1.0
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def chain(length: int) -> Value:
    weight, value = Value(0.999), Value(1.5)
    for _ in range(length // 2):
        value = value * weight + 0.001
    return value


@pytest.mark.slow
def test_a_million_nodes() -> None:
    end = chain(1_000_000)
    end.backward()
    nodes, leaves = graph(end)
    assert len(nodes) == 1_000_000
    assert len(repr(end)) < 100
    del nodes
    end.backward(keep="leaves")
    assert all(leaf.grad is not None for leaf in leaves)


def test_a_long_chain_is_copied_and_freed_without_recursion() -> None:
    end = chain(100_000)
    twin = copy.deepcopy(end)
    twin.backward()
    assert twin.data == end.data
    del end, twin


def test_graphs_make_no_reference_cycles() -> None:
    def use() -> None:
        x = Value(np.ones((20, 20)))
        loss = np.tanh(x @ x).mean() + (x[0] ** 2).sum()
        loss.backward()

    def alive() -> int:
        return sum(type(thing) is Value for thing in gc.get_objects())

    use()
    gc.collect()
    gc.disable()
    try:
        before = alive()
        for _ in range(100):
            use()
        assert alive() == before
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_two_threads_differentiate_at_once() -> None:
    results: dict[int, list[float]] = {}

    def work(number: int) -> None:
        w = Value(float(number))
        for _ in range(300):
            loss = (w * 3.0 - 4.0) ** 2
            loss.backward(keep="leaves")
            w.data = w.data - 0.05 * w.grad
            w.grad = None
        results[number] = [w.item()]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(abs(r[0] - 4 / 3) < 1e-12 for r in results.values())
    assert gc.isenabled()
