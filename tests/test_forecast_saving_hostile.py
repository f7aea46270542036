"""Files of forecasters that are damaged, of another kind, or made to do harm; and writing that fails."""

from __future__ import annotations

import errno
import io
import re

import numpy as np
import pytest
from saved_forecasters import KIND, contents_of, fitted, fresh
from test_saving_faults import Faults, failing

from timeglass import DataError, Dense, Input, InputError, OptionError, Sequential, load_model
from timeglass.forecast.forecaster import Forecaster
from timeglass.forecast.saving import forecaster_bytes, forecaster_from_bytes, load_forecaster, save_forecaster
from timeglass.model.saving import model_bytes, model_from_bytes
from timeglass.model.tensor_file import pack, unpack

SMALL = fitted("panel")
GOOD = forecaster_bytes(SMALL)


def refusal(content: bytes) -> str:
    with pytest.raises(DataError) as caught:
        forecaster_from_bytes(content)
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_three_hundred_flipped_bits():
    """Each gives a `DataError`, or the very same forecaster."""
    rng, refused = np.random.default_rng(8), 0
    for place in rng.integers(len(GOOD), size=300):
        damaged = bytearray(GOOD)
        damaged[place] ^= 1 << rng.integers(8)
        try:
            again = forecaster_from_bytes(bytes(damaged))
        except DataError:
            refused += 1
            continue
        assert forecaster_bytes(again) == GOOD
    assert refused > 290


def test_every_tensor_cut_or_changed_is_named():
    found = unpack(KIND, io.BytesIO(GOOD), len(GOOD))
    assert len(found.entries) > 30
    for name, entry in found.entries.items():
        last = found.start + entry.end - 1
        assert refusal(GOOD[:last]) == f"truncated: {last:,} of {len(GOOD):,} bytes"
        damaged = GOOD[:last] + bytes([GOOD[last] ^ 1]) + GOOD[last + 1 :]
        assert refusal(damaged) == f"damaged: checksum differs at tensor {name}"


def test_other_versions_and_other_kinds(tmp_path):
    header, arrays = contents_of(GOOD)
    assert refusal(pack((KIND[0], 2), header, arrays)) == (
        "made by format version 2, this Timeglass reads 1: install a newer Timeglass"
    )
    model = Sequential([Input((1, 1)), Dense(1)], seed=0)
    assert refusal(model_bytes(model, ".safetensors")) == (
        "it holds a 'timeglass model', not a 'timeglass forecaster': open it with load_model, or timeglass trace"
    )
    path = tmp_path / "f.safetensors"
    save_forecaster(SMALL, path)
    with pytest.raises(DataError, match="it holds a 'timeglass forecaster', not a 'timeglass model'"):
        load_model(path)
    path.write_bytes(b"date,y\n1,2\n")
    with pytest.raises(DataError, match=re.escape(f"{path}: it is no model file")):
        load_forecaster(path)
    with pytest.raises(DataError, match=r"no file .*; that folder has f\.safetensors"):
        load_forecaster(tmp_path / "g.safetensors")


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_neither_read_nor_written(wrong):
    header, arrays = contents_of(GOOD)
    real = [name for name, array in arrays.items() if array.dtype == np.float64]
    assert len(real) > 15
    for name in real:
        changed = arrays[name].copy()
        changed.flat[-1] = wrong
        assert refusal(pack(KIND, header, arrays | {name: changed})) == f"tensor {name} has numbers that are not finite"
    forecaster = fresh("one series")
    forecaster.fitted_.groups[0].learned.core.linear.coefficients[0] = wrong
    with pytest.raises(InputError, match="linear has numbers that are not finite: fit the forecaster anew"):
        forecaster_bytes(forecaster)


def set_at(header: dict, path: tuple, value: object) -> dict:
    inner = header
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return header


GROUP = ("groups", 0)
HUGE = 2**40


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        # Sizes that would take terabytes: compared with the file's before anything is made.
        (("series", "panel", "rows"), HUGE, "tensor series.values is float64 (116,), expected float64 (109951162777"),
        ((*GROUP, "series"), HUGE, "tensor places is int64 (2,), expected int64 (1099511627776,)"),
        ((*GROUP, "linear_inputs"), HUGE, "tensor linear is float64"),
        ((*GROUP, "held_back", "forecasts"), HUGE, "tensor held_back."),
        ((*GROUP, "held_back", "series"), HUGE, "group held_back series: expected at most 2, got 1,099,511,627,776"),
        ((*GROUP, "models", "window", 0), HUGE, "tensor model.window is uint8"),
        ((*GROUP, "models", "window", 2), HUGE, "tensor losses.window is float64 (4,), expected float64 (21990232555"),
        ((*GROUP, "models", "window"), [9, 0, 2], "group models window: expected bytes, networks and epochs"),
        (("task", "horizon"), 99_999, "tensor linear is float64"),
        (("task", "horizon"), 10**9, "task: horizon 1,000,000,000 is more than the 100,000 steps"),
        (("task", "period"), 999_999, "tensor form.seasons is float64"),
        ((*GROUP, "series"), -1, "group series: expected a number from 1"),
        ((*GROUP, "series"), 2.0, "group series: expected a whole number, got '2.0'"),
        # Names and types
        (("more",), 1, "header: unknown key 'more'"),
        ((*GROUP, "models", "os.system"), 1, "group models: expected some of window, guided, tutorial, each once"),
        ((*GROUP, "members"), ["linear"] * 5, "group members: expected some of smoothing"),
        ((*GROUP, "members"), ["theta", "smoothing", "linear", "window", "guided"], "group members: expected smooth"),
        ((*GROUP, "layout", "chunk"), 0, "group layout: "),
        ((*GROUP, "layout", "horizon"), 4, "group layout: "),
        ((*GROUP, "layout", "chunk"), 1, "model window: expected windows of (24, 1) and 3 steps ahead"),
        ((*GROUP, "held_back", "independent"), -1, "held_back independent: expected a number from 0"),
        ((*GROUP, "models", "window", slice(1, 3)), [1, 4], "group models window: expected 1 networks, got 2"),
        (("settings", "networks", "cell"), "pickle", "settings networks: cell: expected one of simple, gru, lstm"),
        (("settings", "networks", "count"), True, "settings networks count: expected a whole number, got 'True'"),
        (("settings", "level"), {}, "settings: level: expected percentages"),
        (("settings", "level"), [80, "x"], "settings level: expected a number, got 'x'"),
        (("settings", "seed"), -1, "settings: seed: expected a whole number from 0"),
        (("settings", "covariates"), {"future": "x"}, "settings covariates: the key 'past' is missing"),
        (("task", "seed"), 2**64, "task seed: expected a number from 0"),
        (("series", "panel", "ids", 0), "größe 1", "series ids: a name stands there twice"),
        (("series", "panel", "ids", 0), "\ud800", r"series ids: expected a text, got "),
        (("series", "panel", "values"), "object", "series values: expected one of 'float64'"),
        (("series", "panel", "dates"), "generic", "series dates: expected one of 'Y'"),
        (("series", "panel", "dates"), "number", "series frequency: month, on its last day does not fit the dates"),
        (("series", "panel", "dates"), "Y", "series frequency: dates held in Y cannot go on by month, on its last day"),
        (("series", "panel", "lines"), [1, 9, 0], "series lines: expected start, stop and step of 116 lines"),
        (("series", "panel", "lines"), [0, HUGE, 1], "series lines: expected start"),
        (("series", "panel", "frequency", "day"), None, "series frequency: day=None: expected 1 to 31"),
        (("series", "panel", "frequency", "every"), "1", "series frequency every: expected a whole number, got '1'"),
        (("series", "panel", "columns"), [1, 2], "series columns: expected 1 or 4, got 2"),
        (("series", "panel", "zone"), 1, "series zone: expected a text or null"),
        (("series", "panel", "zone"), "../../etc/passwd", "series zone: expected a name such as Europe/Berlin"),
        (("series", "panel", "zone"), "Europe/Atlantis", "series zone: this machine knows no time zone"),
        (("series", "panel", "zone"), "Europe/Berlin", "time_type: Datetime(time_unit='ns', time_zone=None) does not"),
        (("series", "frame"), "numpy", "frame: expected one of ''"),
        (("series", "time_type"), "Datetime fs", "time_type: expected Date"),
        (("series", "time_type"), "Object", "time_type: expected Date"),
        (("replaced",), [], "groups and replaced: expected each series in one of them"),
        (("replaced", 0, 0), 9, "replaced series: expected a number from 0 to 3, got 9"),
        (("replaced",), "x", "replaced: expected lists of series, method, why, got "),
        (("fell_back",), 1, "fell_back: expected true or false, got '1'"),
        (("audit", 0), [], "audit: expected an object, got '[]'"),
        (("audit", 0, "found"), None, "audit found: expected true or false, got 'None'"),
        (("audit", 0, "numbers"), [["period", [1]]], "audit numbers: expected plain values, got '[1]'"),
        (("groups",), {}, "groups: expected a list"),
    ],
)  # fmt: skip
def test_headers_that_cannot_be(path, value, words):
    """With all checksums right, as an attacker would."""
    header, arrays = contents_of(GOOD)
    assert refusal(pack(KIND, set_at(header, path, value), arrays)).startswith(words)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("places", 9, "tensor places: expected numbers of 4 series"),
        ("series.offsets", 0, "tensor series.offsets: expected them to rise from 0 to 116"),
        ("series.fitted_rows", 31, "tensor series.fitted_rows: expected 1 to all rows of each series"),
        ("series.dates", -(2**63), "tensor series.dates: expected dates within 250,000 years"),
        ("series.dates", 0, "tensor series.dates: expected each series in time order"),
        ("held_back.series", 5, "tensor held_back.series: expected rising numbers of 2 series"),
        ("held_back.place", 0, "tensor held_back.place: expected forecasts of each of 2 series"),
        ("held_back.origins", 44, "tensors held_back.origins, unit, usual: expected rows of the series"),
        ("held_back.usual", 0, "tensors held_back.origins, unit, usual: expected rows of the series"),
        ("held_back.unit", 0, "tensors held_back.origins, unit, usual: expected rows of the series"),
        ("form.unit", 0, "tensor form.unit: expected numbers above 0"),
        ("held_back.form.spread", -1, "tensor held_back.form.spread: expected numbers above 0"),
        ("model.guided", 255, "model guided: "),
    ],
)
def test_numbers_that_cannot_be(name, value, words):
    header, arrays = contents_of(GOOD)
    changed = arrays[name].copy()
    changed[slice(None) if name == "held_back.place" else -1] = value
    assert refusal(pack(KIND, header, arrays | {name: changed})).startswith(words)


def test_marks_that_are_neither_true_nor_false():
    header, arrays = contents_of(GOOD)
    strange = np.array([1, 2], np.uint8).view(np.bool_)
    words = "tensor form.logged has marks that are neither 0 nor 1"
    assert refusal(pack(KIND, header, arrays | {"form.logged": strange})) == words


def test_a_model_of_another_shape_inside():
    header, arrays = contents_of(GOOD)
    other = np.frombuffer(model_bytes(Sequential([Input((1, 1)), Dense(3)], seed=0), ".safetensors"), np.uint8)
    header["groups"][0]["models"]["window"][0] = len(other)
    content = pack(KIND, header, arrays | {"model.window": other})
    assert refusal(content).startswith("model window: expected windows of (2, 12) and 3 steps ahead")
    inside = model_from_bytes(arrays["model.window"].tobytes(), ".safetensors")
    assert inside.networks == 2
    assert inside.architecture.output_shape == (3,)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("static",), HUGE, "covariates static: expected a number from 0 to 1048576"),
        (("static",), 9, "tensor covariates.static is float64 (2, 2), expected float64 (2, 9)"),
        (("covariates", "future"), [], "tensor covariates.columns is float64 (84, 2), expected float64 (84, 1)"),
        (("covariates", "calendar"), ["os"], "covariates: calendar: expected some of month"),
        (("covariates", "calendar"), [], "model window: expected windows of"),
        (("covariates", "calendar"), ["hour"], "covariates: "),
        (("options", "encoding"), "os.system", "covariates options: --encoding 'os.system': no such encoding"),
        (("options", "value"), 1.5, "covariates options value: expected a text or a whole number or null, got '1.5'"),
        (("notes",), "x", "covariates notes: expected a list, got "),
    ],
)
def test_covariates_that_cannot_be(path, value, words):
    header, arrays = contents_of(forecaster_bytes(fitted("covariates")))
    set_at(header["covariates"], path, value)
    assert refusal(pack(KIND, header, arrays)).startswith(words)
    header, arrays = contents_of(forecaster_bytes(fitted("covariates")))
    far = pack(KIND, header, arrays | {"covariates.columns": arrays["covariates.columns"] * 1e9})
    assert refusal(far).startswith("covariates: pandas DataFrame: column 'price' is ")


def test_a_member_without_its_fellows():
    header, arrays = contents_of(GOOD)
    del header["groups"][0]["models"]["guided"], arrays["model.guided"], arrays["losses.guided"]
    words = "group models: expected linear, window and guided, or none of them"
    assert refusal(pack(KIND, header, arrays)) == words
    header, arrays = contents_of(GOOD)
    header["groups"][0]["held_back"]["members"].remove("theta")
    del arrays["held_back.members.theta"]
    assert refusal(pack(KIND, header, arrays)) == "held_back members: theta is missing"


def test_what_cannot_be_saved_and_where():
    with pytest.raises(InputError, match=r"save f\.safetensors: fit the forecaster first"):
        save_forecaster(Forecaster(), "f.safetensors")
    for path in ("f.json", "f.pkl", "f"):
        with pytest.raises(OptionError, match=r"expected a name that ends in \.safetensors"):
            save_forecaster(SMALL, path)
        with pytest.raises(OptionError, match=r"expected a name that ends in \.safetensors"):
            load_forecaster(path)
    with pytest.raises(OptionError, match="save path: expected the name of a file, got 3"):
        save_forecaster(SMALL, 3)
    wrong = fresh("one series").set_params(level="x")
    with pytest.raises(OptionError, match="level: expected percentages"):
        forecaster_bytes(wrong)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()], ids=str)
def test_whichever_operation_fails_the_old_file_stands_there_or_the_new_one(tmp_path, error, when):
    path, new = tmp_path / "f.safetensors", fitted("only constant")
    contents, nth, raised = {GOOD, forecaster_bytes(new)}, 0, 0
    while True:
        nth += 1
        path.write_bytes(GOOD)
        faults = Faults(nth, error, when)
        try:
            with failing(faults):
                save_forecaster(new, path)
        except (OptionError, KeyboardInterrupt):
            raised += 1
        if faults.count < nth:
            break  # it did not come to so many
        assert list(tmp_path.iterdir()) == [path]
        assert path.read_bytes() in contents
    assert 10 < nth < 60
    assert raised > 5
    assert path.read_bytes() == forecaster_bytes(new)
