"""How a step on Dask grows with workers, rows and parameters: measured, and as a model of its cost.

    python -m benchmarks.distributed [--quick]

Clusters of one and of two worker processes stand side by side and take turns, so that what else the machine does is
done to both. The figures go to `distributed.json`, and as tables into `DISTRIBUTED.md`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import platform
import re
import statistics
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import microgd as mg

from .report import BEGIN, END, digits, duration, table

HERE = Path(__file__).parent
WORKERS = (1, 2)
WARM_UP = 5  # steps of a fit that are not counted: the first few are not compiled yet
COUNTED = 8  # steps of a fit
FAN_IN = 4  # of the tree that sums gradients, as in microgd.distributed


@dataclass
class Case:
    """A model, and the rows of one step."""

    name: str
    kind: str  # what it is there to show
    hidden: tuple[int, ...]
    blocks: int
    rows: int  # in a block
    seconds: dict[str, list[float]] = field(default_factory=dict)  # by workers: the median step of each round

    def model(self) -> mg.Sequential:
        model = mg.Sequential([*(mg.Dense(units, "relu") for units in self.hidden), mg.Dense(1)], seed=0)
        model.compile(mg.SGD(1e-4), "mse")
        return model

    @property
    def parameters(self) -> int:
        widths = (20, *self.hidden, 1)
        return sum(a * b + b for a, b in itertools.pairwise(widths))


def hops(workers: int, blocks: int) -> float:
    """Return how often all parameters are handed on in a step, one time after the other."""
    levels = math.ceil(math.log(blocks, FAN_IN)) if blocks > 1 else 0
    return 3 + math.log2(workers) + (FAN_IN - 1) * levels


def cases(quick: bool) -> list[Case]:
    counts = (1, 4, 16) if quick else (1, 2, 4, 8, 16)
    found = [Case(f"linear, {k} blocks", "latency", (), k, 1_000) for k in counts]
    counts = (4,) if quick else (2, 8)
    found += [Case(f"2 million weights, {k} blocks", "transport", (1000, 2000), k, 8) for k in counts]
    less = 8 if quick else 1
    found.append(Case("linear, 8 large blocks", "compute", (), 8, 250_000 // less))
    found.append(Case("perceptron 200-200", "compute", (200, 200), 8, 8_000 // less))
    return found


def steps_of(case: Case, client: Any) -> list[float]:
    """Return the seconds of each step of a fit on a cluster, but for the first few."""
    import dask.array as da

    shape, chunks = (case.blocks * case.rows, 20), (case.rows, 20)
    x = client.persist(da.random.default_rng(0).normal(size=shape, chunks=chunks))
    y = client.persist(x.sum(axis=1))
    client.wait_for_workers(1)
    times: list[float] = []
    callback = mg.LambdaCallback(on_batch_end=lambda batch, logs: times.append(time.perf_counter()))
    epochs = WARM_UP + COUNTED + 1
    case.model().fit(x, y, len(x), epochs, shuffle=False, verbose=0, callbacks=callback, client=client)
    return [b - a for a, b in zip(times[WARM_UP:], times[WARM_UP + 1 :], strict=False)]


def seconds_per_row(case: Case, client: Any) -> float:
    """Return the seconds that a worker computes for a row of a case, with nothing else going on in the cluster."""
    return float(client.submit(timed_gradients, case, pure=False).result())


def timed_gradients(case: Case) -> float:
    from microgd.distributed.gradients import Part, sums_of
    from microgd.distributed.training import recipe_of

    x = np.random.default_rng(0).normal(size=(case.rows, 20))
    y = x.sum(axis=1, keepdims=True)
    model = case.model()
    model.output_shape(x)
    parameters = model.trained()
    recipe, weights = recipe_of(model, parameters), [parameter.data for parameter in parameters]
    times = []
    for _ in range(WARM_UP + COUNTED):
        start = time.perf_counter()
        sums_of(recipe, weights, x, y, None, Part(0, 0, 0, case.rows), case.rows, False)
        times.append(time.perf_counter() - start)
    return statistics.median(times[WARM_UP:]) / case.rows


def measure(quick: bool, rounds: int) -> dict[str, Any]:
    from distributed import Client, LocalCluster

    began, load = time.time(), os.getloadavg()
    clients = {}
    for workers in WORKERS:
        cluster = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0")
        clients[workers] = Client(cluster, set_as_default=False)
    done = cases(quick)
    per_row: dict[str, list[float]] = {case.name: [] for case in done if case.kind == "compute"}
    for turn in range(rounds):
        for case in done:
            for workers in WORKERS[:: -1 if turn % 2 else 1]:
                steps = steps_of(case, clients[workers])
                case.seconds.setdefault(str(workers), []).append(statistics.median(steps))
            if case.kind == "compute":
                per_row[case.name].append(seconds_per_row(case, clients[1]))
    for client in clients.values():
        client.cluster.close()
        client.close()
    import dask

    return {
        "cases": [asdict(case) | {"parameters": case.parameters} for case in done],
        "seconds per row": {name: statistics.median(found) for name, found in per_row.items()},
        "rounds": rounds,
        "quick": quick,
        "date": time.strftime("%Y-%m-%d"),
        "took": time.time() - began,
        "load": [load[0], os.getloadavg()[0]],
        "cores": len(os.sched_getaffinity(0)),
        "versions": {"Python": platform.python_version(), "NumPy": np.__version__, "Dask": dask.__version__},
    }


def median(case: Mapping[str, Any], workers: int) -> float:
    return statistics.median(case["seconds"][str(workers)])


def fitted(results: Mapping[str, Any]) -> dict[str, float]:
    """Return the constants of the model: fixed and per block seconds of a step, and seconds to hand on a parameter."""
    latency = [(c["blocks"], median(c, w)) for c in results["cases"] if c["kind"] == "latency" for w in WORKERS]
    blocks, seconds = np.array(latency).T
    per_block, fixed = np.polyfit(blocks, seconds, 1)
    per_hop = [
        (median(c, w) - fixed - per_block * c["blocks"]) / (c["parameters"] * hops(w, c["blocks"]))
        for c in results["cases"]
        if c["kind"] == "transport"
        for w in WORKERS
    ]
    return {"fixed": float(fixed), "block": float(per_block), "hop": statistics.median(per_hop)}


def predicted(
    model: Mapping[str, float], workers: int, blocks: int, rows: float, row: float, parameters: float
) -> float:
    """Return the seconds of a step: latency, reduce and compute."""
    latency = model["fixed"] + model["block"] * blocks
    return latency + model["hop"] * parameters * hops(workers, blocks) + row * rows / workers


def best(model: Mapping[str, float], rows: float, row: float, parameters: float) -> tuple[int, float]:
    """Return at how many workers, each with one block, a step is fastest, and how much faster than on one."""
    counts = sorted({int(2 ** (k / 4)) for k in range(49)})
    times = {w: predicted(model, w, w, rows, row, parameters) for w in counts}
    fastest = min(times, key=lambda w: times[w])
    return fastest, times[1] / times[fastest]


def overtaking(model: Mapping[str, float], row: float) -> float:
    """Return from how many rows in a step two workers are faster than one process that needs no Dask."""
    return 2 * (model["fixed"] + 2 * model["block"]) / row


def tables(results: Mapping[str, Any]) -> str:
    """Return the results as Markdown."""
    model = fitted(results)
    rows = []
    for case in results["cases"]:
        row = results["seconds per row"].get(case["name"], 0.0)
        whole = case["blocks"] * case["rows"]
        cells = [case["name"], f"{whole:,}", f"{case['parameters']:,}"]
        for workers in WORKERS:
            guess = predicted(model, workers, case["blocks"], whole, row, case["parameters"])
            cells += [duration(median(case, workers)), duration(guess)]
        fewest = [min(case["seconds"][str(workers)]) for workers in WORKERS]
        rows.append([*cells, digits(median(case, 1) / median(case, 2)), digits(fewest[0] / fewest[1])])
    head = ["step", "rows", "parameters", "1 worker", "model", "2 workers", "model", "1 → 2", "best rounds"]
    linear, perceptron = results["seconds per row"].values()
    scaling = []
    for name, row, parameters in (("linear, 20 features", linear, 21), ("perceptron 200-200", perceptron, 44_601)):
        for count in (10**5, 10**6, 10**7, 10**8):
            workers, gain = best(model, count, row, parameters)
            scaling.append([name, f"{count:,}", f"{workers:,}", digits(gain), f"{digits(100 * gain / workers)} %"])
    for parameters in (10**6, 10**7, 10**8):
        workers, gain = best(model, 10**6, perceptron * parameters / 44_601, parameters)
        name = f"a perceptron of {parameters:,}"
        scaling.append([name, "1,000,000", f"{workers:,}", digits(gain), f"{digits(100 * gain / workers)} %"])
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    return "\n\n".join(
        [
            f"Measured {results['date']}, {results['cores']} cores, {versions}; medians of {results['rounds']} rounds; "
            f"load average {results['load'][0]:.1f} before and {results['load'][1]:.1f} after; "
            f"{results['took']:.0f} s.",
            table(head, rows),
            f"Constants: latency {duration(model['fixed'])} a step and {duration(model['block'])} a block; "
            f"{duration(model['hop'])} to hand on one parameter; {duration(linear)} to compute a row of the linear "
            f"model, {duration(perceptron)} one of the perceptron.",
            "Two workers on Dask overtake one process without it, by the model, from "
            f"{overtaking(model, linear):,.0f} rows in a step of the linear model, and from "
            f"{overtaking(model, perceptron):,.0f} in one of the perceptron.",
            "Where it stops paying: by the model, the number of workers, each with one block, at which a step of so "
            "many rows is fastest, how much faster than on one worker, and what part of the workers that is.",
            table(["step", "rows", "workers", "faster", "of the workers"], scaling),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="smaller, and nothing is written")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--report", action="store_true", help="write the tables anew from distributed.json")
    options = parser.parse_args()
    file, text = HERE / "distributed.json", HERE / "DISTRIBUTED.md"
    results = json.loads(file.read_text()) if options.report else measure(options.quick, options.rounds)
    print(tables(results))
    if not options.quick:
        file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        whole = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
        new = whole.sub(lambda _: f"{BEGIN}\n{tables(results)}\n{END}", text.read_text(encoding="utf-8"))
        text.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
