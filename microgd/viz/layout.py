"""Where the boxes and curves of the stepper's picture lie. The layout is Graphviz's."""

from __future__ import annotations

import json
from typing import Any

import graphviz

from ..autograd.value import Value
from .drawing import FONT, Drawing, edge_label, escaped
from .labels import operation, short

LARGEST = 300  # nodes; a larger picture cannot be read
LONGEST_SPAN = 4  # of operations; a leaf used by operations farther apart is drawn beside each of them


def labels_of(value: Value, names: dict[Value, str]) -> list[str]:
    """Return what the edges from the inputs of a Value say: their local derivatives."""
    return [edge_label(value, i, names) if type(x) is Value else "" for i, x in enumerate(value.inputs)]


def used_far_apart(values: list[Value]) -> set[Value]:
    """Return the leaves that are used many operations apart: drawn once, each would tie the picture into a knot."""
    depth: dict[Value, int] = {}
    used: dict[Value, list[int]] = {}
    for value in values:
        inputs = [x for x in value.inputs if type(x) is Value]
        depth[value] = 1 + max((depth[x] for x in inputs), default=-1)
        for x in inputs:
            used.setdefault(x, []).append(depth[value])
    return {x for x, at in used.items() if x.rule is None and max(at) - min(at) > LONGEST_SPAN}


def diagram(values: list[Value], names: dict[Value, str], lines: dict[Value, list[str]], size: float = 12) -> Drawing:
    """Return the picture of a graph: a box a Value, with some lines below its name, in type of a size in points."""
    places = {value: str(place) for place, value in enumerate(values)}
    copied = used_far_apart(values)
    picture = graphviz.Digraph(
        graph_attr={"rankdir": "LR", "fontname": FONT, "nodesep": "0.35", "ranksep": "0.45", "bgcolor": "white"},
        node_attr={"shape": "box", "fontname": FONT, "fontsize": str(size), "margin": "0.14,0.09", "color": "#4b5563"},
        edge_attr={"fontname": FONT, "fontsize": "11", "color": "#6b7280", "fontcolor": "#4b5563", "arrowsize": "0.7"},
    )

    def draw(name: str, value: Value) -> None:
        title = names[value] if value.rule is None else f"{names[value]} = {short(operation(value, names))}"
        style = {"style": "filled", "fillcolor": "#f9fafb"}
        if value.rule is None:
            style = {"style": "dashed,filled,rounded" if value in copied else "filled,rounded", "fillcolor": "#dbeafe"}
        picture.node(name, escaped("\n".join([title, *lines[value]])), width="1.4" if value.shape else "0.7", **style)

    for value in values:
        if value not in copied:
            draw(places[value], value)
        labels = labels_of(value, names)
        for argument, x in enumerate(value.inputs):
            if type(x) is not Value:
                continue
            source = f"{places[x]}_{places[value]}_{argument}" if x in copied else places[x]
            if x in copied:
                draw(source, x)
            picture.edge(source, places[value], escaped(labels[argument]), id=str(argument))
    return Drawing(picture.source)


def positions(picture: Drawing) -> dict[str, Any]:
    """Return the boxes, curves and the size of a picture in points, from the upper left corner.

    Raises:
        DrawingError: If there is no Graphviz to lay it out with.
    """
    laid_out = json.loads(picture.render("json"))
    width, height = map(float, laid_out["bb"].split(",")[2:])
    boxes, names = [], []
    for box in laid_out.get("objects", ()):
        x, y = map(float, box["pos"].split(","))
        w, h = float(box["width"]) * 72, float(box["height"]) * 72
        names.append(box["name"])
        node = int(box["name"].partition("_")[0])
        left, top = round(x - w / 2, 1), round(height - y - h / 2, 1)
        boxes.append({"node": node, "x": left, "y": top, "w": round(w, 1), "h": h, "copy": "_" in box["name"]})
    curves = []
    for edge in laid_out.get("edges", ()):
        end, *points = (tuple(map(float, point.split(",")[-2:])) for point in edge["pos"].split())
        curve: dict[str, Any] = {
            "node": int(names[edge["head"]]),
            "argument": int(edge["id"]),
            "points": [[round(x, 1), round(height - y, 1)] for x, y in (*points, end)],
        }
        if "lp" in edge:
            x, y = map(float, edge["lp"].split(","))
            curve |= {"x": round(x, 1), "y": round(height - y, 1)}
        curves.append(curve)
    return {"width": width, "height": height, "boxes": boxes, "curves": curves}
