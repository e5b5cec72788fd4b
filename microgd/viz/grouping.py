"""Which nodes of a picture belong together: those of a layer, and in a large graph those of an operation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..autograd.rules.reductions import softmax
from ..autograd.value import Value
from ..nn.layer import Layer
from .labels import CALLED, short

Path = tuple[str, ...]  # of a layer: the model, the layer within it, ...; () for what is in none
WEIGHT = re.compile(r"(.+)_(?:kernel|bias|gamma|beta|embeddings)")  # what a layer calls its weights
FEW = 60  # groups that are seen at one glance


def layers_of(values: list[Value], model: Layer | None) -> dict[Value, Path]:
    """Return the layer of each Value that belongs to one: weights, what is computed with them, and the activation.

    Args:
        values: All Values of a graph, oldest first.
        model: The model, whose layers have their place in it; without it, layers are known by the names of weights.
    """
    homes = dict(weights_of(model, ())) if model is not None else {}
    for value in values if model is None else ():
        found = WEIGHT.fullmatch(value.name or "") if value.rule is None else None
        if found:
            homes[value] = (short(found[1]),)
    layers: dict[Value, Path] = {value: homes[value] for value in values if value in homes}
    for value in values[:-1]:  # the last is the loss
        if value.rule is None:
            continue
        parents = [x for x in value.inputs if type(x) is Value]
        owners = {homes[x] for x in parents if x in homes}
        is_activation = len(value.inputs) == 1 and (value.rule.elementwise or value.rule.function is softmax)
        if is_activation:
            owners |= {layers[x] for x in parents if x in layers}
        if len(owners) == 1:
            layers[value] = owners.pop()
    if model is not None:
        add_between(values, layers, (model.title,))
    return layers


def weights_of(layer: Layer, above: Path) -> Iterator[tuple[Value, Path]]:
    """Yield the weights of a layer and of the layers within it, each with its place."""
    path = (*above, short(layer.title))
    for _, part in layer.held():
        if isinstance(part, Layer):
            yield from weights_of(part, path)
        else:
            yield part, path


def add_between(values: list[Value], layers: dict[Value, Path], path: Path) -> None:
    """Add to a model what lies between its layers: what was computed from one and leads to another."""
    below, above = set(layers), set(layers)
    for value in values:
        if any(type(x) is Value and x in below and x.rule is not None for x in value.inputs):
            below.add(value)
    for value in reversed(values):
        if value in above and value.rule is not None:
            above.update(x for x in value.inputs if type(x) is Value and x.rule is not None)
    for value in (below & above) - layers.keys():
        layers[value] = path


def distances_of(values: list[Value]) -> dict[Value, int]:
    """Return how many operations lie at most between each Value and the last, which was computed from all others."""
    distances = dict.fromkeys(values, 0)
    for value in reversed(values):
        for x in value.inputs:
            if type(x) is Value:
                distances[x] = max(distances[x], distances[value] + 1)
    return distances


def operations_of(values: list[Value]) -> dict[Value, Any]:
    """Return a group for each Value but the last: its operation and level, or its operation alone where that is many.

    The level grows where the operation changes, so that a long sum is one group. Leaves are grouped by what they go
    into.
    """
    levels: dict[Value, int] = {}
    nodes = [value for value in values[:-1] if value.rule is not None]
    for node in nodes:
        parents = [x for x in node.inputs if type(x) is Value and x in levels]
        levels[node] = max((levels[x] + (name_of(x) != name_of(node)) for x in parents), default=0)
    groups: dict[Value, Any] = {value: (name_of(value), levels[value]) for value in nodes}
    if len(set(groups.values())) > FEW:
        groups = {value: (name_of(value), 0) for value in nodes}
    for value in values:
        for x in value.inputs:
            if type(x) is Value and x.rule is None:
                groups.setdefault(x, ("leaves", groups.get(value)))
    return groups


def name_of(value: Value) -> str:
    """Return the name of an operation."""
    assert value.rule is not None
    return CALLED.get(value.rule.name, value.rule.name)
