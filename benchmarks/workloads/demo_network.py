"""(b) The best-known scalar tutorial network: 2-16-16-1, 100 points, hinge loss, all of it scalars; one full step."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import microgd as mg

from ..systems import COMPILED, FLOOR, HIPS, JAX, MICROGD, MICROGRAD, MYGRAD, TORCH, TORCH_COMPILED
from ..workload import Contestant, Entries, Workload

SIZES = (2, 16, 16, 1)
RATE, DECAY = 0.1, 1e-4


class Problem:
    """The points, their classes and the weights to start from: the same numbers for everybody."""

    @cached_property
    def points(self) -> tuple[list[list[float]], list[float]]:
        """Two noisy halves of a ring, and -1 or 1."""
        draw = random.Random(0)
        points, classes = [], []
        for _ in range(100):
            x, y = draw.gauss(0.0, 1.0), draw.gauss(0.0, 1.0)
            points.append([x, y])
            classes.append(1.0 if x * y > 0.0 else -1.0)
        return points, classes

    @cached_property
    def weights(self) -> list[list[tuple[list[float], float]]]:
        """By layer and by neuron: the weights and the bias."""
        draw = random.Random(1)
        return [
            [([draw.uniform(-1.0, 1.0) for _ in range(before)], 0.0) for _ in range(units)]
            for before, units in pairwise(SIZES)
        ]

    def network(self, leaf: Callable[[float], Any]) -> list[list[tuple[list[Any], Any]]]:
        """Return the weights as a system's own scalars."""
        return [[([leaf(w) for w in weights], leaf(bias)) for weights, bias in layer] for layer in self.weights]


def flat(network: Sequence[Sequence[tuple[Sequence[Any], Any]]]) -> list[Any]:
    """Return all parameters in order."""
    return [parameter for layer in network for weights, bias in layer for parameter in (*weights, bias)]


def dot(weights: Sequence[Any], inputs: Sequence[Any], bias: Any) -> Any:
    """Return a neuron's sum, node by node."""
    return sum((w * x for w, x in zip(weights, inputs, strict=True)), bias)


def fused_dot(weights: Sequence[Any], inputs: Sequence[Any], bias: Any) -> Any:
    """Return a neuron's sum as one record, and the bias as another."""
    return mg.sumprod(weights, inputs) + bias


def loss_of(network: Any, points: Any, classes: Any, relu: Any, neuron: Any = dot) -> Any:
    """Return the hinge loss over all points, and what the size of the weights adds to it."""
    losses = []
    for point, wanted in zip(points, classes, strict=True):
        values = point
        for layer in network[:-1]:
            values = [relu(neuron(weights, values, bias)) for weights, bias in layer]
        ((weights, bias),) = network[-1]
        losses.append(relu(1.0 - wanted * neuron(weights, values, bias)))
    return sum(losses) * (1.0 / len(losses)) + DECAY * sum(p * p for p in flat(network))


def numbers(result: Any) -> list[float]:
    return [number.item() if hasattr(number, "item") else float(number) for number in result]


def microgd_step(problem: Problem, neuron: Any, leaf: Any) -> Contestant:
    network = problem.network(mg.Value)
    parameters = flat(network)
    points, classes = problem.points

    def step() -> Any:
        values = [[leaf(x) for x in point] for point in points]
        loss = loss_of(network, values, classes, mg.relu, neuron)
        loss.backward(keep="leaves")
        for parameter in parameters:
            parameter.data = parameter.data - RATE * parameter.grad
            parameter.grad = None
        return loss

    return Contestant(step, lambda loss: numbers([loss, *parameters]))


entries = Entries()


@entries.by(MICROGD)
def microgd_same_graph(problem: Problem) -> Contestant:
    """The very graph of micrograd's demo, node for node: the inputs are Values too."""
    return microgd_step(problem, dot, mg.Value)


@entries.by(MICROGD, "sumprod")
def microgd_sumprod(problem: Problem) -> Contestant:
    """As one would write it with microgd: one record a neuron's sum, inputs as numbers."""
    return microgd_step(problem, fused_dot, float)


@entries.by(MICROGRAD)
def micrograd_as_shipped(problem: Problem) -> Contestant:
    """Its own network class, as in its demo."""
    from micrograd.engine import Value
    from micrograd.nn import MLP

    network = MLP(SIZES[0], list(SIZES[1:]))
    parameters = network.parameters()
    for parameter, number in zip(parameters, flat(problem.weights), strict=True):
        parameter.data = number
    points, classes = problem.points

    def step() -> Any:
        scores = [network(list(map(Value, point))) for point in points]
        losses = [(1 + -wanted * score).relu() for wanted, score in zip(classes, scores, strict=True)]
        loss = sum(losses) * (1.0 / len(losses)) + DECAY * sum(p * p for p in parameters)
        network.zero_grad()
        loss.backward()
        for parameter in parameters:
            parameter.data -= RATE * parameter.grad
        return loss

    return Contestant(step, lambda loss: numbers([loss.data, *(p.data for p in parameters)]))


@entries.by(TORCH)
def torch_scalars(problem: Problem) -> Contestant:
    import torch

    network = problem.network(lambda number: torch.tensor(number, dtype=torch.float64, requires_grad=True))
    parameters = flat(network)
    points, classes = problem.points

    def step() -> Any:
        loss = loss_of(network, points, classes, torch.relu)
        loss.backward()
        with torch.no_grad():
            for parameter in parameters:
                parameter.sub_(parameter.grad, alpha=RATE)
                parameter.grad = None
        return loss

    return Contestant(step, lambda loss: numbers([loss, *parameters]))


@entries.by(FLOOR)
def floats(problem: Problem) -> Contestant:
    """Forward and backward by hand, in loops over Python floats."""
    network = [[[list(weights), bias] for weights, bias in layer] for layer in problem.weights]
    points, classes = problem.points

    def step() -> Any:
        share = 1.0 / len(points)
        gradients = [[[[0.0] * len(weights), 0.0] for weights, _ in layer] for layer in network]
        loss = 0.0
        for point, wanted in zip(points, classes, strict=True):
            values = [point]
            for depth, layer in enumerate(network):
                before = values[-1]
                sums = [sum((w * x for w, x in zip(ws, before, strict=True)), b) for ws, b in layer]
                values.append([max(s, 0.0) for s in sums] if depth < len(network) - 1 else sums)
            margin = 1.0 - wanted * values[-1][0]
            if margin <= 0.0:
                continue
            loss += share * margin
            upstream = [-share * wanted]
            for layer, gradient, before in zip(reversed(network), reversed(gradients), values[-2::-1], strict=True):
                below = [0.0] * len(before)
                for (weights, _), slots, g in zip(layer, gradient, upstream, strict=True):
                    if g:
                        slots[1] += g
                        slot = slots[0]
                        for i, x in enumerate(before):
                            slot[i] += g * x
                            below[i] += g * weights[i]
                upstream = [b if x > 0.0 else 0.0 for b, x in zip(below, before, strict=True)]
        for layer, gradient in zip(network, gradients, strict=True):
            for neuron, (slot, g) in zip(layer, gradient, strict=True):
                weights, bias = neuron
                loss += DECAY * (sum(w * w for w in weights) + bias * bias)
                neuron[0] = [w - RATE * (d + 2.0 * DECAY * w) for w, d in zip(weights, slot, strict=True)]
                neuron[1] = bias - RATE * (g + 2.0 * DECAY * bias)
        return loss

    return Contestant(step, lambda loss: numbers([loss, *flat(network)]))


DEMO = Workload(
    key="b",
    name="b",
    title="2-16-16-1 network of scalars, 100 points",
    problem=Problem(),
    entries=entries,
    tolerance=1e-8,
    slow=(TORCH,),
    left_out={
        COMPILED: "recording 100,000 scalar lines takes minutes; put the points in an array instead",
        TORCH_COMPILED: "unrolls 70,000 scalar operations, and compiles for minutes",
        JAX: "unrolls 70,000 scalar operations, and compiles for minutes",
        HIPS: "seconds a step, as in (g)",
        MYGRAD: "seconds a step, as in (g)",
    },
)
