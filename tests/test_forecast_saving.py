"""Forecasters in files: all that was learned comes back to the bit."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace

import numpy as np
import pandas as pd
import pytest
from saved_forecasters import CASES, KIND, QUICK, contents_of, fitted, fresh, hourly, panel, with_prices

from timeglass import Sequential
from timeglass.forecast.forecaster import Forecaster
from timeglass.forecast.saving import forecaster_bytes, forecaster_from_bytes, load_forecaster, save_forecaster
from timeglass.forecast.settings import Covariates
from timeglass.model.tensor_file import pack

# Of held-back rows the single networks' forecasts, which the audit has been made from; and what smoothing knows.
DROPPED = {"HeldBack": "lanes", "Learned": "sight"}


def plainly(value: object) -> object:
    """All that a value holds, its arrays with type and bits."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, Sequential):
        return value.name, value.seed, tuple(value.layers), plainly(value.training_state.weights)
    if is_dataclass(value):
        name = type(value).__name__
        return name, {f.name: plainly(getattr(value, f.name)) for f in fields(value) if f.name != DROPPED.get(name)}
    if isinstance(value, dict):
        return [(name, plainly(part)) for name, part in value.items()]  # in their order, in which members are added up
    if isinstance(value, tuple | list):
        return [plainly(part) for part in value]
    return type(value), value


def differing(one: Forecaster, other: Forecaster) -> list[str]:
    assert vars(one).keys() == vars(other).keys()
    return [name for name in vars(one) if plainly(vars(one)[name]) != plainly(vars(other)[name])]


@pytest.mark.parametrize("name", CASES)
def test_all_that_was_learned_comes_back_to_the_bit(name, tmp_path):
    forecaster = fitted(name)
    save_forecaster(forecaster, tmp_path / "f.safetensors")
    again = load_forecaster(tmp_path / "f.safetensors")
    assert differing(forecaster, again) == []
    assert again.get_params() == forecaster.get_params()
    future = None
    if name == "covariates":
        future = with_prices().groupby("unique_id").tail(7)
        future = future.assign(ds=future["ds"] + pd.offsets.MonthEnd(7))
    ours, theirs = (each.forecast(7, [80, 95], future=future) for each in (again, forecaster))
    assert plainly(ours) == plainly(theirs)
    assert again.coverage() == forecaster.coverage()
    made, wanted = (each.predict(future=future) for each in (again, forecaster))
    assert type(made) is type(wanted)
    assert made.equals(wanted)
    assert forecaster_bytes(again) == forecaster_bytes(forecaster)


def test_the_cases_hold_what_they_shall():
    made = {name: fitted(name) for name in CASES}
    assert [each.method for each in made["panel"].replaced_] == ["last value", "constant"]
    assert len(made["local groups"].fitted_.groups) == 2
    assert not made["only constant"].fitted_.groups
    assert not made["too short for windows"].fitted_.groups[0].learned.core.trained
    assert made["too short to hold any back"].held_back_ is None
    assert made["too short to hold any back"].fitted_.groups[0].learned.core.trained
    assert made["tutorial"].fitted_.groups[0].learned.core.tutorial is not None
    assert made["below zero"].fitted_.groups[0].learned.core.form.lowest.tolist() == [-np.inf]
    assert made["fallback"].fallback_ is not None
    assert made["filled"].history_.panel.origin.changes
    assert made["zone"].history_.panel.zone == "Europe/Berlin"


@pytest.mark.parametrize("name", ["panel", "zone", "one series", "covariates"])
def test_updates_go_on(name):
    forecaster = fresh(name)
    again = forecaster_from_bytes(forecaster_bytes(forecaster))
    more = {
        "panel": panel((40, 46)).iloc[-2:],
        "zone": hourly(63, "Europe/Berlin").iloc[60:],
        "one series": [1.0, 2.0],
        "covariates": with_prices((40, 46)).iloc[-2:],
    }[name]
    for each in (forecaster, again):
        each.update(more)
    if name == "covariates":
        assert plainly(again.beside_) == plainly(forecaster.beside_)
        # The lines of the rows fitted are a range before, an array after: all else is the same.
        assert differing(forecaster, forecaster_from_bytes(forecaster_bytes(again))) == ["held_back_"]
        return
    assert plainly(again.forecast()) == plainly(forecaster.forecast())
    # Of the rows that came since, the record knows nothing, neither before saving nor after.
    third = forecaster_from_bytes(forecaster_bytes(again))
    assert plainly(third.forecast()) == plainly(forecaster.forecast())
    assert plainly(third.fitted_) == plainly(forecaster.fitted_)
    assert third.verdict_ == forecaster.verdict_
    assert third.held_back_.actual.tobytes() == forecaster.held_back_.actual.tobytes()
    assert len(third.history_.panel.values) > len(third.held_back_.history.panel.values)


def test_settings_with_covariates_come_back():
    forecaster = fresh("one series")
    forecaster.covariates = Covariates(future=("price",), calendar=("weekday", "month"))
    header, arrays = contents_of(forecaster_bytes(forecaster))
    assert forecaster_from_bytes(pack(KIND, header, arrays)).covariates == forecaster.covariates


def test_a_series_of_single_precision_stays_one():
    forecaster = fresh("one series")
    history = forecaster.history_
    single = replace(history, panel=replace(history.panel, values=history.panel.values.astype(np.float32)))
    forecaster.fit_history(single)
    again = forecaster_from_bytes(forecaster_bytes(forecaster))
    assert plainly(again.forecast()) == plainly(forecaster.forecast())


def test_thousands_of_series_take_few_arrays_and_few_bytes():
    """A file of many groups has no more arrays than one of one; nothing in it grows with the number of networks."""
    one, two = (contents_of(forecaster_bytes(fitted(name)))[1] for name in ("one series", "local groups"))
    assert set(one) == {"series.dates", *two} - {"series.dates"}
    forecaster = Forecaster(3, networks=QUICK).fit(panel((40,) * 50))
    arrays = contents_of(forecaster_bytes(forecaster))[1]
    held = forecaster.fitted_.groups[0].learned.held_back
    size = sum(array.nbytes for array in arrays.values())
    assert size < 8 * (8 * held.actual.size + 4 * 50 * 40 + 50 * 30)
    assert {name for name in arrays if name.startswith("series.")} == {
        "series.values", "series.dates", "series.offsets", "series.fitted_rows",
    }  # fmt: skip
