"""Networks to ONNX and back: what onnxruntime computes, the same weights, and torch's exports."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from networks import (
    DROPPING,
    NETWORKS,
    Network,
    any_network,
    bidirectional,
    dense,
    gru,
    linear_skip,
    lstm,
    masking,
    rnn,
)
from onnx.reference import ReferenceEvaluator
from torch import nn
from torch_modules import MODULES, Net, exported

from timeglass import (
    GRU,
    LSTM,
    Bidirectional,
    DataError,
    Dense,
    EngineError,
    Input,
    LinearSkip,
    OptionError,
    Sequential,
    SimpleRNN,
)  # fmt: skip
from timeglass.cells.activations import ACTIVATIONS
from timeglass.exchange import onnx_read
from timeglass.exchange.chain_of_layers import layer_of_network
from timeglass.exchange.onnx_read import from_onnx
from timeglass.exchange.onnx_write import to_onnx

pytestmark = pytest.mark.filterwarnings("ignore:the compiled engine does not have masked steps")


def filled(network: Network, networks: int = 1) -> Sequential:
    model = network.sequential(networks=networks, seed=1)
    model.training_state.weights[...] = network.weights(networks)
    return model


def computed(path: Path, x: np.ndarray) -> np.ndarray:
    """By onnxruntime, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def close(given: np.ndarray, expected: np.ndarray) -> bool:
    return given.shape == expected.shape and np.abs(given - expected).max() < 3e-6 * (1 + np.abs(expected).max())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"


# ---- to ONNX and back


@pytest.mark.parametrize(
    "network",
    [*NETWORKS.values(), *DROPPING.values()],
    ids=[*NETWORKS, *(f"dropping {name}" for name in DROPPING)],
)
def test_a_file_forecasts_as_the_network_and_comes_back_to_the_bit(network: Network, path: Path) -> None:
    model, x = filled(network, networks=2), network.windows(7)
    to_onnx(model, path, network=1)
    expected = model.predict(x)[1]
    assert close(computed(path, x), expected)
    back = from_onnx(path)
    assert back.training_state.weights.tobytes() == model.training_state.weights[1].tobytes()
    assert back.layers == [layer_of_network(layer, 1) for layer in model.layers]
    assert np.array_equal(back.predict(x), expected)


@pytest.mark.parametrize("seed", range(40))
def test_any_network_goes_to_onnx(seed: int, path: Path) -> None:
    network = any_network(seed)
    model, x = filled(network), network.windows(5)
    to_onnx(model, path)
    assert close(computed(path, x), model.predict(x))
    assert from_onnx(path).training_state.weights.tobytes() == model.training_state.weights.tobytes()


@pytest.mark.parametrize("opset", [14, 18, 21, onnx.defs.onnx_opset_version()])
@pytest.mark.parametrize(
    "name", ["masked, two ways", "gru, reset before", "skip, short", "lstm, sequences", "backwards"]
)
def test_versions_of_the_operators(name: str, opset: int, path: Path) -> None:
    model, x = filled(NETWORKS[name]), NETWORKS[name].windows(5)
    to_onnx(model, path, opset=opset)
    proto = onnx.load(path)
    assert [one.version for one in proto.opset_import] == [opset]
    if opset <= 23:  # what this onnxruntime promises
        assert close(computed(path, x), model.predict(x))
    assert close(ReferenceEvaluator(proto).run(None, {"window": x})[0], model.predict(x))
    assert from_onnx(path).layers == model.layers


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_each_activation_far_from_zero(activation: str, path: Path) -> None:
    """In a Dense layer, and as a recurrent layer's; where e^z overflows, too."""
    model = Sequential([Input((2, 1)), SimpleRNN(1, activation, return_sequences=True), Dense(1, activation)], seed=0)
    model.set_weights([[[1.0]], [[0.1]], [0.0], [[1.0]], [0.0]])
    x = np.linspace(-200, 200, 81, dtype=np.float32).reshape(-1, 1, 1).repeat(2, axis=1)
    to_onnx(model, path)
    assert np.abs(computed(path, x) - model.predict(x)).max() <= 1e-5 * (1 + np.abs(model.predict(x)).max())


def test_what_the_file_says(path: Path) -> None:
    to_onnx(filled(NETWORKS["gru"]), path)
    proto = onnx.load(path)
    assert proto.producer_name == "timeglass"
    assert [one.name for one in proto.graph.input] == ["window"]
    assert [dim.dim_param or dim.dim_value for dim in proto.graph.input[0].type.tensor_type.shape.dim] == ["N", 6, 1]
    assert [one.name for one in proto.graph.output] == ["forecast"]
    assert [node.op_type for node in proto.graph.node] == ["Transpose", "GRU", "Squeeze", "MatMul", "Add", "Identity"]
    assert proto.ir_version <= 8
    again = path.with_name("again.onnx")
    to_onnx(filled(NETWORKS["gru"]), again)
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "names", [("window", "forecast"), ("a/b", "a"), ("int:0", "float:1.0"), ("0", "1"), ("größe", "x y")]
)
def test_names_that_could_be_confused(names: tuple[str, str], path: Path) -> None:
    model = Sequential([Input((3, 1)), GRU(2, "elu", name=names[0]), Dense(1, name=names[1]), LinearSkip()], seed=0)
    to_onnx(model, path)
    x = np.ones((2, 3, 1), np.float32)
    assert close(computed(path, x), model.predict(x))
    assert from_onnx(path).layers == model.layers


def test_options_of_to_onnx(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = filled(NETWORKS["gru"])
    with pytest.raises(OptionError, match="to_onnx network: expected 0 to 0, got 1"):
        to_onnx(model, path, network=1)
    with pytest.raises(OptionError, match="to_onnx opset: this onnx writes 14 to"):
        to_onnx(model, path, opset=13)
    with pytest.raises(OptionError, match="cannot be written"):
        to_onnx(model, path / "none" / "model.onnx")
    model.training_state.weights[0, 3] = np.nan
    with pytest.raises(OptionError, match="weights that are not finite"):
        to_onnx(model, path)
    monkeypatch.setitem(sys.modules, "onnx", None)
    for call in (lambda: to_onnx(filled(NETWORKS["gru"]), path), lambda: from_onnx(path)):
        with pytest.raises(EngineError, match=r"onnx is not installed.*pip install 'timeglass\[onnx\]'"):
            call()
    assert not path.exists()


def test_the_old_file_stays_where_the_new_one_cannot_be_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(b"old")

    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OptionError, match="No space left"):
        to_onnx(filled(NETWORKS["gru"]), path)
    monkeypatch.undo()
    assert [one.name for one in path.parent.iterdir()] == ["model.onnx"]
    assert path.read_bytes() == b"old"


# ---- graphs of others: those of to_onnx without what it says of itself, and torch's


def anonymous(model: Sequential, path: Path) -> onnx.ModelProto:
    to_onnx(model, path)
    proto = onnx.load(path)
    del proto.metadata_props[:]
    onnx.save(proto, path)
    return proto


FOREIGN = {
    **{name: network for name, network in NETWORKS.items() if name not in (
        "linear", "lstm, sequences", "two ways", "masked", "masked, two ways", "masked, two ways, backwards first",
    )},
    "two ways": Network(5, 2, (bidirectional(rnn(3)), dense(1))),
    "two ways, ave": Network(5, 2, (bidirectional(gru(3, reset_after=False), "ave"), dense(1, "swish"))),
    "two ways, mul, sum": Network(
        4, 2, (bidirectional(lstm(3, return_sequences=True), "mul"), bidirectional(lstm(3), "sum"), linear_skip(1))
    ),
    "other layer back": Network(4, 2, (bidirectional(lstm(3), backward_layer=rnn(2, go_backwards=True)), dense(1))),
    "backwards, then on": Network(
        4, 2, (gru(3, go_backwards=True, return_sequences=True), dense(3, "tanh"), lstm(2, go_backwards=True))
    ),
    "one step": Network(1, 2, (bidirectional(gru(3, return_sequences=True)), lstm(2), dense(1), linear_skip())),
    "one step, sequence": Network(1, 1, (gru(1, return_sequences=True), dense(1))),
    "one of each": Network(1, 1, (rnn(1), dense(1), linear_skip())),
    "dense towers": Network(
        4, 3, (dense(3, "selu"), dense(4, "hard_sigmoid"), lstm(3, return_sequences=True), gru(2),
               dense(3, "leaky_relu"), dense(3, "elu"), dense(2, "softplus"), dense(2, "softsign"), linear_skip(2)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
def test_a_graph_that_does_not_say_its_layers(name: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "two ways, mul" in name:
        monkeypatch.setitem(sys.modules, "onnxruntime", None)  # then the specification alone is compared
    model, x = filled(FOREIGN[name]), FOREIGN[name].windows(6)
    anonymous(model, path)
    back = from_onnx(path)
    assert back.training_state.weights.tobytes() == model.training_state.weights.tobytes()
    assert np.array_equal(back.predict(x), model.predict(x))


def test_what_it_was_trained_to_do_may_be_changed_but_then_it_must_still_be_understood(path: Path) -> None:
    """A masked network whose file was changed is not taken for what its metadata say."""
    model = filled(Network(4, 1, (masking(), gru(2), dense(1))))
    to_onnx(model, path)
    proto = onnx.load(path)
    (body,) = (
        one.g for node in proto.graph.node if node.op_type == "Scan" for one in node.attribute if one.name == "body"
    )
    next(node for node in body.node if node.op_type == "Tanh").op_type = "Sigmoid"
    onnx.save(proto, path)
    with pytest.raises(DataError, match="only understood in a file that is just as to_onnx wrote it"):
        from_onnx(path)


def test_other_weights_in_a_file_of_ours_are_taken(path: Path) -> None:
    model = filled(Network(4, 1, (masking(), gru(2), dense(1))))
    to_onnx(model, path)
    proto = onnx.load(path)
    (kernel,) = (one for one in proto.graph.initializer if one.name == "dense/wy")
    kernel.CopyFrom(onnx.numpy_helper.from_array(np.array([[3.0], [4.0]], np.float32), "dense/wy"))
    onnx.save(proto, path)
    assert from_onnx(path).get_weights()[-2].tolist() == [[3.0], [4.0]]


def check_export(module: Net, path: Path, **options: Any) -> Sequential:
    model = from_onnx(path, **options)
    x = np.random.default_rng(1).uniform(-1, 1, (4, 5, 2)).astype(np.float32)
    assert close(model.predict(x), module.forecast(x))
    return model


@pytest.mark.parametrize("name", MODULES)
def test_what_torchs_exporter_writes(name: str, path: Path) -> None:
    torch.manual_seed(3)
    module = MODULES[name]()
    exported(module, path, dynamo=False)
    model = check_export(module, path)
    layer, units = model.layers[0], module.rnn.hidden_size
    assert isinstance(layer, Bidirectional) == module.rnn.bidirectional
    if name == "gru":
        assert model.layers == [GRU(units), Dense(2, "tanh")]


@pytest.mark.parametrize("name", MODULES)
def test_what_torchs_newer_exporter_wrote(name: str, path: Path) -> None:
    """Recorded by tools/record_torch_onnx.py. Simple recurrent layers are written out there, step by step."""
    with np.load(Path(__file__).parent / "golden" / "torch_onnx.npz") as golden:
        path.write_bytes(golden[f"{name}: file"].tobytes())
        expected = golden[f"{name}: forecast"]
    x = np.random.default_rng(1).uniform(-1, 1, (4, 5, 2)).astype(np.float32)
    model = from_onnx(path)
    assert close(model.predict(x), expected)
    kind = {"rnn": SimpleRNN, "gru": GRU, "lstm": LSTM}[name.partition(",")[0]]
    assert isinstance(model.layers[0], Bidirectional if "both" in name else kind)


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("name", ["gru", "gru, steps first", "lstm, both ways"])
def test_a_number_of_windows_that_is_fixed(name: str, n: int, path: Path) -> None:
    torch.manual_seed(3)
    module = MODULES[name]()
    exported(module, path, dynamo=False, n=n)
    check_export(module, path)
    check_export(module, path, time_steps=5)
    with pytest.raises(OptionError, match="time_steps"):
        from_onnx(path, time_steps=7)


def test_a_number_of_steps_that_is_open(path: Path) -> None:
    torch.manual_seed(3)
    module = MODULES["gru"]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (torch.randn(3, 7, 2),),
            str(path),
            dynamo=False,
            input_names=["x"],
            dynamic_axes={"x": {0: "N", 1: "T"}},
        )
    with pytest.raises(OptionError, match="leaves the number of steps open: say how many"):
        from_onnx(path)
    check_export(module, path, time_steps=5)


def test_a_window_that_is_turned_first(path: Path) -> None:
    class Turned(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x.flip(1))

    torch.manual_seed(3)
    for take in ("last", "sequence"):
        module = Turned(nn.GRU(2, 3, batch_first=True), take)
        exported(module, path, dynamo=False)
        model = check_export(module, path)
        assert model.layers == [GRU(3, go_backwards=True, return_sequences=take == "sequence"), Dense(2, "tanh")]


def test_an_operator_that_takes_windows_first(path: Path) -> None:
    """`layout` 1, which onnxruntime's processors lack: compared with the specification alone."""
    arrays = {
        name: np.random.default_rng(5).uniform(-1, 1, shape).astype(np.float32)
        for name, shape in {"W": (2, 9, 2), "R": (2, 9, 3), "B": (2, 18)}.items()
    }
    attributes = {"hidden_size": 3, "layout": 1, "direction": "bidirectional", "linear_before_reset": 1}
    nodes = [
        onnx.helper.make_node("GRU", ["x", *arrays], ["", "h"], **attributes),  # (N, 2, 3)
        onnx.helper.make_node("Flatten", ["h"], ["y"]),
    ]
    graph = onnx.helper.make_graph(
        nodes, "g", [onnx.helper.make_tensor_value_info("x", 1, ["N", 4, 2])],
        [onnx.helper.make_tensor_value_info("y", 1, ["N", 6])],
        [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )  # fmt: skip
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)]), path)
    model = from_onnx(path)
    assert model.layers == [Bidirectional(GRU(3))]
    assert np.array_equal(model.get_weights()[4], arrays["R"][1].T)


def test_the_last_step_of_both_directions_is_refused(path: Path) -> None:
    exported(Net(nn.LSTM(2, 3, batch_first=True, bidirectional=True), "last"), path, dynamo=False)
    with pytest.raises(DataError, match=r"Gemm /head/Gemm is read at step 5 alone, .* last state \(torch's h_n\)"):
        from_onnx(path)


@pytest.mark.parametrize("runtime", [True, False])
def test_a_conversion_that_is_wrong_is_noticed(runtime: bool, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were a GRU's gates taken in another order, say; whether or not onnxruntime is installed."""
    if not runtime:
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
    anonymous(filled(NETWORKS["gru"]), path)
    right = onnx_read.pieces_of

    def wrong(found: Any) -> Any:
        pieces = right(found)
        pieces[0].arrays[0] = np.roll(pieces[0].arrays[0], 3, axis=1)
        return pieces

    monkeypatch.setattr(onnx_read, "pieces_of", wrong)
    with pytest.raises(DataError, match="does something else than its layers in order: for a window made"):
        from_onnx(path)


def test_onnxruntime_is_asked_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    anonymous(filled(NETWORKS["gru"]), path)
    monkeypatch.setattr(onnx_read, "_runtime", lambda proto, x: lambda x: np.ones((len(x), 1)))
    with pytest.raises(DataError, match="computed by onnxruntime, does something else"):
        from_onnx(path)


def test_weights_in_float64_are_rounded(path: Path) -> None:
    torch.manual_seed(3)
    module = MODULES["lstm"]().double()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, (torch.randn(3, 5, 2, dtype=torch.float64),), str(path), dynamo=False, dynamic_axes={"x": {0: "N"}},
            input_names=["x"],
        )  # fmt: skip
    model = from_onnx(path)
    assert model.layers == [LSTM(3), Dense(2, "tanh")]
    assert np.array_equal(model.get_weights()[3], module.head.weight.detach().numpy().astype(np.float32).T)
