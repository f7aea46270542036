"""What may be wrong with a file, its structure, its values and its times: one case a row."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

ROWS = [f"{1949 + i // 12}-{i % 12 + 1:02d},{100 + i * 7 % 13}.5" for i in range(60)]
DAYS = [f"2021-03-{i + 1:02d},{i % 7}" for i in range(31)]


def table(*, header: str | None = "date,y", rows: list[str] = ROWS, **lines: str) -> str:
    """A good file, but for the lines given as L7="…", counted from 1 for the header."""
    text = [*([header] if header is not None else []), *rows]
    for line, changed in lines.items():
        text[int(line[1:]) - 1] = changed
    return "\n".join(text) + "\n"


def value(text: str, line: int = 32) -> str:
    """A good file with another value in line 32."""
    return table(**{f"L{line}": f"{ROWS[line - 2].split(',')[0]},{text}"})


def bomb() -> bytes:
    return gzip.compress(b"date,y\n" + b"1949-01,0\n" * 600_000, mtime=0)


def zipped(**files: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


class Case(NamedTuple):
    """Content, options, and what is said: of a file that is refused in its message, of one that is read beside it."""

    name: str
    content: bytes | str | None
    words: tuple[str, ...]
    options: Mapping[str, Any] = MappingProxyType({})
    read: bool = False


def read(name: str, content: bytes | str, *words: str, **options: Any) -> Case:
    """A file that is read; each of the words is a guess, a note or part of a change."""
    return Case(name, content, words, options, read=True)


def refused(name: str, content: bytes | str | None, *words: str, **options: Any) -> Case:
    return Case(name, content, words, options)


HOURS = ["00", "01", "02", "02", "03", "04", "05"]

CASES = [
    # ---- the file as bytes
    refused("1 no file", None, "no file data.csv"),
    refused("2 0 bytes", b"", "data.csv is empty (0 bytes)"),
    refused("3 header only", table(rows=[]), "data.csv has a header (date,y) but no rows"),
    read("5 UTF-8 with its mark", b"\xef\xbb\xbf" + table().encode(), "read as UTF-8, by the mark in front"),
    read("6 UTF-16 with its mark", table().encode("utf-16"), "read as UTF-16-LE, by the mark in front"),
    refused(
        "7 cp1252",
        table(header="date,größe").encode("cp1252"),
        "data.csv:1: byte 8 is not UTF-8; it looks like cp1252 ('größe'): use --encoding cp1252",
    ),
    read(
        "7 cp1252, said",
        table(header="date,größe").encode("cp1252"),
        "values are in column 'größe' (--value)",
        encoding="cp1252",
    ),
    refused("8 NUL", table(L13="1949-12,\0"), "data.csv:13: holds a NUL character: the file is damaged, or UTF-16"),
    read("9 CR", table().replace("\n", "\r")),
    read("9 CR and LF, mixed", table().replace("\n", "\r\n", 20)),
    refused("10 a quote that never closes", table(L3='"1949-02,5'), "data.csv:3: a quote opened here never closes"),
    refused(
        "12 a web page", "<!DOCTYPE html><html><body>", "data.csv is a web page, not CSV: use the link to the raw file"
    ),
    refused(
        "13 a workbook",
        zipped(**{"[Content_Types].xml": "", "xl": ""}),
        "data.csv is a workbook (Excel or LibreOffice)",
    ),
    refused("13 a zip of two", zipped(a="1", b="2"), "data.csv is a zip archive of 2 files (a, b), expected one"),
    refused("13 a PDF", b"%PDF-1.7 ", "data.csv is a PDF, not CSV: save the table as CSV first"),
    refused("13 half a Parquet", b"PAR1" + b"\0" * 40, "data.csv cannot be read as Parquet", "the file is damaged"),
    refused("14 a gzip bomb", bomb(), "data.csv unpacks to over", "and 200 times the packed size"),
    refused(
        "15 one line of 17 MB", "date,y\n" + "1" * 17_000_000, "data.csv:2: one line of more than 16,777,216 bytes"
    ),
    # ---- structure
    read(
        "16 semicolons and decimal commas",
        table().replace(",", ";").replace(".5", ",5"),
        "fields are separated by ';' (--separator)",
        "the decimal mark is a comma, since '100,5' has no other reading (--decimal)",
    ),
    refused(
        "17 thousands",
        value('"1,100.50"', 2),
        "data.csv:2:2: column 'y' holds '1,100.50': it has a thousands mark: use --thousands ,",
    ),
    read("17 thousands, said", value('"1,100.50"', 2), thousands=","),
    refused(
        "19 a ragged row",
        table(L31="1951-06,999,x,4"),
        "data.csv:31: 4 fields where the header has 2: '1951-06,999,x,4'",
    ),
    refused(
        "20 a field without a name in each row",
        table(rows=[f"{r},7" for r in ROWS]),
        "data.csv:1: the header has 2 names (date, y), but the rows have 3 fields",
    ),
    refused("21 a short row", table(L31="1951-06"), "data.csv:31: 1 field where the header has 2: '1951-06'"),
    refused(
        "22 two columns of one name",
        table(header="date,y,y", rows=[f"{r},7" for r in ROWS]),
        "2 columns are called 'y': say which by its place, --value 2 or --value 3",
    ),
    read("22 two columns of one name, said", table(header="date,y,y", rows=[f"{r},7" for r in ROWS]), value=3),
    refused(
        "23 no header",
        table(header=None),
        "data.csv:1: the first line looks like data (1949-01,100.5): use --no-header",
    ),
    read("23 no header, said", table(header=None), "values are in column 'column 2' (--value)", header=False),
    refused(
        "24 a footer",
        table(rows=[*ROWS, "Total,9999"]),
        "data.csv:62:1: column 'date' holds 'Total'",
        "if this last line is no record: --skip-footer 1",
    ),
    read(
        "24 a footer, said",
        table(rows=[*ROWS, "Total,9999"]),
        "1 line at the end left out, as asked: 'Total,9999'",
        skip_footer=1,
    ),
    refused(
        "25 no such column",
        table(header="date,sales"),
        "no column 'sale' for --value: there are 'date', 'sales'; the closest is 'sales'",
        value="sale",
    ),
    # ---- values
    refused("30 a blank", value(""), "data.csv:32:2: column 'y' is empty", "--missing linear, seasonal, or drop"),
    read(
        "30 a blank, filled",
        value(""),
        "line 32 (1951-07), column 'y': nothing → 109: filled in, linear",
        missing="linear",
    ),
    read(
        "30 a blank, dropped", value(""), "line 32 (1951-07), column 'y': nothing → left out: no value", missing="drop"
    ),
    refused("31 NA", value("NA"), "data.csv:32:2: column 'y' holds 'NA', which stands for no value"),
    refused("31 n/a?", value("n/a?"), "data.csv:32:2: column 'y' holds 'n/a?': expected a number"),
    read(
        "31 n/a?, said",
        value("n/a?"),
        "line 32 (1951-07), column 'y': 'n/a?' → 109",
        missing_words=("n/a?",),
        missing="linear",
    ),
    refused("32 inf", value("inf"), "data.csv:32:2: column 'y' holds 'inf': expected a finite number"),
    read("33 one value of 1e300", value("1e300"), "line 32 is 9e+297 times the median: is 1e+300 a mistake?"),
    read(
        "37 2**53 + 1",
        value("9007199254740993", 2),
        "line 2: '9007199254740993' cannot be held exactly; kept as 9007199254740992.0",
    ),
    read(
        "38 23 digits",
        value("12345678901234567890123", 2),
        "line 2: '12345678901234567890123' cannot be held exactly; kept as 1.2345678901234568e+22",
    ),
    refused(
        "39 booleans",
        table(rows=[f"{r[:8]}{'true' if i % 2 else 'false'}" for i, r in enumerate(ROWS)]),
        "data.csv:2:2: column 'y' holds 'false': true or false, not a number: --booleans",
    ),
    read(
        "39 booleans, said",
        table(rows=[f"{r[:8]}{'true' if i % 2 else 'false'}" for i, r in enumerate(ROWS)]),
        booleans=True,
    ),
    read("41 a denormal", value("1e-310", 2)),
    read("41 a negative zero", value("-0.0", 2)),
    read("42 to the last bit", value("0.3066010001873337", 2)),
    read("43 all negative", table().replace(",", ",-")),
    read("43 tiny", table().replace(".5", ".5e-12")),
    # ---- time
    read(
        "45 a row twice",
        table(L32=ROWS[29], rows=[*ROWS[:30], ROWS[29], *ROWS[30:]]),
        "line 32 (1951-06), column 'y': '108.5' → left out: the same as in line 31",
    ),
    refused(
        "45 a row twice, strict",
        table(rows=[*ROWS[:30], ROWS[29], *ROWS[30:]]),
        "data.csv:32:1: lines 31 and 32 both say 1951-06, the same value: keep one",
        strict=True,
    ),
    refused(
        "46 a date twice",
        table(rows=[*ROWS[:30], "1951-06,999", *ROWS[30:]]),
        "data.csv:32:1: lines 31 and 32 both say 1951-06: 108.5 and 999",
        "--duplicates last or mean",
    ),
    read(
        "46 a date twice, the last",
        table(rows=[*ROWS[:30], "1951-06,999", *ROWS[30:]]),
        "line 31 (1951-06), column 'y': '108.5' → left out: the last of 2 rows of this date is in line 32",
        duplicates="last",
    ),
    read(
        "47 unsorted",
        table(L32=ROWS[35], L37=ROWS[30]),
        "the rows stood out of order in 2 places, and were sorted (1951-08 comes after 1951-12 (line 32))",
    ),
    refused(
        "47 unsorted, strict",
        table(L32=ROWS[35], L37=ROWS[30]),
        "data.csv:33:1: 1951-08 comes after 1951-12 (line 32): sort the rows by date",
        strict=True,
    ),
    refused(
        "49 three months missing",
        table(rows=ROWS[:20] + ROWS[23:]),
        "data.csv:22:1: gap 1950-09..1950-11 (3 rows) between lines 21 and 22",
        "--missing linear, seasonal, or drop",
    ),
    read(
        "49 three months missing, filled",
        table(rows=ROWS[:20] + ROWS[23:]),
        "no line (1950-09), column 'y': 'no row' → 104: filled in, linear",
        missing="linear",
    ),
    refused(
        "50 irregular",
        table(rows=[f"2020-01-{d:02d},{d}" for d in (1, 2, 4, 7, 8, 13, 20, 21, 30)]),
        "data.csv:4:1: the dates are not evenly spaced (steps: 3 of 1 day, 1 of 2 days, 1 of 3 days",
        "choose --resample day, month or the like",
    ),
    read(
        "50 irregular, resampled",
        table(rows=[f"2020-{m:02d}-{d:02d},{m * d}" for m in range(1, 13) for d in (3, m + 5)]),
        "line 2 (2020-01-01), column 'y': '2 rows' → 4.5: mean of each month",
        resample="month",
    ),
    refused(
        "50 irregular, resampled, with a month that has none",
        table(rows=[f"2020-{m:02d}-{d:02d},{m * d}" for m in (1, 2, 4) for d in (3, m + 5)]),
        "data.csv:6:1: gap 2020-03-01 (1 row) between lines 4 and 6",
        resample="month",
    ),
    refused(
        "51 month 13",
        table(L32="1951-13,4"),
        "data.csv:32:1: column 'date' holds '1951-13': there is no month 13, expected 1 to 12",
    ),
    refused(
        "51 1951-13-45",
        table(rows=DAYS, L9="1951-13-45,4"),
        "data.csv:9:1: column 'date' holds '1951-13-45': there is no month 13",
    ),
    refused(
        "52 a blank date",
        table(L32=",4"),
        "data.csv:32:1: column 'date' holds '': the date is blank: fill it in, or cut the row",
    ),
    refused(
        "53 days or months first",
        table(rows=[f"0{d}/04/2021,{d}" for d in range(1, 10)]),
        "data.csv:2:1: column 'date' holds '01/04/2021': days or months first? 2021-04-01",
        "--date-format dd/mm/yyyy",
        "--date-format mm/dd/yyyy",
    ),
    read(
        "53 days first, said",
        table(rows=[f"{d:02d}/04/2021,{d}" for d in range(1, 31)][:30]),
        "a row every day (--freq)",
        date_format="dd/mm/yyyy",
    ),
    read(
        "54 two UTC offsets",
        table(
            rows=[
                f"2021-10-31T{h}:00{o},{i}"
                for i, (h, o) in enumerate(
                    zip(["00", "01", "02", "02", "03"] * 1, ["+02:00"] * 3 + ["+01:00"] * 2, strict=True)
                )
            ]
        ),
        "times are held in UTC; their offsets (+01:00, +02:00) are those of Europe/Berlin",
    ),
    refused(
        "55 an hour repeated",
        table(rows=[f"2021-10-31T{h}:00,{i}" for i, h in enumerate(HOURS)]),
        "data.csv:5:1: lines 4 and 5 both say 2021-10-31T02:00: 2 and 3",
        "comes twice, as clocks went back that night in Europe/Berlin",
    ),
    refused(
        "55 an hour missing",
        table(rows=[f"2021-03-28T{h}:00,{i}" for i, h in enumerate(["00", "01", "03", "04", "05"])]),
        "data.csv:4:1: gap 2021-03-28T02:00 (1 row) between lines 3 and 4",
        "is missing, as clocks went forward that night in Europe/Berlin",
    ),
    read(
        "56 month ends",
        table(rows=[f"{d},{i}" for i, d in enumerate(["2020-01-31", "2020-02-29", "2020-03-31", "2020-04-30"])]),
        "a row every month, on its last day (--freq)",
    ),
    read(
        "56 29 February",
        table(rows=[f"{d},{i}" for i, d in enumerate(["2020-02-29", "2021-02-28", "2022-02-28"])]),
        "a row every year, on the last day of February (--freq)",
    ),
    refused(
        "58 Excel's days",
        table(rows=[f"{44197 + i},{i}" for i in range(9)]),
        "column 'date' holds '44197': a number, or Excel's number of a day (2021-01-01)? Give --date-format "
        "number, or --date-format excel",
    ),
    read(
        "58 Excel's days, said",
        table(rows=[f"{44197 + i},{i}" for i in range(9)]),
        "a row every day (--freq)",
        date_format="excel",
    ),
    refused(
        "58 Unix seconds",
        table(rows=[f"{1609459200 + 3600 * i},{i}" for i in range(9)]),
        "a number, or seconds since 1970 (2021-01-01T00:00:00)? Give --date-format number, or --date-format unix",
    ),
    read("59 weeks", table(rows=["2020-W53,1", "2021-W01,2", "2021-W02,3"]), "a row every week, on Mondays (--freq)"),
    read("59 quarters", table(rows=["1959Q3,1", "1959Q4,2", "1960Q1,3"]), "a row every quarter (--freq)"),
    read(
        "59 years",
        table(rows=[f"{year},{year % 7}" for year in range(1600, 1640)]),
        "a row every year (--freq)",
        "times are read as years, since all lie from 1600 to 1639 (--date-format)",
    ),
]
