"""What Timeglass lacks of Keras is refused by the name of layer and argument: in a `.keras` file, without Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras_file import GOLDEN, Change, bent, layer, refusal_of

from timeglass.exchange.keras import from_keras


def set_(name: str, key: str, value: Any) -> Change:
    """An argument of a layer."""
    return lambda config: layer(config, name)["config"].update({key: value})


def wrap(name: str, /, **changes: Any) -> Change:
    """What stands around a layer's arguments."""
    return lambda config: layer(config, name).update(changes)


def call(name: str, **arguments: Any) -> Change:
    """What a layer is called with."""
    return lambda config: layer(config, name)["inbound_nodes"][0]["kwargs"].update(arguments)


def model(**changes: Any) -> Change:
    """The model's own arguments."""
    return lambda config: config["config"].update(changes)


def drop(name: str, key: str) -> Change:
    return lambda config: layer(config, name)["config"].pop(key)


def again(name: str) -> Change:
    """The layer is called a second time."""
    return lambda config: layer(config, name)["inbound_nodes"].extend(layer(config, name)["inbound_nodes"])


def reads(name: str, other: str) -> Change:
    def change(config: dict[str, Any]) -> None:
        layer(config, name)["inbound_nodes"][0]["args"][0]["config"]["keras_history"][0] = other

    return change


def inner(kind: str) -> Change:
    return lambda config: layer(config, "pair")["config"]["layer"].update(class_name=kind)


def more_layers(count: int) -> Change:
    return lambda config: config["config"]["layers"].extend([{}] * count)


def twin(config: dict[str, Any]) -> None:
    """Two layers of one name, of which nobody reads the second."""
    config["config"]["layers"].append(layer(config, "dense"))


def own_class(config: dict[str, Any]) -> None:
    config.update(class_name="MyModel", module="mine", registered_name="MyModel")


def slice_(start: Any, stop: Any = None) -> Change:
    def change(config: dict[str, Any]) -> None:
        layer(config, "get_item")["inbound_nodes"][0]["args"][1][1]["config"].update(start=start, stop=stop)

    return change


POLICY = {"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}
FUNCTION = {"module": "builtins", "class_name": "function", "config": "mine"}

LAYERS = [
    ("dense", wrap("dense", class_name="Lambda"), "no 'keras.layers.Lambda': it holds Python code, which is never run"),
    ("dense", wrap("dense", class_name="Activation"), "give the activation to the layer before it"),
    ("dense", wrap("dense", class_name="TimeDistributed"), "Dense by itself acts on each step"),
    ("dense", wrap("dense", class_name="Sequential", module="keras"), "a model within a model"),
    ("dense", wrap("dense", class_name="Conv1D"), "no 'keras.layers.Conv1D'; it has SimpleRNN, GRU, LSTM"),
    ("dense", wrap("dense", module="os", class_name="system"), "a custom layer ('os.system', registered as 'None')"),
    ("dense", wrap("dense", registered_name="Mine>Dense"), "a custom layer ('keras.layers.Dense', registered as"),
    ("dense", wrap("dense", module="keras.src.evil"), "Timeglass has no 'keras.src.evil.Dense'"),
    ("dense", wrap("dense", module=None), "a custom layer ('None.Dense'"),
    ("dense", wrap("dense", config=3), "expected a layer with class_name and config"),
    ("dense", set_("dense", "name", "other"), "has a second name, 'other'"),
    ("dense", set_("dense", "activation", "softmax"), "Dense activation: expected one of linear, tanh"),
    ("dense", set_("dense", "activation", FUNCTION), "expected the name of one of Keras's, found an object, 'mine'"),
    ("dense", set_("dense", "units", 0), "Dense units: expected a whole number of at least 1, got 0"),
    ("dense", set_("dense", "units", 2.0), "Dense units: expected a whole number of at least 1, got 2.0"),
    ("dense", drop("dense", "units"), "has no units"),
    ("dense", set_("dense", "quantization_config", {}), "quantization_config={}: weights here are float32"),
    ("dense", set_("dense", "lora_rank", 4), "lora_rank=4: there is one kernel here: merge the adapter into it first"),
    ("dense", set_("dense", "power", 2), "'power'='2': an argument that Timeglass does not know"),
    ("dense", set_("dense", "dtype", "float16"), "dtype 'float16': Timeglass computes in float32"),
    ("dense", set_("dense", "dtype", POLICY), "dtype 'mixed_float16': Timeglass computes in float32"),
    ("dense", set_("dense", "dtype", {"class_name": "Mine", "config": {"name": "float32"}}), "dtype 'Mine'"),
    ("lstm_3", set_("lstm_3", "stateful", True), "stateful=True: a window here always starts from a state of zeros"),
    ("lstm_3", set_("lstm_3", "return_state", True), "return_state=True: a layer here gives its states or the last of"),
    ("lstm_3", set_("lstm_3", "zero_output_for_mask", True), "=True: a layer here repeats its state at masked steps"),
    ("lstm_3", set_("lstm_3", "dropout", 1.5), "LSTM dropout: expected a share"),
    ("lstm_3", set_("lstm_3", "return_sequences", "yes"), "LSTM return_sequences: expected True or False"),
    ("lstm_3", call("lstm_3", mask=None), "its mask is not that of the Masking layer below it"),
    ("lstm_3", call("lstm_3", initial_state=[1]), "is called with 'initial_state', which a chain of layers"),
    ("lstm_3", again("lstm_3"), "is called 2 times: Timeglass has chains of layers, each used once"),
    ("both ways", set_("masking_9", "mask_value", 1.0), "its mask is not that of the Masking layer below it"),
    ("dropout_1", set_("dropout_1", "noise_shape", [None, 1]), "noise_shape=[None, 1]: each number is dropped"),
    ("dropout_1", call("dropout_1", training=True), "is called with training=True: a forecast here is made without"),
    ("pair", set_("pair", "merge_mode", None), "Bidirectional merge_mode: None would give two outputs"),
    ("pair", set_("pair", "layer", None), "has no layer within"),
    ("pair", inner("Dense"), "layer 'forward_simple_rnn' (Dense): expected a SimpleRNN, GRU or LSTM within"),
    ("pair", inner("Evil"), "layer 'forward_simple_rnn' (Evil): expected a SimpleRNN, GRU or LSTM within"),
    ("trend", set_("trend", "activation", "tanh"), "a LinearSkip has no activation: expected linear"),
    ("flatten", set_("flatten", "data_format", "channels_first"), "data_format: expected channels_last"),
    ("add", call("add", training=True), "is called with training=True"),
    ("get_item", slice_(-4, -1), "expected the window's last steps, window[:, -steps:]"),
    ("get_item", slice_("x"), "expected the window's last steps, window[:, -steps:]"),
    ("flatten", model(output_layers=["trend", 0, 0]), "no 'keras.layers.Flatten': only of the window"),
    ("input_layer", set_("input_layer", "sparse", True), "sparse=True: expected windows (N, T, F) of float32"),
    ("input_layer", set_("input_layer", "batch_shape", [None, 2]), "expected (None, time steps, features), such as"),
    ("input_layer", set_("input_layer", "batch_shape", [None, 8, None]), "expected (None, time steps, features), such"),
    ("input_layer", set_("input_layer", "dtype", "int32"), "dtype 'int32': Timeglass computes in float32"),
]  # fmt: skip

MODELS = [
    (own_class, "expected a Sequential or functional model of Keras's own, found 'mine.MyModel'"),
    (wrap("dense", name="\x1b[31m"), "expected a layer's name of 1 to 200 printable characters"),
    (model(name=""), "expected a layer's name of 1 to 200 printable characters"),
    (model(dtype="float64"), "dtype 'float64': Timeglass computes in float32"),
    (model(layers=None), "expected a Keras model with a list of layers"),
    (model(output_layers=[["add", 0, 0], ["dense", 0, 0]]), "output_layers: expected one, a chain's"),
    (model(output_layers=["dense", 0, 0]), "is not on the one way from input to output"),
    (model(output_layers=["nowhere", 0, 0]), "there is no layer 'nowhere', which another one reads"),
    (twin, "layer 'dense' (Dense): two layers have this name"),
    (more_layers(100), "layers, at most 100 are taken"),
    (reads("dense", "add"), "is used twice: Timeglass has chains of layers"),
    (reads("dense", "dense"), "is used twice: Timeglass has chains of layers"),
    (slice_(-9), "LinearSkip time_steps: the windows have 8 time steps, got 9"),
]


def message(change: Change, path: Any) -> str:
    words = refusal_of(bent(change), path / "m.keras")
    assert words.startswith("config.json: ")
    return words


@pytest.mark.parametrize(("name", "change", "words"), LAYERS)
def test_the_layer_and_the_argument_are_named(tmp_path, name, change, words):
    said = message(change, tmp_path)
    assert words in said
    assert f"layer {name!r} (" in said or "class_name" in said


@pytest.mark.parametrize(("change", "words"), MODELS)
def test_what_is_wrong_with_the_model_is_named(tmp_path, change, words):
    assert words in message(change, tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (set_("lstm_3", "units", 10**5), "bytes, the configuration describes 40,003,2"),
        (set_("lstm_3", "units", 10**30), "the configuration describes 4,0"),
        (set_("lstm_3", "units", 3), "/layers/lstm/cell/vars/0: has shape (6, 8), the configuration describes (6, 12)"),
        (set_("dense", "use_bias", False), "/layers/dense/vars holds 2 arrays, the configuration describes 1"),
        (set_("simple_rnn_3", "use_bias", True), "/layers/simple_rnn/cell/vars holds 2 arrays, the configuration"),
    ],
)
def test_a_configuration_of_other_weights_is_refused_before_any_are_read(tmp_path, change, words):
    said = refusal_of(bent(change), tmp_path / "m.keras")
    assert said.startswith("model.weights.h5: ")
    assert words in said


def test_what_no_forecast_depends_on_is_taken(tmp_path):
    def change(config: dict[str, Any]) -> None:
        custom = {"module": "evil", "class_name": "Evil", "config": {}, "registered_name": "Evil"}
        layer(config, "dense")["config"].update(kernel_initializer=custom, kernel_regularizer=custom, trainable=False)
        layer(config, "lstm_3")["config"].update(unroll=True, seed=5, implementation=2, new_option=None)
        config.update(compile_config={"optimizer": custom})

    (tmp_path / "m.keras").write_bytes(bent(change))
    made, expected = from_keras(tmp_path / "m.keras", engine="numpy"), from_keras(GOLDEN, engine="numpy")
    assert made.layers == expected.layers
    assert np.array_equal(made.training_state.weights, expected.training_state.weights)


@pytest.mark.parametrize(("start", "steps"), [(-3, 3), (5, 3), (None, None), (0, None)])
def test_which_steps_a_skip_reads(tmp_path, start, steps):
    """In each spelling; the file's weights are of four steps."""
    change = slice_(start)
    count = 2 * (steps or 8)
    (tmp_path / "m.keras").write_bytes(bent(change))
    with pytest.raises(ValueError, match=rf"/layers/dense_1/vars/0: has shape \(8, 1\), .* \({count}, 1\)"):
        from_keras(tmp_path / "m.keras", engine="numpy")
