"""The picture of a computation graph: Values, the operations between them, and the local derivative on each edge."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import graphviz

from ..autograd.backward import graph
from ..autograd.operators import contribution_of
from ..autograd.value import Value
from .labels import constant, derivative, names_of, number, operation, short, summary
from .parts import unfused

LARGEST = 300  # nodes; a larger picture cannot be read
FONT = "DejaVu Sans"  # one that Graphviz knows the widths of, or text overflows its box
FORMATS = ("svg", "png", "pdf", "dot")


class DrawingError(RuntimeError):
    """A picture cannot be drawn; the message says why, and what to do."""


class Drawing:
    """A picture of a computation graph: shown by itself in a notebook, saved by `save`.

    Attributes:
        source: The picture in Graphviz's language, DOT.
    """

    def __init__(self, source: str) -> None:
        self.source = source

    def render(self, kind: str) -> bytes:
        """Return the picture as svg, png or pdf.

        Raises:
            DrawingError: If there is no Graphviz to draw it with.
        """
        try:
            import pygraphviz  # an extra: Graphviz itself, in its wheel
        except ImportError:
            if shutil.which("dot") is None:
                raise DrawingError(
                    "there is no Graphviz to draw with: pip install 'microgd[viz]', or install the program `dot`. "
                    "The picture's text is in .source, and save('graph.dot') writes it."
                ) from None
            return bytes(graphviz.Source(self.source).pipe(format=kind))
        with without_font_warnings():
            drawn: bytes = pygraphviz.AGraph(string=self.source).draw(format=kind, prog="dot")
        return drawn

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file, in the format that its ending names: .svg, .png, .pdf or .dot.

        Raises:
            ValueError: If the ending is another.
            DrawingError: If there is no Graphviz to draw it with.
        """
        path = Path(path)
        kind = path.suffix.removeprefix(".").lower()
        if kind not in FORMATS:
            raise ValueError(f"{path.name} ends in {path.suffix or 'nothing'}; expected one of .{', .'.join(FORMATS)}.")
        path.write_bytes(self.source.encode() if kind == "dot" else self.render(kind))
        return path

    def _repr_svg_(self) -> str:
        return self.render("svg").decode()

    def __repr__(self) -> str:
        return f"<Drawing of {self.source.count('shape=')} nodes; show it in a notebook, or .save('graph.svg')>"


@contextlib.contextmanager
def without_font_warnings() -> Iterator[None]:
    """Keep to itself what the font library writes to the error output about the system's settings."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            written.seek(0)
            lines = written.read().splitlines(keepends=True)
            os.write(2, b"".join(line for line in lines if not line.startswith(b"Fontconfig warning")))


def draw(value: Value) -> Drawing:
    """Return a picture of how a Value was computed.

    A leaf has round corners, a constant a dashed border; each node shows what it is, its data, and its gradient once
    that has been computed. An edge shows the local derivative as a formula, and as a number between single numbers.

    Args:
        value: The result, as a rule a loss.

    Returns:
        The picture. Nothing is changed by drawing it: no gradient is computed or touched.

    Raises:
        DrawingError: If the graph has more than 300 nodes.

    Example:
        >>> v = Value(0.0, name="v")
        >>> "v·2" in draw((v * 2.0 - 5.0) ** 2).source
        True

    Source: the layout is Graphviz's; E. R. Gansner et al., "A technique for drawing directed graphs", 1993.
    """
    nodes, leaves = graph(unfused(value))
    if len(nodes) + len(leaves) > LARGEST:
        raise DrawingError(
            f"the graph has {len(nodes) + len(leaves)} nodes, more than the {LARGEST} that a picture can show. Draw a "
            "part: an inner Value, fewer rows, or fewer steps of a loop."
        )
    values = sorted((*leaves, *nodes), key=lambda v: v.serial)
    places = {v: f"v{place}" for place, v in enumerate(values, 1)}  # so that the same graph gives the same bytes
    names = names_of(nodes, leaves)
    picture = graphviz.Digraph(
        graph_attr={"rankdir": "LR", "fontname": FONT, "nodesep": "0.3", "ranksep": "0.6"},
        node_attr={"shape": "box", "fontname": FONT, "fontsize": "11", "color": "#4b5563", "style": "filled"},
        edge_attr={"fontname": FONT, "fontsize": "10", "color": "#6b7280", "fontcolor": "#b91c1c", "arrowsize": "0.7"},
    )
    for v in values:
        lines = [names[v] if v.rule is None else f"{names[v]} = {short(operation(v, names))}", summary(v._data)]
        if v.grad is not None:
            lines.append(f"grad {summary(v.grad._data if type(v.grad) is Value else v.grad)}")
        style = {"style": "filled,rounded", "fillcolor": "#dbeafe"} if v.rule is None else {"fillcolor": "#f9fafb"}
        picture.node(places[v], escaped("\n".join(lines)), **style)
    for node in nodes:
        for argument, x in enumerate(node.inputs):
            target = places[node]
            if type(x) is Value:
                picture.edge(places[x], target, escaped(edge_label(node, argument, names)))
            elif not isinstance(x, str) and x is not None:
                constant_name = f"{target}_{argument}"
                style = {"style": "dashed", "color": "#9ca3af", "fontcolor": "#6b7280"}
                picture.node(constant_name, escaped(constant(x)), **style)
                picture.edge(constant_name, target, style="dashed")
    return Drawing(picture.source)


def edge_label(node: Value, argument: int, names: dict[Value, str]) -> str:
    """Return the local derivative of an edge: a formula, and its value between single numbers."""
    formula = short(derivative(node, argument, names, names[node]))
    if node.shape or node.inputs[argument].shape:
        return formula
    local = contribution_of(node, argument, 1.0, node._data, node.operands)
    value = number(0.0 if local is None else local)
    return value if formula in ("", value) else f"{formula} = {value}"


def escaped(text: str) -> str:
    """Return a text so that Graphviz shows it as it is."""
    text = graphviz.escape(text).replace("\n", "\\n")
    return str(text)
