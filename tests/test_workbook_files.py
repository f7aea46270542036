"""The workbook as a file: names, texts, limits, bytes, and what is refused in which words."""

from __future__ import annotations

import re
import sys
import zipfile
from xml.etree import ElementTree

import numpy as np
import pytest
from networks import KERNEL, NETWORKS, Network, dense, gru, linear_skip, masking, rnn, task_of
from spreadsheets import blocks, changed, computed, needs_libreoffice, needs_xlsx, read

from timeglass import GRU, Bidirectional, Dense, Input, Masking, Sequential, SimpleRNN
from timeglass.errors import EngineError, OptionError
from timeglass.prepare.scale import MinMaxScaler
from timeglass.trace.recording import record
from timeglass.trace.trace import Trace
from timeglass.trace.workbook import build
from timeglass.trace.workbook.names import cell_name, column_name, quoted_sheet, range_name, sheet_name
from timeglass.trace.workbook.plain import float32_range

pytestmark = needs_xlsx

SMALL = Network(4, 2, (masking(), gru(2, return_sequences=True), rnn(2), dense(1), linear_skip(2)))
HOSTILE = (
    "=1+1", "+2", "-3", "@SUM(A1)", "SORT(x)", "it's", "'quoted'", "[a]:b*c?d/e\\f[x0042]", "x" * 300, "X" * 300,
    "History", "forecast", "A1", "R1C1", "größe €", "\U0001f600" * 20, "a\nb\x00\x1b[31m", "\u202evil", "\ud800",
    "<b>&amp;\"", "{1}", "_x0041_", " ", "'", "100%20", "a!b", "#REF!", "name, with; more", "internal:x", "_xlfn.a",
    "(2)", "x" * 31,
)  # fmt: skip


def traced(network: Network, count: int = 2) -> Trace:
    return record(network.architecture, network.weights()[0], network.windows(count))


def hostile(names: tuple[str, ...] = HOSTILE) -> Trace:
    """A layer of each of these names, one upon the other."""
    layers = [
        (GRU if i % 2 else SimpleRNN)(1, name=name, return_sequences=i + 1 < len(names)) for i, name in enumerate(names)
    ]
    model = Sequential([Input((2, 1)), *layers, Dense(1, name="=last")], seed=0)
    return model.trace([[[0.5], [-0.25]]])


def test_whatever_layers_are_called_sheets_and_ranges_have_legal_names(tmp_path):
    hostile().to_xlsx(tmp_path / "book.xlsx")
    book = read(tmp_path / "book.xlsx")
    assert len(book.sheets) == 1 + 2 * (len(HOSTILE) + 1)
    assert len({title.casefold() for title in book.sheets}) == len(book.sheets)
    for title in book.sheets:
        assert 0 < len(title.encode("utf-16-le")) // 2 <= 31
        assert not set(title) & set("[]:*?/\\")
        assert title.strip("'") == title
        assert title.isprintable()
        assert not re.search("_x[0-9A-Fa-f]{4}_", title)
        assert title.casefold() != "history"
    for name, (sheet, _) in book.names.items():
        assert sheet in book.sheets
        assert name.isascii()
        assert name.replace("_", "a").isalnum()
        assert not name[0].isdigit()
        assert len(name) < 255


def test_texts_that_look_like_formulas_are_texts(tmp_path):
    hostile().to_xlsx(tmp_path / "book.xlsx")
    book = read(tmp_path / "book.xlsx")
    texts = [value for cells in book.sheets.values() for value in cells.values() if isinstance(value, str)]
    assert "=1+1: SimpleRNN of 1 unit, tanh" in texts
    assert all(text.isprintable() for text in texts for text in text.split("\n"))
    formulas = {text for found in book.formulas.values() for text in found.values()}
    assert not [text for text in formulas if text.startswith(("1+1", "2", "SUM(A1)"))]
    functions = {"TANH", "SUMPRODUCT", "IF", "EXP", "ABS", "MAX", "COUNT"}  # no layer's name
    assert not [text for text in formulas if "_xlfn" in text.replace("_xlfn.a", "")]
    outside = [text.split("'")[::2] for text in formulas]  # what stands outside of quoted sheets
    assert {word for parts in outside for part in parts for word in re.findall(r"([A-Z]+)\(", part)} <= functions


@pytest.mark.slow
@needs_libreoffice
def test_libreoffice_computes_across_sheets_of_any_name(tmp_path):
    names = ("=1+1", "SORT(x)", "it's", "R1C1", "größe €", '<b>&amp;"', "100%20", "a!b", "#REF!", "name, with; more")
    trace = hostile(names)
    trace.to_xlsx(tmp_path / "book.xlsx", scaler=MinMaxScaler(0.0, 2.0))
    book = read(tmp_path / "book.xlsx")
    (sheets,) = computed([changed(tmp_path / "book.xlsx", tmp_path / "c.xlsx", {})], tmp_path)
    _, ((place,),) = book.names["the_forecast"]
    assert abs(float(sheets["Forecast"][place]) - trace.forecasts[0, 0]) < 1e-13
    assert sheets["Forecast"][place[0] + 3, place[1]] == "the same"


def test_the_same_trace_gives_the_same_bytes(tmp_path):
    for name in ("one", "other"):
        traced(SMALL).to_xlsx(tmp_path / f"{name}.xlsx")
    assert (tmp_path / "one.xlsx").read_bytes() == (tmp_path / "other.xlsx").read_bytes()
    task = task_of(SMALL, count=2)  # the way back adds arrays to a trace, nothing to its workbook
    record(SMALL.architecture, SMALL.weights()[0], task.x, task.y, task.loss).to_xlsx(tmp_path / "other.xlsx")
    assert (tmp_path / "one.xlsx").read_bytes() == (tmp_path / "other.xlsx").read_bytes()
    traced(SMALL).to_xlsx(tmp_path / "other.xlsx", window=1)
    assert (tmp_path / "one.xlsx").read_bytes() != (tmp_path / "other.xlsx").read_bytes()


def test_the_file_is_well_formed_and_says_nothing_of_its_maker(tmp_path):
    traced(SMALL).to_xlsx(str(tmp_path / "book.xlsx"))
    with zipfile.ZipFile(tmp_path / "book.xlsx") as file:
        assert file.testzip() is None
        parts = {name: file.read(name) for name in file.namelist()}
    for name, data in parts.items():
        ElementTree.fromstring(data)
        assert str(tmp_path).encode() not in data, name
    assert b"2000-01-01" in parts["docProps/core.xml"]
    assert b"fullCalcOnLoad" in parts["xl/workbook.xml"]
    assert {name for name in parts if "chart" in name} >= {"xl/charts/chart1.xml", "xl/charts/chart2.xml"}


def test_another_reader_opens_it(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    traced(SMALL).to_xlsx(tmp_path / "book.xlsx")
    book = openpyxl.load_workbook(tmp_path / "book.xlsx")
    assert book.sheetnames == [
        "Forecast", "masking", "gru", "gru weights", "simple_rnn", "simple_rnn weights", "dense", "dense weights",
        "linear_skip", "linear_skip weights",
    ]  # fmt: skip
    assert book["gru weights"].data_validations.count == 3
    assert book["Forecast"].data_validations.count == 1


def test_a_sheet_reads_as_its_title_and_headings_say(tmp_path):
    traced(SMALL).to_xlsx(tmp_path / "book.xlsx")
    book = read(tmp_path / "book.xlsx")
    assert book.sheets["gru"][1, 1] == "gru: GRU of 2 units, tanh"
    assert list(blocks(book.sheets["gru"])) == [
        "mask", "x, from\nmasking", "gru.z\nupdate", "gru.z\nreset", "gru.update", "gru.reset", "gru.met",
        "gru.z\ncandidate", "gru.candidate", "gru.h",
    ]  # fmt: skip
    weights = book.sheets["gru weights"]
    assert [weights[row, 1] for row in range(8, 14)] == [
        "update[0]", "update[1]", "reset[0]", "reset[1]", "candidate[0]", "candidate[1]"
    ]  # fmt: skip
    assert [weights[7, column] for column in range(2, 8)] == [
        "x[0]", "x[1]", "h[0]", "h[1]", "bias beside wx", "bias beside wh"
    ]  # fmt: skip
    formulas = book.formulas["gru"]
    assert formulas[14, 5] == (
        "SUMPRODUCT($C14:$D14,'gru weights'!$B$8:$C$8)+SUMPRODUCT($S13:$T13,'gru weights'!$D$8:$E$8)"
        "+'gru weights'!$F$8+'gru weights'!$G$8"
    )
    assert formulas[14, 9] == "IF($E14<0,EXP($E14)/(1+EXP($E14)),1/(1+EXP(-$E14)))"
    assert formulas[14, 19] == "IF($B14=1,$I14*$S13+(1-$I14)*$Q14,$S13)"
    assert formulas[14, 2] == "'masking'!$D$13"


def test_a_layer_that_goes_backwards_reads_the_row_below(tmp_path):
    model = Sequential([Input((3, 1)), SimpleRNN(1, go_backwards=True, name="back")], seed=0)
    model.trace([[[0.5], [0.25], [1.0]]]).to_xlsx(tmp_path / "book.xlsx")
    book = read(tmp_path / "book.xlsx")
    sheet = book.sheets["back"]
    rows = {sheet[row, 1]: row for row in range(1, 14) if (row, 1) in sheet}
    assert rows["start"] == rows["t=3"] + 1 == rows["t=1"] + 3
    assert f"$D{rows['start']}*" in book.formulas["back"][rows["t=3"], 3]
    _, ((place,),) = book.names["the_forecast"]
    assert book.formulas["Forecast"][place] == f"'back'!$D${rows['t=1']}"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"window": 2}, "to_xlsx window: the trace has windows 0 to 1, got 2"),
        ({"window": -1}, "to_xlsx window: expected a whole number of at least 0, got -1"),
        ({"window": True}, "to_xlsx window: expected a whole number"),
        ({"window": 0.0}, "to_xlsx window: expected a whole number"),
        ({"scaler": (0, 1)}, "to_xlsx scaler: expected a MinMaxScaler or None"),
    ],
)
def test_options_that_are_refused(options, words, tmp_path):
    with pytest.raises(OptionError, match=words):
        traced(SMALL).to_xlsx(tmp_path / "book.xlsx", **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("book.xls", "expected a name that ends in .xlsx"),
        ("book", "expected a name that ends in .xlsx"),
        ("none/book.xlsx", "there is no folder .*none: make it first"),
        ("folder.xlsx", "is a folder: give the name of a file"),
        ("a\0b.xlsx", "cannot hold the character 0"),
        ("x" * 300 + ".xlsx", "cannot be written .*too long"),
    ],
)
def test_places_that_are_refused(place, words, tmp_path):
    (tmp_path / "folder.xlsx").mkdir()
    with pytest.raises(OptionError, match=words):
        traced(SMALL).to_xlsx(tmp_path / place)
    with pytest.raises(OptionError, match="expected a file's name, got 3"):
        traced(SMALL).to_xlsx(3)  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["folder.xlsx"]


def test_a_fault_leaves_the_old_file(tmp_path, monkeypatch):
    traced(SMALL).to_xlsx(tmp_path / "book.xlsx")
    old = (tmp_path / "book.xlsx").read_bytes()

    def full(*rest):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OptionError, match="No space left on device"):
        traced(SMALL).to_xlsx(tmp_path / "book.xlsx", window=1)
    assert (tmp_path / "book.xlsx").read_bytes() == old
    assert [path.name for path in tmp_path.iterdir()] == ["book.xlsx"]


def test_without_xlsxwriter_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(EngineError, match=r"pip install 'timeglass\[xlsx\]'"):
        traced(SMALL).to_xlsx(tmp_path / "book.xlsx")


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (Network(2, 1, (rnn(1), dense(9000))), "take 18,002 columns, and a workbook holds 16,384"),
        (Network(1, 1, (rnn(1, return_sequences=True), dense(16400))), "columns, and a workbook holds 16,384"),
        (Network(1500, 1, (gru(64, return_sequences=True), dense(1))), "cells, and a workbook holds 500,000"),
    ],
)
def test_what_does_not_fit_is_refused_before_it_is_written(network, words, tmp_path):
    with pytest.raises(OptionError, match=words):
        traced(network, 1).to_xlsx(tmp_path / "book.xlsx")
    assert list(tmp_path.iterdir()) == []


def test_rows_are_counted_too(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "_MOST_ROWS", 20)
    with pytest.raises(OptionError, match="rows, and a workbook holds 20: write a smaller network, or a window of"):
        traced(SMALL).to_xlsx(tmp_path / "book.xlsx")


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    network = Network(9, 1, (rnn(1, "linear"), dense(1)))
    with np.errstate(all="ignore"):
        trace = record(network.architecture, np.full(5, 3e38, dtype=np.float32), network.windows(1))
    with pytest.raises(OptionError, match=r"simple_rnn\.z of simple_rnn: SimpleRNN of 1 unit.* not finite"):
        trace.to_xlsx(tmp_path / "book.xlsx")


def test_names_of_cells_sheets_and_ranges():
    assert [column_name(i) for i in (0, 25, 26, 701, 702, 16383)] == ["A", "Z", "AA", "ZZ", "AAA", "XFD"]
    assert cell_name(1048575, 16383) == "$XFD$1048576"
    assert quoted_sheet("a'b") == "'a''b'"
    taken: set[str] = set()
    assert [sheet_name("x" * 40, taken, " weights") for _ in range(2)] == [
        "x" * 23 + " weights",
        "x" * 19 + " weights (2)",
    ]
    assert [sheet_name(name, taken) for name in ("a", "A", "history")] == ["a", "A (2)", "history (2)"]
    assert sheet_name("\U0001f600" * 20, taken) == "\U0001f600" * 15
    assert [range_name(name, "wx", taken) for name in ("1", "é", "_")] == ["_1_wx", "__wx", "__2_wx"]


@pytest.mark.parametrize("value", [0.0, -0.5, 0.1, 1.0, 3.4028234663852886e38, 1e-45, -1e-30, 16777217.0])
def test_masked_are_the_numbers_that_float32_takes_for_the_value(value):
    low, high = float32_range(value)
    with np.errstate(over="ignore"):
        assert np.float32(low) == np.float32(high) == np.float32(value)
        assert np.float32(np.nextafter(low, -np.inf)) < np.float32(value)
        assert np.float32(np.nextafter(high, np.inf)) > np.float32(value) or value > 3e38


def test_words_say_nothing_of_biases_that_a_layer_does_not_have(tmp_path):
    for bias in (True, False):
        network = Network(2, 1, (gru(1, use_bias=bias, return_sequences=True), rnn(1, use_bias=bias)))
        traced(network).to_xlsx(tmp_path / "book.xlsx")
        sheets = read(tmp_path / "book.xlsx").sheets
        words = [
            str(sheets[name][row, 1]) for name, rows in (("gru", 4), ("simple_rnn", 2)) for row in range(2, rows + 2)
        ]
        assert any("bias" in line for line in words) == any("+ bh" in line for line in words) == bias
        assert "candidate = tanh(x(t)·wx" in words[1]


def test_a_pair_with_a_mask_and_names_of_its_own(tmp_path):
    pair = Bidirectional(GRU(2, name="there", return_sequences=True), backward_layer=SimpleRNN(
        2, name="back", go_backwards=True, return_sequences=True), name="pair")  # fmt: skip
    model = Sequential([Input((3, 1)), Masking(), pair, Dense(1)], seed=0)
    model.trace([[[0.5], [0.0], [1.0]]]).to_xlsx(tmp_path / "book.xlsx")
    book = read(tmp_path / "book.xlsx")
    assert [title for title in book.sheets if "weights" not in title] == [
        "Forecast", "masking", "forward_there", "back", "pair", "dense",
    ]  # fmt: skip
    assert blocks(book.sheets["back"])["mask"].ravel().tolist() == [1, 0, 1]
    assert blocks(book.sheets["back"])["back.y"][1].tolist() == [0, 0]
    assert (blocks(book.sheets["back"])["back.h"][1] != 0).all()


def test_a_trace_of_the_kernel_is_written_by_the_definition(tmp_path):
    """Which a spreadsheet computes: float32's last bits would look like a change."""
    model = NETWORKS["gru"].sequential(seed=1)
    x = NETWORKS["gru"].windows(1)
    places = tmp_path / "lanes.xlsx", tmp_path / "numpy.xlsx"
    model.trace(x, engine="lanes" if KERNEL else "numpy").to_xlsx(places[0])
    model.trace(x).to_xlsx(places[1])
    assert places[0].read_bytes() == places[1].read_bytes()
