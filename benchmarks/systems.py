"""Who takes part: microgd, its peers, and what a person would write by hand."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

MICROGD = "microgd eager"
COMPILED = "microgd compiled"
TORCH = "torch eager"
TORCH_COMPILED = "torch.compile"
JAX = "jax.jit"
HIPS = "HIPS autograd"
MYGRAD = "MyGrad"
MICROGRAD = "micrograd"
NUMPY = "NumPy by hand"
FLOOR = "NumPy out= (floor)"
TENSORFLOW_JS = "TensorFlow.js"


def nothing(module: Any) -> None:
    """Take a peer as it comes."""


def prepare_torch(torch: Any) -> None:
    """Keep PyTorch on one thread."""
    torch.set_num_threads(1)


def prepare_jax(jax: Any) -> None:
    """Let JAX compute in float64, and in the caller's thread: a call that has returned is done."""
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_cpu_enable_async_dispatch", False)


def prepare_mygrad(mygrad: Any) -> None:
    """Turn off the locking of arrays that are in a graph, as MyGrad's documentation advises where speed counts."""
    mygrad.turn_memory_guarding_off()


@dataclass(frozen=True)
class System:
    """One that takes part.

    Args:
        name: What it is called in tables.
        module: What has to be imported for it.
        distribution: The package whose version is reported.
        colour: Its colour in the plot.
        prepare: What to do with the module once it is imported.
    """

    name: str
    module: str
    distribution: str
    colour: str
    prepare: Callable[[Any], None] = nothing


SYSTEMS = {
    system.name: system
    for system in (
        System(MICROGD, "microgd", "microgd", "#d6453d"),
        System(COMPILED, "microgd", "microgd", "#8e1b3a"),
        System(TORCH, "torch", "torch", "#5b6770", prepare_torch),
        System(TORCH_COMPILED, "torch", "torch", "#a3acb3", prepare_torch),
        System(JAX, "jax", "jax", "#2a78c2", prepare_jax),
        System(HIPS, "autograd", "autograd", "#3c9d6d"),
        System(MYGRAD, "mygrad", "mygrad", "#9a6cc4", prepare_mygrad),
        System(MICROGRAD, "micrograd", "micrograd", "#d9a02b"),
        System(NUMPY, "numpy", "numpy", "#4fb3bf"),
        System(FLOOR, "numpy", "numpy", "#12363d"),
    )
}
JAVASCRIPT = System(TENSORFLOW_JS, "", "@tensorflow/tfjs", "#e58a4e")  # it runs in Node, not in this process
OURS = (MICROGD, COMPILED)
REFERENCES = (TORCH, MICROGRAD, NUMPY)  # ratios are to the first of these that takes part


def missing() -> dict[str, str]:
    """Import and prepare every system; return those that are not there, with the reason."""
    absent = {}
    for system in SYSTEMS.values():
        try:
            system.prepare(importlib.import_module(system.module))
        except ImportError as error:
            absent[system.name] = f"not installed ({error})"
    if shutil.which("node") is None:
        absent[TENSORFLOW_JS] = "Node is not installed"
    return absent


def versions() -> dict[str, str]:
    """Return the version of each package that takes part and is installed."""
    found = {}
    for distribution in dict.fromkeys(system.distribution for system in SYSTEMS.values()):
        try:
            found[distribution] = version(distribution)
        except PackageNotFoundError:  # run from a checkout, or not there
            module = __import__(distribution) if distribution == "microgd" else None
            if module is not None:
                found[distribution] = module.__version__
    return found
