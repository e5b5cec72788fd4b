"""How a step on Dask grows with workers, rows and parameters: measured, and as a model of its cost.

    python -m benchmarks.distributed [--quick]

Clusters of one and of two worker processes stand side by side and take turns, so that what else the machine does is
done to both. The model's constants come from the cluster of one worker; what it says of two is a prediction. The
figures go to `distributed.json`, and as tables between the markers of `DISTRIBUTED.md`, which explains the model.
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
FEATURES = 20
WORKERS = (1, 2)
WARM_UP = 5  # steps of a fit that are not counted: the first few are not compiled yet
COUNTED = 8  # steps of a fit
FAN_IN = 4  # of the tree that sums gradients, as in microgd.distributed
NEAR = 0.25  # how far from the model a measurement may be to count as near it


@dataclass
class Case:
    """A model, and the rows of one step."""

    name: str
    finds: str  # which constants of the cost are found from it; "" if it is only predicted
    hidden: tuple[int, ...]
    blocks: int
    rows: int  # in a block
    seconds: dict[str, list[float]] = field(default_factory=dict)  # by workers: the median step of each round
    cores: dict[str, list[float]] = field(default_factory=dict)  # by workers: how many all the processes kept busy
    rows_alone: list[float] = field(default_factory=list)  # seconds of a worker for a row, with nothing else going on

    def model(self) -> mg.Sequential:
        model = mg.Sequential([*(mg.Dense(units, "relu") for units in self.hidden), mg.Dense(1)], seed=0)
        model.compile(mg.SGD(1e-4), "mse")
        return model

    @property
    def row(self) -> float:
        return statistics.median(self.rows_alone) if self.rows_alone else 0.0

    @property
    def parameters(self) -> int:
        return sum(a * b + b for a, b in itertools.pairwise((FEATURES, *self.hidden, 1)))


def cases(quick: bool) -> list[Case]:
    less = 8 if quick else 1
    return [
        *(Case(f"linear, blocks: {k}", "latency", (), k, 1_000) for k in (1, 4, 16)),
        *(Case(f"2 million weights, blocks: {k}", "transport", (1000, 2000), k, 8) for k in (2, 8)),
        Case("linear, large blocks: 8", "", (), 8, 250_000 // less),
        Case("perceptron 200-200, blocks: 8", "", (200, 200), 8, 8_000 // less),
    ]


# Measuring ------------------------------------------------------------------------------------------------------------


def measure(quick: bool, rounds: int) -> dict[str, Any]:
    import dask
    from distributed import Client, LocalCluster

    began, load = time.time(), os.getloadavg()
    clients = {}
    for workers in WORKERS:
        cluster = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0")
        clients[workers] = Client(cluster, set_as_default=False)
    done = cases(quick)
    for turn in range(rounds):
        for case in done:
            for workers in WORKERS[:: -1 if turn % 2 else 1]:
                seconds, cores = step_of(case, clients[workers])
                case.seconds.setdefault(str(workers), []).append(seconds)
                case.cores.setdefault(str(workers), []).append(cores)
            if not case.finds:
                case.rows_alone.append(clients[1].submit(seconds_per_row, case, pure=False).result())
    for client in clients.values():
        client.cluster.close()
        client.close()
    return {
        "cases": [asdict(case) for case in done],
        "rounds": rounds,
        "date": time.strftime("%Y-%m-%d"),
        "took": time.time() - began,
        "load": [load[0], os.getloadavg()[0]],
        "cores": len(os.sched_getaffinity(0)),
        "versions": {"Python": platform.python_version(), "NumPy": np.__version__, "Dask": dask.__version__},
    }


def step_of(case: Case, client: Any) -> tuple[float, float]:
    """Return the seconds of a step of a fit on a cluster, the median, and how many cores it kept busy."""
    import dask.array as da

    shape, chunks = (case.blocks * case.rows, FEATURES), (case.rows, FEATURES)
    x = client.persist(da.random.default_rng(0).normal(size=shape, chunks=chunks))
    y = client.persist(x.sum(axis=1))
    times: list[float] = []
    used: list[float] = []

    def after(batch: int, logs: Any) -> None:
        if len(times) == WARM_UP:
            used.append(processor_seconds(client))
        times.append(time.perf_counter())

    epochs = WARM_UP + COUNTED + 1  # of one step each
    watch = mg.LambdaCallback(on_batch_end=after)
    case.model().fit(x, y, len(x), epochs, shuffle=False, verbose=0, callbacks=watch, client=client)
    busy = (processor_seconds(client) - used[0]) / (time.perf_counter() - times[WARM_UP])
    return statistics.median(b - a for a, b in itertools.pairwise(times[WARM_UP:])), busy


def processor_seconds(client: Any) -> float:
    """Return the processor time that the workers have had, and this process, in which the scheduler is too."""
    return time.process_time() + float(sum(client.run(time.process_time).values()))


def seconds_per_row(case: Case) -> float:
    """Return the seconds that this process computes for a row of a case."""
    from microgd.distributed.gradients import Part, sums_of
    from microgd.distributed.training import recipe_of

    x = np.random.default_rng(0).normal(size=(case.rows, FEATURES))
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


# The model of the cost ------------------------------------------------------------------------------------------------


@dataclass
class Cost:
    """What a step takes, in seconds; see DISTRIBUTED.md."""

    fixed: float  # for a step
    block: float  # for a block
    hop: float  # to hand one parameter on to another process
    touch: float  # to copy a parameter, and to write and add its gradient, for a block

    def step(self, workers: int, blocks: int, rows: float, row: float, parameters: float) -> float:
        latency = self.fixed + self.block * blocks
        levels = math.ceil(math.log(blocks, FAN_IN)) if blocks > 1 else 0
        hops = 3 + math.log2(workers) + (FAN_IN - 1) * levels * (workers - 1) / workers
        return latency + (self.hop * hops + self.touch * blocks / workers) * parameters + row * rows / workers


def cost_of(done: list[Case]) -> Cost:
    """Return the constants that the measurements on one worker give."""

    def line(finds: str, without: Any) -> tuple[float, float]:
        chosen = [case for case in done if case.finds == finds]
        slope, start = np.polyfit(
            [c.blocks for c in chosen], [(median(c.seconds, 1) - without(c)) / scale(c) for c in chosen], 1
        )
        return float(slope), float(start)

    def scale(case: Case) -> int:
        return case.parameters if case.finds == "transport" else 1

    block, fixed = line("latency", lambda case: 0.0)
    touch, hops = line("transport", lambda case: fixed + block * case.blocks)
    return Cost(fixed, *(max(constant, 0.0) for constant in (block, hops / 3, touch)))  # noise may be larger than one


def median(figures: Mapping[str, list[float]], workers: int) -> float:
    return statistics.median(figures[str(workers)])


def best(cost: Cost, rows: float, row: float, parameters: float) -> tuple[int, float]:
    """Return at how many workers, each with one block, a step is fastest, and how much faster than on one."""
    counts = sorted({int(2 ** (k / 4)) for k in range(49)})
    times = {w: cost.step(w, w, rows, row, parameters) for w in counts}
    fastest = min(times, key=lambda w: times[w])
    return fastest, times[1] / times[fastest]


# The page -------------------------------------------------------------------------------------------------------------


def tables(results: Mapping[str, Any]) -> str:
    """Return the results as Markdown."""
    done = [Case(**case) for case in results["cases"]]
    cost = cost_of(done)
    rows, near = [], 0
    for case in done:
        whole = case.blocks * case.rows
        cells = [case.name, f"{whole:,}", f"{case.parameters:,}"]
        for workers in WORKERS:
            measured = median(case.seconds, workers)
            expected = cost.step(workers, case.blocks, whole, case.row, case.parameters)
            cells += [duration(measured), duration(expected), digits(measured / expected)]
            cells.append(digits(median(case.cores, workers)))
            near += 1 / (1 + NEAR) <= measured / expected <= 1 + NEAR
        rows.append([*cells, digits(median(case.seconds, 1) / median(case.seconds, 2))])
    columns = [f"{workers} worker{'s' * (workers > 1)}" for workers in WORKERS]
    head = ["step", "rows", "parameters", *(c for name in columns for c in (name, "model", "ratio", "cores")), "1 → 2"]
    linear, perceptron = (case for case in done if not case.finds)
    paying = []
    for case, counts in ((linear, (10**6, 10**7, 10**8, 10**9)), (perceptron, (10**5, 10**6, 10**7))):
        for count in counts:
            paying.append((case.name.partition(",")[0], count, case.row, case.parameters))
    for parameters in (10**6, 10**7, 10**8):
        row = perceptron.row * parameters / perceptron.parameters
        paying.append((f"a perceptron of {parameters:,}", 10**6, row, parameters))
    scaling = []
    for name, count, row, parameters in paying:
        workers, gain = best(cost, count, row, parameters)
        scaling.append([name, f"{count:,}", f"{workers:,}", digits(gain), f"{digits(100 * gain / workers)} %"])
    overtaken = (2 * cost.step(2, 2, 0, 0, case.parameters) / case.row for case in (linear, perceptron))
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    return "\n\n".join(
        [
            f"Measured {results['date']}, {results['cores']} cores, {versions}; medians of {results['rounds']} rounds; "
            f"load average {results['load'][0]:.1f} before and {results['load'][1]:.1f} after, of which the benchmark "
            f"makes up to {results['cores']}; {results['took']:.0f} s. `ratio`: measured over model. `cores`: how many "
            "the workers, the scheduler and the process that trains kept busy together. `1 → 2`: how much faster two "
            "workers were.",
            table(head, rows),
            f"Constants, from one worker: {duration(cost.fixed)} a step and {duration(cost.block)} a block of latency; "
            f"{duration(cost.hop)} to hand on one parameter; {duration(cost.touch)} for each parameter and block; "
            f"{duration(linear.row)} to compute a row of the linear model, {duration(perceptron.row)} one of the "
            "perceptron.",
            f"{near} of the {len(done) * len(WORKERS)} points lie within {NEAR:.0%} of the model.",
            "By the model, two workers on Dask overtake one process that needs no Dask from {:,.0f} rows in a step of "
            "the linear model, and from {:,.0f} in one of the perceptron.".format(*overtaken),
            "By the model, where it stops paying: the number of workers, each with a block and a core, at which a step "
            "of so many rows is fastest, how much faster than on one worker, and what part of the workers that is:",
            table(["step", "rows", "workers", "faster", "of the workers"], scaling),
        ]
    ).strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="smaller, and nothing is written")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--report", action="store_true", help="write the tables anew from distributed.json")
    options = parser.parse_args()
    file, page = HERE / "distributed.json", HERE / "DISTRIBUTED.md"
    results = json.loads(file.read_text()) if options.report else measure(options.quick, options.rounds)
    text = tables(results)
    print(text)
    if not options.quick:
        file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        whole = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
        new = whole.sub(lambda _: f"{BEGIN}\n{text}\n{END}", page.read_text(encoding="utf-8"))
        page.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
