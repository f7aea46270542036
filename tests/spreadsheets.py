"""Reads workbooks, plainly, and has LibreOffice compute them: every formula anew, whatever value stands beside it."""

from __future__ import annotations

import csv
import importlib.util
import re
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray

from timeglass.trace.workbook.names import column_name

_SOFFICE = shutil.which("soffice") or shutil.which("libreoffice")

needs_xlsx = pytest.mark.skipif(
    importlib.util.find_spec("xlsxwriter") is None, reason="XlsxWriter not installed: run pip install 'timeglass[xlsx]'"
)
needs_libreoffice = pytest.mark.skipif(
    _SOFFICE is None, reason="no LibreOffice to compute with: run apt-get install libreoffice-calc"
)

Place = tuple[int, int]  # row and column, from 1 on
Cells = dict[Place, float | str]

WRONG = 777.0
_XML = {"": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
_FORMULA = re.compile(r'(<c r="[A-Z]+[0-9]+"[^>]*?)(?: t="str")?(><f>[^<]*</f><v>)[^<]*(</v></c>)')
_DRAWING = re.compile(r"<drawing [^>]*/>")
_STEP = re.compile(r"t=\d+|value")
# Computes on opening, always: a file that says it is Excel's is otherwise believed.
_SETTINGS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load">
<prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop></item></oor:items>
"""
# With all digits, and a file for each sheet: the last number.
_CSV = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,-1"


@dataclass(frozen=True)
class Book:
    """A workbook's sheets by name, each with its cells; `names` are the named ranges, row after row."""

    sheets: dict[str, Cells]
    formulas: dict[str, dict[Place, str]]
    names: dict[str, tuple[str, list[list[Place]]]]

    def values(self, name: str) -> NDArray[np.float64]:
        """The numbers of a named range."""
        sheet, rows = self.names[name]
        return np.array([[self.sheets[sheet][place] for place in row] for row in rows], dtype=float)


def read(path: Path) -> Book:
    """What a viewer reads that computes nothing: the values beside the formulas."""
    with zipfile.ZipFile(path) as file:
        texts = [
            "".join(piece.text or "" for piece in item.iter(f"{{{_XML['']}}}t"))
            for item in ElementTree.fromstring(file.read("xl/sharedStrings.xml")).findall("si", _XML)
        ]
        book = ElementTree.fromstring(file.read("xl/workbook.xml"))
        titles = [sheet.attrib["name"] for sheet in book.findall("sheets/sheet", _XML)]
        parts = [ElementTree.fromstring(file.read(f"xl/worksheets/sheet{i + 1}.xml")) for i in range(len(titles))]
    sheets, formulas = {}, {}
    for title, part in zip(titles, parts, strict=True):
        found = [(place_of(c.attrib["r"]), c) for c in part.iterfind(".//c", _XML) if c.find("v", _XML) is not None]
        sheets[title] = {place: _value(cell, texts) for place, cell in found}
        formulas[title] = {
            place: cell.findtext("f", "", _XML) for place, cell in found if cell.find("f", _XML) is not None
        }
    names = {
        name.attrib["name"]: _range_of(name.text or "")
        for name in book.iterfind("definedNames/definedName", _XML)
        if not name.attrib["name"].startswith("_xlnm")
    }
    return Book(sheets, formulas, names)


def _value(cell: ElementTree.Element, texts: list[str]) -> float | str:
    value = cell.findtext("v", "", _XML)
    if cell.attrib.get("t") == "s":
        return texts[int(value)]
    return value if cell.attrib.get("t") == "str" else float(value)


def place_of(cell: str) -> Place:
    """(7, 28) of AB7."""
    letters, row = re.fullmatch(r"([A-Z]+)([0-9]+)", cell).groups()  # type: ignore[union-attr]
    column = 0
    for letter in letters:
        column = 26 * column + ord(letter) - ord("A") + 1
    return int(row), column


def _range_of(text: str) -> tuple[str, list[list[Place]]]:
    sheet, _, area = text.rpartition("!")
    ends = [place_of(cell) for cell in area.replace("$", "").split(":")]
    (top, left), (bottom, right) = ends[0], ends[-1]
    rows = [[(row, column) for column in range(left, right + 1)] for row in range(top, bottom + 1)]
    return sheet[1:-1].replace("''", "'") if sheet.startswith("'") else sheet, rows


def blocks(cells: Mapping[Place, float | str]) -> dict[str, NDArray[np.object_]]:
    """A layer's sheet as a person reads it: (steps, columns) under each heading, without the state at the start."""
    labels = {row: str(value) for (row, column), value in cells.items() if column == 1}
    rows = sorted(row for row, label in labels.items() if _STEP.fullmatch(label))
    first = rows[0] - 1 if labels.get(rows[0] - 1) == "start" else rows[0]
    found: dict[str, list[list[float | str]]] = {}
    key, column = "", 2
    while (first - 1, column) in cells:
        key = str(cells.get((first - 2, column), key))
        found.setdefault(key, []).append([cells[row, column] for row in rows])
        column += 1
    return {key: np.array(columns, dtype=object).T for key, columns in found.items()}


def changed(path: Path, place: Path, inputs: Mapping[str, Mapping[Place, float]]) -> Path:
    """A copy with a wrong value beside each formula, other numbers in some input cells, and without charts."""
    titles = list(read(path).sheets)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(place, "w") as new:
        for member in old.namelist():
            data = old.read(member)
            if number := re.fullmatch(r"xl/worksheets/sheet([0-9]+)\.xml", member):
                text = _DRAWING.sub("", _FORMULA.sub(rf"\g<1>\g<2>{WRONG}\g<3>", data.decode()))
                for (row, column), value in inputs.get(titles[int(number[1]) - 1], {}).items():
                    cell = f"{column_name(column - 1)}{row}"
                    text, count = re.subn(rf'(<c r="{cell}"[^>]*><v>)[^<]*(</v>)', rf"\g<1>{value!r}\g<2>", text)
                    assert count == 1, cell
                data = text.encode()
            new.writestr(member, data)
    return place


def computed(books: list[Path], folder: Path) -> list[dict[str, Cells]]:
    """What LibreOffice makes of the formulas of all of them, in one start, with a profile of its own."""
    profile, results = folder / "profile", folder / "computed"
    (profile / "user").mkdir(parents=True)
    (profile / "user" / "registrymodifications.xcu").write_text(_SETTINGS)
    assert _SOFFICE is not None
    done = subprocess.run(
        [_SOFFICE, f"-env:UserInstallation={profile.as_uri()}", "--headless", "--convert-to", _CSV,
         "--outdir", results, *books],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    found = []
    for book in books:
        # LibreOffice takes a %20 in a sheet's name for a blank in the file's.
        files = {title: results / f"{book.stem}-{unquote(title)}.csv" for title in read(book).sheets}
        assert all(path.is_file() for path in files.values()), done.stdout + done.stderr
        found.append({title: _cells_of(path) for title, path in files.items()})
    return found


def _cells_of(path: Path) -> Cells:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    return {(i, j): _number(text) for i, row in enumerate(rows, start=1) for j, text in enumerate(row, start=1) if text}


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
