"""The page of functions that have derivatives says what the tables say."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from microgd.autograd.rules.table import COMPOSITE, RULES, full_name
from tests import coverage_table
from tests.cases.conventions import CONVENTIONS

whole = pytest.mark.skipif(
    not hasattr(np, "matvec") or importlib.util.find_spec("scipy") is None,
    reason="the page is written with SciPy and NumPy 2.2 or newer",
)


@whole
def test_the_stored_page_is_what_the_tables_say() -> None:
    assert coverage_table.PAGE.read_text(encoding="utf-8") == coverage_table.page(), (
        f"the tables have changed: run `{coverage_table.COMMAND}`"
    )


def test_every_function_and_every_convention_is_on_the_page() -> None:
    page = coverage_table.page()
    for function in (*RULES, *COMPOSITE):
        assert f"\n| `{full_name(function)}`" in page
    for convention in CONVENTIONS:
        assert str(convention) in page
    lines = [text for text in page.splitlines() if text.startswith("| `")]
    assert all(text.count(" | ") == 5 for text in lines), "a cell is missing, or has a bar in it"
    assert len(lines) == len({*RULES, *COMPOSITE}), "two functions go by one name"


def test_a_line_says_what_the_cases_are() -> None:
    line = coverage_table.line(np.sqrt)
    assert line.startswith("| `np.sqrt` | row | 1, 2 | number, empty, length 1, 1 to 3 axes | 0.3 to 3.0 | at 0: inf; ")
    assert coverage_table.line(np.floor).startswith("| `np.floor` | zero |")
    assert coverage_table.line(np.conjugate).startswith("| `np.conjugate`, `np.conj` | row |")
    assert coverage_table.line(np.tile).startswith("| `np.tile` | steps |")
