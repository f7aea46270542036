"""Covariates: read beside the values, scaled, shown to the networks, never earlier than they were known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timeglass.errors import DataError, InputError, OptionError
from timeglass.forecast.covariates import read_beside, value_options
from timeglass.forecast.forecaster import Forecaster
from timeglass.forecast.history import read_history
from timeglass.forecast.settings import Covariates, Networks
from timeglass.read import ReadOptions, read_panel

QUICK = Networks(hidden_units=2, count=2, epochs=2)
HORIZON = 4
PRICE = Covariates(future=("price",))


def quick(covariates, horizon=HORIZON, **settings):
    return Forecaster(horizon, 1, networks=QUICK, covariates=covariates, **settings)


def table(rows=40, series=2, start="2021-03-01"):
    """Rows to learn from, and the HORIZON rows after them with what is known ahead."""
    rng = np.random.default_rng(7)
    parts = []
    for s in range(series):
        price = rng.uniform(1, 2, rows + HORIZON)
        parts.append(
            pd.DataFrame(
                {
                    "unique_id": f"s{s}",
                    "ds": pd.date_range(start, periods=rows + HORIZON),
                    "y": 100 + 20 * s - 20 * price + rng.normal(0, 0.3, rows + HORIZON),
                    "price": price,
                    "rain": rng.normal(size=rows + HORIZON),
                    "store": ["north", "south", "west"][s % 3],
                    "size": 10.0 * s,
                }
            )
        )
    every = pd.concat(parts, ignore_index=True)
    end = every.ds.max() - pd.Timedelta(days=HORIZON)
    return every[every.ds <= end].reset_index(drop=True), every[every.ds > end].drop(columns="y").reset_index(drop=True)


def beside_of(source, covariates, options=None):
    told = value_options(source, options, covariates)
    history = read_history(source, told)
    return history, read_beside(source, history, covariates, told)


# Columns and their scale


def small():
    return pd.DataFrame(
        {
            "unique_id": ["a"] * 4 + ["b"] * 4,
            "ds": [*pd.date_range("2021-03-01", periods=4)] * 2,
            "y": np.arange(8.0),
            "price": [1.0, 3, 1, 3, 5, 7, 5, 7],
            "rain": [0.0, 2, 0, 2, 0, 2, 0, 90],
            "flat": 5.0,
            "open": [True, False] * 4,
            "store": ["x"] * 4 + ["z"] * 4,
            "size": [1] * 4 + [5] * 4,
        }
    )


def test_columns_count_in_mean_absolute_deviations_from_their_mean_over_all_series():
    history, beside = beside_of(small(), Covariates(("price", "flat", "open"), static=("size", "store")))
    channels = beside.channels(history)
    # The mean price is 4, from which the prices are 3, 1, 3, 1, 1, 3, 1, 3 away: 2 on average.
    assert channels.values[0][:, 0].tolist() == [-1.5, -0.5, -1.5, -0.5]
    assert channels.values[1][:, 0].tolist() == [0.5, 1.5, 0.5, 1.5]
    assert channels.values[0][:, 1].tolist() == [0.0] * 4
    assert channels.values[0][:, 2].tolist() == [1.0, -1.0, 1.0, -1.0]
    assert channels.values[0][0, 3:].tolist() == [-1.0, 1.0, 0.0]
    assert channels.values[1][3, 3:].tolist() == [1.0, 0.0, 1.0]
    assert beside.notes == ("column 'flat' is the same in all rows: it teaches nothing",)


def test_past_columns_are_scaled_without_the_rows_held_back():
    history, beside = beside_of(small(), Covariates(past=("rain",)))
    scaled, channels = beside.for_fit(history, 2)
    assert scaled.center.tolist() == [1.0]  # not of the 90
    assert scaled.unit.tolist() == [1.0]
    assert channels.values[1][:, 0].tolist() == [-1.0, 1.0, -1.0, 89.0]
    assert channels.ahead.tolist() == [False]


def test_a_static_column_that_is_the_same_everywhere_is_said_and_is_zero():
    history, beside = beside_of(small().assign(store="x", size=3), Covariates(static=("store", "size")))
    assert beside.channels(history).values[0].tolist() == [[0.0, 0.0]] * 4
    assert len(beside.notes) == 2


@settings(max_examples=20)
@given(st.floats(1e-6, 1e6), st.floats(-1e6, 1e6))
def test_the_unit_of_a_column_does_not_matter(factor, shift):
    frame = small()
    history, beside = beside_of(frame, PRICE)
    _, other = beside_of(frame.assign(price=frame.price * factor + shift * factor), PRICE)
    tolerance = 1e-9 * (1 + abs(shift))
    np.testing.assert_allclose(other.channels(history).values, beside.channels(history).values, atol=tolerance)


@pytest.mark.parametrize("kind", ["polars", "csv", "by date"])
def test_other_kinds_of_tables_give_the_same_bits(kind, tmp_path):
    covariates = Covariates(("price",), ("rain",), ("store", "size"), ("weekday",))
    known, future = table()

    def as_kind(frame, name):
        if kind == "csv":
            frame.to_csv(tmp_path / name, index=False)
            return str(tmp_path / name)
        return pl.from_pandas(frame) if kind == "polars" else frame.sort_values(["ds", "unique_id"])

    plain = quick(covariates).fit(known).forecast(future=future)
    other = quick(covariates).fit(as_kind(known, "known.csv"))
    assert other.forecast(future=as_kind(future, "future.csv")).point.tobytes() == plain.point.tobytes()
    if kind == "polars":
        assert isinstance(other.predict(future=as_kind(future, "")), pl.DataFrame)


@pytest.mark.parametrize("made", [lambda f: f, lambda f: {name: list(f[name]) for name in f if name != "ds"}])
def test_one_series_needs_no_ids_and_numbered_rows_no_dates(made):
    known, future = (frame.drop(columns=["unique_id", "store"]) for frame in table(series=1))
    forecast = quick(PRICE).fit(made(known)).forecast(future=made(future[["ds", "price"]]))
    assert np.isfinite(forecast.point).all()


@pytest.mark.parametrize(
    ("covariates", "change", "error", "words"),
    [
        (Covariates(("prise",)), {}, DataError, "no column 'prise' for the covariates: .* closest is 'price'"),
        (Covariates(static=("stor",)), {}, DataError, "no column 'stor'.*the closest is 'store'"),
        (Covariates(past=("y",)), {}, InputError, "'y' holds the values themselves"),
        (Covariates(("store",)), {}, DataError, ":1:6: column 'store' holds 'north'"),
        (PRICE, {"price": (5, np.nan)}, DataError, ":6:4: column 'price' is empty"),
        (Covariates(static=("store",)), {"store": (7, "east")}, DataError, ":8: column 'store' is 'east', but series"),
        (Covariates(static=("size",)), {"size": (41, 3.0)}, DataError, ":42: column 'size' is 3.0, but series 's1'"),
        (Covariates(static=("text",)), {"text": (41, "?")}, DataError, ":42:8: column 'text' holds '.'"),
        (Covariates(static=("store",)), {"store": (41, None)}, DataError, ":42:6: column 'store' is empty"),
    ],
)  # fmt: skip
def test_a_column_that_cannot_be_used_is_refused_with_its_place(covariates, change, error, words):
    frame = table()[0].assign(text="7")
    for name, (row, value) in change.items():
        frame[name] = [value if i == row else old for i, old in enumerate(frame[name])]
    with pytest.raises(error, match=words):
        quick(covariates).fit(frame)


def test_a_row_without_its_covariate_is_named():
    frame = table()[0]
    frame.loc[5, "price"] = np.nan
    with pytest.raises(
        DataError, match="'price' does not go with the values: series 's0' has no value of it at 2021-03-06"
    ):
        quick(PRICE).fit(frame, options=ReadOptions(missing="drop", frequency="none"))


def test_too_many_words_are_refused():
    frame = pd.concat([table(series=1)[0].assign(unique_id=f"s{i}", store=f"w{i}") for i in range(33)])
    with pytest.raises(InputError, match="33 different words, more than 32"):
        quick(Covariates(static=("store",))).fit(frame)


def test_what_holds_values_alone_is_refused():
    panel = read_panel(table()[0][["unique_id", "ds", "y"]], ReadOptions(value="y"))
    with pytest.raises(InputError, match="a Panel gives values alone"):
        quick(PRICE).fit(panel)
    with pytest.raises(InputError, match="must be read beside the values"):
        quick(PRICE).fit_history(read_history(panel))
    with pytest.raises(OptionError, match="the recipe 'tutorial' reads none"):
        Forecaster(1, networks=Networks(recipe="tutorial"), covariates=PRICE).fit(table()[0])


# The rows to forecast


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda known, future: None, "the forecast needs 'price' of the rows to come"),
        (lambda known, future: future.drop(index=2), "'s0' has no row for 2021-04-12; 2021-04-13 comes"),
        (lambda known, future: future.drop(index=7), "'s1' has no row for 2021-04-13: 3 rows of the 4"),
        (lambda known, future: future[future.unique_id == "s0"], "no row of series 's1': .* from 2021-04-10"),
        (lambda known, future: pd.concat([known, future]), "'s0' ends at 2021-04-09: the row for 2021-03-01"),
        (lambda known, future: pd.concat([future, future[:1].assign(price=9)]), "2021-04-10"),
        (lambda known, future: future.assign(price=[1.0] * 7 + [np.nan]), ":8:3: column 'price' is empty"),
        (lambda known, future: future.assign(price=1e30), "'s0': column 'price' is 1e.30 in row 1"),
        (lambda known, future: future.drop(columns="price"), "future: .*no column 'price': there are"),
        (lambda known, future: future.drop(columns="ds"), "future: "),
    ],
)  # fmt: skip
def test_future_rows_that_are_not_those_to_forecast_are_refused(given, words):
    known, future = table()
    forecaster = quick(PRICE).fit(known)
    with pytest.raises(InputError, match=words):
        forecaster.predict(future=given(known, future))


def test_future_rows_that_nothing_asked_for_are_refused():
    known, future = table()
    for covariates in (None, Covariates(past=("rain",))):
        with pytest.raises(OptionError, match="future: no covariate is told to be known ahead"):
            quick(covariates).fit(known).forecast(future=future)


def test_one_row_ahead_and_ids_that_do_not_repeat():
    known, future = (frame.rename(columns={"unique_id": "id"}) for frame in table())
    forecaster = quick(PRICE, horizon=1).fit(known, options=ReadOptions(value="y"))
    assert forecaster.forecast(future=future.iloc[[0, 4]]).point.shape == (2, 1)


def test_dates_are_read_as_those_fitted(tmp_path):
    """By themselves the next days could be of January, February, …"""
    known, future = table(rows=37)
    for name, frame in (("known", known), ("future", future)):
        frame.assign(ds=frame.ds.dt.strftime("%d/%m/%Y")).to_csv(tmp_path / f"{name}.csv", index=False)
    made = quick(PRICE).fit(str(tmp_path / "known.csv")).forecast(future=str(tmp_path / "future.csv"))
    assert str(made.dates[0][0]) == "2021-04-07"


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_longer_and_shorter_horizons_use_their_rows(strategy):
    every, _ = table(rows=48)
    day = every.ds.min() + pd.Timedelta(days=40)
    known, future = every[every.ds < day], every[every.ds >= day]
    networks = Networks(hidden_units=2, count=2, epochs=2, strategy=strategy)
    forecaster = Forecaster(HORIZON, 1, networks=networks, covariates=PRICE).fit(known)
    long = forecaster.forecast(8, future=future).point
    np.testing.assert_array_equal(forecaster.forecast(2, future=future).point, long[:, :2])
    late = future.ds >= day + pd.Timedelta(days=HORIZON)
    other = forecaster.forecast(8, future=future.assign(price=future.price.where(~late, 3.0))).point
    np.testing.assert_array_equal(other[:, :HORIZON], long[:, :HORIZON])
    assert (other[:, HORIZON:] != long[:, HORIZON:]).all()


def test_update_takes_the_covariates_of_the_new_rows_on_the_scale_of_the_fit():
    known, future = table()
    covariates = Covariates(("price",), ("rain",), ("store",))
    forecaster = quick(covariates).fit(known[known.ds < "2021-04-04"])
    center, unit = forecaster.beside_.center, forecaster.beside_.unit
    forecaster.update(known[known.ds >= "2021-04-04"].drop(columns="store").iloc[::-1])
    np.testing.assert_array_equal(forecaster.beside_.columns, known[["price", "rain"]].to_numpy())
    np.testing.assert_array_equal([forecaster.beside_.center, forecaster.beside_.unit], [center, unit])
    assert forecaster.predict(future=future).shape[0] == 2 * HORIZON
    with pytest.raises(DataError, match="no column 'price'"):
        forecaster.update(future.assign(y=1.0).drop(columns="price"))
    assert len(forecaster.history_.panel.values) == len(known)  # as before


def test_update_of_one_series_without_ids_and_dates():
    known, future = (frame.drop(columns="unique_id") for frame in table(series=1))
    forecaster = quick(Covariates(("price",), calendar=("weekday",))).fit(known)
    forecaster.update({"y": [90.0] * HORIZON, "price": list(future.price)})
    assert forecaster.beside_.columns[-HORIZON:, 0].tolist() == future.price.tolist()
    assert str(forecaster.history_.panel.dates[-1]) == "2021-04-13"
    alone = quick(Covariates(calendar=("weekday",))).fit(known[["ds", "y"]]).update([1.0, 2.0])
    assert str(alone.forecast().dates[0][0]) == "2021-04-12"


# Nothing is known before it comes


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_a_past_covariate_changes_no_forecast_made_before_it(strategy):
    known, _ = table(rows=60, series=1)
    changed = known.assign(rain=known.rain.where(known.index < 50, 99.0))
    networks = Networks(hidden_units=2, count=2, epochs=2, strategy=strategy)
    made = Forecaster(HORIZON, 1, networks=networks, covariates=Covariates(past=("rain",)))
    held = [made.fit(frame).fitted_.groups[0].learned.held_back for frame in (known, changed)]
    before = held[0].origins <= 50
    assert before.sum() == 11
    np.testing.assert_array_equal(held[0].lanes[:, before], held[1].lanes[:, before])
    np.testing.assert_array_equal(held[0].members["linear"][before], held[1].members["linear"][before])
    assert (held[0].lanes[:, ~before] != held[1].lanes[:, ~before]).all()


def test_a_past_covariate_that_is_the_next_value_tells_that_and_no_more():
    known, _ = table(rows=120, series=1)
    noise = np.random.default_rng(3).normal(size=(2, 121))
    known["y"], known["next"], known["noise"] = noise[0, :-1], noise[0, 1:], noise[1, 1:]
    errors = []
    for name in ("next", "noise"):
        held = quick(Covariates(past=(name,)), log=False).fit(known).fitted_.groups[0].learned.held_back
        errors.append(np.nanmean(np.abs(held.members["linear"] - held.actual), axis=0))
    assert errors[0][0] < 0.4 * errors[1][0]
    assert (errors[0][1:] > 0.9 * errors[1][1:]).all()


def test_a_backtest_knows_past_covariates_up_to_its_origins():
    known, _ = table(rows=60, series=1)
    forecaster = quick(Covariates(("price",), ("rain",))).fit(known)
    first = 60 - 6 * HORIZON
    rain, price = (known.assign(**{name: known[name].where(known.index < first, 9.0)}) for name in ("rain", "price"))
    made, wet, dear = (forecaster.backtest(frame, origins=6, statistical=False).point for frame in (None, rain, price))
    np.testing.assert_array_equal(wet[0], made[0])
    assert (wet[1:] != made[1:]).all()
    assert (dear[0] != made[0]).all()  # what is known ahead counts


# They help


def errors_of(covariates, known, to_come, future=None, **networks):
    """Mean absolute errors of the forecast, and of the members that see covariates."""
    settings = Networks(count=4, epochs=20, **networks)
    made = Forecaster(6, 1, networks=settings, covariates=covariates, log=False).fit(known).forecast(future=future)
    found = {"all": made.point, **{name: made.members[name] for name in ("linear", "window", "guided")}}
    return {name: float(np.abs(values - to_come).mean()) for name, values in found.items()}


def simulated(series, rows, shape):
    """Rows to learn from, those to come, and their values (series, 6): `shape` makes the columns of a series."""
    rng = np.random.default_rng(1)
    dates = pd.date_range("2021-01-01", periods=rows + 6)
    frames = [pd.DataFrame({"unique_id": f"s{s}", "ds": dates, **shape(rng, s, dates)}) for s in range(series)]
    known, coming = (pd.concat(f[part] for f in frames) for part in (slice(rows), slice(rows, None)))
    return known, coming, coming.y.to_numpy().reshape(series, 6)


def test_a_price_that_is_known_ahead_halves_the_error():
    def shape(rng, s, dates):
        price = rng.uniform(1, 2, len(dates))
        return {"y": 50 + 10 * s - 20 * price + rng.normal(0, 0.3, len(dates)), "price": price}

    known, coming, values = simulated(6, 120, shape)
    ours = errors_of(PRICE, known, values, coming[["unique_id", "ds", "price"]])
    plain = errors_of(None, known, values)
    assert ours["all"] < 0.5 * plain["all"]
    assert ours["linear"] < 0.2 * plain["linear"]


def test_the_weekday_is_learned_without_a_season():
    def shape(rng, s, dates):
        return {"y": 50 + 15 * (dates.weekday >= 5) + rng.normal(0, 1, len(dates))}

    known, _, values = simulated(6, 90, shape)
    short = {"time_steps": 4}  # too short to see a week
    ours = errors_of(Covariates(calendar=("weekday",)), known, values, **short)
    plain = errors_of(None, known, values, **short)
    assert ours["all"] < plain["all"]
    assert ours["window"] < 0.5 * plain["window"]
    assert ours["guided"] < 0.6 * plain["guided"]


def test_a_static_word_tells_groups_apart():
    def shape(rng, s, dates):
        rising = s % 2 == 0
        changes = (0.5 if rising else -0.5) + rng.normal(size=len(dates))
        return {"y": 100 + changes.cumsum(), "kind": "rising" if rising else "falling"}

    known, _, values = simulated(24, 20, shape)
    short = {"time_steps": 2}  # too short to see which way a series goes
    ours = errors_of(Covariates(static=("kind",)), known, values, **short)
    plain = errors_of(None, known, values, **short)
    assert ours["linear"] < 0.8 * plain["linear"]
    assert ours["window"] < 0.85 * plain["window"]
