"""The symbolic view: a gradient as a formula, and a formula that was typed, checked against the gradient."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ..autograd.backward import graph, ones_like
from ..autograd.derivatives import pull_back
from ..autograd.operators import contribution_of
from ..autograd.symbols import Untraceable
from ..autograd.value import Value
from .labels import constant, names_of, number, short
from .notation import SUM, Latex, Short, Text, written
from .parts import twins_of
from .terms import Name, Number, Term, add, applied, as_term

LARGEST = 300  # symbols; a longer formula is not read
MOST_STEPS = 1000  # from which on nobody waits for a formula that will be too long


class FormulaError(ValueError):
    """There is no formula, or it cannot be read; the message says why, and what to do.

    Example:
        >>> issubclass(FormulaError, ValueError)
        True
    """


class Formula:
    """A gradient as a formula: text when printed, mathematics when shown in a notebook.

    Attributes:
        root: The name of what is differentiated.
        name: The name of what it is differentiated by.
        text: The formula: what stands on the right of the equals sign.
        latex: The whole equation in LaTeX.
        data: What the formula gives for the values as they are.

    Example:
        >>> v = Value(3.0, name="v")
        >>> found = formula(v**2, v)
        >>> found.text, found.data
        ('2·v', 6.0)
    """

    def __init__(self, root: str, name: str, term: Term) -> None:
        self.root, self.name = root, name
        self.text = written(term, Text(), SUM)
        self.data = term.data
        style = Latex()
        below = rf"\frac{{\partial {style.name(root)}}}{{\partial {style.name(name)}}}"
        self.latex = f"{below} = {written(term, style, SUM)}"

    def __str__(self) -> str:
        return f"∂{self.root}/∂{self.name} = {self.text}"

    def __repr__(self) -> str:
        return str(self)

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.latex}$"


def formula(value: Value, by: Value) -> Formula:
    """Return the gradient of a Value by another as a formula, in the names that they were given.

    The sum over all paths from the one to the other of the products of the local derivatives, lightly simplified. An
    inner Value that has a name of its own is written by its name; all others are written out.

    Args:
        value: What to differentiate, a single number: as a rule a loss.
        by: What to differentiate it by: a leaf, or any Value on the way.

    Returns:
        The formula: `str()` of it is text, `.latex` is LaTeX, which a notebook shows.

    Raises:
        FormulaError: If `value` does not depend on `by` or is not a single number, if the formula would be too long
            to be read, or if a rule on the way decides by the numbers, so that its derivative is no formula.

    Example:
        >>> v, x, y = Value(0.0, name="v"), Value(2.0, name="x"), Value(5.0, name="y")
        >>> loss = (v * x - y) ** 2
        >>> loss.name = "loss"
        >>> formula(loss, v)
        ∂loss/∂v = 2·(v·x − y)·x

    Source: the chain rule, with the rules of differentiation that compute the numbers too.
    """
    plan = Plan(value, by)
    return Formula(plan.names[plan.root], plan.names[plan.by], plan.derivative())


def derivative(node: Value, argument: int, names: dict[Value, str], result: str) -> str:
    """Return the local derivative of an edge as a formula in the names of the inputs; '' where it is not a formula."""
    assert node.rule is not None
    texts = [names[x] if type(x) is Value else constant(x) for x in node.inputs]
    if node.rule.function is np.matmul:
        return f"{texts[1 - argument]}ᵀ"
    if node.rule.function is np.sum:
        return "1"
    if node.rule.function is np.mean:
        return f"1 / {number(np.size(node.operands[0]) / max(node.size, 1))}"
    rule = node.rule.derivative(argument) if node.rule.elementwise else None
    if rule is None:
        return ""
    # The element of an array is a name too; any number will do for what it stands for, since shapes do not matter here.
    inputs = [
        Name(text, 2.0) if type(x) is Value or np.ndim(x) else x for x, text in zip(node.inputs, texts, strict=True)
    ]
    try:
        found = rule(Number(Fraction(1)), Name(result, 2.0), *inputs, **node.options)
    except (Untraceable, AttributeError, TypeError):
        return ""
    return "0" if found is None else written(as_term(found), Short())


class Plan:
    """What a formula is made from: the graph with its steps in parts, the names, and what depends on what."""

    def __init__(self, value: Value, by: Value) -> None:
        twins = twins_of(value) | ({} if type(by) is Value else twins_of(by))  # which says what is no Value
        self.root, self.by = twins.get(value, value), twins.get(by, by)
        if self.root.size != 1:
            raise FormulaError(f"a formula needs one number to differentiate, but got shape {self.root.shape}; sum it.")
        self.nodes, self.leaves = graph(self.root)
        if any(v.dtype.kind == "c" for v in self.nodes + self.leaves):
            raise FormulaError("there are formulas of real numbers only, and this graph has complex ones: mg.ledger.")
        self.names = distinct(names_of(self.nodes, self.leaves))
        if value.name is None and value.rule is not None:
            self.names[self.root] = "result"
        self.depends = {self.by}
        for node in self.nodes:
            if any(type(x) is Value and x in self.depends for x in node.inputs):
                self.depends.add(node)
        if not self.nodes and self.root is not self.by:
            raise FormulaError(f"nothing was recorded that leads to {self.names[self.root]}, so there is no formula.")
        if self.root not in self.depends:
            raise FormulaError(
                f"{self.names[self.root]} was not computed from {short(by.name or 'this Value')}, so there is no "
                f"formula: its gradient is 0. It was computed from {', '.join(self.names[x] for x in self.leaves)}."
            )

    def derivative(self) -> Term:
        """Return the gradient as a term: the rules called with terms, along the edges, latest first."""
        if len(self.depends) > MOST_STEPS:
            raise self.too_long()
        terms: dict[Value, Term] = {leaf: Name(self.names[leaf], leaf._data) for leaf in self.leaves}
        totals: dict[Value, Term] = {self.root: as_term(np.ones(self.root.shape))}
        constants: dict[str, list[Any]] = {}
        step = self.root
        try:
            for step in self.nodes:
                inputs = self.inputs(step, terms, constants)
                named = (step.name and step is not self.root) or step is self.by
                assert step.rule is not None
                made = (
                    Name(self.names[step], step._data) if named else applied(step.rule.function, inputs, step.options)
                )
                terms[step] = as_term(made)
            for step in reversed(self.nodes):
                if step not in totals or step is self.by:
                    continue
                inputs = self.inputs(step, terms, constants)
                for argument, x in enumerate(step.inputs):
                    if type(x) is Value and x in self.depends:
                        part = contribution_of(step, argument, totals[step], terms[step], tuple(inputs))
                        if part is not None:
                            totals[x] = add(totals[x], as_term(part)) if x in totals else as_term(part)
                            if totals[x].symbols > LARGEST:
                                raise self.too_long()
        except (Untraceable, AttributeError, TypeError, ValueError, RecursionError) as error:
            if isinstance(error, FormulaError):
                raise
            raise self.unwritable(step, str(error)) from None
        found = totals.get(self.by, as_term(np.zeros(self.by.shape)))
        (gradient,) = pull_back(self.root, ones_like(self.root._data), [self.by], record=False)
        if not np.allclose(found.data, gradient, rtol=1e-6, atol=1e-9, equal_nan=True):
            raise self.unwritable(self.root, "what could be written does not give the gradient")
        return found

    def unwritable(self, step: Value, why: str) -> FormulaError:
        """Return the error for a derivative that is no formula."""
        assert step.rule is not None
        return FormulaError(
            f"the derivative of {step.rule.name} cannot be written as a formula ({why}): it decides by the numbers or "
            "the shapes. mg.ledger shows each edge with its numbers."
        )

    def too_long(self) -> FormulaError:
        """Return the error for a formula that is too long to be read."""
        return FormulaError(
            f"the formula for {self.names[self.by]} would have more than {LARGEST} symbols. Give inner Values a name, "
            'as value.name = "m": then the formula is written with it. mg.ledger shows each edge by itself.'
        )

    def inputs(self, node: Value, terms: dict[Value, Term], constants: dict[str, list[Any]]) -> list[Any]:
        """Return what a rule is given: terms for Values, numbers as they are, and constant arrays by their shape."""
        found: list[Any] = []
        for x, data in zip(node.inputs, node.operands, strict=True):
            if type(x) is Value:
                found.append(terms[x])
            elif isinstance(data, np.ndarray) and data.ndim:
                term = as_term(data)
                if isinstance(term, Name):  # an array without a name: by its shape, and a number where there are more
                    same_shape = constants.setdefault(term.text, [])
                    place = next((i for i, other in enumerate(same_shape) if other is data), len(same_shape))
                    same_shape[place:] = same_shape[place:] or [data]
                    term = Name(term.text + "′" * place, data)
                found.append(term)
            else:
                found.append(data)
        return found


def distinct(names: dict[Value, str]) -> dict[Value, str]:
    """Return names of which no two are equal: the second `w` is `w_2`."""
    taken: set[str] = set()
    found = {}
    for value, name in names.items():
        count, free = 1, name
        while free in taken:
            count += 1
            free = f"{name}_{count}"
        taken.add(free)
        found[value] = free
    return found
