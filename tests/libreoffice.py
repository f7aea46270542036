"""Recalculates workbooks in LibreOffice, for tests: every formula anew, whatever value the file holds beside it."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

SOFFICE = shutil.which("soffice") or shutil.which("libreoffice")
needs_libreoffice = pytest.mark.skipif(
    SOFFICE is None, reason="no LibreOffice to recalculate with: apt-get install libreoffice-calc"
)

# Recalculate on opening, always: a file that says it is Excel's is otherwise believed.
_SETTINGS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load">
<prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop></item></oor:items>
"""
_FORMULA = re.compile(r'(<c r="[A-Z]+[0-9]+"[^>]*?)(?: t="str")?(><f>[^<]*</f><v>)[^<]*(</v></c>)')
POISON = "777"


def sheet_files(book: Path) -> dict[str, str]:
    """The name of each sheet's part in the file."""
    from openpyxl import load_workbook

    return {name: f"xl/worksheets/sheet{i}.xml" for i, name in enumerate(load_workbook(book).sheetnames, start=1)}


def changed(book: Path, place: Path, inputs: Mapping[tuple[str, str], float] | None = None) -> Path:
    """A copy with wrong values beside all formulas, and with other numbers in some input cells (sheet, cell)."""
    parts = {part: name for name, part in sheet_files(book).items()}
    with zipfile.ZipFile(book) as old, zipfile.ZipFile(place, "w") as new:
        for member in old.namelist():
            data = old.read(member)
            if member in parts:
                text = _FORMULA.sub(rf"\g<1>\g<2>{POISON}\g<3>", data.decode())
                for (sheet, cell), value in (inputs or {}).items():
                    if sheet == parts[member]:
                        pattern = rf'(<c r="{cell}"[^>]*><v>)[^<]*(</v>)'
                        text, count = re.subn(pattern, rf"\g<1>{value!r}\g<2>", text)
                        assert count == 1, (sheet, cell)
                data = text.encode()
            new.writestr(member, data)
    return place


def convert(books: list[Path], folder: Path, form: str = "xlsx") -> list[Path]:
    """All of them in one start of LibreOffice, with a profile of its own; its results lie in `folder`/converted."""
    profile, results = folder / "profile", folder / "converted"
    (profile / "user").mkdir(parents=True, exist_ok=True)
    (profile / "user" / "registrymodifications.xcu").write_text(_SETTINGS)
    assert SOFFICE is not None
    done = subprocess.run(
        [SOFFICE, f"-env:UserInstallation={profile.as_uri()}", "--headless", "--convert-to", form, "--outdir", results,
         *books],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    made = [results / f"{book.stem}.{form}" for book in books]
    assert all(path.is_file() for path in made), done.stdout + done.stderr
    return made


def values(book: Path) -> dict[str, Any]:
    """The sheets with the values beside their formulas."""
    from openpyxl import load_workbook

    read = load_workbook(book, data_only=True)
    return {sheet.title: sheet for sheet in read.worksheets}
