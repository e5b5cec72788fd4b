"""microgd: an autograd micro-framework on NumPy in which every edge of a gradient can be watched."""

from .autograd.backward import walk
from .autograd.derivatives import elementwise_grad, grad, grad_and_aux, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from .autograd.rules.elementwise import relu, sigmoid, softplus
from .autograd.rules.reductions import logsumexp, softmax
from .autograd.value import Value, enable_grad, no_grad

__version__ = "0.1.0"

__all__ = [
    "Value",
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
    "value_and_grad",
    "vjp",
    "walk",
]
