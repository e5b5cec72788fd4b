"""How cost grows: with the nodes of a chain of scalars, with the rows and the features of a regression step."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Mapping
from typing import Any

from .measure import Effort, Samples, quartiles, race, ratio
from .systems import COMPILED, FLOOR, MICROGD, TORCH
from .workload import Entries
from .workloads.regression import Regression
from .workloads.regression import by_hand as regression_by_hand
from .workloads.scalars import chain

NODES = (1_000, 10_000, 100_000, 1_000_000)
NODES_OF_TORCH = NODES[:-1]  # it takes some ten seconds for a million
ROWS = (8, 32, 128, 512, 2048, 8192)
FEATURES = (4, 13, 52, 208, 832)
USUAL_ROWS, USUAL_FEATURES = 32, 13


def label(system: str, size: int) -> str:
    """Return the name of a contestant: a system at a size."""
    return f"{system} at {size}"


def curves(
    entries: Entries, problems: Mapping[str, Mapping[int, Any]], absent: Mapping[str, str], effort: Effort
) -> tuple[dict[str, dict[int, list[float]]], Samples]:
    """Time systems at all sizes, interleaved; return the quartiles by system and size, and the samples."""
    steps: dict[str, Callable[[], Any]] = {}
    for system, sizes in problems.items():
        if system not in absent:
            steps |= {label(system, n): entries.makers[system][1](problem).step for n, problem in sizes.items()}
    samples = race(steps, effort)
    return {
        system: {n: quartiles(samples[label(system, n)]) for n in sizes}
        for system, sizes in problems.items()
        if system not in absent
    }, samples


def left_behind(nodes: int) -> int:
    """Return how many blocks of memory are still there after a graph was built, walked back and dropped.

    The collector is off: what has no cycles is freed without it.
    """
    step = chain.makers[MICROGD][1](nodes).step
    step()
    gc.collect()
    gc.disable()
    try:
        before = sys.getallocatedblocks()
        for _ in range(3):
            step()
        return sys.getallocatedblocks() - before
    finally:
        gc.enable()


def growth(absent: Mapping[str, str], effort: Effort) -> dict[str, Any]:
    """Measure all three, and return what there is to report."""
    by_nodes = {MICROGD: {n: n for n in NODES}, TORCH: {n: n for n in NODES_OF_TORCH}, FLOOR: {n: n for n in NODES}}
    nodes, samples = curves(chain, by_nodes, absent, effort)
    linear = ratio(samples, label(MICROGD, NODES[-1]), label(MICROGD, NODES[1]))
    assert linear is not None
    systems = (MICROGD, COMPILED, TORCH, FLOOR)
    rows, _ = curves(
        regression_by_hand, {s: {n: Regression(n, USUAL_FEATURES) for n in ROWS} for s in systems}, absent, effort
    )
    features, _ = curves(
        regression_by_hand, {s: {n: Regression(USUAL_ROWS, n) for n in FEATURES} for s in systems}, absent, effort
    )
    return {
        "nodes": nodes,
        "rows": rows,
        "features": features,
        "per node, 1e6 over 1e4": [x * NODES[1] / NODES[-1] for x in linear],
        "blocks left behind": left_behind(NODES[-1]),
    }
