"""Networks from real Keras and for it: the same layers, names and weights, and the same forecasts, both ways.

float32 leaves at most 2e-6 between the forecasts. The networks of a test stand side by side in one Keras model, so that
Keras compiles but once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import networks
import numpy as np
import pytest
from live import live_keras
from networks import (
    DROPPING,
    NETWORKS,
    Network,
    any_network,
    bidirectional,
    dense,
    dropout,
    gru,
    linear_skip,
    lstm,
    rnn,
)
from numpy.testing import assert_allclose

from timeglass import EngineError, Input, OptionError, Sequential, ShapeError, SimpleRNN
from timeglass.exchange.keras import from_keras, to_keras

# Keras's own, from its variables' values with NumPy 2.
pytestmark = [
    live_keras,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

TOLERANCE = 2e-6
RANDOM = [any_network(seed) for seed in range(24)]
EVERY = [*NETWORKS.values(), *DROPPING.values(), *RANDOM]
QUARTERS = [EVERY[i::4] for i in range(4)]


def own_model(network: Network) -> Sequential:
    """Timeglass's, with the network's weights."""
    model = network.sequential(engine="numpy", name=f"net_{network.seed}")
    model.set_weights(network.arrays())
    return model


def together(models: list[Any], windows: list[Any]) -> list[Any]:
    """The forecasts of several Keras models, each of its own windows."""
    import keras

    class Together(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.models = models

        def call(self, windows: list[Any]) -> list[Any]:
            return [model(x) for model, x in zip(self.models, windows, strict=True)]

    return Together().predict(windows, verbose=0)


def names(model: Sequential) -> list[str]:
    return [node.name for node in model.architecture.layers]


def check_taken(made: Sequential, expected: Sequential) -> None:
    """The same network, but for names that Timeglass gave by itself and now has from Keras."""
    assert names(made) == names(expected)
    assert made.name == expected.name
    assert np.array_equal(made.training_state.weights, expected.training_state.weights)
    for one, other in zip(made.architecture.layers, expected.architecture.layers, strict=True):
        assert (one.inputs, one.weight_shapes, one.mask, one.turned, one.zero_masked, one.skip_features) == (
            other.inputs, other.weight_shapes, other.mask, other.turned, other.zero_masked, other.skip_features,
        )  # fmt: skip
        assert (one.activation, one.recurrent_activation) == (other.activation, other.recurrent_activation)
        for name in ("dropout", "recurrent_dropout", "rate", "mask_value", "mode", "unit_forget_bias", "go_backwards"):
            assert getattr(one.layer, name, None) == getattr(other.layer, name, None)


@pytest.mark.parametrize("some", QUARTERS, ids=range(4))
def test_there_and_back_again_and_through_a_file(some, tmp_path):
    own = [own_model(network) for network in some]
    theirs = [to_keras(model) for model in own]
    windows = [network.windows(4) for network in some]
    for model, made, x, forecasts in zip(own, theirs, windows, together(theirs, windows), strict=True):
        expected = model.predict(x)
        assert_allclose(forecasts, expected, rtol=0, atol=TOLERANCE)
        made.save(tmp_path / "m.keras")
        for back in (from_keras(made, engine="numpy"), from_keras(tmp_path / "m.keras", engine="numpy")):
            check_taken(back, model)
            assert np.array_equal(back.predict(x), expected)


def keras_models() -> dict[str, Any]:
    """As their users write them, with weights of Keras's own."""
    import keras

    layers = keras.layers
    window = layers.Input((7, 2))
    last = layers.LSTM(3, name="lstm")(layers.GRU(4, return_sequences=True, go_backwards=True)(window))
    cut = window[:, 4:]
    added = layers.Dense(2, use_bias=False)(layers.Flatten()(cut)) + layers.Dense(2)(last)
    masked = layers.Bidirectional(layers.LSTM(2, return_sequences=True))(
        layers.Dropout(0.5)(layers.Masking(0.5)(window))
    )
    masked = layers.Dense(1)(layers.SimpleRNN(3)(layers.Dense(3, "relu")(masked)))
    twice = [layers.Bidirectional(layers.GRU(2, return_sequences=True, name="same")) for _ in range(2)]
    backward = [layers.GRU(2, return_sequences=True, go_backwards=True, name="x", activation="relu") for _ in range(2)]
    given = [layers.Bidirectional(layers.GRU(2, return_sequences=True), backward_layer=one) for one in backward]
    deferred = keras.Sequential([layers.SimpleRNN(3, name="simple_rnn_3"), layers.Dense(1, name="forward_same")])
    deferred.build((None, 7, 2))
    return {
        "functional": keras.Model(window, layers.Dense(1, "tanh")(last)),
        "skip": keras.Model([window], [added]),
        "masked": keras.Model(window, masked),
        "names within names": keras.Sequential([layers.Input((7, 2)), *twice, layers.Dense(1, name="forward_same")]),
        "backward layers of one name": keras.Sequential([layers.Input((7, 2)), *given, layers.LSTM(2)]),
        "deferred": deferred,
        "input_shape": keras.Sequential([keras.Input((7, 2)), layers.Dense(3), layers.GRU(2, reset_after=False)]),
        "sequence": keras.Sequential(
            [keras.Input((7, 2), batch_size=4), layers.GRU(2, "swish", return_sequences=True)]
        ),
    }


def test_models_as_keras_users_write_them(tmp_path):
    rng, models = np.random.default_rng(0), keras_models()
    for model in models.values():
        model.set_weights([rng.uniform(-0.6, 0.6, array.shape) for array in model.get_weights()])
    x = rng.uniform(-1, 1, (4, 7, 2)).astype(np.float32)
    x[1, :3], x[2, 4:] = 0.5, 0.5
    forecasts = together(list(models.values()), [x] * len(models))
    for (name, model), theirs in zip(models.items(), forecasts, strict=True):
        model.save(tmp_path / "m.keras")
        live, filed = from_keras(model, engine="numpy"), from_keras(tmp_path / "m.keras", engine="numpy")
        assert_allclose(live.predict(x), theirs, rtol=0, atol=TOLERANCE, err_msg=name)
        assert live.layers == filed.layers
        assert np.array_equal(live.training_state.weights, filed.training_state.weights)
        assert live.name == model.name
    assert from_keras(models["deferred"]).layers[0].name == "simple_rnn_3"
    assert [name for name in names(from_keras(models["names within names"])) if "ward" in name] == [
        "forward_same_1", "backward_same", "forward_same_2", "backward_same_1", "forward_same",
    ]  # fmt: skip
    assert from_keras(models["skip"]).layers[-1].time_steps == 3


def test_the_trace_of_a_keras_network_holds_the_states_that_keras_computes():
    import keras

    sequences = {"return_sequences": True}
    network = Network(6, 2, (gru(3, **sequences), lstm(4, **sequences), rnn(2, **sequences)))
    theirs = to_keras(own_model(network))
    trace, x = from_keras(theirs).trace(network.windows(3)), network.windows(3)
    states = keras.Model(theirs.inputs, [layer.output for layer in theirs.layers]).predict(x, verbose=0)
    for name, expected in zip(("gru", "lstm", "simple_rnn"), states, strict=True):
        assert_allclose(trace[f"{name}.h"], expected, rtol=0, atol=TOLERANCE)
        assert np.abs(expected).max() > 0.05


def test_each_network_of_many_goes_to_keras_with_its_own_weights_and_dropout():
    network = Network(4, 1, (dropout((0.1, 0.3)), gru(2, dropout=(0.2, 0.0)), dense(1), linear_skip()))
    model = network.sequential(networks=2, seed=1)
    x, expected = network.windows(3), None
    expected = model.predict(x)
    made = [to_keras(model, network=one) for one in range(2)]
    for one, forecasts in enumerate(together(made, [x, x])):
        assert_allclose(forecasts, expected[one], rtol=0, atol=TOLERANCE)
        back = from_keras(made[one])
        assert np.array_equal(back.training_state.weights[0], model.training_state.weights[one])
        assert (back.layers[0].rate, back.layers[1].dropout) == ((0.1, 0.2), (0.3, 0.0))[one]
    assert np.abs(expected[0] - expected[1]).max() > 0.01
    for wrong in (2, -1, True):
        with pytest.raises(OptionError, match="to_keras network"):
            to_keras(model, network=wrong)


def test_a_network_of_keras_trains_in_keras_with_its_dropout():
    import keras

    network = Network(3, 1, (rnn(2), dropout(0.5), dense(1)))
    made = to_keras(own_model(network))
    assert isinstance(made, keras.Sequential)
    assert [type(layer).__name__ for layer in made.layers] == ["SimpleRNN", "Dropout", "Dense"]
    made.compile("sgd", "mse")
    made.fit(network.windows(4), network.targets(4), verbose=0)
    taken = from_keras(made)
    assert np.abs(taken.training_state.weights - own_model(network).training_state.weights).max() > 1e-4
    assert_allclose(
        taken.predict(network.windows(4)), made.predict(network.windows(4), verbose=0), rtol=0, atol=TOLERANCE
    )


def test_a_skip_goes_to_keras_beside_layers_that_have_its_parts_names():
    network = NETWORKS["skip"]
    taken = ("skip_add", "skip_window", "input_layer")
    layers = [
        type(layer)(**(layer.__dict__ | {"name": name}))
        for layer, name in zip(network.own_layers(), (*taken[:2], "skip"), strict=True)
    ]
    model = Sequential([Input((6, 2)), *layers], "input_layer", seed=0)
    assert names(from_keras(to_keras(model))) == ["skip_add", "skip_window", "skip"]


def test_what_keras_cannot_hold_is_refused():
    with pytest.raises(OptionError, match="Keras takes no name that is empty or has a slash, got 'a/b'"):
        to_keras(Sequential([SimpleRNN(2, name="a/b", input_shape=(3, 1))]))
    with pytest.raises(ShapeError, match="no input shape yet"):
        to_keras(Sequential([SimpleRNN(2)]))
    unlike = bidirectional(gru(2), backward_layer=gru(3, go_backwards=True))
    with pytest.raises(EngineError, match="of the same units, bidirectional has 2 and 3"):
        to_keras(Network(3, 1, (unlike, dense(1))).sequential())


def test_weights_that_are_not_finite_are_refused(tmp_path: Path):
    model = to_keras(own_model(NETWORKS["two ways"]))
    weights = model.get_weights()
    weights[4][1, 1] = np.nan
    model.set_weights(weights)
    model.save(tmp_path / "m.keras")
    words = "layer 'backward_simple_rnn': its recurrent_kernel holds values that are not finite"
    with pytest.raises(ValueError, match=f"m.keras: model.weights.h5: {words}"):
        from_keras(tmp_path / "m.keras")
    with pytest.raises(OptionError, match=f"Keras model .*: {words}"):
        from_keras(model)


def test_seeds_and_engines_are_the_new_networks():
    network = networks.NETWORKS["tutorial"]
    made = from_keras(to_keras(own_model(network)), seed=7, engine="numpy")
    assert (made.seed, made.engine) == (7, "numpy")
    made.compile("adam", "mean_squared_error")
    made.fit(network.windows(8), network.targets(8), epochs=1, verbose=0)
    assert np.isfinite(made.training_state.weights).all()
