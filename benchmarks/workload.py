"""A workload: one task, done by each system in its own way, and checked to be the same task before it is timed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .measure import Effort, Samples, quartiles, race, ratio
from .systems import OURS, REFERENCES, TORCH_COMPILED

STEPS_CHECKED = 3


class Disagreement(AssertionError):
    """Two systems computed different numbers: they did not do the same work, and there is nothing to compare."""


@dataclass
class Contestant:
    """A system, ready to do one task again and again.

    Args:
        step: Do it once; what is timed.
        numbers: From what a step returned, the numbers to compare: the loss, gradients, parameters.
        close: What to do when it is over.
    """

    step: Callable[[], Any]
    numbers: Callable[[Any], Sequence[Any]]
    close: Callable[[], None] = lambda: None


Maker = Callable[[Any], Contestant]  # from the problem, such as the size of the data


class Entries:
    """Who takes part in a workload, and how: `@entries.by(TORCH)` above the function that makes the contestant."""

    def __init__(self) -> None:
        self.makers: dict[str, tuple[str, Maker]] = {}

    def by(self, system: str, variant: str = "") -> Callable[[Maker], Maker]:
        """Enter a system, or another way of using it."""

        def enter(maker: Maker) -> Maker:
            self.makers[f"{system}, {variant}" if variant else system] = (system, maker)
            return maker

        return enter

    def only(self, *names: str) -> Entries:
        """Return some of the entries."""
        chosen = Entries()
        chosen.makers = {name: self.makers[name] for name in names}
        return chosen


@dataclass
class Workload:
    """A task.

    Args:
        key: The letter it is chosen by.
        name: Its own name; several may share a key.
        title: What it is, in a line.
        problem: What the makers are given.
        entries: Who takes part.
        tolerance: How far apart the numbers of two systems may lie, relative to the largest of them.
        exact: Pairs whose numbers must be equal bit for bit.
        parts: How many units of work a step has, where a time per unit says more; and the unit's name.
        left_out: Systems that do not take part, and why.
        slow: Entries left out of a quick run.
        steps: How many steps are compared.
    """

    key: str
    name: str
    title: str
    problem: Any
    entries: Entries
    tolerance: float = 1e-9
    exact: Sequence[tuple[str, str]] = ()
    parts: tuple[int, str] | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    slow: Sequence[str] = ()
    steps: int = STEPS_CHECKED

    def contestants(self, absent: Mapping[str, str], effort: Effort) -> tuple[dict[str, Contestant], dict[str, str]]:
        """Return all that can take part, and those that cannot, with the reason."""
        ready, out = {}, dict(self.left_out)
        for name, (system, maker) in self.entries.makers.items():
            if system in absent:
                out[name] = absent[system]
            elif effort.quick and (name in self.slow or system == TORCH_COMPILED):
                out[name] = "left out of --quick"
            else:
                try:
                    ready[name] = maker(self.problem)
                except Exception as error:
                    if system in OURS:
                        raise
                    out[name] = f"{type(error).__name__}: {str(error).splitlines()[0]}"
        return ready, out

    def run(self, absent: Mapping[str, str], effort: Effort) -> tuple[dict[str, Any], Samples]:
        """Check that all compute the same, time them, and return what there is to report, and the samples."""
        ready, out = self.contestants(absent, effort)
        try:
            found: dict[str, list[Any]] = {}
            for name, contestant in list(ready.items()):
                try:
                    found[name] = [to_arrays(contestant.numbers(contestant.step())) for _ in range(self.steps)]
                except Exception as error:  # a peer that does not run here, such as a compiler without a compiler
                    if self.entries.makers[name][0] in OURS:
                        raise
                    out[name] = f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"
                    ready.pop(name).close()
            agree(self.name, found, self.tolerance)
            bits = {f"{one} = {other}": same_bits(found[one], found[other]) for one, other in self.exact}
            samples = race({name: contestant.step for name, contestant in ready.items()}, effort)
        finally:
            for contestant in ready.values():
                contestant.close()
        reference = next((name for name in REFERENCES if name in samples), None)
        return {
            "key": self.key,
            "name": self.name,
            "title": self.title,
            "parts": self.parts,
            "reference": reference,
            "rounds": len(next(iter(samples.values()))),
            "bits": bits,
            "left_out": out,
            "entries": {
                name: {
                    "system": self.entries.makers[name][0],
                    "seconds": quartiles(seconds),
                    "ratio": ratio(samples, name, reference) if reference else None,
                }
                for name, seconds in samples.items()
            },
        }, samples


def to_arrays(numbers: Sequence[Any]) -> list[Any]:
    """Return numbers as arrays of their own, for the next step may write over them."""
    return [np.array(number, copy=True) for number in numbers]


def agree(workload: str, found: Mapping[str, list[Any]], tolerance: float) -> None:
    """Raise unless all systems found the same numbers, step by step."""
    (first, expected), *others = found.items()
    for name, steps in others:
        for step, (numbers, expecteds) in enumerate(zip(steps, expected, strict=True)):
            for place, (number, right) in enumerate(zip(numbers, expecteds, strict=True)):
                scale = max(1e-30, float(np.max(np.abs(right))))
                number = np.reshape(number, right.shape)
                error = float(np.max(np.abs(number - right))) / scale
                if not error <= tolerance:
                    raise Disagreement(
                        f"{workload}: {name} and {first} differ by {error:.2e} of {scale:.3g} in number {place} of "
                        f"step {step + 1}; at most {tolerance:.0e} was expected."
                    )


def same_bits(one: list[Any], other: list[Any]) -> bool:
    """Return whether two systems found the same numbers, bit for bit, step by step."""
    return all(
        a.dtype == b.dtype and a.tobytes() == b.tobytes()
        for numbers, others in zip(one, other, strict=True)
        for a, b in zip(numbers, others, strict=True)
    )
