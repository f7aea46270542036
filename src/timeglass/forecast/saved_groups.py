"""What a forecaster learned as headers and arrays, and back: for files.

Arrays of the same name of all groups stand one after another, so that a file of a thousand groups has no more arrays
than a file of one. What follows from the rest is not kept: what smoothing knows, the scores, each series' spread.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timeglass.errors import DataError
from timeglass.forecast.autoregression import Autoregression
from timeglass.forecast.fitted import Group
from timeglass.forecast.form import Form
from timeglass.forecast.held_back import HeldBack
from timeglass.forecast.layout import Layout
from timeglass.forecast.learn import Learned, scores_of
from timeglass.forecast.members import MEMBERS, Core
from timeglass.forecast.networks import Linear
from timeglass.forecast.plain_records import of_type, plain, read_list, read_record
from timeglass.forecast.season import season_rows
from timeglass.forecast.settings import Task
from timeglass.model.description import Shapes
from timeglass.model.saving import model_bytes, model_from_bytes
from timeglass.model.sequential import Sequential
from timeglass.model.strict_json import check_keys
from timeglass.train.engine import TrainingState
from timeglass.types import Array
from timeglass.words import quoted

__all__ = ["group_arrays", "group_header", "group_of", "group_shapes", "joined", "parted", "total"]

_KEYS = ["series", "layout", "windows", "members", "linear_inputs", "lags", "models", "held_back"]
_HELD_KEYS = ["series", "forecasts", "members", "independent"]
_MODELS = ("window", "guided", "tutorial")
_MOST = 2**40  # of anything that is counted
_REAL, _LONG, _MARK, _BYTE = np.dtype(np.float64), np.dtype(np.int64), np.dtype(np.bool_), np.dtype(np.uint8)
_POSITIVE = ("unit", "spread")
_ENDING = ".safetensors"


# To a file


def group_header(group: Group, arrays: dict[str, Array]) -> dict[str, Any]:
    """All but the group's arrays, whose sizes are told."""
    learned, core, held = group.learned, group.learned.core, group.learned.held_back
    header = {
        "series": len(group.places),
        "layout": core.layout,
        "windows": core.windows,
        "members": list(learned.weights),
        "linear_inputs": None if core.linear is None else len(core.linear.coefficients) - 1,
        "lags": None if core.autoregression is None else core.autoregression.coefficients.shape[1] - 1,
        "models": {
            name: [len(arrays[f"model.{name}"]), model.networks, core.losses[name].shape[1]]
            for name, model in core.trained.items()
        },
        "held_back": None,
    }
    if held is not None:
        header["held_back"] = {
            "series": len(held.form.center),
            "forecasts": len(held.which),
            "members": list(held.members),
            "independent": held.independent,
        }
    return {key: plain(f"group {key}", value) for key, value in header.items()}


def group_arrays(group: Group) -> dict[str, Array]:
    """By the names of `group_shapes`."""
    learned, core, held = group.learned, group.learned.core, group.learned.held_back
    arrays: dict[str, Array] = {
        "places": np.array(group.places, np.int64),
        "weights": np.array(list(learned.weights.values())),
        **_form_arrays("form", core.form),
    }
    if core.linear is not None:
        arrays["linear"] = core.linear.coefficients
    if core.autoregression is not None:
        arrays["autoregression"] = core.autoregression.coefficients.ravel()  # groups may differ in their lags
    for name, model in core.trained.items():
        arrays[f"model.{name}"] = np.frombuffer(model_bytes(_bare(model), _ENDING), np.uint8)
        arrays[f"losses.{name}"] = core.losses[name].ravel()  # groups may differ in the number of epochs
    if held is not None:
        actual = np.where(np.isnan(held.actual), 0.0, held.actual)  # beyond a series' end: how far that is, is known
        parts = {"place": held.place, "origins": held.origins, "actual": actual, "unit": held.unit}
        parts["usual"] = held.usual
        parts |= {f"members.{name}": values for name, values in held.members.items()}
        first = np.unique(held.place, return_index=True)[1]
        arrays |= {f"held_back.{name}": values for name, values in parts.items()}
        arrays |= {"held_back.series": held.which[first], **_form_arrays("held_back.form", held.form)}
    return arrays


def _form_arrays(prefix: str, form: Form) -> dict[str, Array]:
    arrays = {field.name: getattr(form, field.name) for field in fields(form)}
    arrays["lowest"] = arrays["lowest"] == 0  # or it is minus infinity
    return {f"{prefix}.{name}": values for name, values in arrays.items()}


def _bare(model: Sequential) -> Sequential:
    """The model without what only further training needs."""
    state = model.training_state
    bare = Sequential(name=model.name, networks=model.networks, seed=model.seed)
    bare.restore(list(model.layers), model.architecture, None, TrainingState(state.weights, epochs=state.epochs))
    return bare


def joined(parts: Sequence[dict[str, Array]]) -> dict[str, Array]:
    """All groups' arrays, those of the same name one after another."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: np.concatenate([part[name] for part in parts if name in part]) for name in names}


# From a file


def group_shapes(given: Any, task: Task) -> Shapes:
    """The arrays that belong to such a header, whose sizes have been checked."""
    check_keys("group", given, _KEYS)
    series = _count("group series", given["series"], least=1)
    shapes: Shapes = {
        "places": (_LONG, (series,)),
        "weights": (_REAL, (len(_names("group members", given["members"], MEMBERS)),)),
        **_form_shapes("form", series, task.period),
    }
    if given["linear_inputs"] is not None:
        shapes["linear"] = (_REAL, (_count("group linear_inputs", given["linear_inputs"]) + 1, _at_once(task)))
    if given["lags"] is not None:
        shapes["autoregression"] = (_REAL, (series * (_count("group lags", given["lags"], least=1) + 1),))
    for name in _names("group models", list(_object("group models", given["models"])), _MODELS):
        size, networks, epochs = _sizes_of(name, given["models"])
        shapes |= {f"model.{name}": (_BYTE, (size,)), f"losses.{name}": (_REAL, (networks * epochs,))}
    held = given["held_back"]
    if held is None:
        return shapes
    check_keys("group held_back", held, _HELD_KEYS)
    some, count = (_count(f"held_back {key}", held[key], least=1) for key in ("series", "forecasts"))
    if some > series:
        raise DataError(f"group held_back series: expected at most {series:,}, got {some:,}")
    parts = {"place": (_LONG, (count,)), "origins": (_LONG, (count,)), "unit": (_REAL, (count,))}
    steps_of = ["actual", *(f"members.{name}" for name in _names("held_back members", held["members"], MEMBERS))]
    parts["usual"] = (_REAL, (task.horizon,))
    shapes |= {f"held_back.{name}": shape for name, shape in parts.items()}
    shapes |= {f"held_back.{name}": (_REAL, (count, task.horizon)) for name in steps_of}
    return shapes | {"held_back.series": (_LONG, (some,)), **_form_shapes("held_back.form", some, task.period)}


def _sizes_of(name: str, models: dict[str, Any]) -> tuple[int, int, int]:
    """Bytes, networks and epochs."""
    sizes = read_list(f"group models {name}", models[name], "int")
    if len(sizes) != 3 or not all(1 <= size <= _MOST for size in sizes):
        raise DataError(f"group models {name}: expected bytes, networks and epochs, got {quoted(repr(models[name]))}")
    return sizes[0], sizes[1], sizes[2]


def _form_shapes(prefix: str, series: int, period: int) -> Shapes:
    more = {"seasons": (series, season_rows(period)), "limits": (series, 2)}
    kinds = {"logged": _MARK, "lowest": _MARK}
    return {
        f"{prefix}.{field.name}": (kinds.get(field.name, _REAL), more.get(field.name, (series,)))
        for field in fields(Form)
    }


def total(parts: Sequence[Shapes]) -> Shapes:
    """Those of `joined` arrays."""
    found: Shapes = {}
    for name, (dtype, shape) in (item for part in parts for item in part.items()):
        rows = found[name][1][0] if name in found else 0
        found[name] = dtype, (rows + shape[0], *shape[1:])
    return found


def parted(arrays: dict[str, Array], parts: Sequence[Shapes]) -> Iterator[dict[str, Array]]:
    """Each group's own arrays."""
    begin = dict.fromkeys(arrays, 0)
    for part in parts:
        yield {name: arrays[name][begin[name] : begin[name] + shape[0]] for name, (_, shape) in part.items()}
        for name, (_, shape) in part.items():
            begin[name] += shape[0]


def group_of(
    given: Any, arrays: dict[str, Array], task: Task, *, rows: NDArray[np.int64], channels: int = 0
) -> Group:  # fmt: skip
    """A group of series of which so many `rows` (S,) were learned from; a `DataError` names what cannot be.

    `channels` is how many covariates the networks saw beside the values.
    """
    places = arrays["places"]
    if (places < 0).any() or (places >= len(rows)).any():
        raise DataError(f"tensor places: expected numbers of {len(rows):,} series")
    core = _core_of(given, arrays, task, channels)
    weights = dict(zip(given["members"], arrays["weights"].tolist(), strict=True))
    if tuple(weights) != core.members:
        raise DataError(f"group members: expected {', '.join(core.members)}, got {', '.join(weights)}")
    held = None if given["held_back"] is None else _held_of(given["held_back"], arrays, rows[places])
    if missing := [name for name in weights if held is not None and name not in held.members]:
        raise DataError(f"held_back members: {missing[0]} is missing")
    scores = None if held is None else scores_of(held, weights)
    return Group(tuple(places.tolist()), Learned(task, core, weights, held, scores))


def _core_of(given: Any, arrays: dict[str, Array], task: Task, channels: int) -> Core:
    layout = _layout_of(given["layout"], task)
    models: dict[str, Sequential | None] = dict.fromkeys(_MODELS)
    losses: dict[str, Array] = {}
    for name in (name for name in _MODELS if name in given["models"]):
        models[name] = model = _model_of(name, arrays[f"model.{name}"], layout, channels)
        _, networks, epochs = _sizes_of(name, given["models"])
        if model.networks != networks:
            raise DataError(f"group models {name}: expected {networks:,} networks, got {model.networks:,}")
        losses[name] = arrays[f"losses.{name}"].reshape(networks, epochs)
    linear = Linear(arrays["linear"]) if "linear" in arrays else None
    window = models["window"]
    lags = arrays.get("autoregression")
    autoregression = None if lags is None else Autoregression(lags.reshape(given["series"], -1))
    if autoregression is not None and linear is None:
        raise DataError("group lags: expected none beside no networks")
    if (linear is None) != (window is None) or (window is None) != (models["guided"] is None):
        raise DataError("group models: expected linear, window and guided, or none of them")
    if linear is not None and window is not None:
        inputs = window.architecture.time_steps * window.architecture.features
        if len(linear.coefficients) != inputs + 1:
            raise DataError(f"group linear_inputs: expected {inputs:,}, got {len(linear.coefficients) - 1:,}")
    windows = _count("group windows", given["windows"])
    form = _form_of("form", arrays)
    return Core(form, layout, linear, window, models["guided"], models["tutorial"], windows, losses, autoregression)


def _layout_of(given: Any, task: Task) -> Layout:
    layout = read_record("group layout", given, Layout)
    sound = 1 <= layout.level <= layout.time_steps <= _MOST and layout.chunk >= 1 and 0 <= layout.first <= _MOST
    if not sound or layout.time_steps % layout.chunk or layout.horizon != _at_once(task):
        raise DataError(f"group layout: {layout} cannot be")
    return layout


def _at_once(task: Task) -> int:
    """Steps that a network forecasts."""
    return 1 if task.networks.strategy == "recursive" or task.networks.recipe == "tutorial" else task.horizon


def _model_of(name: str, content: Array, layout: Layout, channels: int) -> Sequential:
    try:
        model = model_from_bytes(content.tobytes(), _ENDING)
    except DataError as error:
        raise DataError(f"model {name}: {error}") from None
    ahead = -(-layout.horizon // layout.chunk) * layout.chunk if name == "guided" or channels else 0
    wanted = ((layout.time_steps + ahead) // layout.chunk, layout.chunk * (1 + channels))
    if name == "tutorial":
        wanted = (layout.time_steps, 1)
    network = model.architecture
    if (network.time_steps, network.features) != wanted or network.output_shape != (layout.horizon,):
        raise DataError(f"model {name}: expected windows of {wanted} and {layout.horizon} steps ahead")
    return model


def _form_of(prefix: str, arrays: dict[str, Array]) -> Form:
    found = {field.name: arrays[f"{prefix}.{field.name}"] for field in fields(Form)}
    for name in _POSITIVE:
        if (found[name] <= 0).any():
            raise DataError(f"tensor {prefix}.{name}: expected numbers above 0")
    return Form(**found | {"lowest": np.where(found["lowest"], 0.0, -np.inf)})


def _held_of(given: Any, arrays: dict[str, Array], rows: NDArray[np.int64]) -> HeldBack:
    """`rows` are those of the group's series."""
    series, place, origins, actual, unit, usual = (
        arrays[f"held_back.{name}"] for name in ("series", "place", "origins", "actual", "unit", "usual")
    )
    if (series < 0).any() or (series >= len(rows)).any() or (np.diff(series) <= 0).any():
        raise DataError(f"tensor held_back.series: expected rising numbers of {len(rows):,} series")
    if not np.array_equal(np.unique(place), np.arange(len(series))):
        raise DataError(f"tensor held_back.place: expected forecasts of each of {len(series):,} series")
    which, form = series[place], _form_of("held_back.form", arrays)
    if (origins < 1).any() or (origins >= rows[which]).any() or min(unit.min(), usual.min()) <= 0:
        raise DataError("tensors held_back.origins, unit, usual: expected rows of the series, and units above 0")
    came = origins[:, None] + np.arange(actual.shape[1]) < rows[which][:, None]
    members = {name: arrays[f"held_back.members.{name}"] for name in given["members"]}
    return HeldBack(
        which, origins, np.where(came, actual, np.nan), members, np.empty((0, *actual.shape)), form.spread[place], unit,
        form, place, usual, of_type("held_back independent", given["independent"], "float", 0, _MOST),
    )  # fmt: skip


def _count(where: str, given: Any, least: int = 0) -> int:
    return int(of_type(where, given, "int", least, _MOST))


def _object(where: str, given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise DataError(f"{where}: expected an object, got {quoted(repr(given))}")
    return given


def _names(where: str, given: Any, known: Sequence[str]) -> tuple[str, ...]:
    names = read_list(where, given, "str")
    if wrong := [name for name in names if name not in known or names.count(name) > 1]:
        raise DataError(f"{where}: expected some of {', '.join(known)}, each once, got {quoted(wrong[0])}")
    return names
