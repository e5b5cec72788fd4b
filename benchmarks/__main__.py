"""The command: `python -m benchmarks --help`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .footprint import import_times, memory
from .growth import growth
from .measure import Effort, Samples
from .plot import draw
from .report import as_text, write_readme
from .systems import MICROGD, TORCH, missing, versions
from .targets import targets
from .workloads import WORKLOADS
from .workloads.houses import HOUSES, install_tensorflow_js

HERE = Path(__file__).parent
FULL = Effort(sample=0.01, budget=16.0)
QUICK = Effort(sample=0.003, budget=1.5, quick=True)
IMPORT_RUNS, QUICK_IMPORT_RUNS = 41, 11
OTHERS = ("growth", "memory", "import")
KEYS = (*dict.fromkeys(workload.key for workload in WORKLOADS), *OTHERS)


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Time microgd and its peers on the same tasks. A full run writes benchmarks/results.json and .png.",
    )
    parser.add_argument("--only", metavar="KEYS", help=f"some of {','.join(KEYS)}, separated by commas")
    parser.add_argument("--rounds", type=int, help="rounds a workload; by default what some seconds allow")
    parser.add_argument("--quick", action="store_true", help="a minute instead of ten: fewer rounds, nothing slow")
    parser.add_argument("--json", metavar="PATH", type=Path, help="where to write the results")
    parser.add_argument("--plot", metavar="PATH", type=Path, help="where to draw them")
    parser.add_argument("--readme", action="store_true", help="put the tables into benchmarks/README.md as well")
    parser.add_argument("--again", metavar="PATH", type=Path, help="report on results written before; measure nothing")
    parser.add_argument("--install-tfjs", action="store_true", help="get TensorFlow.js by npm, into build/, and stop")
    found = parser.parse_args()
    found.only = tuple(found.only.split(",")) if found.only else KEYS
    if unknown := sorted(set(found.only) - set(KEYS)):
        parser.error(f"--only: there is no {', '.join(unknown)}; choose from {', '.join(KEYS)}")
    if found.rounds is not None and found.rounds < 1:
        parser.error("--rounds takes a number from 1")
    if found.only == KEYS and not found.quick and found.again is None:  # only a full run replaces what is kept
        found.json = found.json or HERE / "results.json"
        found.plot = found.plot or HERE / "results.png"
    return found


def machine() -> str:
    """Return what the processor is called."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def load() -> float:
    """Return how many processes have wanted to run in the last minute."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


def say(text: str) -> None:
    """Tell the person who waits what is being done."""
    print(text, file=sys.stderr, flush=True)


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Measure what was asked for, and return all there is to report."""
    start, load_before = time.perf_counter(), load()
    settings = QUICK if asked.quick else FULL
    effort = Effort(settings.sample, settings.budget, asked.rounds, settings.quick)
    absent = missing()
    for name, reason in absent.items():
        say(f"{name}: {reason}")
    samples: dict[str, Samples] = {}
    results: dict[str, Any] = {"workloads": []}
    for workload in WORKLOADS:
        if workload.key in asked.only:
            say(f"({workload.name}) {workload.title} ...")
            found, samples[workload.name] = workload.run(absent, effort)
            results["workloads"].append(found)
    if "growth" in asked.only:
        say("growth with nodes, rows and features ...")
        results["growth"] = growth(absent, effort)
    if "memory" in asked.only:
        say("peak memory ...")
        results["memory"] = memory(absent, [MICROGD, TORCH] if asked.quick else None)
    if "import" in asked.only:
        say("import time ...")
        results["import"] = import_times(absent, QUICK_IMPORT_RUNS if asked.quick else IMPORT_RUNS)
    results["targets"] = targets(samples, results)
    results["made"] = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "seconds": time.perf_counter() - start,
        "quick": asked.quick,
        "machine": machine(),
        "cores": os.cpu_count(),
        "platform": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load": [load_before, load()],
        "versions": versions(),
        "missing": absent,
        "houses": HOUSES.problem.source,
    }
    return results


def main() -> None:
    """Run the command."""
    asked = arguments()
    if asked.install_tfjs:
        install_tensorflow_js()
        return
    warnings.filterwarnings("ignore", module="torch")  # advice on how to compile
    text = json.dumps(measure(asked), indent=1, ensure_ascii=False) if asked.again is None else asked.again.read_text()
    results = json.loads(text)  # what is reported is what is kept
    if asked.json is not None:
        asked.json.write_text(text.rstrip() + "\n")
    print(as_text(results))
    if asked.readme:
        write_readme(results)
    if asked.plot is not None:
        draw(results, asked.plot)


if __name__ == "__main__":
    main()
