"""What was to be reached, and what was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .measure import Samples, ratio
from .systems import COMPILED, FLOOR, JAX, MICROGD, MICROGRAD, TENSORFLOW_JS, TORCH, TORCH_COMPILED

SUMPROD = f"{MICROGD}, sumprod"

# (target, workload, who, beside whom, at most)
RATIOS = (
    ("1", "a", MICROGD, TORCH, 0.12),
    ("1", "g", MICROGD, TORCH, 0.12),
    ("1", "b", MICROGD, MICROGRAD, 0.06),
    ("1", "b", SUMPROD, MICROGRAD, 0.06),
    ("2", "c", MICROGD, TORCH, 0.20),
    ("2", "c by hand", MICROGD, TORCH, 0.20),
    ("2", "e", MICROGD, TORCH, 1.0),
    ("2", "f", MICROGD, TORCH, 0.90),
    ("2", "f tanh", MICROGD, TORCH, 0.90),
    ("3", "c", COMPILED, FLOOR, 1.10),
    ("3", "c by hand", COMPILED, FLOOR, 1.10),
    ("3", "d", COMPILED, FLOOR, 1.10),
    ("3", "d by hand", COMPILED, FLOOR, 1.10),
    ("3", "e", COMPILED, FLOOR, 1.10),
    ("3", "c", COMPILED, TORCH, 0.12),
    ("3", "c by hand", COMPILED, TORCH, 0.12),
    ("3", "c", COMPILED, JAX, 0.25),
    ("4", "f", COMPILED, TORCH, 0.25),
    ("4", "f tanh", COMPILED, TORCH_COMPILED, 1.0),
    ("6", "second order", MICROGD, TORCH, 0.25),
    ("fit", "houses", COMPILED, TENSORFLOW_JS, 1 / 20),
    ("fit", "houses", COMPILED, f"{TENSORFLOW_JS}, wasm", 1 / 20),
    ("fit", "houses", COMPILED, TORCH, 1.0),
)
MEMORY_AT_MOST, LINEAR_AT_MOST, IMPORT_AT_MOST = 0.70, 1.5, 1.15
BLOCKS_AT_MOST = 1000  # of ten millions: what Python keeps for itself


def targets(samples: Mapping[str, Samples], results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return each target with the figure that was measured, its quartiles, and whether it was met; sorted."""
    found = [
        *from_samples(samples),
        *from_memory(results.get("memory", {})),
        *from_growth(results.get("growth", {})),
        *from_bits(results.get("workloads", [])),
        *from_imports(results.get("import", {})),
    ]
    return sorted(found, key=lambda target: target["target"])


def judged(target: str, text: str, limit: float, figure: list[float] | None) -> dict[str, Any]:
    """Return a target with its figure; None where it was not measured."""
    met = None if figure is None else figure[1] <= limit
    return {"target": target, "text": text, "limit": limit, "figure": figure, "met": met}


def from_samples(samples: Mapping[str, Samples]) -> Iterator[dict[str, Any]]:
    """Yield the targets that are ratios of times."""
    for target, workload, one, other, limit in RATIOS:
        figure = ratio(samples[workload], one, other) if workload in samples else None
        yield judged(target, f"({workload}) {one} / {other}", limit, figure)


def from_memory(memory: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the targets for memory at the peak."""
    for name in ("f", "f tanh"):
        megabytes = memory.get("megabytes", {}).get(name, {})
        figure = None
        if MICROGD in megabytes and TORCH in megabytes:
            figure = [megabytes[MICROGD][0] / megabytes[TORCH][0]] * 3
        yield judged("2", f"({name}) peak memory of the process, {MICROGD} / {TORCH}", MEMORY_AT_MOST, figure)


def from_growth(growth: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the targets for long chains."""
    text = "time per node of a chain of 1e6 / of 1e4"
    yield judged("5", text, LINEAR_AT_MOST, growth.get("per node, 1e6 over 1e4"))
    blocks = growth.get("blocks left behind")
    text = "blocks of memory left by three chains of 1e6, the collector off"
    yield judged("5", text, BLOCKS_AT_MOST, None if blocks is None else [blocks] * 3)


def from_bits(workloads: list[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the target that compiled results are those of eager, bit for bit."""
    bits = {w["name"]: all(w["bits"].values()) for w in workloads if w["bits"]}
    wrong = [name for name, equal in bits.items() if not equal]
    text = f"workloads of {len(bits)} where {COMPILED} has other bits than {MICROGD}"
    yield judged("7", text + (f": {', '.join(wrong)}" if wrong else ""), 0, [len(wrong)] * 3 if bits else None)


def from_imports(imports: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the target for the time to import."""
    yield judged("8", "import microgd / import numpy", IMPORT_AT_MOST, imports.get("microgd over numpy"))
