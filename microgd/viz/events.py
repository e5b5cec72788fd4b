"""Forward and backward as a list of events: what the stepper shows, in the order in which it happens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..autograd.backward import Step, ancestors, seed_for, walk
from ..autograd.operators import product_of
from ..autograd.rules.table import full_name
from ..autograd.value import Value
from .formulas import derivative, formula
from .labels import bracketed, constant, names_of, number, operation, short

LARGEST = 5000  # nodes; more are not stepped through
LARGEST_FOR_FORMULAS = 40  # nodes
LONGEST_LINE = 100  # characters of an operation in a sentence
LISTED = 6  # contributions that are written out where several paths meet
MATRIX_PRODUCTS = (np.matmul, np.dot)
MOVES = "only moves elements: each takes back the gradient from the place it went to"
TAKES = "takes some elements: the gradient goes back to those, and adds up where one was taken twice"
JOINS = "only joins its inputs: each takes back its own piece of the gradient"
REASONS = {
    **dict.fromkeys(("reshape", "ravel", "transpose", "swapaxes", "moveaxis", "expand_dims", "squeeze", "sort"), MOVES),
    **dict.fromkeys(("concatenate", "stack"), JOINS),
    "getitem": TAKES,
    "sum": "each element counts once in the sum",
    "mean": "each element has an equal share in the mean",
    "max": "only the largest element counts; equal ones share",
    "min": "only the smallest element counts; equal ones share",
    "prod": "each element is multiplied by the product of all the others",
    "cumsum": "each element counts in its own sum and in all later ones, so what came back to those adds up",
    "clip": "what lies within the limits lets the gradient through, what lies outside stops it",
    "broadcast_to": "only repeats elements: what came back to the copies adds up",
    "einsum": "the same sum of products, with what came back in the place of this operand",
    "inv": "−Bᵀ @ upstream @ Bᵀ, where B is the inverse",
    "softmax": "all share one sum: each takes back softmax · (upstream − Σ upstream · softmax)",
    "logsumexp": "the share of each element is its softmax",
}


@dataclass(frozen=True, eq=False)
class Event:
    """One step of the stepper.

    Attributes:
        kind: "forward" computes a Value; "seed" starts the way back; "edge" sends a gradient along one edge; "sum" adds
            it up over the axes along which the input was repeated.
        node: The Value that is computed, or whose gradient is sent back.
        parent: The input whose gradient grows; None where there is none.
        argument: Which input of the node it is.
        symbols: What happens, in symbols: ∂loss/∂v += ∂loss/∂m · ∂m/∂v.
        numbers: The same in numbers, or in shapes: 0 + (−10) × 2 = −20.
        why: The rule behind it: ∂(v·x)/∂v = x.
        whole: Where the gradient of a leaf is complete, the gradient as one formula, if that is short.
        upstream: The gradient of the node; None on the way forward.
        local: The local derivative: a number or array; None where it is neither.
        sign: How upstream and local make the product: × for numbers, ⊙ elementwise, @ for matrices.
        product: Upstream times local, before it is summed over axes.
        contribution: What is added to the gradient of the parent; None where nothing is, or not yet.
        total: That gradient so far.
        path: This is path number `path` ...
        paths: ... of so many to the parent.

    Example:
        >>> from microgd.viz import step
        >>> event = step(Value(3.0, name="v") ** 2).events[-1]
        >>> event.kind, event.upstream, event.local, event.contribution
        ('edge', 1.0, 6.0, 6.0)
    """

    kind: str
    node: Value
    symbols: str
    numbers: str
    why: str = ""
    whole: str = ""
    parent: Value | None = None
    argument: int = 0
    upstream: Any = None
    local: Any = None
    sign: str = ""
    product: Any = None
    contribution: Any = None
    total: Any = None
    path: int = 1
    paths: int = 1

    def __str__(self) -> str:
        """Return the event as the lines of its card."""
        return "\n".join(line for line in (self.symbols, self.numbers, self.why, self.whole) if line)


class Narrator:
    """Tells what happens from the inputs of a Value to it and back, in the names of its graph."""

    def __init__(self, root: Value) -> None:
        self.root = root
        self.values = ancestors(root)
        self.names = names_of(self.values, [])
        self.texts = {value: term(value._data) for value in self.values}
        self.totals: dict[Value, Any] = {}
        self.parts: dict[Value, list[Any]] = {}  # the contributions to a number so far

    def events(self) -> Iterator[Event]:
        """Yield every event, forward first."""
        seed = seed_for(self.root, None)
        for node in self.values:
            if node.rule is not None:
                yield self.forward(node)
        name = self.names[self.root]
        why = f"the way back starts at {name}: it grows by 1 when it is moved by 1"
        self.totals[self.root] = seed
        yield Event("seed", self.root, f"{self.gradient(self.root)} = 1", "1", why, total=seed)
        for step in walk(self.root):
            yield from self.scalar(step) if not step.node.shape and not step.parent.shape else self.array(step)

    def gradient(self, value: Value) -> str:
        """Return what the gradient of a Value is called: ∂loss/∂v."""
        return f"∂{self.names[self.root]}/∂{self.names[value]}"

    def forward(self, node: Value) -> Event:
        """Return the event that computes a Value."""
        name, computed = self.names[node], short(operation(node, self.names), LONGEST_LINE)
        numbers = short(operation(node, self.texts, term), LONGEST_LINE)
        numbers += f" = {shape(node._data) if node.shape else number(node._data)}"
        known = []
        for argument, x in enumerate(node.inputs):
            text = derivative(node, argument, self.names, name) if type(x) is Value else ""
            if text and node.rule is not None and node.rule.elementwise:
                known.append(f"∂{name}/∂{self.names[x]} = {text}")
        why = f"for the way back: {short(', '.join(known), LONGEST_LINE)}" if known else ""
        return Event("forward", node, f"{name} = {computed}", numbers, why)

    def scalar(self, step: Step) -> Iterator[Event]:
        """Yield the event of an edge between two numbers."""
        node, parent = step.node, step.parent
        local = slope(node, step.argument) or 0.0
        upstream, contribution = step.upstream or 0.0, step.contribution or 0.0
        before, sofar = self.totals.get(parent, 0.0), 0.0 if step.total is None else step.total
        self.totals[parent] = sofar
        numbers = f"{number(before)} + {factor(upstream)} × {factor(local)} = {number(sofar)}"
        parts = self.parts.setdefault(parent, [])
        parts.append(contribution)
        if step.paths > 1:
            told = f"in all {added(parts)} =" if step.path == step.paths else "so far"
            numbers += f"; path {step.path} of {step.paths}, {told} {number(sofar)}"
        symbols = f"{self.gradient(parent)} += {self.chain(step, '·')}"
        common = self.common(step, upstream) | {"local": local, "sign": "×"}
        product: dict[str, Any] = {"product": contribution, "contribution": contribution, "total": sofar}
        yield Event("edge", node, symbols, numbers, self.reason(step), self.whole(step), **common, **product)

    def array(self, step: Step) -> Iterator[Event]:
        """Yield the events of an edge that an array is at one end of: the product, then its sum over axes, if any."""
        node, parent = step.node, step.parent
        zeros = np.zeros(parent.shape) if parent.shape else 0.0
        upstream = np.zeros(node.shape) if step.upstream is None else step.upstream
        product, contribution, total = (zeros if x is None else x for x in (None, step.contribution, step.total))
        if step.contribution is not None:
            product = product_of(node, step.argument, upstream, node._data, node.operands)
        before, self.totals[parent] = self.totals.get(parent, zeros), total
        if not parent.shape:
            self.parts.setdefault(parent, []).append(contribution)
        path = f"; path {step.path} of {step.paths}" if step.paths > 1 else ""
        path += ", the sum is whole" if path and step.path == step.paths else ""
        common = self.common(step, upstream) | {"product": product}
        local, sign, symbols, shapes = self.product(step, upstream, product)
        factors: dict[str, Any] = {"local": local, "sign": sign}
        result: dict[str, Any] = {"contribution": contribution, "total": total}
        gradient, why, whole = self.gradient(parent), self.reason(step), self.whole(step)
        if np.shape(product) == parent.shape:
            yield Event(
                "edge", node, f"{gradient} += {symbols}", shapes + path, why, whole, **common, **factors, **result
            )
            return
        yield Event("edge", node, f"{gradient} ← {symbols}", shapes, why, **common, **factors, total=before)
        axes = repeated_axes(np.shape(product), parent.shape)
        along = f"ax{'is' if len(axes) == 1 else 'es'} {', '.join(map(str, axes))}"
        symbols, shapes = f"{gradient} += Σ over {along} of that", f"{shape(product)} → {shape(contribution)}"
        why = f"{self.names[parent]} was repeated along {along} to fit, so the gradients of all its copies add up"
        yield Event("sum", node, symbols, shapes + path, why, whole, **common, **result)

    def common(self, step: Step, upstream: Any) -> dict[str, Any]:
        """Return what the events of an edge have in common."""
        places = {"parent": step.parent, "argument": step.argument}
        return places | {"upstream": upstream, "path": step.path, "paths": step.paths}

    def whole(self, step: Step) -> str:
        """Return the gradient of a leaf as one formula, at the last of its paths, if the formula is short."""
        large = len(self.values) > LARGEST_FOR_FORMULAS or any(np.iscomplexobj(v._data) for v in self.values)
        if step.path < step.paths or step.parent.rule is not None or large:
            return ""
        try:
            with np.errstate(all="ignore"):
                found = formula(self.root, step.parent)
        except ValueError:  # there is none, or none that can be read
            return ""
        same = np.allclose(found.data, 0.0 if step.total is None else step.total, equal_nan=True)
        return (
            f"altogether {self.gradient(step.parent)} = {found.text}"
            if same and len(found.text) <= LONGEST_LINE
            else ""
        )

    def chain(self, step: Step, sign: str) -> str:
        """Return the product that the chain rule makes of one edge: ∂loss/∂m · ∂m/∂v."""
        return f"{self.gradient(step.node)} {sign} ∂{self.names[step.node]}/∂{self.names[step.parent]}"

    def product(self, step: Step, upstream: Any, product: Any) -> tuple[Any, str, str, str]:
        """Return the local derivative of an edge between arrays, the sign, and the product in symbols and in shapes."""
        node, argument = step.node, step.argument
        if node.rule.elementwise:
            local = slope(node, argument)
            local = np.zeros(node.shape) if local is None else local
            shapes = f"{shape(product)} = {shape(upstream)} ⊙ {shape(local)}"
            return local, "⊙", self.chain(step, "⊙"), shapes
        if node.rule.function in MATRIX_PRODUCTS and all(np.ndim(x) == 2 for x in node.operands):
            other = node.inputs[1 - argument]
            name = self.names[other] if type(other) is Value else constant(other)
            local = np.array(np.transpose(node.operands[1 - argument]))  # as it is now
            pair = (self.gradient(node), f"{name}ᵀ"), (shape(upstream), shape(local))
            symbols, shapes = (" @ ".join(x[:: -1 if argument else 1]) for x in pair)
            return local, "@", symbols, f"{shape(product)} = {shapes}"
        share = {np.sum: 1.0, np.mean: node.size / max(step.parent.size, 1)}.get(node.rule.function)
        if share is not None:
            shapes = f"{term(upstream)} × {number(share)}, for each of {shape(product)}"
            return share, "×", self.chain(step, "·"), shapes
        return None, "→", self.chain(step, "·"), f"{term(upstream)} → {term(product)}"

    def reason(self, step: Step) -> str:
        """Return the rule behind an edge."""
        node, argument = step.node, step.argument
        if step.upstream is None:
            return f"nothing comes back to {self.names[node]}, so nothing goes on"
        if step.contribution is None:
            return f"{full_name(node.rule.function)} is constant around here: its derivative is 0"
        name, computed = self.names[step.parent], short(operation(node, self.names), LONGEST_LINE)
        if node.rule.name in REASONS:
            return f"{node.rule.name}: {REASONS[node.rule.name]}"
        formula = derivative(node, argument, self.names, self.names[node])
        if node.rule.function in MATRIX_PRODUCTS:
            return f"in {computed} the other factor multiplies {name}; transposed, it takes the gradient back"
        if not node.rule.elementwise or not formula:
            return f"the derivative of {computed} by {name}, times what came back to {self.names[node]}"
        which = f", as its input {argument + 1}" if sum(x is step.parent for x in node.inputs) > 1 else ""
        text = f"∂({computed})/∂{name} = {formula}"
        local = None if node.shape or step.parent.shape else number(slope(node, argument) or 0.0)
        return (text if local in (None, formula) else f"{text} = {local}") + which


def slope(node: Value, argument: int) -> Any:
    """Return the local derivative of an elementwise step, in the shape of its result; None where it is zero."""
    one = np.ones(node.shape) if node.shape else 1.0
    return product_of(node, argument, one, node._data, node.operands)


def added(parts: list[Any]) -> str:
    """Return a sum written out: 9 + 9 + 9; its middle left out where it is long."""
    left_out = len(parts) > LISTED
    shown = [*parts[: LISTED - 2], parts[-1]] if left_out else parts
    terms = [factor(x) for x in shown]
    return " + ".join([*terms[:-1], "…", terms[-1]] if left_out else terms)


def term(data: Any) -> str:
    """Return what stands for an operand in a calculation: a number, in brackets where negative, or a shape."""
    if isinstance(data, str) or data is None:
        return str(data)
    return factor(data) if not np.ndim(data) else shape(data)


def factor(x: Any) -> str:
    """Return a number as a factor: in brackets where it has a sign."""
    return bracketed(number(x))


def shape(data: Any) -> str:
    """Return the shape of an array as NumPy writes it, without spaces."""
    return str(np.shape(data)).replace(" ", "")


def repeated_axes(of: tuple[int, ...], to: tuple[int, ...]) -> list[int]:
    """Return the axes of a shape along which another one was repeated to fit it."""
    extra = len(of) - len(to)
    return [axis for axis, n in enumerate(of) if axis < extra or (to[axis - extra] == 1 and n != 1)]
