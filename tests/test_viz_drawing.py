"""Pictures: what they say, that they change nothing, and what happens without Graphviz."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import microgd as mg
from microgd import Value
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
    for label in ("3×2 @ kernel", " + bias", "mean(", "1 / 3", "3×2ᵀ"):
        assert label in source
    assert source.count("grad ") == 7  # of both leaves and all five steps
    assert np.array_equal(kernel.grad, before)


def test_a_hostile_name_is_inert(tmp_path: Path) -> None:
    pytest.importorskip("pygraphviz", reason="the extra `viz` is not installed")
    value = Value(1.0, name=HOSTILE) * 2.0
    path = mg.draw(value).save(tmp_path / "graph.svg")
    text = path.read_text(encoding="utf-8")
    assert "<img" not in text
    assert "</script" not in text
    assert "&lt;/script&gt;" in text
    assert len(text) < 10_000


@pytest.mark.parametrize("kind", ["svg", "png", "pdf", "dot"])
def test_save(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("pygraphviz", reason="the extra `viz` is not installed")
    path = mg.draw(book_example()).save(tmp_path / f"graph.{kind}")
    start = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF", "dot": b"digraph"}[kind]
    assert path.read_bytes().startswith(start)
    assert path.stat().st_size > 500


def test_bad_endings_and_large_graphs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected one of \.svg"):
        mg.draw(book_example()).save(tmp_path / "graph.jpeg")
    chain = Value(1.0)
    for _ in range(301):
        chain = chain * 1.5
    with pytest.raises(mg.viz.DrawingError, match="302 nodes, more than the 300"):
        mg.draw(chain)


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
    assert picture.source.startswith("digraph")


@pytest.mark.parametrize(
    ("x", "text"), [(1 / 3, "0.3333"), (-20.0, "−20"), (1.2e-5, "1.2e−5"), (0.0, "0"), (-0.0, "0"), (1e20, "1e+20")]
)
def test_numbers_have_one_format(x: float, text: str) -> None:
    assert number(x) == text
