"""The ink that the pictures of forecasts share: a figure without a display, its axes, its labels, its files."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import floor, log10
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from timeglass.errors import OptionError
from timeglass.files import write_whole
from timeglass.show.axes import Axis, ticks
from timeglass.show.colours import GREY, GROUND, INK, ORANGE
from timeglass.show.numbers import number
from timeglass.show.picture import require_matplotlib
from timeglass.show.svg import fitted
from timeglass.show.time_axis import TimeAxis
from timeglass.types import Array
from timeglass.words import shown

__all__ = [
    "RIVALS",
    "EndLabel",
    "draw_log",
    "draw_time",
    "end_labels",
    "figure_in",
    "legend",
    "log_marks",
    "power_of",
    "shrunk",
    "spread",
    "whole_marks",
]

# Colour and dashes of what stands beside ours: in a print in greys the dashes are left.
_Dashes = tuple[float, tuple[float, ...]]
RIVALS: tuple[tuple[str, _Dashes], ...] = tuple(
    zip(
        (ORANGE, "#00795a", "#9a4f7f", GREY, "#7a6a00"),
        ((0, (5, 2)), (0, (1, 1.3)), (0, (6, 2, 1, 2)), (0, (3, 1.5)), (0, (8, 2, 1, 2, 1, 2))),
        strict=True,
    )
)
# Of fonts that hold other letters than Latin ones, those that are there are asked in this order.
_FURTHER_FONTS = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Hiragino Sans", "PingFang SC", "Yu Gothic", "Microsoft YaHei",
    "Malgun Gothic", "Noto Sans Arabic", "Noto Sans Devanagari", "Nirmala UI", "Segoe UI", "Arial Unicode MS",
)  # fmt: skip
_ENDINGS = (".pdf", ".png", ".svg")
_HUGE = float(np.finfo(np.float64).max)
_WORDS = 170.0  # pixels for a label
_LINE = 14.0  # points that a line of words takes
_SIZE = 9  # of words beside lines


# ---- the figure and its files


def figure_in(
    paint: Callable[[Any], None], files: Sequence[str | os.PathLike[str]] | None, *, size: tuple[float, float]
) -> Any:
    """A figure of so many inches that `paint` fills, written to each of `files`: .png, .svg or .pdf.

    It is matplotlib's `Figure`; the same numbers give the same bytes. An `OptionError` says which file cannot be
    written, an `EngineError` that matplotlib is not there.
    """
    paths = [_checked(Path(file)) for file in files or ()]
    mpl = require_matplotlib()
    # The figure alone, without pyplot: it needs no display and keeps no state.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with _own_style(mpl):
        figure = Figure(figsize=size, dpi=100, layout="constrained", facecolor=GROUND)
        FigureCanvasAgg(figure)
        paint(figure)
        # The places of all parts, worked out once for all files.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for path in paths:
            write_whole(path, partial(figure.savefig, metadata=_without_date(path)))
    return figure


def _checked(path: Path) -> Path:
    if path.suffix.lower() not in _ENDINGS:
        raise OptionError(f"files: {shown(str(path))}: expected a name that ends in {', '.join(_ENDINGS)}")
    return path


def _without_date(path: Path) -> dict[str, None] | None:
    return {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix.lower())


@contextlib.contextmanager
def _own_style(mpl: Any) -> Iterator[None]:
    """Matplotlib's defaults, whatever the user's matplotlibrc says; text is text, not TeX."""
    from matplotlib.font_manager import fontManager

    there = {font.name for font in fontManager.ttflist}
    style = {
        "text.parse_math": False, "svg.hashsalt": "timeglass", "svg.fonttype": "none", "font.size": 10,
        "font.family": ["DejaVu Sans", *(name for name in _FURTHER_FONTS if name in there)],
        "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": GREY, "axes.titlelocation": "left",
        "axes.titlesize": 11, "axes.labelcolor": INK, "axes.titlecolor": INK, "xtick.color": GREY,
        "ytick.color": GREY, "xtick.labelcolor": INK, "ytick.labelcolor": INK,
    }  # fmt: skip
    with warnings.catch_warnings(), mpl.rc_context():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        mpl.rcParams.update({k: v for k, v in mpl.rcParamsDefault.items() if k not in ("backend", "interactive")})
        mpl.rcParams.update(style)
        yield


# ---- numbers on axes


def power_of(*parts: Array) -> int:
    """The power of ten, a multiple of three, that values are counted in: 0 where they are neither large nor small.

    >>> power_of(np.array([112.0, 622.0])), power_of(np.array([3e9])), power_of(np.array([-2e-300, 0.0]))
    (0, 9, -300)
    """
    largest = max(
        (float(np.nanmax(np.abs(part))) for part in parts if part.size and not np.isnan(part).all()), default=0
    )
    if largest == 0 or 1e-3 <= largest < 1e6:
        return 0
    return 3 * floor(log10(largest) / 3)


def shrunk(values: Array, power: int) -> Array:
    """Values in units of 10 to that power, in two steps: the power itself may be beyond a double.

    >>> shrunk(np.array([2e-310]), -312).round(6).tolist()
    [200.0]
    """
    half = power // 2
    return values / 10.0**half / 10.0 ** (power - half)


def draw_time(axes: Any, axis: TimeAxis, label: str, *, most: int = 8) -> None:
    """Round dates, years or row numbers along the lower edge, at most about so many."""
    import matplotlib.dates

    if axis.kind == "days":
        calendar: Any = matplotlib.dates
        # Where few marks have room, whole years from two on: none of the steps of months would be long enough.
        locator = calendar.AutoDateLocator(minticks=2 if most < 6 else 3, maxticks=most)
        axes.xaxis.set_major_locator(locator)
        formatter = calendar.ConciseDateFormatter(locator)
        usual, forms = formatter.get_offset, formatter.offset_formats
        formatter.get_offset = lambda: _what_marks_share(usual(), forms, calendar.num2date(locator()))
        axes.xaxis.set_major_formatter(formatter)
    else:
        whole_marks(axes.xaxis, most)
    axes.set_xlabel(axis.words(fitted(shown(label), 2 * _WORDS, size=12)))


def _what_marks_share(last: str, forms: Sequence[str], marks: list[Any]) -> str:
    """The month of marks that are days, and so on: from the first to the last, since matplotlib has the last one's."""
    for form in forms:
        if last and form and marks[-1].strftime(form) == last != (first := marks[0].strftime(form)):
            return f"{first} to {last}"
    return last


def whole_marks(axis: Any, most: int = 8) -> None:
    """Round whole numbers along an axis, at most about so many."""
    from matplotlib.ticker import MaxNLocator, ScalarFormatter

    axis.set_major_locator(MaxNLocator(most, integer=True, min_n_ticks=1))
    axis.set_major_formatter(ScalarFormatter(useOffset=False))


# ---- words beside lines


class EndLabel(NamedTuple):
    """Words at the right of the axes for a line that ends at (x, y)."""

    words: str
    x: float
    y: float
    colour: str


def spread(wanted: Array, gap: float) -> Array:
    """Places in 0 … 1 at least `gap` apart, in the order of the `wanted` ones and as near to them as can be.

    Least squares by pooling neighbours that are out of order (M. Ayer and others, "An empirical distribution function
    for sampling with incomplete information", Annals of Mathematical Statistics 26, 1955).

    >>> spread(np.array([0.5, 0.5, 0.9]), 0.1).round(3).tolist()
    [0.45, 0.55, 0.9]
    """
    count = len(wanted)
    gap = min(gap, 1 / max(1, count - 1))
    order = np.argsort(wanted, kind="stable")
    blocks: list[tuple[float, int]] = []  # mean of what is wanted less the gaps below, and of how many
    for place in wanted[order] - gap * np.arange(count):
        mean, size = float(place), 1
        while blocks and blocks[-1][0] > mean:
            other, others = blocks.pop()
            mean, size = (mean * size + other * others) / (size + others), size + others
        blocks.append((mean, size))
    free = np.concatenate([np.full(size, mean) for mean, size in blocks]) if blocks else np.empty(0)
    placed = np.empty(count)
    placed[order] = np.clip(free, 0.0, 1 - gap * (count - 1)) + gap * np.arange(count)
    return placed


def end_labels(axes: Any, labels: Sequence[EndLabel]) -> None:
    """Writes each label at the right of the axes, near its line's end and clear of the others.

    To be called when everything else is drawn: the limits of the axes are fixed by it.
    """
    axes.set_ylim(axes.get_ylim())
    axes.set_xlim(axes.get_xlim())
    to_share = axes.transLimits if axes.get_yscale() == "linear" else axes.transScale + axes.transLimits
    wanted = np.array([to_share.transform((each.x, each.y))[1] for each in labels])
    height = axes.get_position().height * axes.figure.get_figheight() * 72
    for each, place in zip(labels, spread(wanted, _LINE / height), strict=True):
        axes.annotate(
            fitted(each.words, _WORDS, size=12), xy=(each.x, each.y), xytext=(1.015, place),
            textcoords="axes fraction", va="center", color=each.colour, fontsize=_SIZE, annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": each.colour, "linewidth": 0.5, "alpha": 0.6, "shrinkA": 1},
        )  # fmt: skip


def legend(axes: Any, handles: Sequence[tuple[Any, str]], *, columns: int = 4) -> None:
    """What the marks mean, in our own words, between the title and the axes: it hides nothing."""
    axes.legend(
        [handle for handle, _ in handles], [words for _, words in handles], loc="lower left", borderaxespad=0.2,
        bbox_to_anchor=(0, 1), ncols=columns, frameon=False, fontsize=_SIZE, handlelength=1.6, columnspacing=1.4,
        borderpad=0.1,
    )  # fmt: skip
    axes.title.set_position((0, 1))
    axes.set_title(axes.get_title(loc="left"), pad=8 + _LINE * -(-len(handles) // columns))


def draw_log(axes: Any, parts: Sequence[Array]) -> None:
    """A logarithmic axis of values, all above zero, with round numbers written at it."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    low, high = (float(find([find(part) for part in parts])) for find in (np.nanmin, np.nanmax))
    # Limits and marks of our own: matplotlib's go beyond a double where the losses nearly do.
    room = 10 ** (0.04 * (log10(high) - log10(low)) or 0.04)
    low, high = low / room or low, high * room if high < _HUGE / room else high
    axes.set_ylim(low, high)
    axes.set_yscale("log")
    marks = log_marks(low, high)
    axes.yaxis.set_major_locator(FixedLocator(marks))
    axes.yaxis.set_major_formatter(FixedFormatter([number(mark, 4) for mark in marks]))
    axes.yaxis.set_minor_locator(NullLocator())


def log_marks(low: float, high: float) -> list[float]:
    """Round numbers for a logarithmic axis: powers of ten, over few of them their doubles and fives too.

    >>> log_marks(0.03, 1.2), log_marks(1.4, 2.3), log_marks(1e-5, 1e4)
    ([0.05, 0.1, 0.2, 0.5, 1.0], [1.4, 1.6, 1.8, 2.0, 2.2], [1e-05, 0.001, 0.1, 10.0, 1000.0])
    """
    decades = log10(high) - log10(low)
    if decades < 1:
        return ticks(low, high, 5)
    if decades >= 3:
        return Axis(low, high, 0, 1, log=True).marks()
    powers = range(floor(log10(low)), floor(log10(high)) + 1)
    marks = [float(f"{times}e{power}") for power in powers for times in (1, 2, 5)]
    return [mark for mark in marks if low <= mark <= high]
