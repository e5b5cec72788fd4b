"""Activations: the function that follows a layer's weighted sum, by name or as any function of one array.

The common ones are microgd's own elementwise functions, of which a layer records one step each.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.rules.elementwise import relu, sigmoid, softplus
from ..autograd.rules.reductions import softmax
from .names import function_named

Activation = Callable[[Any], Any]


def linear(x: Any) -> Any:
    """Return x: no activation.

    Example:
        >>> linear(3.0)
        3.0
    """
    return x


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """Return x where it is positive, else a small slope times x: max(x, 0) + slope min(x, 0).

    Args:
        x: Array of any shape.
        negative_slope: The slope below 0.

    Example:
        >>> leaky_relu(np.array([-1.0, 2.0]))
        array([-0.2,  2. ])

    Source: A. Maas, A. Hannun and A. Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013.
    """
    return relu(x) - negative_slope * relu(-x)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """Return x where it is positive, else alpha (exp(x) - 1).

    Args:
        x: Array of any shape.
        alpha: Minus the value that it tends to below 0.

    Example:
        >>> elu(np.array([-1000.0, 2.0]))
        array([-1.,  2.])

    Source: D.-A. Clevert, T. Unterthiner and S. Hochreiter, "Fast and accurate deep network learning by exponential
    linear units", 2015.
    """
    return relu(x) + alpha * np.expm1(-relu(-x))


def selu(x: Any) -> Any:
    """Return the scaled elu, 1.0507 elu(x, 1.6733), which keeps mean 0 and variance 1 through the layers.

    Example:
        >>> round(float(selu(1.0)), 4)
        1.0507

    Source: G. Klambauer, T. Unterthiner, A. Mayr and S. Hochreiter, "Self-normalizing neural networks", 2017.
    """
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def gelu(x: Any) -> Any:
    """Return x times the normal distribution function of x, by its tanh approximation.

    x (1 + tanh(sqrt(2/pi) (x + 0.044715 x³))) / 2

    Example:
        >>> round(float(gelu(1.0)), 4)
        0.8412

    Source: D. Hendrycks and K. Gimpel, "Gaussian error linear units (GELUs)", 2016.
    """
    return 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))


def silu(x: Any) -> Any:
    """Return x sigmoid(x), also called swish.

    Example:
        >>> float(silu(0.0))
        0.0

    Source: S. Elfwing, E. Uchibe and K. Doya, "Sigmoid-weighted linear units for neural network function approximation
    in reinforcement learning", 2018.
    """
    return x * sigmoid(x)


def softsign(x: Any) -> Any:
    """Return x / (1 + |x|).

    Example:
        >>> float(softsign(1.0))
        0.5

    Source: X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
    """
    return x / (1.0 + np.absolute(x))


ACTIVATIONS: dict[str, Activation] = {
    "linear": linear,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "selu": selu,
    "gelu": gelu,
    "silu": silu,
    "swish": silu,
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "softmax": softmax,
    "softplus": softplus,
    "softsign": softsign,
    "exponential": np.exp,
}


def activation_of(activation: str | Activation | None) -> Activation:
    """Return an activation given by name, as a function, or as None for linear."""
    return linear if activation is None else function_named("activation", ACTIVATIONS, activation)
