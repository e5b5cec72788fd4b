"""Initializers: the values that a layer's weights start from.

An initializer is a function (shape, generator) -> array. The fan of a kernel is how many numbers meet in it:
`fan_in` inputs to a unit, `fan_out` units an input goes to.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .names import function_named

Shape = tuple[int, ...]
Array = NDArray[np.float64]
Initializer = Callable[[Shape, np.random.Generator], Any]


def zeros(shape: Shape, generator: np.random.Generator) -> Array:
    """Return zeros.

    Example:
        >>> zeros((2,), np.random.default_rng(0))
        array([0., 0.])
    """
    return np.zeros(shape)


def ones(shape: Shape, generator: np.random.Generator) -> Array:
    """Return ones.

    Example:
        >>> ones((2,), np.random.default_rng(0))
        array([1., 1.])
    """
    return np.ones(shape)


def random_normal(
    shape: Shape, generator: np.random.Generator, mean: float = 0.0, standard_deviation: float = 0.05
) -> Array:
    """Return normally distributed numbers, N(mean, standard_deviation²).

    Args:
        shape: The shape wanted.
        generator: Where the numbers are drawn from.
        mean: Their mean.
        standard_deviation: Their standard deviation.

    Example:
        >>> random_normal((2, 3), np.random.default_rng(0)).shape
        (2, 3)
    """
    return generator.normal(mean, standard_deviation, shape)


def random_uniform(shape: Shape, generator: np.random.Generator, low: float = -0.05, high: float = 0.05) -> Array:
    """Return uniformly distributed numbers, U[low, high).

    Args:
        shape: The shape wanted.
        generator: Where the numbers are drawn from.
        low: The least of them.
        high: Their upper limit.

    Example:
        >>> bool(np.abs(random_uniform((9,), np.random.default_rng(0))).max() < 0.05)
        True
    """
    return generator.uniform(low, high, shape)


def fans(shape: Shape) -> tuple[int, int]:
    """Return fan_in and fan_out of a kernel: its first and its last axis; a vector counts as a single column.

    Example:
        >>> fans((3, 5))
        (3, 5)
    """
    return (shape[0], shape[-1]) if len(shape) > 1 else (math.prod(shape), 1)


def normal_with(variance: float, shape: Shape, generator: np.random.Generator) -> Array:
    """Return N(0, variance)."""
    return generator.normal(0.0, math.sqrt(variance), shape)


def uniform_with(variance: float, shape: Shape, generator: np.random.Generator) -> Array:
    """Return the uniform distribution about 0 of that variance, U(-limit, limit) with limit = sqrt(3 variance)."""
    limit = math.sqrt(3.0 * variance)
    return generator.uniform(-limit, limit, shape)


def glorot_variance(shape: Shape) -> float:
    """Return 2 / (fan_in + fan_out)."""
    return 2.0 / sum(fans(shape))


def glorot_normal(shape: Shape, generator: np.random.Generator) -> Array:
    """Return N(0, 2 / (fan_in + fan_out)); not truncated at two deviations, as Keras has it.

    Example:
        >>> glorot_normal((2, 3), np.random.default_rng(0)).shape
        (2, 3)

    Source: X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
    """
    return normal_with(glorot_variance(shape), shape, generator)


def glorot_uniform(shape: Shape, generator: np.random.Generator) -> Array:
    """Return U(-limit, limit) with limit = sqrt(6 / (fan_in + fan_out)), of variance 2 / (fan_in + fan_out).

    Example:
        >>> bool(np.abs(glorot_uniform((2, 4), np.random.default_rng(0))).max() < 1)
        True

    Source: X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
    """
    return uniform_with(glorot_variance(shape), shape, generator)


def he_normal(shape: Shape, generator: np.random.Generator) -> Array:
    """Return N(0, 2 / fan_in), for layers followed by relu; not truncated at two deviations, as Keras has it.

    Example:
        >>> he_normal((2, 3), np.random.default_rng(0)).shape
        (2, 3)

    Source: K. He, X. Zhang, S. Ren and J. Sun, "Delving deep into rectifiers", 2015.
    """
    return normal_with(2.0 / fans(shape)[0], shape, generator)


def he_uniform(shape: Shape, generator: np.random.Generator) -> Array:
    """Return U(-limit, limit) with limit = sqrt(6 / fan_in), of variance 2 / fan_in, for layers followed by relu.

    Example:
        >>> bool(np.abs(he_uniform((6, 3), np.random.default_rng(0))).max() < 1)
        True

    Source: K. He, X. Zhang, S. Ren and J. Sun, "Delving deep into rectifiers", 2015.
    """
    return uniform_with(2.0 / fans(shape)[0], shape, generator)


def lecun_normal(shape: Shape, generator: np.random.Generator) -> Array:
    """Return N(0, 1 / fan_in), for sigmoid, tanh and selu; not truncated at two deviations, as Keras has it.

    Example:
        >>> lecun_normal((2, 3), np.random.default_rng(0)).shape
        (2, 3)

    Source: Y. LeCun, L. Bottou, G. Orr and K.-R. Müller, "Efficient BackProp", 1998.
    """
    return normal_with(1.0 / fans(shape)[0], shape, generator)


def lecun_uniform(shape: Shape, generator: np.random.Generator) -> Array:
    """Return U(-limit, limit) with limit = sqrt(3 / fan_in), of variance 1 / fan_in.

    Example:
        >>> bool(np.abs(lecun_uniform((3, 3), np.random.default_rng(0))).max() < 1)
        True

    Source: Y. LeCun, L. Bottou, G. Orr and K.-R. Müller, "Efficient BackProp", 1998.
    """
    return uniform_with(1.0 / fans(shape)[0], shape, generator)


INITIALIZERS: dict[str, Initializer] = {
    function.__name__: function
    for function in (
        *(zeros, ones, random_normal, random_uniform),
        *(glorot_normal, glorot_uniform, he_normal, he_uniform, lecun_normal, lecun_uniform),
    )
}


def initializer_of(initializer: str | Initializer) -> Initializer:
    """Return an initializer given by name or as a function."""
    return function_named("initializer", INITIALIZERS, initializer)
