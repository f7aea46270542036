"""Equations with the numbers in: a tree of numbers, products, sums and functions, written as text, LaTeX or HTML."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from textwrap import wrap

from timeglass.show.numbers import number

__all__ = ["Call", "Equation", "Expression", "Negative", "Power", "Product", "Sum", "number"]


@dataclass(frozen=True)
class Product:
    """Factors side by side."""

    factors: tuple[Expression, ...]


@dataclass(frozen=True)
class Sum:
    """Terms in a row."""

    terms: tuple[Expression, ...]


@dataclass(frozen=True)
class Call:
    """A function of one expression."""

    function: str
    of: Expression


@dataclass(frozen=True)
class Power:
    """A square, or another power from 2 to 9."""

    of: Expression
    exponent: int = 2


@dataclass(frozen=True)
class Negative:
    """An expression with its sign turned."""

    of: Expression


Expression = float | Product | Sum | Call | Power | Negative
_SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"


def _latex_number(value: float, digits: int) -> str:
    mantissa, _, exponent = f"{value + 0.0:.{digits}g}".partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa


def _text_call(function: str, inside: str) -> str:
    return f"{function}({inside})"


_LATEX_FUNCTIONS = {"tanh": r"\tanh", "sigmoid": r"\sigma"}


def _latex_call(function: str, inside: str) -> str:
    name = _LATEX_FUNCTIONS.get(function, rf"\mathrm{{{function.replace('_', chr(92) + '_')}}}")
    return rf"{name}\left({inside}\right)"


@dataclass(frozen=True)
class _Style:
    """How numbers, products and functions are written."""

    number: Callable[[float, int], str]
    times: str
    call: Callable[[str, str], str]
    minus: str
    power: Callable[[str, int], str]

    def write(self, node: Expression, digits: int) -> str:
        if isinstance(node, Sum):
            return self._sum([self._term(term, digits) for term in node.terms])
        if isinstance(node, Product):
            return self.times.join(self._factor(factor, digits) for factor in node.factors)
        if isinstance(node, Call):
            inside = self.write(node.of, digits)
            return inside if node.function == "linear" else self.call(node.function, inside)
        if isinstance(node, Power):
            base = self._factor(node.of, digits)
            product = isinstance(node.of, float) and ("e" in base or "{" in base) and not base.startswith("(")
            return self.power(f"({base})" if product else base, node.exponent)
        if isinstance(node, Negative):
            return f"{self.minus}{self._factor(node.of, digits)}"
        return self.number(node, digits)

    @staticmethod
    def _sum(terms: list[str]) -> str:
        """Joined by + or by a minus that a number brings along."""
        signs = [f" {term[0]} {term[1:]}" if term[0] in "-−" else f" + {term}" for term in terms[1:]]
        return "".join([*terms[:1], *signs]) or "0"

    def _term(self, node: Expression, digits: int) -> str:
        """A sum within a sum keeps its brackets."""
        written = self.write(node, digits)
        return f"({written})" if isinstance(node, Sum) and len(node.terms) > 1 else written

    def _factor(self, node: Expression, digits: int) -> str:
        """In brackets where it would be misread."""
        written = self.write(node, digits)
        bare = node.of if isinstance(node, Call) and node.function == "linear" else node
        return f"({written})" if isinstance(bare, Sum) or written[:1] in "-−" else written


_TEXT = _Style(number, "·", _text_call, "−", lambda base, n: f"{base}{_SUPERSCRIPTS[n]}")
_LATEX = _Style(_latex_number, r" \cdot ", _latex_call, "-", lambda base, n: f"{base}^{{{n}}}")
_HTML = _Style(number, " · ", _text_call, "−", lambda base, n: f"{base}<sup>{n}</sup>")


@dataclass(frozen=True)
class Equation:
    r"""What stands on the left, how it is computed, and what comes out.

    >>> one = Equation("h", 2, 1, Call("tanh", Sum((Product((0.5, -2.0)), 0.25))), -0.635149)
    >>> print(one.text())
    h2[1] = tanh(0.5·(−2) + 0.25) = −0.63515
    >>> print(one.latex())
    h_{2,1} = \tanh\left(0.5 \cdot (-2) + 0.25\right) = -0.63515
    """

    symbol: str
    step: int | None  # from 1 on; None where there is no time
    unit: int | tuple[int, int]  # from 0 on; a weight's row and column
    right: Expression
    value: float

    @property
    def name(self) -> str:
        """h2[1]: unit 1 of h at step 2."""
        return f"{self.symbol}{'' if self.step is None else self.step}[{self._unit}]"

    @property
    def _unit(self) -> str:
        return f"{self.unit[0]},{self.unit[1]}" if isinstance(self.unit, tuple) else f"{self.unit}"

    @property
    def _place(self) -> str:
        return self._unit if self.step is None else f"{self.step},{self._unit}"

    def text(self, digits: int = 5, width: int | None = None) -> str:
        """In one line, or in lines of at most `width` characters that are broken between terms."""
        whole = f"{self.name} = {_TEXT.write(self.right, digits)} = {number(self.value, digits)}"
        if width is None or len(whole) <= width:
            return whole
        indent = " " * min(len(self.name) + 3, width // 2)
        return "\n".join(wrap(whole, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False))

    def latex(self, digits: int = 5) -> str:
        """As an equation without its surroundings, for `$…$`."""
        symbol = self.symbol if len(self.symbol) == 1 else rf"\mathrm{{{self.symbol.replace('_', chr(92) + '_')}}}"
        value = _latex_number(self.value, digits)
        return f"{symbol}_{{{self._place}}} = {_LATEX.write(self.right, digits)} = {value}"

    def html(self, digits: int = 5) -> str:
        """As a piece of a line."""
        left = f"<var>{escape(self.symbol)}</var><sub>{self._place}</sub>"
        return f"{left} = {_HTML.write(self.right, digits)} = <b>{number(self.value, digits)}</b>"

    def _repr_html_(self) -> str:
        return f'<div style="line-height:1.7">{self.html()}</div>'

    def _repr_latex_(self) -> str:
        return f"${self.latex()}$"
