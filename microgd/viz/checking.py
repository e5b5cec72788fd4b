"""A formula that somebody typed, checked against the gradient at several points; common slips are named."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ..autograd.operators import call_of
from ..autograd.rules.table import RULES
from ..autograd.value import Value, new_value, raw, record
from .formulas import FormulaError, Plan
from .labels import number, operation, short

LONGEST = 2000  # characters
LARGEST = 100_000  # elements of an array of ones
POINTS = 8  # at which the formula is compared with the gradient: the one it is at, and others at random
CLOSE = 1e-6  # relative to the gradient; what rounding does is smaller, a slip larger
CLOSE_IN_SINGLE = 1e-3
ROUNDED = 1e-5  # relative; how near a measured factor is to the constant that it stands for

# What formulas are written with, on paper and by microgd, as Python has it.
SPELLED = str.maketrans({"·": "*", "×": "*", "−": "-", "–": "-", "÷": "/", "^": "**", "√": "sqrt", "ᵀ": ".T"})
SPELLED |= str.maketrans({"≥": ">=", "≤": "<=", "≠": "!="})
RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
OTHER_NAMES = {"ln": "log", "abs": "absolute", "asin": "arcsin", "acos": "arccos", "atan": "arctan"}
REDUCTIONS = ("sum", "mean", "max", "min", "prod", "softmax", "logsumexp", "transpose", "matmul", "dot", "outer")
OPERATORS: dict[type, Any] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
    ast.MatMult: np.matmul,
    ast.BitAnd: np.logical_and,
    ast.BitOr: np.logical_or,
    ast.USub: np.negative,
    ast.UAdd: np.positive,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}


@dataclass(frozen=True)
class FormulaCheck:
    """What came of comparing a typed formula with the gradient. It is true where the formula is right.

    Attributes:
        right: Whether the two are equal at all points.
        message: What is right or wrong, in a sentence.
        factor: The formula over the gradient, where that is the same number at all points; None elsewhere.
        points: At how many points they were compared.

    Example:
        >>> v = Value(3.0, name="v")
        >>> found = check_formula(v**2, v, "4*v")
        >>> found.right, found.factor, found.points
        (False, 2.0, 8)
    """

    right: bool
    message: str
    factor: float | None
    points: int

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return self.message


def check_formula(value: Value, by: Value, text: str, **values: Any) -> FormulaCheck:
    """Compare a formula that was typed with the true gradient, as it is and at points drawn at random around it.

    Args:
        value: What is differentiated, a single number: as a rule a loss.
        by: What it is differentiated by.
        text: The formula as Python writes it, "2*(v*x - y)*x", in the names of the Values; or as on paper. It is read,
            never run: names, numbers, + - * / ** @, comparisons, .T, and functions such as exp, tanh and sum.
        values: Numbers and arrays by name that the formula needs and that are no Values.

    Returns:
        The comparison: it is true where the formula is right, and says what is wrong, as a constant factor that was
        lost or a wrong sign.

    Raises:
        TypeError: If `value` or `by` is no Value, or the formula no text.
        FormulaError: If the text is no formula, or uses a name that is not known; if `value` does not depend on `by`.

    Example:
        >>> v, x, y = Value(0.0, name="v"), Value(2.0, name="x"), Value(5.0, name="y")
        >>> check_formula((v * x - y) ** 2, v, "2*(v*x - y)*x").right
        True
        >>> check_formula((v * x - y) ** 2, v, "(v*x - y)*x")
        Your formula is 1/2 of the gradient: the factor 2 from the square is lost.

    Source: polynomials that agree at random points are the same; J. T. Schwartz, "Fast probabilistic algorithms for
        verification of polynomial identities", 1980.
    """
    plan = Plan(value, by)
    tree = parsed(text)
    close = CLOSE if all(leaf.dtype == np.float64 for leaf in plan.leaves) else CLOSE_IN_SINGLE
    given = {name: raw(data) for name, data in values.items()}
    compared = []
    for data, gradients in points_of(plan):
        known = {plan.names[x]: data[x] for x in data} | given
        with np.errstate(all="ignore"):
            found = evaluated(tree, known, text)
        true = gradients[plan.by]
        try:
            found = np.broadcast_to(found, np.shape(true))
        except ValueError:
            raise FormulaError(
                f"the formula gives shape {np.shape(found)}, but the gradient has shape {np.shape(true)}; is a sum "
                "over rows, or a transpose .T, missing?"
            ) from None
        if np.all(np.isfinite(found)) and np.all(np.isfinite(true)):
            compared.append((found, true, gradients))
    if not compared:
        raise FormulaError("neither the formula nor the gradient is a finite number at any of the points.")
    name = f"∂{plan.names[plan.root]}/∂{plan.names[plan.by]}"
    typed = np.concatenate([np.ravel(found) for found, _, _ in compared])
    true = np.concatenate([np.ravel(gradient) for _, gradient, _ in compared])
    if equal(typed, true, close):
        return FormulaCheck(True, f"Right: {name} = {short(right_side(text), 200)}.", 1.0, len(compared))
    factor = factor_between(typed, true, close)
    if factor is not None:
        return FormulaCheck(False, about_factor(plan, factor), factor, len(compared))
    for other in plan.leaves + plan.nodes:
        if other is not plan.by and other.shape == plan.by.shape:
            theirs = np.concatenate([np.ravel(gradients[other]) for _, _, gradients in compared])
            if np.any(theirs) and equal(typed, theirs, close):
                return FormulaCheck(False, about_other(plan, other), None, len(compared))
    place = int(np.argmax(np.abs(typed - true)))
    message = f"Your formula is not {name}: at one of {len(compared)} points it gives {number(typed[place])}, "
    return FormulaCheck(False, message + f"and the gradient is {number(true[place])}.", None, len(compared))


def equal(a: Any, b: Any, close: float) -> bool:
    """Return whether two vectors are equal, but for rounding."""
    scale = np.maximum(np.abs(b), 1e-3 * np.max(np.abs(b)) + 1e-12)
    return bool(np.all(np.abs(a - b) <= close * scale))


def factor_between(typed: Any, true: Any, close: float) -> float | None:
    """Return the number that the truth is multiplied by, if it is the same everywhere."""
    place = int(np.argmax(np.abs(true)))
    if not true[place] or not typed[place]:
        return None
    factor = float(typed[place] / true[place])
    return factor if equal(typed, factor * true, close) else None


# What the slip may have been ------------------------------------------------------------------------------------------


def about_factor(plan: Plan, factor: float) -> str:
    """Return what is wrong with a formula that is a multiple of the gradient."""
    size, sign = abs(factor), factor < 0
    minus = next((what for what, constant in constants_of(plan) if constant < 0), "")
    lost_sign = f"the minus of {minus} is lost" if minus else "check where a minus came in"
    if abs(size - 1) < ROUNDED:
        return f"Your formula has the wrong sign: {lost_sign}."
    share = written_factor(factor)
    of = f"{share} of the gradient" if size < 1 else f"{share} times the gradient"
    wanted = 1 / size
    sources = [(what, abs(constant)) for what, constant in constants_of(plan) if abs(constant) != 1]
    single = [what for what, constant in sources if abs(constant / wanted - 1) < ROUNDED]
    together = float(np.prod([constant for _, constant in sources])) if sources else 0.0
    source = single[0] if single else " and ".join(what for what, _ in sources)
    if single or abs(together / wanted - 1) < ROUNDED:
        lost = f"the factor {written_factor(wanted)} from {source} is lost"
    else:
        lost = (
            f"the factor {written_factor(wanted)} is lost" if size < 1 else f"a factor {written_factor(size)} too many"
        )
    return f"Your formula is {of}: {lost}{', and the sign is wrong' if sign else ''}."


def written_factor(factor: float) -> str:
    """Return a factor as a fraction where it is one."""
    near = Fraction(factor).limit_denominator(1000)
    text = str(near) if near and abs(float(near) / factor - 1) < ROUNDED else number(factor)
    return text.replace("-", "−")


def constants_of(plan: Plan) -> Iterator[tuple[str, float]]:
    """Yield the constant factors that come in between the root and what it is differentiated by, and from where."""
    for node in reversed(plan.nodes):
        assert node.rule is not None
        function, what = node.rule.function, operation(node, plan.names)
        for argument, x in enumerate(node.inputs):
            if type(x) is not Value or x not in plan.depends:
                continue
            other: Any = node.operands[1 - argument] if len(node.inputs) == 2 else None
            constant = other is not None and type(node.inputs[1 - argument]) is not Value and not np.ndim(other)
            if function is np.square or (function is np.power and constant and other == 2 and argument == 0):
                yield "the square", 2.0
            elif function is np.power and constant and argument == 0:
                yield f"the power {number(other)}", float(other)
            elif function is np.mean:
                yield "the mean", node.size / max(x.size, 1)
            elif function is np.multiply and constant:
                yield what, float(other)
            elif function is np.divide and constant and argument == 0 and other:
                yield what, 1 / float(other)
            elif function is np.negative or (function is np.subtract and argument == 1):
                yield what, -1.0


def about_other(plan: Plan, other: Value) -> str:
    """Return what is wrong with a formula that is the gradient by another Value."""
    name, wanted = plan.names[other], plan.names[plan.by]
    if other.rule is None or other not in plan.depends:
        return (
            f"Your formula is ∂{plan.names[plan.root]}/∂{name}; you were asked for ∂{plan.names[plan.root]}/∂{wanted}."
        )
    return (
        f"Your formula is the gradient as far as {name} = {short(operation(other, plan.names))}; from there to "
        f"{wanted} the chain rule has another factor."
    )


# Points ---------------------------------------------------------------------------------------------------------------


def points_of(plan: Plan) -> Iterator[tuple[dict[Value, Any], dict[Value, Any]]]:
    """Yield the data and the gradient of each Value, as they are and with the leaves moved at random."""
    generator = np.random.default_rng(0)
    for point in range(POINTS):
        data = {}
        for leaf in plan.leaves:
            moved = np.asarray(leaf._data, dtype=float)
            if point:  # signs are kept, so that a logarithm stays one
                factor, away = generator.normal(size=(2, *moved.shape))
                moved = np.where(moved == 0, away, moved * np.exp(0.5 * factor))
            data[leaf] = moved.astype(leaf.dtype) if moved.ndim else float(moved)
        yield replayed(plan, data)


def replayed(plan: Plan, data: dict[Value, Any]) -> tuple[dict[Value, Any], dict[Value, Any]]:
    """Return the data and the gradient of each Value of a graph for other leaves; its own Values stay as they are."""
    twins = {leaf: new_value(data[leaf]) for leaf in plan.leaves}
    with np.errstate(all="ignore"):
        for node in plan.nodes:
            assert node.rule is not None
            inputs = tuple(twins[x] if type(x) is Value else x for x in node.inputs)
            operands = (
                twins[x]._data if type(x) is Value else operand
                for x, operand in zip(node.inputs, node.operands, strict=True)
            )
            twins[node] = new_value(call_of(node.rule)(*operands, **node.options))
            record(twins[node], node.rule, inputs, node.options)
        twins[plan.root].backward()
    gradients = {x: np.zeros(x.shape) if twin.grad is None else twin.grad for x, twin in twins.items()}
    return {x: twin._data for x, twin in twins.items()}, gradients


# Reading what was typed -----------------------------------------------------------------------------------------------


def parsed(text: str) -> ast.expr:
    """Return a formula as a syntax tree, or say why it is none."""
    if not isinstance(text, str):
        raise TypeError(f"the formula is {type(text).__name__}; expected text, as '2*(v*x - y)*x'.")
    if len(text) > LONGEST:
        raise FormulaError(f"the formula has {len(text)} characters; expected {LONGEST} at most.")
    spelled = right_side(text).translate(SPELLED)
    python = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda found: f"**({found[0].translate(RAISED)})", spelled)
    try:
        return ast.parse(python.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        why = getattr(error, "msg", None) or str(error)
        raise FormulaError(
            f"{short(text, 60)!r} is no formula: {why}. Write it as Python, with every *: 2*(v*x - y)*x."
        ) from None


def right_side(text: str) -> str:
    """Return a formula without `∂loss/∂v =` before it."""
    return re.sub(r"^\s*[∂d][^=/]*/\s*[∂d][^=]*=(?!=)", "", text).strip()


def evaluated(node: ast.expr, known: dict[str, Any], text: str) -> Any:
    """Return what a syntax tree amounts to for the data of its names. Nothing is run but arithmetic."""

    def of(node: ast.AST) -> Any:
        match node:
            case ast.Constant(value=int() | float() as x):
                return np.float64(x)
            case ast.Name(id=name) if name in known:
                return known[name]
            case ast.Name(id=name):
                names = ", ".join(short(name) for name in known)
                raise FormulaError(
                    f"the formula uses {name}, which is not known; give it as {name}=... Known: {names}."
                )
            case ast.BinOp(left=a, op=op, right=b) if type(op) in OPERATORS:
                return OPERATORS[type(op)](of(a), of(b))
            case ast.UnaryOp(op=op, operand=a) if type(op) in OPERATORS:
                return OPERATORS[type(op)](of(a))
            case ast.Compare(left=a, ops=[op], comparators=[b]) if type(op) in OPERATORS:
                return OPERATORS[type(op)](of(a), of(b)) * 1.0
            case ast.Attribute(value=a, attr="T"):
                return np.transpose(of(a))
            case ast.Subscript(value=a, slice=index):
                return np.asarray(of(a))[index_of(index)]
            case ast.Call(func=ast.Constant(value=int() | float() as x)):
                raise FormulaError(f"write the * between {x} and the parenthesis: {x}*(...).")
            case ast.Call(func=ast.Name(id="ones"), args=lengths, keywords=[]):
                shape = tuple(int(of(length)) for length in lengths)
                return np.ones(shape) if np.prod(shape) <= LARGEST else refuse(node)
            case ast.Call(func=function, args=arguments, keywords=options):
                named = {option.arg or "": ast.literal_eval(option.value) for option in options}
                return function_named(function)(*map(of, arguments), **named)
        return refuse(node)

    def refuse(node: ast.AST) -> Any:
        raise FormulaError(
            f"{ast.unparse(node)[:60]!r} is not allowed in a formula, which has names, numbers, + - * / ** @, "
            "comparisons, parentheses, .T and functions such as exp(x)."
        )

    def index_of(node: ast.expr | None) -> Any:
        match node:
            case ast.Tuple(elts=parts):
                return tuple(map(index_of, parts))
            case ast.Slice(lower=a, upper=b, step=c):
                return slice(index_of(a), index_of(b), index_of(c))
        return None if node is None else ast.literal_eval(node)

    def function_named(node: ast.expr) -> Any:
        name = node.attr if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("np", "mg") else ""
        name = node.id if isinstance(node, ast.Name) else name
        name = OTHER_NAMES.get(name, name)
        for function, rule in RULES.items():
            if name and rule.name == name and (rule.elementwise or name in REDUCTIONS):
                return call_of(RULES[function])
        return refuse(node)

    try:
        return of(node)
    except FormulaError:
        raise
    except (ValueError, TypeError, IndexError, RecursionError, ArithmeticError) as error:
        raise FormulaError(f"{short(text, 60)!r} cannot be computed: {error}.") from None
