"""The ledger and `microgd explain`: the book's table, sums of contributions, measured nudges, bad input."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

import microgd as mg
from microgd import Value
from microgd.autograd.backward import ancestors
from microgd.cli import main
from microgd.explain import wrapped
from microgd.viz.checking import evaluated, parsed
from tests.test_compile import Program, programs
from tests.test_viz_formulas import scalar_programs

BOOK = """\
edge  from → to           local derivative  upstream  gradient  so far
──────────────────────────────────────────────────────────────────────
1     n5 → loss = n5²     2·n5 = −10        1         −10       −10
2     n4 → n5 = n4 − y    1                 −10       −10       −10
3     y → n5 = n4 − y     −1                −10       10        10
4     v → n4 = v·x        x = 2             −10       −20       −20
5     x → n4 = v·x        v = 0             −10       0         0"""


def book_example() -> Value:
    v, x, y = Value(0.0, name="v"), Value(2.0, name="x"), Value(5.0, name="y")
    loss: Value = (v * x - y) ** 2
    loss.name = "loss"
    return loss


def squeezed(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if "─" not in line]


def test_the_books_table() -> None:
    loss = book_example()
    table = mg.ledger(loss)
    assert squeezed(str(table)) == squeezed(BOOK)
    gradients = {row.source: row.contribution for row in table.rows}
    assert (gradients["n5"], gradients["n4"], gradients["v"]) == (-10.0, -10.0, -20.0)
    assert loss.grad is None


def test_in_a_notebook_it_is_a_table_and_names_are_inert() -> None:
    v = Value(1.0, name="<img src=x onerror=alert(1)>")
    text = mg.ledger(v * 2.0)._repr_html_()
    assert "<img" not in text
    assert "&lt;img" in text
    assert text.count("<tr>") == 2


def test_nudging_measures_each_edge() -> None:
    for row in mg.ledger(book_example(), nudge=True).rows:
        assert row.change_by_little == pytest.approx(row.contribution, abs=1e-6)
        assert row.change_by_one is not None
    first = mg.ledger(book_example(), nudge=True).rows[0]
    assert first.change_by_one == pytest.approx((-5 + 1) ** 2 - (-5) ** 2)


@settings(max_examples=40, deadline=None)
@given(program=programs())
def test_contributions_add_up_to_the_gradients(program: Program) -> None:
    a, b = Value(np.array([0.3, -0.6]), name="a"), Value(np.array([0.8, 0.2]), name="b")
    with np.errstate(all="ignore"):
        loss = program(a, b)
        rows = mg.ledger(loss).rows
        loss.backward()
    for leaf in (a, b):
        total = sum(row.contribution for row in rows if row.source == leaf.name)
        np.testing.assert_allclose(total, leaf.grad, rtol=1e-12)
        paths = [row.path for row in rows if row.source == leaf.name]
        assert paths == list(range(1, len(paths) + 1))


@settings(max_examples=60, deadline=None)
@given(run=scalar_programs())
def test_the_column_of_the_formula_is_the_local_derivative(run: Callable[[list[Value]], Value]) -> None:
    leaves = [Value(0.7, name="p"), Value(-1.3, name="q")]
    loss = run(leaves)
    values = ancestors(loss)
    known = {value.name or f"n{place}": value.data for place, value in enumerate(values, 1)}
    for row in mg.ledger(loss).rows:
        if "…" not in row.formula:
            found = evaluated(parsed(row.formula), known, row.formula)
            assert found == pytest.approx(row.local, rel=1e-3, abs=1e-9), row


@pytest.mark.parametrize(
    ("compute", "formulas"),
    [
        (lambda a, b: a / b, ["1 / b", "−n3 / b"]),
        (lambda a, b: a**b, ["b·a^(b − 1)", "n3·log(a)"]),
        (lambda a, b: a**0.5, ["a^−0.5 / 2"]),
        (lambda a, b: np.tanh(a), ["1 − n2²"]),
        (lambda a, b: np.maximum(a, b), ["(a > b) + (a == b) / 2", "(a < b) + (a == b) / 2"]),
        (lambda a, b: a * 0.123456789, ["0.1235"]),
        (lambda a, b: np.floor(a), ["0"]),
        (lambda a, b: np.log2(a), ["1 / (a·log(2))"]),
    ],
)
def test_what_the_column_of_the_formula_says(compute: Callable[..., Value], formulas: list[str]) -> None:
    a, b = Value(1.5, name="a"), Value(2.5, name="b")
    assert [row.formula for row in mg.ledger(compute(a, b)).rows] == formulas


def test_steps_taken_as_one_are_shown_in_parts() -> None:
    kernel = Value(np.ones((2, 1)), name="kernel")
    table = mg.ledger(
        mg.mean_squared_error(np.ones((3, 1)), mg.affine(np.ones((3, 2)), kernel, Value([0.5], name="bias")))
    )
    assert [row.formula for row in table.rows] == ["1 / 3", "2·n5", "1", "1", "1", "[3×2]ᵀ"]


def test_too_long_a_table_is_refused() -> None:
    chain = Value(1.0)
    for _ in range(2001):
        chain = chain * 1.0001
    with pytest.raises(ValueError, match="2,001 edges"):
        mg.ledger(chain)


def test_explain_an_expression(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    picture = tmp_path / "graph.dot"
    assert main(["explain", "(v*x - y)**2", "v=0", "x=2", "y=5", "--nudge", "--draw", str(picture)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("result = 25\n")
    assert "v → n4 = v·x" in text
    assert "moved by 1" in text
    assert "digraph" in picture.read_text(encoding="utf-8")


def test_explain_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "step.py"
    file.write_text("import microgd as mg\nw = mg.Value(0.5, name='w')\nloss = (w * 3.0 - 4.0) ** 2\n")
    assert main(["explain", str(file)]) == 0
    assert "loss = 6.25" in capsys.readouterr().out
    assert main(["explain", str(file), "--result", "nothing"]) == 2
    assert "those it computes: loss" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["v*x", "v=1"], "give it a value, as x=2"),
        (["v*", "v=1"], "is not an expression"),
        (["v*2", "v=one"], "is not NAME=NUMBER"),
        (["1 + 1"], "does not compute with any"),
        (["np.packbits(v)", "v=1"], "no derivative rule"),
        (["__import__('os')", "v=1"], "there is no function __import__"),
        (["nowhere.py"], "nowhere.py is not there"),
        (["v*2", "v=1", "v=2"], "v is given twice"),
        (["v*2", "v=1", "--result", "v"], "is for a file"),
        (["v.nothing", "v=1"], "cannot be computed"),
        (["1/0 + v", "v=1"], "division by zero"),
        (["cosh(v)", "v=1"], "there is no function cosh; there are np and exp"),
        (["v*u", "v=1", "u=2", "--check", "w=2"], "with one of v, u"),
    ],
)
def test_what_explain_refuses(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = (", "line 1: '(' was never closed"),
        ("import microgd as mg\nmg.Value(nothing)", "line 2: NameError: name 'nothing' is not defined"),
        ("import microgd as mg\n1 / 0", "line 2: ZeroDivisionError"),
        ("x = 1", "computes no Value; it needs one"),
    ],
)
def test_what_explain_refuses_of_a_file(
    source: str, message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "step.py"
    file.write_text(source)
    assert main(["explain", str(file)]) == 2
    assert message in capsys.readouterr().err
    assert main(["explain", str(file), "v=1"]) == 2
    assert "has its own values" in capsys.readouterr().err


def test_explain_adds_nothing_to_the_gradients_that_a_file_computes(tmp_path: Path) -> None:
    file, picture = tmp_path / "step.py", tmp_path / "graph.dot"
    file.write_text("import microgd as mg\nv = mg.Value(0.0, name='v')\nloss = (v * 2 - 5) ** 2\nloss.backward()\n")
    assert main(["explain", str(file), "--draw", str(picture)]) == 0
    assert "grad −20" in picture.read_text(encoding="utf-8")


def test_a_formula_to_check_may_use_what_a_file_has_by_name(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "step.py"
    file.write_text(
        "import numpy as np, microgd as mg\nw = mg.Value(np.ones((2, 1)), name='w')\n"
        "x = np.arange(6.0).reshape(3, 2)\nloss = np.mean((x @ w - 1) ** 2)\n"
    )
    assert main(["explain", str(file), "--check", "w = 2*x.T@(x@w - 1)/3"]) == 0
    assert "Right: ∂loss/∂w" in capsys.readouterr().out
    assert main(["explain", str(file), "--check", "w = x.T@(x@w - 1)/3"]) == 1


def test_explain_shows_what_is_not_finite_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "log(v) / v", "v=0"]) == 0  # a warning is an error in tests
    assert "result = -inf" in capsys.readouterr().out


def test_explain_says_in_one_line_that_a_picture_cannot_be_drawn(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["explain", "v*2", "v=1", "--draw", str(tmp_path / "graph.svg")]) == 2
    error = capsys.readouterr().err
    assert "pip install 'microgd[viz]'" in error and error.count("\n") == 1


def test_who_has_read_enough_is_told_nothing() -> None:
    command = [sys.executable, "-m", "microgd", "explain", "v*2", "v=1", "--step"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=10) == 0
    process.stderr.close()


def test_explain_in_steps(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    page = tmp_path / "backprop.html"
    assert main(["explain", "(v*x - y)**2", "v=0", "x=2", "y=5", "--step", "--save", str(page)]) == 0
    text = capsys.readouterr().out
    assert "8/9  ∂result/∂v += ∂result/∂n4 · ∂n4/∂v\n     0 + (−10) × 2 = −20\n" in text
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert main(["explain", "v*2", "v=1", "--save", str(tmp_path / "backprop.svg")]) == 2
    assert "expected .html" in capsys.readouterr().err


def test_in_a_narrow_terminal_lines_are_wrapped_and_none_is_cut() -> None:
    text = mg.step(Value(2.0, name="weight") ** 2).told(2)
    lines = wrapped(text, 30)
    assert max(map(len, lines)) <= 30
    assert " ".join(" ".join(lines).split()) == " ".join(text.split())
    assert lines[2:] == ["     the way back starts at", "     n2: it grows by 1 when it", "     is moved by 1"]
    assert wrapped("", 30) == [] and wrapped("a\n\nb", 30) == ["a", "", "b"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal of Unix")
def test_explain_steps_with_the_keyboard() -> None:
    import pty

    command = [sys.executable, "-m", "microgd", "explain", "v * x", "v=3", "x=2", "--step"]
    terminal, inside = pty.openpty()
    process = subprocess.Popen(command, stdin=inside, stdout=inside, stderr=inside)
    os.close(inside)
    seen = ""

    def wait_for(text: str) -> None:
        nonlocal seen
        while text not in seen:
            seen += os.read(terminal, 4096).decode()
        seen = seen.partition(text)[2]

    wait_for("1/4  result = v·x")
    for key, expected in (("\x1b[C", "2/4"), (" ", "3/4"), ("\x1b[D", "2/4"), ("x", "2/4")):
        os.write(terminal, key.encode())
        wait_for(expected)
    os.write(terminal, b"q")
    assert process.wait(timeout=10) == 0
    os.close(terminal)
