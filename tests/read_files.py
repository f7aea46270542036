"""The file that the tests of the reader write and read, in a folder of each test's own, and how it is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest

from timeglass import TimeglassError
from timeglass.read import ReadOptions, read_panel

FILE = "data.csv"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def refusal(**options: Any) -> str:
    """What is said of a file that is refused."""
    with pytest.raises(TimeglassError) as caught:
        read_panel(FILE, ReadOptions(**options))
    assert caught.value.exit_code == 2
    return str(caught.value)


def begins(said: str, start: str) -> bool:
    """Whether it begins so; a place of which the line alone is known may have its column besides."""
    return said.startswith(start) or re.sub(r"^(data\.csv:\d+):\d+:", r"\1:", said).startswith(start)
