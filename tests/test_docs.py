"""What the documents say is true: README blocks print what they claim, docstring examples run, links lead somewhere."""

from __future__ import annotations

import contextlib
import doctest
import importlib
import io
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest

import timeglass
from timeglass.show.unrolled_svg import unrolled_svg
from timeglass.trace.unrolled import unrolled
from timeglass.tutorial.walk import WINDOW, network

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [page for folder in (".", "docs", "benchmarks") for page in sorted((ROOT / folder).glob("*.md"))]
MODULES = [m.name for m in pkgutil.walk_packages(timeglass.__path__, "timeglass.") if "libtimeglass" not in m.name]


@pytest.mark.parametrize(
    ("page", "count"),
    [
        ("README.md", 4),
        ("docs/datasets.md", 1),
        ("docs/forecasting.md", 5),
        ("docs/how-a-recurrent-network-computes.md", 3),
        ("docs/how-a-recurrent-network-learns.md", 5),
        ("docs/model-files.md", 4),
        ("docs/opening-a-forecast.md", 8),
        ("docs/reading.md", 4),
    ],
)
def test_the_pages_python_prints_what_it_says(page: str, count: int) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```\s+```text\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == text.count("```python") == count
    names: dict[str, object] = {}
    with np.printoptions():
        for code, expected in blocks:
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(code, page, "exec"), names)
            assert printed.getvalue() == expected


def test_the_readme_has_two_commands_and_the_first_early() -> None:
    lines = README.splitlines()
    commands = [line for line in lines if line.startswith("python3 -m venv")]
    assert [command.split("&& ")[-1] for command in commands] == [
        ".venv/bin/timeglass sunspots",
        ".venv/bin/python -m pytest",
    ]
    assert lines.index(commands[0]) < 25


def test_docstring_examples_run() -> None:
    results = [doctest.testmod(importlib.import_module(name)) for name in MODULES]
    assert sum(result.failed for result in results) == 0
    assert sum(result.attempted for result in results) >= 15


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_named_in_the_pages_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    roots = "csrc|docs|tests|tools|benchmarks|examples|src"
    paths = re.findall(rf"`((?:{roots})/[\w./*]+)`", text) + re.findall(rf" ((?:{roots})/\w[\w./]+\.\w+)", text)
    assert [path for path in paths if not list(ROOT.glob(path))] == []


def test_the_drawing_in_the_documents_is_what_is_drawn_today() -> None:
    drawn = (ROOT / "docs" / "unrolled.svg").read_text(encoding="utf-8")
    assert drawn == unrolled_svg(unrolled(network("tanh").trace([[[value] for value in WINDOW]])))
