"""Models as scikit-learn's estimators, for its pipelines, cross-validation and searches. Needs the extra `sklearn`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from .autograd.rules.elementwise import sigmoid
from .autograd.rules.reductions import softmax
from .data import StandardScaler
from .nn import L2, Dense, Sequential, binary_crossentropy, sparse_categorical_crossentropy
from .nn.names import look_up
from .nn.optimizers import OPTIMIZERS, Optimizer

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "MicrogdRegressor and MicrogdClassifier need scikit-learn: pip install 'microgd[sklearn]'"
    ) from error


class Estimator(BaseEstimator):  # type: ignore[misc]
    """What the two share: a network of dense layers on standardised features.

    Args:
        hidden: The units of each hidden layer; none for a linear model.
        activation: Of the hidden layers.
        optimizer: By name.
        learning_rate: The size of a step.
        epochs: How often to go through all rows.
        batch_size: Rows in a step.
        l2: The weight of the squares of the kernels in the loss.
        random_state: As scikit-learn has it: a number gives the same model each time.
    """

    def __init__(
        self,
        hidden: Sequence[int] = (50,),
        activation: str = "relu",
        optimizer: str = "adam",
        learning_rate: float = 0.01,
        epochs: int = 100,
        batch_size: int = 32,
        l2: float = 0.0,
        random_state: Any = None,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.l2 = l2
        self.random_state = random_state

    def network(self, features: int, outputs: int) -> list[Dense]:
        """Return the layers; a subclass may have others."""
        if not isinstance(self.hidden, Sequence) or isinstance(self.hidden, str):
            raise ValueError(f"hidden is {self.hidden!r}; expected the units of each hidden layer, such as (50,).")
        penalty = L2(self.l2) if self.l2 else None
        layers = [Dense(units, self.activation, kernel_regularizer=penalty) for units in self.hidden]
        return [*layers, Dense(outputs, kernel_regularizer=penalty)]

    def train(self, X: Any, y: Any, outputs: int, loss: Any) -> None:
        """Make the model and fit it."""
        seed = check_random_state(self.random_state).randint(2**31)
        self.scaler_ = StandardScaler().fit(X)
        self.model_ = Sequential(self.network(X.shape[1], outputs), seed=seed)
        optimizer: Optimizer = look_up("optimizer", OPTIMIZERS, self.optimizer)(self.learning_rate)
        self.model_.compile(optimizer, loss)
        self.history_ = self.model_.fit(
            self.scaler_.transform(X), y, batch_size=self.batch_size, epochs=self.epochs, verbose=0
        )

    def outputs(self, X: Any) -> Any:
        """Return what the last layer gives for some rows."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        return self.model_.predict(self.scaler_.transform(X))


class MicrogdRegressor(RegressorMixin, Estimator):  # type: ignore[misc]
    """A network that predicts numbers, by least squares; features and targets are standardised inside.

    Args:
        hidden: The units of each hidden layer; none for linear regression.
        activation, optimizer, learning_rate, epochs, batch_size, l2, random_state: See `Estimator`.

    Attributes:
        model_: The `Sequential` that was trained.
        history_: The `History` of its training.

    Example:
        >>> import microgd as mg
        >>> houses = mg.data.load_houses()
        >>> regressor = MicrogdRegressor(hidden=(), epochs=200, random_state=0).fit(houses.data, houses.target)
        >>> round(regressor.score(houses.data, houses.target), 2)
        0.73

    Source: the interface is scikit-learn's.
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any) -> Self:
        """Train on features of shape (rows, features) and targets of shape (rows,) or (rows, targets)."""
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=True, dtype=np.float64)
        y = np.asarray(y, dtype=float)
        self.one_target_ = y.ndim == 1
        columns = y.reshape(len(y), -1)
        self.target_scaler_ = StandardScaler().fit(columns)
        self.train(X, self.target_scaler_.transform(columns), columns.shape[1], "mean_squared_error")
        return self

    def predict(self, X: Any) -> Any:
        """Return the predictions, in the shape that the targets had."""
        y = self.target_scaler_.inverse_transform(self.outputs(X)) if hasattr(self, "model_") else self.outputs(X)
        return y[:, 0] if self.one_target_ else y


class MicrogdClassifier(ClassifierMixin, Estimator):  # type: ignore[misc]
    """A network that predicts classes, by cross-entropy; features are standardised inside.

    Args:
        hidden: The units of each hidden layer; none for logistic regression.
        activation, optimizer, learning_rate, epochs, batch_size, l2, random_state: See `Estimator`.

    Attributes:
        classes_: The classes, in the order of the columns of `predict_proba`.
        model_: The `Sequential` that was trained.
        history_: The `History` of its training.

    Example:
        >>> import microgd as mg
        >>> cars = mg.data.load_cars()
        >>> automatic = cars.data[:, 7]
        >>> classifier = MicrogdClassifier(hidden=(), random_state=0).fit(cars.data[:, :7], automatic)
        >>> classifier.score(cars.data[:, :7], automatic) > 0.9
        True

    Source: the interface is scikit-learn's.
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Train on features of shape (rows, features) and the class of each row."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        two = len(self.classes_) == 2  # one output does for two classes
        self.train(X, numbers.astype(float), *((1, logistic) if two else (len(self.classes_), crossentropy)))
        return self

    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each class, shape (rows, classes)."""
        logits = self.outputs(X)
        return np.hstack([sigmoid(-logits), sigmoid(logits)]) if len(self.classes_) == 2 else softmax(logits)

    def predict(self, X: Any) -> Any:
        """Return the likeliest class of each row."""
        likeliest = np.argmax(self.predict_proba(X), axis=-1)
        return self.classes_[likeliest]


def logistic(y_true: Any, y_pred: Any) -> Any:
    """Return the cross-entropy of 0 and 1, and logits."""
    return binary_crossentropy(y_true, y_pred, from_logits=True)


def crossentropy(y_true: Any, y_pred: Any) -> Any:
    """Return the cross-entropy of numbers of classes, and logits."""
    return sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)
