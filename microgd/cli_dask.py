"""The command line on Dask: `microgd train big/*.csv --dask`, for files that outgrow the memory of one process.

It does what `microgd train` does. The files are read once, onto the cluster, which keeps the rows scaled, and spills to
disk what does not fit. The rows to test and to validate on are drawn from each block.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from typing import Any

import dask
import dask.array as da
import numpy as np

from .cli import CLASSES_LOSS, LINES, Part, Run, train
from .data import StandardScaler, Table
from .distributed import cluster_of
from .distributed.cluster import distributed
from .distributed.files import files_in, picked, table_in_files

STEPS = 1000  # as many epochs as make this many, unless told otherwise
BLOCKS = 4  # that make a batch, unless told otherwise


class ClusterRun(Run):
    """One training, of rows that are on a cluster."""

    def __init__(self, options: argparse.Namespace, client: Any) -> None:
        self.options = options
        self.choose_loss()
        paths = files_in(options.source)
        columns, whole = table_in_files(paths)
        target = options.target or columns[-1]
        names = options.features or [name for name in columns if name != target]
        if target in names:
            raise ValueError(f"{target} is the target and a feature; leave it out of --features.")
        whole = client.persist(picked(paths, columns, whole, [*names, target]))
        self.table = Table(whole[:, :-1], whole[:, -1], tuple(names), target, "")
        options.batch_size = options.batch_size or BLOCKS * max(whole.chunks[0])
        rows = drawn(whole, options.test_split, options.validation_split, options.seed)
        rows = {name: client.persist(part) for name, part in rows.items()}
        mean, scale, binary = client.gather(client.compute(figures_of(rows["train"])))
        if self.classes and not binary:
            raise ValueError(f"{CLASSES_LOSS} needs a target of 0 and 1, but {target} has other values.")
        if self.classes:
            mean[-1], scale[-1] = 0.0, 1.0
        self.x_scaler = StandardScaler()
        self.x_scaler.mean_, self.x_scaler.scale_ = mean[:-1], scale[:-1]
        self.y_mean, self.y_scale = float(mean[-1]), float(scale[-1])
        self.parts = {}
        for name, part in rows.items():
            scaled = client.persist((part - mean) / scale)
            x, y = scaled[:, :-1], scaled[:, -1:]
            in_units = np.asarray(client.gather(client.compute(y))) * self.y_scale + self.y_mean
            self.parts[name] = Part(x * scale[:-1] + mean[:-1], in_units, x, y)
        self.model = self.made(np.random.default_rng(options.seed))

    @property
    def epochs(self) -> int:
        """How many epochs to train for."""
        return int(self.options.epochs or max(-(-STEPS // self.steps), LINES))


def train_command(options: argparse.Namespace) -> int:
    """Do `microgd train --dask`."""
    if not options.source:
        raise ValueError("--dask needs files: microgd train big/*.csv --dask.")
    if options.drop_missing:
        raise ValueError(
            "--drop-missing does not go with --dask; leave the rows that have empty cells out of the files."
        )
    with ExitStack() as stack:
        client = None
        if not options.scheduler:
            cluster_kind, client_kind = distributed().LocalCluster, distributed().Client
            local = stack.enter_context(cluster_kind(threads_per_worker=1, dashboard_address=":0"))
            client = stack.enter_context(client_kind(local, set_as_default=False))
        cluster = stack.enter_context(cluster_of(options.scheduler or client))
        stack.enter_context(cluster.client.as_current())
        return train(ClusterRun(options, cluster.client))


def drawn(whole: Any, test: float, validation: float, seed: int) -> dict[str, Any]:
    """Return the rows to train, validate and test on, drawn at random from each block."""

    def of_block(block: Any, number: int, start: int, stop: int) -> Any:
        order = np.random.default_rng((seed, number)).permutation(len(block))
        return block[np.sort(order[start:stop])]

    shares = {"train": (1 - test) * (1 - validation), "validation": (1 - test) * validation, "test": test}
    ends = np.cumsum([0.0, *shares.values()])
    blocks = list(enumerate(zip(whole.to_delayed().ravel(), whole.chunks[0], strict=True)))
    found = {}
    for name, low, high in zip(shares, ends, ends[1:], strict=False):
        if high <= low:
            continue
        parts = []
        for number, (block, length) in blocks:
            start, stop = round(low * length), round(high * length)
            part = dask.delayed(of_block)(block, number, start, stop)
            parts.append(da.from_delayed(part, (stop - start, whole.shape[1]), dtype=whole.dtype))
        found[name] = da.concatenate(parts)
        if not len(found[name]):
            raise ValueError(f"{len(whole)} rows are too few to set some apart for {name}; give more rows, or 0.")
    return found


def figures_of(rows: Any) -> list[Any]:
    """Return the mean and the deviation of each column, and whether the last one is of 0 and 1; to be computed."""
    low, high = rows.min(axis=0), rows.max(axis=0)
    deviation = rows.std(axis=0)
    constant = low == high
    last = rows[:, -1]
    return [
        da.where(constant, low, rows.mean(axis=0)),
        da.where(constant | (deviation == 0), 1.0, deviation),
        ((last == 0) | (last == 1)).all(),
    ]
