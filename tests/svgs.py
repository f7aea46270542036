"""Reads pictures back: their shapes, their words, and whether anything in them could do harm."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser
from xml.etree import ElementTree as Xml

from timeglass.show.svg import text_width

SVG = "{http://www.w3.org/2000/svg}"
SHAPES = {"svg", "title", "desc", "rect", "line", "path", "polygon", "circle", "text"}
TAGS = SHAPES | {"div", "table", "thead", "tbody", "tr", "th", "td", "var", "sub", "b"}
NAMES = {
    "viewbox", "width", "height", "role", "aria-label", "font-family", "direction", "x", "y", "x1", "y1", "x2", "y2",
    "rx", "cx", "cy", "r", "d", "points", "fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin",
    "font-size", "font-weight", "text-anchor", "unicode-bidi", "xmlns", "style", "title", "scope", "colspan",
}  # fmt: skip
HOSTILE = [
    "</script><script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>", "a\u202eb\u2028c\x00d\ud800", "&lt;b&gt;<!--",
    "javascript:alert(1)", "url(#x)", "x" * 100_000, "長い名前" * 40, "ends]]>", "dots.in.it[t=3]",
]  # fmt: skip


class _Reader(HTMLParser):
    """Every tag and attribute as a browser would see them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.names: list[tuple[str, str]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.names += [(name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.words.append(data)

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")

    def handle_decl(self, decl):
        raise AssertionError(f"a declaration: {decl}")


def words_of(page: str) -> list[str]:
    """The words of a page or picture, after a check that nothing in it runs, loads or leads anywhere."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert set(reader.tags) <= TAGS
    for name, value in reader.names:
        assert name in NAMES, name
        assert name == "title" or name == "aria-label" or "url(" not in value
        assert value.replace("\n", "").isprintable()
    for words in reader.words:
        assert words.replace("\n", "").isprintable(), repr(words)
        assert len(words) < 1000
    return reader.words


def parsed(svg: str) -> Xml.Element:
    """The picture's root; it is XML of the few shapes that there are."""
    root = Xml.fromstring(svg)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= SHAPES
    assert root.find(f"{SVG}title").text
    assert root.find(f"{SVG}desc").text
    words_of(svg)
    return root


def shapes(root: Xml.Element, kind: str) -> list[Xml.Element]:
    return root.findall(f"{SVG}{kind}")


def tip(element: Xml.Element) -> str:
    return element.findtext(f"{SVG}title") or ""


def tips(root: Xml.Element) -> list[str]:
    return [tip(element) for element in root if tip(element)]


def number_of(element: Xml.Element, name: str) -> float:
    return float(element.get(name, "0"))


@dataclass(frozen=True)
class Place:
    words: str
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Place) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


def written(root: Xml.Element) -> list[Place]:
    """Where each text stands, by the width that the drawing reckons with."""
    found = []
    for element in shapes(root, "text"):
        x, y, size = (number_of(element, name) for name in ("x", "y", "font-size"))
        wide = text_width(element.text, size) * 0.95
        left = x - {"middle": wide / 2, "end": wide}.get(element.get("text-anchor"), 0.0)
        found.append(Place(element.text, left, y - 0.72 * size, left + wide, y + 0.15 * size))
    return found


def assert_legible(root: Xml.Element) -> None:
    """No two texts meet, and none leaves the picture."""
    width, height = number_of(root, "width"), number_of(root, "height")
    places = written(root)
    for at, one in enumerate(places):
        assert one.left >= 0, one
        assert one.top >= 0, one
        assert one.right <= width + 2, one
        assert one.bottom <= height, one
        assert [other.words for other in places[:at] if one.meets(other)] == [], one
