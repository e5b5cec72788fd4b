"""Gradients as formulas: what they say, that they are right on random programs, and typed formulas checked."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microgd as mg
from microgd import Value
from microgd.autograd.backward import ancestors
from microgd.cli import main
from microgd.viz import terms
from tests.cases import CASES, Case
from tests.test_compile import Program, programs

RNG = np.random.default_rng(0)
HOSTILE = '</script><img src=x onerror=alert(1)> "q" {b} $x$ \\n %&#^~_ \n 漢字' + "x" * 10_000


def named(**numbers: Any) -> list[Value]:
    return [Value(number, name=name) for name, number in numbers.items()]


def book_example() -> tuple[Value, Value, Value, Value]:
    v, x, y = named(v=0.0, x=2.0, y=5.0)
    loss: Value = (v * x - y) ** 2
    loss.name = "loss"
    return loss, v, x, y


def gradient(value: Value, by: Value) -> Any:
    for leaf in ancestors(value):
        leaf.grad = None
    value.backward()
    return by.grad


def test_the_books_gradients() -> None:
    loss, v, x, y = book_example()
    assert str(mg.formula(loss, v)) == "∂loss/∂v = 2·(v·x − y)·x"
    assert str(mg.formula(loss, x)) == "∂loss/∂x = 2·(v·x − y)·v"
    assert str(mg.formula(loss, y)) == "∂loss/∂y = −2·(v·x − y)"
    assert mg.formula(loss, v).data == -20.0
    assert mg.formula(loss, v)._repr_latex_() == (
        r"$\displaystyle \frac{\partial \mathrm{loss}}{\partial v} = 2 \, \left(v \, x - y\right) \, x$"
    )
    assert loss.grad is v.grad is None


@pytest.mark.parametrize(
    ("compute", "text"),
    [
        (lambda a, b: a * a, "2·a"),
        (lambda a, b: a * 1.0 * b, "b"),
        (lambda a, b: np.negative(-a), "1"),
        (lambda a, b: a - b * (a - b), "1 − b"),
        (lambda a, b: 3 * a / 7, "3 / 7"),
        (lambda a, b: 0.1 * a, "0.1"),
        (lambda a, b: b / a, "−b / a²"),
        (lambda a, b: a**b, "b·a^(b − 1)"),
        (lambda a, b: b**a, "b^a·log(b)"),
        (lambda a, b: np.log2(a), "1 / (a·log(2))"),
        (lambda a, b: np.tanh(a * b), "(1 − tanh(a·b)²)·b"),
        (lambda a, b: np.tanh(a - b), "1 − tanh(a − b)²"),
        (lambda a, b: a / (a - b), "1 / (a − b) − a / (a − b)²"),
        (lambda a, b: np.sqrt(a), "1 / (2·sqrt(a))"),
        (lambda a, b: np.sin(a) * np.cos(a), "cos(a)² − sin(a)²"),
        (lambda a, b: np.maximum(a, b), "(a > b) + (a == b) / 2"),
        (lambda a, b: mg.relu(a - b), "(a − b > 0)"),
        (lambda a, b: np.where(a > b, a, b * a), "b"),  # the branch that was taken
        (lambda a, b: abs(a), "sign(a)"),
        (lambda a, b: (a * b) * (a * b), "2·a·b²"),
        (lambda a, b: np.floor(a) * b, "0"),
    ],
)
def test_what_formulas_say(compute: Callable[..., Any], text: str) -> None:
    a, b = named(a=1.5, b=2.5)
    assert mg.formula(compute(a, b), a).text == text


SHAPES: dict[str, tuple[int, ...]] = {"W": (2, 4), "x": (3, 2), "b": (4,), "y": (3, 4), "u": (4,), "v": (2,)}
W, X, B, Y, U, V = named(**{name: RNG.normal(size=shape) for name, shape in SHAPES.items()})


@pytest.mark.parametrize(
    ("compute", "by", "text"),
    [
        (lambda: np.mean((X @ W + B - Y) ** 2), W, "xᵀ @ (x @ W + b − y) / 6"),
        (lambda: np.mean((X @ W + B - Y) ** 2), B, "sum(x @ W + b − y, axis=0) / 6"),
        (lambda: mg.mean_squared_error(Y.data, mg.affine(X, W, B)), W, "xᵀ @ (x @ W + b − [3×4]) / 6"),
        (lambda: np.sum(X @ W), W, "xᵀ @ ones(3, 4)"),
        (lambda: V @ W @ U, W, "u[None, :]·v[:, None]"),
        (lambda: V @ W @ U, V, "W @ u"),
        (lambda: np.sum(X * V), V, "sum(x, axis=0)"),
        (lambda: np.dot(V, V), V, "2·v"),
        (lambda: np.sum(2.0 * X), X, "2"),
        (lambda: W[0, 1] * V[0], W, "scatter(v[0], index=(0, 1), shape=(2, 4))"),
        (lambda: np.mean(mg.relu(X @ W)), W, "xᵀ @ (x @ W > 0) / 12"),
        (lambda: np.sum(Y * RNG.normal(size=(3, 4)) * RNG.normal(size=(3, 4))), Y, "[3×4]′·[3×4]"),
    ],
)
def test_formulas_of_arrays(compute: Callable[[], Any], by: Value, text: str) -> None:
    value = compute()
    found = mg.formula(value, by)
    assert found.text == text
    np.testing.assert_allclose(np.broadcast_to(found.data, by.shape), gradient(value, by), rtol=1e-12)


def test_inner_values_with_a_name_are_written_by_it() -> None:
    v, x, y = named(v=0.0, x=2.0, y=5.0)
    prediction = v * x
    prediction.name = "y'"
    loss = (prediction - y) ** 2
    assert str(mg.formula(loss, v)) == "∂result/∂v = 2·(y' − y)·x"
    assert mg.formula(loss, prediction).text == "2·(y' − y)"
    assert mg.formula(loss, loss).text == "1"


def test_two_values_of_one_name_are_told_apart() -> None:
    a, b = Value(2.0, name="w"), Value(3.0, name="w")
    assert {str(mg.formula(a * b, a)), str(mg.formula(a * b, b))} == {"∂result/∂w = w_2", "∂result/∂w_2 = w"}


# Random programs ------------------------------------------------------------------------------------------------------

UNARY = (
    np.exp,
    np.tanh,
    np.sin,
    np.square,
    abs,
    np.negative,
    mg.sigmoid,
    mg.softplus,
    np.arctan,
    lambda x: 1 / (2 + x * x),
)
BINARY = (np.add, np.subtract, np.multiply, np.maximum, lambda a, b: a / (b * b + 1), lambda a, b: (a * a + 1) ** b)


@st.composite
def scalar_programs(draw: Any) -> Callable[[list[Value]], Value]:
    steps = draw(
        st.lists(st.tuples(st.booleans(), st.integers(0, 99), st.integers(0, 9), st.integers(0, 9)), max_size=6)
    )
    constants = draw(st.lists(st.sampled_from([0.5, -2.0, 3.0, 0.1]), min_size=1, max_size=3))

    def run(leaves: list[Value]) -> Value:
        pool: list[Any] = [*leaves, *constants]
        for unary, function, i, j in steps:
            one, two = pool[i % len(pool)], pool[-1 - j % len(pool)]
            if type(one) is not Value:
                one = leaves[0] * one
            pool.append(UNARY[function % len(UNARY)](one) if unary else BINARY[function % len(BINARY)](one, two))
        last = pool[-1] if type(pool[-1]) is Value and pool[-1].rule is not None else leaves[0] * 2.0
        result: Value = last + 0.5 * leaves[0]
        return result

    return run


@settings(max_examples=120, deadline=None)
@given(run=scalar_programs())
def test_the_formula_and_its_text_equal_the_gradient(run: Callable[[list[Value]], Value]) -> None:
    leaves = named(p=0.7, q=-1.3)
    value = run(leaves)
    for leaf in leaves:
        try:
            found = mg.formula(value, leaf)
        except mg.viz.FormulaError as error:
            assert "gradient is 0" in str(error) or "more than" in str(error)
            continue
        np.testing.assert_allclose(found.data, gradient(value, leaf), rtol=1e-9, atol=1e-12)
        assert mg.check_formula(value, leaf, found.text), found
        assert found.latex.count("{") == found.latex.count("}")
        assert found.latex.count(r"\left") == found.latex.count(r"\right")


@settings(max_examples=60, deadline=None)
@given(program=programs())
def test_formulas_of_random_programs_of_arrays(program: Program) -> None:
    a, b = Value(np.array([0.3, -0.6]), name="a"), Value(np.array([0.8, 0.2]), name="b")
    with np.errstate(all="ignore"):
        value = program(a, b)
        for leaf in (a, b):
            try:
                found = mg.formula(value, leaf)
            except mg.viz.FormulaError:
                continue
            expected = gradient(value, leaf)
            np.testing.assert_allclose(np.broadcast_to(found.data, leaf.shape), expected, rtol=1e-9, atol=1e-12)


def test_a_wrong_simplification_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    simplified: dict[Any, Any] = terms.SIMPLIFIED
    monkeypatch.setitem(simplified, np.subtract, terms.add)
    loss, v, *_ = book_example()
    with pytest.raises(mg.FormulaError, match="does not give the gradient"):
        mg.formula(loss, v)


# What cannot be written -----------------------------------------------------------------------------------------------


def test_no_formula_where_there_is_none() -> None:
    a, b = named(a=1.5, b=2.5)
    array = Value([1.0, 2.0, 0.5], name="array")
    for value, by, message in (
        (a * 2.0, b, "was not computed from b"),
        (array * 2.0, array, "needs one number"),
        (np.prod(array), array, "mg.ledger shows"),
    ):
        with pytest.raises(mg.viz.FormulaError, match=message):
            mg.formula(value, by)


def test_too_long_a_formula_is_refused_with_advice() -> None:
    x = chain = Value(0.5, name="x")
    for _ in range(100):
        chain = np.tanh(chain * x)
    with pytest.raises(mg.viz.FormulaError, match="Give inner Values a name"):
        mg.formula(chain, x)
    for _ in range(2000):
        chain = -chain
    with pytest.raises(mg.viz.FormulaError, match="Give inner Values a name"):
        mg.formula(chain, x)


@pytest.mark.parametrize("steps", [300, 100_000])
def test_a_formula_that_would_double_at_each_step_is_refused_at_once(steps: int) -> None:
    x = value = Value(0.5, name="x")
    for _ in range(steps):
        value = np.sin(value * value)
    with pytest.raises(mg.viz.FormulaError, match="more than 300 symbols"):
        mg.formula(value, x)


def test_what_is_no_value_or_not_real_is_refused() -> None:
    x = Value(0.5, name="x")
    model = mg.Sequential([mg.Dense(1)])
    refused: list[tuple[Any, ...]] = [
        (mg.formula, 3.0, x),
        (mg.formula, x * x, 3.0),
        (mg.draw, model),
        (mg.ledger, model),
        (mg.step, model),
        (mg.step, None),
    ]
    for function, *arguments in refused:
        with pytest.raises(TypeError, match="expected a Value, such as a loss, but got"):
            function(*arguments)
    with pytest.raises(mg.viz.FormulaError, match="real numbers only"):
        mg.formula(np.real(x * (1 + 2j)) * 1.0, x)
    with pytest.raises(mg.viz.FormulaError, match="nothing was recorded"):
        mg.formula(Value(2.0), x)
    with pytest.raises(TypeError, match="the formula is int; expected text"):
        mg.check_formula(x * x, x, 3)


def test_hostile_names_are_inert() -> None:
    value = Value(2.0, name=HOSTILE)
    found = mg.formula(value * value * 3.0, value)
    assert "\n" not in str(found) and len(str(found)) < 200
    latex = found._repr_latex_()
    assert not set("<>&#%") & set(latex) and latex.count("$") == 2 and "\n" not in latex
    assert latex.count("{") == latex.count("}")


# Formulas that were typed ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2*(v*x - y)*x", "Right"),
        ("2·(v·x − y)·x", "Right"),
        ("∂loss/∂v = 2·(v·x − y)^1·x²/x", "Right"),
        ("2*np.exp(ln(x))*(v*x - y)", "Right"),
        ("(v*x - y)*x", "1/2 of the gradient: the factor 2 from the square is lost"),
        ("2*(y - v*x)*x", "wrong sign"),
        ("(y - v*x)*x", "−1/2 of the gradient: the factor 2 from the square is lost, and the sign is wrong"),
        ("6*(v*x - y)*x", "3 times the gradient: a factor 3 too many"),
        ("2*(v*x - y)", "as far as n4 = v·x; from there to v the chain rule has another factor"),
        ("2*(v*x - y)*v", "is ∂loss/∂x; you were asked for ∂loss/∂v"),
        ("2*v*x - y*x", "is not ∂loss/∂v"),
        ("0", "is not ∂loss/∂v"),
    ],
)
def test_typed_formulas(text: str, message: str) -> None:
    loss, v, *_ = book_example()
    outcome = mg.check_formula(loss, v, text)
    assert message in repr(outcome)
    assert bool(outcome) == (message == "Right")
    assert loss.grad is v.grad is None and v.data == 0.0


def test_where_a_factor_was_lost() -> None:
    w, b = named(w=2.0, b=1.0)
    cases: list[tuple[Any, str, str]] = [
        (np.mean((w * np.array([1.0, 2.0, 4.0]) - b) ** 2), "2*sum((w*x - b)*x)", "1/3 from the mean"),
        ((w * 4.0 + b) ** 3, "3*(w*4 + b)**2", "the factor 4 from w·4"),
        ((w + b) ** 5, "(w + b)**4", "the factor 5 from the power 5"),
        ((w + b) ** 2 / 4.0, "2*(w + b)", "the factor 1/4 from n4 / 4"),
        ((b - w) ** 2, "2*(b - w)", "the minus of b − w is lost"),
        ((3.0 * w - b) ** 2, "w*3 - b", "the factor 6 from the square and 3·w is lost"),
    ]
    for value, text, message in cases:
        assert message in repr(mg.check_formula(value, w, text, x=np.array([1.0, 2.0, 4.0])))


def test_typed_formulas_of_arrays() -> None:
    loss = np.mean((X @ W + B - Y) ** 2)
    assert mg.check_formula(loss, W, "x.T @ (x @ W + b - y) / 6")
    assert mg.check_formula(loss, B, "sum(x @ W + b - y, axis=0) / 6")
    assert mg.check_formula(V @ W @ U, W, mg.formula(V @ W @ U, W).text)
    assert not mg.check_formula(loss, W, "x.T @ (x @ W - y) / 6")
    with pytest.raises(mg.viz.FormulaError, match=r"shape \(3, 4\), but the gradient has shape \(2, 4\)"):
        mg.check_formula(loss, W, "x @ W")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2*(v*z - y)", "z=... Known: "),
        ("2(v*x - y)", r"the \* between 2 and the parenthesis"),
        ("2*(v*x", "is no formula"),
        ("", "is no formula"),
        ("(" * 300 + "1" + ")" * 300, "is no formula"),
        ("x" * 3000, "3000 characters"),
        ("9**9**9**9**9", "not|neither"),
        ("ones(100000, 100000)", "not allowed"),
        ("x[5]", "cannot be computed"),
        ("exp(x, y, v)", "cannot be computed"),
    ],
)
def test_what_is_no_formula(text: str, message: str) -> None:
    loss, v, *_ = book_example()
    with pytest.raises(mg.viz.FormulaError, match=message):
        mg.check_formula(loss, v, text)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('touch hacked')",
        "().__class__.__bases__[0].__subclasses__()",
        "x.__class__",
        "[y for y in (1, 2)]",
        "lambda: 1",
        "'text'",
        "(x := 3)",
        "x if y else v",
        "np.load('file')",
        "open('file')",
        "f'{x}'",
        "x.data",
    ],
)
def test_nothing_but_arithmetic_is_run(text: str) -> None:
    loss, v, *_ = book_example()
    with pytest.raises(mg.viz.FormulaError, match="not allowed"):
        mg.check_formula(loss, v, text)


def test_explain_prints_and_checks_formulas(capsys: pytest.CaptureFixture[str]) -> None:
    question = ["explain", "(v*x - y)**2", "v=0", "x=2", "y=5"]
    assert main([*question, "--formula", "--check", "v=2*(v*x - y)*x"]) == 0
    text = capsys.readouterr().out
    assert "∂result/∂v = 2·(v·x − y)·x" in text and "Right" in text
    assert main([*question, "--check", "v = (v*x - y)*x"]) == 1
    assert "the factor 2 from the square is lost" in capsys.readouterr().out
    assert main(["explain", "(v*2 - 5)**2", "v=0", "--check", "4*(v*2 - 5)"]) == 0
    assert main([*question, "--check", "2*(v*x - y)*x"]) == 2
    assert "write NAME=FORMULA" in capsys.readouterr().err
    assert main([*question, "--check", "v=2*z"]) == 2


def test_explain_goes_on_where_there_is_no_formula(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "product.py"
    file.write_text(
        "import numpy as np, microgd as mg\n"
        "v, w = mg.Value([1.0, 2.0], name='v'), mg.Value(3.0, name='w')\n"
        "loss = np.prod(v) * w\n",
        encoding="utf-8",
    )
    assert main(["explain", str(file), "--formula"]) == 0
    text = capsys.readouterr().out
    assert "∂v: the derivative of prod" in text and "∂loss/∂w = prod(v)" in text


def test_every_symbol_of_a_formula_can_be_read_back() -> None:
    a, b = named(a=1.5, b=0.5)
    for one, two in itertools.product(
        (np.minimum, np.maximum, np.divide, np.power), (np.exp, np.sqrt, np.cbrt, np.arccosh)
    ):
        value = one(two(a + b), b)
        assert mg.check_formula(value, a, str(mg.formula(value, a)))


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.filterwarnings("ignore")
def test_a_formula_gives_the_gradient_or_is_refused(case: Case) -> None:
    leaves = [Value(np.asarray(x, dtype=float), name=f"x{place}") for place, x in enumerate(case.args)]
    result = case.call(*leaves)
    weighted = np.sum(result * np.linspace(0.5, 1.5, result.size).reshape(result.shape))
    weighted.backward()
    for leaf in leaves:
        try:
            found = mg.formula(weighted, leaf)
        except mg.FormulaError:
            continue
        np.testing.assert_allclose(found.data, leaf.grad, rtol=1e-6, atol=1e-9)
