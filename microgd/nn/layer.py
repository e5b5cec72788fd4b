"""Layer: a function with weights. A model is a layer made of layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..autograd.arrays import beside, fetched, kind
from ..autograd.operators import active
from ..autograd.value import Value
from .exporting import Exporter
from .initializers import Initializer, initializer_of
from .names import Seed, default_repr

Shape = tuple[int, ...]


@dataclass(eq=False, repr=False)
class Layer:
    """What all layers share. A new one is a class with `forward`, and with `build` if it has weights.

    Weights are Values kept as attributes; so are the layers within a layer, alone or in a list, tuple or dict. They are
    found in the order in which they were declared.

    Args:
        name: What its weights are named after; a model numbers its layers where it is missing: "dense_1".
        trainable: False freezes it: its weights enter the forward pass as constants, and get no gradient. A layer that
            is freed again learns from the next fit on.
        seed: Where its random numbers come from, unless a model lends it its own generator.
    """

    name: str | None = field(default=None, kw_only=True)
    trainable: bool = field(default=True, kw_only=True)
    seed: Seed = field(default=None, kw_only=True)

    generator: np.random.Generator | None = field(default=None, init=False)
    input_axes: Shape = field(default=(), init=False)
    number: int | None = field(default=None, init=False)  # in the model, among the layers of its kind without a name
    built: bool = field(default=False, init=False)

    buffers: ClassVar[tuple[str, ...]] = ()  # attributes with arrays that are saved with the weights, but not trained
    same_each_step: ClassVar[bool] = True  # False where a step draws numbers or keeps something for the next
    kept_apart: ClassVar[frozenset[str]] = frozenset()  # attributes that say nothing about what the layer computes
    changes: ClassVar[int] = 0  # of its other attributes, of each layer for itself: a compiled step goes by it

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            if name in type(self).__annotations__:
                self.make_early()
                if name in vars(self):
                    return vars(self)[name]
                raise AttributeError(
                    f"{self.title} has no {name} yet: its weights are made when it sees its first input. Call it once, "
                    "or give it input_shape=."
                )
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    __repr__ = default_repr

    def __call__(self, x: Any, training: bool = False) -> Any:
        """Return the output for a batch of rows, after making the weights if this is the first.

        Args:
            x: An array or a Value, shape (rows, ...).
            training: Whether to behave as in training, where dropout and batch normalization do.
        """
        if not hasattr(x, "shape"):
            x = np.asarray(x)
        if not self.built:
            self.make(x.shape[1:], x.dtype)
            if kind(x) is not None:
                self.move(lambda array: beside(array, x))
        if active.trace is not None:
            self.guard()
        return self.forward(x, training)

    def make(self, input_shape: Shape, dtype: Any = float) -> None:
        """Make the weights for inputs of a shape, the rows not counted."""
        self.dtype = np.dtype(dtype) if np.dtype(dtype).kind == "f" else np.dtype(float)
        self.input_axes = tuple(input_shape)
        self.build(self.input_axes)
        self.built = True

    def make_early(self) -> None:
        """Make the weights where `input_shape` was given: when they are asked for, or a model takes the layer.

        Not when the layer is made, for it would have to draw them from a source of its own, not from the model's.
        """
        shape = vars(self).get("input_shape")
        if shape is not None and not self.built:
            self.make(shape)

    def build(self, input_shape: Shape) -> None:
        """Make the weights, as Values made by `add_weight` and kept as attributes."""

    def forward(self, x: Any, training: bool) -> Any:
        """Return the output for a batch of rows."""
        hint = " What is called `call` elsewhere is `forward` here, or `__call__`." if hasattr(self, "call") else ""
        raise NotImplementedError(f"{type(self).__name__} has no forward; define forward(self, x, training).{hint}")

    def export(self, file: Exporter) -> None:
        """Add what `forward` does outside of training to a stand-alone file."""
        raise NotImplementedError(
            f"{self.title} cannot be written as NumPy source; define {type(self).__name__}.export."
        )

    def add_weight(self, name: str, shape: Shape, initializer: str | Initializer) -> Value:
        """Return a new weight, named after the layer."""
        data = initializer_of(initializer)(shape, self.random())
        if np.shape(data) != shape:
            raise ValueError(f"the initializer of {self.title}'s {name} gave shape {np.shape(data)}; expected {shape}.")
        return Value(np.asarray(data, dtype=self.dtype), name=f"{self.title}_{name}")

    def random(self) -> np.random.Generator:
        """Return the layer's source of random numbers."""
        if self.generator is None:
            self.generator = np.random.default_rng(self.seed)
        return self.generator

    def lend(self, generator: np.random.Generator) -> None:
        """Let the layer, and those within it, draw from a source, unless they have a seed of their own."""
        self.generator = generator if self.seed is None else self.random()
        for _, part in self.held():
            if isinstance(part, Layer):
                part.lend(self.generator)

    def use(self, weight: Value) -> Any:
        """Return a weight as it enters the forward pass: as a constant where the layer is frozen."""
        if self.trainable:
            return weight
        if active.trace is not None:
            active.trace.lift(weight)  # else its numbers would stay in the compiled step when they change
        return weight._data

    def guard(self) -> None:
        """Let the step that is being compiled be compiled anew when an attribute of the layer changes."""
        active.trace.guards.append((self, "changes", self.changes))

    @property
    def title(self) -> str:
        """The name; where it has none, what kind of layer it is, and its number in the model."""
        return self.name or type(self).__name__.lower() + ("" if self.number is None else f"_{self.number}")

    def penalties(self) -> list[Any]:
        """Return what the layer adds to the loss: the regularizers of its weights and of its output."""
        return []

    def held(self) -> Iterator[tuple[str, Value | Layer]]:
        """Yield the weights and layers among the attributes, with the attribute's name, in order of declaration."""
        self.make_early()
        for attribute, value in vars(self).items():
            if isinstance(value, Value | Layer):
                yield attribute, value
            elif isinstance(value, dict | list | tuple):
                for key, part in value.items() if isinstance(value, dict) else enumerate(value):
                    if isinstance(part, Value | Layer):
                        yield f"{attribute}_{key}", part

    def all_layers(self) -> list[Layer]:
        """Return the layer and all layers within it, in order of declaration, each once."""
        found = [self]
        for _, part in self.held():
            if isinstance(part, Layer):
                found += [layer for layer in part.all_layers() if layer not in found]
        return found

    def parameters(self) -> list[Value]:
        """Return the weights of the layer and of all layers within it, in order of declaration, each once.

        Example:
            >>> from microgd.nn.layers import Dense
            >>> [parameter.name for parameter in Dense(3, input_shape=(2,)).parameters()]
            ['dense_kernel', 'dense_bias']
        """
        found: dict[Value, None] = {}
        for _, part in self.held():
            found.update(dict.fromkeys([part] if isinstance(part, Value) else part.parameters()))
        return list(found)

    def zero_grad(self) -> None:
        """Clear the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.kept_apart and vars(self).get(name) is not value:
            vars(self)["changes"] = self.changes + 1
        object.__setattr__(self, name, value)
        if name == "trainable":  # freezing a layer freezes what is in it
            for _, part in self.held():
                if isinstance(part, Layer):
                    part.trainable = value

    def places(self) -> dict[str, tuple[Any, str]]:
        """Return where each array is that `get_weights` copies: by its name, what holds it and as which attribute."""
        found: dict[str, tuple[Any, str]] = {}
        for layer in self.all_layers():
            for attribute, part in layer.held():
                if isinstance(part, Value):
                    found[part.name or attribute] = (part, "_data")
            for buffer in layer.buffers if layer.built else ():
                found[f"{layer.title}_{buffer}"] = (layer, buffer)
        return found

    def get_weights(self) -> dict[str, Any]:
        """Return a copy of all weights by name, and of what batch normalization and the like keep beside them.

        Example:
            >>> from microgd.nn.layers import Dense
            >>> Dense(1, kernel_initializer="ones", input_shape=(2,)).get_weights()["dense_kernel"].tolist()
            [[1.0], [1.0]]
        """
        return copies(self.places())

    def set_weights(self, weights: Mapping[str, Any]) -> None:
        """Put weights in place that `get_weights` returned.

        Raises:
            ValueError: If one is missing, unknown or of another shape; the message names it, expected and found.
        """
        places = self.places()
        if not isinstance(weights, Mapping):
            raise TypeError(
                f"weights is {type(weights).__name__}; expected arrays by name, as get_weights returns them."
            )
        if weights.keys() != places.keys():
            raise ValueError(
                f"the weights are {', '.join(weights)}; expected {', '.join(places)}. Are they of another model, or "
                "has the model not made its weights yet?"
            )
        for name, (holder, attribute) in places.items():
            expected, found = np.shape(getattr(holder, attribute)), np.shape(weights[name])
            if expected != found:
                raise ValueError(f"{name} has shape {expected}, but the weights to put there have shape {found}.")
        for name, (holder, attribute) in places.items():
            new = beside(np.array(fetched(weights[name])), getattr(holder, attribute))
            if isinstance(holder, Value):
                holder.data = new
            else:
                setattr(holder, attribute, new)

    def move(self, to: Callable[[Any], Any]) -> None:
        """Put each weight, and what is kept beside them, where a function brings it."""
        for holder, attribute in self.places().values():
            setattr(holder, attribute, to(getattr(holder, attribute)))
            if isinstance(holder, Value):
                holder.grad = holder.watched = None


def copies(places: Mapping[str, tuple[Any, str]]) -> dict[str, Any]:
    """Return a copy of the arrays at some places, as `Layer.places` gives them."""
    return {name: np.array(fetched(getattr(holder, attribute))) for name, (holder, attribute) in places.items()}
