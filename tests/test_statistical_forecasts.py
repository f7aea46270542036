"""Theta and ETS beside statsforecast itself."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from statsforecast import models as theirs

from timeglass.errors import DataError, EngineError, InputError, OptionError
from timeglass.evaluate.statistical_forecasts import STATISTICAL_MODELS, statistical_available, statistical_forecasts
from timeglass.types import Array


def made(rows: int = 48, seed: int = 0) -> Array:
    t = np.arange(rows)
    return 50 + 0.3 * t + 6 * np.sin(t * np.pi / 2) + np.random.default_rng(seed).normal(size=rows)


@pytest.mark.parametrize("name", STATISTICAL_MODELS)
def test_each_model_is_theirs(name: str) -> None:
    series = [made(48, 0), made(30, 1) - 60]
    found = statistical_forecasts(series, 5, 4, models=[name])
    assert found.failed == ()
    model = getattr(theirs, STATISTICAL_MODELS[name])(season_length=4)
    for forecast, y in zip(found.forecasts[name], series, strict=True):
        assert np.array_equal(forecast, model.forecast(y, 5)["mean"])


def test_a_line_with_a_season_is_continued() -> None:
    t = np.arange(60)
    found = statistical_forecasts([100 + t + np.tile([8.0, -8.0, 4.0, -4.0], 15)], 4, 4)
    assert list(found.forecasts) == ["theta", "ets"]
    for forecast in found.forecasts.values():
        assert forecast[0] == pytest.approx(160 + np.arange(4) + [8, -8, 4, -4], abs=2.5)


def test_what_fails_falls_back_and_is_told() -> None:
    series = [made(), np.array([3.0, 1.0, 2.0]), np.array([4.0]), np.full(20, 2.5), np.tile([1e299, -1e299], 10)]
    found = statistical_forecasts(series, 3, 2, models=("theta", "ets"))
    told = [(each.series, each.model, each.instead) for each in found.failed]
    assert {s for s, _, _ in told} == {1, 2, 4}
    assert (1, "theta", "seasonal_naive") in told
    assert (2, "ets", "naive") in told
    assert found.failed[0].why == "tiny datasets (3 rows)"
    for forecasts in found.forecasts.values():
        assert np.isfinite(forecasts).all()
        assert forecasts[1].tolist() == [1, 2, 1]
        assert forecasts[2].tolist() == [4, 4, 4]
        assert forecasts[3].tolist() == [2.5, 2.5, 2.5]


def test_one_name_and_names_given_twice() -> None:
    for models in ("theta", ["theta", "theta"]):
        assert list(statistical_forecasts([made()], 2, 1, models=models).forecasts) == ["theta"]


@pytest.mark.slow
def test_processes_change_nothing() -> None:
    series = [made(40, seed) for seed in range(9)] + [np.array([1.0, 2.0])]
    one, two = (statistical_forecasts(series, 3, 4, models=["theta"], processes=count) for count in (1, 2))
    assert np.array_equal(one.forecasts["theta"], two.forecasts["theta"])
    assert one.failed == two.failed != ()


def test_refusals() -> None:
    with pytest.raises(OptionError, match=r"no model 'arima': expected some of theta, dynamic_theta, ets"):
        statistical_forecasts([made()], 1, 1, models=["arima"])
    with pytest.raises(OptionError, match="got none"):
        statistical_forecasts([made()], 1, 1, models=[])
    with pytest.raises(OptionError, match="horizon"):
        statistical_forecasts([made()], 0, 1)
    with pytest.raises(OptionError, match="processes"):
        statistical_forecasts([made()], 1, 1, processes=0)
    with pytest.raises(InputError, match="no series"):
        statistical_forecasts([], 1, 1)
    with pytest.raises(DataError, match="series 2: value 3 is nan"):
        statistical_forecasts([made(), [1.0, 2.0, np.nan]], 1, 1)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    assert statistical_available()
    monkeypatch.setitem(sys.modules, "statsforecast", None)  # as if it were not there
    with pytest.raises(EngineError, match=r"pip install 'timeglass\[baselines\]'"):
        statistical_forecasts([made()], 1, 1)


def test_the_library_is_loaded_when_it_is_asked_for() -> None:
    code = (
        "import sys; from timeglass.evaluate import comparison, statistical_forecasts as s; s.statistical_available(); "
        "print(any(name in sys.modules for name in ('statsforecast', 'scipy', 'pandas')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
