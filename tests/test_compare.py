"""Two networks side by side: rearranged units forecast the same; matched ones are found again; sizes may differ."""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace

import numpy as np
import pytest
from networks import (
    NETWORKS,
    Network,
    any_network,
    bidirectional,
    dense,
    dropout,
    gru,
    linear_skip,
    lstm,
    masking,
    rnn,
    task_of,
)

from timeglass import EngineError, OptionError, ShapeError
from timeglass.explain import compare as compare_module
from timeglass.explain.compare import aligned, compare
from timeglass.explain.matching import match_layers, match_units
from timeglass.explain.rearranging import Units, rearranged
from timeglass.explain.time_machine import TimeMachine
from timeglass.explain.unit_groups import ODD, unit_groups
from timeglass.trace.recording import record
from timeglass.trace.trace import Trace

# Besides all of NETWORKS: what stands between layers, pairs of every kind, odd and other activations.
MORE = {
    "gates of other kinds": Network(5, 2, (lstm(4, "softsign", recurrent_activation="relu"), dense(3), dense(1))),
    "gru, odd gates": Network(5, 2, (gru(4, recurrent_activation="tanh", reset_after=False), dense(2))),
    "dropout between": Network(5, 1, (rnn(4, return_sequences=True), dropout(0.3), dense(4, "tanh"), gru(3), dense(2))),
    "skip between": Network(5, 1, (lstm(3), dense(4, "softsign"), linear_skip(3), dense(2, "tanh"), dense(1))),
    "product below": Network(4, 1, (bidirectional(rnn(4, return_sequences=True), "mul"), lstm(3), dense(1))),
    "sum of two kinds": Network(
        4,
        1,
        (
            bidirectional(
                rnn(4, return_sequences=True), "sum", backward_layer=gru(4, go_backwards=True, return_sequences=True)
            ),
            dense(1),
            rnn(2),
        ),
    ),
    "sum, one not odd": Network(
        4, 1, (bidirectional(rnn(4), "ave", backward_layer=rnn(4, "relu", go_backwards=True)), dense(1))
    ),
    "pair at the end": Network(4, 2, (rnn(4, return_sequences=True), bidirectional(lstm(2), "mul"))),
    "mask above": Network(5, 2, (rnn(4, return_sequences=True), masking(), gru(3), dense(1))),
    "mask of a number above": Network(5, 2, (dense(4, "tanh"), masking(0.5), gru(3), dense(1))),
    "sequences to the end": Network(4, 1, (gru(3, return_sequences=True), lstm(2, return_sequences=True))),
}
ALL = NETWORKS | MORE
each = pytest.mark.parametrize("name", ALL)


def traced(network: Network, weights: np.ndarray | None = None, count: int = 9, targets: bool = False) -> Trace:
    row = network.weights()[0].astype(np.float64) if weights is None else weights
    task = task_of(network, count=count)
    return record(network.architecture, row, task.x, *((task.y, task.loss) if targets else ()))


def shuffled(network: Network, seed: int = 1) -> dict[int, Units]:
    """An order and signs for each layer: all that the groups allow."""
    rng, units = np.random.default_rng(seed), {}
    for group in unit_groups(network.architecture):
        size = network.architecture.layers[group.nodes[0]].units
        order = np.arange(size) if group.outputs else np.roll(rng.permutation(size), 1)
        signs = rng.choice([-1.0, 1.0], size)
        for node, free in zip(group.nodes, group.signs, strict=True):
            signs = signs if group.one_sign else rng.choice([-1.0, 1.0], size)
            units[node] = Units(order, signs if free else np.ones(size))
    return units


# Rearranged


def unchanged(network: Network, units: dict[int, Units]) -> float:
    """How far forecasts move when units do, as a share of their size."""
    one = traced(network)
    other = traced(network, rearranged(network.architecture, one.weight_row, units))
    return float(np.abs(one.forecasts - other.forecasts).max() / max(1, np.abs(one.forecasts).max()))


@each
@pytest.mark.parametrize("seed", [1, 2])
def test_a_rearranged_network_forecasts_the_same(name, seed):
    network = ALL[name]
    units = shuffled(network, seed)
    assert unchanged(network, units) <= 1e-12
    weights = network.weights()[0]
    new = rearranged(network.architecture, weights, units)
    assert new.dtype == np.float32
    assert np.array_equal(np.sort(np.abs(new)), np.sort(np.abs(weights)))  # places and signs, and nothing else
    if any(not group.outputs for group in unit_groups(network.architecture)):
        single = all(node.units == 1 for node in network.architecture.layers)
        assert single or not np.array_equal(new, weights)


@pytest.mark.parametrize("seed", range(80))
def test_any_network_rearranged_forecasts_the_same(seed):
    assert unchanged(any_network(seed), shuffled(any_network(seed), seed)) <= 1e-12


@each
def test_a_sign_that_is_not_free_changes_the_forecast(name):
    """So the groups allow no less than they could: but for signs that come to nothing."""
    network = ALL[name]
    free = {
        node: may
        for group in unit_groups(network.architecture)
        for node, may in zip(group.nodes, group.signs, strict=True)
    }
    for node, may in free.items():
        size = network.architecture.layers[node].units
        signs = np.ones(size)
        signs[0] = -1
        together = [group for group in unit_groups(network.architecture) if node in group.nodes and group.one_sign]
        nodes = together[0].nodes if together else (node,)
        moved = unchanged(network, {own: Units(np.arange(size), signs) for own in nodes})
        if may:
            assert moved <= 1e-12
        elif network.architecture.layers[node].activation not in ODD:
            assert moved > 1e-6
    mask_free = name != "mask of a number above"
    assert mask_free or free[0] is False


def test_the_signs_of_gates_are_the_candidates():
    """Worked by hand: h and c of LSTM unit 1 change sign, so its candidate's columns and its rows of wh do."""
    network = Network(4, 1, (lstm(2), dense(1)))
    row = network.weights()[0].astype(np.float64)
    before = network.architecture.split(row[None].copy())[0]
    new = rearranged(network.architecture, row, {0: Units(np.arange(2), np.array([1.0, -1.0]))})
    after = network.architecture.split(new[None])[0]
    wx, wh, bh = (before[name][0].copy() for name in ("wx", "wh", "bh"))
    wx[:, 5] *= -1
    wh[1] *= -1
    wh[:, 5] *= -1
    bh[5] *= -1
    for name, expected in (("wx", wx), ("wh", wh), ("bh", bh)):
        assert np.array_equal(after[name][0], expected)
    one, other = traced(network), traced(network, new)
    assert np.abs(other["lstm.h"] - one["lstm.h"] * [1, -1]).max() < 1e-15
    assert np.abs(other["lstm.c"] - one["lstm.c"] * [1, -1]).max() < 1e-15
    assert np.abs(other["lstm.forget"] - one["lstm.forget"]).max() < 1e-15


# Matched


@each
def test_units_are_found_again_to_the_bit(name):
    network = ALL[name]
    one = traced(network, targets=True)
    other = traced(network, rearranged(network.architecture, one.weight_row, shuffled(network)), targets=True)
    back = aligned(one, other)
    assert np.array_equal(back.weight_row, one.weight_row)
    assert np.abs(back.forecasts - other.forecasts).max() <= 1e-12 * max(1, np.abs(other.forecasts).max())
    assert np.abs(back.losses - other.losses).max() <= 1e-12 * max(1, np.abs(other.losses).max())
    found = match_layers(one, other)
    assert len(found) == sum(node.recurrent or node.layer.kind == "dense" for node in network.architecture.layers)
    for matching in found:
        assert matching.unmatched == ((), ())
        moving = matching.correlations != 0
        assert np.abs(matching.correlations[moving] - 1).max(initial=0) < 1e-9
        assert moving.any()


@each
def test_an_aligned_network_forecasts_the_same(name):
    """Of two networks that have nothing in common but their shape."""
    network = ALL[name]
    one = traced(network)
    other = traced(network, replace(network, seed=7).weights()[0].astype(np.float64))
    found = compare(one, other)
    size = max(1, np.abs(other.forecasts).max())
    assert np.abs(found.aligned.forecasts - other.forecasts).max() <= 1e-12 * size
    assert np.array_equal(aligned(one, other).weight_row, found.aligned.weight_row)
    again = match_layers(one, found.aligned)
    for before, after in zip(found.matchings, again, strict=True):
        assert np.abs(before.correlations.sum() - after.correlations.sum()) < 1e-9
        moving = np.flatnonzero(after.correlations > 0)
        assert np.array_equal(after.permutation[moving], moving)


@pytest.mark.parametrize("mode", ["sum", "ave", "mul", "concat"])
@pytest.mark.parametrize("cell", [rnn, gru, lstm])
def test_half_a_pair_is_matched_and_the_other_half_follows(mode, cell):
    one = traced(Network(4, 1, (cell(3), dense(1))))
    pair = Network(4, 1, (bidirectional(cell(3), mode), dense(1)))
    other = traced(pair, replace(pair, seed=5).weights()[0].astype(np.float64))
    found = compare(one, other)
    units = found.matchings[0].units
    assert not np.array_equal(units.order, np.arange(3)) or (units.signs < 0).any()
    assert np.abs(found.aligned.forecasts - other.forecasts).max() <= 1e-12
    assert np.abs(compare(other, one).aligned.forecasts - one.forecasts).max() <= 1e-12


def test_an_order_that_moves_forecasts_is_refused(monkeypatch):
    network = Network(4, 1, (rnn(3), dense(1)))
    one, other = traced(network), traced(network, replace(network, seed=5).weights()[0].astype(np.float64))

    def wrong(architecture, weights, units):
        return weights[::-1]

    monkeypatch.setattr(compare_module, "rearranged", wrong)
    with pytest.raises(EngineError, match=r"with its units matched the other network's forecasts move by 0\.\d+"):
        compare(one, other)


def test_a_network_that_magnifies_rounding_is_matched():
    network = Network(120, 1, (rnn(4), dense(1)))
    row = 6 * network.weights()[0].astype(np.float64)
    found = compare(traced(network), traced(network, row))
    assert len(found.matchings) == 2


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_no_other_assignment_is_better(activation):
    network = Network(6, 1, (rnn(5, activation), dense(1)))
    one = traced(network)
    other = traced(network, replace(network, seed=3).weights()[0].astype(np.float64))
    found = match_units(one, other)
    states = [trace["simple_rnn.h"].reshape(-1, 5) for trace in (one, other)]
    table = np.corrcoef(*states, rowvar=False)[:5, 5:]
    scores = np.abs(table) if activation == "tanh" else table
    best = max(sum(scores[j, place] for j, place in enumerate(order)) for order in itertools.permutations(range(5)))
    assert found.correlations.sum() == pytest.approx(best, abs=1e-12)
    assert np.abs(found.correlations - table[np.arange(5), found.permutation] * found.signs).max() < 1e-12
    assert (found.correlations >= 0).all() or activation == "sigmoid"
    assert activation == "tanh" or (found.signs == 1).all()
    assert table.min() < -0.2  # so that signs could have been chosen


@pytest.mark.parametrize(("mine", "theirs"), [(3, 5), (5, 3), (1, 4)])
def test_networks_of_other_sizes(mine, theirs):
    one, other = (Network(6, 1, (gru(units), dense(1))) for units in (mine, theirs))
    a, b = traced(one), traced(other)
    found = compare(a, b)
    units = found.matchings[0]
    few = min(mine, theirs)
    assert (len(units.matched), len(units.correlations), len(units.permutation)) == (few, few, theirs)
    assert sorted(units.permutation.tolist()) == list(range(theirs))
    assert sorted([*units.matched.tolist(), *units.unmatched[0]]) == list(range(mine))
    assert sorted([*units.permutation[:few].tolist(), *units.unmatched[1]]) == list(range(theirs))
    assert np.abs(found.aligned.forecasts - b.forecasts).max() <= 1e-12
    states = found.aligned["gru.h"]
    for j, unit in enumerate(units.matched):
        pair = np.corrcoef(a["gru.h"][..., unit].ravel(), states[..., j].ravel())[0, 1]
        assert pair == pytest.approx(units.correlations[j], abs=1e-12)
    assert found.weight_distances is None
    left = units.unmatched[0] or units.unmatched[1]
    which = "first" if units.unmatched[0] else "second"
    assert f"  of the {which} network only: unit {', '.join(map(str, left))}" in found.lines()


def test_networks_of_other_kinds_and_depths():
    one = Network(6, 1, (rnn(3), dense(1)))
    other = Network(6, 1, (bidirectional(lstm(4, return_sequences=True)), gru(2), dense(5, "tanh"), dense(1)))
    found = compare(traced(one), traced(other))
    names = [matching.layers for matching in found.matchings]
    assert names == [("simple_rnn", "forward_lstm"), ("dense", "dense_1")]
    assert np.abs(found.aligned.forecasts - found.other.forecasts).max() <= 1e-12
    assert compare(traced(other), traced(one)).matchings[0].layers == ("forward_lstm", "simple_rnn")
    assert match_units(traced(other), traced(one), "dense_1").layers == ("dense_1", "dense")
    with pytest.raises(OptionError, match="match_units layer gru: the other network has no layer in its place"):
        match_units(traced(other), traced(one), "gru")
    # A Dense layer at each step is not held against one after them.
    bare = Network(6, 1, (dense(3, "tanh"), rnn(2, return_sequences=True), rnn(1)))
    assert [one.layers for one in match_layers(traced(bare), traced(other))] == [
        ("simple_rnn", "forward_lstm"), ("simple_rnn_1", "dense_1"),
    ]  # fmt: skip


# Compared


def test_a_comparison_in_numbers_and_words():
    network = Network(6, 1, (rnn(2), dense(1)))
    one = traced(network, targets=True)
    swap = {0: Units(np.array([1, 0]), np.array([-1.0, 1.0]))}
    row = rearranged(network.architecture, one.weight_row, swap)
    row[-1] += 0.25  # the last bias: every forecast moves by it
    other = traced(network, row, targets=True)
    found = compare(one, other)
    assert np.abs(found.differences - 0.25).max() < 1e-12
    before, after = found.weight_distances
    assert before == pytest.approx(float(np.linalg.norm(row - one.weight_row)))
    assert after == pytest.approx(0.25)
    lines = found.lines()
    assert lines[0].startswith("9 windows: the forecasts differ by 0.25 (root of the mean square), at most by 0.25, in")
    assert lines[1] == f"mean loss: {one.losses.mean():.5g} and {other.losses.mean():.5g}"
    assert lines[2] == "simple_rnn beside simple_rnn: 2 pairs of units, correlation 1.000 in the mean, 1.000 to 1.000"
    assert lines[3:5] == ["  unit 0   is  unit 1   1", "  unit 1   is −unit 0   1"]
    assert lines[-1].endswith("apart as they stand, 0.25 with the units matched")


def test_one_network_at_two_moments_of_its_training():
    network, machine = NETWORKS["tutorial"], TimeMachine()
    model = network.sequential(networks=2, seed=0)
    model.compile("adam", "mse")
    x, y = network.windows(40), network.targets(40)
    history = model.fit(x, y, batch_size=1, epochs=20, callbacks=[machine])
    found = compare(machine.trace(19, x, y), machine.trace(20, x, y))
    assert found.matchings[0].permutation.tolist() == [0, 1, 2]  # an epoch is too short to change places
    assert found.matchings[0].correlations.min() > 0.99
    assert found.weight_distances[0] == found.weight_distances[1]
    early = compare(machine.trace(1, x, y), machine.trace(20, x, y))
    assert early.other.losses.mean() < early.one.losses.mean()
    assert abs(machine.trace(20, x, y).losses.mean() - model.evaluate(x, y)[0]) < 1e-6
    assert len(history.epoch) == 20
    seeds = compare(model.trace(x, network=0), model.trace(x, network=1))
    assert seeds.weight_distances[1] < seeds.weight_distances[0]
    assert np.abs(seeds.aligned.forecasts - seeds.other.forecasts).max() < 1e-12


def test_units_that_never_move_have_no_correlation():
    network = Network(4, 1, (rnn(3), dense(1)))
    row = network.weights()[0].astype(np.float64)
    split = network.architecture.split(row[None])[0]
    for name in ("wx", "wh"):
        split[name][..., 2] = 0
    split["bh"][..., 2] = 0.3
    found = match_units(traced(network, row), traced(network, row))
    assert found.permutation.tolist() == [0, 1, 2]
    assert found.correlations[2] == 0
    assert found.correlations[:2] == pytest.approx([1, 1])


# What cannot be


def test_what_is_refused(monkeypatch):
    network = NETWORKS["tutorial"]
    one = traced(network)
    for call, error, words in (
        (lambda: compare(one, traced(network, count=4)), ShapeError, r"windows \(9, 12, 1\) and \(4, 12, 1\): trace"),
        (lambda: match_units(one, record(one.architecture, one.weight_row, one["x"] + 1)), OptionError,
         "of different windows: trace the same x by both"),
        (lambda: compare(one, traced(Network(12, 1, (rnn(3), dense(2))))), ShapeError, r"shapes \(9, 1\) and \(9, 2\)"),
        (lambda: match_units(one, one, "lstm"), OptionError, "layer lstm: the layers with units are simple_rnn, dense"),
        (lambda: match_units(traced(NETWORKS["dense alone"]), traced(NETWORKS["dense alone"])), OptionError,
         "no recurrent layer"),
    ):  # fmt: skip
        with pytest.raises(error, match=words):
            call()
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(EngineError, match=r"needs SciPy: pip install 'timeglass\[explain\]'"):
        match_units(one, one)
