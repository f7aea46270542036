"""The network unrolled over time: its numbers are the network's, and its drawing shows each of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest
from networks import NETWORKS, Network, bidirectional, dense, gru, loss_of, lstm, masking, rnn
from svgs import HOSTILE, assert_legible, number_of, parsed, shapes, tip, tips, words_of, written

from timeglass import Dense, Dropout, Input, OptionError, Sequential, SimpleRNN
from timeglass.cells.activations import ACTIVATIONS
from timeglass.show.numbers import number
from timeglass.show.unrolled import NODE_HEIGHT, NODE_WIDTH, Unrolled, UnrolledNode
from timeglass.show.unrolled_svg import unrolled_svg
from timeglass.trace.recording import record
from timeglass.trace.trace import Trace
from timeglass.trace.unrolled import unrolled

each_network = pytest.mark.parametrize("name", NETWORKS)
TUTORIAL = [
    [[0.18662322, -1.2369459]], [[0.86981213, -0.49338293], [0.49338293, 0.8698122]], [0, 0],
    [[-0.4635998], [0.6538409]], [0],
]  # fmt: skip


def tutorial() -> Trace:
    model = Sequential([SimpleRNN(2, "linear", input_shape=(3, 1)), Dense(1)], seed=0)
    model.set_weights(TUTORIAL)
    return model.trace([[[1.0], [2.0], [3.0]]])


def traced(network: Network, count: int = 3) -> Trace:
    loss = loss_of("mean_squared_error")
    return record(network.architecture, network.weights()[0], network.windows(count), network.targets(count), loss)


# The numbers


def test_the_tutorials_example():
    drawn = unrolled(tutorial())
    assert [(node.name, node.unit, node.label, node.column) for node in drawn.nodes] == [
        ("x[t=1]", 0, "x1[0]", 1), ("x[t=2]", 0, "x2[0]", 2), ("x[t=3]", 0, "x3[0]", 3),
        ("simple_rnn.h at its start", 0, "h0[0]", 0), ("simple_rnn.h at its start", 1, "h0[1]", 0),
        ("simple_rnn.h[t=1]", 0, "h1[0]", 1), ("simple_rnn.h[t=1]", 1, "h1[1]", 1),
        ("simple_rnn.h[t=2]", 0, "h2[0]", 2), ("simple_rnn.h[t=2]", 1, "h2[1]", 2),
        ("simple_rnn.h[t=3]", 0, "h3[0]", 3), ("simple_rnn.h[t=3]", 1, "h3[1]", 3),
        ("dense.y", 0, "y[0]", 3),
    ]  # fmt: skip
    values = [1, 2, 3, 0, 0, 0.18662322, -1.23694587, -0.07471441, -3.64187904, -1.30195881, -6.84172557, -3.86981212]
    assert [node.value for node in drawn.nodes] == pytest.approx(values, abs=5e-8)
    lines = {(drawn.nodes[e.source].label, drawn.nodes[e.target].label): e.weight for e in drawn.edges}
    assert len(lines) == len(drawn.edges) == 3 * 2 + 3 * 4 + 2
    for step in (1, 2, 3):
        assert [lines[f"x{step}[0]", f"h{step}[{j}]"] for j in (0, 1)] == pytest.approx(TUTORIAL[0][0])
        for i in (0, 1):
            found = [lines[f"h{step - 1}[{i}]", f"h{step}[{j}]"] for j in (0, 1)]
            assert found == pytest.approx(TUTORIAL[1][i])
    assert [lines[f"h3[{i}]", "y[0]"] for i in (0, 1)] == pytest.approx([-0.4635998, 0.6538409])
    assert (drawn.steps, drawn.notes) == ((1, 2, 3), ("Biases are in the nodes' tooltips.",))


def test_names_are_those_of_the_trace():
    trace = traced(NETWORKS["lstm"])
    for node in unrolled(trace, 2).nodes:
        if "start" not in node.name:
            assert trace[node.name][2][node.unit] == node.value


def sums(drawn: Unrolled, trace: Trace) -> dict[int, list[tuple[float, object]]]:
    """By node: what flows into it, and the line that it comes by. What a mask hides counts as 0 for who reads it."""
    found = defaultdict(list)
    for edge in drawn.edges:
        source = drawn.nodes[edge.source]
        hidden = source.masked and drawn.bands[source.band].symbol != "h" and not edge.recurrent
        found[edge.target].append((0.0 if hidden or "as 0" in edge.words else source.value, edge))
    return found


@each_network
def test_every_node_is_what_its_lines_make_of_what_they_carry(name):
    """Each drawn number is computed again from the drawn lines, gates and biases alone."""
    network = NETWORKS[name]
    trace = traced(network)
    layers = {node.name: node for node in network.architecture.layers}
    for window in range(2):
        drawn = unrolled(trace, window, steps=network.time_steps, units=32)
        assert not any("left out" in note or "first" in note for note in drawn.notes)
        into = sums(drawn, trace)
        for place, node in enumerate(drawn.nodes):
            band = drawn.bands[node.band]
            if band.kind != "window" and "start" not in node.name:
                check_node(node, layers[band.name], into[place])


def check_node(node: UnrolledNode, layer, lines) -> None:
    details, kind = dict(node.details), layer.layer.kind
    total = sum(value * edge.weight for value, edge in lines if edge.weight is not None)
    plain = [value for value, edge in lines if edge.weight is None]
    if node.masked and kind != "merge":
        assert plain == [node.value]  # held
        assert not any(edge.weight is not None for _, edge in lines)
    elif kind in ("simple_rnn", "dense"):
        made = ACTIVATIONS[layer.activation].f(np.float64(total + details.get("bias", 0.0)))
        assert made == pytest.approx(node.value, abs=1e-12)
    elif kind == "linear_skip":
        assert sum(plain) + total + details.get("bias", 0.0) == pytest.approx(node.value, abs=1e-12)
    elif kind == "merge":
        mode = layer.layer.mode
        made = np.prod(plain) if mode == "mul" else sum(plain) * (0.5 if mode == "ave" else 1)
        assert made == pytest.approx(node.value, abs=1e-12)
        assert len(plain) == (1 if mode == "concat" else 2)
    else:
        for gate in ("input", "forget", "output", "update", "reset"):
            if gate not in details:
                continue
            found = sum(value * dict(edge.gates)[gate] for value, edge in lines)
            found += details.get(f"{gate} bias", 0.0) + details.get(f"{gate} bias beside wh", 0.0)
            made = ACTIVATIONS[layer.recurrent_activation].f(np.float64(found))
            assert made == pytest.approx(details[gate], abs=1e-12)
        assert all(edge.weight == dict(edge.gates)["candidate"] for _, edge in lines)


def test_a_layer_that_goes_backwards_starts_at_the_right():
    drawn = unrolled(traced(NETWORKS["two ways"]))
    starts = {(drawn.bands[node.band].name, node.column) for node in drawn.nodes if "start" in node.name}
    assert starts == {("forward_simple_rnn", 0), ("backward_simple_rnn", 6)}
    for edge in drawn.edges:
        source, target = drawn.nodes[edge.source], drawn.nodes[edge.target]
        if edge.recurrent:
            assert target.column - source.column == (-1 if drawn.bands[target.band].backwards else 1)


def test_what_is_left_out_is_said():
    network = Network(40, 1, (lstm(11), dense(1)))
    drawn = unrolled(traced(network))
    assert drawn.steps == (1, 2, None, 39, 40)
    assert drawn.notes[:2] == ("Steps 3 to 38 of 40 are left out.", "lstm: the first 8 of 11 units are drawn.")
    assert "has the weight of its candidate" in drawn.notes[2]
    assert unrolled(traced(network), steps=7, units=2).steps == (1, 2, 3, None, 37, 38, 39, 40)
    columns = Counter(node.column for node in drawn.nodes if node.band == 1)
    assert columns == {0: 8, 1: 8, 2: 8, 4: 8, 5: 8}
    # No line leads over what is left out.
    gaps = [e for e in drawn.edges if drawn.nodes[e.target].column == 4 and e.recurrent]
    assert gaps == []
    model = Sequential([Input((2, 1)), Dropout(0.5), SimpleRNN(1, use_bias=False)], seed=0)
    dropped = unrolled(model.trace([[[1.0], [2.0]]]))
    assert dropped.notes == ("Dropout is not drawn: in a forecast it passes on what it is given.",)
    assert [band.name for band in dropped.bands] == ["x", "simple_rnn"]


def test_masked_steps_are_marked():
    trace = traced(NETWORKS["masked"])
    drawn = unrolled(trace, 1, steps=6)
    off = ~trace["masking.mask"][1]
    assert 0 < off.sum() < 6
    for node in drawn.nodes:
        timed = drawn.bands[node.band].timed and "start" not in node.name
        assert node.masked == (timed and bool(off[node.column - 1]))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"window": 3}, "window 3: the trace has windows 0 to 2"),
        ({"window": -1}, "window -1: the trace has windows 0 to 2"),
        ({"steps": 1}, "unrolled steps: expected at least 2, the first and the last, got 1"),
        ({"units": 0}, "unrolled units: expected at least 1, got 0"),
    ],
)
def test_what_cannot_be_drawn(options, words):
    with pytest.raises(OptionError, match=words):
        unrolled(traced(NETWORKS["tutorial"]), **options)


# The drawing


def node_boxes(root, drawn: Unrolled):
    """The rectangle of each node, in their order: those that have a tooltip."""
    found = [element for element in shapes(root, "rect") if tip(element)]
    assert len(found) == len(drawn.nodes)
    return found


@each_network
def test_every_number_is_written_and_nothing_overlaps(name):
    drawn = unrolled(traced(NETWORKS[name]))
    root = parsed(unrolled_svg(drawn))
    assert_legible(root)
    boxes, seen = node_boxes(root, drawn), []
    for box, node in zip(boxes, drawn.nodes, strict=True):
        assert f" = {node.value!r}" in tip(box)
        left, top = number_of(box, "x"), number_of(box, "y")
        inside = [
            t.words
            for t in written(root)
            if left < (t.left + t.right) / 2 < left + NODE_WIDTH and top < t.top < top + NODE_HEIGHT
        ]
        assert inside == [node.label, number(node.value, 3)]
        assert 0 < left < number_of(root, "width") - NODE_WIDTH
        for other_left, other_top in seen:
            assert abs(left - other_left) >= NODE_WIDTH or abs(top - other_top) >= NODE_HEIGHT
        seen.append((left, top))
    lines = shapes(root, "path")
    assert len(lines) == len(drawn.edges)
    words = "\n".join(map(tip, lines))
    for edge in drawn.edges:
        assert (edge.words or repr(edge.weight)) in words
        assert all(f"{gate} {weight!r}" in words for gate, weight in edge.gates)
    assert words_of(traced(NETWORKS[name])._repr_html_())


def test_columns_go_to_the_right_and_lines_end_at_their_nodes():
    drawn = unrolled(traced(NETWORKS["two ways"]))
    root = parsed(unrolled_svg(drawn))
    boxes = node_boxes(root, drawn)
    lefts = [number_of(box, "x") for box in boxes]
    for one, left in zip(drawn.nodes, lefts, strict=True):
        for other, right in zip(drawn.nodes, lefts, strict=True):
            if one.band == other.band and one.column < other.column:
                assert left < right
    ends = {tip(path).split(":")[0]: path.get("d") for path in shapes(root, "path")}
    course = ends["backward_simple_rnn.h[t=3] unit 0 → backward_simple_rnn.h[t=2] unit 1"]
    x1, *_, x2, _ = (float(v) for v in course.replace("M", "").replace("C", " ").split())
    assert x1 > x2  # from right to left


def test_the_thickest_line_is_the_largest_weight():
    drawn = unrolled(tutorial())
    root = parsed(unrolled_svg(drawn))
    thick = max(shapes(root, "path"), key=lambda path: number_of(path, "stroke-width"))
    assert "→ simple_rnn.h[t=" in tip(thick)
    assert tip(thick).endswith("weight -1.2369458675384521")
    assert thick.get("stroke") == "#1d5fa8"
    assert {number_of(path, "stroke-width") for path in shapes(root, "path")} == {
        round(0.6 + 3.6 * abs(e.weight) / 1.2369459, 1) for e in drawn.edges
    }


@pytest.mark.parametrize("steps", [1, 2, 24])
def test_small_and_large_networks(steps):
    layers = (masking(), lstm(8, return_sequences=True), bidirectional(gru(3, return_sequences=True), "sum"), dense(2))
    drawn = unrolled(traced(Network(steps, 3, layers)))
    assert_legible(parsed(unrolled_svg(drawn)))
    one = unrolled(traced(Network(steps, 1, (rnn(1),))))
    assert_legible(parsed(unrolled_svg(one)))


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: name[:12].encode("unicode_escape").decode())
def test_hostile_names_are_harmless(name):
    model = Sequential([SimpleRNN(2, input_shape=(2, 1), name=name), Dense(1, name="y" + name)], seed=0)
    trace = model.trace([[[1.0], [2.0]]])
    svg = unrolled_svg(unrolled(trace))
    assert_legible(parsed(svg))
    assert len(svg) < 40_000
    assert words_of(trace._repr_html_())


def test_numbers_at_the_ends_of_the_scale():
    drawn = unrolled(tutorial())
    values = [0.0, -0.0, 1e-300, -1.7976931348623157e308, 123456789.0, -1.2345e-7]
    nodes = tuple(replace(node, value=value) for node, value in zip(drawn.nodes, values * 2, strict=True))
    root = parsed(unrolled_svg(replace(drawn, nodes=nodes)))
    assert_legible(root)
    assert sum("-1.7976931348623157e+308" in words for words in tips(root)) == 2
    still = replace(drawn, edges=tuple(replace(edge, weight=0.0) for edge in drawn.edges))
    assert_legible(parsed(unrolled_svg(still)))
