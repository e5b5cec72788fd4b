"""Where the boxes and curves of the stepper's picture lie. The layout is Graphviz's."""

from __future__ import annotations

import json
from typing import Any

import graphviz

from ..autograd.value import Value
from .drawing import FONT, Drawing, edge_label, escaped
from .labels import operation, short, summary

LARGEST = 300  # nodes; a larger picture cannot be read
SPLIT_FROM = 6  # uses of a leaf; from there on each use gets a copy of the leaf, or the picture is one tangle


def labels_of(value: Value, names: dict[Value, str]) -> list[str]:
    """Return what the edges from the inputs of a Value say: their local derivatives."""
    return [edge_label(value, i, names) if type(x) is Value else "" for i, x in enumerate(value.inputs)]


def diagram(values: list[Value], names: dict[Value, str], data: dict[Value, str], totals: dict[Value, Any]) -> Drawing:
    """Return the picture of a graph with all gradients: what is laid out, and what stands where no script runs."""
    places = {value: place for place, value in enumerate(values)}
    uses: dict[Value, int] = {}
    for node in values:
        for x in node.inputs:
            if type(x) is Value:
                uses[x] = uses.get(x, 0) + 1
    picture = graphviz.Digraph(
        graph_attr={"rankdir": "LR", "fontname": FONT, "nodesep": "0.35", "ranksep": "0.45", "bgcolor": "white"},
        node_attr={"shape": "box", "fontname": FONT, "fontsize": "12", "margin": "0.14,0.09", "color": "#4b5563"},
        edge_attr={"fontname": FONT, "fontsize": "11", "color": "#6b7280", "fontcolor": "#4b5563", "arrowsize": "0.7"},
    )

    def draw(name: str, value: Value) -> None:
        title = names[value] if value.rule is None else f"{names[value]} = {short(operation(value, names))}"
        gradient = "" if value not in totals else f"∂ {summary(totals[value])}"
        style = {"style": "filled", "fillcolor": "#f9fafb"}
        if value.rule is None:
            style = {"style": "filled,rounded" if name.isdigit() else "dashed,rounded", "fillcolor": "#dbeafe"}
        picture.node(name, escaped(f"{title}\n{data[value]}\n{gradient}"), **style)

    for value in values:
        if value.rule is not None or uses.get(value, 0) < SPLIT_FROM:
            draw(str(places[value]), value)
        labels = labels_of(value, names)
        for argument, x in enumerate(value.inputs):
            if type(x) is not Value:
                continue
            source = str(places[x])
            if x.rule is None and uses[x] >= SPLIT_FROM:
                source = f"{source}_{places[value]}_{argument}"
                draw(source, x)
            picture.edge(source, str(places[value]), escaped(labels[argument]), id=str(argument))
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
        boxes.append({"node": node, "x": x - w / 2, "y": height - y - h / 2, "w": w, "h": h})
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
            curve |= {"x": x, "y": height - y}
        curves.append(curve)
    return {"width": width, "height": height, "boxes": boxes, "curves": curves}
