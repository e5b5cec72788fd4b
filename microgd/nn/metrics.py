"""Metrics: how good predictions are, for people to read. All take (y_true, y_pred) as arrays and give one number."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .losses import LOSSES, paired
from .names import function_named, name_of

Metric = Callable[[Any, Any], Any]


def r2(y_true: Any, y_pred: Any) -> float:
    """Return the coefficient of determination, 1 - sum((y_true - y_pred)²) / sum((y_true - mean(y_true))²).

    1 is perfect, 0 is as good as the mean. Where y_true is constant: 1 if all is right, else 0. With several columns,
    the mean over them.

    Args:
        y_true: What should have been predicted, shape (rows, ...).
        y_pred: What was, in the same shape.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> r2(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 2.0]))
        0.5

    Source: S. Wright, "Correlation and causation", 1921.
    """
    y_true, y_pred = paired(y_true, y_pred)
    residual = np.sum(np.square(y_true - y_pred), axis=0)
    total = np.sum(np.square(y_true - np.mean(y_true, axis=0)), axis=0)
    varied = total > 0
    return float(np.mean(np.where(varied, 1.0 - residual / np.where(varied, total, 1.0), residual == 0.0)))


def classes_of(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Return the true and the predicted class of each row.

    y_pred has a column a class, of which the largest is meant, or a single probability, of which 0.5 and more is yes.
    y_true has the same shape, or the number of the class. Where it has several 1s in a row, or none, each column is a
    question of its own. For classes of -1 and 1, as for the hinge loss, 0 and more is yes.
    """
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    columns = y_pred.shape[-1] if y_pred.ndim > 1 else 1
    if y_true.size * (1 if y_true.shape == y_pred.shape else columns) != y_pred.size:
        raise ValueError(
            f"y_true has shape {y_true.shape} and y_pred has shape {y_pred.shape}; expected the same rows, and one "
            "class a row, or a column a class in both."
        )
    if columns > 1 and y_true.shape != y_pred.shape:
        predicted = np.argmax(y_pred, axis=-1)
        return y_true.reshape(predicted.shape), predicted
    if columns > 1 and np.allclose(np.sum(y_true, axis=-1), 1.0):
        return np.argmax(y_true, axis=-1), np.argmax(y_pred, axis=-1)
    yes = 0.0 if (y_true == -1).any() else 0.5
    return (y_true.ravel() >= yes).astype(int), (y_pred.ravel() >= yes).astype(int)


def two_classes(y_true: Any, y_pred: Any, metric: str) -> tuple[Any, Any]:
    """Return what `classes_of` does, or say that a metric makes no sense of more than two classes."""
    true, predicted = classes_of(y_true, y_pred)
    most = int(max(np.max(true), np.max(predicted)))
    if most > 1:
        raise ValueError(
            f"{metric} is of class 1 against class 0, but there are classes up to {most}; use accuracy, or a function "
            "of your own for the class that you mean."
        )
    return true, predicted


def accuracy(y_true: Any, y_pred: Any) -> float:
    """Return the part of the rows whose class is right.

    Args:
        y_true: The class of each row, or a column a class.
        y_pred: A column a class, of which the largest is meant; or one probability, of which 0.5 and more is yes.

    Example:
        >>> accuracy(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]))
        0.6666666666666666
    """
    true, predicted = classes_of(y_true, y_pred)
    return float(np.mean(true == predicted))


def precision(y_true: Any, y_pred: Any) -> float:
    """Return the part of the rows predicted as class 1 that are of class 1; 0 where there are none.

    Args: As for `accuracy`.

    Example:
        >>> precision(np.array([0.0, 1.0, 1.0]), np.array([0.9, 0.8, 0.3]))
        0.5
    """
    true, predicted = two_classes(y_true, y_pred, "precision")
    return float(np.sum((true == 1) & (predicted == 1)) / max(np.sum(predicted == 1), 1))


def recall(y_true: Any, y_pred: Any) -> float:
    """Return the part of the rows of class 1 that are predicted as class 1; 0 where there are none.

    Args: As for `accuracy`.

    Example:
        >>> recall(np.array([0.0, 1.0, 1.0]), np.array([0.9, 0.8, 0.3]))
        0.5
    """
    true, predicted = two_classes(y_true, y_pred, "recall")
    return float(np.sum((true == 1) & (predicted == 1)) / max(np.sum(true == 1), 1))


def auc(y_true: Any, y_pred: Any) -> float:
    """Return the area under the receiver operating characteristic.

    It is the chance that a row of class 1 is given a larger number than one of class 0, ties counting half; computed
    exactly, from ranks. nan where only one of the classes is there.

    Args:
        y_true: 0 or 1 for each row.
        y_pred: Anything that is larger the likelier class 1 is; of two columns, the second.

    Example:
        >>> auc(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.1, 0.4, 0.35, 0.8]))
        0.75

    Source: J. A. Hanley and B. J. McNeil, "The meaning and use of the area under a receiver operating characteristic
    (ROC) curve", 1982.
    """
    two_classes(y_true, y_pred, "auc")
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_pred.size == 2 * len(y_pred):
        y_true, y_pred = y_true[:, 1] if y_true.size == y_pred.size else y_true, y_pred[:, 1]
    positive = np.ravel(y_true) >= 0.5
    _, place, counts = np.unique(np.ravel(y_pred), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return float("nan")
    return float((ranks[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))


METRICS: dict[str, Metric] = {
    **LOSSES,
    "r2": r2,
    "accuracy": accuracy,
    "acc": accuracy,
    "precision": precision,
    "recall": recall,
    "auc": auc,
}


def metrics_of(metrics: Any) -> dict[str, Metric]:
    """Return metrics given by name or as functions, by the name that a history has them under."""
    if isinstance(metrics, str) or not isinstance(metrics, Iterable | None):
        metrics = [metrics]
    found: dict[str, Metric] = {}
    for metric in metrics or ():
        if hasattr(metric, "on_epoch_end"):
            raise TypeError(f"metrics got {metric!r}, which is a callback; give it to fit(..., callbacks=[...]).")
        name = metric.lower() if isinstance(metric, str) else name_of(metric)
        if name in found:
            raise ValueError(
                f"two metrics are called {name!r}, so that one would hide the other; use def to name them."
            )
        found[name] = function_named("metric", METRICS, metric)
    return found
