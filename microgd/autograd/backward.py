"""The walk: from a result back over its records, latest first, one edge at a time.

`walk` is the one to read. `backward` computes the same gradients with the fused pullbacks, several times faster; a test
holds the two together on every rule.
"""

from __future__ import annotations

import gc
from collections.abc import Container, Iterator
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from .arrays import kind
from .inplace import refuse_stale
from .operators import ABSENT, active, contribution_of, pull_of, value_pull_of
from .rules.table import Rule

serial = attrgetter("serial")
PAUSE_COLLECTOR_FROM = 200  # records; below that the pause costs more than it saves


class Step(NamedTuple):
    """One edge of the walk: how much of the upstream cotangent one input of one record receives."""

    node: Any  # the Value whose record is walked
    argument: int  # which of its inputs
    parent: Any  # the Value that is that input
    upstream: Any  # d root / d node; None where nothing flows
    contribution: Any  # this edge's part of d root / d parent; None where the derivative is zero
    total: Any  # the sum of the parts so far
    path: int  # this is part `path` ...
    paths: int  # ... of so many


def graph(root: Any, until: Container[Any] = ()) -> tuple[list[Any], list[Any]]:
    """Return what led to a Value: its recorded nodes, oldest first, and its leaves, in the order they are met.

    Values in `until` count as leaves, whatever led to them.
    """
    kind = type(root)
    nodes, leaves, watched, seen, stack = [], [], [], {root}, [root]
    while stack:
        value = stack.pop()
        if value.watched is not None:
            watched.append(value)
        rule = value.rule
        if rule is None or value in until:
            leaves.append(value)
            continue
        if rule is DROPPED:
            dropped(None, None)
        nodes.append(value)
        left, right = value.left, value.right
        if type(left) is kind:
            if left not in seen:
                seen.add(left)
                stack.append(left)
        elif type(left) is tuple:
            for parent in left:
                if type(parent) is kind and parent not in seen:
                    seen.add(parent)
                    stack.append(parent)
        if type(right) is kind and right not in seen:
            seen.add(right)
            stack.append(right)
    nodes.sort(key=serial)
    if watched and active.trace is None:
        refuse_stale(nodes, watched)
    return nodes, leaves


def ancestors(root: Any) -> list[Any]:
    """Return a Value and every Value that it was computed from, oldest first."""
    nodes, leaves = graph(root)
    return sorted(leaves + nodes, key=serial)


def ones_like(data: Any) -> Any:
    """Return the cotangent 1 in the shape, type and dtype of a result."""
    return 1.0 if type(data) is float else np.ones_like(data)


def seed_for(root: Any, cotangent: Any) -> Any:
    """Return the cotangent that a backward pass starts from, or say why there is none."""
    if root.rule is None:
        raise RuntimeError(
            f"backward() on {root!r}: nothing was recorded that leads to it (it is a leaf, or was made under "
            "no_grad() or by detach()). Call backward() on what you computed from Values."
        )
    if cotangent is None:
        if type(root._data) is float:
            return 1.0
        if root.size != 1:
            raise ValueError(
                f"backward() needs one number to differentiate, but {root.rule.name} gave shape {root.shape}. Reduce "
                "it first, as in value.sum().backward(), or pass the cotangent: value.backward(np.ones(value.shape))."
            )
        if root.dtype.kind == "c":
            raise ValueError(
                f"backward() needs a real number to differentiate, but {root.rule.name} gave {root.dtype}. Take its "
                "real part with np.real(...), or its magnitude with np.abs(...)."
            )
        return ones_like(root._data)
    data = cotangent._data if type(cotangent) is type(root) else np.asarray(cotangent, root.dtype, like=kind(root))
    if np.shape(data) != root.shape:
        raise ValueError(
            f"the cotangent has shape {np.shape(data)}, but the Value has shape {root.shape}; they must be equal."
        )
    if type(cotangent) is type(root):
        return cotangent
    return float(data) if type(root._data) is float else data


def backward(root: Any, cotangent: Any, *, keep: str, create_graph: bool) -> None:
    """Compute the gradients of everything that led to `root`; see `Value.backward`."""
    if keep not in ("all", "leaves"):
        raise ValueError(f"keep must be 'all' or 'leaves', but got {keep!r}.")
    seed = seed_for(root, cotangent)
    nodes, leaves = graph(root)
    before = []
    for leaf in leaves:
        before.append(leaf.grad)
        leaf.grad = None
    for node in nodes:
        node.grad = None
    # Records make no cycles: in a large graph there is nothing to collect, only time to lose.
    pause = len(nodes) > PAUSE_COLLECTOR_FROM and gc.isenabled()
    if pause:
        gc.disable()
    try:
        if create_graph:
            root.grad = seed if type(seed) is type(root) else type(root)(seed)
            if active.debug is not None:
                active.debug.pull(nodes, create_graph=True)
            else:
                pull_on_values(nodes)
        else:
            root.grad = seed
            if active.trace is not None:
                pull_and_comment(nodes, leaves)
            elif active.debug is not None:
                active.debug.pull(nodes, create_graph=False)
            elif keep == "all":
                pull_all(nodes)
            else:
                pull_and_drop(nodes)
    except BaseException:
        for leaf, grad in zip(leaves, before, strict=True):
            leaf.grad = grad
        raise
    finally:
        if pause:
            gc.enable()
    add_to_leaves(leaves, before, nodes)


def pull_all(nodes: list[Any]) -> None:
    """Pull the cotangent back through each record, latest first."""
    for node in reversed(nodes):
        g = node.grad
        if g is not None:
            rule = node.rule
            (rule.pull or pull_of(rule))(node, g)


def pull_on_values(nodes: list[Any]) -> None:
    """Pull the cotangent back through each record, latest first, on Values, so that it is recorded in turn."""
    for node in reversed(nodes):
        if node.grad is not None:
            (node.rule.value_pull or value_pull_of(node.rule))(node, node.grad)


def pull_and_drop(nodes: list[Any]) -> None:
    """Pull the cotangent back through each record, latest first, and free each record once it is done with."""
    while nodes:
        node = nodes.pop()
        if node.grad is not None:
            (node.rule.pull or pull_of(node.rule))(node, node.grad)
        node.grad, node.rule = None, DROPPED
        node.left = node.left_data = ()
        node.right = node.right_data = ABSENT


def pull_and_comment(nodes: list[Any], leaves: list[Any]) -> None:
    """Pull the cotangent back while a step is being compiled: say what each of its lines is the derivative of."""
    for node in reversed(nodes):
        active.trace.comment = f"derivative of {node.rule.name}"
        pull_all([node])
    active.trace.comment = ""
    for leaf in leaves:
        active.trace.name_gradient(leaf)


def add_to_leaves(leaves: list[Any], before: list[Any], nodes: list[Any]) -> None:
    """Add the gradients that leaves had before, and give each leaf an array that nobody else holds."""
    shared: set[int] = set()
    for leaf, grad in zip(leaves, before):  # noqa: B905 - of equal length, and `strict` takes time
        total = leaf.grad
        if total is None:
            total = leaf.grad = 0.0 if type(leaf._data) is float else np.zeros_like(leaf._data)
        if grad is not None:
            leaf.grad = grad + total
        elif type(total) is np.ndarray:
            if not shared:
                shared = {id(node.grad) for node in nodes}
            if total.base is not None or not total.flags.writeable or id(total) in shared:
                total = leaf.grad = total.copy()
            shared.add(id(total))


def dropped(g: Any, y: Any) -> None:
    """Say that a record is no more; the derivative of the row that stands in for dropped records."""
    raise RuntimeError(
        "this graph was dropped by backward(keep='leaves'), which frees it to save memory. "
        "Run the forward pass again, or keep it with backward()."
    )


DROPPED = Rule(dropped, (), variadic=dropped)


def walk(root: Any, cotangent: Any = None) -> Iterator[Step]:
    """Yield every edge that backpropagation crosses, in its order. No `grad` is changed.

    Args:
        root: The Value to differentiate.
        cotangent: Where to start, in the shape of the root; 1 for a single number.

    Yields:
        A `Step` an edge: upstream cotangent, contribution, and the sum so far.
    """
    seed = seed_for(root, cotangent)
    nodes, _ = graph(root)
    paths: dict[Any, int] = {}
    for node in nodes:
        for parent in node.inputs:
            if type(parent) is type(root):
                paths[parent] = paths.get(parent, 0) + 1
    met: dict[Any, int] = {}
    totals = {root: seed}
    for node, argument, parent, contribution in edges(nodes, totals, create_graph=False):
        met[parent] = met.get(parent, 0) + 1
        upstream, total = totals.get(node), totals.get(parent)
        yield Step(node, argument, parent, upstream, contribution, total, met[parent], paths[parent])


def edges(
    nodes: list[Any], totals: dict[Any, Any], *, create_graph: bool, towards: Container[Any] | None = None
) -> Iterator[tuple[Any, int, Any, Any]]:
    """Yield (node, argument, parent, contribution) for each edge, adding each contribution to `totals`.

    With `create_graph` the rules are given Values, so that what they do is recorded in turn. With `towards`, only edges
    to those Values are crossed.
    """
    for node in reversed(nodes):
        g = totals.get(node)
        for argument, parent in enumerate(node.inputs):
            if type(parent) is not type(node) or (towards is not None and parent not in towards):
                continue
            contribution = None
            if g is not None:
                y, inputs = (node, node.inputs) if create_graph else (node._data, node.operands)
                across = contribution_of if active.debug is None else active.debug.across
                contribution = across(node, argument, g, y, inputs)
            if contribution is not None:
                totals[parent] = totals[parent] + contribution if parent in totals else contribution
            yield node, argument, parent, contribution
