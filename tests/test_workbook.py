"""A trace as a workbook: what stands beside its formulas, and what LibreOffice makes of them, are the definition's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import NETWORKS, Network, any_network, bidirectional, dense, dropout, gru, linear_skip, lstm, masking, rnn
from spreadsheets import WRONG, Cells, Place, blocks, changed, computed, needs_libreoffice, needs_xlsx, read

from timeglass.cells.activations import ACTIVATIONS
from timeglass.network.layers import Masking
from timeglass.prepare.scale import MinMaxScaler
from timeglass.trace.recording import record
from timeglass.trace.trace import Trace
from timeglass.trace.workbook.activations import ACTIVATION_FORMULAS, ACTIVATION_WORDS, activation_formula
from timeglass.trace.workbook.names import column_name

pytestmark = needs_xlsx

# What the others do not have: one step, dropout, masked layers of every kind, masked sequences as the forecast.
MORE = {
    "one step": Network(1, 1, (gru(1, reset_after=False),)),
    "dropout": Network(4, 2, (dropout(0.5), lstm(2, dropout=0.5), dropout(0.3), dense(2))),
    "masked, all kinds": Network(
        6, 1, (masking(0.1), rnn(2, return_sequences=True), lstm(2, "swish", return_sequences=True, go_backwards=True),
               gru(2, "selu", recurrent_activation="softplus", reset_after=False, return_sequences=True), dense(2)),
    ),
    "skip after a pair": Network(3, 2, (bidirectional(lstm(1, "elu"), "mul"), linear_skip(2))),
}  # fmt: skip
CASES = NETWORKS | MORE


def traced(network: Network, x: Any = None, weights: Any = None) -> Trace:
    own = network.weights()[0] if weights is None else weights
    return record(network.architecture, own, network.windows(2) if x is None else x)


def compare(sheets: dict[str, Cells], trace: Trace, window: int, tolerance: float) -> int:
    """Every array of the trace with the columns under its name; how many numbers that were."""
    found: dict[str, Any] = {}
    for node in trace.architecture.layers:
        for key, columns in blocks(sheets[node.name]).items():
            found.setdefault(key.partition("\n")[0], []).append(columns)
    count = 0
    for key in trace.names[1:]:
        expected = trace[key][window].astype(float)
        expected = expected.reshape(len(expected) if trace.has_steps(key) else 1, -1)
        got = np.concatenate(found[key], axis=1).astype(float)
        assert got.shape == expected.shape, key
        assert np.abs(got - expected).max() <= tolerance * max(1, np.abs(expected).max()), key
        count += got.size
    return count


@pytest.mark.parametrize("name", CASES)
def test_the_values_beside_the_formulas_are_the_traces(name, tmp_path):
    trace = traced(CASES[name])
    trace.to_xlsx(tmp_path / "book.xlsx", window=1)
    book = read(tmp_path / "book.xlsx")
    assert compare(book.sheets, trace, 1, 0) > 0
    assert np.array_equal(book.values("the_forecast")[0], trace.forecasts[1].ravel())
    assert np.abs(book.values("the_window") - trace["x"][1]).max() <= 1e-15
    for node, weights in zip(trace.architecture.layers, trace.weights, strict=True):
        for array, values in weights.items():
            assert np.array_equal(book.values(f"{node.name}_{array}").astype(np.float32), np.atleast_2d(values).T)
        numbers = blocks(book.sheets[node.name])
        formulas = {place for place, text in book.formulas[node.name].items() if 0 < len(text) < 500}
        assert len(formulas) == sum(columns.size for columns in numbers.values()), "a number that is no formula"


# In LibreOffice, after cells were changed


@dataclass(frozen=True)
class Changed:
    """A workbook some of whose cells were changed, the trace that it must come to, and the forecast as it was."""

    path: Path
    trace: Trace
    own: Any


def change(network: Network, folder: Path, name: str) -> Changed:
    """Other numbers in some cells of the window, and in one cell of each array of weights."""
    rng = np.random.default_rng([network.seed, 31])
    weights, x = network.weights()[0].astype(np.float64), network.windows(2).astype(np.float64)
    before = traced(network)
    before.to_xlsx(folder / f"{name}.xlsx", window=1)
    book = read(folder / f"{name}.xlsx")
    inputs: dict[str, dict[Place, float]] = {sheet: {} for sheet in book.sheets}
    sheet, places = book.names["the_window"]
    for t in changed_steps(before, x[1], rng):
        inputs[sheet] |= dict(zip(places[t], x[1, t].tolist(), strict=True))
    for node, arrays in zip(network.architecture.layers, network.architecture.split(weights[None]), strict=True):
        for array, values in arrays.items():
            table = values.reshape(-1, values.shape[-1])  # a view
            row, column = (int(rng.integers(size)) for size in table.shape)
            table[row, column] += 0.25
            sheet, places = book.names[f"{node.name}_{array}"]
            inputs[sheet][places[column][row]] = float(table[row, column])
    path = changed(folder / f"{name}.xlsx", folder / f"{name} changed.xlsx", inputs)
    return Changed(path, traced(network, x, weights), before.forecasts[1].ravel())


def changed_steps(trace: Trace, x: Any, rng: np.random.Generator) -> set[int]:
    """Puts other numbers into some steps of x (T, F): one of them is masked then, and one no longer."""
    steps = {0, len(x) // 2, len(x) - 1}
    for t in steps:
        x[t] = rng.uniform(-1, 1, x.shape[1])
    for node in trace.architecture.layers:
        if isinstance(node.layer, Masking):
            counts = trace[f"{node.name}.mask"][1]
            for t in (*np.flatnonzero(counts)[:1], *np.flatnonzero(~counts)[:1]):
                x[t] = node.layer.mask_value if counts[t] else rng.uniform(-1, 1, x.shape[1])
                steps.add(int(t))
    return steps


def check_front(case: Changed, sheets: dict[str, Cells]) -> None:
    """The forecast's table: the forecast, the constant beside it, their difference, and a word."""
    _, places = read(case.path).names["the_forecast"]
    for (row, column), own, now in zip(places[0], case.own, case.trace.forecasts[1].ravel(), strict=True):
        live, constant, difference, word = (sheets["Forecast"][row + i, column] for i in range(4))
        gaps = np.array([live, constant, difference], dtype=float) - [now, own, now - own]
        assert np.abs(gaps).max() <= 1e-12
        assert word == ("the same" if abs(now - own) < 1e-9 else "changed")


@pytest.mark.slow
@needs_libreoffice
def test_libreoffice_computes_what_the_definition_does(tmp_path):
    networks = {name: network for name, network in CASES.items() if name != "wide"}
    networks |= {f"any {seed}": any_network(seed) for seed in (1, 3)}
    cases = [change(network, tmp_path, name) for name, network in networks.items()]
    numbers = 0
    for case, sheets in zip(cases, computed([case.path for case in cases], tmp_path), strict=True):
        numbers += compare(sheets, case.trace, 1, 1e-12)
        check_front(case, sheets)
        assert not [place for cells in sheets.values() for place, value in cells.items() if value == WRONG]
    assert numbers > 5000


@needs_libreoffice
def test_activations_keep_their_digits_and_scaled_windows_follow(tmp_path):
    assert list(ACTIVATION_FORMULAS) == list(ACTIVATION_WORDS) == list(ACTIVATIONS)
    z = np.array([0, 1e-300, 1e-12, 1e-5, 0.3, 1, 2.9, 3.1, 20, 37, 45, 600, 710, 800, 1e5, 1e300])
    z = np.concatenate([z, -z])
    scaled, inputs, expected = scaled_book(tmp_path)
    books = [
        changed(activations_book(tmp_path, z), tmp_path / "f.xlsx", {}),
        changed(scaled, tmp_path / "s.xlsx", inputs),
    ]
    found, scaled_sheets = computed(books, tmp_path)
    for column, name in enumerate(ACTIVATIONS, start=2):
        own = np.array([found["f"][row, column] for row in range(1, len(z) + 1)], dtype=float)
        large = np.abs(ACTIVATIONS[name].f(z)) > 1e-301
        wrong = np.abs(own - large) > np.where(large, 1e-14, 1e-300)
        assert not wrong.any(), (name, z[wrong], own[wrong])
    compare(scaled_sheets, expected, 0, 1e-12)
    _, ((place,),) = read(scaled).names["the_forecast"]
    assert scaled_sheets["Forecast"][place[0] + 4, 1] == "Forecast, in the series' units"
    original = float(scaled_sheets["Forecast"][place[0] + 4, place[1]])
    assert abs(original - (expected.forecasts[0, 0] * 250 - 20)) < 1e-9


def activations_book(folder: Path, z: Any) -> Path:
    """Each formula's value over the exact one, which is 1; or the value itself where that is nearly 0."""
    import xlsxwriter

    book = xlsxwriter.Workbook(folder / "activations.xlsx")
    sheet = book.add_worksheet("f")
    for row, value in enumerate(z):
        sheet.write_string(row, 0, "z")
        sheet.write_number(row, len(ACTIVATIONS) + 1, value)
        for column, (name, activation) in enumerate(ACTIVATIONS.items(), start=1):
            exact = float(activation.f(value))
            formula = activation_formula(name, f"${column_name(len(ACTIVATIONS) + 1)}{row + 1}")
            below = f"/({exact!r})" if abs(exact) > 1e-301 else "*1E-20"
            sheet.write_formula(row, column, f"=({formula}){below}".replace("e+", "E+").replace("e-", "E-"), None, 0)
    book.close()
    return folder / "activations.xlsx"


def scaled_book(folder: Path) -> tuple[Path, dict[str, dict[Place, float]], Trace]:
    """A window in the series' units, with another number in it: 60.0 at the second step."""
    network, scaler = Network(5, 1, (gru(2), dense(1, "tanh"))), MinMaxScaler(-20.0, 230.0)
    trace, x = traced(network), network.windows(2).astype(np.float64)
    trace.to_xlsx(folder / "scaled.xlsx", scaler=scaler)
    book = read(folder / "scaled.xlsx")
    assert np.abs(book.values("the_window") - scaler.inverse_transform(x[0])).max() < 1e-12
    assert compare(book.sheets, trace, 0, 0) > 0
    sheet, places = book.names["the_window"]
    x[0, 1, 0] = scaler.transform(np.array(60.0))
    return folder / "scaled.xlsx", {sheet: {places[1][0]: 60.0}}, traced(network, x)
