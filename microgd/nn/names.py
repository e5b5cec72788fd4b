"""Looking things up by name: one table a kind, one error that lists what there is."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")
Seed = int | np.random.Generator | None


def look_up(kind: str, table: Mapping[str, T], name: str) -> T:
    """Return the entry of a table, or say which names it has.

    Args:
        kind: What the table holds, for the message: "optimizer".
        table: From names to entries.
        name: The name asked for.

    Returns:
        The entry.

    Raises:
        ValueError: If the table has no such name; the message lists all of them and the nearest.

    Example:
        >>> look_up("number", {"one": 1, "two": 2}, "on")
        Traceback (most recent call last):
        ValueError: there is no number 'on' (did you mean 'one'?); valid names: one, two.
    """
    if isinstance(name, str) and name in table:
        return table[name]
    near = difflib.get_close_matches(str(name).lower(), table, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise ValueError(f"there is no {kind} {name!r}{hint}; valid names: {', '.join(sorted(table))}.")


def function_named(kind: str, table: Mapping[str, Callable[..., Any]], function: Any) -> Callable[..., Any]:
    """Return a function given by name, in any case, or as itself."""
    if callable(function) and not isinstance(function, type):
        return function  # type: ignore[no-any-return]
    lowered = function.lower() if isinstance(function, str) else function
    return look_up(kind, table, lowered if lowered in table else function)


def check_number(
    name: str, number: Any, example: float, least: float = 0, below: float = math.inf, whole: bool = False
) -> None:
    """Raise unless a setting is a number from `least` to less than `below`.

    Example:
        >>> check_number("momentum", 2.0, 0.9, below=1)
        Traceback (most recent call last):
        ValueError: momentum is 2.0; expected a number from 0 to less than 1, such as 0.9.
    """
    kinds = (int, np.integer) if whole else (int, float, np.integer, np.floating)
    if not isinstance(number, kinds) or isinstance(number, bool) or not least <= number < below:
        kind = "whole number" if whole else "number"
        end = "" if below == math.inf else f" to less than {below}"
        raise ValueError(f"{name} is {number!r}; expected a {kind} from {least}{end}, such as {example}.")


def name_of(function: Any) -> str:
    """Return a function's name, as its table and the messages have it."""
    return str(getattr(function, "__name__", type(function).__name__))


def default_repr(self: Any) -> str:
    """Return a call that would make an object again: its class, and the settings that are not the default."""
    settings = (
        f"{field.name}={name_of(value) if inspect.isroutine(value) else repr(value)}"
        for field in dataclasses.fields(self)
        if field.init and (value := getattr(self, field.name)) != field.default
    )
    return f"{type(self).__name__}({', '.join(settings)})"
