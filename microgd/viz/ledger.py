"""The ledger: backpropagation as a table, one row an edge, in the order in which the edges are walked."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..autograd.backward import graph, walk
from ..autograd.operators import call_of, contribution_of
from ..autograd.value import Value
from .formulas import derivative
from .labels import names_of, number, operation, short, summary
from .parts import unfused

LARGEST = 2000  # rows; a longer table is not read
SMALL_NUDGE = 1e-6


@dataclass(frozen=True)
class Row:
    """One edge: how much of the gradient above it reaches the Value below it.

    Attributes:
        edge: Its number, in the order of the walk.
        source: The name of the input, whose gradient grows.
        target: The name of the result, from which the gradient comes.
        operation: What computes the result, in the names of its inputs.
        formula: The local derivative d target / d source as a formula; "" where it is none.
        local: The same as a number, between single numbers; None for arrays.
        upstream: d root / d target.
        contribution: What this edge adds: upstream times local, for single numbers.
        total: d root / d source so far, with what came along other paths.
        path: This is path number `path` ...
        paths: ... of so many to the source.
        change_by_one: How much the root changes when the value on this edge alone grows by 1; None unless asked for.
        change_by_little: The same per unit, for a tiny step: the measured derivative.

    Example:
        >>> v = Value(3.0, name="v")
        >>> row = ledger(v**2).rows[0]
        >>> row.source, row.formula, row.upstream, row.local, row.contribution
        ('v', '2·v', 1.0, 6.0, 6.0)
    """

    edge: int
    source: str
    target: str
    operation: str
    formula: str
    local: float | None
    upstream: Any
    contribution: Any
    total: Any
    path: int
    paths: int
    change_by_one: float | None = None
    change_by_little: float | None = None


class Ledger:
    """The rows of a ledger: a table when printed or shown in a notebook, data in `rows`.

    Attributes:
        rows: A `Row` an edge.

    Example:
        >>> v = Value(3.0, name="v")
        >>> [(row.path, row.total) for row in ledger(v * v).rows]
        [(1, 3.0), (2, 6.0)]
    """

    def __init__(self, rows: list[Row], nudged: bool) -> None:
        self.rows = rows
        self.headings = ["edge", "from → to", "local derivative", "upstream", "gradient", "so far"]
        if nudged:
            self.headings += ["moved by 1", f"per {number(SMALL_NUDGE)}"]

    def cells(self, row: Row) -> list[str]:
        """Return what the columns say of a row."""
        local = "" if row.local is None else number(row.local)
        formula = local if row.formula in ("", local) else f"{row.formula} = {local}" if local else row.formula
        path = f" (path {row.path} of {row.paths})" if row.paths > 1 else ""
        found = [
            str(row.edge),
            f"{row.source} → {row.target} = {row.operation}",
            formula,
            summary(row.upstream),
            summary(row.contribution),
            summary(row.total) + path,
        ]
        if len(self.headings) > len(found):
            measured = (row.change_by_one, row.change_by_little)
            found += ["" if change is None else number(change) for change in measured]
        return found

    def __str__(self) -> str:
        table = [self.headings, *map(self.cells, self.rows)]
        widths = [max(len(line[column]) for line in table) for column in range(len(self.headings))]
        lines = []
        for line in table:
            lines.append("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        lines.insert(1, "─" * max(map(len, lines)))
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        def line(cells: list[str], tag: str) -> str:
            return f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"

        body = "".join(line(self.cells(row), "td") for row in self.rows)
        return f"<table><thead>{line(self.headings, 'th')}</thead><tbody>{body}</tbody></table>"

    def save(self, path: str | Path) -> Path:
        """Write the table to a file, as text."""
        path = Path(path)
        path.write_text(f"{self}\n", encoding="utf-8")
        return path


def ledger(value: Value, *, nudge: bool = False) -> Ledger:
    """Return backpropagation from a Value as a table, an edge a row. No gradient is changed.

    Args:
        value: The result to differentiate: a single number.
        nudge: Also measure, for each edge between single numbers, how much the result changes when what flows along
            that edge alone is moved by 1 and by a tiny step.

    Returns:
        The table; its `rows` are data.

    Raises:
        TypeError: If it is no Value.
        ValueError: If the Value is not a single number, or there are more than 2,000 edges.
        RuntimeError: If nothing was recorded that leads to the Value.

    Example:
        >>> v = Value(0.0, name="v")
        >>> print(ledger((v * 2.0 - 5.0) ** 2))
        edge  from → to         local derivative  upstream  gradient  so far
        ────────────────────────────────────────────────────────────────────
        1     n3 → n4 = n3²     2·n3 = −10        1         −10       −10
        2     n2 → n3 = n2 − 5  1                 −10       −10       −10
        3     v → n2 = v·2      2                 −10       −20       −20

    Source: reverse mode, latest first; A. Griewank and A. Walther, "Evaluating Derivatives", 2008.
    """
    root = unfused(value)
    nodes, _ = graph(root)
    count = sum(type(x) is Value for node in nodes for x in node.inputs)
    if count > LARGEST:
        raise ValueError(
            f"the graph has {count:,} edges, more than the {LARGEST:,} that a table can show. Take an inner Value, "
            "fewer rows of data, or fewer steps of a loop."
        )
    return Ledger(list(rows_of(root, nudge=nudge)), nudge)


def rows_of(root: Value, *, nudge: bool = False) -> Iterator[Row]:
    """Yield the rows of the ledger of a Value whose steps are all shown in parts; see `ledger`."""
    nodes, leaves = graph(root)
    names = names_of(nodes, leaves)
    for edge, step in enumerate(walk(root), 1):
        node, argument = step.node, step.argument
        scalar = not node.shape and not step.parent.shape
        local = contribution_of(node, argument, 1.0, node._data, node.operands) if scalar else None
        changes = measured(root, nodes, node, argument) if nudge and scalar else (None, None)
        nothing = np.zeros(step.parent.shape)
        yield Row(
            edge,
            names[step.parent],
            names[node],
            short(operation(node, names)),
            short(derivative(node, argument, names, names[node])),
            (0.0 if local is None else local) if scalar else None,
            np.zeros(node.shape) if step.upstream is None else step.upstream,
            nothing if step.contribution is None else step.contribution,
            nothing if step.total is None else step.total,
            step.path,
            step.paths,
            *changes,
        )


def measured(root: Value, nodes: list[Value], node: Value, argument: int) -> tuple[float, float]:
    """Return the change of the root when one edge alone is moved by 1, and its slope for a tiny step to either side."""

    def moved(step: float) -> float:
        found: dict[Value, Any] = {}
        for later in nodes[nodes_from(nodes, node) :]:
            pairs = zip(later.inputs, later.operands, strict=True)
            operands = [found.get(x, operand) if type(x) is Value else operand for x, operand in pairs]
            if later is node:
                operands[argument] = operands[argument] + step
            assert later.rule is not None
            found[later] = call_of(later.rule)(*operands, **later.options)
        return float(found.get(root, root._data))

    return moved(1.0) - moved(0.0), (moved(SMALL_NUDGE) - moved(-SMALL_NUDGE)) / (2 * SMALL_NUDGE)


def nodes_from(nodes: list[Value], node: Value) -> int:
    """Return the place of a node among nodes; by identity, for == compares numbers."""
    return next(place for place, other in enumerate(nodes) if other is node)
