"""Activations, initializers, losses, metrics, layers and regularizers, each against its formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import microgd as mg
from microgd.nn.activations import ACTIVATIONS, activation_of
from microgd.nn.initializers import INITIALIZERS, fans
from microgd.nn.layers import LAYERS
from microgd.nn.losses import LOSSES
from microgd.nn.metrics import METRICS
from microgd.nn.regularizers import REGULARIZERS

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(6, 4))


def numerical_gradient(f: Any, x: Any, step: float = 1e-6) -> Any:
    slope = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[index] += step
        down[index] -= step
        slope[index] = (float(f(up)) - float(f(down))) / (2 * step)
    return slope


# Activations

ACTIVATION_FORMULAS: dict[str, Any] = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "elu": lambda x: np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(np.minimum(x, 0)) - 1)),
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "swish": lambda x: x / (1 + np.exp(-x)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True),
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "exponential": np.exp,
}


def test_every_activation_has_a_formula_here() -> None:
    assert set(ACTIVATION_FORMULAS) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_its_formula_and_its_gradient_that_of_it(name: str) -> None:
    activation, formula = activation_of(name), ACTIVATION_FORMULAS[name]
    assert activation(X) == pytest.approx(formula(X), rel=1e-12)
    value = mg.Value(X)
    weights = RANDOM.normal(size=X.shape)
    np.sum(activation(value) * weights).backward()
    assert value.grad == pytest.approx(numerical_gradient(lambda x: np.sum(formula(x) * weights), X), abs=1e-7)


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"exponential"}))
def test_an_activation_is_finite_at_a_thousand(name: str) -> None:
    value = mg.Value(np.array([[-1000.0, 0.0, 1000.0]]))
    np.sum(activation_of(name)(value)).backward()
    assert np.isfinite(value.grad).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_keeps_float32(name: str) -> None:
    assert activation_of(name)(mg.Value(X.astype(np.float32))).dtype == np.float32


# Initializers

VARIANCES: dict[str, Any] = {
    "zeros": lambda fan_in, fan_out: 0.0,
    "ones": lambda fan_in, fan_out: 0.0,
    "random_normal": lambda fan_in, fan_out: 0.05**2,
    "random_uniform": lambda fan_in, fan_out: 0.05**2 / 3,
    "glorot_normal": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "glorot_uniform": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "he_normal": lambda fan_in, fan_out: 2 / fan_in,
    "he_uniform": lambda fan_in, fan_out: 2 / fan_in,
    "lecun_normal": lambda fan_in, fan_out: 1 / fan_in,
    "lecun_uniform": lambda fan_in, fan_out: 1 / fan_in,
}


@pytest.mark.parametrize("name", INITIALIZERS)
def test_the_variance_of_an_initializer(name: str) -> None:
    shape = (300, 700)
    drawn = INITIALIZERS[name](shape, np.random.default_rng(0))
    assert drawn.shape == shape
    assert np.var(drawn) == pytest.approx(VARIANCES[name](*shape), rel=0.02)
    assert np.mean(drawn) == pytest.approx(1.0 if name == "ones" else 0.0, abs=4 * np.std(drawn) / np.sqrt(drawn.size))
    assert np.array_equal(drawn, INITIALIZERS[name](shape, np.random.default_rng(0)))
    if name.endswith("uniform"):
        assert np.abs(drawn).max() <= np.sqrt(3 * VARIANCES[name](*shape))


def test_the_fan_of_a_vector_is_that_of_a_column() -> None:
    assert (fans((3, 5)), fans((3,)), fans((2, 3, 4))) == ((3, 5), (3, 1), (2, 4))


def test_an_initializer_may_be_any_function_of_the_right_shape() -> None:
    layer = mg.Dense(2, kernel_initializer=lambda shape, generator: np.full(shape, 7.0), input_shape=(3,))
    assert np.array_equal(layer.kernel.data, np.full((3, 2), 7.0))
    with pytest.raises(ValueError, match=r"initializer of dense's kernel gave shape \(3,\); expected \(3, 2\)"):
        mg.Dense(2, kernel_initializer=lambda shape, generator: np.zeros(3), input_shape=(3,)).parameters()


# Losses

P = 1 / (1 + np.exp(-X))
YES = (RANDOM.random(X.shape) > 0.5).astype(float)
ONE_HOT = np.eye(4)[RANDOM.integers(0, 4, 6)]
SOFTMAX = np.exp(X) / np.exp(X).sum(axis=-1, keepdims=True)
TARGET = RANDOM.normal(size=X.shape) * 2
ERROR = X - TARGET

LOSS_CASES: list[tuple[str, dict[str, Any], Any, Any, float]] = [
    ("mean_squared_error", {}, TARGET, X, float(np.mean(ERROR**2))),
    ("mean_absolute_error", {}, TARGET, X, float(np.mean(np.abs(ERROR)))),
    ("mean_absolute_percentage_error", {}, TARGET, X, float(100 * np.mean(np.abs(ERROR / TARGET)))),
    (
        *("huber", {}, TARGET, X),
        float(np.mean(np.where(np.abs(ERROR) <= 1, ERROR**2 / 2, np.abs(ERROR) - 0.5))),
    ),
    (
        *("huber", {"delta": 0.5}, TARGET, X),
        float(np.mean(np.where(np.abs(ERROR) <= 0.5, ERROR**2 / 2, 0.5 * np.abs(ERROR) - 0.125))),
    ),
    ("log_cosh", {}, TARGET, X, float(np.mean(np.log(np.cosh(ERROR))))),
    ("hinge", {}, 2 * YES - 1, X, float(np.mean(np.maximum(1 - (2 * YES - 1) * X, 0)))),
    ("binary_crossentropy", {}, YES, P, float(np.mean(-YES * np.log(P) - (1 - YES) * np.log(1 - P)))),
    (
        *("binary_crossentropy", {"from_logits": True}, YES, X),
        float(np.mean(-YES * np.log(P) - (1 - YES) * np.log(1 - P))),
    ),
    ("categorical_crossentropy", {}, ONE_HOT, SOFTMAX, float(np.mean(-np.log(SOFTMAX[ONE_HOT == 1])))),
    ("categorical_crossentropy", {"from_logits": True}, ONE_HOT, X, float(np.mean(-np.log(SOFTMAX[ONE_HOT == 1])))),
    ("sparse_categorical_crossentropy", {}, ONE_HOT.argmax(1), SOFTMAX, float(np.mean(-np.log(SOFTMAX[ONE_HOT == 1])))),
    (
        *("sparse_categorical_crossentropy", {"from_logits": True}, ONE_HOT.argmax(1)[:, None] * 1.0, X),
        float(np.mean(-np.log(SOFTMAX[ONE_HOT == 1]))),
    ),
]


def test_every_loss_has_a_case_here() -> None:
    assert {LOSSES[case[0]] for case in LOSS_CASES} == set(LOSSES.values())


@pytest.mark.parametrize(("name", "options", "y_true", "y_pred", "expected"), LOSS_CASES)
def test_a_loss_is_its_formula_and_its_gradient_that_of_it(
    name: str, options: dict[str, Any], y_true: Any, y_pred: Any, expected: float
) -> None:
    loss = LOSSES[name]
    assert float(loss(y_true, y_pred, **options)) == pytest.approx(expected, rel=1e-12)
    value = mg.Value(y_pred)
    recorded = loss(y_true, value, **options)
    assert recorded.item() == pytest.approx(expected, rel=1e-12)
    recorded.backward()
    assert value.grad == pytest.approx(numerical_gradient(lambda y: loss(y_true, y, **options), y_pred), abs=1e-6)
    weights = np.arange(6.0)
    rows = [float(loss(y_true[i : i + 1], y_pred[i : i + 1], **options)) for i in range(6)]
    weighted = float(loss(y_true, y_pred, sample_weight=weights, **options))
    assert weighted == pytest.approx(np.mean(weights * rows), rel=1e-12)


@pytest.mark.parametrize("name", ["binary_crossentropy", "categorical_crossentropy"])
def test_crossentropies_of_large_logits_are_finite(name: str) -> None:
    logits = mg.Value(np.array([[-1000.0, 1000.0]]))
    loss = LOSSES[name](np.array([[1.0, 0.0]]), logits, from_logits=True)
    loss.backward()
    assert loss.item() == pytest.approx(2000.0 if name.startswith("cat") else 1000.0)
    assert np.isfinite(logits.grad).all()


@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"sparse_categorical_crossentropy"}))
def test_a_loss_of_two_shapes_says_so(name: str) -> None:
    with pytest.raises(ValueError, match=r"y_true has shape \(3,\) and y_pred has shape \(3, 1\).*reshape\(-1, 1\)"):
        LOSSES[name](np.zeros(3), np.zeros((3, 1)))


def test_classes_of_the_wrong_shape_say_so() -> None:
    with pytest.raises(ValueError, match="expected the number of one class a row"):
        mg.sparse_categorical_crossentropy(np.zeros((3, 2)), np.zeros((3, 2)))


# Metrics, against scikit-learn


def test_metrics_are_those_of_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    true, score = (RANDOM.random(50) > 0.4).astype(float), RANDOM.random(50).round(1)
    said = (score >= 0.5).astype(float)
    assert METRICS["accuracy"](true, score) == sklearn.accuracy_score(true, said)
    assert METRICS["precision"](true, score) == pytest.approx(sklearn.precision_score(true, said))
    assert METRICS["recall"](true, score) == pytest.approx(sklearn.recall_score(true, said))
    assert METRICS["auc"](true, score) == pytest.approx(sklearn.roc_auc_score(true, score))
    assert METRICS["r2"](true, score) == pytest.approx(sklearn.r2_score(true, score))
    assert METRICS["r2"](np.ones(3), np.ones(3)) == 1.0 and METRICS["r2"](np.ones(3), np.zeros(3)) == 0.0
    assert np.isnan(METRICS["auc"](np.ones(3), score[:3]))
    labels = ONE_HOT.argmax(1)
    accuracy = sklearn.accuracy_score(labels, SOFTMAX.argmax(1))
    assert METRICS["accuracy"](ONE_HOT, SOFTMAX) == METRICS["accuracy"](labels, SOFTMAX) == accuracy
    several = np.column_stack([true, 100.0 * score]), np.column_stack([score, 90.0 * score])
    assert METRICS["r2"](*several) == pytest.approx(sklearn.r2_score(*several))


def test_metrics_of_two_columns_of_several_questions_and_of_signs() -> None:
    score = RANDOM.random(20)
    true = (score + 0.5 * RANDOM.random(20) > 0.7).astype(float)
    one, two = score.reshape(-1, 1), np.column_stack([1.0 - score, score])
    for name in ("accuracy", "precision", "recall", "auc"):
        metric = METRICS[name]
        assert metric(true, one) == metric(true, two) == metric(np.column_stack([1.0 - true, true]), two)
    questions, answers = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]), np.array([[0.9, 0.2, 0.1], [0.1, 0.8, 0.3]])
    assert METRICS["accuracy"](questions, answers) == pytest.approx(4 / 6)
    assert METRICS["precision"](questions, answers) == METRICS["recall"](questions, answers) == 0.5
    assert METRICS["accuracy"](np.array([1.0, -1.0, -1.0]), np.array([0.2, 0.3, -2.0])) == pytest.approx(2 / 3)


@pytest.mark.parametrize("name", ["precision", "recall", "auc"])
def test_metrics_of_class_1_make_no_sense_of_three(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is of class 1 against class 0, but there are classes up to 2"):
        METRICS[name](np.array([0, 1, 2]), np.eye(3))


def test_metrics_of_two_shapes_say_so() -> None:
    with pytest.raises(ValueError, match=r"y_true has shape \(3,\) and y_pred has shape \(3, 1\); they must be equal"):
        METRICS["r2"](np.ones(3), np.ones((3, 1)))
    for name in ("accuracy", "precision", "auc"):
        with pytest.raises(ValueError, match=r"y_true has shape \(3,\) and y_pred has shape \(4, 1\); expected"):
            METRICS[name](np.ones(3), np.ones((4, 1)))


# Layers


def test_dense_is_its_formula() -> None:
    layer = mg.Dense(3, "tanh", seed=0)
    y = layer(X)
    assert y.data == pytest.approx(np.tanh(X @ layer.kernel.data + layer.bias.data), rel=1e-14)
    assert (layer.kernel.name, layer.bias.name) == ("dense_kernel", "dense_bias")
    plain = mg.Dense(3, use_bias=False, seed=0)
    assert plain(X).data == pytest.approx(X @ plain.kernel.data) and len(plain.parameters()) == 1
    assert mg.Dense(3, seed=0)(np.zeros((2, 5, 4))).shape == (2, 5, 3)
    assert mg.Dense(3)(X.astype(np.float32)).dtype == np.float32
    assert mg.Dense(1, kernel_initializer="ones")([[1, 2]]).data.tolist() == [[3.0]]


def test_dropout_drops_its_share_in_training_only() -> None:
    layer = mg.Dropout(0.25, seed=0)
    x = np.ones((100, 100))
    assert layer(x) is x
    y = layer(x, training=True)
    assert set(np.unique(y)) == {0.0, 1 / 0.75}
    assert np.mean(y == 0) == pytest.approx(0.25, abs=0.02)
    assert not np.array_equal(y, layer(x, training=True))
    with pytest.raises(ValueError, match="rate is 1; expected a number from 0 to less than 1"):
        mg.Dropout(1)


def test_batch_normalization_keeps_running_means() -> None:
    layer = mg.BatchNormalization(momentum=0.9)
    y = layer(X, training=True).data
    assert y.mean(axis=0) == pytest.approx(0, abs=1e-12)
    assert y.var(axis=0) == pytest.approx(X.var(axis=0) / (X.var(axis=0) + 1e-3))
    assert layer.moving_mean == pytest.approx(0.1 * X.mean(axis=0))
    assert layer.moving_variance == pytest.approx(0.9 + 0.1 * X.var(axis=0))
    expected = (X - layer.moving_mean) / np.sqrt(layer.moving_variance + 1e-3)
    assert layer(X).data == pytest.approx(expected)


def test_normalizations_against_torch() -> None:
    torch = pytest.importorskip("torch")
    x = mg.Value(X)
    weights = RANDOM.normal(size=X.shape)
    np.sum(mg.LayerNormalization()(x) * weights).backward()
    other = torch.tensor(X, requires_grad=True)
    (torch.nn.functional.layer_norm(other, (4,), eps=1e-3) * torch.tensor(weights)).sum().backward()
    assert x.grad == pytest.approx(other.grad.numpy(), abs=1e-12)
    x = mg.Value(X)
    np.sum(mg.BatchNormalization()(x, training=True) * weights).backward()
    other = torch.tensor(X, requires_grad=True)
    (
        torch.nn.functional.batch_norm(other, None, None, training=True, eps=1e-3) * torch.tensor(weights)
    ).sum().backward()
    assert x.grad == pytest.approx(other.grad.numpy(), abs=1e-12)


def test_embedding_looks_up_and_learns_what_it_looked_up() -> None:
    layer = mg.Embedding(5, 2, seed=0)
    y = layer(np.array([[0, 3, 3]]))
    assert np.array_equal(y.data, layer.embeddings.data[[[0, 3, 3]]])
    np.sum(y).backward()
    assert layer.embeddings.grad[:, 0].tolist() == [1.0, 0.0, 0.0, 2.0, 0.0]
    for wrong in ([[5]], [[-1]], [[0.5]]):
        with pytest.raises(ValueError, match="embedding takes whole numbers from 0 to 4"):
            layer(np.array(wrong))


def test_normalization_and_rescaling_are_undone_by_each_other() -> None:
    layer = mg.Normalization()
    layer.adapt(X)
    assert layer(X) == pytest.approx((X - X.mean(axis=0)) / X.std(axis=0))
    assert mg.Rescaling(2.0, 1.0)(X) == pytest.approx(2 * X + 1)
    assert mg.Flatten()(np.zeros((2, 3, 4))).shape == (2, 12)
    assert mg.Activation(np.abs)(-1.0) == 1.0


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_shows_how_it_was_made(name: str) -> None:
    known: dict[str, dict[str, Any]] = {
        "Dense": {"units": 3, "activation": "relu"},
        "Activation": {"activation": "relu"},
        "Dropout": {"rate": 0.5},
        "Rescaling": {"scale": 2.0},
        "Embedding": {"input_dim": 3, "output_dim": 2},
    }
    settings = known.get(name, {})
    assert repr(LAYERS[name](**settings)) == f"{name}({', '.join(f'{k}={v!r}' for k, v in settings.items())})"


# Regularizers


def test_regularizers_add_to_the_loss() -> None:
    y = np.zeros((6, 1))
    layer = mg.Dense(
        *(1, "tanh"),
        kernel_regularizer=mg.L1L2(0.1, 0.2),
        bias_regularizer="l2",
        activity_regularizer=mg.L1(0.5),
        seed=0,
    )
    model = mg.Sequential([layer])
    model.compile(mg.SGD(0.0), "mse")
    layer(X)
    layer.bias.data = np.array([2.0])
    kernel = layer.kernel.data
    output = np.tanh(X @ kernel + 2.0)
    expected = np.mean(output**2) + 0.1 * np.abs(kernel).sum() + 0.2 * (kernel**2).sum() + 0.01 * 4.0
    expected += 0.5 * np.abs(output).sum() / 6
    assert model.evaluate(X, y) == pytest.approx(expected)
    assert model.fit(X, y).history["loss"][0] == pytest.approx(expected)
    model.predict(X)
    assert len(model.parameters()) == 2, "the output that is penalized was taken for a weight"
    assert set(REGULARIZERS) == {"l1", "l2", "l1_l2"}
    with pytest.raises(ValueError, match="no regularizer 'l3'"):
        mg.Dense(1, kernel_regularizer="l3")
