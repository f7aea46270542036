"""Networks from real Keras and for it: the same layers, names and weights, and the same forecasts, both ways.

float32 leaves at most 2e-6 between the forecasts.
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
# All go there and back; for Keras to forecast takes half a second each, so that is left to these. The weights of the
# others are the same in the same layers, and tests/test_engine_keras.py has more of them forecast.
FORECASTS = [
    *(NETWORKS[name] for name in ("tutorial", "gru, reset before", "lstm, sequences", "backwards", "skip, short")),
    *(NETWORKS[name] for name in ("two ways, stacked", "masked, two ways, backwards first")),
    *(any_network(seed) for seed in range(5)),
]
OTHERS = [*NETWORKS.values(), *DROPPING.values(), *(any_network(seed) for seed in range(5, 40))]


def own_model(network: Network) -> Sequential:
    """Timeglass's, with the network's weights."""
    model = network.sequential(engine="numpy", name=f"net_{network.seed}")
    model.set_weights(network.arrays())
    return model


def forecasts_of(model: Any, windows: Any) -> Any:
    """Of a Keras model, step by step: to compile it takes four times as long."""
    return np.asarray(model(windows))


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


def there_and_back(network: Network, path: Path) -> tuple[Sequential, Any]:
    """The network, and it in Keras; what comes back from there, and from a file, is the same to the bit."""
    model, x = own_model(network), network.windows(4)
    made = to_keras(model)
    made.save(path)
    for back in (from_keras(made, engine="numpy"), from_keras(path, engine="numpy")):
        check_taken(back, model)
        assert np.array_equal(back.predict(x), model.predict(x))
    return model, made


@pytest.mark.slow
@pytest.mark.parametrize("some", [FORECASTS[0::2], FORECASTS[1::2]], ids=range(2))
def test_there_and_back_again_and_the_forecasts_there(some, tmp_path):
    for network in some:
        (model, made), x = there_and_back(network, tmp_path / "m.keras"), network.windows(4)
        assert_allclose(forecasts_of(made, x), model.predict(x), rtol=0, atol=TOLERANCE)


@pytest.mark.slow
def test_networks_of_every_kind_there_and_back_again(tmp_path):
    for network in OTHERS:
        there_and_back(network, tmp_path / "m.keras")


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
        "skip": keras.Model(window, added),
        "masked": keras.Model(window, masked),
        "names within names": keras.Sequential([layers.Input((7, 2)), *twice, layers.Dense(1, name="forward_same")]),
        "backward layers of one name": keras.Sequential([layers.Input((7, 2)), *given, layers.LSTM(2)]),
        "deferred": deferred,
        "input_shape": keras.Sequential([keras.Input((7, 2)), layers.Dense(3), layers.GRU(2, reset_after=False)]),
        "sequence": keras.Sequential(
            [keras.Input((7, 2), batch_size=4), layers.GRU(2, "swish", return_sequences=True)]
        ),
    }


@pytest.mark.slow
def test_models_as_keras_users_write_them(tmp_path):
    rng, models = np.random.default_rng(0), keras_models()
    for model in models.values():
        model.set_weights([rng.uniform(-0.6, 0.6, array.shape) for array in model.get_weights()])
    x = rng.uniform(-1, 1, (4, 7, 2)).astype(np.float32)
    x[1, :3], x[2, 4:] = 0.5, 0.5
    for name, model in models.items():
        model.save(tmp_path / "m.keras")
        live, filed = from_keras(model, engine="numpy"), from_keras(tmp_path / "m.keras", engine="numpy")
        if name in ("skip", "masked", "backward layers of one name"):
            assert_allclose(live.predict(x), forecasts_of(model, x), rtol=0, atol=TOLERANCE, err_msg=name)
        assert live.layers == filed.layers
        assert np.array_equal(live.training_state.weights, filed.training_state.weights)
        assert live.name == model.name
    assert from_keras(models["deferred"]).layers[0].name == "simple_rnn_3"
    assert [name for name in names(from_keras(models["names within names"])) if "ward" in name] == [
        "forward_same_1", "backward_same", "forward_same_2", "backward_same_1", "forward_same",
    ]  # fmt: skip
    assert from_keras(models["skip"]).layers[-1].time_steps == 3
    skip = models["skip"]
    assert from_keras(type(skip)(skip.inputs, skip.outputs)).layers == from_keras(skip).layers  # lists of one


def test_the_trace_of_a_keras_network_holds_the_states_that_keras_computes():
    import keras

    sequences = {"return_sequences": True}
    network = Network(6, 2, (gru(3, **sequences), lstm(4, **sequences), rnn(2, **sequences)))
    theirs = to_keras(own_model(network))
    trace, x = from_keras(theirs).trace(network.windows(3)), network.windows(3)
    states = keras.Model(theirs.inputs, [layer.output for layer in theirs.layers])([x])
    for name, expected in zip(("gru", "lstm", "simple_rnn"), map(np.asarray, states), strict=True):
        assert_allclose(trace[f"{name}.h"], expected, rtol=0, atol=TOLERANCE)
        assert np.abs(expected).max() > 0.05


def test_each_network_of_many_goes_to_keras_with_its_own_weights_and_dropout():
    network = Network(4, 1, (dropout((0.1, 0.3)), gru(2, dropout=(0.2, 0.0)), dense(1), linear_skip()))
    model = network.sequential(networks=2, seed=1)
    x = network.windows(3)
    expected = model.predict(x)
    for one in range(2):
        made = to_keras(model, network=one)
        assert_allclose(forecasts_of(made, x), expected[one], rtol=0, atol=TOLERANCE)
        back = from_keras(made)
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
    taken, x = from_keras(made), network.windows(4)
    assert np.abs(taken.training_state.weights - own_model(network).training_state.weights).max() > 1e-4
    assert_allclose(taken.predict(x), forecasts_of(made, x), rtol=0, atol=TOLERANCE)


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
