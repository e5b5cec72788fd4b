"""What is taken besides time at work: seconds to import, and memory at the peak. Each measured in processes of its own.

`python -m benchmarks.footprint SYSTEM CHAIN` is one such process: it prints the bytes of (f) at the peak, of the whole
process and of the work alone.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .measure import quartiles
from .systems import MICROGRAD, SYSTEMS
from .workloads.chain import CHAINS, Chain, entries

ROOT = Path(__file__).parents[1]
IMPORTS_OF_PEERS = 3  # they take seconds
STEPS = 3
SIZE_TO_WARM_UP = 10_000
MEGABYTE = 1e6
HOW = "the peak of resident memory (VmHWM) of the whole process, and less what was resident before the work began"


def importing(module: str) -> float:
    """Return the seconds that importing a module takes in a new Python, its start not counted."""
    code = f"from time import perf_counter as now; start = now(); import {module}; print(now() - start)"
    keeping_bytecode = {name: x for name, x in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, env=keeping_bytecode)
    return float(done.stdout)


def import_times(absent: Mapping[str, str], runs: int) -> dict[str, Any]:
    """Return the quartiles of the seconds to import each system, and of the ratio of microgd to NumPy."""
    modules = dict.fromkeys(system.module for system in SYSTEMS.values() if system.name not in absent)
    pair = ("numpy", "microgd")
    for module in modules:
        importing(module)  # so that the bytecode is written and the files are in memory
    samples = {module: [] for module in modules}
    for run in range(runs):
        for module in pair if run % 2 else reversed(pair):
            samples[module].append(importing(module))
    for module in modules:
        if module not in pair:
            samples[module] = [importing(module) for _ in range(min(runs, IMPORTS_OF_PEERS))]
    return {
        "seconds": {module: quartiles(found) for module, found in samples.items()},
        "runs": runs,
        "microgd over numpy": quartiles(np.array(samples["microgd"]) / np.array(samples["numpy"])),
    }


def resident(field: str) -> int:
    """Return a figure about this process's memory in bytes: VmRSS is what it has now, VmHWM the most it had."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {field}")


def peak_of(system: str, name: str) -> tuple[int, int]:
    """Return the bytes of the process at the peak of a workload, and how much of it the workload took.

    Of the second, what a compiler brings with it is not counted: the same is done before with few numbers.
    """
    maker = entries.makers[system][1]
    problem = next(workload.problem for workload in CHAINS if workload.name == name)
    SYSTEMS[system].prepare(__import__(SYSTEMS[system].module))
    maker(Chain(SIZE_TO_WARM_UP, problem.with_tanh)).step()
    _ = problem.array  # the numbers themselves are there for everybody
    gc.collect()
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is from now on
    contestant = maker(problem)
    for _ in range(STEPS):
        contestant.step()
    peak = resident("VmHWM")
    return peak, peak - before


def memory(absent: Mapping[str, str], systems: list[str] | None = None) -> dict[str, Any]:
    """Return the megabytes at the peak of each chain by system, and those that have none, with the reason."""
    if not Path("/proc/self/clear_refs").exists():
        return {"megabytes": {}, "left_out": {"all": "the peak of memory is read from /proc, as Linux has it"}}
    found: dict[str, dict[str, list[float]]] = {}
    out = {MICROGRAD: "has no arrays"}
    # Large arrays come from the system and go back to it, whatever was freed before: else the allocator keeps them.
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": str(1 << 20)}
    for workload in CHAINS:
        found[workload.name] = {}
        for system in systems or entries.makers:
            if system in absent:
                out[system] = absent[system]
                continue
            command = [sys.executable, "-m", "benchmarks.footprint", system, workload.name]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
            if done.returncode:
                out[system] = (done.stderr.strip().splitlines() or ["it failed"])[-1][:120]
            else:
                found[workload.name][system] = [int(number) / MEGABYTE for number in done.stdout.split()]
    return {"megabytes": found, "left_out": out, "how": HOW}


if __name__ == "__main__":
    print(*peak_of(sys.argv[1], sys.argv[2]))
