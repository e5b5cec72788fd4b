"""The README tells the truth: its code runs and prints what it says, and CI runs its test command."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
PYTHON = [body for language, body in BLOCKS if language == "python"]
SHELL = [body for language, body in BLOCKS if language == "sh"]


def test_there_is_something_to_run() -> None:
    assert len(PYTHON) >= 4
    assert len(SHELL) >= 2


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_code_blocks_run_and_print_what_they_say(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    block = PYTHON[number]
    examples = doctest.DocTestParser().get_doctest(block, {}, f"README block {number}", "README.md", 0)
    if examples.examples:
        result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS).run(examples)
        assert result.failed == 0
    else:
        exec(compile(block, f"README block {number}", "exec"), {})


def test_ci_runs_the_test_command_of_the_readme() -> None:
    command = SHELL[1].strip()
    assert "pytest" in command
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
