"""Draws a network unrolled over time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from timeglass.show.colours import FAINT, GREY, GROUND, INK, diverging, ink_on, stroke
from timeglass.show.legend import notes, notes_height, value_legend, weight_legend
from timeglass.show.numbers import exact, number
from timeglass.show.svg import (
    Element,
    Point,
    canvas,
    fitted_number,
    line,
    path,
    polygon,
    rectangle,
    svg_text,
    text,
    text_width,
)
from timeglass.show.unrolled import (
    NODE_HEIGHT,
    NODE_WIDTH,
    Band,
    Unrolled,
    UnrolledEdge,
    UnrolledNode,
    column_width,
    depth_width,
)
from timeglass.words import shown

__all__ = ["unrolled_svg"]

_ROW, _BAND_GAP = NODE_HEIGHT + 9, 46.0
_LEFT, _RIGHT, _TOP, _LABEL = 162.0, 24.0, 46.0, 144.0  # margins, and the room for a layer's name
_LEAST_WIDTH = 670.0
_COLUMN = "#f4f5f7"
_HALF = NODE_WIDTH / 2
_BOLD = 1.1  # times as wide as letters that are not


def unrolled_svg(drawn: Unrolled) -> str:
    """The picture as SVG text: time from left to right, layers from the bottom up."""
    places = _Places(drawn)
    below = notes_height(drawn.notes, places.width - 32)
    height = places.bottom + 34 + 62 + below
    words = f"{len(drawn.nodes)} units at {len(drawn.steps)} columns of time steps, {len(drawn.edges)} lines."
    root = canvas(places.width, height, title=drawn.title, description=words)
    text(root, drawn.title, at=(16, 26), size=15, bold=True, within=places.width - 32)
    _columns(root, drawn, places)
    for index, band in enumerate(drawn.bands):
        _band(root, drawn, places, index, band)
    for edge in sorted(drawn.edges, key=lambda edge: abs(edge.weight or 0.0)):
        _edge(root, drawn, places, edge)
    for node in drawn.nodes:
        _node(root, drawn, places, node)
    weight_legend(root, (16, places.bottom + 52), limit=drawn.largest_weight)
    value_legend(root, (16, places.bottom + 80))
    notes(root, drawn.notes, at=(16, places.bottom + 106), width=places.width - 32)
    return svg_text(root)


@dataclass(frozen=True)
class _Places:
    """Where everything stands, in pixels."""

    drawn: Unrolled

    @cached_property
    def rows(self) -> int:
        return max(band.rows for band in self.drawn.bands)

    @cached_property
    def deep(self) -> float:
        return depth_width(self.rows)

    @cached_property
    def lefts(self) -> list[float]:
        """The left edge of each step's column, and the right edge of the last one."""
        wide = column_width(self.drawn.timed_depth, self.rows)
        begun = any(node.column == 0 for node in self.drawn.nodes)
        lefts = [_LEFT + (NODE_WIDTH + 24 if begun else 0.0)]
        for step in self.drawn.steps:
            lefts.append(lefts[-1] + (wide if step is not None else wide - 50))
        return lefts

    @cached_property
    def width(self) -> float:
        return max(_LEAST_WIDTH, max(self.of(node)[0] for node in self.drawn.nodes) + _HALF + _RIGHT)

    @cached_property
    def head(self) -> float:
        """The height of what has no time: one beside the other, above the columns."""
        heights = [_height(band) for band in self.drawn.bands if not band.timed]
        return max(heights) + 36 + _BAND_GAP / 2 if heights else 0.0

    @cached_property
    def tops(self) -> list[float]:
        """The upper edge of each band."""
        tops, y = [], _TOP + self.head + 26
        for band in reversed(self.drawn.bands):
            if band.timed:
                tops.append(y)
                y += _height(band) + _BAND_GAP
            else:
                tops.append(_TOP + 36 + (self.head - 36 - _BAND_GAP / 2 - _height(band)) / 2)
        return tops[::-1]

    @cached_property
    def bottom(self) -> float:
        """Under the window's features."""
        return self.tops[0] + _height(self.drawn.bands[0]) + 6

    def of(self, node: UnrolledNode) -> Point:
        """A node's centre."""
        band, last = self.drawn.bands[node.band], len(self.drawn.steps)
        y = self.tops[node.band] + node.unit * _ROW + NODE_HEIGHT / 2
        if node.column == 0:
            return self.lefts[0] - _HALF - 14, y
        if node.column > last:
            return self.lefts[-1] + _HALF + 60, y
        return self.lefts[node.column - 1] + band.depth * self.deep + _HALF + 11, y


def _height(band: Band) -> float:
    return band.rows * _ROW + (20 if band.left_out else 0)


def _columns(root: Element, drawn: Unrolled, places: _Places) -> None:
    top = _TOP + places.head
    for step, left, right in zip(drawn.steps, places.lefts, places.lefts[1:], strict=False):
        if step is not None:
            rectangle(root, (left + 2, top, right - left - 4, places.bottom - top + 26), fill=_COLUMN, corner=6)
        words = "…" if step is None else f"t = {step}"
        text(root, words, at=((left + right) / 2, places.bottom + 18), anchor="middle", colour=GREY)


def _band(root: Element, drawn: Unrolled, places: _Places, index: int, band: Band) -> None:
    """The layer's name at the left, what is left out of it, and which way it reads."""
    top, height = places.tops[index], band.rows * _ROW - 9
    columns = [node for node in drawn.nodes if node.band == index and node.unit == 0]
    for node in columns if band.left_out else ():
        place = places.of(node)[0], top + height + 15
        text(root, f"+{band.left_out}", at=place, size=11, anchor="middle", colour=GREY)
    kind, limit = band.kind.replace("_", " "), f"±{number(drawn.largest_value(index), 3)}"
    if not band.timed:
        x = places.of(columns[0])[0]
        about = f"{kind} {limit}"
        if text_width(about, 10.0) > places.deep - 4:
            about = limit  # rather than a number cut short
        for words, up, size in ((shown(band.name), 22, 12.0), (about, 8, 10.0)):
            place, colour = (x, top - up), INK if up == 22 else GREY
            text(
                root, words, at=place, size=size, anchor="middle", colour=colour, bold=up == 22, within=places.deep - 4
            )
        return
    lines = (shown(band.name), f"{kind}, {band.units} {_units(band)}", f"full colour: {limit}")
    for at, words in enumerate(lines):
        place, size, colour = (16.0, top + height / 2 - 12 + at * 16), 11.0 if at else 12.0, GREY if at else INK
        text(root, words, at=place, size=size, colour=colour, bold=at == 0, within=_LABEL)
    _gap(root, drawn, places, band, top)
    if band.symbol == "h":
        ends = [places.of(node)[0] for node in columns]
        _arrow(root, min(ends), max(ends), top - 13, band.backwards)


def _units(band: Band) -> str:
    what = "feature" if band.kind == "window" else "unit"
    return what if band.units == 1 else f"{what}s"


def _gap(root: Element, drawn: Unrolled, places: _Places, band: Band, top: float) -> None:
    """Dots for the steps left out, half-way between the nodes at both sides of them."""
    if None not in drawn.steps:
        return
    at = drawn.steps.index(None)
    x = (places.lefts[at - 1] + places.lefts[at + 1]) / 2 + band.depth * places.deep + _HALF + 11
    for row in range(band.rows):
        text(root, "…", at=(x, top + row * _ROW + NODE_HEIGHT / 2 + 5), size=18, anchor="middle", colour=GREY)


def _arrow(root: Element, left: float, right: float, y: float, backwards: bool) -> None:
    tail, head = (right, left) if backwards else (left, right)
    back = 8 if backwards else -8
    tip = "read from the last step to the first" if backwards else "read from the first step to the last"
    line(root, (tail, y, head + back, y), colour=GREY, width=1.2, tip=tip)
    polygon(root, [(head, y), (head + back, y - 4), (head + back, y + 4)], fill=GREY, tip=tip)


def _edge(root: Element, drawn: Unrolled, places: _Places, edge: UnrolledEdge) -> None:
    source, target = drawn.nodes[edge.source], drawn.nodes[edge.target]
    limit = drawn.largest_weight
    course = _course(drawn, places, edge, source, target)
    tip = f"{_name(source)} → {_name(target)}: {edge.words or f'weight {exact(edge.weight or 0.0)}'}"
    if edge.gates:
        parts = "\n".join(f"{name} {exact(weight)}" for name, weight in edge.gates)
        tip = f"{_name(source)} → {_name(target)}: weights of\n{parts}"
    if edge.weight is None:
        path(root, course, colour=GREY, width=1.2, dashed=True, tip=tip)
        return
    wide = 0.6 + 3.6 * (abs(edge.weight) / limit if limit > 0 else 0.0)
    path(root, course, colour=stroke(edge.weight, limit), width=wide, tip=tip)


def _course(drawn: Unrolled, places: _Places, edge: UnrolledEdge, source: UnrolledNode, target: UnrolledNode) -> str:
    """From the right of one node to the left of the other; backwards, the other way round."""
    (x1, y1), (x2, y2) = places.of(source), places.of(target)
    way = -1 if edge.recurrent and target.column < source.column else 1
    x1, x2 = x1 + way * _HALF, x2 - way * _HALF
    near = drawn.bands[target.band].depth - drawn.bands[source.band].depth == 1 and source.column == target.column
    bend = way * max(16.0, abs(x2 - x1) * 0.5)
    if edge.recurrent or near:
        return f"M{x1:.1f} {y1:.1f}C{x1 + bend:.1f} {y1:.1f} {x2 - bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    # Past other layers: up to the free room above its own, along it, and up again just before the target.
    level = places.tops[source.band] - 17 - 3 * source.unit
    up, down = x1 + 14, x2 - 14 - 2 * target.unit
    return (
        f"M{x1:.1f} {y1:.1f}C{up:.1f} {y1:.1f} {x1:.1f} {level:.1f} {up:.1f} {level:.1f}"
        f"L{down - 8:.1f} {level:.1f}C{down + 6:.1f} {level:.1f} {down - 6:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    )


def _name(node: UnrolledNode) -> str:
    """As in a trace, with the layer's name cut to a length that can be read."""
    layer, dot, array = node.name.rpartition(".")
    return f"{shown(layer)}{dot}{array} {'unit' if dot else 'feature'} {node.unit}"


def _node(root: Element, drawn: Unrolled, places: _Places, node: UnrolledNode) -> None:
    x, y = places.of(node)
    fill = diverging(node.value, drawn.largest_value(node.band))
    ink = ink_on(fill)
    tip = f"{_name(node)} = {exact(node.value)}" + (" (masked)" if node.masked else "")
    tip += "".join(f"\n{name} {exact(value)}" for name, value in node.details)
    box = (x - _HALF, y - NODE_HEIGHT / 2, NODE_WIDTH, NODE_HEIGHT)
    rectangle(root, box, fill=GROUND)
    rectangle(root, box, fill=fill, outline=INK if node.masked else FAINT, corner=9, dashed=node.masked, tip=tip)
    text(root, node.label, at=(x, y - 5), size=9.5, anchor="middle", colour=ink, within=NODE_WIDTH - 4)
    room = (NODE_WIDTH - 8) / _BOLD
    size = next((size for size in (12, 11, 10) if text_width(number(node.value, 3), size) <= room), 9)
    words = fitted_number(node.value, room, size=size)
    text(root, words, at=(x, y + 11), size=size, anchor="middle", colour=ink, bold=True)
