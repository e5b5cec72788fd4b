"""Steps that were taken as one, shown in their parts."""

from __future__ import annotations

from typing import Any

from ..autograd.backward import ancestors, graph, walk
from ..autograd.value import Value, new_value, record


def unfused(value: Value) -> Value:
    """Return the same computation with each step that was taken as one in its parts, and with their gradients.

    Raises:
        TypeError: If it is no Value.
    """
    return twins_of(value).get(value, value)


def value_only(value: Any) -> Value:
    """Return a Value, or raise a TypeError that says what else it is."""
    if type(value) is not Value:
        raise TypeError(
            f"expected a Value, such as a loss, but got {type(value).__name__}. For a model: "
            "model.objective_of(x, y), the loss of some rows."
        )
    return value


def twins_of(value: Value) -> dict[Value, Value]:
    """Return, for each Value of a computation, its twin in one without steps taken as one; none if there are none."""
    value_only(value)
    twins: dict[Value, Value] = {}
    if not any(node.rule.parts for node in graph(value)[0]):
        return twins
    for v in ancestors(value):
        if v.rule is None:
            twins[v] = v
            continue
        inputs = tuple(twins[x] if type(x) is Value else x for x in v.inputs)
        if v.rule.parts is not None:
            twins[v] = v.rule.parts(*inputs)
        else:
            twins[v] = new_value(v._data)
            record(twins[v], v.rule, inputs, v.options)
        twins[v].name, twins[v].grad = v.name, v.grad
    root = twins[value]
    for step in walk(root) if value.grad is not None and root.size == 1 else ():
        if step.parent.rule is not None:  # a copy of ours: the leaves are the caller's
            step.parent.grad = step.total
    return twins
