"""The picture of a computation graph: Values, the operations between them, and the local derivative on each edge."""

from __future__ import annotations

import base64
import contextlib
import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path as File
from typing import Any

import numpy as np

from ..autograd.backward import graph
from ..autograd.operators import contribution_of
from ..autograd.value import Value
from ..nn.layer import Layer
from .formulas import derivative
from .grouping import Path, distances_of, layers_of, operations_of
from .labels import names_of, number, operation, short, summary
from .parts import unfused, value_only

SMALLEST = 0.7  # of its size is what a picture may shrink to, to fit in a notebook; smaller it cannot be read
DIRECTIONS = {"right": "LR", "down": "TB"}
PAGE = "8.5,1000"  # inches, into which a picture that runs down is made to fit: a notebook is narrow, but long
LARGEST = 300  # nodes that are drawn one by one; a larger picture cannot be read
LARGEST_OF_ALL = 20_000  # nodes that are drawn in groups
ADVICE = "To see each, draw a part: an inner Value, fewer rows, or fewer steps of a loop."
INSTALL = "pip install 'microgd[viz]'."
FAR = 5  # operations between two uses of a leaf, from which on it stands at both places
MANY = 4  # weights of a layer that are named where it is drawn as one node
CELLS = (6, 12)  # rows and columns of a heatmap
CELL = 9  # points
WIDEST = 160  # inches; larger pictures of dots are made smaller, or nothing opens them
BLUE, ORANGE = (0, 114, 178), (213, 94, 0)  # as in plots: told apart by colour-blind readers
FONT = "DejaVu Sans"  # one that Graphviz knows the widths of, or text overflows its box
FORMATS = ("svg", "png", "pdf", "dot")


class DrawingError(RuntimeError):
    """A picture cannot be drawn; the message says why, and what to do.

    Example:
        >>> issubclass(DrawingError, RuntimeError)
        True
    """


class NoGraphvizError(DrawingError, NotImplementedError):
    """There is no Graphviz to draw with; the message says how to get it. A notebook shows the text instead."""


class Drawing:
    """A picture of a computation graph: shown by itself in a notebook, saved by `save`.

    Attributes:
        source: The picture in Graphviz's language, DOT.

    Example:
        >>> draw(Value(3.0, name="v") ** 2)
        <Drawing of 2 nodes; show it in a notebook, or .save('graph.svg')>
    """

    def __init__(self, source: str, count: int = 0) -> None:
        self.source = source
        self.count = count  # of the Values in it

    def render(self, kind: str) -> bytes:
        """Return the picture as svg, png or pdf.

        Raises:
            DrawingError: If there is no Graphviz to draw it with.
        """
        source = (
            self.source.replace("{", f'{{\n\tgraph [size="{WIDEST},{WIDEST}"]', 1) if kind == "png" else self.source
        )
        drawn: bytes
        try:
            import pygraphviz  # an extra: Graphviz itself, in its wheel
        except ImportError:
            if shutil.which("dot") is None:
                raise NoGraphvizError(
                    f"there is no Graphviz to draw with: {INSTALL} Or install the program `dot`. "
                    "The picture's text is in .source, and save('graph.dot') writes it."
                ) from None
            import graphviz

            try:
                drawn = graphviz.Source(source).pipe(format=kind, quiet=True)
            except subprocess.CalledProcessError as error:
                said = (error.stderr or b"").decode(errors="replace").strip()
                raise DrawingError(f"the program `dot` could not draw it: {said or error}. Or: {INSTALL}") from None
        else:
            with without_font_warnings():
                drawn = pygraphviz.AGraph(string=source).draw(format=kind, prog="dot")
        return undated(drawn) if kind == "pdf" else drawn

    def save(self, path: str | File) -> File:
        """Write the picture to a file, in the format that its ending names: .svg, .png, .pdf or .dot.

        Raises:
            ValueError: If the ending is another.
            DrawingError: If there is no Graphviz to draw it with.
        """
        path = File(path)
        kind = path.suffix.removeprefix(".").lower()
        if kind not in FORMATS:
            raise ValueError(f"{path.name} ends in {path.suffix or 'nothing'}; expected one of .{', .'.join(FORMATS)}.")
        path.write_bytes(self.source.encode() if kind == "dot" else self.render(kind))
        return path

    def _repr_svg_(self) -> str:
        svg = self.render("svg").decode()
        width = float(svg.partition('<svg width="')[2].partition("pt")[0])
        style = f"max-width: 100%; min-width: {SMALLEST * width:.0f}pt; height: auto"
        return svg.replace("<svg ", f'<svg style="{style}" ', 1)

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        try:
            png = base64.b64encode(self.render("png")).decode()  # for a notebook from elsewhere, which shows no SVG
            return {"image/svg+xml": self._repr_svg_(), "image/png": png, "text/plain": repr(self)}
        except NoGraphvizError as error:
            return {"text/plain": str(error)}

    def __repr__(self) -> str:
        of = f" of {self.count:,} node{'s'[: self.count - 1]}" if self.count else ""
        return f"<Drawing{of}; show it in a notebook, or .save('graph.svg')>"


def undated(pdf: bytes) -> bytes:
    """Return a PDF without the time at which it was made, so that the same picture is the same file."""
    return re.sub(rb"(/CreationDate \(D:)\d{14}", rb"\g<1>20000101000000", pdf)


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


def draw(
    value: Value,
    *,
    model: Layer | None = None,
    collapse: bool | str | Iterable[str] = False,
    direction: str = "right",
) -> Drawing:
    """Return a picture of how a Value was computed.

    A leaf has round corners, a weight of a layer two borders, a constant a dashed one; each node shows what it is, its
    data (an array by shape, range and colours), and its gradient once that has been computed. An edge shows the local
    derivative as a formula, and as a number between single numbers. What a layer computes stands in a box. A leaf that
    is used far apart stands at each place, dashed where it is a copy. From 300 nodes on, layers or operations are
    drawn as one node each.

    Args:
        value: The result, as a rule a loss.
        model: The model that took part, to draw the boxes of its layers within its own; without it, layers are known
            by the names of their weights.
        collapse: Layers to draw as one node, by name: "dense_1", ["dense_1", "dense_2"]; True for all.
        direction: Where the computation runs to: "right", or "down", for long ones on a narrow page.

    Returns:
        The picture. Nothing is changed by drawing it: no gradient is computed or touched.

    Raises:
        DrawingError: If the graph has more than 20,000 nodes, or there is no package graphviz.
        TypeError: If it is no Value, the model no layer, or `collapse` neither a name nor several.
        ValueError: If there is no layer of that name, or the direction is another.

    Example:
        >>> v = Value(0.0, name="v")
        >>> "v·2" in draw((v * 2.0 - 5.0) ** 2).source
        True

    Source: the layout is Graphviz's; E. R. Gansner et al., "A technique for drawing directed graphs", 1993.
    """
    if direction not in DIRECTIONS:
        raise ValueError(f"direction is {direction!r}; expected 'right' or 'down'.")
    if model is not None and not isinstance(model, Layer):
        raise TypeError(f"model is {type(model).__name__}; expected the model or layer that took part.")
    if not isinstance(collapse, bool | str | Iterable):
        raise TypeError(f"collapse is {collapse!r}; expected True, the name of a layer, or several names.")
    count = sum(map(len, graph(value_only(value))))
    if count > LARGEST_OF_ALL:
        raise DrawingError(f"the graph has {count:,} nodes, more than the {LARGEST_OF_ALL:,} to draw. {ADVICE}")
    return Picture(unfused(value), model, collapse, DIRECTIONS[direction]).drawn()


class Picture:
    """A picture in the making: what is drawn as one node, and where."""

    def __init__(
        self, root: Value, model: Layer | None, collapse: bool | str | Iterable[str], direction: str = "LR"
    ) -> None:
        self.direction = direction
        nodes, leaves = graph(root)
        self.values = sorted((*leaves, *nodes), key=lambda v: v.serial)
        self.names = names_of(nodes, leaves)
        self.layers = layers_of(self.values, model)
        self.groups: dict[Value, Any] = {}
        self.title = ""
        wanted = self.wanted(collapse)
        grouped_by = ""
        if len(self.values) > LARGEST:
            above = {path[:-1] for path in self.layers.values()}
            wanted, grouped_by = {path for path in self.layers.values() if path not in above}, "layer"
        for v, path in self.layers.items():
            inside = next((path[: i + 1] for i in range(len(path)) if path[: i + 1] in wanted), None)
            if inside is not None:
                self.groups[v] = inside
        if len(self.values) - len(self.groups) + len(wanted) > LARGEST:
            self.groups, self.layers, grouped_by = operations_of(self.values), {}, "operation"
        if grouped_by:
            self.title = f"{len(self.values):,} nodes, too many to draw each: grouped by {grouped_by}. {ADVICE}"
        self.places = {v: f"v{place}" for place, v in enumerate(self.values, 1)}  # the same graph, the same bytes
        self.members: dict[Any, list[Value]] = {}
        for v in self.values:
            if v in self.groups:
                self.members.setdefault(self.groups[v], []).append(v)
        for place, members in enumerate(self.members.values(), 1):
            self.places |= dict.fromkeys(members, f"g{place}")
        self.copies = self.far_uses()

    def wanted(self, collapse: bool | str | Iterable[str]) -> set[Path]:
        """Return the layers to draw as one node, or say that there is none of that name."""
        paths = {path[: i + 1] for path in self.layers.values() for i in range(len(path))}
        if isinstance(collapse, bool):
            return {path for path in paths if len(path) == 1} if collapse else set()
        names = {collapse} if isinstance(collapse, str) else set(collapse)
        unknown = names - {path[-1] for path in paths}
        if unknown:
            known = ", ".join(sorted({path[-1] for path in paths})) or "none"
            raise ValueError(f"there is no layer {short(min(unknown))!r} to collapse; layers of this graph: {known}.")
        return {path for path in paths if path[-1] in names}

    def far_uses(self) -> dict[tuple[Value, Value], str]:
        """Return, for each leaf and each use of it far from the first, the node that stands for it there.

        Edges that span a picture take Graphviz minutes to lay out, and a reader as long to follow.
        """
        distances = distances_of(self.values)
        uses: dict[Value, list[Value]] = {}
        for node in self.values:
            for x in node.inputs if node not in self.groups else ():
                if type(x) is Value and x.rule is None and x not in self.groups:
                    uses.setdefault(x, []).append(node)
        found = {}
        for leaf, nodes in uses.items():
            first = max(distances[node] for node in nodes)
            for place, node in enumerate(nodes):
                if distances[node] < first - FAR:
                    found[leaf, node] = f"{self.places[leaf]}_{place}"
        return found

    def drawn(self) -> Drawing:
        """Return the picture."""
        picture = digraph(
            {"rankdir": self.direction, "fontname": FONT, "nodesep": "0.3", "ranksep": "0.6"}
            | ({"size": PAGE} if self.direction == DIRECTIONS["down"] else {})
            | ({"label": escaped(self.title), "labelloc": "t", "fontsize": "14"} if self.title else {}),
            {"shape": "box", "fontname": FONT, "fontsize": "11", "color": "#4b5563", "style": "filled"},
            {"fontname": FONT, "fontsize": "10", "color": "#6b7280", "fontcolor": "#b91c1c", "arrowsize": "0.7"},
        )
        self.add_nodes(picture)
        for (leaf, _), place in self.copies.items():
            picture.node(place, escaped(self.names[leaf]), style="dashed,rounded", fontcolor="#4b5563")
        between: dict[tuple[str, str], int] = {}
        for node in self.values:
            for argument, x in enumerate(node.inputs):
                target = self.places[node]
                if type(x) is Value and (x in self.groups or node in self.groups):
                    ends = self.places[x], target
                    between[ends] = between.get(ends, 0) + 1
                elif type(x) is Value:
                    source = self.copies.get((x, node), self.places[x])
                    straight = {} if x.rule is None else {"weight": "4"}  # what is computed runs on from left to right
                    picture.edge(source, target, escaped(edge_label(node, argument, self.names)), **straight)
                elif node not in self.groups and x is not None and not isinstance(x, str):
                    style = {"style": "dashed", "color": "#9ca3af", "fontcolor": "#4b5563"}
                    picture.node(f"{target}_c{argument}", label([], x), **style)
                    picture.edge(f"{target}_c{argument}", target, style="dashed")
        for (source, target), count in between.items():
            if source != target:
                picture.edge(source, target, f"×{count:,}" if count > 1 else "", fontcolor="#4b5563")
        return Drawing(picture.source, len(self.values))

    def add_nodes(self, picture: Any) -> None:
        """Add the nodes, each in the boxes of its layers."""
        boxes: dict[Path, list[Value]] = {(): []}
        for v in self.values:
            group = self.groups.get(v)
            path = self.layers.get(v, ()) if group is None else group[:-1] if v in self.layers else ()
            for end in range(len(path)):
                boxes.setdefault(path[: end + 1], [])
            boxes[path].append(v)
        identifiers = {path: f"cluster_{place}" for place, path in enumerate(boxes)}  # Graphviz draws such as boxes
        done: set[str] = set()

        def fill(picture: Any, path: Path) -> None:
            for v in boxes[path]:
                if self.places[v] not in done:
                    done.add(self.places[v])
                    self.add_node(picture, v)
            for inner, identifier in identifiers.items():
                if inner and inner[:-1] == path:
                    with picture.subgraph(name=identifier) as box:
                        box.attr(label=escaped(inner[-1]), style="rounded", color="#9ca3af", fontcolor="#4b5563")
                        fill(box, inner)

        fill(picture, ())

    def add_node(self, picture: Any, v: Value) -> None:
        """Add a node: a Value, or all those of a group."""
        group = self.groups.get(v)
        if group is not None:
            text = "\n".join(described(group, self.members[group], self.names))
            picture.node(self.places[v], escaped(text), fillcolor="#fef3c7", peripheries="1", penwidth="1.5")
            return
        gradient = v.grad._data if type(v.grad) is Value else v.grad
        if v.rule is None:
            weight = {"peripheries": "2"} if v in self.layers else {}
            style = {"style": "filled,rounded", "fillcolor": "#dbeafe"} | weight
            picture.node(self.places[v], label([self.names[v]], v._data, gradient), **style)
        else:
            title = f"{self.names[v]} = {short(operation(v, self.names))}"
            picture.node(self.places[v], label([title], v._data, gradient), fillcolor="#f9fafb")


def described(group: Any, members: list[Value], names: dict[Value, str]) -> list[str]:
    """Return the lines that describe a group of Values."""
    operations = [v for v in members if v.rule is not None]
    leaves = [v for v in members if v.rule is None]
    if group[0] == "leaves":
        return [f"{len(leaves):,} leaves"] if len(leaves) > 1 else [names[leaves[0]], summary(leaves[0]._data)]
    if all(type(part) is str for part in group):
        weights = [f"{names[v].removeprefix(f'{group[-1]}_')} {summary(v._data)}" for v in leaves[:MANY]]
        count = f"{len(operations):,} operation{'s'[: len(operations) - 1]}"
        return [group[-1], count, *weights, *(["…"] if len(leaves) > MANY else [])]
    return [f"{group[0]} ×{len(members):,}"]


def digraph(graph_attr: dict[str, str], node_attr: dict[str, str], edge_attr: dict[str, str]) -> Any:
    """Return an empty picture to add to, or say what is missing to make one."""
    try:
        import graphviz  # it takes long to import, and training can do without
    except ImportError:
        raise NoGraphvizError(f"pictures are written by the package graphviz, which is not here: {INSTALL}") from None
    return graphviz.Digraph(graph_attr=graph_attr, node_attr=node_attr, edge_attr=edge_attr)


def label(lines: list[str], data: Any, gradient: Any = None) -> str:
    """Return what stands in a node: a few lines, the data, and the gradient if there is one; arrays with colours."""
    if not np.ndim(data):
        lines = [*lines, summary(data), *([] if gradient is None else [f"grad {summary(gradient)}"])]
        return escaped("\n".join(lines))
    rows = [html.escape(line) for line in (*lines, summary(data))]
    rows.append(heatmap(data))
    if gradient is not None:
        rows += [html.escape(f"grad {summary(gradient)}"), heatmap(gradient)]
    cells = "".join(f"<TR><TD>{row}</TD></TR>" for row in rows if row)
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{cells}</TABLE>>'


def heatmap(data: Any) -> str:
    """Return an array as a small table of colours: orange below 0, blue above; means where it is large."""
    if np.size(data) < 2:
        return ""
    flat = np.real(np.atleast_2d(data)).astype(float)
    flat = flat.reshape(-1, flat.shape[-1])
    for axis, most in enumerate(CELLS):
        cuts = np.unique(np.linspace(0, flat.shape[axis], min(most, flat.shape[axis]) + 1).astype(int))
        flat = np.add.reduceat(flat, cuts[:-1], axis=axis) / np.expand_dims(np.diff(cuts), 1 - axis)
    largest = np.max(np.abs(flat), where=np.isfinite(flat), initial=0.0) or 1.0
    rows = "".join(f"<TR>{''.join(cell(x / largest) for x in row)}</TR>" for row in flat)
    height, width = (1 + (CELL + 1) * count for count in flat.shape)
    size = f'FIXEDSIZE="TRUE" WIDTH="{width}" HEIGHT="{height}"'  # or it fills the node, and its cells stand apart
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="1" CELLPADDING="0" BGCOLOR="#d1d5db" {size}>{rows}</TABLE>'


def cell(share: float) -> str:
    """Return a cell of a heatmap, for a share of the largest from -1 to 1."""
    end = BLUE if share >= 0 else ORANGE
    mixed = [round(255 + (part - 255) * abs(share)) for part in end] if np.isfinite(share) else [0, 0, 0]
    colour = "".join(f"{part:02x}" for part in mixed)
    return f'<TD FIXEDSIZE="TRUE" WIDTH="{CELL}" HEIGHT="{CELL}" BGCOLOR="#{colour}"></TD>'


def edge_label(node: Value, argument: int, names: dict[Value, str]) -> str:
    """Return the local derivative of an edge: a formula, and its value between single numbers."""
    formula = short(derivative(node, argument, names, names[node]))
    if node.shape or node.inputs[argument].shape:
        return formula
    local = contribution_of(node, argument, 1.0, node._data, node.operands)
    value = number(0.0 if local is None else local)
    return value if formula in ("", value) else f"{formula} = {value}"


def escaped(text: str) -> str:
    """Return a text so that Graphviz shows it as it is: no escape or entity means anything in it, and it is no HTML."""
    from graphviz.quoting import NoHtml

    safe: str = NoHtml(text.replace("&", "&amp;").replace("\\", "\\\\").replace("\n", "\\n"))
    return safe
