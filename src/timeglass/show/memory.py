"""How much of its past a network uses: the sensitivity to each step, and a recurrent layer's eigenvalues."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import cos, isinf, pi, sin

from timeglass.show.axes import Axis, across, upright
from timeglass.show.colours import BLUE, FAINT, GREY, INK, ORANGE
from timeglass.show.numbers import exact, number
from timeglass.show.svg import Element, canvas, circle, line, path, rectangle, svg_text, text
from timeglass.words import counted, shown

__all__ = ["MemoryPicture", "StatesPicture", "memory_svg", "states_svg"]

_WIDTH, _LEFT, _RIGHT, _TOP, _HEIGHT = 720.0, 74.0, 24.0, 88.0, 220.0
_PLANE = 270.0  # pixels


@dataclass(frozen=True)
class MemoryPicture:
    """The sensitivity by how far back a step lies, and how many steps make up most of it."""

    curve: tuple[float, ...]  # curve[0] is the last step's
    steps: int  # the effective memory
    share: float = 0.9  # of the sensitivity that lies within it

    @property
    def title(self) -> str:
        """In words."""
        what = "step has" if self.steps == 1 else "steps have"
        if not self.steps:
            return "Effective memory: none; the forecast does not depend on the window"
        share = f"{100 * self.share:.0f} % of the sensitivity"
        if len(self.curve) == 1:
            return f"Effective memory: the window's only step has {share}"
        return f"Effective memory: the last {self.steps} of {len(self.curve)} {what} {share}"


def memory_svg(drawn: MemoryPicture) -> str:
    """The picture as SVG text: bars from the last step backwards, those of the effective memory in full colour."""
    root = canvas(_WIDTH, _TOP + _HEIGHT + 52, title=drawn.title, description="|∂y/∂x| by how far back a step lies.")
    text(root, drawn.title, at=(16, 26), size=14, bold=True, within=_WIDTH - 32)
    count, bottom = len(drawn.curve), _TOP + _HEIGHT
    size = Axis(0.0, max(drawn.curve, default=0.0) or 1.0, bottom, _TOP)
    wide = (_WIDTH - _LEFT - _RIGHT) / max(1, count)
    upright(root, size, left=_LEFT, right=_WIDTH - _RIGHT, label="|∂y/∂x|, mean over windows and outputs")
    for back, value in enumerate(drawn.curve):
        x, y = _LEFT + back * wide, size.place(value)
        box = (x + 0.1 * wide, y, 0.8 * wide, max(0.5, bottom - y))
        tip = f"{counted(back, 'step')} before the last: {exact(value)}"
        rectangle(root, box, fill=BLUE if back < drawn.steps else "#b9c6d6", tip=tip)
    if drawn.steps:
        x = _LEFT + drawn.steps * wide
        line(root, (x, _TOP - 6, x, bottom), colour=ORANGE, width=2, dashed=True, tip=drawn.title)
        right = x > _WIDTH - 200
        words, anchor = f"{drawn.steps} of {counted(count, 'step')}", "end" if right else "start"
        text(root, words, at=(x - 6 if right else x + 6, _TOP - 4), size=11.5, anchor=anchor)
    line(root, (_LEFT, bottom, _WIDTH - _RIGHT, bottom), colour=INK)
    half = wide / 2
    axis = Axis(0, max(0, count - 1), _LEFT + half, _WIDTH - _RIGHT - half)
    across(root, axis, bottom=bottom, label="steps before the last")
    return svg_text(root)


@dataclass(frozen=True)
class StatesPicture:
    """What a recurrent layer's weights and states say of its memory."""

    layer: str
    eigenvalues: tuple[complex, ...] | None  # of wh; None for gated layers
    half_life: float | None  # steps
    saturated: float  # share of the states
    dead: tuple[int, ...]  # units
    gates: Mapping[str, float] = field(default_factory=dict)  # of a gated layer: each gate's spectral radius
    kept: float | None = None  # of a gated layer: the share of its state that a step keeps

    @property
    def radius(self) -> float | None:
        """The spectral radius."""
        return None if self.eigenvalues is None else max(map(abs, self.eigenvalues))

    def lines(self) -> list[str]:
        """The numbers in words."""
        found = []
        if self.half_life is not None:
            steps = "none" if isinf(self.half_life) else f"{number(self.half_life, 3)} steps"
            of = "were it linear" if self.kept is None else f"its gates keep {number(100 * self.kept, 3)} % at a step"
            half = [f"Half-life of a state: {steps} ({of})"]
            radii = [f"{gate} {number(radius, 4)}" for gate, radius in self.gates.items()]
            radii = radii if self.radius is None else [number(self.radius, 4)]
            found += [f"Spectral radius of wh: {', '.join(radii)}", *half]
        found.append(f"Saturated: {number(100 * self.saturated, 3)} % of the states are beyond ±0.98")
        few = ", ".join(map(str, self.dead[:12])) + (", …" if len(self.dead) > 12 else "")
        found.append(f"Dead units: {few}" if self.dead else "Dead units: none")
        return found


def states_svg(drawn: StatesPicture) -> str:
    """The picture as SVG text: the eigenvalues in the complex plane with the unit circle, and the numbers in words."""
    lines, title = drawn.lines(), f"Memory of {shown(drawn.layer)}"
    plane = drawn.eigenvalues is not None
    height = 66 + _PLANE + 48 if plane else 62.0 + 22 * len(lines)
    root = canvas(_WIDTH, height, title=title, description=" ".join(lines))
    text(root, title, at=(16, 26), size=14, bold=True, within=_WIDTH - 32)
    left = 16 + _PLANE + 96 if plane else 16.0
    for index, words in enumerate(lines):
        text(root, words, at=(left, (82 if plane else 60) + 22 * index), size=12, within=_WIDTH - left - 8)
    if drawn.eigenvalues is not None:
        _plane(root, drawn.eigenvalues)
    return svg_text(root)


def _plane(root: Element, eigenvalues: tuple[complex, ...]) -> None:
    reach = 1.15 * max(1.0, *map(abs, eigenvalues))
    real = Axis(-reach, reach, 56, 56 + _PLANE)
    imaginary = Axis(-reach, reach, 66 + _PLANE, 66)
    rectangle(root, (56, 66, _PLANE, _PLANE), fill="none", outline=FAINT)
    for value in real.marks(4):
        x, y = real.place(value), imaginary.place(value)
        line(root, (x, 66, x, 66 + _PLANE), colour=FAINT)
        line(root, (56, y, 56 + _PLANE, y), colour=FAINT)
        text(root, number(value, 3), at=(x, 82 + _PLANE), size=10.5, anchor="middle", colour=GREY)
        text(root, number(value, 3), at=(50, y + 4), size=10.5, anchor="end", colour=GREY)
    text(root, "real part", at=(56 + _PLANE / 2, 100 + _PLANE), size=11.5, anchor="middle")
    text(root, "imaginary part", at=(16, 56), size=11.5)
    turns = [2 * pi * k / 72 for k in range(72)]
    ring = "L".join(f"{real.place(cos(a)):.1f} {imaginary.place(sin(a)):.1f}" for a in turns)
    path(root, f"M{ring}Z", colour=INK, width=1.2, tip="the unit circle: on it a state neither fades nor grows")
    for found in eigenvalues:
        place = real.place(found.real), imaginary.place(found.imag)
        tip = f"eigenvalue {exact(found.real)} {found.imag:+}i, size {exact(abs(found))}"
        circle(root, place, radius=5, fill=ORANGE if abs(found) > 1 else BLUE, outline="#ffffff", tip=tip)
