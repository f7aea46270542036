"""The few shapes that all pictures are drawn with, as SVG that any browser shows and nothing can be smuggled into.

A picture is a tree of the standard library's XML elements: every text and attribute is escaped when it is written.
There are no scripts, no links, no style sheets and no ids, so that pictures cannot disturb a page or one another.
Coordinates are pixels, x to the right, y down.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path
from xml.etree import ElementTree as Xml

from timeglass.files import write_whole
from timeglass.show.colours import GROUND, INK
from timeglass.show.numbers import number
from timeglass.words import printable

__all__ = [
    "Box",
    "Element",
    "Point",
    "canvas",
    "circle",
    "fitted",
    "fitted_number",
    "framed",
    "line",
    "path",
    "polygon",
    "rectangle",
    "save_svg",
    "svg_text",
    "text",
    "text_width",
]

Element = Xml.Element
Point = tuple[float, float]  # x, y
Box = tuple[float, float, float, float]  # x, y of the upper left corner, width, height

_FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"
_MOST_TIP = 400  # characters of a tooltip


def canvas(width: float, height: float, *, title: str, description: str) -> Element:
    """An empty picture on a white ground; title and description are what a screen reader says of it."""
    root = Xml.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {_number(width)} {_number(height)}",
            "width": _number(width), "height": _number(height), "role": "img", "aria-label": _tip(title),
            "font-family": _FONT, "direction": "ltr",
        },
    )  # fmt: skip
    Xml.SubElement(root, "title").text = _tip(title)
    Xml.SubElement(root, "desc").text = printable(description)
    rectangle(root, (0, 0, width, height), fill=GROUND, corner=6)
    return root


def svg_text(root: Element) -> str:
    """The picture as it is written to a file or into a page."""
    return Xml.tostring(root, encoding="unicode")


def save_svg(path: Path | str, svg: str) -> None:
    """Writes a picture's text to a file, whole or not at all; an `OptionError` where it cannot."""
    write_whole(Path(path), lambda part: part.write_text(svg, encoding="utf-8"))


def framed(svg: str, below: str = "") -> str:
    """A picture in a notebook's page: wider ones can be moved sideways; `below` is HTML that follows it."""
    return f'<div style="overflow-x:auto;max-width:100%">{svg}</div>{below}'


# Shapes


def line(
    parent: Element, ends: Box, *, colour: str = INK, width: float = 1.0, dashed: bool = False, tip: str = ""
) -> None:
    """From x, y to x, y."""
    names = dict(zip(("x1", "y1", "x2", "y2"), map(_number, ends), strict=True))
    _put(parent, "line", names | _pen(colour, width, dashed), tip)


def path(
    parent: Element, course: str, *, colour: str = INK, width: float = 1.0, dashed: bool = False, tip: str = ""
) -> None:
    """A line without a fill; `course` in SVG's letters, made of numbers alone."""
    _put(parent, "path", {"d": course, "fill": "none", "stroke-linejoin": "round"} | _pen(colour, width, dashed), tip)


def polygon(parent: Element, corners: list[Point], *, fill: str, tip: str = "") -> None:
    """Filled, without an outline."""
    points = " ".join(f"{_number(x)},{_number(y)}" for x, y in corners)
    _put(parent, "polygon", {"points": points, "fill": fill}, tip)


def rectangle(
    parent: Element, box: Box, *, fill: str, outline: str = "", corner: float = 0, dashed: bool = False, tip: str = ""
) -> None:
    """With round corners of that radius."""
    names = dict(zip(("x", "y", "width", "height"), map(_number, box), strict=True)) | {"fill": fill}
    names |= {"rx": _number(corner)} if corner else {}
    _put(parent, "rect", names | (_pen(outline, 1.0, dashed) if outline else {}), tip)


def circle(parent: Element, centre: Point, *, radius: float, fill: str, outline: str = "", tip: str = "") -> None:
    """Filled, with an outline if it has a colour."""
    names = dict(zip(("cx", "cy"), map(_number, centre), strict=True)) | {"r": _number(radius), "fill": fill}
    _put(parent, "circle", names | (_pen(outline, 1.5, dashed=False) if outline else {}), tip)


def text(
    parent: Element, words: str, *, at: Point, size: float = 12, anchor: str = "start", colour: str = INK,
    bold: bool = False, within: float | None = None,
) -> None:  # fmt: skip
    """Words in one line from, around or up to `at`, which is on their base line; cut to fit `within` pixels."""
    whole = printable(words)
    cut = whole if within is None else fitted(whole, within, size=size)
    names = {"x": _number(at[0]), "y": _number(at[1]), "font-size": _number(size), "fill": colour}
    names |= {"text-anchor": anchor} if anchor != "start" else {}
    names |= {"font-weight": "bold"} if bold else {}
    # Words that are read from right to left must not turn the numbers beside them.
    names |= {"unicode-bidi": "embed"}
    _put(parent, "text", names, whole if cut != whole else "").text = cut


def text_width(words: str, size: float) -> float:
    """About how wide words are, in pixels: fonts differ, so it is the width of a wide one."""
    return size * sum(_letter(letter) for letter in words)


def _letter(letter: str) -> float:
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.05
    if letter in " .,:;|!'ijltI[]()=":
        return 0.40
    return 0.86 if letter in "mwMW—…" else 0.64


def fitted(words: str, width: float, *, size: float) -> str:
    """As much of it as fits into so many pixels, with … where something is cut off.

    >>> fitted("simple_rnn", 200, size=12), fitted("a_name_without_end", 60, size=12)
    ('simple_rnn', 'a_name…')
    """
    if text_width(words, size) <= width:
        return words
    left = width - text_width("…", size)
    for count, letter in enumerate(words):
        left -= size * _letter(letter)
        if left < 0:
            return words[:count] + "…"
    return words


def fitted_number(value: float, width: float, *, size: float) -> str:
    """A number with as many digits, at most three, as fit into so many pixels; nothing where not even one does.

    >>> [fitted_number(-1.2369e10, width, size=10) for width in (60, 50, 40, 30)]
    ['−1.24e+10', '−1.2e+10', '−1e+10', '']
    """
    written = (number(value, digits) for digits in (3, 2, 1))
    return next((words for words in written if text_width(words, size) <= width), "")


def _put(parent: Element, kind: str, names: dict[str, str], tip: str) -> Element:
    element = Xml.SubElement(parent, kind, names)
    if tip:
        Xml.SubElement(element, "title").text = _tip(tip)
    return element


def _pen(colour: str, width: float, dashed: bool) -> dict[str, str]:
    names = {"stroke": colour, "stroke-width": _number(width)}
    return names | ({"stroke-dasharray": "4 3"} if dashed else {})


def _tip(words: str) -> str:
    """Lines stay lines; what cannot be printed is escaped, and nothing is longer than a tooltip may be."""
    cut = words if len(words) <= _MOST_TIP else words[:_MOST_TIP] + "…"
    return "\n".join(map(printable, cut.split("\n")))


def _number(value: float) -> str:
    """To a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")
