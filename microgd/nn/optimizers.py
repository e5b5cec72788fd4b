"""Optimizers: how parameters follow their gradients downhill.

An optimizer is its formula: a pure function from (parameter, gradient, state, scalars) to the new parameter and the new
state. Everything else is here once, for all of them: the schedule, clipping, weight decay, groups of parameters, and
the keeping of state.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, ClassVar

import numpy as np

from ..autograd.operators import active
from ..autograd.value import Value, raw
from .names import check_number, default_repr, look_up
from .schedules import Schedule

State = tuple[Any, ...]
Settings = tuple[tuple[str, Any], ...]  # what groups change for a parameter: (name, value), none for most
OF_ALL = ("learning_rate", "clip_value", "clip_norm", "global_clip_norm", "groups")  # what a group cannot change


@dataclass(eq=False, repr=False)
class Optimizer:
    """What all optimizers share. A new one is a class with `formula`, and `slots` to name its state.

    Args:
        learning_rate: A number, or a schedule: a function from the step, counted from 0, to a number.
        weight_decay: Adds weight_decay · parameter to each gradient, as if weight_decay |parameter|² / 2 were part of
            the loss; 0 by default. As in PyTorch; Keras takes it off the parameter directly.
        clip_value: Cut each element of a gradient to [-clip_value, clip_value].
        clip_norm: Shorten the gradient of each parameter to at most this length.
        global_clip_norm: Shorten all gradients, taken as one vector, to at most this length.
        groups: Other settings for some parameters, by their names, where * stands for anything:
            {"*_bias": {"weight_decay": 0.0}, "dense_1_*": {"learning_rate_factor": 0.1}}. A learning_rate_factor
            multiplies the learning rate, whatever schedule or callback sets it. Where several match, all count, and
            the last has the last word.

    Attributes:
        iterations: How many steps have been made.
        parameters: The Values that have been updated, in the order they were first met.
        state: The state of each of them: a tuple of arrays in its shape, one for each name in `slots()`.

    Raises:
        ValueError, TypeError: If a setting is out of its range, or unknown to the optimizer; at the first step, if a
            group matches no parameter.

    Example:
        >>> v, w = Value(1.0, name="v"), Value(1.0, name="w")
        >>> (v + w).backward()
        >>> SGD(0.5, groups={"w": {"learning_rate_factor": 0.1}}).step([v, w])
        >>> v.data, w.data
        (0.5, 0.95)
    """

    learning_rate: float | Schedule = 0.01
    weight_decay: float = field(default=0.0, kw_only=True)
    clip_value: float | None = field(default=None, kw_only=True)
    clip_norm: float | None = field(default=None, kw_only=True)
    global_clip_norm: float | None = field(default=None, kw_only=True)
    groups: Mapping[str, Mapping[str, Any]] | None = field(default=None, kw_only=True)

    changes: ClassVar[int] = 0  # of the settings but the learning rate: a compiled step goes by it

    __repr__ = default_repr

    def __post_init__(self) -> None:
        self.iterations = 0
        self.parameters: list[Value] = []
        self.state: list[State] = []
        self.place_of: dict[Value, int] = {}
        self.of_groups: dict[Value, Settings] = {}  # what the groups change for each parameter, ...
        self.matched: Any = None  # ... and the groups that this was found with
        self.check_rate()
        check_number("weight_decay", self.weight_decay, 0.01)
        for name in ("clip_value", "clip_norm", "global_clip_norm"):
            limit = getattr(self, name)
            if limit is not None:
                check_number(name, limit, 1.0)
                if limit == 0:
                    raise ValueError(f"{name} is 0, so that nothing would be learnt; None does not clip at all.")
        self.check_groups()

    def check_rate(self) -> None:
        """Raise unless the learning rate is a number from 0, or a schedule that gives one."""
        rate, name = self.learning_rate, "learning_rate"
        if isinstance(rate, type):
            raise TypeError(f"learning_rate is the class {rate.__name__}; make one of it: {rate.__name__}(...).")
        if callable(rate):
            try:
                rate, name = rate(0), f"the learning rate at step 0 of {rate!r}"
            except TypeError as error:
                raise TypeError(f"learning_rate is not a function of the step, counted from 0: {error}.") from error
        check_number(name, rate, 0.01)

    def slots(self) -> tuple[str, ...]:
        """Return the names of the state that is kept for each parameter."""
        return ()

    def formula(self, parameter: Any, gradient: Any, state: State, scalars: State) -> tuple[Any, State]:
        """Return the new parameter and the new state. Pure, and in np expressions only, so that it can be compiled."""
        raise NotImplementedError(f"{type(self).__name__} has no formula; define formula().")

    def scalars(self) -> State:
        """Return the numbers in the formula that change from step to step: the learning rate first."""
        return (self.rate,)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        rate = self.learning_rate
        return float(rate(self.iterations) if callable(rate) else rate)

    def step(self, parameters: Iterable[Value]) -> None:
        """Move each parameter a step against its gradient. One that has no gradient stays: its layer is frozen.

        Args:
            parameters: Values whose `grad` a backward has computed.

        Raises:
            RuntimeError: If none of them has a gradient.

        Example:
            >>> v = Value(0.0)
            >>> ((v * 2.0 - 5.0) ** 2).backward()
            >>> SGD(learning_rate=0.01).step([v])
            >>> v.data
            0.2
        """
        if self.groups or self.matched:
            parameters = list(parameters)
            self.match(parameters)
        places = [self.place(parameter) for parameter in parameters if parameter.grad is not None]
        if not places:
            raise RuntimeError(
                "optimizer.step: none of the parameters has a gradient. Call loss.backward() first, and give step the "
                "Values that the loss was computed from, as model.parameters()."
            )
        trace = active.trace
        if trace is not None:
            self.prepare(trace)
        chosen = [self.parameters[place] for place in places]
        data = [parameter._data for parameter in chosen]
        gradients = self.clipped([raw(parameter.grad) for parameter in chosen])
        states = [self.state[place] for place in places]
        if self.groups:
            updated = [
                member.formula(parameter, member.decayed(parameter, gradient), state, scalars)
                for parameter, gradient, state, (member, scalars) in zip(
                    data, gradients, states, self.members(chosen, trace), strict=True
                )
            ]
        else:
            scalars = self.scalars() if trace is None else self.numbers((), trace)
            updated = [
                self.formula(parameter, self.decayed(parameter, gradient), state, scalars)
                for parameter, gradient, state in zip(data, gradients, states, strict=True)
            ]
        for parameter, place, (new, state) in zip(chosen, places, updated, strict=True):
            # A new array, never written into the old one: a graph that used the old one stays right.
            parameter._data = float(new) if type(parameter._data) is float else new
            parameter.watched = None
            self.state[place] = state
        if trace is None:
            self.count()

    def count(self) -> None:
        """Count a step that has been made."""
        self.__dict__["iterations"] += 1  # past __setattr__, for it is done in each step

    def prepare(self, trace: Any) -> None:
        """Tell a step that is being compiled what changes from call to call, and what must not."""
        kinds = [self.member(changes) for changes in dict.fromkeys([(), *self.of_groups.values()])]
        trace.lift_states(self.state, max((kind.slots() for kind in kinds), key=len))
        trace.after.append(self.count)
        trace.guards.append((self, "changes", self.changes))
        if self.groups:
            trace.guards.append((self, "of_groups", self.of_groups))

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dataclass_fields__ and name != "learning_rate":
            vars(self)["changes"] = self.changes + 1
        object.__setattr__(self, name, value)

    def numbers(self, changes: Settings, trace: Any) -> State:
        """Return the numbers in the formula that change from step to step; a compiled step draws them anew each time.

        Args:
            changes: What a group changes.
            trace: The step being compiled, if there is one.
        """
        if trace is None:
            return (self.member(changes) if changes else self).scalars()
        draw = self.scalars if not changes else lambda: self.member(changes).scalars()
        scalars: State = trace.draw(draw, "learning_rate")
        return scalars

    def decayed(self, parameter: Any, gradient: Any) -> Any:
        """Return the gradient with the weight decay's part added."""
        return gradient + self.weight_decay * parameter if self.weight_decay else gradient

    def clipped(self, gradients: list[Any]) -> list[Any]:
        """Return the gradients cut to the limits that are set."""
        if self.clip_value is not None:
            limit = self.clip_value
            gradients = [np.clip(gradient, -limit, limit) for gradient in gradients]
        if self.clip_norm is not None:
            gradients = [shortened(g, self.clip_norm, np.sum(np.square(g))) for g in gradients]
        if self.global_clip_norm is not None:
            square: Any = sum(np.sum(np.square(g)) for g in gradients)
            gradients = [shortened(g, self.global_clip_norm, square) for g in gradients]
        return gradients

    def place(self, parameter: Value) -> int:
        """Return where a parameter stands among those that have been met, with zeros for its state if it is new."""
        place = self.place_of.get(parameter)
        if place is None:
            place = self.place_of[parameter] = len(self.parameters)
            self.parameters.append(parameter)
            self.state.append(())
            self.lengthen(place)
        return place

    def lengthen(self, place: int) -> None:
        """Put zeros for the state that a parameter has not yet."""
        data = self.parameters[place]._data
        missing = len(self.slots_of(self.parameters[place])) - len(self.state[place])
        self.state[place] += (0.0 if type(data) is float else np.zeros_like(data),) * missing

    def slots_of(self, parameter: Value) -> tuple[str, ...]:
        """Return the names of the state that is kept for a parameter."""
        return self.member(self.of_groups.get(parameter, ())).slots()

    # Groups -------------------------------------------------------------------------------------------------------

    def check_groups(self) -> None:
        """Raise unless the groups are settings that the optimizer has, by pattern."""
        if self.groups is None:
            return
        if not isinstance(self.groups, Mapping) or not all(isinstance(x, Mapping) for x in self.groups.values()):
            raise TypeError(
                f"groups is {self.groups!r}; expected settings by the names of weights: "
                '{"*_bias": {"weight_decay": 0.0}}.'
            )
        valid = ["learning_rate_factor", *(name for name in self.__dataclass_fields__ if name not in OF_ALL)]
        for pattern, settings in self.groups.items():
            for name in settings:
                if name in ("learning_rate", "lr"):
                    raise ValueError(
                        f"the group {pattern!r} has a learning rate of its own, which no schedule or callback would "
                        "reach; give it learning_rate_factor, which multiplies that of the optimizer."
                    )
                look_up(f"setting of a group of {type(self).__name__}", dict.fromkeys(valid), name)
            changes = dict(settings)
            try:
                check_number("learning_rate_factor", changes.pop("learning_rate_factor", 1.0), 0.1)
                replace(self, groups=None, **changes)
            except ValueError as error:
                raise ValueError(f"the group {pattern!r}: {error}") from None

    def match(self, parameters: Iterable[Value]) -> None:
        """Find what the groups change for each parameter, or say which of them matches none.

        Args:
            parameters: All that there are; those that were given before count too.
        """
        if self.groups is self.matched and self.of_groups.keys() >= set(parameters):
            return
        self.check_groups()
        found: dict[Value, dict[str, Any]] = {parameter: {} for parameter in (*self.of_groups, *parameters)}
        for pattern, settings in (self.groups or {}).items():
            matching = [parameter for parameter in found if fnmatchcase(parameter.name or "", pattern)]
            if not matching:
                names = [parameter.name or "one without a name" for parameter in found]
                raise ValueError(
                    f"the group {pattern!r} matches no parameter; there are {', '.join(names)}. "
                    "A * stands for anything, as in 'dense_1_*'."
                )
            for parameter in matching:
                found[parameter] |= settings
        self.matched = self.groups
        self.of_groups = {parameter: tuple(settings.items()) for parameter, settings in found.items()}
        for place in range(len(self.parameters)):
            self.lengthen(place)

    def member(self, changes: Settings) -> Optimizer:
        """Return this optimizer as it is for a group in the next step: with some settings changed."""
        if not changes:
            return self
        member = copy.copy(self)
        settings = dict(changes)
        member.learning_rate = self.rate * settings.pop("learning_rate_factor", 1.0)
        vars(member).update(settings)
        return member

    def members(self, parameters: list[Value], trace: Any) -> list[tuple[Optimizer, State]]:
        """Return for each parameter the optimizer of its groups, and the numbers in its formula."""
        changes = [self.of_groups[parameter] for parameter in parameters]
        made = {change: (self.member(change), self.numbers(change, trace)) for change in dict.fromkeys(changes)}
        return [made[change] for change in changes]


def shortened(gradient: Any, limit: float, square: Any) -> Any:
    """Return a gradient scaled so that the length whose square is given comes to at most the limit."""
    return gradient * (limit / np.maximum(np.sqrt(square), limit))


@dataclass(eq=False, repr=False)
class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if wanted.

    velocity ← momentum · velocity + gradient
    parameter ← parameter - learning_rate · velocity

    With Nesterov's momentum the step is along gradient + momentum · velocity. The velocity is in units of the gradient,
    as in PyTorch: a new learning rate acts on all of it at once (in Keras it acts on what comes after).

    Args:
        learning_rate: The size of the step, or a schedule.
        momentum: How much of the velocity is kept from step to step, from 0 to less than 1.
        nesterov: Whether to use Nesterov's form.
        weight_decay, clip_value, clip_norm, global_clip_norm, groups: See `Optimizer`.

    Raises:
        ValueError: If a setting is out of its range.

    Example:
        >>> w = Value(0.5)
        >>> optimizer = SGD(learning_rate=0.05)
        >>> for _ in range(20):
        ...     ((w * 3.0 - 4.0) ** 2).backward()
        ...     optimizer.step([w])
        ...     w.zero_grad()
        >>> w.data
        1.3333333333333333

    Source: H. Robbins and S. Monro, "A stochastic approximation method", 1951; B. T. Polyak, "Some methods of speeding
    up the convergence of iteration methods", 1964; I. Sutskever, J. Martens, G. Dahl and G. Hinton, "On the importance
    of initialization and momentum in deep learning", 2013.
    """

    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("momentum", self.momentum, 0.9, below=1)
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov=True needs a momentum above 0, such as 0.9.")

    def slots(self) -> tuple[str, ...]:
        """Return the names of the state."""
        return ("velocity",) if self.momentum else ()

    def formula(self, parameter: Any, gradient: Any, state: State, scalars: State) -> tuple[Any, State]:
        """See the class."""
        (rate,) = scalars
        if not self.momentum:
            return parameter - rate * gradient, ()
        velocity = self.momentum * state[0] + gradient
        direction = gradient + self.momentum * velocity if self.nesterov else velocity
        return parameter - rate * direction, (velocity,)


@dataclass(eq=False, repr=False)
class Adam(Optimizer):
    """Adam: steps of about the learning rate, whatever the size of the gradient.

    first ← beta_1 · first + (1 - beta_1) · gradient
    second ← beta_2 · second + (1 - beta_2) · gradient²
    parameter ← parameter - learning_rate · (first / (1 - beta_1ᵗ)) / (sqrt(second / (1 - beta_2ᵗ)) + epsilon)

    where t counts the steps from 1.

    Args:
        learning_rate: The size of the step, or a schedule.
        beta_1: How much of the mean gradient is kept from step to step.
        beta_2: How much of the mean squared gradient is kept from step to step.
        epsilon: Keeps the quotient finite.
        weight_decay, clip_value, clip_norm, global_clip_norm, groups: See `Optimizer`.

    Raises:
        ValueError: If a setting is out of its range.

    Example:
        >>> w = Value(1.0)
        >>> (w * 1000.0).backward()
        >>> Adam(learning_rate=0.1).step([w])
        >>> round(w.data, 6)
        0.9

    Source: D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", 2014, with epsilon as in its
    algorithm 1.
    """

    learning_rate: float | Schedule = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("beta_1", self.beta_1, 0.9, below=1)
        check_number("beta_2", self.beta_2, 0.999, below=1)
        check_number("epsilon", self.epsilon, 1e-8)

    def slots(self) -> tuple[str, ...]:
        """Return the names of the state."""
        return "first", "second"

    def scalars(self) -> State:
        """Return the learning rate and the two corrections for having started from zero."""
        t = self.iterations + 1
        return self.rate, 1.0 - self.beta_1**t, 1.0 - self.beta_2**t

    def formula(self, parameter: Any, gradient: Any, state: State, scalars: State) -> tuple[Any, State]:
        """See the class."""
        rate, correction_1, correction_2 = scalars
        first = self.beta_1 * state[0] + (1.0 - self.beta_1) * gradient
        second = self.beta_2 * state[1] + (1.0 - self.beta_2) * np.square(gradient)
        step = (first / correction_1) / (np.sqrt(second / correction_2) + self.epsilon)
        return parameter - rate * step, (first, second)


@dataclass(eq=False, repr=False)
class AdamW(Adam):
    """Adam whose weight decay is taken off the parameter itself, not put through the gradient.

    parameter ← (1 - learning_rate · weight_decay) · parameter, then as Adam.

    Args:
        learning_rate, beta_1, beta_2, epsilon: As for `Adam`.
        weight_decay: The part of a parameter that goes at each step, times the learning rate.
        clip_value, clip_norm, global_clip_norm, groups: See `Optimizer`.

    Example:
        >>> w = Value(1.0)
        >>> (w * 0.0).backward()
        >>> AdamW(learning_rate=0.1, weight_decay=0.1).step([w])
        >>> w.data
        0.99

    Source: I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", 2017.
    """

    weight_decay: float = field(default=0.01, kw_only=True)

    def decayed(self, parameter: Any, gradient: Any) -> Any:
        """Return the gradient as it is."""
        return gradient

    def formula(self, parameter: Any, gradient: Any, state: State, scalars: State) -> tuple[Any, State]:
        """See the class."""
        return super().formula(parameter - scalars[0] * self.weight_decay * parameter, gradient, state, scalars)


@dataclass(eq=False, repr=False)
class RMSprop(Optimizer):
    """RMSprop: each element's step is divided by the root of its mean squared gradient.

    square ← rho · square + (1 - rho) · gradient²
    velocity ← momentum · velocity + gradient / (sqrt(square) + epsilon)
    parameter ← parameter - learning_rate · velocity

    Args:
        learning_rate: The size of the step, or a schedule.
        rho: How much of the mean squared gradient is kept from step to step.
        momentum: How much of the velocity is kept from step to step.
        epsilon: Keeps the quotient finite; outside the root, as in PyTorch.
        weight_decay, clip_value, clip_norm, global_clip_norm, groups: See `Optimizer`.

    Raises:
        ValueError: If a setting is out of its range.

    Example:
        >>> w = Value(1.0)
        >>> (w * 1000.0).backward()
        >>> RMSprop(learning_rate=0.1).step([w])
        >>> round(w.data, 4)
        0.6838

    Source: T. Tieleman and G. Hinton, "Lecture 6.5: RMSProp", Neural networks for machine learning, 2012.
    """

    learning_rate: float | Schedule = 0.001
    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("rho", self.rho, 0.9, below=1)
        check_number("epsilon", self.epsilon, 1e-8)
        check_number("momentum", self.momentum, 0.9, below=1)

    def slots(self) -> tuple[str, ...]:
        """Return the names of the state."""
        return ("square", "velocity") if self.momentum else ("square",)

    def formula(self, parameter: Any, gradient: Any, state: State, scalars: State) -> tuple[Any, State]:
        """See the class."""
        (rate,) = scalars
        square = self.rho * state[0] + (1.0 - self.rho) * np.square(gradient)
        step = gradient / (np.sqrt(square) + self.epsilon)
        if not self.momentum:
            return parameter - rate * step, (square,)
        velocity = self.momentum * state[1] + step
        return parameter - rate * velocity, (square, velocity)


@dataclass(eq=False, repr=False)
class Adagrad(Optimizer):
    """Adagrad: each element's step is divided by the root of the sum of all its squared gradients.

    square ← square + gradient²
    parameter ← parameter - learning_rate · gradient / (sqrt(square) + epsilon)

    Args:
        learning_rate: The size of the step, or a schedule.
        epsilon: Keeps the quotient finite.
        weight_decay, clip_value, clip_norm, global_clip_norm, groups: See `Optimizer`.

    Example:
        >>> w = Value(1.0)
        >>> (w * 1000.0).backward()
        >>> Adagrad(learning_rate=0.1).step([w])
        >>> round(w.data, 6)
        0.9

    Source: J. Duchi, E. Hazan and Y. Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization", 2011.
    """

    epsilon: float = 1e-10

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("epsilon", self.epsilon, 1e-10)

    def slots(self) -> tuple[str, ...]:
        """Return the names of the state."""
        return ("square",)

    def formula(self, parameter: Any, gradient: Any, state: State, scalars: State) -> tuple[Any, State]:
        """See the class."""
        (rate,) = scalars
        square = state[0] + np.square(gradient)
        return parameter - rate * gradient / (np.sqrt(square) + self.epsilon), (square,)


OPTIMIZERS: dict[str, type[Optimizer]] = {kind.__name__.lower(): kind for kind in (SGD, Adam, AdamW, RMSprop, Adagrad)}


def optimizer_of(optimizer: str | Optimizer) -> Optimizer:
    """Return an optimizer given by name, with its defaults, or as itself."""
    if isinstance(optimizer, Optimizer):
        return optimizer
    if isinstance(optimizer, type):
        raise TypeError(f"optimizer is the class {optimizer.__name__}; make one of it: {optimizer.__name__}().")
    return look_up("optimizer", OPTIMIZERS, optimizer.lower() if isinstance(optimizer, str) else optimizer)()
