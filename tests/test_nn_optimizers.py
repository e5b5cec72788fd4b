"""Optimizers: against their formula by hand, against PyTorch step by step; schedules, clipping, state."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import microgd as mg
from microgd.nn.optimizers import OPTIMIZERS, optimizer_of

GRADIENTS = [np.random.default_rng(1).normal(size=(3, 2)) * 10.0**k for k in (-1, 0, 1, 0)]


def follow(optimizer: mg.Optimizer, start: Any, gradients: list[Any]) -> Any:
    """Where an optimizer leads when it is given these gradients."""
    parameter = mg.Value(start)
    for gradient in gradients:
        parameter.grad = gradient
        optimizer.step([parameter])
    return parameter.data


def sgd(p: Any, gs: list[Any], rate: float = 0.01, mu: float = 0.0, nesterov: bool = False, decay: float = 0.0) -> Any:
    v = 0.0
    for g in gs:
        g = g + decay * p
        v = mu * v + g
        p = p - rate * (g + mu * v if nesterov else v)
    return p


def adam(p: Any, gs: list[Any], rate: float = 0.001, decay: float = 0.0) -> Any:
    m = s = 0.0
    for t, g in enumerate(gs, start=1):
        p = p * (1 - rate * decay)
        m = 0.9 * m + 0.1 * g
        s = 0.999 * s + 0.001 * g**2
        p = p - rate * (m / (1 - 0.9**t)) / (np.sqrt(s / (1 - 0.999**t)) + 1e-8)
    return p


def rmsprop(p: Any, gs: list[Any], rate: float = 0.001, mu: float = 0.0) -> Any:
    s = v = 0.0
    for g in gs:
        s = 0.9 * s + 0.1 * g**2
        v = mu * v + g / (np.sqrt(s) + 1e-8)
        p = p - rate * v
    return p


def adagrad(p: Any, gs: list[Any], rate: float = 0.01) -> Any:
    s = 0.0
    for g in gs:
        s = s + g**2
        p = p - rate * g / (np.sqrt(s) + 1e-10)
    return p


@pytest.mark.parametrize(
    ("optimizer", "formula"),
    [
        (mg.SGD, sgd),
        (lambda: mg.SGD(0.1, 0.9), lambda p, gs: sgd(p, gs, 0.1, 0.9)),
        (lambda: mg.SGD(0.1, 0.9, True, weight_decay=0.2), lambda p, gs: sgd(p, gs, 0.1, 0.9, True, 0.2)),
        (mg.Adam, adam),
        (mg.AdamW, lambda p, gs: adam(p, gs, decay=0.01)),
        (mg.RMSprop, rmsprop),
        (lambda: mg.RMSprop(momentum=0.5), lambda p, gs: rmsprop(p, gs, mu=0.5)),
        (mg.Adagrad, adagrad),
    ],
)
@pytest.mark.parametrize("start", [0.5, np.ones((3, 2))])
def test_an_optimizer_is_its_formula(optimizer: Callable[[], mg.Optimizer], formula: Any, start: Any) -> None:
    gradients = GRADIENTS if isinstance(start, np.ndarray) else [float(g[0, 0]) for g in GRADIENTS]
    found = follow(optimizer(), start, gradients)
    assert found == pytest.approx(formula(start, gradients), rel=1e-13)
    assert isinstance(found, float) or found.dtype == np.float64


PEERS: dict[str, tuple[Callable[[], mg.Optimizer], Callable[[Any, Any], Any]]] = {
    "SGD": (lambda: mg.SGD(0.05), lambda torch, p: torch.optim.SGD(p, 0.05)),
    "SGD, momentum": (
        lambda: mg.SGD(0.02, momentum=0.9, weight_decay=0.01),
        lambda torch, p: torch.optim.SGD(p, 0.02, momentum=0.9, weight_decay=0.01),
    ),
    "SGD, Nesterov": (
        lambda: mg.SGD(0.02, momentum=0.9, nesterov=True),
        lambda torch, p: torch.optim.SGD(p, 0.02, momentum=0.9, nesterov=True),
    ),
    "Adam": (
        lambda: mg.Adam(0.01, weight_decay=0.1),
        lambda torch, p: torch.optim.Adam(p, 0.01, weight_decay=0.1),
    ),
    "AdamW": (
        lambda: mg.AdamW(0.01, weight_decay=0.1),
        lambda torch, p: torch.optim.AdamW(p, 0.01, weight_decay=0.1),
    ),
    "RMSprop": (
        lambda: mg.RMSprop(0.01, rho=0.95, momentum=0.5),
        lambda torch, p: torch.optim.RMSprop(p, 0.01, alpha=0.95, momentum=0.5),
    ),
    "Adagrad": (lambda: mg.Adagrad(0.1), lambda torch, p: torch.optim.Adagrad(p, 0.1)),
    "clipped": (lambda: mg.SGD(0.5, global_clip_norm=0.1), lambda torch, p: torch.optim.SGD(p, 0.5)),
}


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("by_fit", [False, True])
def test_a_hundred_steps_agree_with_torch(name: str, by_fit: bool) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = PEERS[name]
    generator = np.random.default_rng(0)
    x = generator.normal(size=(200, 5))
    y = np.sin(x @ generator.normal(size=(5, 1)))
    model = mg.Sequential([mg.Dense(8, "tanh"), mg.Dense(1)], seed=0)
    model.compile(ours(), "mse")
    model.output_shape(x)

    peer = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)).double()
    with torch.no_grad():
        for mine, other in zip(model.parameters(), peer.parameters(), strict=True):
            other.copy_(torch.tensor(mine.data.T.copy()))
    update = theirs(torch, peer.parameters())
    for step in range(100):
        rows = slice(step % 10 * 20, step % 10 * 20 + 20)
        update.zero_grad()
        torch.nn.functional.mse_loss(peer(torch.tensor(x[rows])), torch.tensor(y[rows])).backward()
        if name == "clipped":
            torch.nn.utils.clip_grad_norm_(peer.parameters(), 0.1 * (1 - 1e-7), error_if_nonfinite=True)
        update.step()
        if not by_fit:
            model.train_on_batch(x[rows], y[rows])
    if by_fit:
        model.fit(x, y, batch_size=20, epochs=10, shuffle=False)
    tolerance = 1e-4 if name == "clipped" else 1e-10  # torch's clipping has an epsilon
    for mine, other in zip(model.parameters(), peer.parameters(), strict=True):
        assert mine.data == pytest.approx(other.detach().numpy().T, rel=tolerance, abs=tolerance)


# Schedules


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (mg.ExponentialDecay(1.0, 10, 0.5), {0: 1.0, 5: 0.5**0.5, 10: 0.5, 20: 0.25}),
        (mg.ExponentialDecay(1.0, 10, 0.5, staircase=True), {0: 1.0, 9: 1.0, 10: 0.5, 25: 0.25}),
        (mg.CosineDecay(1.0, 10), {0: 1.0, 5: 0.5, 10: 0.0, 99: 0.0}),
        (mg.CosineDecay(1.0, 10, alpha=0.1, warmup_steps=4), {0: 0.0, 2: 0.5, 4: 1.0, 14: 0.1}),
        (mg.PiecewiseConstant([1, 3], [3.0, 2.0, 1.0]), {0: 3.0, 1: 3.0, 2: 2.0, 3: 2.0, 4: 1.0}),
    ],
)
def test_schedules(schedule: Any, expected: dict[int, float]) -> None:
    assert {step: schedule(step) for step in expected} == pytest.approx(expected, abs=1e-15)
    assert repr(schedule).startswith(type(schedule).__name__ + "(")


def test_an_optimizer_follows_its_schedule() -> None:
    rates = [0.1, 0.2, 0.0, 0.3]
    found = follow(mg.SGD(lambda step: rates[step]), 0.0, [1.0] * 4)
    assert found == pytest.approx(-sum(rates))


# Clipping


def test_clipping_by_value_norm_and_global_norm() -> None:
    gradients = [np.array([3.0, 4.0]), np.array([0.0, 12.0])]

    def moved(**limits: Any) -> list[Any]:
        values = [mg.Value(np.zeros(2)), mg.Value(np.zeros(2))]
        for value, gradient in zip(values, gradients, strict=True):
            value.grad = gradient
        mg.SGD(1.0, **limits).step(values)
        return [(-value.data).tolist() for value in values]

    assert moved(clip_value=3.5) == [[3.0, 3.5], [0.0, 3.5]]
    assert moved(clip_norm=5.0) == [[3.0, 4.0], [0.0, 5.0]]
    assert np.ravel(moved(global_clip_norm=6.5)) == pytest.approx([1.5, 2.0, 0.0, 6.0])
    assert moved(global_clip_norm=13.0) == [[3.0, 4.0], [0.0, 12.0]]


# State and errors


def test_state_stays_with_its_parameter_whatever_the_order() -> None:
    a, b = mg.Value(0.0), mg.Value(0.0)
    optimizer = mg.SGD(1.0, momentum=0.5)
    a.grad = b.grad = 1.0
    optimizer.step([a, b])
    b.grad = None  # frozen for a step
    optimizer.step([b, a])
    assert (a.data, b.data) == (-2.5, -1.0)
    assert optimizer.iterations == 2


def test_a_step_without_gradients_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match=r"none of the parameters has a gradient. Call loss.backward\(\)"):
        mg.SGD().step([mg.Value(1.0)])


def test_float32_stays_float32() -> None:
    for kind in OPTIMIZERS.values():
        found = follow(kind(), np.ones(3, np.float32), [np.ones(3, np.float32)] * 3)
        assert found.dtype == np.float32


def test_a_graph_made_before_a_step_stays_right() -> None:
    w = mg.Value(np.array([2.0]))
    before = np.sum(w * w)
    np.sum(w * 3.0).backward()
    mg.SGD(1.0).step([w])
    w.grad = None
    before.backward()
    assert w.grad.tolist() == [4.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mg.SGD(-1.0), "learning_rate is -1.0; expected a number from 0"),
        (lambda: mg.SGD(math.nan), "learning_rate is nan"),
        (lambda: mg.SGD(momentum=1.0), "momentum is 1.0; expected a number from 0 to less than 1"),
        (lambda: mg.SGD(nesterov=True), "nesterov=True needs a momentum above 0"),
        (lambda: mg.Adam(beta_1=2.0), "beta_1 is 2.0"),
        (lambda: mg.SGD(cast(Any, "0.1")), "learning_rate is '0.1'; expected a number from 0, such as 0.01"),
        (lambda: mg.SGD(weight_decay=-1.0), "weight_decay is -1.0; expected"),
        (lambda: mg.SGD(clip_norm=-1.0), "clip_norm is -1.0; expected"),
        (lambda: mg.SGD(clip_norm=0.0), "clip_norm is 0, so that nothing would be learnt"),
        (lambda: mg.SGD(lambda step: -0.1), "the learning rate at step 0 of <function .* is -0.1; expected a number"),
        (
            lambda: mg.SGD(cast(Any, lambda: 0.1)),
            "learning_rate is not a function of the step, counted from 0: ",
        ),
        (lambda: mg.SGD(cast(Any, mg.CosineDecay)), "learning_rate is the class CosineDecay; make one of it"),
        (lambda: mg.Adam(epsilon=-1.0), "epsilon is -1.0; expected a number from 0, such as 1e-08"),
        (lambda: mg.CosineDecay(0.1, 0), "decay_steps is 0; expected a number from 1"),
        (lambda: mg.CosineDecay(0.1, 10, warmup_steps=-1), "warmup_steps is -1; expected"),
        (lambda: mg.ExponentialDecay(0.1, 0, 0.5), "decay_steps is 0; expected"),
        (lambda: mg.PiecewiseConstant([3, 1], [1.0, 2.0, 3.0]), "boundaries is .3, 1.; expected steps in increasing"),
        (lambda: mg.RMSprop(rho=-0.1), "rho is -0.1"),
        (lambda: mg.PiecewiseConstant([1], [1.0]), "got 1 boundaries and 1 values"),
        (lambda: optimizer_of("adm"), "no optimizer 'adm' .did you mean 'adam'"),
    ],
)
def test_settings_out_of_range_are_named(make: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def test_names_are_those_of_keras_in_any_case() -> None:
    assert isinstance(optimizer_of("Adam"), mg.Adam) and isinstance(optimizer_of("rmsprop"), mg.RMSprop)
    assert repr(mg.SGD(0.1, momentum=0.9)) == "SGD(learning_rate=0.1, momentum=0.9)"


# Groups of parameters


GROUPS: dict[str, Any] = {
    "dense_1_*": {"learning_rate_factor": 0.1, "weight_decay": 0.3},
    "*_bias": {"weight_decay": 0.0},
}
KINDS: dict[str, Callable[[], mg.Optimizer]] = {
    "SGD": lambda: mg.SGD(0.05, 0.9, weight_decay=0.01, groups=GROUPS | {"dense_2_kernel": {"momentum": 0.0}}),
    "Adam": lambda: mg.Adam(0.01, weight_decay=0.01, global_clip_norm=0.5, groups=GROUPS | {"*": {"beta_1": 0.8}}),
    "AdamW": lambda: mg.AdamW(mg.CosineDecay(0.01, 80), groups=GROUPS),
    "RMSprop": lambda: mg.RMSprop(0.01, groups=GROUPS | {"dense_1_bias": {"momentum": 0.5}}),
    "Adagrad": lambda: mg.Adagrad(0.1, groups=GROUPS),
}


def grouped(kind: str, **settings: Any) -> mg.Sequential:
    model = mg.Sequential([mg.Dense(4, "tanh"), mg.Dense(1)], seed=0)
    model.compile(KINDS[kind](), "mse", **settings)
    return model


def rows(count: int = 60) -> tuple[Any, Any]:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(count, 3))
    return x, np.sin(x @ np.array([[1.0], [2.0], [-1.0]]))


@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_a_group_is_an_optimizer_with_other_settings(kind: str) -> None:
    optimizer, plain = KINDS[kind](), KINDS[kind]()
    plain.groups = None
    names = ["dense_1_kernel", "dense_1_bias", "dense_2_kernel", "dense_2_bias"]
    values = [mg.Value(np.full(2, 0.5), name=name) for name in names]
    gradients = [np.full(2, 0.1 * k) for k in range(1, 5)]
    expected = []
    for value, gradient in zip(values, gradients, strict=True):  # each alone, with what its groups say
        settings: dict[str, Any] = {}
        for pattern, changes in (optimizer.groups or {}).items():
            settings |= changes if math.prod(map(value.name.__contains__, pattern.split("*"))) else {}  # type: ignore
        factor = settings.pop("learning_rate_factor", 1.0)
        alone = dataclasses.replace(plain, global_clip_norm=None, **settings)
        rate = alone.learning_rate
        alone.learning_rate = (lambda step, r=rate, f=factor: r(step) * f) if callable(rate) else rate * factor
        if plain.global_clip_norm:
            gradient = gradient * plain.global_clip_norm / np.sqrt(sum(np.sum(g**2) for g in gradients))
        expected.append(follow(alone, value.data, [gradient] * 3))
    for _ in range(3):
        for value, gradient in zip(values, gradients, strict=True):
            value.grad = gradient
        optimizer.step(values)
    for value, data in zip(values, expected, strict=True):
        assert value.data == pytest.approx(data, rel=1e-13)
    assert optimizer.iterations == 3


@pytest.mark.parametrize("kind", KINDS)
def test_groups_give_the_same_bits_compiled_as_not_and_after_a_resume(kind: str, tmp_path: Path) -> None:
    x, y = rows()
    models = [grouped(kind, run_eagerly=eager) for eager in (False, True)]
    for model in models:
        model.fit(x, y, batch_size=10, epochs=20)
    assert models[0].fast_step is not None and models[1].fast_step is None
    half = grouped(kind)
    half.fit(x, y, batch_size=10, epochs=9)
    half.save(tmp_path / "model.safetensors")
    loaded = mg.load_model(tmp_path / "model.safetensors")
    assert loaded.optimizer is not None and loaded.optimizer.groups == KINDS[kind]().groups
    loaded.fit(x, y, batch_size=10, epochs=20, initial_epoch=9)
    expected = models[1].get_weights()
    for same in (models[0], loaded):
        assert all(weight.tobytes() == expected[name].tobytes() for name, weight in same.get_weights().items())


def test_groups_follow_the_rate_and_new_groups_are_taken_up() -> None:
    x, y = rows()
    found = []
    for eager in (False, True):
        model = grouped("SGD", run_eagerly=eager)

        def change(epoch: int, logs: Any, model: mg.Model = model) -> None:
            model.compiled().learning_rate = 0.05 / (epoch + 2)
            if epoch == 10:
                model.compiled().groups = {"dense_1_*": {"learning_rate_factor": 0.0}}
                found.append(model.parameters()[0].data.copy())

        model.fit(x, y, batch_size=10, epochs=20, callbacks=change)
        assert np.array_equal(model.layers[0].kernel.data, found[-1])
        found.append(model.layers[1].kernel.data.copy())
    assert np.array_equal(found[0], found[2]) and np.array_equal(found[1], found[3])


def test_groups_agree_with_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    x, y = rows()
    model = mg.Sequential([mg.Dense(4, "tanh"), mg.Dense(1)], seed=0)
    model.compile(mg.AdamW(0.01, groups={"dense_1_*": {"learning_rate_factor": 0.1, "weight_decay": 0.3}}), "mse")
    model.output_shape(x)
    peer = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1)).double()
    with torch.no_grad():
        for mine, other in zip(model.parameters(), peer.parameters(), strict=True):
            other.copy_(torch.tensor(mine.data.T.copy()))
    first, _, last = peer
    groups = [{"params": first.parameters(), "lr": 0.001, "weight_decay": 0.3}, {"params": last.parameters()}]
    update = torch.optim.AdamW(groups, 0.01, weight_decay=0.01)
    for _ in range(100):
        update.zero_grad()
        torch.nn.functional.mse_loss(peer(torch.tensor(x)), torch.tensor(y)).backward()
        update.step()
    model.fit(x, y, batch_size=len(x), epochs=100, shuffle=False)
    for mine, other in zip(model.parameters(), peer.parameters(), strict=True):
        assert mine.data == pytest.approx(other.detach().numpy().T, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize(
    ("groups", "error", "message"),
    [
        ([{"params": 1}], TypeError, "groups is .*; expected settings by the names of weights"),
        ({"*_bias": 0.1}, TypeError, "expected settings by the names of weights"),
        ({"*": {"learning_rate": 0.1}}, ValueError, "a learning rate of its own.*give it learning_rate_factor"),
        ({"*": {"lr": 0.1}}, ValueError, "give it learning_rate_factor"),
        ({"*": {"wieght_decay": 0.1}}, ValueError, "no setting of a group of SGD 'wieght_decay' .did you mean 'weight"),
        ({"*": {"clip_norm": 0.1}}, ValueError, "no setting of a group of SGD 'clip_norm'"),
        ({"*": {"momentum": 2.0}}, ValueError, "the group '\\*': momentum is 2.0; expected"),
        ({"*": {"learning_rate_factor": -1}}, ValueError, "learning_rate_factor is -1; expected a number from 0"),
        (
            {"dense_7_*": {"momentum": 0.0}},
            ValueError,
            "'dense_7_\\*' matches no parameter; there are dense_1_k",
        ),
    ],
)
def test_groups_that_cannot_be_are_named(groups: Any, error: type[Exception], message: str) -> None:
    model = mg.Sequential([mg.Dense(4, "tanh"), mg.Dense(1)], seed=0)
    with pytest.raises(error, match=message):
        model.compile(mg.SGD(0.1, groups=groups), "mse")
        model.fit(*rows())


def test_a_group_may_be_frozen_and_a_loop_of_ones_own_has_groups_too() -> None:
    x, y = rows()
    model = grouped("SGD")
    model.output_shape(x)
    model.layers[0].trainable = False
    model.fit(x, y)  # the group of the first layer matches, though there is nothing to train in it
    w = mg.Value(0.0, name="w")
    w.grad = 1.0
    with pytest.raises(ValueError, match="the group 'v' matches no parameter; there are w"):
        mg.SGD(groups={"v": {"momentum": 0.5}}).step([w])
