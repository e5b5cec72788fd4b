"""The stepper's picture: what is in its boxes, and where they and the curves between them lie, laid out by Graphviz."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from ..autograd.value import Value
from .drawing import FONT, Drawing, Picture, digraph, edge_label, escaped, label
from .labels import constant, operation, short, summary

DRAWN_LARGER = 13  # points, for what is shown at 12: names are bold, and Graphviz measures them plain
ARRAY = 1.4  # inches at least, for an array and its gradient side by side
SPACE = "\N{NO-BREAK SPACE}"  # Graphviz leaves out a line of nothing
PLACE = re.compile(r"v(\d+)(?:_(c?)(\d+))?")  # a Value, a copy of one, or a constant


class Scene(Picture):
    """The graph as the stepper shows it: Values and constant arrays, in the boxes of their layers.

    Args:
        root: The Value to differentiate.
        data: What each Value holds.
        gradients: The gradient of each Value.
    """

    def __init__(self, root: Value, data: dict[Value, Any], gradients: dict[Value, Any]) -> None:
        super().__init__(root, None, False)
        self.data, self.gradients = data, gradients
        self.moving = False

    def drawn(self) -> Drawing:
        """Return the picture with all gradients; where it is to move, with space to paint arrays in."""
        picture = digraph(
            {"rankdir": "LR", "fontname": FONT, "nodesep": "0.35", "ranksep": "0.45", "bgcolor": "white"},
            {"shape": "box", "fontname": FONT, "fontsize": str(DRAWN_LARGER if self.moving else 12)}
            | {"margin": "0.14,0.09", "color": "#4b5563"},
            {"fontname": FONT, "fontsize": "11", "color": "#6b7280", "fontcolor": "#4b5563", "arrowsize": "0.7"},
        )
        self.add_nodes(picture)
        for (leaf, _), place in self.copies.items():
            self.add_box(picture, place, leaf, "dashed,filled,rounded")
        for node in self.values:
            target, labels = self.places[node], labels_of(node, self.names)
            for argument, x in enumerate(node.inputs):
                if type(x) is Value:
                    source = self.copies.get((x, node), self.places[x])
                    picture.edge(source, target, escaped(labels[argument]), id=str(argument))
                elif isinstance(x, np.ndarray):
                    lines = escaped("\n".join([constant(x), SPACE, SPACE])) if self.moving else label([], x)
                    picture.node(f"{target}_c{argument}", lines, style="dashed")
                    picture.edge(f"{target}_c{argument}", target, id=str(argument), style="dashed")
        return Drawing(picture.source)

    def add_node(self, picture: Any, v: Value) -> None:
        """Add the box of a Value."""
        self.add_box(picture, self.places[v], v, "filled,rounded" if v.rule is None else "filled")

    def add_box(self, picture: Any, place: str, v: Value, style: str) -> None:
        """Add a box in which a Value is shown."""
        title = self.names[v] if v.rule is None else f"{self.names[v]} = {short(operation(v, self.names))}"
        gradient = self.gradients.get(v)
        lines = label([title], self.data[v], gradient)
        if self.moving:
            texts = [constant(self.data[v]), SPACE, SPACE]
            if not v.shape:
                texts = [summary(self.data[v]), SPACE if gradient is None else f"∂ {summary(gradient)}"]
            lines = escaped("\n".join([title, *texts]))
        look = {
            "fillcolor": "#dbeafe" if v.rule is None else "#f9fafb",
            "peripheries": "2" if self.is_weight(v) else "1",
        }
        picture.node(place, lines, style=style, width=str(ARRAY if v.shape else 0), **look)

    def is_weight(self, v: Value) -> bool:
        """Return whether a Value is a weight of a layer."""
        return v.rule is None and v in self.layers

    def positions(self) -> dict[str, Any]:
        """Return the boxes, the curves and the size of the picture in points, from the upper left corner.

        Raises:
            DrawingError: If there is no Graphviz to lay it out with.
        """
        self.moving = True
        laid_out = json.loads(self.drawn().render("json"))
        self.moving = False
        width, height = map(float, laid_out["bb"].split(",")[2:])
        places: dict[int, re.Match[str]] = {}
        found: dict[str, Any] = {"width": width, "height": height, "boxes": [], "layers": [], "curves": []}
        for part in laid_out.get("objects", ()):
            if "pos" not in part:
                left, low, right, high = map(float, part["bb"].split(","))
                box = {"x": left, "y": height - high, "w": right - left, "h": high - low, "name": part["label"]}
                found["layers"].append(rounded(box))
                continue
            match = PLACE.fullmatch(part["name"])
            assert match is not None
            places[part["_gvid"]] = match
            x, y = map(float, part["pos"].split(","))
            w, h = float(part["width"]) * 72, float(part["height"]) * 72
            node = int(match[1]) - 1
            box = {"node": node, "x": x - w / 2, "y": height - y - h / 2, "w": w, "h": h}
            if match[2]:
                box["constant"] = int(match[3])
            elif match[3]:
                box["copy"] = True
            elif self.is_weight(self.values[node]):
                box["weight"] = True
            found["boxes"].append(rounded(box))
        for edge in laid_out.get("edges", ()):
            end, *points = (tuple(map(float, point.split(",")[-2:])) for point in edge["pos"].split())
            curve: dict[str, Any] = {
                "node": int(places[edge["head"]][1]) - 1,
                "argument": int(edge["id"]),
                "points": [[round(x, 1), round(height - y, 1)] for x, y in (*points, end)],
            }
            if "lp" in edge:
                x, y = map(float, edge["lp"].split(","))
                curve |= {"x": x, "y": height - y}
            found["curves"].append(rounded(curve))
        return found


def rounded(part: dict[str, Any]) -> dict[str, Any]:
    """Return a part of the picture with its places to a tenth of a point, which is less to write."""
    return {name: round(x, 1) if isinstance(x, float) else x for name, x in part.items()}


def labels_of(value: Value, names: dict[Value, str]) -> list[str]:
    """Return what the edges from the inputs of a Value say: their local derivatives."""
    return [edge_label(value, i, names) if type(x) is Value else "" for i, x in enumerate(value.inputs)]
