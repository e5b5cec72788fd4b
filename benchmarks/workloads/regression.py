"""(c), (d) A training step of linear regression: forward, mean squared error, backward, update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import microgd as mg

from ..systems import COMPILED, FLOOR, HIPS, JAX, MICROGD, MICROGRAD, MYGRAD, NUMPY, TORCH, TORCH_COMPILED
from ..workload import Contestant, Entries, Workload

RATE = 0.01


@dataclass(frozen=True)
class Regression:
    """How large the data are: standard normal features, and a target that is linear in them with some noise."""

    rows: int
    features: int

    def arrays(self) -> tuple[Any, Any]:
        """Return x, shape (rows, features), and y, shape (rows, 1)."""
        draw = np.random.default_rng(0)
        x = draw.normal(size=(self.rows, self.features))
        y = x @ draw.normal(size=(self.features, 1)) + 0.1 * draw.normal(size=(self.rows, 1)) + 3.0
        return x, y

    def start(self) -> tuple[Any, Any]:
        """Return the kernel and the bias to start from."""
        return np.zeros((self.features, 1)), np.zeros(1)


entries = Entries()  # the update by the system's own optimizer, where it has one
by_hand = Entries()  # the update written out, where the system has an optimizer too


def microgd_step(problem: Regression, own_optimizer: bool) -> tuple[Any, Any, Any]:
    kernel, bias = (mg.Value(array, name=name) for array, name in zip(problem.start(), ("kernel", "bias"), strict=True))
    parameters = [kernel, bias]
    optimizer = mg.SGD(learning_rate=RATE)

    def step_by_optimizer(x: Any, y: Any) -> Any:
        loss = mg.mean_squared_error(y, mg.affine(x, kernel, bias))
        loss.backward(keep="leaves")
        optimizer.step(parameters)
        kernel.grad = bias.grad = None
        return loss

    def step_by_hand(x: Any, y: Any) -> Any:
        loss = mg.mean_squared_error(y, mg.affine(x, kernel, bias))
        loss.backward(keep="leaves")
        kernel.data = kernel.data - RATE * kernel.grad
        bias.data = bias.data - RATE * bias.grad
        kernel.grad = bias.grad = None
        return loss

    return step_by_optimizer if own_optimizer else step_by_hand, kernel, bias


def microgd_contestant(problem: Regression, own_optimizer: bool, compiled: bool) -> Contestant:
    step, kernel, bias = microgd_step(problem, own_optimizer)
    if compiled:
        step = mg.compile(step)
    x, y = problem.arrays()
    # `_data`, for a Value whose `data` has been asked for watches its array from then on, which is not what is timed
    return Contestant(lambda: step(x, y), lambda loss: [float(loss), kernel._data, bias._data])


@entries.by(MICROGD)
def microgd_eager(problem: Regression) -> Contestant:
    return microgd_contestant(problem, own_optimizer=True, compiled=False)


@entries.by(COMPILED)
def microgd_compiled(problem: Regression) -> Contestant:
    return microgd_contestant(problem, own_optimizer=True, compiled=True)


@by_hand.by(MICROGD)
def microgd_eager_by_hand(problem: Regression) -> Contestant:
    return microgd_contestant(problem, own_optimizer=False, compiled=False)


@by_hand.by(COMPILED)
def microgd_compiled_by_hand(problem: Regression) -> Contestant:
    return microgd_contestant(problem, own_optimizer=False, compiled=True)


def torch_contestant(problem: Regression, own_optimizer: bool, compiled: bool) -> Contestant:
    import torch

    x, y = map(torch.tensor, problem.arrays())
    kernel, bias = (torch.tensor(array, requires_grad=True) for array in problem.start())
    optimizer = torch.optim.SGD([kernel, bias], lr=RATE)

    def loss_of(x: Any, y: Any, kernel: Any, bias: Any) -> Any:
        return torch.nn.functional.mse_loss(torch.addmm(bias, x, kernel), y)

    function = torch.compile(loss_of, dynamic=False) if compiled else loss_of

    def step_by_optimizer() -> Any:
        optimizer.zero_grad()
        loss = function(x, y, kernel, bias)
        loss.backward()
        optimizer.step()
        return loss

    def step_by_hand() -> Any:
        loss = function(x, y, kernel, bias)
        loss.backward()
        with torch.no_grad():
            kernel.sub_(kernel.grad, alpha=RATE)
            bias.sub_(bias.grad, alpha=RATE)
        kernel.grad = bias.grad = None
        return loss

    return Contestant(
        step_by_optimizer if own_optimizer else step_by_hand,
        lambda loss: [loss.item(), kernel.detach().numpy(), bias.detach().numpy()],
    )


@entries.by(TORCH)
def torch_eager(problem: Regression) -> Contestant:
    return torch_contestant(problem, own_optimizer=True, compiled=False)


@entries.by(TORCH_COMPILED)
def torch_compiled(problem: Regression) -> Contestant:
    return torch_contestant(problem, own_optimizer=True, compiled=True)


@by_hand.by(TORCH)
def torch_eager_by_hand(problem: Regression) -> Contestant:
    return torch_contestant(problem, own_optimizer=False, compiled=False)


@by_hand.by(TORCH_COMPILED)
def torch_compiled_by_hand(problem: Regression) -> Contestant:
    return torch_contestant(problem, own_optimizer=False, compiled=True)


def functional(problem: Regression, value_and_grad: Any, np: Any) -> Any:
    """Return the step as a pure function of the parameters, for the systems that differentiate such functions."""

    def loss_of(parameters: Any, x: Any, y: Any) -> Any:
        kernel, bias = parameters
        return np.mean((np.dot(x, kernel) + bias - y) ** 2)

    gradient = value_and_grad(loss_of)

    def step(parameters: Any, x: Any, y: Any) -> Any:
        loss, gradients = gradient(parameters, x, y)
        return loss, [p - RATE * g for p, g in zip(parameters, gradients, strict=True)]

    return step


@entries.by(JAX)
@by_hand.by(JAX)
def jax_compiled(problem: Regression) -> Contestant:
    import jax

    function = jax.jit(functional(problem, jax.value_and_grad, jax.numpy))
    x, y = map(jax.numpy.asarray, problem.arrays())
    parameters = list(map(jax.numpy.asarray, problem.start()))

    def step() -> Any:
        nonlocal parameters
        loss, parameters = function(parameters, x, y)
        return loss.block_until_ready()

    return Contestant(step, lambda loss: [float(loss), *parameters])


@entries.by(HIPS)
def hips(problem: Regression) -> Contestant:
    import autograd.numpy
    from autograd import value_and_grad

    function = functional(problem, value_and_grad, autograd.numpy)
    x, y = problem.arrays()
    parameters = list(problem.start())

    def step() -> Any:
        nonlocal parameters
        loss, parameters = function(parameters, x, y)
        return loss

    return Contestant(step, lambda loss: [float(loss), *parameters])


@entries.by(MYGRAD)
def mygrad_eager(problem: Regression) -> Contestant:
    import mygrad

    x, y = problem.arrays()
    kernel, bias = map(mygrad.tensor, problem.start())

    def step() -> Any:
        loss = ((x @ kernel + bias - y) ** 2).mean()
        loss.backward()
        for parameter in (kernel, bias):
            parameter.data -= RATE * parameter.grad
            parameter.null_grad()
        return loss

    return Contestant(step, lambda loss: [loss.item(), kernel.data, bias.data])


@entries.by(NUMPY)
@by_hand.by(NUMPY)
def numpy_plain(problem: Regression) -> Contestant:
    """As a person writes it who knows the derivative."""
    x, y = problem.arrays()
    kernel, bias = problem.start()

    def step() -> Any:
        nonlocal kernel, bias
        error = x @ kernel + bias - y
        loss = np.mean(error**2)
        gradient = 2 / len(x) * error
        kernel = kernel - RATE * (x.T @ gradient)
        bias = bias - RATE * gradient.sum(axis=0)
        return loss

    return Contestant(step, lambda loss: [loss, kernel, bias])


@entries.by(FLOOR)
@by_hand.by(FLOOR)
def numpy_floor(problem: Regression) -> Contestant:
    """As a person writes it who wants the last microsecond: nothing is allocated, names are bound once."""
    x, y = problem.arrays()
    kernel, bias = problem.start()
    rows = len(x)
    error, transposed, scale, rate = np.empty_like(y), x.T, np.array(2 / rows), np.array(RATE)
    flat = error.reshape(-1)
    d_kernel, d_bias = np.empty_like(kernel), np.empty_like(bias)
    add, subtract, multiply, column_sums = np.add, np.subtract, np.multiply, np.add.reduce

    def step() -> Any:
        x.dot(kernel, error)
        add(error, bias, error)
        subtract(error, y, error)
        loss = flat.dot(flat) / rows
        multiply(error, scale, error)
        transposed.dot(error, d_kernel)
        column_sums(error, 0, None, d_bias)
        multiply(d_kernel, rate, d_kernel)
        subtract(kernel, d_kernel, kernel)
        multiply(d_bias, rate, d_bias)
        subtract(bias, d_bias, bias)
        return loss

    return Contestant(step, lambda loss: [loss, kernel, bias])


def regression(key: str, problem: Regression) -> list[Workload]:
    """Return the workload with each system's own optimizer, and the one with the update written out."""
    size = f"{problem.rows} x {problem.features}, float64"
    left_out = {MICROGRAD: "has no arrays"}
    return [
        Workload(
            key=key,
            name=key,
            title=f"linear regression step, {size}, own optimizer",
            problem=problem,
            entries=entries,
            exact=[(MICROGD, COMPILED)],
            left_out=left_out,
        ),
        Workload(
            key=key,
            name=f"{key} by hand",
            title=f"linear regression step, {size}, update by hand",
            problem=problem,
            entries=by_hand,
            exact=[(MICROGD, COMPILED)],
            left_out=left_out,
        ),
    ]


REGRESSIONS = [*regression("c", Regression(32, 13)), *regression("d", Regression(506, 13))]
