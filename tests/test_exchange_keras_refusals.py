"""What Timeglass lacks of live Keras models is refused by the name of model, layer and argument."""

from __future__ import annotations

from typing import Any

import pytest
from live import live_keras

from timeglass import OptionError
from timeglass.exchange.keras import from_keras

pytestmark = live_keras


def live_cases() -> dict[str, tuple[Any, str]]:
    import keras

    layers = keras.layers

    class Mine(layers.Dense):
        pass

    class Model(keras.Model):
        def call(self, x: Any) -> Any:
            return x

    def chain(*some: Any) -> Any:
        return keras.Sequential([layers.Input((4, 2)), *some])

    window = layers.Input((4, 2))
    shared = layers.GRU(2, return_sequences=True, name="shared")
    state = layers.LSTM(2, return_state=True, name="state")(window)
    here, vector = window[:, -2:], layers.GRU(2)(window)
    return {
        "custom": (chain(layers.GRU(2), Mine(1)), r"layer 'mine' \(Mine\): a custom layer"),
        "lambda": (chain(layers.Lambda(lambda x: x)), "it holds Python code, which is never run"),
        "batch norm": (chain(layers.GRU(2), layers.BatchNormalization()), "no 'keras.layers.BatchNormalization'"),
        "nested": (chain(keras.Sequential([layers.GRU(2)])), "a model within a model"),
        "half": (chain(layers.GRU(2, dtype="mixed_float16")), "dtype 'mixed_float16'"),
        "function": (chain(layers.Dense(2, activation=lambda x: x)), "activation: expected the name of one of Keras's"),
        "gelu": (chain(layers.Dense(2, activation="gelu")), "Dense activation: expected one of linear"),
        "stateful": (keras.Sequential([layers.Input((4, 2), 1), layers.GRU(2, stateful=True)]), "stateful=True"),
        "zeros": (chain(layers.Masking(), layers.GRU(2, zero_output_for_mask=True)), "zero_output_for_mask=True"),
        "shared": (keras.Model(window, shared(shared(window))), r"is called 2 times|is used twice"),
        "state": (keras.Model(window, state[1]), "used twice or gives several outputs"),
        "outputs": (keras.Model(window, [shared(window), window]), "output_layers: expected one"),
        "drops": (keras.Model(window, layers.Dropout(0.5)(window, training=True)), "is called with training=True"),
        "start": (keras.Model(window, layers.GRU(2)(window, initial_state=vector)), "is called with 'initial_state'"),
        "branch": (keras.Model(window, layers.Add()([vector, layers.GRU(2)(window)])), "only as a LinearSkip"),
        "concatenated": (keras.Model(window, layers.Concatenate()([window, window])), "no 'keras.layers.Concatenate'"),
        "sliced": (keras.Model(window, layers.GRU(2)(here)), "GetItem"),
        "vectors": (keras.Sequential([layers.Input((4,)), layers.Dense(1)]), r"\(None, time steps, features\)"),
        "not built": (keras.Sequential([layers.GRU(2)]), r"not built.*model.build"),
        "two vectors": (chain(layers.Dense(2), layers.Dense(1), layers.GRU(2), layers.Dropout(1.0)), "Dropout rate"),
        "subclass": (Model(), "Keras cannot write it down|expected a Keras model|Sequential or functional"),
    }  # fmt: skip


def test_live_models_are_refused_with_the_layer_and_the_reason():
    for name, (model, words) in live_cases().items():
        with pytest.raises(OptionError, match=words) as caught:
            from_keras(model)
        assert str(caught.value).startswith(f"Keras model '{model.name}': "), name
