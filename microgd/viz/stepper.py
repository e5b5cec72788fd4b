"""The stepper: forward and backward through a graph, one event at a time, in a notebook, on a page, in a terminal."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterator
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..autograd.backward import graph
from ..autograd.value import Value
from .drawing import INSTALL, DrawingError
from .drawing import LARGEST as LARGEST_PICTURE
from .events import LARGEST, Event, Narrator, shape
from .labels import WRITTEN, constant, number, operation, short, summary
from .layout import Scene, labels_of
from .ledger import Ledger, rows_of
from .parts import unfused, value_only

LEDGER_ROWS = 300  # in the text that stands where no script runs
OPERANDS = 4  # of one operation that are shown as arrays
ROWS, COLUMNS = 8, 10  # of an array that are shown; a larger one is shown in so many blocks


class Stepper:
    """Forward and backward, one event at a time: a page in a notebook, a file by `save`, text when iterated over.

    Attributes:
        events: An `Event` a step, in order.

    Example:
        >>> v = Value(3.0, name="v")
        >>> print(step(v**2).told(3))
        3/3  ∂n2/∂v += ∂n2/∂n2 · ∂n2/∂v
             0 + 1 × 6 = 6
             ∂(v²)/∂v = 2·v = 6
             altogether ∂n2/∂v = 2·v
    """

    def __init__(self, root: Value) -> None:
        narrator = Narrator(root)
        self.root = root
        self.values, self.names = narrator.values, narrator.names
        self.events = list(narrator.events())
        self.gradients = narrator.totals
        self.rows = list(islice(rows_of(root), LEDGER_ROWS))
        # A leaf's array is copied, for an optimizer may change it in place before this is shown.
        self.data = {v: np.array(v._data) if v.rule is None and v.shape else v._data for v in self.values}
        self.scene = Scene(root, self.data, self.gradients) if len(self.values) <= LARGEST_PICTURE else None

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)

    def __str__(self) -> str:
        return "\n\n".join(map(self.told, range(1, len(self) + 1)))

    def told(self, place: int) -> str:
        """Return one step as text, with its number: the first is 1."""
        head = f"{place}/{len(self)}  "
        return head + str(self.events[place - 1]).replace("\n", "\n" + " " * len(head))

    def __repr__(self) -> str:
        return f"<Stepper of {len(self)} steps; show it in a notebook, iterate over it, or .save('backprop.html')>"

    def save(self, path: str | Path) -> Path:
        """Write the stepper as a page that needs nothing else: no network, no other file."""
        path = Path(path)
        if path.suffix.lower() not in (".html", ".htm"):
            raise ValueError(f"{path.name} ends in {path.suffix or 'nothing'}; expected .html.")
        path.write_text(
            PAGE.format(title=html.escape(self.names[self.root]), body=self._repr_html_()), encoding="utf-8"
        )
        return path

    def _repr_html_(self) -> str:
        fallback, picture, advice = [], None, ""
        if self.scene is not None:
            try:
                picture = self.scene.positions()
                svg = self.scene.drawn().render("svg")
                alt = f"The graph of {self.names[self.root]}: {len(self.values)} values."
                source = f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
                fallback.append(f'<img alt="{html.escape(alt)}" style="max-width: 100%" src="{source}">')
            except DrawingError:
                advice = f"For the picture of the graph: {INSTALL}"
        else:
            advice = f"{len(self.values):,} values are too many for one picture: each step shows its neighbours."
        left_out = max(0, sum(event.kind == "edge" for event in self.events) - len(self.rows))
        more = f"\n... and {left_out:,} more edges" if left_out else ""
        table = html.escape(f"{Ledger(self.rows, False)}{more}")
        state = " open" if len(self.rows) < 20 else ""
        pre = f'<pre style="font-family: monospace; white-space: pre; overflow-x: auto">{table}</pre>'
        fallback.append(f"<details{state}><summary>Backpropagation as a table</summary>{pre}</details>")
        if advice:
            fallback.append(f"<p>{html.escape(advice)}</p>")
        data = as_script({"picture": picture, "advice": advice, **self.content()})
        key = hashlib.sha256(data.encode()).hexdigest()[:12]  # so that a script finds its own place on the page
        folder = files(__package__)
        script = (folder / "stepper.js").read_text(encoding="utf-8")
        style = as_script((folder / "stepper.css").read_text(encoding="utf-8"))
        return OUTPUT.format(key=key, fallback="\n".join(fallback), script=script, data=data, style=style)

    def content(self) -> dict[str, Any]:
        """Return everything that the page shows, beside the places of the boxes: texts and short arrays."""
        places = {value: place for place, value in enumerate(self.values)}
        arrays = Arrays()
        nodes = [
            {
                "name": self.names[v],
                "operation": "" if v.rule is None else short(operation(v, self.names)),
                "data": summary(self.data[v]),
                "table": arrays.place(self.data[v]),
                "inputs": [places[x] if type(x) is Value else -1 for x in v.inputs],
                "constants": [arrays.place(x) if isinstance(x, np.ndarray) else None for x in v.inputs],
                "labels": labels_of(v, self.names),
            }
            for v in self.values
        ]
        events = [
            [
                event.kind,
                places[event.node],
                -1 if event.parent is None else places[event.parent],
                event.argument,
                event.symbols,
                event.numbers,
                event.why,
                event.whole,
                None if event.total is None else summary(event.total),
                None if event.total is None else arrays.place(event.total),
                *arrays.shown(self.parts(event)),
            ]  # in the order that stepper.js names them in
            for event in self.events
        ]
        return {"title": self.names[self.root], "nodes": nodes, "events": events, "arrays": arrays.tables}

    def parts(self, event: Event) -> list[Any]:
        """Return what an event computes with, as (caption, array), and the signs between."""
        node = event.node
        if event.kind == "seed":
            return []
        if event.kind == "sum":
            return [("that", event.product), "Σ", ("contribution", event.contribution)]
        if event.kind == "edge":
            result = ("product" if event.contribution is None else "contribution", event.product)
            if event.sign == "→":
                return [("upstream", event.upstream), "→", result]
            factors = [("upstream", event.upstream), event.sign, ("local", event.local)]
            return [*(reversed(factors) if event.sign == "@" and event.argument else factors), "=", result]
        assert node.rule is not None
        operands = [
            (self.names[x], self.data[x]) if type(x) is Value else (constant(x) if np.ndim(x) else "", x)
            for x in node.inputs
            if type(x) is Value or isinstance(x, np.ndarray | float | int)
        ][:OPERANDS]
        sign = WRITTEN[node.rule.function][0].strip() if node.rule.function in WRITTEN and len(operands) == 2 else ","
        joined = [part for operand in operands for part in (sign, operand)][1:]
        return [*joined, "→" if sign == "," else "=", (self.names[node], node._data)]


class Arrays:
    """The arrays that events show, each once, in as many numbers as can be seen."""

    def __init__(self) -> None:
        self.tables: list[dict[str, Any]] = []
        self.places: dict[int, int] = {}
        self.kept: list[Any] = []  # so that no other array comes to lie in the place of one

    def shown(self, parts: list[Any]) -> list[Any]:
        """Return arrays with captions as places in the tables, and the largest magnitude; nothing for numbers alone."""
        figures = [part for part in parts if isinstance(part, tuple)]
        if not any(np.ndim(array) for _, array in figures):
            return []
        scale = max(magnitude(array) for _, array in figures)
        return [[part if isinstance(part, str) else (part[0], self.place_or_number(part[1])) for part in parts], scale]

    def place_or_number(self, array: Any) -> int | str | None:
        """Return where an array is in the tables, or a number as text."""
        return self.place(array) if np.ndim(array) else number(array)

    def place(self, array: Any) -> int | None:
        """Return where an array is in the tables, and put it there if it is new; a number is in none."""
        if not np.ndim(array):
            return None
        if id(array) not in self.places:
            self.places[id(array)] = len(self.tables)
            self.kept.append(array)
            self.tables.append(table_of(array))
        return self.places[id(array)]


def table_of(array: Any) -> dict[str, Any]:
    """Return an array as rows of numbers; of a large one each number is the one of largest magnitude in a block."""
    columns = np.shape(array)[-1]
    rows = np.reshape(array, (np.size(array) // max(columns, 1), columns))
    rows = rows.astype(float) if rows.dtype.kind in "biu" else rows  # booleans have no minus, unsigned numbers neither
    whole = rows.shape[0] <= ROWS and rows.shape[1] <= COLUMNS
    cells = rows if whole else extremes(extremes(rows, 0, ROWS), 1, COLUMNS)
    texts = [[number(x) for x in row] for row in cells]
    return {
        "shape": shape(array),
        "cells": texts,
        "whole": whole,
        "largest": magnitude(array),
        "most": number(magnitude(array)),
    }


def extremes(rows: Any, axis: int, most: int) -> Any:
    """Return the number of largest magnitude in each of the blocks into which an axis is cut."""
    starts = np.unique(np.linspace(0, rows.shape[axis], most, endpoint=False).astype(int))
    highest, lowest = (f.reduceat(rows, starts, axis=axis) for f in (np.maximum, np.minimum))
    return np.where(-lowest > highest, lowest, highest)


def magnitude(array: Any) -> float:
    """Return the largest finite magnitude in an array; 0 where there is none."""
    magnitudes = np.abs(np.asarray(array))
    return float(np.max(magnitudes, where=np.isfinite(magnitudes), initial=0.0))


def step(value: Value) -> Stepper:
    """Return a stepper through the computation of a Value and back, one event at a time. No gradient is changed.

    Shown in a notebook it is a picture to click through; `save` writes it as a page; iterated over, it says them.

    Args:
        value: The result to differentiate: a single number.

    Returns:
        The stepper; its `events` are data.

    Raises:
        TypeError: If it is no Value.
        ValueError: If the Value is not a single number, or there are more than 5,000 Values.
        RuntimeError: If nothing was recorded that leads to the Value.

    Example:
        >>> v = Value(0.0, name="v")
        >>> for event in step((v * 2.0 - 5.0) ** 2):
        ...     print(event.numbers)
        0·2 = 0
        0 − 5 = −5
        (−5)² = 25
        1
        0 + 1 × (−10) = −10
        0 + (−10) × 1 = −10
        0 + (−10) × 2 = −20

    Source: reverse mode, latest first; A. Griewank and A. Walther, "Evaluating Derivatives", 2008.
    """
    nodes, leaves = graph(value_only(value))
    if len(nodes) + len(leaves) > LARGEST:
        raise ValueError(
            f"the graph has {len(nodes) + len(leaves):,} values, more than the {LARGEST:,} that can be stepped "
            "through. Take an inner Value, fewer rows of data, or fewer steps of a loop."
        )
    return Stepper(unfused(value))


def as_script(data: Any) -> str:
    """Return data as JSON that cannot end the script it stands in."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


OUTPUT = """\
<div class="microgd-stepper" data-key="{key}">
{fallback}
</div>
<script>
(function () {{
{script}
for (const host of document.querySelectorAll('.microgd-stepper[data-key="{key}"]:not([data-step])'))
  mount(host, {data}, {style});
}})();
</script>
"""

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Backpropagation: {title}</title>
<style>body {{ margin: 1rem auto; max-width: 72rem; padding: 0 1rem; font-family: system-ui, sans-serif }}</style>
</head>
<body>
{body}
</body>
</html>
"""
