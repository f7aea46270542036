"""Models in files: what is saved comes back whole, in both forms, and a fit goes on as if nothing had been."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from fits import LOSSES, OPTIMIZERS
from networks import NETWORKS, Network, dense, dropout, rnn
from safetensors import safe_open

import timeglass
from timeglass import (
    LBFGS,
    SGD,
    Adam,
    CosineDecay,
    DataError,
    Dense,
    Dropout,
    GaussianLikelihood,
    Huber,
    Input,
    InputError,
    LevenbergMarquardt,
    OptionError,
    Quantile,
    Sequential,
    ShapeError,
    SimpleRNN,
    load_model,
)
from timeglass.model.json_file import MOST_NUMBERS
from timeglass.model.saving import model_bytes, model_from_bytes
from timeglass.prepare.scale import MinMaxScaler
from timeglass.train.losses import Loss
from timeglass.train.schedules import Schedule

ENDINGS = [".safetensors", ".json"]
NETWORK = Network(4, 2, (rnn(3), dense(1)))
each_ending = pytest.mark.parametrize("ending", ENDINGS)


def build(network: Network = NETWORK, optimizer: object = "adam", loss: object = "mse", **options) -> Sequential:
    l2 = options.pop("l2", 0.0)
    model = network.sequential(**{"seed": 3} | options)
    model.compile(optimizer, loss, l2=l2)
    return model


def fit(model: Sequential, network: Network = NETWORK, epochs: int = 3, **options) -> np.ndarray:
    targets = network.targets(20)
    targets = targets[..., : targets.shape[-1] // model.loss.outputs_per_target]
    history = model.fit(network.windows(20), targets, epochs=epochs, **{"batch_size": 6} | options)
    return np.array(history.history["loss"])


def again(model: Sequential, ending: str, **options) -> Sequential:
    """Through the bytes of a file."""
    return model_from_bytes(model_bytes(model, ending), ending, **options)


def check_alike(one: Sequential, other: Sequential) -> None:
    """Everything that a file keeps, to the bit."""
    assert (one.name, one.networks, one.seed, one.layers) == (other.name, other.networks, other.seed, other.layers)
    assert one.architecture == other.architecture
    assert one.scaler == other.scaler
    assert one.training_state.epochs == other.training_state.epochs
    for name in ("weights", "steps", "beta_powers", "numbers", "rate_scale"):
        mine, theirs = getattr(one.training_state, name), getattr(other.training_state, name)
        assert (mine.dtype, mine.shape, mine.tobytes()) == (theirs.dtype, theirs.shape, theirs.tobytes()), name


def check_goes_on(model: Sequential, ending: str, network: Network = NETWORK, **options) -> None:
    """After some training a copy from a file and the model itself end with the same bits."""
    fit(model, network, **options)
    other = again(model, ending)
    check_alike(model, other)
    assert (other.optimizer, other.loss) == (model.optimizer, model.loss)
    start = model.training_state.weights.copy()
    assert fit(model, network, **options).tobytes() == fit(other, network, **options).tobytes()
    assert model.training_state.weights.tobytes() == other.training_state.weights.tobytes()
    assert model.training_state.slots.tobytes() == other.training_state.slots.tobytes()
    assert not np.array_equal(model.training_state.weights, start)


# ---- everything comes back


@each_ending
@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_comes_back(name, ending):
    model = NETWORKS[name].sequential(networks=2, seed=5, name="größe 黒 \\ \"'\n")
    other = again(model, ending)
    check_alike(model, other)
    x = NETWORKS[name].windows(4)
    assert model.predict(x).tobytes() == other.predict(x).tobytes()
    with pytest.raises(InputError, match="compile the network first"):
        other.evaluate(x, x)


@each_ending
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_fit_goes_on_with_the_same_bits(name, ending):
    check_goes_on(build(optimizer=OPTIMIZERS[name], networks=3, l2=(0.0, 0.01, 0.1)), ending)


@each_ending
@pytest.mark.parametrize("solver", [LevenbergMarquardt(starts=2, gtol=0.0), LBFGS(memory=3, starts=3)], ids=repr)
def test_a_solver_goes_on_with_the_same_bits(solver, ending):
    check_goes_on(build(optimizer=solver, networks=2), ending, batch_size=None)


@each_ending
def test_dropout_and_shuffles_go_on_where_they_stood(ending):
    network = Network(4, 1, (rnn(3, dropout=(0.1, 0.5), recurrent_dropout=0.2), dropout((0.3, 0.0)), dense(1)))
    check_goes_on(build(network, networks=2), ending, network)


@each_ending
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_comes_back(name, ending):
    network = Network(4, 2, (rnn(3), dense(6)))
    check_goes_on(build(network, loss=LOSSES[name]), ending, network)


@each_ending
def test_on_the_numpy_engine_too(ending):
    model = build(engine="numpy")
    fit(model)
    other = again(model, ending, engine="numpy")
    assert other.engine == "numpy"
    with pytest.raises(OptionError, match="engine: expected one of"):
        again(model, ending, engine="nympy")
    assert fit(model).tobytes() == fit(other).tobytes()


@each_ending
def test_learning_rates_that_were_changed_stay_changed(ending):
    model = build(optimizer=SGD(0.1), networks=2)
    model.learning_rate = (0.05, 0.3)
    other = again(model, ending)
    assert other.learning_rate.tolist() == [0.05, 0.3]
    assert other.training_state.slots.shape == (0, 2, model.count_params())


@each_ending
def test_numbers_keep_their_bits(ending):
    """The smallest, the largest, negative zero, and random bits all come back."""
    model = Sequential([Input((1, 40)), Dense(25)], seed=2**64 - 1, networks=2)
    random = np.random.default_rng(1).integers(0, 2**32, size=(2, 1025), dtype=np.uint32).view(np.float32)
    weights = np.where(np.isfinite(random), random, 0)
    weights[0, :6] = [-0.0, 1e-45, -1e-45, np.finfo("f4").max, np.finfo("f4").tiny, 16777216.0]
    model.training_state.weights[...] = weights
    model.training_state.beta_powers[...] = np.random.default_rng(2).random((2, 2))
    model.training_state.steps[...] = [2**53, 0]
    check_alike(model, again(model, ending))


@each_ending
def test_a_loaded_model_is_a_model_like_any_other(ending):
    """It can be built upon, compiled anew, and saved to the same bytes."""
    model = build(networks=2)
    fit(model)
    other = again(model, ending)
    assert model_bytes(other, ending) == model_bytes(model, ending)
    for each in (model, other):
        each.add(Dense(1, "tanh"))
        each.compile(SGD(0.1), "mae")
    assert fit(model).tobytes() == fit(other).tobytes()


@each_ending
def test_numpys_numbers_in_settings(ending):
    model = Sequential([SimpleRNN(np.int64(2), use_bias=np.bool_(False), input_shape=[4, 1]), Dropout(np.float32(0.5))])
    model.compile(Adam(np.float64(0.25), clipnorm=np.float32(2)), Quantile(np.array([0.25, 0.5])))
    other = again(model, ending)
    assert other.layers[0] == SimpleRNN(2, use_bias=False, input_shape=(4, 1))
    assert (other.optimizer, other.loss) == (Adam(0.25, clipnorm=2.0), Quantile((0.25, 0.5)))


# ---- the scaler


@each_ending
def test_the_scaler_stays_with_the_model(tmp_path, ending):
    path, scaler = tmp_path / f"m{ending}", MinMaxScaler(-0.1, 253.80000000000001)
    model = build()
    assert model.scaler is None
    model.save(path, scaler)
    assert (model.scaler, load_model(path).scaler) == (scaler, scaler)
    model.save(path)  # as it has it
    assert load_model(path).scaler == scaler
    model.scaler = None
    model.save(path)
    assert load_model(path).scaler is None


def test_what_is_no_scaler_is_refused_before_anything_is_written(tmp_path):
    model = build()
    with pytest.raises(OptionError, match=r"save scaler: expected a MinMaxScaler, got \(0, 1\)"):
        model.save(tmp_path / "m.json", (0, 1))
    assert model.scaler is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bounds", [(1.0, 1.0), (2, 1), (0.0, np.inf), (np.nan, 1.0), (-1e308, 1e308), ("0", 1)])
def test_a_scaler_has_two_finite_bounds(bounds):
    with pytest.raises(InputError, match="MinMaxScaler: expected two finite numbers, the lower one first, got"):
        MinMaxScaler(*bounds)


# ---- the forms


def test_the_json_form_can_be_read_and_compared_line_by_line():
    model = Sequential([SimpleRNN(2, input_shape=(4, 1)), Dense(1)], seed=0)
    model.set_weights([[[0.1, -0.25]], [[1.5, 2e-7], [3, 4]], [0, 0.3], [[0.7], [16777217]], [-0.0]])
    text = model_bytes(model, ".json").decode()
    assert '\n    "simple_rnn.wh": [\n      [\n        [1.5, 2e-07],\n        [3.0, 4.0]\n      ]\n    ],\n' in text
    assert '\n    "dense.by": [\n      [-0.0]\n    ],\n' in text
    whole = json.loads(text)
    assert (whole["format"], whole["version"], whole["timeglass"]) == ("timeglass model", 1, timeglass.__version__)
    assert whole["layers"][1] == {
        "class": "Dense", "units": 1, "activation": None, "use_bias": True, "input_shape": None, "name": None,
    }  # fmt: skip
    changed = model_bytes(model, ".json")
    model.training_state.weights[0, 3] += 1
    before, after = changed.decode().splitlines(), model_bytes(model, ".json").decode().splitlines()
    differing = [(one, other) for one, other in zip(before, after, strict=True) if one != other]
    assert [one.split(":")[0].strip() for one, _ in differing[:-1]] == ['"simple_rnn.wh"', '"header_sha256"']
    assert differing[-1] == ("        [1.5, 2e-07],", "        [1.5, 1.0000002],")


def test_white_space_is_no_part_of_the_json_form():
    """Line ends that a version control system changed, or another program's spaces."""
    model = build(networks=2)
    content = model_bytes(model, ".json")
    for changed in (
        content.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + content,
        json.dumps(json.loads(content)).encode(),
        json.dumps(json.loads(content), indent=4, sort_keys=True).encode(),
    ):
        check_alike(model, model_from_bytes(changed, ".json"))


def test_another_program_reads_the_arrays(tmp_path):
    """The safetensors package itself."""
    model = build(networks=2)
    fit(model)
    model.save(tmp_path / "m.safetensors")
    with safe_open(tmp_path / "m.safetensors", "np") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        header = json.loads(file.metadata()["timeglass"])
    assert header["layers"][0]["class"] == "SimpleRNN"
    split = model.architecture.split(model.training_state.weights)
    assert np.array_equal(arrays["simple_rnn.wh"], split[0]["wh"])
    slots = model.architecture.split(model.training_state.slots[1])
    assert np.array_equal(arrays["dense.wy.velocity"], slots[1]["wy"])
    assert arrays.keys() == header["sha256"].keys()
    assert arrays["steps"].tolist() == [12, 12]


@each_ending
def test_the_same_model_gives_the_same_bytes(ending):
    assert model_bytes(build(networks=3), ending) == model_bytes(build(networks=3), ending)


def test_layers_may_have_any_names():
    """Names that look like those of other tensors get in nobody's way."""
    names = ["a", "a.wx", "steps", "__metadata__", "a.wy.momentum", "\x00\n\u202e", "x" * 300]
    model = Sequential([SimpleRNN(2, input_shape=(3, 1)), *(Dense(2, name=name) for name in names)], seed=0)
    model.compile("adam", "mse")
    model.fit(np.zeros((4, 3, 1)), np.ones((4, 2)))
    for ending in ENDINGS:
        check_alike(model, again(model, ending))


# ---- paths


@pytest.mark.parametrize("make", [str, lambda path: path, lambda path: os.fspath(path).replace("m.", "M.").upper()])
def test_paths_of_every_kind(tmp_path, monkeypatch, make):
    monkeypatch.chdir(tmp_path)
    for name in ("m.json", "m.safetensors", "größe 黒.json", "n" * 248 + ".json"):
        model = build()
        model.save(make(tmp_path.relative_to(tmp_path) / name))
        check_alike(model, load_model(make(tmp_path.relative_to(tmp_path) / name)))


@pytest.mark.parametrize("call", ["save", "load_model"])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("model", "expected a name that ends in .safetensors or .json"),
        ("m.keras", "or .json; to_keras and from_keras write and read .keras files"),
        ("m.h5", "or .json; Timeglass neither writes nor reads HDF5"),
        ("m.npz", "or .json; Timeglass keeps no model in .npz"),
        ("m.pkl", "or .json; Timeglass neither writes nor opens a pickle, which may run anything when it is opened"),
        ("", "expected the name of a file, got ''"),
        (7, "expected the name of a file, got 7"),
    ],
)
def test_other_endings_are_refused(tmp_path, call, name, words):
    given = tmp_path / name if isinstance(name, str) and name else name
    with pytest.raises(OptionError) as caught:
        build().save(given) if call == "save" else load_model(given)
    assert str(caught.value).startswith(f"{call} path")
    assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_named_with_the_closest(tmp_path):
    build().save(tmp_path / "sunspots.json")
    build().save(tmp_path / "other.safetensors")
    for name, words in {
        "sunspot.json": "; that folder has sunspots.json",
        "1.safetensors": "; that folder has other.safetensors",
        "no/m.json": f"; the folder {tmp_path / 'no'} does not exist either",
    }.items():
        with pytest.raises(DataError) as caught:
            load_model(tmp_path / name)
        assert str(caught.value) == f"no file {tmp_path / name}{words}"


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda: Sequential([SimpleRNN(2)]), (ShapeError, "the network has no input shape yet")),
        (lambda: build(name=7), (OptionError, "the name '7' cannot be written: expected a text")),
        (lambda: build(Network(3, 1, (dense(2, name="\ud800"),))), (OptionError, "cannot be written: expected a text")),
        (lambda: build(loss=type("Own", (Huber,), {})()), (OptionError, "loss: a file can hold MeanSquaredError, ")),
        (lambda: build(optimizer=type("Own", (SGD,), {})()), (OptionError, "optimizer: a file can hold SGD, RMSprop")),
        (lambda: build(optimizer=Adam(OwnSchedule())), (OptionError, "learning_rate: a file can hold CosineDecay, ")),
        (lambda: build(loss=OwnLoss()), (OptionError, "loss: a file can hold")),
        (lambda: broken(np.nan), (InputError, "simple_rnn.wx has numbers that are not finite")),
        (lambda: broken(np.inf), (InputError, "simple_rnn.wx has numbers that are not finite")),
    ],
    ids=["no shape", "name", "half a character", "loss", "optimizer", "schedule", "loss 2", "nan", "inf"],
)
@each_ending
def test_what_no_file_can_hold_is_refused(tmp_path, model, words, ending):
    path = tmp_path / f"m{ending}"
    with pytest.raises(words[0]) as caught:
        model().save(path)
    assert str(caught.value).startswith(f"save {path}: ")
    assert words[1] in str(caught.value)
    assert list(tmp_path.iterdir()) == []


class OwnSchedule(Schedule):
    base_rate = 0.1

    def factor(self, steps):
        return np.ones(np.shape(steps))


class OwnLoss(GaussianLikelihood, Loss):
    pass


def broken(value: float) -> Sequential:
    model = build()
    model.training_state.weights[0, 0] = value
    return model


def test_json_is_for_networks_of_moderate_size(tmp_path):
    model = Sequential([Input((1, 499)), Dense(500)], seed=0)
    assert model.count_params() == MOST_NUMBERS
    words = "a .json file holds at most 250,000 numbers, this model has 250,005: save it as .safetensors"
    with pytest.raises(OptionError, match=words):
        model.save(tmp_path / "m.json")
    model.save(tmp_path / "m.safetensors")
    check_alike(model, load_model(tmp_path / "m.safetensors"))
    assert (tmp_path / "m.safetensors").stat().st_size < 4 * MOST_NUMBERS + 3000


def test_no_more_layers_than_can_be_read():
    layers = [Input((1, 1)), *(Dropout(0.5) for _ in range(1001))]
    model = Sequential([layers[0], Dropout(0.1)], seed=0)
    model._layers = layers[1:]  # one by one would take long
    with pytest.raises(OptionError, match="a file holds at most 1,000 layers, this model has 1,001"):
        model_bytes(model, ".json")


def test_schedules_with_a_rate_for_each_network_come_back():
    schedule = CosineDecay(0.0, 9, warmup_target=(0.1, 0.2), warmup_steps=3)
    model = build(optimizer=Adam(schedule), networks=2)
    for ending in ENDINGS:
        assert again(model, ending).optimizer == Adam(schedule)
