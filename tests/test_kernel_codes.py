"""What is said to the kernel: structs and codes are the header's, what it cannot do it refuses, and NumPy does it."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import networks
import numpy as np
import pytest
from fits import by_hand, check_same_bits, fitted
from networks import DROPPING, NETWORKS, Network, dense, gru, masking, rnn, state_of, task_of

from timeglass.errors import EngineError, EngineWarning, OptionError
from timeglass.kernel import calls, structs
from timeglass.kernel.library import ABI_VERSION, INSTRUCTION_SETS
from timeglass.train.engine import FitTask
from timeglass.train.engine_lanes import LanesEngine
from timeglass.train.engine_numpy import NumpyEngine
from timeglass.train.kernel_codes import network_code
from timeglass.train.losses import Huber, Quantile
from timeglass.train.optimizers import SGD, Adam, RMSprop
from timeglass.train.schedules import CosineDecay

# The header

HEADER = re.sub(r"/\*.*?\*/", "", (Path(__file__).parents[1] / "csrc" / "timeglass.h").read_text(), flags=re.DOTALL)
TYPES = {
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64,
    "float": ctypes.c_float,
    "double": ctypes.c_double,
}
STRUCTS = {
    "tg_layer": structs.LayerCode,
    "tg_network": structs.NetworkStruct,
    "tg_windows": structs.WindowsStruct,
    "tg_loss": structs.LossCode,
    "tg_optimizer": structs.OptimizerCode,
    "tg_fit": structs.FitCode,
    "tg_progress": structs.ProgressStruct,
}


def constant(name: str) -> int:
    found = re.search(rf"\b{name}\b\s*=?\s*(\d+)", HEADER)
    assert found, name
    return int(found[1])


def declared(struct: str) -> Iterator[tuple[str, Any]]:
    """The names and types of a struct's fields, as the header has them; pointers are void pointers."""
    found = re.search(rf"typedef struct {struct} \{{(.*?)\}} {struct};", HEADER, re.DOTALL)
    assert found, struct
    for declaration in filter(None, map(str.strip, found[1].split(";"))):
        kind, names = re.fullmatch(r"(?:const )?(\w+) (.*)", declaration).groups()
        for name, count in re.findall(r"(\*?\w+)(?:\[(\w+)\])?", names):
            one = ctypes.c_void_p if name.startswith("*") else TYPES.get(kind) or STRUCTS[kind]
            yield name.lstrip("*"), one * constant(count) if count else one


@pytest.mark.parametrize("name", STRUCTS)
def test_structs_have_the_headers_fields_in_its_order(name):
    own = [(field, ctypes.c_void_p if hasattr(kind, "contents") else kind) for field, kind in STRUCTS[name]._fields_]
    assert own == list(declared(name))


@pytest.mark.parametrize(
    ("enum", "words"),
    [
        ("tg_instruction_set", INSTRUCTION_SETS),
        ("tg_layer_kind", structs.KINDS),
        ("tg_activation", structs.ACTIVATIONS),
        ("tg_merge", structs.MERGES),
        ("tg_optimizer_kind", structs.OPTIMIZERS),
        ("tg_carry", structs.CARRIES),
    ],
)
def test_codes_have_the_headers_words_in_its_order(enum, words):
    found = re.search(rf"enum {enum} \{{(.*?)\}}", HEADER, re.DOTALL)
    values = re.findall(r"TG_(\w+) = (\d+)", found[1])
    assert values[: len(words)] == [(word.upper(), str(code)) for code, word in enumerate(words)]
    assert values[len(words) :] in ([], [(values[-1][0], str(len(words)))])  # their number may follow


def test_numbers_are_the_headers():
    assert constant("TG_ABI_VERSION") == ABI_VERSION
    assert (constant("TG_LANES"), constant("TG_SLOTS")) == (structs.WIDE, structs.SLOTS)
    assert constant("TG_LOSSES") == len(structs.LOSSES)
    assert constant("TG_CLIP_GLOBAL_NORM") == len(structs.CLIPS) - 1


@networks.needs_kernel
def test_the_kernel_counts_weights_as_the_architecture_does():
    for network in (*NETWORKS.values(), *DROPPING.values(), *map(networks.any_network, range(60))):
        made = calls.count_weights(networks.KERNEL, network_code(network.architecture))
        assert made == network.architecture.weight_count


# What the kernel refuses


def layer(kind: str, **options: Any) -> structs.LayerCode:
    return structs.LayerCode(**{"kind": structs.KINDS.index(kind), "input": -1, "other": -1, "mask": -1} | options)


GIVES = layer("simple_rnn", units=2, return_sequences=1)
VECTOR = layer("simple_rnn", units=2)
MASK = layer("masking")
WRONG_NETWORKS = {
    "no layers": [],
    "too many layers": [GIVES] + [layer("dropout", input=i) for i in range(64)],
    "kind": [structs.LayerCode(kind=8, units=1, input=-1, other=-1, mask=-1)],
    "negative kind": [structs.LayerCode(kind=-1, units=1, input=-1, other=-1, mask=-1)],
    "units": [layer("dense")],
    "too many units": [layer("dense", units=2**28)],
    "too many weights": [layer("lstm", units=2**14)],
    "activation": [layer("dense", units=1, activation=11)],
    "recurrent activation": [layer("gru", units=1, recurrent_activation=-1)],
    "itself as its input": [layer("dense", units=1, input=0)],
    "an input further on": [layer("dense", units=1, input=1), layer("dense", units=1, input=0)],
    "an input before the window": [layer("dense", units=1, input=-2)],
    "a recurrent layer on a vector": [VECTOR, layer("lstm", units=1, input=0)],
    "masking of a vector": [VECTOR, layer("masking", input=0)],
    "a mask that is none": [GIVES, layer("gru", units=1, input=0, mask=0)],
    "a mask further on": [layer("gru", units=1, mask=1), MASK],
    "a merge of the window": [GIVES, layer("merge", input=0, other=-1)],
    "a merge of a sequence and a vector": [GIVES, VECTOR, layer("merge", input=0, other=1)],
    "a merge of two sizes": [GIVES, layer("dense", units=3), layer("merge", input=0, other=1, merge=1)],
    "a way to merge": [GIVES, GIVES, layer("merge", input=0, other=1, merge=4)],
    "a skip of a sequence": [GIVES, layer("linear_skip", input=0, units=2, skip_steps=1)],
    "a skip of another size": [VECTOR, layer("linear_skip", input=0, units=1, skip_steps=1)],
    "a skip of no steps": [VECTOR, layer("linear_skip", input=0, units=2)],
    "a skip of too many steps": [VECTOR, layer("linear_skip", input=0, units=2, skip_steps=5)],
    "a layer that nobody reads": [VECTOR, layer("dense", units=1)],
}


@networks.needs_kernel
@pytest.mark.parametrize("layers", WRONG_NETWORKS.values(), ids=WRONG_NETWORKS)
def test_the_kernel_refuses_a_network_that_it_does_not_have(layers):
    with pytest.raises(EngineError, match="the kernel refused: the kernel does not have this network"):
        calls.count_weights(networks.KERNEL, calls.NetworkCode(4, 3, 1, 0, tuple(layers)))


@networks.needs_kernel
@pytest.mark.parametrize(("steps", "features"), [(0, 1), (1, 0), (-1, 1), (2**14, 2**10)])
def test_the_kernel_refuses_windows_of_a_size_that_it_does_not_have(steps, features):
    with pytest.raises(EngineError, match="does not have this network"):
        calls.count_weights(networks.KERNEL, calls.NetworkCode(steps, features, 1, 0, (layer("dense", units=1),)))


DROPS = DROPPING["gru"]
TASKS: dict[str, FitTask] = {
    "adam": task_of(DROPS, optimizer=Adam(clipnorm=1.0), l2=np.array([0.1, 0.2])),
    "sgd": task_of(DROPS, optimizer=SGD(CosineDecay(0.1, 9), momentum=0.5), counts=np.array([22, 4])),
    "rmsprop": task_of(DROPS, optimizer=RMSprop(momentum=0.5, centered=True), loss=Huber(0.5)),
    "quantile": task_of(DROPS, loss=Quantile((0.5,))),
}
OUT_OF_RANGE = [
    *(("adam", f"settings.{name}", value) for name, value in [
        ("epochs", 0), ("epochs", 2**31), ("batch_size", 0), ("batch_size", 2**31), ("slice_batches", -1),
        ("first_epoch", -1), ("first_epoch", 2**31), ("carry", 2), ("carry", 1), ("rates", None),
        ("optimizer.kind", 3), ("optimizer.kind", -1), ("optimizer.clip", 4), ("optimizer.clip_limit", 0.0),
        ("optimizer.clip_limit", np.nan), ("optimizer.momentum", 1.5), ("optimizer.beta_1", 1.0),
        ("optimizer.beta_2", -0.1), ("optimizer.epsilon", np.nan), ("optimizer.weight_decay", -1.0),
        ("loss.kind", 6), ("loss.kind", 5),
    ]),
    *(("adam", f"progress.{name}", value) for name, value in [
        ("networks", 0), ("networks", 33), ("epoch", -1), ("batch", -1), ("batch", 6), ("weights", None),
        ("best_weights", None), ("losses", None), ("order", None), ("slots.0", None), ("slots.1", None),
        ("steps.1", -1),
    ]),
    *(("adam", f"_packed.{name}", value) for name, value in [
        ("count", 0), ("count", 2**31), ("x", None), ("y", None),
    ]),
    ("sgd", "settings.factor_count", 0), ("sgd", "progress.slots.0", None),
    ("rmsprop", "progress.slots.0", None), ("rmsprop", "progress.slots.1", None),
    ("rmsprop", "progress.slots.2", None), ("rmsprop", "settings.loss.delta", 0.0),
    ("quantile", "settings.loss.level_count", 0), ("quantile", "settings.loss.level_count", 2),
    ("quantile", "settings.loss.levels", None),
]  # fmt: skip
WRONG_NUMBERS = [
    ("adam", "_rates", np.nan), ("adam", "_rates", -0.1), ("adam", "_l2", -1.0), ("adam", "_l2", np.inf),
    ("adam", "_dropout", 1.0), ("adam", "_dropout", -0.1),
]  # fmt: skip


def put(target: Any, path: str, value: Any) -> None:
    *way, last = path.split(".")
    for name in way:
        target = getattr(target, name)
    if last.isdigit():
        target[int(last)] = value
    else:
        setattr(target, last, value)


@networks.each_instruction_set
def test_only_avx512_takes_more_than_sixteen_networks_in_a_group(library):
    fit, _ = by_hand(replace(TASKS["rmsprop"], lanes="networks"), state_of(DROPS, 17), library=library)
    if library.instruction_set == "avx512":
        assert fit() in (True, False)
        return
    with pytest.raises(EngineError, match="the kernel refused: a size, rate or choice is outside"):
        fit()


@networks.needs_kernel
@pytest.mark.parametrize(("task", "path", "value"), OUT_OF_RANGE)
def test_the_kernel_refuses_a_fit_with_something_out_of_range(task, path, value):
    state = state_of(DROPS, 2)
    before = state.weights.copy()
    fit, _ = by_hand(TASKS[task], state)
    put(fit, path.replace("settings", "_settings"), value)
    with pytest.raises(EngineError, match="the kernel refused: a size, rate or choice is outside the kernel's range"):
        fit()
    assert np.array_equal(before, state.weights)


@networks.needs_kernel
@pytest.mark.parametrize(("task", "name", "value"), WRONG_NUMBERS)
def test_the_kernel_refuses_a_rate_of_any_network_out_of_range(task, name, value):
    fit, _ = by_hand(TASKS[task], state_of(DROPS, 2))
    getattr(fit.settings, name)[1, ...] = value
    with pytest.raises(EngineError, match="outside the kernel's range"):
        fit()


@networks.needs_kernel
@pytest.mark.parametrize("counts", [[22, 0], [23, 1], [-1, 5]])
def test_the_kernel_refuses_counts_that_are_not_of_the_windows(counts):
    fit, _ = by_hand(TASKS["sgd"], state_of(DROPS, 2))
    fit._windows.counts[:] = counts
    with pytest.raises(EngineError, match="outside the kernel's range"):
        fit()


@networks.needs_kernel
@pytest.mark.parametrize("name", {*INSTRUCTION_SETS} - {*(networks.KERNEL.instruction_sets if networks.KERNEL else ())})
def test_the_kernel_refuses_an_instruction_set_that_is_not_here(name):
    library, network = replace(networks.KERNEL, instruction_set=name), NETWORKS["gru"]
    for ask in (
        lambda: LanesEngine(library).predict(network.architecture, network.weights(), network.windows(1)),
        lambda: LanesEngine(library).gradients(task_of(network), network.weights()),
        lambda: LanesEngine(library).jacobian(network.architecture, network.weights(), network.windows(1)),
        lambda: LanesEngine(library).fit(task_of(network), state_of(network, 1), networks.ignore),
        lambda: calls.activate(library, "tanh", np.zeros(1, dtype=np.float32)),
    ):
        with pytest.raises(EngineError, match="this instruction set is not available here"):
            ask()


@networks.needs_kernel
def test_help_without_samples_or_a_crew_is_refused():
    fit, _ = by_hand(replace(TASKS["quantile"], lanes="networks"), state_of(DROPS, 1))
    fit.share_with_helpers()
    with pytest.raises(EngineError, match="outside the kernel's range"):
        fit.help()


@networks.needs_kernel
def test_arrays_of_another_type_shape_or_order_never_reach_the_kernel():
    network = NETWORKS["stacked"]
    code, weights, x = network_code(network.architecture), network.weights(), network.windows(3)
    for wrong in (x.astype(np.float64), x[:, :, :1], x.transpose(0, 2, 1), x[:, ::-1]):
        with pytest.raises(TypeError, match="expected a C-contiguous float32 array"):
            calls.predict(networks.KERNEL, code, weights, calls.Windows(wrong), "networks")
    with pytest.raises(TypeError, match="expected a C-contiguous float32 array"):
        calls.predict(networks.KERNEL, code, weights[:, 1:], calls.Windows(x), "networks")
    y, counts = network.targets(3), np.array([3])
    for windows in (
        calls.Windows(x, y[:2]),
        calls.Windows(x, y.astype(np.float64)),
        calls.Windows(x, y, np.ones(2, dtype=np.float32)),
        calls.Windows(x, y, None, counts.astype(np.int32)),
        calls.Windows(np.stack([x, x]), y),
    ):
        with pytest.raises(TypeError, match="expected a C-contiguous"):
            windows.pack(code, 1)


# What the kernel lacks

LACKING = {
    "masked steps in the output": Network(5, 2, (masking(), gru(3, return_sequences=True), dense(2))),
    "more than 64 layers": Network(3, 1, (rnn(2), *[dense(1)] * 64)),
    "networks of this size": Network(2**9, 2**15, (rnn(1),)),
}


@networks.needs_kernel
@pytest.mark.parametrize("lacks", LACKING)
def test_what_the_kernel_lacks_runs_on_numpy_which_is_said_once(lacks):
    network, engine, numpy = LACKING[lacks], LanesEngine(), NumpyEngine()
    count = 1 if network.time_steps > 100 else 22
    weights, x = network.weights(2), network.windows(count)
    with pytest.warns(EngineWarning) as said:
        made, again = (engine.predict(network.architecture, weights, x) for _ in range(2))
    assert [str(warning.message) for warning in said] == [
        f"the compiled engine does not have {lacks}: the NumPy engine runs this network, more slowly"
    ]
    expected = numpy.predict(network.architecture, weights, x)
    assert np.array_equal(made, expected)
    assert np.array_equal(again, expected)
    if count == 1:
        return
    task, state = task_of(network, epochs=1), state_of(network, 2)
    check_same_bits(fitted(engine, task, state), fitted(numpy, task, state))
    for one, other in (
        (engine.gradients(task, weights), numpy.gradients(task, weights)),
        (engine.jacobian(network.architecture, weights, x), numpy.jacobian(network.architecture, weights, x)),
    ):
        assert np.array_equal(one[0], other[0])
        assert np.array_equal(one[1], other[1])


@networks.needs_kernel
def test_another_network_is_said_to_lack_something_else_and_a_whole_one_nothing():
    engine = LanesEngine()
    one, other = LACKING["masked steps in the output"], LACKING["more than 64 layers"]

    def ask(network: Network) -> None:
        engine.predict(network.architecture, network.weights(), network.windows(1))

    with pytest.warns(EngineWarning) as said:
        list(map(ask, (one, NETWORKS["gru"], other, NETWORKS["gru"], one, other)))
    assert len(said) == 2


@networks.needs_kernel
def test_dropout_rates_for_another_number_of_networks_are_refused():
    for rates in ((0.1, 0.2, 0.3), (0.1,)):
        network = Network(3, 2, (gru(2, dropout=rates), dense(1)))
        with pytest.raises(OptionError, match=f"{len(rates)} dropout rates for 2 networks"):
            LanesEngine().fit(task_of(network), state_of(network, 2), networks.ignore)
