"""The line of each value is the line on which it stands, and later messages and traces name it."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from panel_files import DAYS, read, save
from read_files import FILE
from read_files import folder as folder

import timeglass as tg
from timeglass.errors import DataError, InputError
from timeglass.prepare.power import Log
from timeglass.prepare.scale import MinMaxScaler
from timeglass.prepare.steps import Steps
from timeglass.prepare.windows import direct_windows
from timeglass.read import csv_arrow, text

# ---- where a value stands

NAMES = ["a", "b", 'say "x"', "a,b", "7", "007", "ü€", "two\nlines"]


def field(text: str, rng: np.random.Generator) -> str:
    needs = any(mark in text for mark in ',"\n')
    return '"' + text.replace('"', '""') + '"' if needs or rng.random() < 0.2 else text


def scattered(seed: int) -> tuple[list[str], dict[str, list[tuple[str, float, int]]]]:
    """A long table with its rows in any order, blank lines, and remarks over several lines.

    Its columns, and for each series (date, value, line on which its record begins) in the order of the dates.
    """
    rng = np.random.default_rng(seed)
    names = [NAMES[i] for i in rng.permutation(len(NAMES))[: rng.integers(1, 6)]]
    columns = ["unique_id", "ds", "y", "remark"]
    columns = [columns[i] for i in rng.permutation(4)] if seed % 3 else columns
    cells = []
    for name in names:
        first = int(rng.integers(0, 20))
        cells += [(name, DAYS[first + i], float(rng.normal())) for i in range(rng.integers(2, 25))]
    if seed % 4:
        cells = [cells[i] for i in rng.permutation(len(cells))]
    content, line, wanted = ",".join(columns) + "\n", 2, {}
    for name, day, value in cells:
        for _ in range(rng.choice([0, 0, 0, 0, 1, 2])):
            content, line = content + rng.choice(["\n", "  \n"]), line + 1
        remark = str(rng.choice(["", "good", 'a "b"', "one\ntwo", "x,y\n\n,z", "2021-03-01\n1.5"]))
        parts = {"unique_id": name, "ds": day, "y": repr(value), "remark": remark}
        record = ",".join(field(parts[column], rng) for column in columns) + "\n"
        wanted.setdefault(name, []).append((day, value, line))
        content, line = content + record, line + record.count("\n")
    if seed % 2:
        content = content.removesuffix("\n")
    with open(FILE, "w", encoding="utf-8", newline="") as file:
        file.write(content.replace("\n", "\r\n") if seed % 5 == 0 else content)
    return columns, {name: sorted(rows) for name, rows in wanted.items()}


@pytest.mark.parametrize("seed", range(60))
def test_the_line_of_each_value_holds_it(seed, monkeypatch):
    """The file is opened anew at that line: the record that begins there has that value, date and series.

    By the exact reader, by pyarrow, and in blocks of a few hundred bytes.
    """
    columns, wanted = scattered(seed)
    with open(FILE, encoding="utf-8") as file:
        lines = file.read().split("\n")
    for smallest, piece in ((2**40, 2**22), (1, 2**22), (1, 300 + seed)):
        monkeypatch.setattr(csv_arrow, "SMALLEST", smallest)
        monkeypatch.setattr(text, "_PIECE", piece)
        panel = read(time="ds", value="y", id="unique_id", frequency="day")
        assert set(panel.ids) == set(wanted)
        assert len(panel.values) == sum(map(len, wanted.values()))
        for series in panel:
            rows = wanted[series.name]
            assert series.lines.tolist() == [line for _, _, line in rows]
            assert series.values.tobytes() == np.array([value for _, value, _ in rows]).tobytes()
            assert [series.label(row) for row in range(len(series))] == [day for day, _, _ in rows]
            for row in range(len(series)):
                line = int(series.lines[row])
                record = next(csv.reader(io.StringIO("\n".join(lines[line - 1 :]))))
                held = dict(zip(columns, record, strict=True))
                assert (held["unique_id"], held["ds"]) == (series.name, series.label(row))
                assert float(held["y"]) == series.values[row]
                if columns == ["unique_id", "ds", "y", "remark"] and "\n" not in series.name:
                    assert f"{float(series.values[row])!r}" in lines[line - 1]
                    assert series.label(row) in lines[line - 1]
                assert series.place(row) == f"data.csv:{line}:{columns.index('y') + 1}"


def test_lines_that_are_shifted_by_one_would_be_found(monkeypatch):
    """The property above can fail."""
    from timeglass.read import csv_table

    right = csv_table._lines
    monkeypatch.setattr(csv_table, "_lines", lambda rows: np.asarray(right(rows), np.int64) + 1)
    scattered(3)
    panel = read(time="ds", value="y", id="unique_id", frequency="day")
    _, wanted = scattered(3)
    assert all(
        series.lines.tolist() == [line + 1 for _, _, line in wanted[series.name]] for series in panel
    )  # one more than where it stands


# ---- later messages name the line


def scrambled(values: list[float]) -> dict[str, int]:
    """Two series, rows in any order, every fifth line blank; the lines of series b by date."""
    rng = np.random.default_rng(11)
    rows = [("a", DAYS[i], 1.0 + i) for i in range(9)] + [("b", DAYS[i], value) for i, value in enumerate(values)]
    written, lines = [], {}
    for k in rng.permutation(len(rows)):
        if len(written) % 5 == 4:
            written.append("")
        name, day, value = rows[k]
        written.append(f"{name},{day},{value!r}")
        if name == "b":
            lines[day] = len(written) + 1
    save(written)
    return lines


def test_a_step_that_meets_a_zero_says_where_it_stands():
    values = [2.0, 3.0, 5.0, 0.0, 4.0, 0.0, 7.0]
    lines = scrambled(values)
    series = read()["b"]
    where = f"data.csv:{lines[DAYS[3]]}:3 ({DAYS[3]}): Log: 2 of 7 values are not above 0, the first is value 4: 0"
    for given_ in (series, series[1:]):
        with pytest.raises(DataError) as caught:
            Steps.fit(given_, [Log()])
        place = where if given_ is series else where.replace("of 7", "of 6").replace("value 4", "value 3")
        assert str(caught.value).startswith(place)
    with pytest.raises(DataError) as caught, series[4:].places():
        Log().transform(series[4:].values)
    assert str(caught.value).startswith(f"data.csv:{lines[DAYS[5]]}:3 ({DAYS[5]}): Log: 1 of 3")


def test_a_series_too_short_for_windows_says_which_lines_it_has():
    lines = scrambled([2.0, 3.0, 5.0])
    series = read()["b"]
    with pytest.raises(InputError) as caught:
        direct_windows(series, 4)
    assert str(caught.value).startswith(
        f"data.csv, lines {lines[DAYS[0]]} to {lines[DAYS[2]]}: 3 rows, targets in rows 1 to 3: no window fits with "
        "time_steps 4 and horizon 1: 5 rows are needed"
    )


@pytest.mark.parametrize(("row", "kind"), [(4, "step"), (11, "target")])
def test_training_that_meets_a_value_beyond_float32_says_where_it_stands(row, kind):
    """Row 4 is first met as a step of a window, row 11, the last, as a target alone."""
    values = [float(i % 5) for i in range(12)]
    values[row] = 1e300
    lines = scrambled(values)
    series = read()["b"]
    windows = direct_windows(series, 3, stride=1)
    model = tg.Sequential([tg.SimpleRNN(2, input_shape=(3, 1)), tg.Dense(1)], seed=1)
    model.compile("adam", "mse")
    with pytest.raises(InputError) as caught, series.places(windows):
        model.fit(windows.x[..., None], windows.y, epochs=1, batch_size=4)
    assert str(caught.value).startswith(f"data.csv:{lines[DAYS[row]]}:3 ({DAYS[row]}): ")
    with pytest.raises(InputError) as plain:
        model.fit(windows.x[..., None], windows.y, epochs=1, batch_size=4)
    assert str(caught.value).endswith(str(plain.value))
    assert (plain.value.step is not None) == (kind == "step")


def saved_model() -> None:
    model = tg.Sequential([tg.SimpleRNN(2, input_shape=(4, 1)), tg.Dense(1)], seed=3)
    model.compile("adam", "mse")
    model.save("model.json", MinMaxScaler(0.0, 20.0))


def test_a_trace_shows_the_lines_of_its_window(timeglass):
    saved_model()
    save(
        [
            "",
            *(f"{day},{i}" for i, day in enumerate(DAYS[:8])),
            "",
            *(f"{day},{i + 8}" for i, day in enumerate(DAYS[8:16])),
        ],
        "ds,y",
    )
    done = timeglass("trace", "model.json", "--data", FILE, "--date", DAYS[9])
    assert (done.returncode, done.stderr.count("\n")) == (0, 2)
    assert f"Window    {DAYS[5]} to {DAYS[8]}: 5, 6, 7, 8\n" in done.stdout
    assert "Rows      data.csv, lines 8 to 12\n" in done.stdout
    assert "Rows      data.csv, lines 16 to 19\n" in timeglass("trace", "model.json", "--data", FILE).stdout


def test_a_trace_of_rows_newest_first_shows_lines_in_between_which_they_stand(timeglass):
    saved_model()
    save([f"{day},{i}" for i, day in enumerate(DAYS[:16])][::-1], "ds,y")
    done = timeglass("trace", "model.json", "--data", FILE, "--date", DAYS[9])
    assert f"Window    {DAYS[5]} to {DAYS[8]}: 5, 6, 7, 8\n" in done.stdout
    assert "Rows      data.csv, lines 12 to 9\n" in done.stdout or "Rows      data.csv, lines 9 to 12\n" in done.stdout


def test_a_trace_that_begins_at_a_row_that_was_filled_in_names_no_line_0(timeglass):
    saved_model()
    rows = [f"{day},{i}" for i, day in enumerate(DAYS[:16])]
    del rows[5]
    save(rows, "ds,y")
    done = timeglass("trace", "model.json", "--data", FILE, "--date", DAYS[9], "--missing", "linear")
    assert done.returncode == 0
    assert f"Window    {DAYS[5]} to {DAYS[8]}: 5, 6, 7, 8\n" in done.stdout
    assert "lines 0 to" not in done.stdout
