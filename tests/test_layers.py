"""The layers' arguments, and the architecture: nodes, shapes, names, and what does not fit together."""

from __future__ import annotations

import inspect
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live import live_keras
from networks import DROPPING, NETWORKS, any_network

from timeglass.errors import OptionError, ShapeError
from timeglass.model.summary import summary_lines
from timeglass.network import chain
from timeglass.network.architecture import Architecture, Merge
from timeglass.network.dropout import INPUTS, STATE, check_rates, dropout_masks, drops
from timeglass.network.initializers import initial_weights
from timeglass.network.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Dense,
    Dropout,
    Layer,
    LinearSkip,
    Masking,
    SimpleRNN,
)
from timeglass.network.philox import random_words


def placed(*layers: Layer, time_steps: int = 5, features: int = 2) -> Architecture:
    return Architecture.of(layers, time_steps=time_steps, features=features)


@live_keras
@pytest.mark.parametrize("layer", [SimpleRNN, GRU, LSTM, Bidirectional, Dense, Dropout, Masking])
def test_arguments_have_kerass_names_order_and_defaults(layer):
    import keras  # seconds of start-up

    theirs = inspect.signature(getattr(keras.layers, layer.__name__)).parameters
    own = {name: p for name, p in inspect.signature(layer).parameters.items() if name in theirs}
    # Keras takes these two from a layer's keyword arguments.
    assert {field.name for field in fields(layer)} - set(own) <= {"input_shape", "name"}
    ordered = [name for name in theirs if name in own]
    assert ordered == list(own)
    assert {name: p.default for name, p in own.items()} == {name: theirs[name].default for name in own}


BAD = [
    (lambda: GRU(0), "GRU units: expected a whole number of at least 1, got 0"),
    (lambda: LSTM(2.5), "LSTM units: expected a whole number of at least 1, got 2.5"),
    (lambda: LSTM(True), "LSTM units: expected a whole number of at least 1, got True"),
    (lambda: GRU(1, "gelu"), "GRU activation: expected one of linear, tanh, .*swish, silu, got 'gelu'"),
    (lambda: LSTM(1, recurrent_activation=3), "LSTM recurrent_activation: expected one of linear, .*, got 3"),
    (lambda: SimpleRNN(1, use_bias=None), "SimpleRNN use_bias: expected True or False, got None"),
    (lambda: GRU(1, reset_after="no"), "GRU reset_after: expected True or False, got 'no'"),
    (lambda: LSTM(1, unit_forget_bias=1), "LSTM unit_forget_bias: expected True or False, got 1"),
    (lambda: LSTM(1, return_sequences=[]), r"LSTM return_sequences: expected True or False, got \[\]"),
    (lambda: LSTM(1, go_backwards=2), "LSTM go_backwards: expected True or False, got 2"),
    (lambda: SimpleRNN(1, dropout=1.0), "SimpleRNN dropout: expected a share from 0 to below 1, .*, got 1.0"),
    (lambda: GRU(1, recurrent_dropout=-0.1), "GRU recurrent_dropout: expected a share from 0 to below 1, .* -0.1"),
    (lambda: Dropout("0.5"), "Dropout rate: expected a share from 0 to below 1, .*, got '0.5'"),
    (lambda: Dropout(float("nan")), "Dropout rate: expected a share from 0 to below 1, .*, got nan"),
    (lambda: Dropout((0.5, 1.5)), r"Dropout rate: expected a share .* each network, got \(0.5, 1.5\)"),
    (lambda: Dropout(()), r"Dropout rate: expected a share .* each network, got \(\)"),
    (lambda: Masking(float("nan")), r"Masking mask_value: expected a finite number .*, got nan; .*NaN.* replaced"),
    (lambda: Masking(1e39), "Masking mask_value: expected a finite number .*, got 1e\\+39"),
    (lambda: Masking("0"), "Masking mask_value: expected a finite number .*, got '0'"),
    (lambda: LinearSkip(0), "LinearSkip time_steps: expected a whole number of at least 1, or None .*, got 0"),
    (lambda: Dense(1, name=""), "Dense name: expected a text that is not empty, got ''"),
    (lambda: GRU(1, input_shape=(0, 1)), r"GRU input_shape: expected \(time steps, features\), .* got \(0, 1\)"),
    (lambda: Bidirectional(Dense(1)), "Bidirectional layer: expected a SimpleRNN, GRU or LSTM, got Dense"),
    (lambda: Bidirectional(None), "Bidirectional layer: expected a SimpleRNN, GRU or LSTM, got None"),
    (lambda: Bidirectional(GRU(1), backward_layer=3), "Bidirectional backward_layer: expected a SimpleRNN, .* got 3"),
    (lambda: Bidirectional(GRU(1), None), "Bidirectional merge_mode: None would give two outputs, .* choose one of"),
    (lambda: Bidirectional(GRU(1), "add"), "merge_mode: expected one of concat, sum, mul, ave, got 'add'"),
    (lambda: Bidirectional(GRU(1, go_backwards=True)), "opposite ways, but both have go_backwards=True"),
    (lambda: Bidirectional(GRU(1), backward_layer=GRU(1)), "opposite ways, but both have go_backwards=False"),
    (
        lambda: Bidirectional(GRU(1), backward_layer=GRU(1, go_backwards=True, return_sequences=True)),
        "`layer` has return_sequences=False, `backward_layer` True",
    ),
    (
        lambda: Bidirectional(GRU(1), "mul", backward_layer=GRU(2, go_backwards=True)),
        "'mul' goes unit by unit, but the layers have 1 and 2 units",
    ),
    (lambda: placed(GRU(1, name="a"), Dense(1, name="a")), "layer names: each may be given once, got a, a"),
]


@pytest.mark.parametrize(("make", "message"), BAD, ids=range(len(BAD)))
def test_bad_arguments_are_refused_by_name(make, message):
    with pytest.raises(OptionError, match=message):
        make()


UNFIT = [
    (lambda: placed(), "a network needs at least one layer"),
    (lambda: placed(GRU(2), LSTM(2)), "LSTM.*needs a sequence, .*gives one vector: set return_sequences=True"),
    (lambda: placed(GRU(2), Bidirectional(LSTM(2))), "Bidirectional.*needs a sequence, .*gives one vector"),
    (lambda: placed(GRU(2), Masking()), "Masking.*needs a sequence, .*gives one vector"),
    (lambda: placed(LinearSkip()), "LinearSkip adds to one vector for each window, .*gives a sequence"),
    (lambda: placed(GRU(2, return_sequences=True), LinearSkip()), "LinearSkip adds to one vector"),
    (lambda: placed(GRU(2), LinearSkip(6)), "LinearSkip time_steps: the windows have 5 time steps, got 6"),
]


@pytest.mark.parametrize(("make", "message"), UNFIT, ids=range(len(UNFIT)))
def test_layers_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ShapeError, match=message):
        make()


def test_silu_is_another_name_of_swish():
    node = placed(GRU(2, activation="silu", recurrent_activation="silu")).layers[0]
    assert (node.activation, node.recurrent_activation) == ("swish", "swish")
    none = placed(LSTM(2, activation=None, recurrent_activation=None)).layers[0]
    assert (none.activation, none.recurrent_activation) == ("linear", "linear")


def test_weight_shapes_are_kerass():
    shapes = [
        node.weight_shapes
        for node in placed(
            LSTM(4, return_sequences=True), GRU(3, return_sequences=True), GRU(3, reset_after=False), Dense(2),
            LinearSkip(3),
        ).layers
    ]  # fmt: skip
    assert shapes == [
        {"wx": (2, 16), "wh": (4, 16), "bh": (16,)},
        {"wx": (4, 9), "wh": (3, 9), "bh": (2, 9)},
        {"wx": (3, 9), "wh": (3, 9), "bh": (9,)},
        {"wy": (3, 2), "by": (2,)},
        {"wy": (6, 2), "by": (2,)},
    ]
    assert [list(node.weight_shapes) for node in placed(GRU(2, use_bias=False), LinearSkip(use_bias=False)).layers] == [
        ["wx", "wh"],
        ["wy"],
    ]


def test_a_pair_is_three_nodes_and_a_skip_reads_the_window():
    pair = Bidirectional(LSTM(3, return_sequences=True))
    one, back, merge, last, skip = placed(pair, Bidirectional(GRU(4), "sum").layer, LinearSkip()).layers
    assert [node.inputs for node in (one, back, merge, last, skip)] == [(-1,), (-1,), (0, 1), (2,), (3, -1)]
    assert [node.name for node in (one, back, merge)] == ["forward_lstm", "backward_lstm", "bidirectional"]
    assert (one.go_backwards, back.go_backwards, one.turned, back.turned) == (False, True, False, True)
    assert (merge.layer, merge.units, merge.output_shape) == (Merge("concat"), 6, (5, 6))
    assert (last.features, last.time_steps, last.gives_sequence) == (6, 5, False)
    assert (skip.features, skip.units, skip.time_steps, skip.skip_features) == (4, 4, 1, 10)


def test_each_node_knows_its_input_and_its_output():
    layers = [Masking(), Dropout(0.5), Bidirectional(GRU(3, return_sequences=True), "mul"), LSTM(2), Dense(4)]
    nodes = placed(*layers).layers
    assert [node.layer.kind for node in nodes] == ["masking", "dropout", "gru", "gru", "merge", "lstm", "dense"]
    assert [node.features for node in nodes] == [2, 2, 2, 2, 6, 3, 2]
    assert [node.units for node in nodes] == [2, 2, 3, 3, 3, 2, 4]
    assert [node.time_steps for node in nodes] == [5, 5, 5, 5, 5, 5, 1]
    assert [node.gives_sequence for node in nodes] == [True, True, True, True, True, False, False]
    assert [node.mask for node in nodes] == [0, 0, 0, 0, 0, 0, -1]
    assert [node.zero_masked for node in nodes] == [False, False, True, True, False, False, False]


def test_names_count_up_where_kinds_come_again():
    pair = Bidirectional(GRU(2, return_sequences=True))
    named = Bidirectional(GRU(2, name="a"), backward_layer=LSTM(2, go_backwards=True, name="z"), name="both")
    assert [node.name for node in placed(pair, pair, named).layers] == [
        *("forward_gru", "backward_gru", "bidirectional"),
        *("forward_gru_1", "backward_gru_1", "bidirectional_1"),
        *("forward_a", "z", "both"),
    ]


@pytest.mark.parametrize("network", [*NETWORKS.values(), *DROPPING.values()], ids=[*NETWORKS, *DROPPING])
def test_shapes_foretell_what_comes_out(network):
    architecture = network.architecture
    values = chain.forward(architecture, network.weights(2), network.windows(3)[None])
    assert chain.output(architecture, values).shape == (2, 3, *architecture.output_shape)
    for node, arrays in zip(architecture.layers, values, strict=False):
        steps = node.time_steps if node.gives_sequence else 1
        assert (arrays["y"].shape[0], *arrays["y"].shape[2:]) == (steps, 3, node.units)
    assert sum(array[0].size for arrays in architecture.split(network.weights()) for array in arrays.values()) == (
        architecture.weight_count
    )


def test_regularized_weights_are_those_of_matrices():
    architecture = placed(GRU(2), Dense(1), features=1)
    marks = architecture.split(architecture.regularized[None])
    assert [{name: bool(array.all()) for name, array in arrays.items()} for arrays in marks] == [
        {"wx": True, "wh": True, "bh": False},
        {"wy": True, "by": False},
    ]
    assert architecture.regularized.sum() == 6 + 12 + 2


def test_work_counts_each_weight_once_for_each_step():
    assert placed(LSTM(4, return_sequences=True), GRU(3), Dense(2), LinearSkip(3)).work == (
        5 * (2 * 16 + 4 * 16 + 16) + 5 * (4 * 9 + 3 * 9 + 18) + (3 * 2 + 2) + (6 * 2 + 2)
    )


def test_the_summary_has_a_line_for_each_layer_that_was_given():
    pair = Bidirectional(GRU(2, reset_after=False, return_sequences=True), "sum")
    lines = summary_lines("m", placed(Masking(), pair, Dropout(0.5), LSTM(3), Dense(1), LinearSkip(2)), 4)
    cells = [[cell for cell in line.split("  ") if cell] for line in lines[3:-2]]
    assert [[cell.strip() for cell in row] for row in cells] == [
        ["masking (Masking, value 0)", "(None, 5, 2)", "0"],
        [
            "bidirectional (Bidirectional, GRU, tanh, reset before, sum)", "(None, 5, 2)", "60",
            "forward_gru: wx (2, 6), wh (2, 6), bh (6,); backward_gru: wx (2, 6), wh (2, 6), bh (6,)",
        ],
        ["dropout (Dropout, rate 0.5)", "(None, 5, 2)", "0"],
        ["lstm (LSTM, tanh)", "(None, 3)", "72", "wx (2, 12), wh (3, 12), bh (12,)"],
        ["dense (Dense, linear)", "(None, 1)", "4", "wy (3, 1), by (1,)"],
        ["linear_skip (LinearSkip, last 2 steps)", "(None, 1)", "5", "wy (4, 1), by (1,)"],
    ]  # fmt: skip
    assert lines[-1] == "Total weights: 141 in each of 4 networks"


# Initial weights


def test_initial_weights_are_glorots_over_all_gates_and_orthonormal_rows():
    architecture = placed(LSTM(4, return_sequences=True), GRU(3), Dense(2), LinearSkip())
    weights = initial_weights(architecture, np.arange(200), seed=3)
    lstm, gru, dense, skip = architecture.split(weights)
    for array, rows, columns in [(lstm["wx"], 2, 16), (gru["wx"], 4, 9), (dense["wy"], 3, 2), (skip["wy"], 10, 2)]:
        limit = np.sqrt(6 / (rows + columns))
        assert array.shape == (200, rows, columns)
        assert 0.98 * limit < np.abs(array).max() <= np.float32(limit)
        assert array.std() == pytest.approx(limit / np.sqrt(3), rel=0.05)
    for wh in (lstm["wh"], gru["wh"]):
        assert np.abs(wh @ wh.mT - np.eye(wh.shape[1])).max() < 1e-6
        assert np.abs(wh.mean(axis=0)).max() < 0.15  # no direction is preferred
    assert np.all(lstm["bh"] == np.repeat([0, 1, 0, 0], 4))
    assert not gru["bh"].any()
    assert not dense["by"].any()
    assert not skip["by"].any()


def test_the_forget_gates_bias_starts_at_zero_where_that_is_asked():
    for layer in (LSTM(4, unit_forget_bias=False), LSTM(4, use_bias=False)):
        architecture = placed(layer)
        weights = initial_weights(architecture, np.arange(3), seed=3)
        assert not architecture.split(weights)[0].get("bh", np.zeros(1)).any()


# Masks of steps


def test_a_step_is_masked_where_all_its_features_equal_the_value_in_float32():
    architecture = placed(Masking(0.1), SimpleRNN(2, return_sequences=True), time_steps=3)
    x = np.array([[[0.1, 0.1], [0.1, 0.2], [0.0, 0.1]]], dtype=np.float32)
    for real in (np.float32, np.float64):
        values = chain.forward(architecture, np.ones((1, architecture.weight_count), dtype=real), x[None])
        assert chain.step_mask(architecture, values).tolist() == [[[False, True, True]]]
        assert values[0]["y"][:, 0, 0].tolist() == [[0, 0], *x[0, 1:].tolist()]


def test_forecasts_of_vectors_and_without_masking_have_no_step_mask():
    for layers in ([Masking(), LSTM(2)], [LSTM(2, return_sequences=True)]):
        architecture = placed(*layers)
        values = chain.forward(architecture, np.ones((1, architecture.weight_count)), np.ones((1, 1, 5, 2)))
        assert chain.step_mask(architecture, values) is None


def test_a_window_without_a_step_that_counts_leaves_the_state_at_zero():
    architecture = placed(Masking(), LSTM(2), Dense(1))
    weights = initial_weights(architecture, np.arange(1), seed=1)
    values = chain.forward(architecture, weights, np.zeros((1, 1, 5, 2)))
    assert not values[1]["y"].any()
    assert not chain.backward(architecture, weights, values, np.ones((1, 1, 1)))[0, :-1].any()


def test_nothing_is_owed_to_what_was_masked():
    # 1 · 1 - 1 · 1 = 0 is masked; in the other window 2 · 1 - 1 · 1 = 1 is not, and each weight moves it by its input.
    architecture = placed(Dense(1, use_bias=False), Masking(), Dense(1, use_bias=False), time_steps=1)
    weights = np.array([[1.0, -1.0, 3.0]])
    values = chain.forward(architecture, weights, np.array([[[[1.0, 1.0]], [[2.0, 1.0]]]]))
    gradient = chain.backward(architecture, weights, values, np.ones((1, 2, 1, 1)))
    assert chain.step_mask(architecture, values).tolist() == [[[False], [True]]]
    assert gradient.tolist() == [[3 * 2, 3 * 1, 1]]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), padding=st.integers(1, 4))
def test_masked_steps_before_or_after_a_window_change_nothing(seed, padding):
    network = any_network(seed)
    layers = [layer for layer in network.own_layers() if not isinstance(layer, Masking | LinearSkip)]
    long = Architecture.of([Masking(-9.0), *layers], time_steps=network.time_steps + padding, features=network.features)
    if long.layers[-1].gives_sequence or sum(node.go_backwards and node.gives_sequence for node in long.layers):
        return  # sequences grow longer; and one given backwards meets the mask from the wrong end, in Keras too
    short = Architecture.of(layers, time_steps=network.time_steps, features=network.features)
    weights = initial_weights(short, np.arange(2), seed=seed).astype(np.float64)
    x = network.windows(3)[None]
    expected = chain.output(short, chain.forward(short, weights, x))
    for sides in ((padding, 0), (0, padding)):
        padded = np.pad(x, ((0, 0), (0, 0), sides, (0, 0)), constant_values=-9.0)
        assert np.array_equal(chain.output(long, chain.forward(long, weights, padded)), expected)


# Dropout's masks


def test_masks_stand_where_there_are_rates():
    masks = dropout_masks(DROPPING["two ways"].architecture, 1, np.arange(2), 0, np.arange(3))
    # Nodes: masking, forward, backward, merge, gru.
    assert {key: mask.shape for key, mask in masks.items()} == {
        (1, INPUTS): (2, 3, 3), (1, STATE): (2, 3, 3), (2, INPUTS): (2, 3, 3), (2, STATE): (2, 3, 3),
    }  # fmt: skip
    assert not np.array_equal(masks[1, INPUTS], masks[2, INPUTS])
    sequence = dropout_masks(DROPPING["dropout"].architecture, 1, np.arange(2), 0, np.arange(3))
    assert {key: mask.shape for key, mask in sequence.items()} == {(0, INPUTS): (2, 3, 8), (2, INPUTS): (2, 3, 3)}
    assert drops(DROPPING["dropout"].architecture)
    assert not drops(NETWORKS["lstm"].architecture)
    assert not dropout_masks(placed(Dropout(0.0), Dense(1)), 1, np.arange(2), 0, np.arange(3))


@pytest.mark.parametrize("kind", [INPUTS, STATE])
def test_a_mask_is_made_of_the_words_of_its_network_epoch_node_and_place(kind):
    # Node 1, six units: two blocks of four words for each window, the last two unused.
    architecture = placed(Dense(6), GRU(6, dropout=0.3, recurrent_dropout=0.3))
    mask = dropout_masks(architecture, 77, np.array([4, 9]), 5, np.array([7, 2]))[1, kind]
    words = random_words(77, np.array([4, 9]), epoch=5, purpose=2 + 2 * 1 + kind, count=8 * 8)
    expected = np.stack([words[:, 8 * place : 8 * place + 6] for place in (7, 2)], axis=1) >= int(0.3 * 2**32)
    assert mask.dtype == np.float32
    assert np.array_equal(mask, expected * np.float32(1 / 0.7))


def test_blocks_are_counted_modulo_two_to_the_32():
    architecture = placed(Dropout(0.5), Dense(1), time_steps=2, features=2)
    far, near = (
        dropout_masks(architecture, 3, np.arange(2), 0, np.array([place, place + 1])) for place in (2**32 + 5, 5)
    )
    assert np.array_equal(far[0, INPUTS], near[0, INPUTS])


def test_rates_drop_their_share_and_keep_the_mean():
    rates = (0.0, 0.1, 0.5, 0.9)
    architecture = placed(Dropout(rates), Dense(1))
    mask = dropout_masks(architecture, 5, np.arange(4), 0, np.arange(4000))[0, INPUTS]
    assert (mask[0] == 1).all()
    for row, rate in zip(mask, rates, strict=True):
        assert (row == 0).mean() == pytest.approx(rate, abs=0.01)  # 3 standard errors of 40,000 draws are 0.0075
        assert row.mean() == pytest.approx(1, abs=0.05)


def test_a_networks_mask_is_the_same_in_any_company():
    architecture = DROPPING["lstm"].architecture
    together = dropout_masks(architecture, 5, np.arange(6), 2, np.arange(10))
    alone = dropout_masks(architecture, 5, np.array([4]), 2, np.array([7]))
    for key, mask in alone.items():
        assert np.array_equal(mask[0, 0], together[key][4, 7])


def test_rates_for_each_network_must_be_as_many_as_the_networks():
    architecture = placed(SimpleRNN(2, recurrent_dropout=(0.1, 0.2, 0.3)))
    check_rates(architecture, 3)
    with pytest.raises(OptionError, match="simple_rnn: 3 dropout rates for 2 networks: give one rate, or one for each"):
        dropout_masks(architecture, 0, np.arange(2), 0, np.arange(1))
