"""Charts and tables: their numbers are what they were made from, and each is written where it can be read."""

from __future__ import annotations

from dataclasses import replace
from math import inf, log10, nan

import networks
import numpy as np
import pytest
from networks import NETWORKS, Network, dense, lstm
from svgs import HOSTILE, assert_legible, number_of, parsed, shapes, tip, tips, words_of

from timeglass import Dense, Input, OptionError, Sequential, ShapeError, SimpleRNN
from timeglass.explain.attribution import attribute
from timeglass.explain.flow import GradientFlow, gradient_flow
from timeglass.explain.formulas import formulas
from timeglass.explain.memory import LayerStates, Memory, layer_states, memory
from timeglass.explain.proof import Table, prove
from timeglass.show.colours import BLUE, GROUND, ORANGE, contrast, diverging, ink_on, stroke
from timeglass.show.flow import flow_svg
from timeglass.show.heat_map import HeatMap, heat_map_svg
from timeglass.show.html import grid_html, table_html
from timeglass.show.memory import memory_svg, states_svg
from timeglass.show.numbers import number
from timeglass.show.svg import canvas, fitted, save_svg, svg_text, text_width
from timeglass.show.waterfall import waterfall, waterfall_svg
from timeglass.trace.recording import record
from timeglass.trace.states import state_map
from timeglass.trace.trace import Trace

each_network = pytest.mark.parametrize("name", NETWORKS)
recurrent = pytest.mark.parametrize("name", [name for name in NETWORKS if name != "dense alone"])


def traced(network: Network, count: int = 4) -> Trace:
    loss = networks.loss_of("mean_squared_error")
    return record(network.architecture, network.weights()[0], network.windows(count), network.targets(count), loss)


def cells(root):
    return [element for element in shapes(root, "rect") if " = " in tip(element)]


# Colours and shapes


def test_ink_can_be_read_on_every_colour():
    for value in np.linspace(-1, 1, 201):
        fill = diverging(value, 1.0)
        assert contrast(ink_on(fill), fill) >= 4.5
    assert contrast(BLUE, GROUND) > 4.5
    assert contrast(ORANGE, GROUND) > 4.5
    sizes = [contrast(stroke(value, 1.0), GROUND) for value in np.linspace(0.001, 1, 50)]
    assert sizes == sorted(sizes)
    assert sizes[0] > 1.4  # the faintest line is still seen
    assert (diverging(nan, 1.0), stroke(0.0, 1.0), diverging(1.0, 0.0)) == ("#c4c4c4", "#c4c4c4", "#f6f6f4")


def test_words_are_cut_to_fit():
    for words in HOSTILE:
        assert text_width(fitted(words, 90, size=12), 12) <= 90
    assert fitted("abc", 90, size=12) == "abc"


def test_a_picture_is_saved_whole(tmp_path):
    svg = svg_text(canvas(10, 10, title="<&>é", description="d"))
    save_svg(tmp_path / "a.svg", svg)
    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == svg
    assert parsed(svg).get("aria-label") == "<&>é"
    with pytest.raises(OptionError, match="cannot be written"):
        save_svg(str(tmp_path / "none" / "a.svg"), svg)


# Heat maps


@recurrent
def test_the_cells_are_the_states(name):
    trace = traced(NETWORKS[name])
    for node in trace.architecture.layers:
        if not node.recurrent:
            continue
        drawn = state_map(trace, node.name, window=1)
        assert np.array_equal(drawn.values, trace[f"{node.name}.h"][1].T)
        root = parsed(heat_map_svg(drawn))
        assert_legible(root)
        found = {tip(cell): cell.get("fill") for cell in cells(root)}
        for unit, step in np.ndindex(drawn.values.shape):
            off = ", masked" if step in drawn.masked else ""
            value = float(drawn.values[unit, step])
            key = f"h: unit {unit}, time step t {step + 1}{off} = {value!r}"
            assert found[key] == diverging(value, np.abs(drawn.values).max())
        if node.masked:
            assert drawn.masked == tuple(np.flatnonzero(~trace.step_counts(node.mask)[1]))
            assert len([t for t in shapes(root, "text") if t.text == "▾"]) == len(drawn.masked)


def test_gates_and_gradients_have_maps_too():
    trace = traced(NETWORKS["lstm"])
    assert np.array_equal(state_map(trace, array="forget").values, trace["lstm.forget"][0].T)
    assert np.array_equal(state_map(trace, array="dh", window=3).values, trace["lstm.dh"][3].T)
    for options, words in (
        ({"array": "z"}, "array z: of lstm there are input, forget"),
        ({"array": "nothing"}, "array nothing: of lstm there are"),
        ({"window": 4}, "window 4: the trace has windows 0 to 3"),
        ({"layer": "dense"}, "layer dense: the recurrent layers of this network are lstm"),
    ):
        with pytest.raises(OptionError, match=words):
            state_map(trace, **options)


def test_large_tables_show_the_largest_of_each_block():
    values = np.random.default_rng(0).normal(size=(130, 300))
    drawn = HeatMap("Norms", values, "epoch", "time step t", first_row=1)
    assert drawn.block == (3, 3)
    rows = list(drawn.cells())
    assert (len(rows), len(rows[0])) == (44, 100)
    for place, row in enumerate(rows):
        for at, cell in enumerate(row):
            block = values[3 * place : 3 * place + 3, 3 * at : 3 * at + 3]
            assert abs(cell.value) == np.abs(block).max()
            assert cell.value == values[cell.row, cell.column]
    root = parsed(heat_map_svg(drawn))
    assert_legible(root)
    assert len(cells(root)) == 4400
    assert any("A cell stands for 3 × 3 numbers" in words for words in root.itertext())


def test_what_is_not_finite_is_grey_and_said():
    values = np.array([[1.0, nan], [inf, -2.0]])
    drawn = HeatMap("T", values, "unit", "step")
    assert drawn.limit == 2
    assert drawn.notes == ("2 numbers are not finite: grey.",)
    fills = [cell.get("fill") for cell in cells(parsed(heat_map_svg(drawn)))]
    assert fills == [diverging(1.0, 2.0), "#c4c4c4", "#c4c4c4", BLUE]
    many = np.zeros((200, 1))
    many[7] = nan
    assert sum(np.isnan(row[0].value) for row in HeatMap("T", many, "a", "b").cells()) == 1
    for shape in ((0, 3), (3,), (2, 2, 2)):
        with pytest.raises(ShapeError, match="HeatMap: expected values of rows and columns"):
            HeatMap("T", np.zeros(shape), "a", "b")
    for shape in ((1, 1), (1, 128), (64, 1)):
        assert_legible(parsed(heat_map_svg(HeatMap("T", np.zeros(shape), "a", "b"))))


# Gradient flow


@recurrent
def test_the_flow_of_a_network(name):
    flow = gradient_flow(traced(NETWORKS[name]))
    drawn = flow.picture()
    assert drawn.state_norms == tuple(flow.state_norms)
    assert drawn.loss_norms == tuple(flow.loss_norms)
    root = parsed(flow_svg(drawn))
    assert_legible(root)
    said = tips(root)
    for step in range(len(flow.state_norms)):
        assert f"|∂h_T/∂h_t|, spectral norm at t = {step + 1}: {float(flow.state_norms[step])!r}" in said
        assert f"|∂loss/∂h_t| at t = {step + 1}: {float(flow.loss_norms[step])!r}" in said
    assert flow.verdict in [t.text for t in shapes(root, "text")]
    assert words_of(flow._repr_html_())


def test_norms_stand_at_their_powers_of_ten():
    flow = GradientFlow("a", None, np.array([0.0, 1e-20, 1e-6, 1e-3, 1.0, 1e3, 1e5]))
    drawn = flow.picture()
    assert drawn.range == pytest.approx((1e-6, 1e5))
    root = parsed(flow_svg(drawn))
    assert_legible(root)
    heights = [number_of(point, "cy") for point in shapes(root, "circle")]
    low, high = heights[2], heights[6]
    assert heights[:2] == [low, low]
    for height, power in zip(heights[2:], (-6, -3, 0, 3, 5), strict=True):
        assert height == pytest.approx(low + (high - low) * (power + 6) / 11, abs=0.11)
    assert [point.get("fill") for point in shapes(root, "circle")][:3] == [
        GROUND,
        GROUND,
        BLUE,
    ]  # hollow: off the scale
    levels = {tip(line): number_of(line, "y1") for line in shapes(root, "line") if tip(line)}
    assert levels == {"vanished below 0.001": heights[3], "exploded above 1000": heights[5]}
    one = GradientFlow("a", np.array([0.5]), np.array([1.0])).picture()
    assert_legible(parsed(flow_svg(one)))
    assert log10(one.range[0]) == pytest.approx(-3)


# Memory


@each_network
def test_the_memory_of_a_network(name):
    found = memory(traced(NETWORKS[name]))
    drawn = found.picture()
    assert drawn.curve == tuple(found.curve)
    assert drawn.steps == found.steps
    root = parsed(memory_svg(drawn))
    assert_legible(root)
    bars = [bar for bar in shapes(root, "rect") if "before the last" in tip(bar)]
    heights = np.array([number_of(bar, "height") for bar in bars])
    assert heights == pytest.approx(np.maximum(0.5, 220 * found.curve / found.curve.max()), abs=0.06)
    assert [tip(bar).split(": ")[1] for bar in bars] == [repr(float(value)) for value in found.curve]
    assert sum(bar.get("fill") == BLUE for bar in bars) == found.steps
    assert words_of(found._repr_html_())


def test_a_network_that_forgets_everything_can_be_drawn():
    root = parsed(memory_svg(Memory(np.zeros(5)).picture()))
    assert_legible(root)
    assert root.find("{http://www.w3.org/2000/svg}title").text.startswith("Effective memory: none")


def test_eigenvalues_stand_in_their_plane():
    states = LayerStates("rnn", np.array([1.2 + 0j, 0.5j, -0.5j]), 0.25, (0, 2))
    drawn = states.picture()
    assert drawn.lines() == [
        "Spectral radius of wh: 1.2", "Half-life of a state: none (were it linear)",
        "Saturated: 25 % of the states are beyond ±0.98", "Dead units: 0, 2",
    ]  # fmt: skip
    root = parsed(states_svg(drawn))
    assert_legible(root)
    points = [(number_of(c, "cx"), number_of(c, "cy"), c.get("fill")) for c in shapes(root, "circle")]
    (x1, y1, out), (x2, y2, within), (_, y3, _) = points
    assert (out, within) == (ORANGE, BLUE)
    middle = (x2, y1)
    unit = (x1 - middle[0]) / 1.2
    assert (middle[1] - y2, y3 - middle[1]) == pytest.approx((0.5 * unit, 0.5 * unit), abs=0.11)
    ring = next(path.get("d") for path in shapes(root, "path"))
    corners = np.array([part.split() for part in ring.strip("MZ").split("L")], dtype=float)
    assert np.hypot(*(corners - middle).T) == pytest.approx(np.full(72, unit), abs=0.2)


@recurrent
def test_the_states_of_a_network(name):
    trace = traced(NETWORKS[name])
    for node in trace.architecture.layers:
        if node.recurrent:
            states = layer_states(trace, node.name)
            root = parsed(states_svg(states.picture()))
            assert_legible(root)
            assert len(shapes(root, "circle")) == (0 if states.eigenvalues is None else node.units)
            assert words_of(states._repr_html_())


# Attribution


@pytest.mark.parametrize("name", ["tutorial", "sequences", "gru", "lstm, stacked", "two ways", "skip", "masked"])
def test_bars_lead_from_the_baseline_to_the_forecast(name):
    baseline = 0.0 if name == "masked" else 0.25  # the line from there crosses no mask
    found = attribute(traced(NETWORKS[name], count=2), baseline, tolerance=1e-6)
    last = found.shares.shape[1] - 1
    for window, output in ((0, 0), (1, last)):
        drawn = found.picture(window, output)
        assert (drawn.first, drawn.last) == (found.baseline[window, output], found.forecasts[window, output])
        assert abs(drawn.gap) <= found.gap + 1e-12
        total = sum(bar.share for bar in drawn.bars)
        assert total == pytest.approx(found.shares[window, output].sum(), abs=1e-12)
        starts = [drawn.first, *(bar.end for bar in drawn.bars)]
        assert [bar.start for bar in drawn.bars] == starts[:-1]
        root = parsed(waterfall_svg(drawn))
        assert_legible(root)
        texts = [t.text for t in shapes(root, "text")]
        assert all(number(abs(bar.share), 3) in "".join(texts) for bar in drawn.bars)
    assert words_of(found._repr_html_())


def test_shares_are_in_times_order_and_the_small_ones_together():
    found = attribute(traced(Network(24, 2, (lstm(3), dense(1)))))
    drawn = found.picture()
    assert len(drawn.bars) == 24
    assert drawn.bars[0].name == "25 smaller ones"
    kept = {bar.name: bar.share for bar in drawn.bars[1:]}
    for name, share in kept.items():
        step, feature = int(name[4:].split("]")[0]) - 1, int(name[-2])
        assert share == found.shares[0, 0, step, feature]
        assert abs(share) >= sorted(np.abs(found.shares[0, 0]).ravel())[24]
    places = [(int(name[4:].split("]")[0]), name[-2]) for name in kept]
    assert places == sorted(places)
    assert drawn.gap == pytest.approx(0, abs=1e-9)
    for window, output, words in ((4, 0, "window: expected 0 to 3, got 4"), (0, 1, "output: expected 0 to 0, got 1")):
        with pytest.raises(OptionError, match=f"attribution {words}"):
            found.picture(window, output)


def test_a_waterfall_without_a_change():
    drawn = waterfall([("a", 0.0)], title="t", first=("from", 1.0), last=("to", 1.0))
    assert_legible(parsed(waterfall_svg(drawn)))
    assert_legible(parsed(waterfall_svg(waterfall([], title="t", first=("from", 1.0), last=("to", 2.0)))))
    open_ = waterfall([("a", 0.5)], title="t", first=("from", 1.0), last=("to", 2.0))
    assert open_.gap == 0.5
    root = parsed(waterfall_svg(open_))
    assert any("but for 0.5" in words for words in root.itertext())
    assert "not accounted for: 0.5, from 1.5 to 2.0" in tips(root)
    assert not any("not accounted" in words for words in tips(parsed(waterfall_svg(drawn))))


# Tables and formulas


@each_network
def test_every_weight_is_in_its_table(name):
    model = NETWORKS[name].sequential(seed=0)
    for table in model.weights:
        page = table._repr_html_()
        words = words_of(page)
        for value in table.values[:24, :32].ravel():
            assert number(float(value), 4) in words
            assert diverging(value, np.abs(table.values).max()) in page
            assert repr(float(value)) in page
        high, wide = table.values.shape
        cut = high > 24 or wide > 32
        assert any(f"The first {min(high, 24)} of {high} rows" in one for one in words) == cut


def test_the_proofs_table_says_its_verdict():
    model = Sequential([SimpleRNN(2, input_shape=(3, 1)), Dense(1)], seed=0)
    table = prove(model, [[[1.0], [2.0], [3.0]]], ("numpy", "definition"))
    words = words_of(table._repr_html_())
    assert words[0] == "The proof holds"
    assert words.count("holds") == 2
    assert f"{table.differences['numpy']:.2e}" in words
    wrong = Table(table.forecasts | {"numpy": table.forecasts["plain"] + 0.5})
    assert [word for word in words_of(wrong._repr_html_()) if "FAILS" in word] == ["The proof FAILS", "FAILS"]
    odd = Table(table.forecasts | {"numpy": table.forecasts["plain"] * nan})
    assert "The proof FAILS" in words_of(odd._repr_html_())


def test_formulas_show_as_html_and_latex():
    model = Sequential([SimpleRNN(1, input_shape=(1, 1)), Dense(1)], seed=0)
    one = formulas(model.trace([[[1.0]]]))[0]
    assert one._repr_latex_() == f"${one.latex()}$"
    assert one.html() in one._repr_html_()
    assert words_of(replace(one, symbol="<script>")._repr_html_())


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: name[:12].encode("unicode_escape").decode())
def test_hostile_names_are_harmless(name):
    model = Sequential([Input((2, 1)), SimpleRNN(2, name=name), Dense(1)], seed=0)
    model.compile("adam", "mse")
    trace = model.trace([[[1.0], [2.0]]], [[1.0]])
    for svg in (
        heat_map_svg(state_map(trace)),
        flow_svg(gradient_flow(trace).picture()),
        states_svg(layer_states(trace, name).picture()),
        heat_map_svg(HeatMap(name, np.eye(2), name, name, value_name=name)),
        waterfall_svg(waterfall([(name, 1.0)], title=name, first=(name, 0.0), last=(name, 1.0))),
    ):
        assert_legible(parsed(svg))
        assert len(svg) < 20_000
    for page in (
        model.weights[0]._repr_html_(),
        table_html([name, name], [[name, name]], title=name[:900], below=[name[:900]]) if len(name) < 900 else "",
        grid_html(np.eye(2), [name] * 2, [name] * 2, title="t", name=name),
    ):
        assert len(page) < 20_000
        words_of(page)
