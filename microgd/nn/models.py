"""Models that are made of layers: Sequential."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .exporting import Exporter, numpy_source
from .layer import Layer
from .layers import as_layer
from .saving import CLASSES
from .training import Model


@dataclass(eq=False, repr=False)
class Sequential(Model):
    """Layers one after the other.

    Args:
        layers: Layers, or functions of an array, in order.
        name, trainable: See `Layer`.
        seed: For the weights, the order of the rows and dropout: the same seed gives the same bits.

    Raises:
        TypeError: If one of the layers is not a layer and not a function.

    Example:
        >>> from microgd.nn.layers import Dense
        >>> model = Sequential([Dense(3, "relu"), Dense(1)], seed=0)
        >>> model.predict([[1.0, 2.0]]).shape
        (1, 1)
        >>> [parameter.name for parameter in model.parameters()]
        ['dense_1_kernel', 'dense_1_bias', 'dense_2_kernel', 'dense_2_bias']
    """

    layers: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        if isinstance(self.layers, Layer) or not isinstance(self.layers, Iterable):
            raise TypeError(f"layers is {self.layers!r}; expected a list of layers: Sequential([Dense(1)]).")
        self.layers = [as_layer(layer) for layer in self.layers]
        self.adopt()

    def add(self, layer: Any) -> None:
        """Put one more layer at the end."""
        self.layers.append(as_layer(layer))
        self.adopt()

    def __call__(self, x: Any, training: bool = False) -> Any:
        """Return the output of the last layer for a batch of rows.

        Args:
            x: An array or a Value, shape (rows, ...).
            training: Whether to behave as in training, where dropout and batch normalization do.
        """
        for layer in self.layers:
            x = layer(x, training)
        return x

    def export(self, file: Exporter) -> None:
        """See `Layer`."""
        for layer in self.layers:
            layer.export(file)

    def to_numpy_source(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the trained model as a stand-alone module with a function `predict`, that needs nothing but NumPy.

        Args:
            path: Where to write it too, as "model.py".

        Raises:
            NotImplementedError: If a layer of your own has no `export`.
            TypeError: If an activation has no source, as one that was typed in.

        Example:
            >>> from microgd.nn.layers import Dense
            >>> model = Sequential([Dense(1, kernel_initializer="ones", input_shape=(2,))])
            >>> print(model.to_numpy_source().splitlines()[-2].strip())
            x = x.dot(DENSE_1_KERNEL) + DENSE_1_BIAS
        """
        text = numpy_source(self)
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text


CLASSES["Sequential"] = Sequential
