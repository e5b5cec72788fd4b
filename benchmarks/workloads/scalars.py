"""Scalars: (a) the book's example, (g) a long chain of nodes, and the second derivative of a short one."""

from __future__ import annotations

from typing import Any

import numpy as np

import microgd as mg

from ..systems import COMPILED, FLOOR, HIPS, JAX, MICROGD, MICROGRAD, MYGRAD, NUMPY, TORCH, TORCH_COMPILED
from ..workload import Contestant, Entries, Workload

# (a) The book's example: the squared error of the prediction v x, differentiated by v --------------------------------

V, X, Y = 0.0, 2.0, 5.0
book = Entries()


def squared_error(v: Any, x: Any, y: Any) -> Any:
    return (v * x - y) ** 2


def loss_and_gradient(result: Any) -> list[float]:
    return [number.item() if hasattr(number, "item") else float(number) for number in result]


@book.by(MICROGD)
def book_microgd(problem: None) -> Contestant:
    v = mg.Value(V)

    def step() -> Any:
        loss = squared_error(v, X, Y)
        loss.backward()
        gradient, v.grad = v.grad, None
        return loss, gradient

    return Contestant(step, loss_and_gradient)


@book.by(COMPILED)
def book_microgd_compiled(problem: None) -> Contestant:
    v = mg.Value(V, name="v")

    @mg.compile
    def step(x: Any, y: Any) -> Any:
        loss = squared_error(v, x, y)
        loss.backward(keep="leaves")
        gradient, v.grad = v.grad, None
        return loss, gradient

    return Contestant(lambda: step(X, Y), loss_and_gradient)


def book_in_torch(function: Any) -> Contestant:
    import torch

    v, x, y = (torch.tensor(number, dtype=torch.float64) for number in (V, X, Y))
    v.requires_grad_()

    def step() -> Any:
        loss = function(v, x, y)
        loss.backward()
        gradient, v.grad = v.grad, None
        return loss, gradient

    return Contestant(step, loss_and_gradient)


@book.by(TORCH)
def book_torch(problem: None) -> Contestant:
    return book_in_torch(squared_error)


@book.by(TORCH_COMPILED)
def book_torch_compiled(problem: None) -> Contestant:
    import torch

    return book_in_torch(torch.compile(squared_error, dynamic=False))


@book.by(JAX)
def book_jax(problem: None) -> Contestant:
    import jax

    function = jax.jit(jax.value_and_grad(squared_error))
    v, x, y = (jax.numpy.asarray(number) for number in (V, X, Y))
    return Contestant(lambda: jax.block_until_ready(function(v, x, y)), loss_and_gradient)


@book.by(HIPS)
def book_hips(problem: None) -> Contestant:
    from autograd import value_and_grad

    function = value_and_grad(squared_error)
    return Contestant(lambda: function(V, X, Y), loss_and_gradient)


@book.by(MYGRAD)
def book_mygrad(problem: None) -> Contestant:
    import mygrad

    v = mygrad.tensor(V)

    def step() -> Any:
        loss = squared_error(v, X, Y)
        loss.backward()
        return loss, v.grad

    return Contestant(step, loss_and_gradient)


@book.by(MICROGRAD)
def book_micrograd(problem: None) -> Contestant:
    from micrograd.engine import Value

    v = Value(V)

    def step() -> Any:
        v.grad = 0
        loss = squared_error(v, X, Y)
        loss.backward()
        return loss.data, v.grad

    return Contestant(step, loss_and_gradient)


@book.by(NUMPY)
def book_numpy(problem: None) -> Contestant:
    v, x, y = map(np.float64, (V, X, Y))

    def step() -> Any:
        error = v * x - y
        return error**2, 2 * error * x

    return Contestant(step, loss_and_gradient)


@book.by(FLOOR)
def book_floats(problem: None) -> Contestant:
    v, x, y = V, X, Y

    def step() -> Any:
        error = v * x - y
        return error * error, 2.0 * error * x

    return Contestant(step, loss_and_gradient)


BOOK = Workload(
    key="a",
    name="a",
    title="book example, scalars",
    problem=None,
    entries=book,
    exact=[(MICROGD, COMPILED)],
)

# (g) A chain of v ← v w + c, two nodes a link, from three leaves ------------------------------------------------------

START, FACTOR, OFFSET = 1.5, 0.99, 0.01
chain = Entries()


def linked(v: Any, w: Any, c: Any, nodes: int) -> Any:
    for _ in range(nodes // 2):
        v = v * w + c
    return v


@chain.by(MICROGD)
def chain_microgd(nodes: int) -> Contestant:
    leaves = [mg.Value(number) for number in (START, FACTOR, OFFSET)]

    def step() -> Any:
        result = linked(*leaves, nodes)
        result.backward(keep="leaves")
        gradients = [leaf.grad for leaf in leaves]
        for leaf in leaves:
            leaf.grad = None
        return result, *gradients

    return Contestant(step, loss_and_gradient)


@chain.by(TORCH)
def chain_torch(nodes: int) -> Contestant:
    import torch

    leaves = [torch.tensor(number, dtype=torch.float64, requires_grad=True) for number in (START, FACTOR, OFFSET)]

    def step() -> Any:
        result = linked(*leaves, nodes)
        result.backward()
        gradients = [leaf.grad for leaf in leaves]
        for leaf in leaves:
            leaf.grad = None
        return result, *gradients

    return Contestant(step, loss_and_gradient)


@chain.by(HIPS)
def chain_hips(nodes: int) -> Contestant:
    from autograd import value_and_grad

    function = value_and_grad(lambda leaves: linked(*leaves, nodes))

    def step() -> Any:
        result, gradients = function((START, FACTOR, OFFSET))
        return result, *gradients

    return Contestant(step, loss_and_gradient)


@chain.by(MYGRAD)
def chain_mygrad(nodes: int) -> Contestant:
    import mygrad

    leaves = [mygrad.tensor(number) for number in (START, FACTOR, OFFSET)]

    def step() -> Any:
        result = linked(*leaves, nodes)
        result.backward()
        return result, *(leaf.grad for leaf in leaves)

    return Contestant(step, loss_and_gradient)


@chain.by(FLOOR)
def chain_floats(nodes: int) -> Contestant:
    def step() -> Any:
        v, links = START, []
        for _ in range(nodes // 2):
            links.append(v)
            v = v * FACTOR + OFFSET
        g, factor, offset = 1.0, 0.0, 0.0
        for before in reversed(links):
            offset += g
            factor += g * before
            g *= FACTOR
        return v, g, factor, offset

    return Contestant(step, loss_and_gradient)


NODES = 100_000
SCALAR_CHAIN = Workload(
    key="g",
    name="g",
    title="chain of 100,000 scalar nodes",
    problem=NODES,
    entries=chain,
    parts=(NODES, "node"),
    slow=(HIPS, MYGRAD),
    left_out={
        MICROGRAD: "its backward is recursive and ends in a RecursionError",
        COMPILED: "a step unrolled to 100,000 lines is not what compile is for",
        TORCH_COMPILED: "unrolls the loop, and compiles for minutes",
        JAX: "unrolls the loop, and compiles for minutes",
    },
)

# The second derivative of a chain of scalars: backward through backward ----------------------------------------------

LINKS = 20
second = Entries()


def polynomial(x: Any) -> Any:
    v = x
    for _ in range(LINKS):
        v = v * x + 0.5
    return v


AT = 0.9


@second.by(MICROGD)
def second_microgd(problem: None) -> Contestant:
    x = mg.Value(AT)

    def step() -> Any:
        polynomial(x).backward(create_graph=True)
        first, x.grad = x.grad, None
        first.backward()
        result, x.grad = x.grad, None
        return first, result

    return Contestant(step, loss_and_gradient)


@second.by(TORCH)
def second_torch(problem: None) -> Contestant:
    import torch

    x = torch.tensor(AT, dtype=torch.float64, requires_grad=True)

    def step() -> Any:
        (first,) = torch.autograd.grad(polynomial(x), x, create_graph=True)
        (result,) = torch.autograd.grad(first, x)
        return first, result

    return Contestant(step, loss_and_gradient)


@second.by(JAX)
def second_jax(problem: None) -> Contestant:
    import jax

    function = jax.jit(jax.value_and_grad(jax.grad(polynomial)))
    x = jax.numpy.asarray(AT)
    return Contestant(lambda: jax.block_until_ready(function(x)), loss_and_gradient)


@second.by(HIPS)
def second_hips(problem: None) -> Contestant:
    from autograd import grad, value_and_grad

    function = value_and_grad(grad(polynomial))
    return Contestant(lambda: function(AT), loss_and_gradient)


@second.by(FLOOR)
def second_floats(problem: None) -> Contestant:
    def step() -> Any:
        v, first, result = AT, 1.0, 0.0  # forward, by the product rule twice
        for _ in range(LINKS):
            v, first, result = v * AT + 0.5, first * AT + v, result * AT + 2.0 * first
        return first, result

    return Contestant(step, loss_and_gradient)


SECOND_ORDER = Workload(
    key="second",
    name="second order",
    title="second derivative of a chain of 40 scalars",
    problem=None,
    entries=second,
    left_out={
        MYGRAD: "has no second derivatives",
        MICROGRAD: "has no second derivatives",
        TORCH_COMPILED: "has no second derivatives",
    },
)
