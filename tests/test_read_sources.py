"""One table from everything that bytes can come from: the same values, dates and rows, and the SHA-256 of the bytes.

What a table cannot be read from is refused in one line. Servers are on 127.0.0.1 only.
"""

from __future__ import annotations

import bz2
import datetime as dt
import decimal
import gzip
import hashlib
import http.server
import io
import json
import lzma
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from timeglass import DataError
from timeglass.read import ReadOptions, read_panel, read_series
from timeglass.read.unpack import kind_of, refuse_kind
from timeglass.series.series import Series

ROWS = 400
VALUES = np.round(np.random.default_rng(20).normal(0, 100, ROWS), 3)
VALUES[[3, 4, 5]] = [-0.0, 0.3066010001873337, 1 / 3]  # to the last bit, and with its sign
DAYS = [dt.date(2019, 11, 20) + dt.timedelta(i) for i in range(ROWS)]
DATES = np.array(DAYS, "datetime64[D]")
CSV = ("day,size\n" + "".join(f"{d},{v!r}\n" for d, v in zip(DAYS, VALUES.tolist(), strict=True))).encode()
TABLE = pa.table({"day": DAYS, "size": VALUES})


def zipped(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def parquet(table: pa.Table = TABLE, **options: object) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def polars(write: str, frame: pl.DataFrame | None = None) -> bytes:
    out = io.BytesIO()
    getattr(pl.DataFrame(TABLE) if frame is None else frame, write)(out)
    return out.getvalue()


def arrow(
    new: Callable[..., pa.ipc.RecordBatchStreamWriter], rows: int = ROWS, compression: str | None = None
) -> bytes:
    out = io.BytesIO()
    with new(out, TABLE.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(TABLE, max_chunksize=rows)
    return out.getvalue()


def of_days(kind: pa.DataType) -> pa.Table:
    return TABLE.set_column(0, "day", pa.array(DATES.astype("datetime64[s]")).cast(kind))


def zstd(content: bytes) -> bytes:
    return pa.compress(content, codec="zstd", asbytes=True)


TEXTS = pa.array([str(day) for day in DAYS])
PACKED = {
    "gzip": gzip.compress(CSV), "bzip2": bz2.compress(CSV), "xz": lzma.compress(CSV), "zstd": zstd(CSV),
    "zip": zipped(**{"folder/data.csv": CSV, "__MACOSX/._data.csv": b"\0"}),
    "gzip, in two parts": gzip.compress(CSV[:999]) + gzip.compress(CSV[999:]),
    "bzip2, in two parts": bz2.compress(CSV[:999]) + bz2.compress(CSV[999:]),
    "xz, in two parts": lzma.compress(CSV[:999]) + lzma.compress(CSV[999:]),
    "zstd, in two parts": zstd(CSV[:999]) + zstd(CSV[999:]),
}  # fmt: skip
COLUMNS = {
    "row groups": parquet(row_group_size=7), "no statistics": parquet(write_statistics=False, version="1.0"),
    "zstd, new pages": parquet(compression="zstd", data_page_version="2.0", write_page_checksum=True),
    "polars": polars("write_parquet"), "date64": parquet(TABLE.set_column(0, "day", pa.array(DAYS, pa.date64()))),
    "seconds": parquet(of_days(pa.timestamp("s"))), "nanoseconds": parquet(of_days(pa.timestamp("ns"))),
    "texts": parquet(TABLE.set_column(0, "day", TEXTS)),
    "dictionary": parquet(TABLE.set_column(0, "day", TEXTS.dictionary_encode()), row_group_size=50),
    "large texts": parquet(TABLE.set_column(0, "day", TEXTS.cast(pa.large_string()))),
    "numbers as texts": parquet(TABLE.set_column(1, "size", pa.array(list(map(repr, VALUES.tolist()))))),
    "Arrow file": arrow(pa.ipc.new_file), "Arrow file in parts": arrow(pa.ipc.new_file, 7, "lz4"),
    "Arrow stream": arrow(pa.ipc.new_stream), "Arrow stream in parts": arrow(pa.ipc.new_stream, 7, "zstd"),
    "Arrow file of polars": polars("write_ipc"), "Arrow stream of polars": polars("write_ipc_stream"),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path


def check(series: Series, content: bytes, first: int, *notes: str) -> None:
    """All of the series is as it should be; `first` is the line or row of its first value."""
    assert series.values.tobytes() == VALUES.tobytes()
    assert series.dates is not None
    assert (series.dates.dtype, series.dates.tolist()) == (DATES.dtype, DATES.tolist())
    assert series.lines.tolist() == list(range(first, first + ROWS))
    assert series.sha256 == hashlib.sha256(content).hexdigest()
    assert (series.notes, series.origin.changes) == (notes, ())
    assert (series.name, series.position, str(series.frequency), series.zone) == ("size", 2, "day", None)


@pytest.mark.parametrize("content", [CSV, CSV.replace(b",", b"\t"), CSV.replace(b"\n", b"\r\n")])
@pytest.mark.parametrize("kind", [str, Path])
def test_text(folder, content, kind):
    (folder / "data.txt").write_bytes(content)
    series = read_series(kind("data.txt"))
    check(series, content, 2)
    assert (series.source, series.origin.fetched) == ("data.txt", None)


@pytest.mark.parametrize("name", PACKED)
def test_packed_text(folder, name):
    (folder / "data.csv").write_bytes(PACKED[name])
    check(read_series("data.csv"), PACKED[name], 2, f"unpacked from {name.partition(',')[0]}")


@pytest.mark.parametrize("name", COLUMNS)
def test_columns(folder, name):
    (folder / "data.csv").write_bytes(COLUMNS[name])  # by what it is, not by what it is called
    series = read_series("data.csv")
    check(series, COLUMNS[name], 1)
    assert series.origin.guesses[:2] == ("times are in column 'day' (--time)", "values are in column 'size' (--value)")
    assert (series.date_format == "yyyy-mm-dd") == (name in ("texts", "dictionary", "large texts"))


@pytest.mark.parametrize(("name", "pack"), [("gzip", gzip.compress), ("zstd", zstd), ("zip", lambda c: zipped(a=c))])
@pytest.mark.parametrize("inner", ["row groups", "Arrow file in parts", "Arrow stream in parts"])
def test_packed_columns(folder, name, pack, inner):
    (folder / "data").write_bytes(content := pack(COLUMNS[inner]))
    check(read_series("data"), content, 1, f"unpacked from {name}")


@pytest.mark.parametrize(
    ("column", "wanted", "note"),
    [
        (pa.array([1, -2, 3], pa.int8()), [1, -2, 3], None), (pa.array([1, 2, 3], pa.uint64()), [1, 2, 3], None),
        (pa.array([0.1, 2, 3], pa.float32()), [0.10000000149011612, 2, 3], None),
        (pa.array(np.array([0.1, 2, 3], "f2")), [0.0999755859375, 2, 3], None),
        (pa.array([decimal.Decimal(x) for x in ("0.10", "-2", "12345.75")]), [0.1, -2, 12345.75], None),
        (pa.array([2, 2**53 + 1, 2**53 + 2]), [2, 2.0**53, 2.0**53 + 2], "row 2: 9007199254740993 cannot be held exac"),
    ],
)  # fmt: skip
def test_types_of_numbers(folder, column, wanted, note):
    (folder / "data").write_bytes(parquet(pa.table({"day": DAYS[:3], "size": column})))
    series = read_series("data")
    assert series.values.tolist() == wanted
    assert [line.startswith(note) for line in series.notes][:1] == ([True] if note else [])


@pytest.mark.parametrize("digits", ["1234567.89", "0.3066010001873337", "9007199254740993", "1" * 24])
def test_a_decimal_becomes_the_nearest_double_and_what_is_lost_of_a_whole_one_is_said(folder, digits):
    (folder / "data").write_bytes(parquet(pa.table({"size": [decimal.Decimal(digits)]})))
    series = read_series("data")
    assert series.values.tolist() == [float(digits)]
    assert any("cannot be held exactly" in note for note in series.notes) == ("." not in digits)


def test_times_with_a_zone_are_held_in_utc(folder):
    hours = np.arange("2021-10-30T22", "2021-10-31T04", dtype="datetime64[h]").astype("datetime64[us]")
    for zone in ("Europe/Berlin", "+02:00"):
        table = pa.table({"t": pa.array(hours, pa.timestamp("us", zone)), "y": np.arange(6.0)})
        (folder / "data").write_bytes(
            parquet(table) if zone == "+02:00" else polars("write_parquet", pl.DataFrame(table))
        )
        series = read_series("data")
        assert (series.dates.dtype, series.dates.tolist()) == ("datetime64[s]", hours.astype("datetime64[s]").tolist())
        assert (series.zone, str(series.frequency)) == (zone.replace("+", "UTC+"), "hour")  # as of a text


def test_whole_numbers_are_the_dates_that_they_are_in_text(folder):
    """What the message of unix times says to do must work; days as 20200131 are read from a CSV without a question."""
    for numbers, option in (([20191231, 20200101], None), ([86400, 2 * 86400], "unix")):
        (folder / "data").write_bytes(parquet(pa.table({"t": numbers, "y": [1.0, 2.0]})))
        (folder / "data.csv").write_text(f"t,y\n{numbers[0]},1\n{numbers[1]},2\n")
        options = ReadOptions(date_format=option)
        assert read_series("data", options).dates.tolist() == read_series("data.csv", options).dates.tolist()


# ---- standard input, addresses


@pytest.mark.parametrize(("content", "first"), [(CSV, 2), (COLUMNS["row groups"], 1), (COLUMNS["Arrow stream"], 1)])
def test_standard_input(monkeypatch, content, first):
    read, write = os.pipe()
    sender = threading.Thread(target=lambda: (os.write(write, content), os.close(write)))  # it blocks where it is much
    with os.fdopen(read) as pipe:
        monkeypatch.setattr(sys, "stdin", pipe)
        sender.start()
        series = read_series("-")
        sender.join()
    check(series, content, first)
    assert series.source == "standard input"


def run(command: list[str], content: bytes = b"", folder: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, input=content, cwd=folder, capture_output=True, timeout=60)


@pytest.mark.parametrize("content", [CSV, COLUMNS["polars"], PACKED["xz"]])
def test_standard_input_of_a_command(content):
    done = run([sys.executable, "-m", "timeglass", "check", "-", "--json"], content)
    found = json.loads(done.stdout)
    assert (found["source"], found["rows"], found["series"]) == ("standard input", ROWS, ["size"])
    assert (found["frequency"], found["sha256"]) == ("day", hashlib.sha256(content).hexdigest())
    assert found["notes"] == (["unpacked from xz"] if content is PACKED["xz"] else [])
    assert (found["fault_count"], done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("end", "words"), [("<&-", "closed: give a file, or pipe one in"), ("</dev/null", "empty (0 bytes): expected")]
)  # fmt: skip
def test_closed_and_empty_standard_input(end, words):
    done = run(["sh", "-c", f"{sys.executable} -m timeglass check - {end}"])
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().startswith(f"timeglass: standard input is {words}")


class _Answers(http.server.BaseHTTPRequestHandler):
    def log_message(self, *words):
        pass

    def do_GET(self):
        bodies = {"/data": CSV, "/data.gz": PACKED["gzip"], "/data.parquet": COLUMNS["row groups"]}
        body = bodies.get(self.path, b"<html>")
        self.send_response(302 if self.path == "/moved" else 200)
        self.send_header("Location", "/data")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("path", "content", "first", "notes"),
    [("data", CSV, 2, ()), ("moved", CSV, 2, ()), ("data.gz", PACKED["gzip"], 2, ("unpacked from gzip",)),
     ("data.parquet", COLUMNS["row groups"], 1, ())],
)  # fmt: skip
def test_addresses(folder, server, path, content, first, notes):
    before = dt.datetime.now(dt.UTC).replace(microsecond=0)
    series = read_series(f"{server}/{path}", private=True)
    check(series, content, first, *notes)
    assert series.source == f"{server}/{'data' if path == 'moved' else path}"  # where it came from at last
    fetched = dt.datetime.fromisoformat(series.origin.fetched)
    assert before <= fetched <= dt.datetime.now(dt.UTC)
    assert fetched.utcoffset() == dt.timedelta(0)


def test_addresses_that_are_refused(folder, server):
    words = f"{server}/page is a web page, not CSV: use the link to the raw file"
    assert refusal(f"{server}/page", private=True) == words
    assert "leads to 127.0.0.1, on this machine or a private network" in refusal(f"{server}/data")


# ---- refusals


def refusal(where: str | Path, **more: bool) -> str:
    with pytest.raises(DataError) as caught:
        read_panel(where, **more)
    assert str(caught.value).isprintable()
    return str(caught.value)


def locked() -> bytes:
    """A zip archive that says of its file that it is encrypted."""
    content = bytearray(zipped(a=CSV))
    content[6] |= 1
    content[content.find(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def flipped(content: bytes, place: int) -> bytes:
    changed = bytearray(content)
    changed[place] ^= 1
    return bytes(changed)


CHECKED = parquet(write_page_checksum=True, compression="none", use_dictionary=False)
DENSE = b"day,size\n" + b"2020-01-01,0\n" * 400_000  # 5.2 MB
ENDED = "data cannot be unpacked: Compressed file ended before the end-of-stream marker was reached"
REFUSED = [
    (zipped(a=CSV, b=CSV), "data is a zip archive of 2 files (a, b), expected one: unpack it, and give"),
    (locked(), "data is locked with a password: unpack it, and give the file itself"),
    (zipped(**{"[Content_Types].xml": b"", "xl/workbook.xml": b""}), "data is a workbook (Excel or Libre"),
    (zipped(mimetype=b"application/vnd.oasis"), "data is a workbook (Excel or LibreOffice), not CSV"),
    (zipped(**{"folder/": b""}), "data is a zip archive of 0 files, expected one"),
    (zipped(a=CSV)[:-9], "data cannot be unpacked: File is not a zip file"),
    (flipped(zipped(a=CSV), 900), "data cannot be unpacked: "),
    (gzip.compress(CSV)[:-9], ENDED), (bz2.compress(CSV)[:-9], ENDED), (lzma.compress(CSV)[:-9], ENDED),
    (zstd(CSV)[:-9], "data cannot be unpacked: "),
    (gzip.compress(CSV) + b"more", "data cannot be unpacked: Not a gzipped"),
    (flipped(gzip.compress(CSV), -5), "data cannot be unpacked: CRC check failed"),
    (gzip.compress(gzip.compress(CSV)), "data is gzip around gzip: unpack it once, and give what is inside"),
    (lzma.compress(zipped(a=CSV)), "data is xz around zip: unpack it once, and give what is inside"),
    (gzip.compress(b"%PDF-1.7"), "data is a PDF, not CSV: save the table as CSV first"),
    (gzip.compress(b""), "data is empty (0 bytes)"),
    (b"SQLite format 3\0", "data is an SQLite database, not CSV: save the table as CSV first"),
    (b"\xef\xbb\xbf\n <!DOCTYPE html>", "data is a web page, not CSV: use the link to the raw file"),
    (CHECKED[:2000], "data cannot be read as Parquet: "), (flipped(CHECKED, -1), "data cannot be read as Parquet: "),
    (flipped(CHECKED, 2000), "data cannot be read as Parquet: could not verify page integrity, CRC checksum"),
    (flipped(CHECKED, 800), "data cannot be read as Parquet: could not verify page integrity, CRC checksum"),
    (COLUMNS["Arrow file"][:-9], "data cannot be read as Arrow: "),
    (b"\xff\xff\xff\xff", "data cannot be read as Arrow: "),
    (COLUMNS["Arrow stream in parts"][:-400], "data cannot be read as Arrow: "),
    (parquet(TABLE.slice(0, 0)), "data has columns (day, size) but no rows"),
    (polars("write_ipc", pl.DataFrame(TABLE).clear()), "data has columns (day, size) but no rows"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "words"), REFUSED, ids=[words[:45] for _, words in REFUSED])
def test_what_is_no_table_or_damaged(folder, content, words):
    (folder / "data").write_bytes(content)
    message = refusal("data")
    assert message.startswith(words)
    if "cannot be" in words:
        assert ": the file is damaged" in message


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstd, lambda content: zipped(a=content)])
def test_bombs(folder, pack):
    (folder / "data").write_bytes(content := pack(DENSE))
    message, _, limits = refusal("data").partition(": ")
    sizes = message.replace(",", "").removeprefix("data unpacks to over ").split(" bytes from ")
    out, packed = map(int, sizes)
    assert 200 * packed < out <= len(DENSE)  # it is stopped on the way
    assert len(content) - 200 < packed <= len(content)
    assert limits.startswith("at most 68,719,476,736 bytes and 200 times the packed size are unpacked here; if that is")
    (folder / "data").write_bytes(pack(DENSE[:21].ljust(2**20)))
    assert read_series("data").values.tolist() == [0.0]  # so little may be as dense as it likes


def test_the_link_to_the_raw_file():
    def words(source: str) -> str:
        with pytest.raises(DataError) as caught:
            refuse_kind(kind_of(b" <!-- page --><html>"), source)
        return str(caught.value)

    page = "https://github.com/timeglass/data/blob/main/a/blob/b.csv"
    raw = "use the raw link, https://raw.githubusercontent.com/timeglass/data/main/a/blob/b.csv"
    assert words(page) == f"{page} is a web page, not CSV: {raw}"
    assert words(f"{page}?plain=1#L3").endswith(raw)
    assert words("https://github.com/timeglass").endswith("use the link to the raw file")
    refuse_kind("text", page)


def test_devices_pipes_and_folders(folder):
    os.mkfifo("pipe.csv")
    assert refusal("/dev/zero") == "/dev/zero is not a regular file: save the data to a file first"
    assert refusal("pipe.csv") == "pipe.csv is not a regular file: save the data to a file first"
    assert refusal(folder) == f"{folder} is a folder: give the file itself"


def test_an_arrow_file_whose_parts_do_not_fit_together_is_refused(folder):
    """In a process of its own: what is not looked at before may end it (signal 11)."""
    far = pa.DictionaryArray.from_arrays(pa.array([0, 1, 9], pa.int32()), pa.array(["a", "b"]), safe=False)
    for ids in (far, pa.array(["aa", "bb", "cc"])):
        table, out = pa.table({"unique_id": ids, "ds": [1, 2, 3], "y": [1.0, 2.0, 3.0]}), io.BytesIO()
        with pa.ipc.new_file(out, table.schema) as writer:
            writer.write_table(table)
        ends = np.array([0, 2, 4, 6], "i4").tobytes()  # of the texts
        (folder / "data").write_bytes(out.getvalue().replace(ends, np.array([-(2**24), 2, 2**30, 6], "i4").tobytes()))
        done = run([sys.executable, "-m", "timeglass", "check", "data"], folder=folder)
        assert (done.returncode, done.stderr[:35]) == (2, b"timeglass: data cannot be read as A")
