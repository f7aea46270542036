"""Weights by meaning: the names of rows and columns, and what Keras and torch call them."""

from __future__ import annotations

import numpy as np
import pytest
from live import live_keras, live_torch

from timeglass import GRU, LSTM, Dense, Input, OptionError, Sequential, SimpleRNN


def test_a_table_in_words():
    model = Sequential([SimpleRNN(2, input_shape=(3, 1)), Dense(1)], seed=0)
    model.set_weights([[[0.5, -1.25]], [[1.0, 2.0], [3.0, 4.0]], [0.0, 0.125], [[1.0], [2.0]], [7.0]])
    lines = [table.lines() for table in model.weights]
    assert lines[0] == [
        "simple_rnn.wx (Keras: kernel; torch: weight_ih_l0)",
        "        h[0]   h[1]",
        "  x[0]   0.5  −1.25",
    ]
    assert lines[1][2:] == ["  h[0]     1     2", "  h[1]     3     4"]
    assert lines[3][1:] == ["        y[0]", "  x[0]     1", "  x[1]     2"]


def test_every_array_of_every_network_has_its_table():
    model = Sequential([Input((4, 3)), GRU(2, return_sequences=True), LSTM(2), Dense(1)], networks=2, seed=0)
    for network in range(2):
        tables = model.weights.of(network)
        own = [array[network] for array in model.get_weights()]
        assert [(table.layer, table.name) for table in tables] == [
            ("gru", "wx"), ("gru", "wh"), ("gru", "bh"), ("lstm", "wx"), ("lstm", "wh"), ("lstm", "bh"),
            ("dense", "wy"), ("dense", "by"),
        ]  # fmt: skip
        for table, array in zip(tables, own, strict=True):
            assert np.array_equal(table.values, np.atleast_2d(array))
            assert table.values.shape == (len(table.rows), len(table.columns))
    assert tables[2].rows == ("bias beside wx", "bias beside wh")
    assert tables[0].columns == ("update[0]", "update[1]", "reset[0]", "reset[1]", "candidate[0]", "candidate[1]")
    with pytest.raises(OptionError, match="weights network: expected 0 to 1, got 2"):
        model.weights.of(2)


@live_keras
def test_keras_has_these_names_and_shapes():
    import keras

    model = Sequential([Input((4, 3)), GRU(2, return_sequences=True), LSTM(2), Dense(1)], seed=0)
    theirs = keras.Sequential(
        [keras.Input((4, 3)), keras.layers.GRU(2, return_sequences=True), keras.layers.LSTM(2), keras.layers.Dense(1)]
    )
    for table, weight in zip(model.weights, theirs.weights, strict=True):
        assert weight.path.rpartition("/")[2] == table.keras
        assert np.atleast_2d(np.zeros(weight.shape)).shape == table.values.shape


@live_torch
@pytest.mark.parametrize("layer", ["GRU", "LSTM"])
def test_torch_has_these_names_and_gate_orders(layer):
    import torch

    units, ours = 2, {"GRU": GRU, "LSTM": LSTM}[layer](2, return_sequences=True)
    model = Sequential([Input((4, 3)), ours], seed=3)
    module = getattr(torch.nn, layer)(3, units, batch_first=True)
    with torch.no_grad():
        for table in model.weights:
            places = {name: i for i, name in enumerate(table.columns)}
            order = [places[f"{gate}[{j}]"] for gate in table.torch_gates for j in range(units)]
            for name, row in zip(table.torch.split(", "), table.values, strict=False):
                values = table.values.T[order] if table.name.startswith("w") else row[order]
                getattr(module, name).copy_(torch.tensor(np.ascontiguousarray(values)))
        if layer == "LSTM":
            module.bias_hh_l0.zero_()
        x = np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32)
        theirs = module(torch.tensor(x))[0].numpy()
    assert np.abs(theirs - model.predict(x)).max() < 2e-6
