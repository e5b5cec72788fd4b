"""(f) A chain of 20 elementwise operations on a million numbers, summed; the gradient of the array it starts from.

Ten multiplications by 1.01, and after each an addition of 0.1; "with tanh" every second addition is a tanh instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

import microgd as mg

from ..systems import COMPILED, FLOOR, HIPS, JAX, MICROGD, MICROGRAD, MYGRAD, NUMPY, TORCH, TORCH_COMPILED
from ..workload import Contestant, Entries, Workload

LINKS, FACTOR, OFFSET = 10, 1.01, 0.1


@dataclass
class Chain:
    """How many numbers, and which operations."""

    size: int
    with_tanh: bool

    @cached_property
    def array(self) -> Any:
        """The numbers to start from."""
        return np.random.default_rng(0).normal(size=self.size)

    def of(self, v: Any, tanh: Any) -> Any:
        """Return the chain's result."""
        for link in range(LINKS):
            v = v * FACTOR
            v = tanh(v) if self.with_tanh and link % 2 else v + OFFSET
        return v


def loss_and_gradient(result: Any) -> list[Any]:
    loss, gradient = result
    return [loss.item(), np.asarray(gradient)]


entries = Entries()


def microgd_contestant(problem: Chain, compiled: bool) -> Contestant:
    x = mg.Value(problem.array, name="x")

    def step() -> Any:
        loss = np.sum(problem.of(x, np.tanh))
        loss.backward(keep="leaves")
        gradient, x.grad = x.grad, None
        return loss, gradient

    return Contestant(mg.compile(step) if compiled else step, loss_and_gradient)


@entries.by(MICROGD)
def microgd_eager(problem: Chain) -> Contestant:
    return microgd_contestant(problem, compiled=False)


@entries.by(COMPILED)
def microgd_compiled(problem: Chain) -> Contestant:
    return microgd_contestant(problem, compiled=True)


def torch_contestant(problem: Chain, compiled: bool) -> Contestant:
    import torch

    x = torch.tensor(problem.array, requires_grad=True)

    def loss_of(x: Any) -> Any:
        return problem.of(x, torch.tanh).sum()

    function = torch.compile(loss_of, dynamic=False) if compiled else loss_of

    def step() -> Any:
        loss = function(x)
        loss.backward()
        gradient, x.grad = x.grad, None
        return loss, gradient

    return Contestant(step, loss_and_gradient)


@entries.by(TORCH)
def torch_eager(problem: Chain) -> Contestant:
    return torch_contestant(problem, compiled=False)


@entries.by(TORCH_COMPILED)
def torch_compiled(problem: Chain) -> Contestant:
    return torch_contestant(problem, compiled=True)


@entries.by(JAX)
def jax_compiled(problem: Chain) -> Contestant:
    import jax

    function = jax.jit(jax.value_and_grad(lambda x: problem.of(x, jax.numpy.tanh).sum()))
    x = jax.numpy.asarray(problem.array)
    return Contestant(lambda: jax.block_until_ready(function(x)), loss_and_gradient)


@entries.by(HIPS)
def hips(problem: Chain) -> Contestant:
    import autograd.numpy
    from autograd import value_and_grad

    function = value_and_grad(lambda x: autograd.numpy.sum(problem.of(x, autograd.numpy.tanh)))
    return Contestant(lambda: function(problem.array), loss_and_gradient)


@entries.by(MYGRAD)
def mygrad_eager(problem: Chain) -> Contestant:
    import mygrad

    x = mygrad.tensor(problem.array)

    def step() -> Any:
        loss = problem.of(x, mygrad.tanh).sum()
        loss.backward()
        return loss, x.grad

    return Contestant(step, loss_and_gradient)


@entries.by(NUMPY)
def numpy_plain(problem: Chain) -> Contestant:
    """What reverse mode comes to, written out: only the results of tanh are kept."""

    def step() -> Any:
        kept = []

        def tanh(v: Any) -> Any:
            kept.append(np.tanh(v))
            return kept[-1]

        loss = problem.of(problem.array, tanh).sum()
        g = np.ones(problem.size)
        for link in reversed(range(LINKS)):
            if problem.with_tanh and link % 2:
                g = g * (1.0 - kept.pop() ** 2)
            g = g * FACTOR
        return loss, g

    return Contestant(step, loss_and_gradient)


@entries.by(FLOOR)
def numpy_floor(problem: Chain) -> Contestant:
    """The same without allocating: each result is written over what is no longer needed."""
    x, work = problem.array, np.empty(problem.size)
    kept = [np.empty(problem.size) for _ in range(LINKS // 2 if problem.with_tanh else 0)]
    factor, offset, one = np.array(FACTOR), np.array(OFFSET), np.array(1.0)
    add, subtract, multiply, tanh = np.add, np.subtract, np.multiply, np.tanh

    def step() -> Any:
        v = x
        for link in range(LINKS):
            multiply(v, factor, work)
            v = tanh(work, kept[link // 2]) if problem.with_tanh and link % 2 else add(work, offset, work)
        loss = add.reduce(v)
        g = np.ones(problem.size)  # it is given away, so it is new
        for link in reversed(range(LINKS)):
            if problem.with_tanh and link % 2:
                multiply(kept[link // 2], kept[link // 2], work)
                subtract(one, work, work)
                multiply(g, work, g)
            multiply(g, factor, g)
        return loss, g

    return Contestant(step, loss_and_gradient)


CHAINS = [
    Workload(
        key="f",
        name=name,
        title=f"20 elementwise operations on 1e6 float64, {kind}",
        problem=Chain(1_000_000, with_tanh),
        entries=entries,
        exact=[(MICROGD, COMPILED)],
        left_out={MICROGRAD: "has no arrays"},
    )
    for name, kind, with_tanh in (("f", "arithmetic", False), ("f tanh", "with tanh", True))
]
