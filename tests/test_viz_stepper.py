"""The stepper's events: they add up to the gradients for every rule and for random programs, and change nothing."""

from __future__ import annotations

import dataclasses
import gc
import json
import time
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import microgd as mg
from microgd import Value
from microgd.autograd import rules
from microgd.autograd.rules.table import RULES
from microgd.viz import Event, Stepper
from microgd.viz.events import REASONS
from microgd.viz.stepper import table_of
from tests.cases import CASES, Case, numbers
from tests.test_compile import Program, programs
from tests.test_viz_drawing import HOSTILE, book_example

FIRST = {case.function: case for case in reversed(CASES)}  # of each function


def sums_of(events: Iterable[Event]) -> dict[Value, Any]:
    """Return what the contributions add up to, for each Value that any go to."""
    sums: dict[Value, Any] = {}
    for event in events:
        if event.contribution is not None:
            assert event.parent is not None
            sums[event.parent] = sums.get(event.parent, 0.0) + event.contribution
            np.testing.assert_allclose(event.total, sums[event.parent], rtol=1e-12, atol=1e-300)
    return sums


def one_number(result: Any) -> Value:
    """Return the sum of a result with different weights, so that no two of its elements are alike."""
    total: Value = np.sum(result * numbers(result.shape, seed="cotangent")) if result.shape else result * 1.5
    return total


def test_the_books_example_event_by_event() -> None:
    loss = book_example()
    stepper: Stepper = mg.step(loss)
    assert [event.kind for event in stepper] == ["forward"] * 3 + ["seed"] + ["edge"] * 5
    assert [event.numbers for event in stepper][:3] == ["0·2 = 0", "0 − 5 = −5", "(−5)² = 25"]
    assert str(stepper.events[7]).splitlines() == [
        "∂loss/∂v += ∂loss/∂n4 · ∂n4/∂v",
        "0 + (−10) × 2 = −20",
        "∂(v·x)/∂v = x = 2",
        "altogether ∂loss/∂v = 2·(v·x − y)·x",
    ]
    assert [event.contribution for event in stepper][4:] == [-10.0, -10.0, 10.0, -20.0, 0.0]
    assert loss.grad is None
    assert "4/9  ∂loss/∂loss = 1" in str(stepper)
    assert "9 steps" in repr(stepper)


def test_several_paths_are_counted_and_added_up() -> None:
    a = Value(3.0, name="a")
    told = [event.numbers for event in mg.step(a * a * a) if event.parent is a]
    assert told == [
        "0 + 1 × 9 = 9; path 1 of 3, so far 9",
        "9 + 3 × 3 = 18; path 2 of 3, so far 18",
        "18 + 3 × 3 = 27; path 3 of 3, in all 9 + 9 + 9 = 27",
    ]


def test_a_product_of_matrices_and_a_bias_that_was_repeated() -> None:
    kernel, bias = Value(np.ones((2, 3)), name="kernel"), Value(np.zeros(3), name="bias")
    events = [event for event in mg.step(np.sum(mg.affine(np.ones((4, 2)), kernel, bias))) if event.parent is not None]
    whole, product, added, summed = (events[0], events[-1], events[2], events[3])
    assert whole.numbers == "1 × 1, for each of (4,3)"
    assert product.numbers == "(2,3) = (2,4) @ (4,3)"
    assert product.symbols == "∂n5/∂kernel += [4×2]ᵀ @ ∂n5/∂n3"
    assert (added.kind, added.contribution, added.product.shape) == ("edge", None, (4, 3))
    assert (summed.kind, summed.numbers) == ("sum", "(4,3) → (3,)")
    np.testing.assert_array_equal(summed.contribution, [4.0, 4.0, 4.0])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_contributions_add_up_to_the_gradients_for_every_rule(case: Case) -> None:
    leaves = [Value(x) for x in case.args]
    with np.errstate(all="ignore"):
        result = one_number(case.call(*leaves))
        stepper = mg.step(result)
        sums = sums_of(stepper)
        assert all(leaf.grad is None for leaf in leaves)
        result.backward()
    for leaf in leaves:
        np.testing.assert_allclose(sums.get(leaf, np.zeros(leaf.shape)), leaf.grad, rtol=1e-10, atol=1e-12)
    if case is FIRST[case.function]:
        json.dumps(stepper.content())


def test_a_wrong_contribution_is_found() -> None:
    events = mg.step(book_example()).events
    assert sums_of(events)
    events[-2] = dataclasses.replace(events[-2], contribution=events[-2].contribution + 1.0)
    with pytest.raises(AssertionError):
        sums_of(events)


@settings(max_examples=40, deadline=None)
@given(program=programs())
def test_contributions_add_up_to_the_gradients_of_programs(program: Program) -> None:
    a, b = Value(np.array([0.3, -0.6]), name="a"), Value(np.array([0.8, 0.2]), name="b")
    with np.errstate(all="ignore"):
        loss = program(a, b)
        sums = sums_of(mg.step(loss))
        loss.backward()
    for leaf in (a, b):
        np.testing.assert_allclose(sums[leaf], leaf.grad, rtol=1e-10)


def test_gradients_are_left_as_they_are() -> None:
    loss = book_example()
    loss.backward()
    values = [loss, *loss.inputs[:1]]
    before = [value.grad for value in values]
    stepper = mg.step(loss)
    stepper._repr_html_()
    assert [value.grad for value in values] == before


def test_values_that_change_later_do_not_change_what_was_recorded() -> None:
    kernel = Value(np.ones((2, 1)), name="kernel")
    stepper = mg.step(np.sum(np.ones((3, 2)) @ (kernel @ np.ones((1, 1)))))
    before = stepper._repr_html_()
    kernel.data -= 5.0
    assert stepper._repr_html_() == before


def test_the_page_is_the_same_on_every_run() -> None:
    assert mg.step(book_example())._repr_html_().replace("n5", "") == mg.step(book_example())._repr_html_().replace(
        "n5", ""
    )


def test_hostile_names_cannot_leave_the_script() -> None:
    text = mg.step(Value(1.0, name=HOSTILE + "\u2028\u2029") * 2.0)._repr_html_()
    assert text.count("</script") == 1
    assert "<img src=x" not in text
    assert "\u2028" not in text
    assert "\u2029" not in text
    assert len(text) < 60_000


def test_two_thousand_values_make_a_page_and_a_hundred_thousand_are_refused_at_once() -> None:
    value = weight = Value(1.5, name="weight")
    for _ in range(667):
        value = value * 0.999 + weight * 0.001
    page = mg.step(value)._repr_html_()
    assert len(page.encode()) < 2_000_000
    for _ in range(98_000):
        value = value + 1e-9
    gc.collect()
    start = time.perf_counter()
    with pytest.raises(ValueError, match=r"more than the 5,000 that can be stepped through\. Take an inner Value"):
        mg.step(value)
    assert time.perf_counter() - start < 1.0  # the limit that the issue gives


@pytest.mark.parametrize("power", [0.5, -1.0])
def test_an_infinite_slope_is_shown_as_one(power: float) -> None:
    with np.errstate(all="ignore"):
        value = Value(0.0) ** power
        events = mg.step(value).events
        value.backward()
    assert events[-1].contribution == value.inputs[0].grad
    assert events[-1].numbers.endswith("inf")


def test_many_paths_are_not_all_written_out() -> None:
    a = Value(2.0, name="a")
    last = mg.step(a + a + a + a + a + a + a + a).events[-1]
    assert last.numbers == "7 + 1 × 1 = 8; path 8 of 8, in all 1 + 1 + 1 + 1 + … + 1 = 8"


def test_what_cannot_be_stepped_through() -> None:
    with pytest.raises(RuntimeError, match="nothing was recorded"):
        mg.step(Value(1.0))
    with pytest.raises(ValueError, match="needs one number"):
        mg.step(Value(np.ones(3)) * 2.0)


@pytest.mark.parametrize(
    ("compute", "text"),
    [
        (lambda v: v * -2, "v·(−2)"),
        (lambda v: v - -2.0, "v − (−2)"),
        (lambda v: v**-2, "v⁻²"),
        (lambda v: v**-0.5, "v^−0.5"),
        (lambda v: (-2.0) ** v, "(−2)^v"),
        (lambda v: np.abs(v * (1 + 2j)), "v·(1 + 2i)"),
    ],
)
def test_constants_with_a_sign_stand_in_brackets(compute: Any, text: str) -> None:
    with np.errstate(invalid="ignore"):
        assert mg.step(compute(Value(3.0, name="v"))).events[0].symbols == f"n2 = {text}"


def test_each_reason_is_that_of_a_rule() -> None:
    for file in Path(rules.__file__).parent.glob("*.py"):
        if file.stem not in ("__init__", "special"):  # the latter needs SciPy
            import_module(f"{rules.__name__}.{file.stem}")
    assert set(REASONS) <= {rule.name for rule in RULES.values()}
    kernel = Value(np.ones((3, 1)), name="kernel")
    last = mg.step(np.sum(np.ones((2, 3)) @ kernel)).events[-1]
    assert last.why == "in [2×3] @ kernel the other factor multiplies kernel; transposed, it takes the gradient back"


def test_what_is_told_holds_no_character_that_controls_a_terminal() -> None:
    assert "\x1b" not in str(mg.step(Value(1.0, name="\x1b[2J\x07") * 2.0))


def test_the_way_forward_shows_its_arrays() -> None:
    stepper = mg.step(np.sum(np.ones((2, 3)) @ Value(np.ones((3, 1)), name="kernel") * 2.0))
    product, doubled, whole = (stepper.parts(event) for event in stepper.events[:3])
    assert [part if isinstance(part, str) else part[0] for part in product] == ["[2×3]", "@", "kernel", "=", "n2"]
    assert [part if isinstance(part, str) else part[0] for part in doubled] == ["n2", "·", "", "=", "n3"]
    assert [part if isinstance(part, str) else part[0] for part in whole] == ["n3", "→", "n4"]


def test_a_large_array_is_shown_by_the_largest_of_each_block() -> None:
    data = np.zeros((80, 100))
    data[41, 55] = -3.0
    table = table_of(data)
    assert (len(table["cells"]), len(table["cells"][0]), table["whole"]) == (8, 10, False)
    assert [text for line in table["cells"] for text in line if text != "0"] == ["−3"]
    assert table["cells"][4][5] == "−3"


def test_saving(tmp_path: Path) -> None:
    path = mg.step(book_example()).save(tmp_path / "backprop.html")
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert "Backpropagation: loss" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    with pytest.raises(ValueError, match=r"expected \.html"):
        mg.step(book_example()).save(tmp_path / "backprop.svg")


def test_without_graphviz_it_still_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any) -> bytes:
        raise mg.viz.DrawingError("there is no Graphviz")

    monkeypatch.setattr("microgd.viz.drawing.Drawing.render", missing)
    text = mg.step(book_example())._repr_html_()
    assert "pip install &#x27;microgd[viz]&#x27;" in text
    assert "v → n4 = v·x" in text


def test_an_event_says_what_it_is() -> None:
    event: Event = mg.step(book_example()).events[0]
    assert str(event) == "n4 = v·x\n0·2 = 0\nfor the way back: ∂n4/∂v = x, ∂n4/∂x = v"
