"""The notebooks: all there, with their outputs, and the outputs are what comes out when they are run again."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from tests.notebooks import FOLDER, executed
from tests.test_worked_examples import W2, W3, W4, boston_path

ROOT = FOLDER.parent
NAMES = [
    "01_error_and_weight",
    "02_gradient_descent",
    "03_backprop_edge_by_edge",
    "04_order_and_paths",
    "05_one_and_two_weights",
    "06_several_features",
    "07_a_small_network",
    "08_the_compiled_step",
]
LARGEST = 1_000_000  # bytes
AGAIN = "If that is right, store it: MICROGD_DATA=... python -m tests.notebooks"
FOLDER_OF_A_COMPUTER = re.compile(r"/(?:home|root|tmp|work|usr|Users|var)/|[A-Z]:\\\\")
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d*)?(?:e[+-]\d+)?(?![\w])")


def notebook(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))


def code_cells(name: str) -> list[Any]:
    return [cell for cell in notebook(name)["cells"] if cell["cell_type"] == "code"]


def texts(cells: list[Any]) -> list[str]:
    """Return what each cell prints and shows as text."""
    found = []
    for cell in cells:
        parts = (output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell["outputs"])
        found.append("".join(part if isinstance(part, str) else "".join(part) for part in parts))
    return found


def kinds(cell: Any) -> set[str]:
    """Return what a cell has put out: "stream", "image/png"; how often a stream was sent on is chance."""
    return {kind for output in cell["outputs"] for kind in output.get("data", [output["output_type"]])}


def same(one: str, other: str) -> bool:
    """Return whether two texts are the same, but for the last digit of a number, which may differ between computers."""
    if NUMBER.sub("#", one) != NUMBER.sub("#", other):
        return False
    for a, b in zip(NUMBER.findall(one), NUMBER.findall(other), strict=True):
        mantissa, _, exponent = a.partition("e")
        decimals = mantissa.partition(".")[2]
        last_digit = 10.0 ** (int(exponent or 0) - len(decimals)) if decimals else 0.0
        if not math.isclose(float(a), float(b), rel_tol=1e-9, abs_tol=1.01 * last_digit):
            return False
    return True


def test_the_folder_holds_the_eight_notebooks() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_stored_as_it_came_out_of_one_run(name: str) -> None:
    path = FOLDER / f"{name}.ipynb"
    cells = code_cells(name)
    assert path.stat().st_size < LARGEST
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert outputs and not [output for output in outputs if output["output_type"] == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert notebook(name)["metadata"]["kernelspec"]["name"] == "python3"


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_names_no_folder_of_a_computer(name: str) -> None:
    written = (FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")
    assert not FOLDER_OF_A_COMPUTER.findall(written)
    assert FOLDER_OF_A_COMPUTER.findall(written.replace("microgd", "/home/me/microgd"))


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_notebooks_that_are_there(name: str) -> None:
    text = "\n".join("".join(cell["source"]) for cell in notebook(name)["cells"] if cell["cell_type"] == "markdown")
    links = re.findall(r"\]\(([^)]*)\)", text)
    assert links and all((FOLDER / link).exists() for link in links)
    place = NAMES.index(name) + 1
    assert links[-1] == f"{NAMES[place % len(NAMES)]}.ipynb"


def test_the_readme_links_to_each_notebook() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"(notebooks/{name}.ipynb)" in readme for name in NAMES)


def test_each_picture_has_something_to_show_where_no_script_runs() -> None:
    steppers = [
        "".join(output["data"]["text/html"])
        for name in NAMES
        for cell in code_cells(name)
        if re.search(r"^mg\.step\(", "".join(cell["source"]), flags=re.MULTILINE)
        for output in cell["outputs"]
    ]
    assert len(steppers) == 3
    for html in steppers:
        before_the_script = html.partition("<script>")[0]
        assert "data:image/svg+xml;base64," in before_the_script
        assert "from → to" in before_the_script


def digits(rows: list[tuple[int, float, float]]) -> list[str]:
    return [f"{x}" for row in rows for x in row[1:]]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("01_error_and_weight", ["1.5", "6.25", *digits(W2), "1.3000000000000007"], id="W1 and W2"),
        pytest.param("02_gradient_descent", [*digits(W3), *digits(W4), "1.3333333333333333"], id="W3 and W4"),
        pytest.param("02_gradient_descent", ["18.0", "0.1111", "0.0556", "64", "0.01"], id="W5"),
        pytest.param("03_backprop_edge_by_edge", ["25.0", "-10.0", "-20.0", "0.2", "2.500000"], id="W8"),
        pytest.param("04_order_and_paths", ["24.7040816327", "138.8338192420", "645.5772594752"], id="free numbers"),
        pytest.param(
            "06_several_features",
            ["22.429681439", "22.5328", "-3.9381", "-3.1360", "2.5677", "2.5174", "-2.1715"],
            id="W10",
        ),
    ],
)
def test_the_worked_examples_are_there_digit_for_digit(name: str, expected: list[str]) -> None:
    shown = set(NUMBER.findall("\n".join(texts(code_cells(name)))))
    assert not [number for number in expected if number not in shown]


def test_what_the_notebooks_say_of_common_slips() -> None:
    words = " ".join(
        "".join(cell["source"]) for name in NAMES for cell in notebook(name)["cells"] if cell["cell_type"] == "markdown"
    )
    shown = "\n".join(text for name in NAMES for text in texts(code_cells(name)))
    assert "the function is quadratic" in words
    assert "the factor 2 from the square is lost" in shown
    assert "times the **upstream**" in words and "x times upstream: -20.0" in shown
    assert "it is `model.compile`" in words
    assert "points **uphill**" in words
    assert "*lower status*" in words


def test_same_tells_a_digit_from_another() -> None:
    assert same("loss 0.4116 in 40 steps", "loss 0.4117 in 40 steps")
    assert same("1.298074214633707e+35", "1.2980742146337069e+35")
    assert not same("loss 0.4116", "loss 0.4118")
    assert not same("loss 0.4116", "the loss 0.4116")
    assert not same("True", "False")
    assert not same("20 steps", "21 steps")


def test_the_notebooks_give_what_is_stored_when_they_are_run_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("nbclient", reason="nbclient is not installed; the extra `dev` has it")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed; the extra `dev` has it")
    pytest.importorskip("pygraphviz", reason="the extra `viz` is not installed")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    boston = boston_path()
    if boston:
        monkeypatch.setenv("MICROGD_DATA", str(boston.parent))
    for name in NAMES:
        stored = code_cells(name)
        again = executed(FOLDER / f"{name}.ipynb", tmp_path)
        found = [cell for cell in again.cells if cell.cell_type == "code"]
        for old, new, was, now in zip(stored, found, texts(stored), texts(found), strict=True):
            tags = old["metadata"].get("tags", [])
            if "timing" in tags or ("boston" in tags and not boston):
                continue
            source = "".join(old["source"])
            place = f"{name}, cell {old['execution_count']}"
            assert same(was, now), f"{place}:\n{source}\nwas:\n{was}\nis now:\n{now}\n{AGAIN}"
            assert kinds(old) == kinds(new), place
