"""Schedules: a learning rate that changes from step to step. A schedule is a function of the step, counted from 0."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .names import check_number, default_repr

Schedule = Callable[[int], float]


@dataclass(eq=False, repr=False)
class ExponentialDecay:
    """A rate that shrinks by a factor every so many steps: initial · rate^(step / steps).

    Args:
        initial_learning_rate: The rate at step 0.
        decay_steps: After how many steps it has been multiplied by decay_rate once.
        decay_rate: The factor, such as 0.96.
        staircase: Whether it changes only every decay_steps steps, all at once: a step decay.

    Example:
        >>> ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)(20)
        0.025
    """

    initial_learning_rate: float
    decay_steps: int
    decay_rate: float
    staircase: bool = False

    __repr__ = default_repr

    def __post_init__(self) -> None:
        check_number("initial_learning_rate", self.initial_learning_rate, 0.1)
        check_number("decay_steps", self.decay_steps, 1000, least=1)
        check_number("decay_rate", self.decay_rate, 0.96)

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        times = step // self.decay_steps if self.staircase else step / self.decay_steps
        return self.initial_learning_rate * self.decay_rate**times


@dataclass(eq=False, repr=False)
class CosineDecay:
    """A rate that rises along a line while warming up, then falls along half a cosine, and stays at its end.

    initial · (a + (1 - a) (1 + cos(π t)) / 2), where t goes from 0 to 1 and a is the part that remains.

    Args:
        initial_learning_rate: The rate from which it falls.
        decay_steps: How many steps it takes to fall.
        alpha: The part of the rate that remains at the end.
        warmup_steps: How many steps it takes to rise from 0 first.

    Example:
        >>> schedule = CosineDecay(0.1, decay_steps=10, warmup_steps=2)
        >>> [round(schedule(step), 3) for step in (0, 1, 2, 7, 12)]
        [0.0, 0.05, 0.1, 0.05, 0.0]

    Source: I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts", 2016.
    """

    initial_learning_rate: float
    decay_steps: int
    alpha: float = 0.0
    warmup_steps: int = 0

    __repr__ = default_repr

    def __post_init__(self) -> None:
        check_number("initial_learning_rate", self.initial_learning_rate, 0.1)
        check_number("decay_steps", self.decay_steps, 1000, least=1)
        check_number("alpha", self.alpha, 0.0)
        check_number("warmup_steps", self.warmup_steps, 100)

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        if step < self.warmup_steps:
            return self.initial_learning_rate * step / self.warmup_steps
        part = min((step - self.warmup_steps) / self.decay_steps, 1.0)
        return self.initial_learning_rate * (self.alpha + (1.0 - self.alpha) * 0.5 * (1.0 + math.cos(math.pi * part)))


@dataclass(eq=False, repr=False)
class PiecewiseConstant:
    """A rate that jumps: the first value up to and including the first boundary, and so on.

    Args:
        boundaries: The last step of each value but the last; increasing.
        values: The rates, one more than boundaries.

    Raises:
        ValueError: If there is not one value more than there are boundaries, or these do not increase.

    Example:
        >>> schedule = PiecewiseConstant([10, 20], [0.1, 0.01, 0.001])
        >>> schedule(10), schedule(11), schedule(99)
        (0.1, 0.01, 0.001)
    """

    boundaries: Sequence[int]
    values: Sequence[float]

    __repr__ = default_repr

    def __post_init__(self) -> None:
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"got {len(self.boundaries)} boundaries and {len(self.values)} values; give one value more than there "
                "are boundaries."
            )
        if list(self.boundaries) != sorted(self.boundaries):
            raise ValueError(f"boundaries is {self.boundaries!r}; expected steps in increasing order.")
        for value in self.values:
            check_number("one of values", value, 0.1)

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        return self.values[sum(step > boundary for boundary in self.boundaries)]


SCHEDULES: dict[str, type] = {kind.__name__: kind for kind in (ExponentialDecay, CosineDecay, PiecewiseConstant)}
