"""Pictures: what they say, that they change nothing, and what happens without Graphviz."""

from __future__ import annotations

import base64
import builtins
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import microgd as mg
from microgd import Value
from microgd.autograd.backward import ancestors
from microgd.viz.drawing import heatmap
from microgd.viz.labels import number

HOSTILE = '</script><img src=x onerror=alert(1)> "quoted" {braces} $x$ \n new line \\N 漢字' + "x" * 10_000


def book_example() -> Value:
    v, x, y = Value(0.0, name="v"), Value(2.0, name="x"), Value(5.0, name="y")
    loss: Value = (v * x - y) ** 2
    loss.name = "loss"
    return loss


def test_the_books_example_says_its_derivatives() -> None:
    loss = book_example()
    before = mg.draw(loss).source
    assert "grad" not in before  # blank until computed, never a false 0
    loss.backward()
    source = mg.draw(loss).source
    for label in ("v\\n0\\ngrad −20", "loss = n5²\\n25", "x = 2", "2·n5 = −10", "−1"):
        assert label in source


def test_drawing_twice_gives_the_same_bytes_and_changes_nothing() -> None:
    def picture() -> str:
        a = Value(np.ones((3, 2)), name="a")
        result = np.mean(np.tanh(np.exp(a) / 3.0) + a**3)
        source: str = mg.draw(result).source
        assert a.grad is None
        assert result.grad is None
        return source

    assert picture() == picture()
    assert "1 / 3" in picture()
    assert "3×2: 1 to 1" in picture()


def test_steps_taken_as_one_show_their_parts_and_the_gradients_between() -> None:
    kernel, bias = Value(np.ones((2, 1)), name="kernel"), Value(np.zeros(1), name="bias")
    x, y = np.arange(6.0).reshape(3, 2), np.ones((3, 1))
    loss = mg.mean_squared_error(y, mg.affine(x, kernel, bias))
    loss.backward()
    before = kernel.grad.copy()
    source = mg.draw(loss).source
    for label in ("[3×2] @ kernel", " + bias", "mean(", "1 / 3", "[3×2]ᵀ"):
        assert label in source
    assert source.count("grad ") == 7  # of both leaves and all five steps
    assert np.array_equal(kernel.grad, before)


def test_a_computation_runs_to_the_right_or_down() -> None:
    pytest.importorskip("pygraphviz", reason="the extra `viz` is not installed")

    def width_by_height(**options: Any) -> float:
        svg = mg.draw(book_example(), **options).render("svg").decode()
        width, height = re.findall(r'viewBox="0.00 0.00 ([\d.]+) ([\d.]+)"', svg)[0]
        return float(width) / float(height)

    assert width_by_height() > 1 > width_by_height(direction="down")
    wide = sum(Value(1.0, name=f"a leaf with a long name {place}") ** 2 for place in range(10))
    svg = mg.draw(wide, direction="down").render("svg").decode()
    assert float(re.findall(r'<svg width="(\d+)pt"', svg)[0]) <= 8.5 * 72
    with pytest.raises(ValueError, match="direction is 'up'; expected 'right' or 'down'"):
        mg.draw(book_example(), direction="up")


def test_in_a_notebook_a_picture_shrinks_to_fit_but_stays_legible() -> None:
    pytest.importorskip("pygraphviz", reason="the extra `viz` is not installed")
    shown = mg.draw(book_example())._repr_mimebundle_()
    assert base64.b64decode(shown["image/png"]).startswith(b"\x89PNG")
    picture = shown["image/svg+xml"]
    width, least = (float(re.findall(pattern, picture)[0]) for pattern in (r'width="(\d+)pt"', r"min-width: (\d+)pt"))
    assert least == pytest.approx(0.7 * width, abs=1)
    ElementTree.fromstring(picture)


@pytest.mark.parametrize(
    "name", [HOSTILE, "<b>", "<b>\n</b>", "\x1b[31m\x00", "{a|b}", "\\N\\l", "&lt;&amp;", "漢字", '"', "x" * 10_000]
)
@pytest.mark.parametrize("data", [1.0, np.ones((2, 3))])
def test_a_hostile_name_is_inert(name: str, data: Any, tmp_path: Path) -> None:
    pytest.importorskip("pygraphviz", reason="the extra `viz` is not installed")
    hostile, other = Value(data, name=name), Value(data * 2, name="other")
    loss = np.sum(hostile * other)
    loss.name = name
    loss.backward()
    picture = mg.draw(loss)
    text = picture.save(tmp_path / "graph.svg").read_text(encoding="utf-8")
    parsed = ElementTree.fromstring(text)
    tags = {element.tag.rpartition("}")[2] for element in parsed.iter()}
    assert tags <= {"svg", "g", "title", "polygon", "polyline", "path", "text", "ellipse", "a"}
    assert "<!--" not in text.replace("<!-- ", "") and "script" not in tags
    shown = [element.text or "" for element in parsed.iter() if element.tag.endswith("text")]
    visible = (
        " ".join(name.split()).replace("\x1b", "\N{REPLACEMENT CHARACTER}").replace("\x00", "\N{REPLACEMENT CHARACTER}")
    )
    beginning = visible[:20].replace(" ", "\xa0")
    assert any(line.replace(" ", "\xa0").startswith(beginning) for line in shown), shown
    assert len(text) < 30_000
    ledger = str(mg.ledger(loss))
    assert "\x1b" not in ledger and len(ledger) < 2000
    assert "<img" not in mg.ledger(loss)._repr_html_()


def outline(node: Any) -> tuple[float, float]:
    """Return how far a node of an SVG reaches from left to right."""
    shape = next(element for element in node if element.tag.endswith(("polygon", "path")))
    numbers = re.findall(r"-?[\d.]+,", shape.get("points") or shape.get("d"))
    across = [float(number[:-1]) for number in numbers]
    return min(across), max(across)


@pytest.mark.parametrize("name", ["v", "a name that is rather long", "WWWWWWWWWWWWWWWWWWWWWWWW", "x_1 = y < z & w"])
@pytest.mark.parametrize("data", [-0.123456789, np.linspace(-12345.678, 98765.4321, 6).reshape(2, 3)])
def test_texts_lie_within_their_boxes(name: str, data: Any) -> None:
    pytest.importorskip("pygraphviz", reason="the extra `viz` is not installed")
    textpath = pytest.importorskip("matplotlib.textpath", reason="the extra `viz` is not installed")
    loss: Any = np.sum(np.tanh(Value(data, name=name)) * 2.0)
    loss.backward()
    texts = 0
    for node in ElementTree.fromstring(mg.draw(loss).render("svg")).iter():
        if node.get("class") != "node":
            continue
        left, right = outline(node)
        for text in (element for element in node.iter() if element.tag.endswith("text")):
            size = float(text.get("font-size") or 0)
            width = textpath.TextPath((0, 0), (text.text or "").replace("$", r"\$"), size=size).get_extents().width
            start = float(text.get("x") or 0) - (width / 2 if text.get("text-anchor") == "middle" else 0)
            assert left <= start + 1 and start + width <= right + 1, text.text
            texts += 1
    assert texts >= 8


@pytest.mark.parametrize("kind", ["svg", "png", "pdf", "dot"])
def test_save(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("pygraphviz", reason="the extra `viz` is not installed")
    path = mg.draw(book_example()).save(tmp_path / f"graph.{kind}")
    start = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF", "dot": b"digraph"}[kind]
    assert path.read_bytes().startswith(start)
    assert path.stat().st_size > 500


def test_bad_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected one of \.svg"):
        mg.draw(book_example()).save(tmp_path / "graph.jpeg")


# Layers ---------------------------------------------------------------------------------------------------------------


def network() -> tuple[mg.Sequential, Value]:
    rng = np.random.default_rng(0)
    model = mg.Sequential([mg.Dense(3, "tanh"), mg.Dense(1)], seed=0)
    model.compile("sgd", "mean_squared_error")
    x, y = rng.normal(size=(6, 2)), rng.normal(size=(6, 1))
    model(x)
    loss: Value = model.objective_of(x, y)
    return model, loss


def boxes_of(picture: Any) -> list[str]:
    """Return the titles of the boxes of a picture, each after those that it stands in."""
    return re.findall(r"subgraph cluster_\d+ \{\s+color=\S+ fontcolor=\S+ label=(\S+)", picture.source)


def test_layers_stand_in_boxes() -> None:
    model, loss = network()
    assert boxes_of(mg.draw(loss)) == ["dense_1", "dense_2"]
    picture = mg.draw(loss, model=model)
    assert boxes_of(picture) == ["sequential", "dense_1", "dense_2"]
    first = picture.source[picture.source.index("dense_1") : picture.source.index("label=dense_2")]
    for operation in ("@ dense_1_kernel", "+ dense_1_bias", "tanh("):  # the activation belongs to it
        assert operation in first
    assert picture.source.count("peripheries=2") == 4  # the weights
    assert "mean(" not in first


def test_layers_can_be_collapsed() -> None:
    model, loss = network()
    assert mg.draw(loss, collapse="dense_1").source.count("3 operations") == 1
    both = mg.draw(loss, collapse=["dense_1", "dense_2"])
    assert both.source == mg.draw(loss, collapse=True).source
    assert "subgraph" not in both.source and "mean(" in both.source and "kernel 2×3" in both.source
    one = mg.draw(loss, model=model, collapse=True).source
    assert "sequential" in one and "5 operations" in one and "dense_1\\n" not in one
    inner = mg.draw(loss, model=model, collapse="dense_2")
    assert boxes_of(inner) == ["sequential", "dense_1"]
    with pytest.raises(ValueError, match=r"no layer 'dense_9' to collapse; layers of this graph: dense_1, dense_2"):
        mg.draw(loss, collapse="dense_9")
    with pytest.raises(ValueError, match="layers of this graph: none"):
        mg.draw(book_example(), collapse="dense_1")
    with pytest.raises(TypeError, match="collapse is 3; expected True"):
        mg.draw(loss, collapse=3)
    with pytest.raises(TypeError, match="model is str; expected the model"):
        mg.draw(loss, model="dense_1")


def test_layers_without_weights_lie_within_the_model() -> None:
    model = mg.Sequential([mg.Dense(2), lambda x: x * 2.0, mg.Dense(1)], seed=0)
    loss = np.mean(model(np.ones((3, 2))) ** 2)
    source = mg.draw(loss, model=model, collapse=True).source
    assert "n5" not in source.replace("n5 ", "") and "5 operations" in source


# Large graphs ---------------------------------------------------------------------------------------------------------


def chain(steps: int) -> Value:
    value = Value(1.0, name="x")
    for _ in range(steps):
        value = np.sin(value * 1.5)
    return value


def shared(steps: int) -> Value:
    w, u, h = Value(0.5, name="w"), Value(0.3, name="u"), Value(0.0, name="h")
    for step in range(steps):
        h = np.tanh(w * h + u * Value(float(step), name=f"x{step}"))
    return h


def scalar_network(rows: int) -> Value:
    rng = np.random.default_rng(0)
    weights = [[Value(w) for w in row] for row in rng.normal(size=(12, 12))]
    total = Value(0.0)
    for x in rng.normal(size=(rows, 12)):
        hidden = [np.tanh(sum(map(np.multiply, row, x), Value(0.0))) for row in weights]
        total = total + (sum(hidden, Value(0.0)) - 1.0) ** 2
    return total


def render_in(seconds: float, make: Any) -> Any:
    """Return a picture, drawn to the end, and hold it to the limit that is set for it."""
    pytest.importorskip("pygraphviz", reason="the extra `viz` is not installed")
    begin = time.perf_counter()
    picture = make()
    assert picture.render("svg").startswith(b"<?xml")
    assert time.perf_counter() - begin < seconds
    return picture


def test_a_leaf_that_is_used_far_apart_stands_at_each_place() -> None:
    value = shared(50)
    picture = render_in(2.0, lambda: mg.draw(value))
    assert picture.source.count('style="dashed,rounded"') > 90
    copies = re.findall(r"\t(v\d+_\d+) \[label=(\w+)", picture.source)
    assert {name for _, name in copies} == {"w", "u"}
    for copy, _ in copies:
        assert picture.source.count(f"{copy} -> ") == 1
    assert "dashed,rounded" not in mg.draw(shared(2)).source


@pytest.mark.parametrize("rows", [6, 7])
def test_a_large_graph_is_drawn_in_groups_with_advice(rows: int) -> None:
    value = scalar_network(rows)
    picture = render_in(5.0, lambda: mg.draw(value))
    assert "grouped by operation" in picture.source and "draw a part" in picture.source
    assert f"multiply ×{144 * rows:,}" in picture.source and f"tanh ×{12 * rows}" in picture.source
    assert picture.source.count("label=") < 60
    assert "grad" not in picture.source


def test_a_long_chain_is_drawn_as_its_operations() -> None:
    value = chain(1000)
    picture = render_in(5.0, lambda: mg.draw(value))
    assert "2,001 nodes" in picture.source and "multiply ×1,000" in picture.source and "×999" in picture.source


def test_a_deep_network_is_drawn_by_layers() -> None:
    model = mg.Sequential([*(mg.Dense(3, "tanh") for _ in range(60)), mg.Dense(1)], seed=0)
    model(np.ones((2, 3)))
    loss = np.mean(model(np.ones((2, 3))) ** 2)
    source = mg.draw(loss).source
    assert "grouped by layer" in source and "dense_60" in source and "3 operations" in source


def test_a_very_large_graph_is_refused_at_once() -> None:
    value = chain(50_000)
    begin = time.perf_counter()
    with pytest.raises(mg.viz.DrawingError, match=r"100,001 nodes, more than the 20,000 to draw\. To see each"):
        mg.draw(value)
    assert time.perf_counter() - begin < 1.0


# Arrays ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        np.zeros((0, 3)),
        np.ones((1, 1)),
        np.arange(6.0) - 3,
        np.full((2, 2), np.nan),
        np.array([[np.inf, 1.0], [-1.0, 0.0]]),
        np.random.default_rng(0).normal(size=(50, 3, 7, 40)),
        np.ones((1000, 1000), dtype=np.float32),
    ],
)
def test_arrays_are_shown_by_shape_range_and_colours(data: Any) -> None:
    value = Value(data, name="array")
    source = mg.draw(np.sum(value * 2.0)).source
    assert "×".join(map(str, data.shape)) + ": " in source
    assert len(source) < 20_000  # never a wall of digits
    assert source.count("FIXEDSIZE") < 2 * 80 + 4


def test_a_heatmap_is_orange_below_zero_and_blue_above() -> None:
    colours = re.findall(r'HEIGHT="9" BGCOLOR="(#\w+)"', heatmap(np.array([[-2.0, 0.0, 1.0, 2.0]])))
    assert colours == ["#d55e00", "#ffffff", "#80b8d8", "#0072b2"]
    means = re.findall(r'HEIGHT="9" BGCOLOR="(#\w+)"', heatmap(np.repeat([[-1.0, 1.0]], 12, axis=1).repeat(60, axis=0)))
    assert len(means) == 12 * 6 and set(means) == {"#d55e00", "#0072b2"}


# Nothing but the picture ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_a_picture_is_the_same_file_each_time(kind: str) -> None:
    pytest.importorskip("pygraphviz", reason="the extra `viz` is not installed")
    _, loss = network()
    loss.backward()
    before = [np.array(value.grad) for value in ancestors(loss)]
    once = mg.draw(loss).render(kind)
    time.sleep(1.0 if kind == "pdf" else 0.0)  # a PDF has the second in it at which it was made, unless it is taken out
    assert mg.draw(loss).render(kind) == once
    for value, grad in zip(ancestors(loss), before, strict=True):
        assert np.array_equal(value.grad, grad)


BLOCKED = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ImportError(f"{{name}} is blocked")
sys.meta_path.insert(0, Block())
import os; os.environ["PATH"] = ""
import numpy as np, microgd as mg
model = mg.Sequential([mg.Dense(1)], seed=0); model.compile()
model.fit(np.ones((4, 2)), np.ones(4), epochs=1, verbose=0)
v = mg.Value(0.0, name="v"); loss = (v * 2.0 - 5.0) ** 2
assert "v·2" in str(mg.ledger(loss)) and mg.formula(loss, v).text == "4·(2·v − 5)"
assert len(list(mg.step(loss))) > 3 and "path" not in mg.ledger(loss)._repr_html_()
for picture in (
    lambda: mg.draw(loss)._repr_svg_(), lambda: mg.draw(loss).save("graph.png"),
    lambda: mg.training_curves(model.history), lambda: mg.viz.LiveCurves(),
    lambda: mg.weights_table(model), lambda: mg.loss_against_weight(lambda w: w * w, [1.0]),
    lambda: mg.loss_surface(lambda w: w[0] * w[1], [[1.0, 2.0]]), lambda: mg.predicted_against_true([1.0], [2.0]),
):
    try:
        picture()
    except (ImportError, RuntimeError) as error:
        assert "pip install 'microgd[viz]'" in str(error) and chr(10) not in str(error), error
    else:
        raise AssertionError("drawn without anything to draw with")
print("done")
"""


@pytest.mark.parametrize("blocked", [("pygraphviz", "matplotlib"), ("pygraphviz", "graphviz", "matplotlib", "IPython")])
def test_without_the_extras_each_picture_says_what_to_install(blocked: tuple[str, ...], tmp_path: Path) -> None:
    program = BLOCKED.format(blocked=blocked)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert done.stdout == "done\n", done.stderr


def test_without_graphviz_the_text_is_still_there(monkeypatch: pytest.MonkeyPatch) -> None:
    really = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "pygraphviz":
            raise ImportError(name)
        return really(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr("shutil.which", lambda name: None)
    picture = mg.draw(book_example())
    with pytest.raises(mg.viz.DrawingError, match=r"pip install 'microgd\[viz\]'"):
        picture._repr_svg_()
    assert "pip install" in picture._repr_mimebundle_()["text/plain"]  # in a notebook, a line and no traceback
    assert picture.source.startswith("digraph")


@pytest.mark.parametrize(
    ("x", "text"),
    [(1 / 3, "0.3333"), (-20.0, "−20"), (1.2e-5, "1.2e−5"), (0.0, "0"), (-0.0, "0"), (1e20, "1e20"), (5e149, "5e149")],
)
def test_numbers_have_one_format(x: float, text: str) -> None:
    assert number(x) == text
