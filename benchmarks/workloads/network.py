"""(e) A training step of a network 784-128-64-10: relu, softmax cross-entropy from logits, SGD, float32."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

import microgd as mg

from ..systems import COMPILED, FLOOR, HIPS, JAX, MICROGD, MICROGRAD, MYGRAD, NUMPY, TORCH, TORCH_COMPILED
from ..workload import Contestant, Entries, Workload

ROWS, SIZES, RATE = 128, (784, 128, 64, 10), 0.01


class Problem:
    """The batch, and the parameters to start from: kernel, bias, kernel, bias, ..."""

    @cached_property
    def batch(self) -> tuple[Any, Any]:
        """Rows of pixels, and the class of each."""
        draw = np.random.default_rng(0)
        return draw.random((ROWS, SIZES[0]), dtype=np.float32), draw.integers(0, SIZES[-1], ROWS)

    @property
    def one_hot(self) -> Any:
        """The classes as rows of zeros with a 1."""
        return np.eye(SIZES[-1], dtype=np.float32)[self.batch[1]]

    def start(self) -> list[Any]:
        """Return new parameters."""
        draw = np.random.default_rng(1)
        found = []
        for before, units in pairwise(SIZES):
            spread = np.sqrt(2.0 / before)
            found += [(spread * draw.normal(size=(before, units))).astype(np.float32), np.zeros(units, np.float32)]
        return found


entries = Entries()


def microgd_contestant(problem: Problem, compiled: bool) -> Contestant:
    *hidden, last = SIZES[1:]
    model = mg.Sequential([*(mg.Dense(units, "relu") for units in hidden), mg.Dense(last)], seed=0)
    x, _ = problem.batch
    y = problem.one_hot
    model(x)  # makes the weights, in float32
    parameters = model.parameters()
    for parameter, array in zip(parameters, problem.start(), strict=True):
        parameter.data = array
    optimizer = mg.SGD(learning_rate=RATE)

    def step(x: Any, y: Any) -> Any:
        loss = mg.categorical_crossentropy(y, model(x), from_logits=True)
        loss.backward(keep="leaves")
        optimizer.step(parameters)
        for parameter in parameters:
            parameter.grad = None
        return loss

    function: Any = mg.compile(step) if compiled else step
    return Contestant(lambda: function(x, y), lambda loss: [loss._data, *(p._data for p in parameters)])


@entries.by(MICROGD)
def microgd_eager(problem: Problem) -> Contestant:
    return microgd_contestant(problem, compiled=False)


@entries.by(COMPILED)
def microgd_compiled(problem: Problem) -> Contestant:
    return microgd_contestant(problem, compiled=True)


def torch_contestant(problem: Problem, compiled: bool) -> Contestant:
    import torch

    layers: list[Any] = []
    for before, units in pairwise(SIZES):
        layers += [torch.nn.Linear(before, units), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    parameters = list(model.parameters())
    with torch.no_grad():
        for parameter, array in zip(parameters, problem.start(), strict=True):
            parameter.copy_(torch.tensor(array.T))
    x, y = map(torch.tensor, problem.batch)
    optimizer = torch.optim.SGD(parameters, lr=RATE)

    def loss_of(x: Any, y: Any) -> Any:
        return torch.nn.functional.cross_entropy(model(x), y)

    function = torch.compile(loss_of, dynamic=False) if compiled else loss_of

    def step() -> Any:
        optimizer.zero_grad()
        loss = function(x, y)
        loss.backward()
        optimizer.step()
        return loss

    return Contestant(step, lambda loss: [loss.detach().numpy(), *(p.detach().numpy().T for p in parameters)])


@entries.by(TORCH)
def torch_eager(problem: Problem) -> Contestant:
    return torch_contestant(problem, compiled=False)


@entries.by(TORCH_COMPILED)
def torch_compiled(problem: Problem) -> Contestant:
    return torch_contestant(problem, compiled=True)


def functional(value_and_grad: Any, np: Any) -> Any:
    """Return the step as a pure function of the parameters, for the systems that differentiate such functions."""

    def loss_of(parameters: Any, x: Any, one_hot: Any) -> Any:
        k1, b1, k2, b2, k3, b3 = parameters
        hidden = np.maximum(np.dot(x, k1) + b1, 0.0)
        hidden = np.maximum(np.dot(hidden, k2) + b2, 0.0)
        logits = np.dot(hidden, k3) + b3
        shifted = logits - np.max(logits, axis=1, keepdims=True)
        log_of_sum = np.log(np.sum(np.exp(shifted), axis=1))
        return np.sum(log_of_sum - np.sum(one_hot * shifted, axis=1)) / ROWS

    gradient = value_and_grad(loss_of)

    def step(parameters: Any, x: Any, one_hot: Any) -> Any:
        loss, gradients = gradient(parameters, x, one_hot)
        return loss, [p - RATE * g for p, g in zip(parameters, gradients, strict=True)]

    return step


@entries.by(JAX)
def jax_compiled(problem: Problem) -> Contestant:
    import jax

    function = jax.jit(functional(jax.value_and_grad, jax.numpy))
    x, one_hot = jax.numpy.asarray(problem.batch[0]), jax.numpy.asarray(problem.one_hot)
    parameters = list(map(jax.numpy.asarray, problem.start()))

    def step() -> Any:
        nonlocal parameters
        loss, parameters = function(parameters, x, one_hot)
        return loss.block_until_ready()

    return Contestant(step, lambda loss: [loss, *parameters])


@entries.by(HIPS)
def hips(problem: Problem) -> Contestant:
    import autograd.numpy
    from autograd import value_and_grad

    function = functional(value_and_grad, autograd.numpy)
    x, one_hot = problem.batch[0], problem.one_hot
    parameters = problem.start()

    def step() -> Any:
        nonlocal parameters
        loss, parameters = function(parameters, x, one_hot)
        return loss

    return Contestant(step, lambda loss: [loss, *parameters])


@entries.by(MYGRAD)
def mygrad_eager(problem: Problem) -> Contestant:
    import mygrad
    from mygrad.nnet.activations import relu
    from mygrad.nnet.losses import softmax_crossentropy

    x, y = problem.batch
    parameters = list(map(mygrad.tensor, problem.start()))

    def step() -> Any:
        k1, b1, k2, b2, k3, b3 = parameters
        logits = relu(relu(x @ k1 + b1) @ k2 + b2) @ k3 + b3
        loss = softmax_crossentropy(logits, y)
        loss.backward()
        for parameter in parameters:
            parameter.data -= RATE * parameter.grad
            parameter.null_grad()
        return loss

    return Contestant(step, lambda loss: [loss.item(), *(p.data for p in parameters)])


@entries.by(NUMPY)
def numpy_plain(problem: Problem) -> Contestant:
    """As a person writes it who knows the derivative."""
    x, one_hot = problem.batch[0], problem.one_hot
    parameters = problem.start()
    rate = np.float32(RATE)

    def step() -> Any:
        nonlocal parameters
        k1, b1, k2, b2, k3, b3 = parameters
        h1 = np.maximum(x @ k1 + b1, 0)
        h2 = np.maximum(h1 @ k2 + b2, 0)
        logits = h2 @ k3 + b3
        shifted = logits - logits.max(axis=1, keepdims=True)
        exponents = np.exp(shifted)
        sums = exponents.sum(axis=1, keepdims=True)
        loss = (np.log(sums).sum() - (one_hot * shifted).sum()) / np.float32(ROWS)
        g = (exponents / sums - one_hot) / np.float32(ROWS)
        g2 = (g @ k3.T) * (h2 > 0)
        g1 = (g2 @ k2.T) * (h1 > 0)
        gradients = [x.T @ g1, g1.sum(axis=0), h1.T @ g2, g2.sum(axis=0), h2.T @ g, g.sum(axis=0)]
        parameters = [p - rate * d for p, d in zip(parameters, gradients, strict=True)]
        return loss

    return Contestant(step, lambda loss: [loss, *parameters])


@entries.by(FLOOR)
def numpy_floor(problem: Problem) -> Contestant:
    """As a person writes it who wants the last microsecond: nothing is allocated, names are bound once."""
    x, one_hot = problem.batch[0], problem.one_hot
    parameters = problem.start()
    k1, b1, k2, b2, k3, b3 = parameters
    gradients = list(map(np.empty_like, parameters))
    dk1, db1, dk2, db2, dk3, db3 = gradients
    h1, h2, logits = (np.empty((ROWS, units), np.float32) for units in SIZES[1:])
    g1, g2, g3, product = (np.empty_like(h) for h in (h1, h2, logits, logits))
    on1, on2 = np.empty(h1.shape, bool), np.empty(h2.shape, bool)
    column, log_column = np.empty((ROWS, 1), np.float32), np.empty((ROWS, 1), np.float32)
    zero, share, rate = np.float32(0), np.float32(1 / ROWS), np.array(RATE, np.float32)
    dot, add, subtract, multiply, divide, greater = np.dot, np.add, np.subtract, np.multiply, np.divide, np.greater
    maximum, exp, log, sums, largest = np.maximum, np.exp, np.log, np.add.reduce, np.maximum.reduce
    xt, h1t, h2t, k2t, k3t = x.T, h1.T, h2.T, k2.T, k3.T
    updates = list(zip(parameters, gradients, strict=True))

    def step() -> Any:
        dot(x, k1, h1)
        add(h1, b1, h1)
        maximum(h1, zero, out=h1)
        dot(h1, k2, h2)
        add(h2, b2, h2)
        maximum(h2, zero, out=h2)
        dot(h2, k3, logits)
        add(logits, b3, logits)
        largest(logits, 1, None, column, True)
        subtract(logits, column, logits)
        exp(logits, g3)
        sums(g3, 1, None, column, True)
        log(column, log_column)
        multiply(one_hot, logits, product)
        loss = (sums(log_column, None) - sums(product, None)) * share
        divide(g3, column, g3)
        subtract(g3, one_hot, g3)
        multiply(g3, share, g3)
        dot(g3, k3t, g2)
        greater(h2, zero, on2)
        multiply(g2, on2, g2)
        dot(g2, k2t, g1)
        greater(h1, zero, on1)
        multiply(g1, on1, g1)
        dot(xt, g1, dk1)
        sums(g1, 0, None, db1)
        dot(h1t, g2, dk2)
        sums(g2, 0, None, db2)
        dot(h2t, g3, dk3)
        sums(g3, 0, None, db3)
        for parameter, gradient in updates:
            multiply(gradient, rate, gradient)
            subtract(parameter, gradient, parameter)
        return loss

    return Contestant(step, lambda loss: [loss, *parameters])


NETWORK = Workload(
    key="e",
    name="e",
    title="network 784-128-64-10, batch 128, float32",
    problem=Problem(),
    entries=entries,
    tolerance=2e-5,
    exact=[(MICROGD, COMPILED)],
    left_out={MICROGRAD: "has no arrays"},
)
