"""The benchmark suite: it runs, it compares what it times, and it is not fooled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.measure import Effort, race, ratio
from benchmarks.workload import Contestant, Disagreement, Entries, Workload

ROOT = Path(__file__).parents[1]


def run(*arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_short_run_prints_its_tables_and_writes_what_it_found(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    printed = run("--quick", "--only", "a,d", "--rounds", "2", "--json", str(file))
    found = json.loads(file.read_text())
    assert "| **microgd eager**" in printed
    assert "### Targets" in printed
    assert [workload["name"] for workload in found["workloads"]] == ["a", "d", "d by hand"]
    assert all(bits is True for workload in found["workloads"] for bits in workload["bits"].values())
    assert found["made"]["quick"] is True
    assert run("--again", str(file)).strip() == printed.strip()


def test_an_unknown_workload_is_named() -> None:
    command = [sys.executable, "-m", "benchmarks", "--only", "a,z"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "there is no z" in done.stderr


def answering(answer: float) -> Any:
    return lambda problem: Contestant(lambda: answer, lambda result: [result])


def workload(*answers: float) -> Workload:
    entries = Entries()
    entries.makers = {f"system {place}": (f"system {place}", answering(answer)) for place, answer in enumerate(answers)}
    return Workload("t", "t", "a task", None, entries)


def test_systems_that_compute_something_else_are_not_timed() -> None:
    workload(1.0, 1.0 + 1e-12).run({}, Effort(sample=1e-5, rounds=1))
    with pytest.raises(Disagreement, match="system 1 and system 0 differ by 1"):
        workload(1.0, 1.0 + 1e-6).run({}, Effort(sample=1e-5, rounds=1))


def test_a_peer_that_is_missing_or_fails_is_named_and_the_rest_runs() -> None:
    task = workload(1.0, 1.0, 1.0)

    def broken(problem: Any) -> Contestant:
        raise RuntimeError("no compiler here")

    task.entries.makers["system 1"] = ("system 1", broken)
    found, samples = task.run({"system 2": "not installed"}, Effort(sample=1e-5, rounds=1))
    assert found["left_out"] == {"system 1": "RuntimeError: no compiler here", "system 2": "not installed"}
    assert list(samples) == ["system 0"]


def test_a_race_takes_turns_and_its_ratios_are_those_of_a_round() -> None:
    order: list[str] = []
    samples = race({name: partial(order.append, name) for name in "ab"}, Effort(sample=0.0, rounds=2))
    assert [len(found) for found in samples.values()] == [2, 2]
    assert order.index("b") > order.index("a")
    assert order[-1] == "a"  # the second round begins with the other
    found = ratio({"a": np.array([1.0, 4.0]), "b": np.array([2.0, 2.0])}, "a", "b")
    assert found is not None
    assert found[1] == 1.25
