"""microgd: an autograd micro-framework on NumPy in which every edge of a gradient can be watched."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .autograd.backward import walk
from .autograd.derivatives import elementwise_grad, grad, grad_and_aux, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from .autograd.rules.elementwise import relu, sigmoid, softplus
from .autograd.rules.fused import affine
from .autograd.rules.indexing import with_item
from .autograd.rules.reductions import logsumexp, softmax
from .autograd.value import Value, enable_grad, no_grad, sumprod

__version__ = "0.1.0"

__all__ = [
    "Value",
    "affine",
    "elementwise_grad",
    "enable_grad",
    "grad",
    "grad_and_aux",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "logsumexp",
    "no_grad",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "sumprod",
    "value_and_grad",
    "vjp",
    "walk",
    "with_item",
]

# The parts beyond autograd are imported when something of theirs is first used, so that `import microgd` costs no more
# than NumPy does.
PARTS = ("nn", "data", "viz")
ELSEWHERE = {"compile": "compiler.compile", "Compiled": "compiler.compile", "CompileError": "compiler.tracing"}
ELSEWHERE |= dict.fromkeys(("MicrogdClassifier", "MicrogdRegressor"), "estimators")
ELSEWHERE |= dict.fromkeys(("check_grads", "custom_rule", "GradientError"), "autograd.checks")
ELSEWHERE |= dict.fromkeys(("debug", "NonFiniteError"), "autograd.debug")

if TYPE_CHECKING:
    from . import data as data
    from . import nn as nn
    from . import viz as viz
    from .autograd.checks import GradientError as GradientError
    from .autograd.checks import check_grads as check_grads
    from .autograd.checks import custom_rule as custom_rule
    from .autograd.debug import NonFiniteError as NonFiniteError
    from .autograd.debug import debug as debug
    from .compiler.compile import Compiled as Compiled
    from .compiler.compile import compile as compile
    from .compiler.tracing import CompileError as CompileError
    from .estimators import MicrogdClassifier as MicrogdClassifier
    from .estimators import MicrogdRegressor as MicrogdRegressor
    from .nn import *  # noqa: F403


def __getattr__(name: str) -> Any:
    if name in PARTS:
        return import_module(f"{__name__}.{name}")
    if name in ELSEWHERE:
        globals()[name] = getattr(import_module(f"{__name__}.{ELSEWHERE[name]}"), name)
        return globals()[name]
    for part in ("nn", "viz") if not name.startswith("_") else ():
        module = import_module(f"{__name__}.{part}")
        if name in getattr(module, "__all__", ()):
            globals()[name] = getattr(module, name)  # so that the next time it is found at once
            return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    names = set(globals()) | set(PARTS) | set(ELSEWHERE)
    return sorted(names.union(*(getattr(__getattr__(part), "__all__", ()) for part in ("nn", "viz"))))
