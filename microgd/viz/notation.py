"""How formulas are written: as plain text, and in LaTeX."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ..autograd.rules.indexing import getitem
from .labels import CALLED, WRITTEN, number, power
from .terms import Applied, Name, Number, Product, Sum, Term

SUM, PRODUCT, POWER, ATOM = 1, 2, 4, 5  # how tightly the parts of a formula bind
SHORT = 6  # characters of a decimal number that is preferred to a fraction in an exponent
LARGEST_DENOMINATOR = 1000  # a fraction with a larger one is written as a decimal number
WHOLE = (np.matmul, np.transpose, np.sum, np.mean, np.reshape)  # functions whose arguments must show all elements


def decimal(x: Any) -> str:
    """Return a number in full: rounded, as elsewhere, a formula would be wrong."""
    return f"{float(x):.12g}".replace("-", "−")


class Text:
    """Plain text: `2·(v·x − y)·x / 3`."""

    times, joined, elementwise, minus = "·", "·", "·", "−"

    def name(self, text: str) -> str:
        """Return a name."""
        return text

    def number(self, x: float) -> str:
        """Return a number that is not negative."""
        return decimal(x)

    def fraction(self, over: str, under: str, several: bool) -> str:
        """Return a quotient."""
        return f"{over} / ({under})" if several else f"{over} / {under}"

    def raised(self, base: str, exponent: str) -> str:
        """Return a power."""
        return power(base, exponent)

    def parentheses(self, text: str) -> str:
        """Return a text in parentheses."""
        return f"({text})"

    def call(self, name: str, arguments: Sequence[str], options: Sequence[str]) -> str:
        """Return a call of a function."""
        return f"{name}({', '.join((*arguments, *options))})"

    def infix(self, function: Any) -> str:
        """Return the sign between two operands."""
        return WRITTEN[function][0]

    def transposed(self, text: str) -> str:
        """Return a transpose."""
        return f"{text}ᵀ"


class Short(Text):
    """Plain text for a label: numbers have four digits, as everywhere but in a formula."""

    def number(self, x: float) -> str:
        """Return a number that is not negative."""
        return number(x)


class Latex(Text):
    """LaTeX, as notebooks show it: `2 \\left(v x - y\\right) x`."""

    times, joined, elementwise, minus = r" \cdot ", r" \, ", r" \odot ", "-"

    def name(self, text: str) -> str:
        """Return a name: one letter slanted, a number after it below, more letters upright; all else harmless."""
        found = re.fullmatch(r"([A-Za-z])_?([0-9]+)", text)
        if found:
            return f"{found[1]}_{{{found[2]}}}"
        if re.fullmatch(r"[A-Za-z]", text):
            return text
        if re.fullmatch(r"[A-Za-z0-9_]+", text):
            return rf"\mathrm{{{text.replace('_', chr(92) + '_')}}}"
        return rf"\text{{{text.translate(WIDE)}}}"

    def number(self, x: float) -> str:
        """Return a number that is not negative."""
        text = super().number(x)
        found = re.fullmatch(r"(.*)e([+−]?)0*(\d+)", text)
        if found:
            return rf"{found[1]} \cdot 10^{{{found[2].replace('−', '-').replace('+', '')}{found[3]}}}"
        return text.replace("inf", r"\infty")

    def fraction(self, over: str, under: str, several: bool) -> str:
        """Return a quotient."""
        return rf"\frac{{{over}}}{{{under}}}"

    def raised(self, base: str, exponent: str) -> str:
        """Return a power."""
        return f"{{{base}}}^{{{exponent}}}"

    def parentheses(self, text: str) -> str:
        """Return a text in parentheses."""
        return rf"\left({text}\right)"

    def call(self, name: str, arguments: Sequence[str], options: Sequence[str]) -> str:
        """Return a call of a function."""
        if name == "sqrt":
            return rf"\sqrt{{{arguments[0]}}}"
        if name in ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh"):
            return rf"\{name}\left({arguments[0]}\right)"
        inside = ", ".join((*arguments, *(self.name(option) for option in options)))
        return rf"\operatorname{{{name.replace('_', ' ')}}}\left({inside}\right)"

    def infix(self, function: Any) -> str:
        """Return the sign between two operands."""
        signs = {np.equal: " = ", np.not_equal: r" \neq ", np.less: r" \lt ", np.greater: r" \gt ", np.matmul: r" \, "}
        return signs.get(function) or WRITTEN[function][0].replace("≥", r"\geq").replace("≤", r"\leq")

    def transposed(self, text: str) -> str:
        """Return a transpose."""
        return f"{{{text}}}^\\top"


# What means something to TeX or to HTML, as the wide letter that looks the same and means nothing.
WIDE = {ord(letter): ord(letter) + 0xFEE0 for letter in "#$%&<>\\^_`{}~"}


def written(term: Any, style: Text, outer: int = 0, *, whole: bool = False) -> str:
    """Return a term as mathematics, with no more parentheses than it needs.

    Args:
        term: The term; or None or a text among the arguments of a function.
        style: Plain text or LaTeX.
        outer: How tightly what is around it binds.
        whole: Whether a number must show that it stands for an array of it: `ones(3, 2)`.
    """
    if not isinstance(term, Term):
        return str(term)
    if isinstance(term, Name):
        return style.name(term.text)
    if isinstance(term, Product) and term.coefficient == 1 and len(term.over) == 1 and not term.under:
        return written(term.over[0], style, outer, whole=whole)
    if isinstance(term, Number | Product):
        text, level = written_product(term, style, whole=whole)
    elif isinstance(term, Sum):
        text, level = written_sum(term, style), SUM
    else:
        assert isinstance(term, Applied)
        text, level = written_call(term, style)
    return style.parentheses(text) if level < outer else text


def written_sum(term: Sum, style: Text) -> str:
    """Return a sum: each term with its sign before it."""
    text = ""
    terms = [pair for pair in term.terms if pair[0] != 0]  # such a one is there for its shape only
    first = next((place for place, (coefficient, _) in enumerate(terms) if coefficient > 0), 0)
    for coefficient, part in (*terms[first : first + 1], *terms[:first], *terms[first + 1 :]):
        size = coefficient if coefficient >= 0 else -coefficient
        factors = (part.over, part.under) if isinstance(part, Product) else ((part,), ())
        absolute = Product(size, *factors) if not isinstance(part, Number) else Number(size, part.shape)
        sign = style.minus if coefficient < 0 else "+"
        text += (f" {sign} " if text else sign.replace("+", "")) + written(absolute, style, PRODUCT)
    return text


def written_product(term: Number | Product, style: Text, *, whole: bool) -> tuple[str, int]:
    """Return a number or a product, and how tightly it binds."""
    coefficient = term.value if isinstance(term, Number) else term.coefficient
    over = list(term.over) if isinstance(term, Product) else [Number(Fraction(1), term.shape)] if term.ndim else []
    under = list(term.under) if isinstance(term, Product) else []
    if not whole:
        over = [factor for factor in over if not isinstance(factor, Number)]
    sign = style.minus if coefficient < 0 else ""
    before, below = "", ""
    if isinstance(coefficient, Fraction) and coefficient.denominator <= LARGEST_DENOMINATOR:
        before, below = decimal(abs(coefficient.numerator)), decimal(coefficient.denominator)
    else:
        before = style.number(abs(float(coefficient)))
    above, beneath = [] if before == "1" and over else [before], [] if below in ("", "1") else [below]
    alone = 0 if isinstance(style, Latex) else PRODUCT  # how tightly a line over or under another binds
    bar = bool(under or beneath)
    for factors, line in ((over, above), (under, beneath)):
        only = bar and len(factors) == 1 and not line
        level = alone if only and (factors is over or isinstance(style, Latex)) else PRODUCT + 1
        arrays = 0
        for factor in factors:
            ones = isinstance(factor, Number)  # an array of ones, which shows its shape
            shape = [str(n) for n in factor.shape]
            text = style.call("ones", shape, []) if ones else written(factor, style, level)
            arrays += factor.ndim > 0
            if line:
                digit = text.lstrip("{")[:1].isdigit()
                line.append(style.elementwise if arrays > 1 and factor.ndim else style.times if digit else style.joined)
            line.append(text)
    text = "".join(above)
    if beneath:
        text = style.fraction(text, "".join(beneath), len(beneath) > 1)
    single = len(above) == 1 and not beneath
    return sign + text, SUM if sign else ATOM if single else PRODUCT


def written_call(term: Applied, style: Text) -> tuple[str, int]:
    """Return a function of terms, and how tightly it binds."""
    function, arguments = term.function, term.arguments
    if function is np.power:
        exponent = written(arguments[1], style, 0 if isinstance(style, Latex) else ATOM)
        if isinstance(arguments[1], Number) and len(decimal(arguments[1].value)) <= SHORT:
            exponent = decimal(arguments[1].value).replace("−", style.minus)  # -0.5, not (-1 / 2)
        return style.raised(written(arguments[0], style, ATOM), exponent), POWER
    if function is np.transpose and not term.options:
        return style.transposed(written(arguments[0], style, ATOM, whole=True)), ATOM
    if function is getitem:
        index = term.options["index"]
        places = ", ".join(map(place, index if isinstance(index, tuple) else (index,)))
        return f"{written(arguments[0], style, ATOM)}[{places}]", ATOM
    if function in WRITTEN and len(arguments) == 2:
        level = WRITTEN[function][1]
        whole = function is np.matmul
        tight = not whole or isinstance(arguments[0], Product)  # a @ b @ c, but (2·a) @ b
        left = written(arguments[0], style, level + tight, whole=whole)
        right = written(arguments[1], style, level + 1, whole=whole)
        return f"{left}{style.infix(function)}{right}", level
    if function is np.expand_dims and arguments[0].ndim == 1:
        vector = written(arguments[0], style, ATOM)
        return f"{vector}[:, None]" if term.options["axis"] in (-1, 1) else f"{vector}[None, :]", ATOM
    name = CALLED.get(function.__name__, function.__name__)
    options = [f"{key}={value}" for key, value in term.options.items() if value is not None and value is not False]
    return style.call(name, [written(x, style, whole=function in WHOLE) for x in arguments], options), ATOM


def place(index: Any) -> str:
    """Return one index as Python writes it."""
    if isinstance(index, slice):
        ends = ["" if end is None else str(end) for end in (index.start, index.stop, index.step)]
        return ":".join(ends[:2] if index.step is None else ends)
    return "…" if index is Ellipsis else f"[{np.size(index)} places]" if np.ndim(index) else str(index)
