"""Regularizers: what is added to the loss for the size of weights or outputs, so that they stay small."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..autograd.operators import active
from .names import check_number, default_repr, function_named

Regularizer = Callable[[Any], Any]


@dataclass(eq=False, repr=False)
class L1L2:
    """Adds l1 sum(|w|) + l2 sum(w²) to the loss.

    Args:
        l1: The weight of the absolute values.
        l2: The weight of the squares.

    Example:
        >>> float(L1L2(l1=0.5, l2=0.1)(np.array([1.0, -2.0])))
        2.0

    Source: H. Zou and T. Hastie, "Regularization and variable selection via the elastic net", 2005.
    """

    l1: float = 0.0
    l2: float = 0.0

    __repr__ = default_repr

    def __post_init__(self) -> None:
        check_number("l1", self.l1, 0.01)
        check_number("l2", self.l2, 0.01)

    def __call__(self, w: Any) -> Any:
        """Return the penalty of an array."""
        if active.trace is not None:
            active.trace.guards += [(self, "l1", self.l1), (self, "l2", self.l2)]
        penalty: Any = 0.0
        if self.l1:
            penalty = penalty + self.l1 * np.sum(np.absolute(w))
        if self.l2:
            penalty = penalty + self.l2 * np.sum(np.square(w))
        return penalty


def L1(l1: float = 0.01) -> L1L2:
    """Return the regularizer that adds l1 sum(|w|), which drives weights to exactly 0.

    Example:
        >>> float(L1(0.5)(np.array([1.0, -2.0])))
        1.5

    Source: R. Tibshirani, "Regression shrinkage and selection via the lasso", 1996.
    """
    return L1L2(l1=l1)


def L2(l2: float = 0.01) -> L1L2:
    """Return the regularizer that adds l2 sum(w²).

    Example:
        >>> float(L2(0.5)(np.array([1.0, -2.0])))
        2.5

    Source: A. E. Hoerl and R. W. Kennard, "Ridge regression", 1970.
    """
    return L1L2(l2=l2)


REGULARIZERS: dict[str, Regularizer] = {"l1": L1(), "l2": L2(), "l1_l2": L1L2(0.01, 0.01)}


def regularizer_of(regularizer: str | Regularizer | None) -> Regularizer | None:
    """Return a regularizer given by name, as a function, or as None for none."""
    return None if regularizer is None else function_named("regularizer", REGULARIZERS, regularizer)
