"""What a notebook shows of a trace: the network unrolled over its first window, and which arrays there are."""

from __future__ import annotations

from timeglass.show.html import Cell, table_html
from timeglass.show.numbers import exact, number
from timeglass.show.svg import framed
from timeglass.show.unrolled_svg import unrolled_svg
from timeglass.trace.trace import Trace
from timeglass.trace.unrolled import unrolled
from timeglass.words import shown

__all__ = ["arrays_html", "trace_html"]

_MOST_NAMES = 40


def trace_html(trace: Trace) -> str:
    """The picture of window 0 and a table of all arrays."""
    return framed(unrolled_svg(unrolled(trace)), arrays_html(trace))


def arrays_html(trace: Trace) -> str:
    """A row for each array: its axes, its shape, and its smallest and largest number."""
    rows: list[list[str | Cell]] = []
    for name in trace.names[:_MOST_NAMES]:
        array = trace[name]
        layer, dot, own = name.rpartition(".")
        axes = ", ".join(f"{axis} {size}" for axis, size in zip(trace.axes(name), array.shape, strict=True))
        ends = (float(array.min()), float(array.max()))
        rows.append([f"{shown(layer)}{dot}{own}", axes, *(Cell(number(end, 4), tip=exact(end)) for end in ends)])
    below = [f"Computed by engine {trace.engine}. trace[name] gives an array."]
    if len(trace) > _MOST_NAMES:
        below.insert(0, f"The first {_MOST_NAMES} of {len(trace)} arrays; trace.names has them all.")
    title = f"{len(trace)} arrays of {trace.windows:,} {'window' if trace.windows == 1 else 'windows'}"
    return table_html(["array", "axes", "smallest", "largest"], rows, title=title, below=below)
