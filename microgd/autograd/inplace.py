"""Noticing that an array was changed in place after a graph had used it, which would make its gradients wrong.

NumPy does not tell when an array is written to. So `value.data` takes a fingerprint of the array that it hands out, and
the walk compares: if the array is not what it was, whatever was recorded before it was handed out is stale.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .operators import namespace


class Watch(NamedTuple):
    """What is known about changes to the array of one Value; times are serial numbers."""

    fingerprint: int | None  # of the array as it was last handed out
    handed_out: int
    changed: int  # records older than this used an array that is no more


def fingerprint(array: Any) -> int:
    """Return a number that is another, all but certainly, when one byte of the array is."""
    return hash(array.tobytes())


def watch(value: Any) -> None:
    """Note that the array of a Value is being handed out, and whether it changed since the last time."""
    now = fingerprint(value._data)
    before: Watch | None = value.watched
    changed = 0 if before is None else before.changed if before.fingerprint in (None, now) else before.handed_out
    value.watched = Watch(now, namespace["next_serial"](), changed)


def mark_changed(value: Any) -> None:
    """Note that the array of a Value has just been changed in place: what was recorded before is stale."""
    now = namespace["next_serial"]()
    value.watched = Watch(None, now, now)


def last_change(value: Any) -> int:
    """Return the time before which every record that used this Value's array is stale (0: none is)."""
    before: Watch | None = value.watched
    if before is None:
        return 0
    if before.fingerprint is None or before.fingerprint == fingerprint(value._data):
        return before.changed
    return before.handed_out


def refuse_stale(nodes: list[Any], watched: list[Any]) -> None:
    """Raise if a record used an array that was changed in place afterwards."""
    changes = {value: change for value in watched if (change := last_change(value))}
    for node in nodes if changes else ():
        for parent, operand in zip(node.inputs, node.operands, strict=True):
            if type(parent) is type(node) and operand is parent._data and node.serial < changes.get(parent, 0):
                raise RuntimeError(
                    f"the data of {parent!r} were changed in place after {node.rule.name} (record {node.serial}) had "
                    "used them, so its gradient would be wrong. Run the forward pass again after the change, or give "
                    "the Value a new array: value.data = value.data + step."
                )
