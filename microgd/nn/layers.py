"""The layers that models are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..autograd.arrays import beside, kind
from ..autograd.rules.fused import affine
from ..autograd.value import Value
from ..data.preparation import StandardScaler
from .activations import Activation as ActivationFunction
from .activations import activation_of
from .exporting import Exporter
from .initializers import Initializer, initializer_of
from .layer import Layer, Shape
from .names import check_number
from .regularizers import Regularizer, regularizer_of


def check_features(layer: Layer, weight: Value, x: Any) -> None:
    """Raise unless the last axis of an input is as long as the first of the weight that it meets."""
    shape = np.shape(x)
    if shape[-1:] != weight.shape[:1]:
        hint = " Write x.reshape(-1, 1) for a single feature." if len(shape) < 2 else ""
        if (*shape[1:], shape[0]) == (1, *weight.shape[:1]):
            hint = " Is it a single row? Write [x]: what has one axis is taken for a column."
        raise ValueError(
            f"{layer.title} takes {weight.shape[0]} features (its {weight.name} has shape {weight.shape}), but the "
            f"input has shape {shape}.{hint}"
        )


def at_least_one(layer: Layer, name: str, number: Any) -> None:
    """Raise unless a setting is a whole number from 1."""
    if not isinstance(number, int | np.integer) or isinstance(number, bool) or number < 1:
        raise ValueError(f"{layer.title}: {name} is {number!r}; expected a whole number from 1.")


@dataclass(eq=False, repr=False)
class Dense(Layer):
    """A fully connected layer: activation(x @ kernel + bias).

    Args:
        units: The number of outputs.
        activation: By name or as a function; None for linear.
        kernel_initializer: By name or as a function (shape, generator) -> array.
        bias_initializer: The same for the bias.
        use_bias: Whether there is a bias.
        input_shape: The shape of a row, as (features,), to have the weights from the start; by default they are made
            when the layer sees its first input.
        kernel_regularizer, bias_regularizer, activity_regularizer: What is added to the loss for the size of the
            kernel, the bias and the output (this one by row): "l1", "l2", or a function of an array.
        name, trainable, seed: See `Layer`.

    Attributes:
        kernel: A Value of shape (features, units).
        bias: A Value of shape (units,).

    Raises:
        ValueError: If a name is unknown; when called, if the number of features is not that of the kernel.

    Example:
        >>> layer = Dense(1, kernel_initializer="ones", input_shape=(2,))
        >>> layer(np.array([[3.0, 4.0]])).data
        array([[7.]])
    """

    units: int
    activation: str | ActivationFunction | None = None
    kernel_initializer: str | Initializer = "glorot_uniform"
    bias_initializer: str | Initializer = "zeros"
    use_bias: bool = True
    input_shape: Shape | None = field(default=None, kw_only=True)
    kernel_regularizer: str | Regularizer | None = field(default=None, kw_only=True)
    bias_regularizer: str | Regularizer | None = field(default=None, kw_only=True)
    activity_regularizer: str | Regularizer | None = field(default=None, kw_only=True)
    kernel: Value = field(init=False)
    bias: Value = field(init=False)

    kept_apart = frozenset({"output"})

    def __post_init__(self) -> None:
        at_least_one(self, "units", self.units)
        self.activate = activation_of(self.activation)
        initializer_of(self.kernel_initializer)
        initializer_of(self.bias_initializer)
        self.penalty_of_kernel = regularizer_of(self.kernel_regularizer)
        self.penalty_of_bias = regularizer_of(self.bias_regularizer)
        self.penalty_of_output = regularizer_of(self.activity_regularizer)
        self.output: SimpleNamespace | None = None  # in a box, so that it is not taken for a weight
        if self.input_shape is not None and (not isinstance(self.input_shape, tuple | list) or not self.input_shape):
            raise ValueError(
                f"{self.title}: input_shape is {self.input_shape!r}; expected the shape of a row, such as (12,)."
            )

    def build(self, input_shape: Shape) -> None:
        """See `Layer`."""
        if not input_shape:
            raise ValueError(
                f"{self.title} takes rows of features, shape (rows, features), but got one axis or none. "
                "Write x.reshape(-1, 1) for a single feature."
            )
        self.kernel = self.add_weight("kernel", (input_shape[-1], self.units), self.kernel_initializer)
        if self.use_bias:
            self.bias = self.add_weight("bias", (self.units,), self.bias_initializer)

    def forward(self, x: Any, training: bool) -> Any:
        """See `Layer`."""
        check_features(self, self.kernel, x)
        kernel = self.use(self.kernel)
        y = self.activate(affine(x, kernel, self.use(self.bias)) if self.use_bias else np.matmul(x, kernel))
        self.output = SimpleNamespace(y=y) if self.penalty_of_output else None
        return y

    def penalties(self) -> list[Any]:
        """See `Layer`."""
        found = []
        if self.penalty_of_kernel:
            found.append(self.penalty_of_kernel(self.use(self.kernel)))
        if self.penalty_of_bias and self.use_bias:
            found.append(self.penalty_of_bias(self.use(self.bias)))
        if self.penalty_of_output and self.output is not None:
            found.append(self.penalty_of_output(self.output.y) / np.shape(self.output.y)[0])
            self.output = None
        return found

    def export(self, file: Exporter) -> None:
        """See `Layer`."""
        product = f"x.dot({file.constant(f'{self.title}_kernel', self.kernel._data)})"
        if self.use_bias:
            product += f" + {file.constant(f'{self.title}_bias', self.bias._data)}"
        file.step(file.call(self.activate, product))


@dataclass(eq=False, repr=False)
class Activation(Layer):
    """An activation as a layer of its own; any function of an array will do.

    Args:
        activation: By name or as a function.
        name: See `Layer`.

    Example:
        >>> Activation("relu")(np.array([[-1.0, 2.0]]))
        array([[0., 2.]])
    """

    activation: str | ActivationFunction | None

    def __post_init__(self) -> None:
        self.activate = activation_of(self.activation)

    def forward(self, x: Any, training: bool) -> Any:
        """See `Layer`."""
        return self.activate(x)

    def export(self, file: Exporter) -> None:
        """See `Layer`."""
        file.step(file.call(self.activate, "x"))


@dataclass(eq=False, repr=False)
class Flatten(Layer):
    """Puts the numbers of each row along one axis: (rows, a, b) becomes (rows, a b).

    Example:
        >>> Flatten()(np.zeros((5, 2, 3))).shape
        (5, 6)
    """

    def forward(self, x: Any, training: bool) -> Any:
        """See `Layer`."""
        return np.reshape(x, (np.shape(x)[0], -1))

    def export(self, file: Exporter) -> None:
        """See `Layer`."""
        file.step("np.reshape(x, (len(x), -1))")


@dataclass(eq=False, repr=False)
class Dropout(Layer):
    """In training, sets numbers to 0 at random, and scales the others up to make good for it; else does nothing.

    The steps of a model that has one are run as they are, not compiled.

    Args:
        rate: The part set to 0, from 0 to less than 1; the others are divided by 1 - rate.
        name, seed: See `Layer`.

    Raises:
        ValueError: If the rate is out of its range.

    Example:
        >>> Dropout(0.5, seed=0)(np.ones((1, 4)), training=True)
        array([[2., 0., 0., 0.]])

    Source: N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R. Salakhutdinov, "Dropout: a simple way to
    prevent neural networks from overfitting", 2014.
    """

    rate: float

    same_each_step = False

    def __post_init__(self) -> None:
        check_number("rate", self.rate, 0.5, below=1)

    def forward(self, x: Any, training: bool) -> Any:
        """See `Layer`."""
        if not training or not self.rate:
            return x
        kept = beside(self.random().random(np.shape(x)) >= self.rate, x)
        return x * (kept / (1.0 - self.rate)).astype(self.dtype)

    def export(self, file: Exporter) -> None:
        """See `Layer`."""
        return


@dataclass(eq=False, repr=False)
class Normalization(Layer):
    """Brings each feature to mean 0 and deviation 1, with the figures of the rows it was adapted to.

    (x - mean) / scale

    Example:
        >>> layer = Normalization()
        >>> layer.adapt([[1.0], [3.0]])
        >>> layer(np.array([[5.0]]))
        array([[3.]])

    Source: `StandardScaler`, as a layer: so that the model takes features as they are.
    """

    buffers = ("mean", "scale")

    def __call__(self, x: Any, training: bool = False) -> Any:
        """See `Layer`."""
        if not self.built:
            raise RuntimeError(f"{self.title} has no figures yet: call its adapt(x) with the rows to train on first.")
        return super().__call__(x, training)

    def build(self, input_shape: Shape) -> None:
        """See `Layer`."""
        self.mean, self.scale = np.zeros(input_shape), np.ones(input_shape)

    def adapt(self, x: Any) -> None:
        """Learn the mean and the deviation of each feature from some rows, shape (rows, features)."""
        scaler = StandardScaler().fit(x)
        self.make(scaler.mean_.shape)
        self.mean, self.scale = scaler.mean_, scaler.scale_

    def forward(self, x: Any, training: bool) -> Any:
        """See `Layer`."""
        if np.shape(x)[1:] != self.mean.shape:
            raise ValueError(
                f"{self.title} was adapted to rows of shape {self.mean.shape}, but the input has shape {np.shape(x)}."
            )
        return (x - self.mean) / self.scale

    def export(self, file: Exporter) -> None:
        """See `Layer`."""
        mean, scale = (file.constant(f"{self.title}_{name}", getattr(self, name)) for name in self.buffers)
        file.step(f"(x - {mean}) / {scale}")


@dataclass(eq=False, repr=False)
class Rescaling(Layer):
    """Multiplies by a number and adds one: x · scale + offset.

    Args:
        scale: The factor.
        offset: What is added.
        name: See `Layer`.

    Example:
        >>> Rescaling(2.0, 1.0)(np.array([[3.0]]))
        array([[7.]])
    """

    scale: float
    offset: float = 0.0

    def forward(self, x: Any, training: bool) -> Any:
        """See `Layer`."""
        return x * self.scale + self.offset

    def export(self, file: Exporter) -> None:
        """See `Layer`."""
        file.step(f"x * {self.scale!r} + {self.offset!r}")


@dataclass(eq=False, repr=False)
class BatchNormalization(Layer):
    """Normalizes each feature over the batch, then scales and shifts it by learnt amounts.

    gamma · (x - mean) / sqrt(variance + epsilon) + beta

    In training mean and variance are those of the batch; else running means of them, which training keeps:
    moving ← momentum · moving + (1 - momentum) · batch. The steps of a model that has one are run as they are, not
    compiled.

    Args:
        momentum: How much of the running means is kept from step to step.
        epsilon: Keeps the quotient finite.
        name, trainable: See `Layer`.

    Example:
        >>> BatchNormalization()(np.array([[1.0], [3.0]]), training=True).data.round(3)
        array([[-1.],
               [ 1.]])

    Source: S. Ioffe and C. Szegedy, "Batch normalization", 2015; the running variance is the population's, as in Keras.
    """

    momentum: float = 0.99
    epsilon: float = 1e-3
    gamma: Value = field(init=False)
    beta: Value = field(init=False)

    buffers = ("moving_mean", "moving_variance")
    same_each_step = False

    def __post_init__(self) -> None:
        check_number("momentum", self.momentum, 0.99, below=1)
        check_number("epsilon", self.epsilon, 1e-3)

    def build(self, input_shape: Shape) -> None:
        """See `Layer`."""
        self.gamma = self.add_weight("gamma", input_shape[-1:], "ones")
        self.beta = self.add_weight("beta", input_shape[-1:], "zeros")
        self.moving_mean = np.zeros(input_shape[-1:], self.dtype)
        self.moving_variance = np.ones(input_shape[-1:], self.dtype)

    def forward(self, x: Any, training: bool) -> Any:
        """See `Layer`."""
        mean, variance = self.moving_mean, self.moving_variance
        if training and self.trainable:
            axes = tuple(range(np.ndim(x) - 1))
            mean, variance = np.mean(x, axis=axes), np.var(x, axis=axes)
            self.moving_mean = self.follow(self.moving_mean, mean)
            self.moving_variance = self.follow(self.moving_variance, variance)
        return (x - mean) / np.sqrt(variance + self.epsilon) * self.use(self.gamma) + self.use(self.beta)

    def follow(self, moving: Any, batch: Any) -> Any:
        """Return a running mean moved towards the figure of a batch."""
        return self.momentum * moving + (1.0 - self.momentum) * (batch._data if isinstance(batch, Value) else batch)

    def export(self, file: Exporter) -> None:
        """See `Layer`."""
        mean, variance = (file.constant(f"{self.title}_{name}", getattr(self, name)) for name in self.buffers)
        gamma = file.constant(f"{self.title}_gamma", self.gamma._data)
        beta = file.constant(f"{self.title}_beta", self.beta._data)
        file.step(f"(x - {mean}) / np.sqrt({variance} + {self.epsilon!r}) * {gamma} + {beta}")


@dataclass(eq=False, repr=False)
class LayerNormalization(Layer):
    """Normalizes the features of each row, then scales and shifts them by learnt amounts.

    gamma · (x - mean) / sqrt(variance + epsilon) + beta, mean and variance over the last axis.

    Args:
        epsilon: Keeps the quotient finite.
        name, trainable: See `Layer`.

    Example:
        >>> LayerNormalization()(np.array([[1.0, 3.0]])).data.round(3)
        array([[-1.,  1.]])

    Source: J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer normalization", 2016.
    """

    epsilon: float = 1e-3
    gamma: Value = field(init=False)
    beta: Value = field(init=False)

    def __post_init__(self) -> None:
        check_number("epsilon", self.epsilon, 1e-3)

    def build(self, input_shape: Shape) -> None:
        """See `Layer`."""
        self.gamma = self.add_weight("gamma", input_shape[-1:], "ones")
        self.beta = self.add_weight("beta", input_shape[-1:], "zeros")

    def forward(self, x: Any, training: bool) -> Any:
        """See `Layer`."""
        mean, variance = np.mean(x, axis=-1, keepdims=True), np.var(x, axis=-1, keepdims=True)
        return (x - mean) / np.sqrt(variance + self.epsilon) * self.use(self.gamma) + self.use(self.beta)

    def export(self, file: Exporter) -> None:
        """See `Layer`."""
        centred = "(x - np.mean(x, axis=-1, keepdims=True))"
        gamma = file.constant(f"{self.title}_gamma", self.gamma._data)
        beta = file.constant(f"{self.title}_beta", self.beta._data)
        file.step(f"{centred} / np.sqrt(np.var(x, axis=-1, keepdims=True) + {self.epsilon!r}) * {gamma} + {beta}")


@dataclass(eq=False, repr=False)
class Embedding(Layer):
    """Turns whole numbers, the places of words in a list, into learnt vectors: embeddings[x].

    The steps of a model that has one are run as they are, not compiled.

    Args:
        input_dim: How many words there are; x is from 0 to input_dim - 1.
        output_dim: The length of a vector.
        embeddings_initializer: By name or as a function.
        name, trainable, seed: See `Layer`.

    Attributes:
        embeddings: A Value of shape (input_dim, output_dim).

    Raises:
        ValueError: When called, if x holds anything but such numbers.

    Example:
        >>> Embedding(10, 3)(np.array([[4, 2]])).shape
        (1, 2, 3)
    """

    input_dim: int
    output_dim: int
    embeddings_initializer: str | Initializer = "random_uniform"
    embeddings: Value = field(init=False)

    same_each_step = False  # the rows that are looked up are checked and converted in each step

    def __post_init__(self) -> None:
        at_least_one(self, "input_dim", self.input_dim)
        at_least_one(self, "output_dim", self.output_dim)

    def build(self, input_shape: Shape) -> None:
        """See `Layer`."""
        self.embeddings = self.add_weight("embeddings", (self.input_dim, self.output_dim), self.embeddings_initializer)

    def forward(self, x: Any, training: bool) -> Any:
        """See `Layer`."""
        index = np.asarray(x, like=kind(x)).astype(int)
        wrong = (index != x) | (index < 0) | (index >= self.input_dim)
        if np.any(wrong):
            row, *place = (int(i) for i in np.argwhere(wrong)[0])
            got = f"{float(x[row, *place]):g} in row {row} of a batch"
            raise ValueError(
                f"{self.title} takes whole numbers from 0 to {self.input_dim - 1}; got {got}, and {np.sum(wrong)} "
                "such numbers in all."
            )
        return self.use(self.embeddings)[index]

    def export(self, file: Exporter) -> None:
        """See `Layer`."""
        file.step(f"{file.constant(f'{self.title}_embeddings', self.embeddings._data)}[x.astype(int)]")


def as_layer(part: Any) -> Layer:
    """Return a layer as it is, and a function as a layer."""
    if isinstance(part, type):
        raise TypeError(f"got the class {part.__name__} for a layer; make one of it: {part.__name__}(...).")
    if isinstance(part, Layer):
        return part
    if isinstance(part, str) or callable(part):
        return Activation(part)
    raise TypeError(f"expected a layer or a function of an array, but got {part!r}.")


LAYERS: dict[str, type[Layer]] = {
    kind.__name__: kind
    for kind in (
        *(Dense, Activation, Flatten, Dropout, Normalization, Rescaling),
        *(BatchNormalization, LayerNormalization, Embedding),
    )
}
