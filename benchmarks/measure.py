"""Taking times: contestants one after the other, round by round, and what can be said about the samples."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import repeat
from time import perf_counter
from typing import Any

import numpy as np

FEWEST_ROUNDS, MOST_ROUNDS = 5, 60
WARM_UP = 3  # calls before each sample, for whoever came before has filled the caches
FEWEST_CALLS = 4  # a sample, so that who leaves garbage behind pays for having it collected

Samples = Mapping[str, Any]  # for each contestant the seconds of one call, an array with one number a round


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Args:
        sample: Seconds that one sample should take: a fast call is repeated until it does.
        budget: Seconds for all rounds of one workload together.
        rounds: How many rounds instead of what the budget allows.
        quick: Whether what takes long is left out.
    """

    sample: float = 0.01
    budget: float = 20.0
    rounds: int | None = None
    quick: bool = False

    def rounds_of(self, seconds: float) -> int:
        """Return how many rounds to make if one takes so many seconds."""
        if self.rounds is not None:
            return self.rounds
        return max(FEWEST_ROUNDS, min(MOST_ROUNDS, int(self.budget / seconds)))


def seconds_of(step: Callable[[], Any], calls: int) -> float:
    """Return the seconds that one call takes, as the mean over some; where they are many, after a few that warm up."""
    for _ in repeat(None, WARM_UP if calls > WARM_UP else 0):
        step()
    start = perf_counter()
    for _ in repeat(None, calls):
        step()
    return (perf_counter() - start) / calls


def race(steps: Mapping[str, Callable[[], Any]], effort: Effort) -> Samples:
    """Time contestants against one another: A B C, then B C A, and so on.

    Whatever the machine does meanwhile, it does to all of them alike, so that the ratio within a round is a fact even
    where the time is not. The garbage collector stays on, for its work is part of the price; what was there before is
    frozen, so that nobody pays for the size of somebody else's modules, and it is emptied before each sample, so that
    nobody pays for somebody else's garbage.
    """
    gc.collect()
    gc.freeze()
    try:
        calls, round_takes = {}, 0.0
        for name, step in steps.items():
            took = seconds_of(step, 1)
            if took < effort.sample:
                took = seconds_of(step, 2 * WARM_UP)
            calls[name] = max(FEWEST_CALLS, math.ceil(effort.sample / took))
            round_takes += calls[name] * took
        rounds = effort.rounds_of(round_takes)
        samples: dict[str, Any] = {name: np.empty(rounds) for name in steps}
        names = list(steps)
        for number in range(rounds):
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                gc.collect()
                samples[name][number] = seconds_of(steps[name], calls[name])
        return samples
    finally:
        gc.unfreeze()


def quartiles(samples: Any) -> list[float]:
    """Return the lower quartile, the median and the upper quartile."""
    return [float(x) for x in np.percentile(samples, (25, 50, 75))]


def ratio(samples: Samples, one: str, other: str) -> list[float] | None:
    """Return the quartiles of the ratio of two contestants, taken round by round; None where one is missing."""
    if one not in samples or other not in samples:
        return None
    return quartiles(samples[one] / samples[other])
