"""Sixty months with nothing odd about them, and what `timeglass check` finds: its text and its JSON say the same."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
from read_files import FILE

MONTHS = [f"{1949 + i // 12}-{i % 12 + 1:02d}" for i in range(60)]
NOISE = np.random.default_rng(1).normal(100, 1, 60).round(3).tolist()  # nothing odd about it
ROWS = [f"{month},{value!r}" for month, value in zip(MONTHS, NOISE, strict=True)]


def save(rows: list[str], header: str = "date,y", name: str = FILE) -> None:
    with open(name, "w", encoding="utf-8", newline="") as file:
        file.write("\n".join([header, *rows]) + "\n")


def replaced(changed: dict[int, str | None], rows: list[str] = ROWS) -> list[str]:
    """The rows with those of some lines changed, or taken out; the header is line 1."""
    found = [changed.get(i + 2, row) for i, row in enumerate(rows)]
    return [row for row in found if row is not None]


def strict_json(content: str) -> dict[str, Any]:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(content, parse_constant=refuse)


def found(timeglass, *options: str) -> dict[str, Any]:
    """What is found as JSON, after a look whether the text says the same."""
    given = timeglass("check", FILE, "--json", *options)
    assert given.stderr == ""
    report = strict_json(given.stdout)
    said = timeglass("check", FILE, *options)
    assert (said.returncode, said.stderr) == (given.returncode, "")
    assert given.returncode == (0 if report["clean"] else 1)
    assert all(line.isprintable() for line in said.stdout.split("\n"))
    agree(report, said.stdout)
    return report


def sections(content: str) -> tuple[list[str], dict[str, list[str]]]:
    """The first lines, and the lines below each title."""
    head, *rest = content.rstrip("\n").split("\n\n")
    parts = {part.split("\n")[0]: [line[2:] for line in part.split("\n")[1:]] for part in rest[:-1]}
    return head.split("\n"), parts


def agree(report: dict[str, Any], content: str) -> None:
    head, parts = sections(content)
    stops = [fault["message"] for fault in report["faults"] if fault["stops"]]
    mended = [fault["message"] for fault in report["faults"] if not fault["stops"]]
    odd = [odd["message"] for odd in report["odd"]]
    wanted = {"Stops the reading": stops, "Mended": mended, "Looks odd, and is used as it stands": odd}
    listed = {re.sub(r" \([\d,]+\)$", "", title): lines for title, lines in parts.items()}
    changed = listed.pop("Changed", [])
    assert listed == {title: lines for title, lines in wanted.items() if lines}
    assert len(changed) == len(report["changes"])
    for line, change in zip(changed, report["changes"], strict=True):
        place = f"line {change['line']}" if change["line"] is not None else "no line"
        assert line.startswith(f"{report['source']}: {place}")
        assert change["why"] in line
    for title, lines in parts.items():
        assert title.endswith(f" ({len(lines):,})")
    if report["rows"]:
        low, high = report["range"]
        assert [line[2:] for line in head[1:]] == [
            f"values from {low:.10g} to {high:.10g}",
            *filter(None, [report["form"]]),
            *report["guesses"],
            *report["notes"],
        ]
    verdict = content.rstrip("\n").split("\n")[-1]
    findings = f"finding{'s' * (len(stops) != 1)} would stop the reading"
    parts_of = ((stops, findings), (mended, "mended"), (changed, "changed"), (odd, "odd"))
    counts = [f"{len(lines)} {what}" for lines, what in parts_of if lines]
    clean = "Clean: nothing stops the reading, nothing looks odd."
    assert verdict == (clean if report["clean"] else f"Found: {', '.join(counts)}.")


def stopping(report: dict[str, Any]) -> list[tuple[str, int]]:
    return [(fault["kind"], fault["line"]) for fault in report["faults"] if fault["stops"]]
