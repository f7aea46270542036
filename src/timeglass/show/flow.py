"""How a gradient shrinks or grows on its way back through time: two curves on a logarithmic scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, log10

from timeglass.show.axes import Axis, across, upright
from timeglass.show.colours import BLUE, GREY, GROUND, INK, ORANGE
from timeglass.show.numbers import exact, number
from timeglass.show.svg import Element, canvas, circle, line, path, svg_text, text

__all__ = ["FlowPicture", "flow_svg"]

_LEAST = 1e-12  # what is smaller stands at the foot of the scale
_WIDTH, _LEFT, _RIGHT, _TOP, _HEIGHT = 760.0, 66.0, 150.0, 88.0, 250.0


@dataclass(frozen=True)
class FlowPicture:
    """Norms at each step t = 1 … T of one layer, and from where on a gradient counts as vanished or exploded."""

    layer: str
    verdict: str
    state_norms: tuple[float, ...]  # of ∂h_T/∂h_t
    loss_norms: tuple[float, ...] | None  # of ∂loss/∂h_t; None without targets
    vanished: float = 1e-3
    exploded: float = 1e3

    @property
    def range(self) -> tuple[float, float]:
        """The scale's ends: powers of ten around all norms and both thresholds."""
        sizes = [v for v in (*self.state_norms, *(self.loss_norms or ())) if isfinite(v) and v > _LEAST]
        low, high = min([*sizes, self.vanished]), max([*sizes, self.exploded])
        return max(_LEAST, 10.0 ** (log10(low) // 1)), 10.0 ** -(-log10(high) // 1)


def flow_svg(drawn: FlowPicture) -> str:
    """The picture as SVG text; its title is the verdict."""
    height = _TOP + _HEIGHT + 52
    root = canvas(_WIDTH, height, title=drawn.verdict, description="Norms of gradients at each time step, log scale.")
    text(root, drawn.verdict, at=(16, 26), size=14, bold=True, within=_WIDTH - 32)
    steps = len(drawn.state_norms)
    time = Axis(1, steps, _LEFT, _WIDTH - _RIGHT)
    size = Axis(*drawn.range, _TOP + _HEIGHT, _TOP, log=True)
    upright(root, size, left=_LEFT, right=_WIDTH - _RIGHT, label="norm")
    across(root, time, bottom=_TOP + _HEIGHT, label="time step t")
    for value, words in ((drawn.vanished, "vanished below"), (drawn.exploded, "exploded above")):
        y = size.place(value)
        line(root, (_LEFT, y, _WIDTH - _RIGHT, y), colour=INK, dashed=True, tip=f"{words} {number(value)}")
        text(root, f"{words} {number(value)}", at=(_WIDTH - _RIGHT + 8, y + 4), size=10.5, colour=GREY)
    curves = [("|∂h_T/∂h_t|, spectral norm", BLUE, drawn.state_norms)]
    curves += [] if drawn.loss_norms is None else [("|∂loss/∂h_t|", ORANGE, drawn.loss_norms)]
    x = _LEFT + 60
    for name, colour, values in curves:
        _curve(root, (time, size), values, name=name, colour=colour)
        line(root, (x, _TOP - 30, x + 26, _TOP - 30), colour=colour, width=2.5)
        text(root, name, at=(x + 33, _TOP - 26), size=11.5)
        x += 250
    return svg_text(root)


def _curve(root: Element, axes: tuple[Axis, Axis], values: Sequence[float], *, name: str, colour: str) -> None:
    """The line and its points; a point beyond the scale, such as 0, is hollow."""
    time, size = axes
    points = [(time.place(step), size.place(value)) for step, value in enumerate(values, 1) if isfinite(value)]
    if len(points) > 1:
        path(root, "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points), colour=colour, width=2)
    for step, value in enumerate(values, 1):
        if isfinite(value):
            inside = size.low <= value <= size.high
            place, tip = (time.place(step), size.place(value)), f"{name} at t = {step}: {exact(value)}"
            circle(root, place, radius=3.5, fill=colour if inside else GROUND, outline=colour, tip=tip)
