"""Scores of frames, beside the functions of arrays and beside utilsforecast itself, in pandas, polars and pyarrow."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from timeglass.errors import DataError, EngineError, InputError, OptionError, TimeglassError
from timeglass.evaluate import metrics
from timeglass.evaluate.scores import mean_scores, score

SERIES, STEPS, PAST = ("b", "a", "c"), 6, 30
MODELS = ("timeglass", "Naive2")
KINDS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "pandas": lambda frame: frame,
    "polars": lambda frame: pl.DataFrame({name: frame[name].to_numpy() for name in frame}),
    "lazy": lambda frame: pl.DataFrame({name: frame[name].to_numpy() for name in frame}).lazy(),
    "pyarrow": lambda frame: pa.table({name: frame[name].to_numpy() for name in frame}),
}


def made(seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training rows and forecasts with intervals of 80 and 95 %, both in no order."""
    rng = np.random.default_rng(seed)
    days = pd.date_range("2020-01-01", periods=PAST + STEPS, freq="D")
    past = pd.DataFrame(
        {"unique_id": np.repeat(SERIES, PAST), "ds": np.tile(days[:PAST], 3), "y": rng.normal(50, 9, 3 * PAST)}
    )
    came = pd.DataFrame(
        {"unique_id": np.repeat(SERIES, STEPS), "ds": np.tile(days[PAST:], 3), "y": rng.normal(50, 9, 3 * STEPS)}
    )
    for model in MODELS:
        came[model] = came["y"] + rng.normal(0, 5, len(came))
        for level, width in ((80, 4), (95, 8)):
            came[f"{model}-lo-{level}"] = came[model] - width * rng.uniform(0.5, 1, len(came))
            came[f"{model}-hi-{level}"] = came[model] + width * rng.uniform(0.5, 1, len(came))
    return past.sample(frac=1, random_state=1), came.sample(frac=1, random_state=2)


def lists(table: Any) -> dict[str, list[Any]]:
    """The columns of a frame of any kind."""
    if isinstance(table, pl.DataFrame):
        return table.to_dict(as_series=False)
    return table.to_pydict() if isinstance(table, pa.Table) else table.to_dict("list")


def rows(table: Any) -> dict[tuple[str, str], dict[str, float]]:
    """(metric, series): what each model has; None for null."""
    columns = lists(table)
    names = [name for name in columns if name not in ("unique_id", "metric", "cutoff", "scored", "left_out")]
    ids = columns.get("unique_id", ["mean"] * len(columns["metric"]))
    return {
        key: {name: None if columns[name][i] != columns[name][i] else columns[name][i] for name in names}
        for i, key in enumerate(zip(columns["metric"], ids, strict=True))
    }


def of_arrays(past: pd.DataFrame, came: pd.DataFrame, series: str, model: str, period: int) -> dict[str, float]:
    """The same scores by the functions of arrays."""
    train = past[past["unique_id"] == series].sort_values("ds")["y"]
    part = came[came["unique_id"] == series]
    actual, forecast, scale = part["y"], part[model], metrics.naive_scale(train, period)
    ends = {level: (part[f"{model}-lo-{level}"], part[f"{model}-hi-{level}"]) for level in (80, 95)}
    quantiles = [0.025, 0.1, 0.9, 0.975]
    forecasts = [ends[95][0], ends[80][0], ends[80][1], ends[95][1]]
    found = {
        "mae": metrics.mean_absolute_error(actual, forecast),
        "rmse": metrics.root_mean_squared_error(actual, forecast),
        "mape": metrics.mean_absolute_percentage_error(actual, forecast),
        "smape": metrics.symmetric_mape(actual, forecast),
        "mase": metrics.mean_absolute_scaled_error(actual, forecast, scale=scale),
        "rmsse": metrics.root_mean_squared_scaled_error(
            actual, forecast, scale=metrics.naive_scale(train, period, squared=True)
        ),
        "crps": metrics.crps_from_quantiles(actual, forecasts, quantiles),
        **{f"pinball-{q:g}": metrics.pinball_loss(actual, f, q) for q, f in zip(quantiles, forecasts, strict=True)},
    }
    for level, (low, high) in ends.items():
        found[f"coverage-{level}"] = metrics.interval_coverage(actual, low, high)
        found[f"width-{level}"] = metrics.interval_width(low, high)
        found[f"msis-{level}"] = metrics.mean_scaled_interval_score(actual, low, high, level=level, scale=scale)
    return {name: float(value) for name, value in found.items()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("period", [1, 7, 40])  # 40 is more than there are rows
def test_all_metrics_are_those_of_arrays(kind: str, period: int) -> None:
    past, came = made()
    table = score(KINDS[kind](came), train=KINDS[kind](past), period=period)
    assert type(table) is {"pandas": pd.DataFrame, "pyarrow": pa.Table}.get(kind, pl.DataFrame)
    found = rows(table)
    for series in SERIES:
        expected = {model: of_arrays(past, came, series, model, period) for model in MODELS}
        ours, theirs = expected["timeglass"], expected["Naive2"]
        ours["owa"] = float(
            metrics.overall_weighted_average(
                ours["smape"], ours["mase"], smape_naive2=theirs["smape"], mase_naive2=theirs["mase"]
            )
        )
        theirs["owa"] = 1.0
        for model in MODELS:
            assert {key[0]: row[model] for key, row in found.items() if key[1] == series} == pytest.approx(
                expected[model], rel=1e-12
            )


def test_numbers_are_utilsforecasts() -> None:
    past, came = made(5)
    found = rows(score(came, train=past, period=7))
    from utilsforecast.evaluation import evaluate  # after score, which keeps its warning of an escape quiet
    from utilsforecast.losses import coverage, mae, mape, mase, rmse, rmsse, scaled_crps, smape, winkler_score

    models = list(MODELS)
    named = {"mae": mae, "rmse": rmse, "mape": mape, "smape": smape}
    theirs = {name: loss(came, models) for name, loss in named.items()}
    train = past.sort_values(["unique_id", "ds"])
    theirs |= {
        name: loss(came, models, seasonality=7, train_df=train) for name, loss in (("mase", mase), ("rmsse", rmsse))
    }
    for name, table in theirs.items():
        units = {"mape": 100, "smape": 200}.get(name, 1)
        for row in table.to_dict("records"):
            for model in models:
                assert found[name, row["unique_id"]][model] == pytest.approx(units * row[model], rel=1e-13)
    crps = evaluate(came, [scaled_crps, coverage, winkler_score], models=models, level=[80, 95])
    for row in crps.to_dict("records"):
        size = came.loc[came["unique_id"] == row["unique_id"], "y"].abs().mean()
        if row["metric"] == "scaled_crps":
            assert found["crps", row["unique_id"]]["timeglass"] == pytest.approx(size * row["timeglass"], rel=1e-12)
        if row["metric"] == "coverage_level80":
            assert found["coverage-80", row["unique_id"]]["timeglass"] == row["timeglass"]


def test_order_and_names_of_the_table() -> None:
    past, came = made()
    came = came.rename(columns={"unique_id": "shop", "ds": "day", "y": "sold"})
    past = past.rename(columns={"unique_id": "shop", "ds": "day", "y": "sold"})
    table = score(came, metrics=["rmse", "owa", "mase"], train=past, period=1, time="day", id="shop", target="sold")
    assert list(table.columns) == ["shop", "metric", *MODELS]
    assert table["metric"].tolist() == [name for name in ("rmse", "smape", "mase", "owa") for _ in SERIES]
    assert table["shop"].tolist() == 4 * list(dict.fromkeys(came["shop"]))  # as they appear
    assert score(came, metrics="mae", time="day", id="shop", target="sold")["metric"].tolist() == ["mae"] * 3


def test_defaults_are_what_there_is_enough_for() -> None:
    past, came = made()
    ends = [name for name in came if "-lo-" in name or "-hi-" in name]

    def names(frame: pd.DataFrame, **options: Any) -> list[str]:
        return list(dict.fromkeys(score(frame, **options)["metric"]))

    assert names(came.drop(columns=ends)) == ["mae", "rmse", "mape", "smape"]
    assert names(came.drop(columns=[*ends, "Naive2"]), train=past, period=1)[4:] == ["mase", "rmsse"]
    assert names(came, metrics="pinball") == ["pinball-0.025", "pinball-0.1", "pinball-0.9", "pinball-0.975"]
    assert names(came, level=95)[4:] == ["pinball-0.025", "pinball-0.975", "crps", "coverage-95", "width-95"]


def test_a_model_without_intervals_has_null_in_their_rows() -> None:
    _, came = made()
    came["naive"] = came["y"] + 1
    found = rows(score(came, metrics=["mae", "coverage"], level=80))
    assert found["coverage-80", "a"]["naive"] is None
    assert found["coverage-80", "a"]["timeglass"] is not None
    means = mean_scores(score(came, metrics=["mae", "coverage"], level=80))
    assert means["scored"].tolist() == [3, 3]
    assert rows(means)["coverage-80", "mean"]["naive"] is None


def frame(**columns: list[Any]) -> pd.DataFrame:
    count = len(columns["y"])
    return pd.DataFrame({"unique_id": ["a"] * count, "ds": list(range(10, 10 + count))} | columns)


def test_level_with_a_fraction() -> None:
    came = frame(y=[1.0, 5.0], m=[1.0, 1.0], **{"m-lo-97.5": [0.0, 0.0], "m-hi-97.5": [4.0, 4.0]})
    past = frame(ds=[1, 2], y=[0.0, 2.0])
    found = rows(score(came, metrics=["msis", "coverage", "pinball"], train=past, period=1, level=[97.5]))
    assert {key[0]: row["m"] for key, row in found.items()} == pytest.approx(
        {"msis-97.5": (4 + 0.5 * 2 / 0.025) / 2, "coverage-97.5": 0.5, "pinball-0.0125": 3 * 0.0125,
         "pinball-0.9875": (3 * 0.0125 + 0.9875) / 2}
    )  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_what_does_not_exist_is_null_and_counted(kind: str) -> None:
    came = frame(
        unique_id=["zero", "still", "one", "fine", "exact"], y=[0.0, 2.0, 2.0, 2.0, 2.0], m=[1.0, 1.0, 1.0, 4.0, 1.0],
        naive2=[1.0, 3.0, 4.0, 4.0, 2.0],
    )  # fmt: skip
    past = frame(
        unique_id=["zero"] * 2 + ["still"] * 3 + ["one"] + ["fine"] * 2 + ["exact"] * 2,
        ds=[1, 2, 1, 2, 3, 1, 1, 2, 1, 2], y=[1.0, 3.0, 5.0, 5.0, 5.0, 5.0, 1.0, 2.0, 1.0, 2.0],
    )  # fmt: skip
    table = score(KINDS[kind](came), train=KINDS[kind](past), period=1)
    found = {metric: {key[1]: row["m"] for key, row in rows(table).items() if key[0] == metric} for metric in
             ("mae", "mape", "mase", "rmsse", "owa")}  # fmt: skip
    assert found["mae"] == {"zero": 1.0, "still": 1.0, "one": 1.0, "fine": 2.0, "exact": 1.0}
    assert found["mape"] == {"zero": None, "still": 50.0, "one": 50.0, "fine": 100.0, "exact": 50.0}
    assert found["mase"] == found["rmsse"] == {"zero": 0.5, "still": None, "one": None, "fine": 2.0, "exact": 1.0}
    assert found["owa"] == {"zero": 1.0, "still": None, "one": None, "fine": 1.0, "exact": None}
    means = mean_scores(table)
    columns = lists(means)
    at = {metric: i for i, metric in enumerate(columns["metric"])}
    assert (columns["scored"][at["mape"]], columns["left_out"][at["mape"]]) == (4, 1)
    assert (columns["scored"][at["owa"]], columns["left_out"][at["owa"]]) == (3, 2)
    assert columns["m"][at["mase"]] == pytest.approx((0.5 + 2 + 1) / 3)
    # M4's OWA: of the means in the table, not the mean of those of single series.
    smape, mase = columns["m"][at["smape"]] / columns["naive2"][at["smape"]], (0.5 + 2 + 1) / (0.5 + 2 + 0)
    assert columns["m"][at["owa"]] == pytest.approx((smape + mase) / 2)


def test_mape_with_a_zero_is_not_the_mean_of_the_rest() -> None:
    table = score(frame(y=[0.0, 2.0], m=[1.0, 1.0]), metrics="mape")
    assert table["m"].isna().tolist() == [True]
    means = mean_scores(table)
    assert (means["scored"][0], means["left_out"][0], np.isnan(means["m"][0])) == (0, 1, True)


def test_cutoffs_have_their_own_training_part() -> None:
    came = frame(ds=[3, 4, 4, 5], cutoff=[2, 2, 3, 3], y=[4.0, 4.0, 4.0, 4.0], m=[3.0, 5.0, 2.0, 2.0])
    past = frame(ds=[1, 2, 3, 4, 5], y=[0.0, 2.0, 4.0, 9.0, 0.0])  # 2 up to 2; 2, 2 up to 3
    past.loc[2, "y"] = 6.0  # so 2 up to 2, and (2 + 4) / 2 up to 3
    table = score(came, metrics=["mae", "mase"], train=past, period=1)
    assert list(table.columns) == ["unique_id", "cutoff", "metric", "m"]
    assert table["cutoff"].tolist() == [2, 3, 2, 3]
    assert table["m"].tolist() == pytest.approx([1.0, 2.0, 1 / 2, 2 / 3])
    means = mean_scores(table)
    assert means.to_dict("list") == {"metric": ["mae", "mase"], "scored": [2, 2], "left_out": [0, 0], "m":
                                     pytest.approx([1.5, 7 / 12])}  # fmt: skip


def test_names_of_columns_are_in_nobodys_way() -> None:
    came = frame(y=[1.0, 3.0], scale=[2.0, 2.0], m0=[1.0, 1.0], x=[3.0, 3.0]).rename(columns={"x": "y-hat"})
    past = frame(ds=[1, 2], y=[0.0, 2.0])
    assert rows(score(came, metrics="mase", train=past, period=1))["mase", "a"] == {
        "scale": 0.5, "m0": 0.5, "y-hat": 0.5
    }  # fmt: skip


GOOD = frame(y=[1.0, 2.0], m=[1.0, 1.0], **{"m-lo-90": [0.0, 0.0], "m-hi-90": [3.0, 3.0]})
TRAIN = frame(ds=[1, 2], y=[1.0, 2.0])
FAULTS: dict[str, tuple[Any, dict[str, Any], type, str]] = {
    "no frame": ([1.0, 2.0], {}, InputError, "frame: expected a data frame that narwhals knows, got list"),
    "no rows": (GOOD[:0], {}, DataError, "frame: the frame has no rows"),
    "no id": (GOOD.rename(columns={"unique_id": "unique"}), {}, DataError, "'unique_id': did you mean 'unique'"),
    "no time": (GOOD, {"time": "date"}, DataError, "no column 'date': .*time= names it, and there are 'unique_id'"),
    "index": (GOOD.set_index("unique_id"), {}, DataError, r"no column 'unique_id': it is the index: reset_index\(\)"),
    "times": (GOOD.assign(ds=[1, "x"]), {}, DataError, "the times cannot be put in order"),
    "null": (pl.DataFrame({**GOOD.to_dict("list"), "m": [None, 1.0]}), {}, DataError, "row 1 .* has nan in column 'm'"),
    "two are one": (GOOD, {"time": "y"}, OptionError, "expected three columns"),
    "no model": (GOOD[["unique_id", "ds", "y"]], {}, DataError, "no forecasts: expected a column for each model"),
    "text": (GOOD.assign(note="x"), {}, DataError, "column 'note' holds String, expected numbers"),
    "NaN": (GOOD.assign(m=[1.0, np.nan]), {}, DataError, r"frame: row 2 \(series 'a', 11\) has nan in column 'm'"),
    "infinite": (GOOD.assign(y=[np.inf, 1.0]), {}, DataError, "row 1 .* has inf in column 'y'"),
    "empty id": (GOOD.assign(unique_id=["a", None]), {}, DataError, "row 2 of column 'unique_id' is empty"),
    "twice": (GOOD.assign(ds=1), {}, DataError, "rows 1 and 2 are of one series .*backtest need the column 'cutoff'"),
    "taken name": (GOOD.assign(metric=1.0), {}, DataError, "a model may not be called 'metric'"),
    "one end": (GOOD.drop(columns="m-hi-90"), {}, DataError, "'m-lo-90' is one end of an interval"),
    "no such model": (GOOD.drop(columns="m").assign(n=1.0), {}, DataError, "an interval of a column 'm'"),
    "crossed": (GOOD.assign(**{"m-lo-90": [0.0, 9.0]}), {}, DataError, "row 2 .*90 % interval of 'm' ends at 3, below"),
    "no metric": (GOOD, {"metrics": "MASSE"}, OptionError, "no metric 'MASSE': did you mean 'mase'"),
    "no metrics": (GOOD, {"metrics": []}, OptionError, "expected at least one"),
    "number": (GOOD, {"metrics": 5}, OptionError, "no metric '5'"),
    "no train": (GOOD, {"metrics": ["rmsse"]}, OptionError, "train: rmsse divides by"),
    "no period": (GOOD, {"train": TRAIN}, OptionError, "period: mase needs the season"),
    "period": (GOOD, {"train": TRAIN, "period": 0}, OptionError, "period: expected a whole number of at least 1"),
    "no naive2": (GOOD, {"metrics": "owa", "train": TRAIN, "period": 1}, OptionError, "column 'naive2'"),
    "no intervals": (GOOD[["unique_id", "ds", "y", "m"]], {"level": 80}, OptionError, "add columns .*'m-lo-80'"),
    "other level": (GOOD, {"level": [90, 95]}, OptionError, "'m' has intervals of 90 %, not of 95 %: .*'m-hi-95'"),
    "level": (GOOD, {"level": 100}, OptionError, "level: expected percent"),
    "text level": (GOOD, {"level": "90"}, OptionError, "level: expected percent"),
    "no level": (GOOD, {"level": []}, OptionError, "level: expected at least one"),
    "too large": (GOOD.assign(y=1e308, m=-1e308), {"metrics": "mae"}, DataError, "mae of series 'a' is larger"),
    "train without": (GOOD, {"train": TRAIN.assign(unique_id="b"), "period": 1}, DataError, "no rows before .*'a'"),
    "train later": (
        GOOD[::-1], {"train": TRAIN.assign(ds=[9, 10]), "period": 1}, DataError, "up to 10, .*begin at 10: give only",
    ),
    "train NaN": (GOOD, {"train": TRAIN.assign(y=np.nan), "period": 1}, DataError, "train: row 1 .* has nan"),
    "train twice": (GOOD, {"train": TRAIN.assign(ds=1), "period": 1}, DataError, "train: rows 1 and 2 .* each once$"),
    "train times": (
        GOOD, {"train": TRAIN.assign(ds=pd.date_range("2020", periods=2)), "period": 1}, DataError,
        "give both as the same type",
    ),
    "train no y": (GOOD, {"train": TRAIN[["unique_id", "ds"]], "period": 1}, DataError, "train: no column 'y'"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAULTS)
def test_faults(case: str) -> None:
    given, options, error, words = FAULTS[case]
    with pytest.raises(error, match=words) as caught:
        score(given, **options)
    assert isinstance(caught.value, TimeglassError)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (GOOD, "expected columns 'unique_id' and 'metric'"),
        (pd.DataFrame({"unique_id": ["a"], "metric": ["mae"]}), "a column of numbers for each model"),
        (pd.DataFrame({"unique_id": ["a"], "metric": ["owa"], "m": [1.0]}), "the mean OWA is made of"),
        (pd.DataFrame({"unique_id": ["a", "b"], "metric": "mae", "m": 1.7e308}), "larger than a double"),
    ],
)
def test_faulty_tables(table: pd.DataFrame, words: str) -> None:
    with pytest.raises(DataError, match=words):
        mean_scores(table)


def test_without_utilsforecast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "utilsforecast", None)
    with pytest.raises(EngineError, match=r"pip install 'timeglass\[baselines\]'"):
        score(GOOD)
