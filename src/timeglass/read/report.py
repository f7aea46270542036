"""Everything that is wrong or odd about a table, all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from timeglass.read.faults import Fault
from timeglass.read.frames import is_frame, name_of_frame
from timeglass.read.options import ReadOptions
from timeglass.read.reading import gather
from timeglass.series.oddities import Oddity, oddities
from timeglass.series.panel import Panel
from timeglass.series.series import Change, Series
from timeglass.words import counted, printable

__all__ = ["Odd", "Report", "check"]


@dataclass(frozen=True)
class Odd:
    """An oddity with its place: `where` is `data.csv:32:2 (1951-08)`."""

    where: str
    series: str
    lines: tuple[int, int]
    dates: tuple[str, str]
    oddity: Oddity

    def __str__(self) -> str:
        return f"{self.where}: {self.oddity.words}"


@dataclass(frozen=True)
class Report:
    """What was found. `faults` stop a reader, or are mended by it and said; `odds` are shown and stay as they are."""

    source: str
    panel: Panel | None
    faults: tuple[Fault, ...]
    fault_count: int  # more than are listed, where there are very many
    stopping: int  # of them
    odds: tuple[Odd, ...]

    @property
    def clean(self) -> bool:
        return not self.fault_count and not self.odds and not self._changes

    @property
    def _changes(self) -> tuple[Change, ...]:
        return self.panel.origin.changes if self.panel is not None else ()

    def lines(self) -> Iterator[str]:
        """As text, one finding a line."""
        yield from self._read_lines()
        stops = [fault for fault in self.faults if fault.stops]
        others = [fault.message for fault in self.faults if not fault.stops]
        yield from _section("Stops the reading", [fault.message for fault in stops], self.stopping)
        yield from _section("Mended", others, self.fault_count - self.stopping)
        yield from _section("Changed", [f"{self.source}: {change}" for change in self._changes])
        yield from _section("Looks odd, and is used as it stands", [str(odd) for odd in self.odds])
        yield ""
        yield self._verdict()

    def _read_lines(self) -> Iterator[str]:
        panel = self.panel
        if panel is None:
            yield f"{self.source}: no row can be used"
            return
        rows, series = counted(len(panel.values), "row"), "1 series" if len(panel) == 1 else f"{len(panel):,} series"
        yield f"{self.source}: {rows} in {series}{self._span(panel)}"
        low, high = float(panel.values.min()), float(panel.values.max())
        yield f"  values from {low:.10g} to {high:.10g}"
        if panel.origin.form:
            yield f"  {panel.origin.form}"
        yield from (f"  {printable(line)}" for line in (*panel.origin.guesses, *panel.origin.notes))

    @staticmethod
    def _span(panel: Panel) -> str:
        if panel.dates is None:
            return ""
        first, last = panel[0].label(0), panel[0].label(len(panel[0]) - 1)
        return f", {first} to {last}" if len(panel) == 1 else f", the first from {first} to {last}"

    def _verdict(self) -> str:
        if self.clean:
            return "Clean: nothing stops the reading, nothing looks odd."
        mended = self.fault_count - self.stopping
        parts = [
            f"{counted(self.stopping, 'finding')} would stop the reading" if self.stopping else "",
            f"{mended:,} mended" if mended else "",
            f"{len(self._changes):,} changed" if self._changes else "",
            f"{len(self.odds):,} odd" if self.odds else "",
        ]
        return f"Found: {', '.join(filter(None, parts))}."

    def json(self) -> dict[str, Any]:
        """As JSON holds it."""
        panel = self.panel
        origin = panel.origin if panel is not None else None
        found: dict[str, Any] = {
            "source": printable(self.source), "clean": self.clean, "sha256": origin.sha256 if origin else "",
            "fetched": origin.fetched if origin else None,
            "rows": len(panel.values) if panel is not None else 0,
            "series": list(panel.ids) if panel is not None else [],
            "range": [float(panel.values.min()), float(panel.values.max())] if panel is not None else None,
            "frequency": str(panel.frequency) if panel is not None and panel.frequency else None,
            "zone": panel.zone if panel is not None else None,
            "form": origin.form if origin else "",
            "guesses": list(origin.guesses) if origin else [], "notes": list(origin.notes) if origin else [],
        }  # fmt: skip
        found["faults"] = [
            {"kind": f.kind, "line": f.line, "column": f.column, "stops": f.stops, "message": printable(f.message)}
            for f in self.faults
        ]
        found["fault_count"] = self.fault_count
        found["changes"] = [
            {"line": c.line, "column": c.column, "date": c.date, "old": c.old, "new": c.new, "why": c.why}
            for c in self._changes
        ]
        found["odd"] = [
            {
                "kind": odd.oddity.kind, "series": odd.series, "lines": odd.lines, "dates": odd.dates,
                "score": odd.oddity.score, "message": printable(str(odd)),
            }
            for odd in self.odds
        ]  # fmt: skip
        return found


def _section(title: str, lines: list[str], count: int | None = None) -> Iterator[str]:
    if not lines:
        return
    yield ""
    yield f"{title} ({count if count is not None else len(lines):,})"
    yield from (f"  {printable(line)}" for line in lines)


def check(
    source: Any, options: ReadOptions | None = None, *, private: bool = False,
    on_progress: Callable[[float], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Report:  # fmt: skip
    """All that stops a reader of `source`, and outliers, breaks and repetitions of what can be read.

    `on_progress` is told the share of the series that have been looked at, `tell` what a large file takes. `DataError`
    where it is no table at all.

    >>> report = check({"ds": ["2020-01", "2020-02", "2020-04"], "y": [1.0, 2.0, 3.0]})
    >>> report.faults[0].message[:46], report.clean
    ('dict:3:1: gap 2020-03 (1 row) between rows 2 a', False)
    """
    panel, faults = gather(source, options or ReadOptions(), private=private, tell=tell)
    odds: list[Odd] = []
    if panel is not None:
        for place, series in enumerate(panel):
            odds += _odds(series, single=len(panel) == 1)
            if on_progress is not None:
                on_progress((place + 1) / len(panel))
    name = panel.origin.name if panel is not None else (name_of_frame(source) if is_frame(source) else str(source))
    by_line = sorted(faults.found, key=lambda fault: (fault.line or 0, fault.column or 0))
    return Report(name, panel, tuple(by_line), faults.count, faults.stopping, tuple(odds))


def _odds(series: Series, *, single: bool) -> Iterator[Odd]:
    period = series.frequency.period if series.frequency is not None else 1
    for oddity in oddities(series.values, period=period):
        first, last = oddity.first, oddity.last
        name = "" if single else f"series {series.name!r}, "
        when = series.label(first) if first == last else f"{series.label(first)} to {series.label(last)}"
        lines = int(series.lines[first]), int(series.lines[last])
        yield Odd(
            f"{series.place(first)} ({name}{when})",
            series.name,
            lines,
            (series.label(first), series.label(last)),
            oddity,
        )
