"""Smoothing by many settings at once: beside plain loops over one setting after another."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timeglass.forecast import smoothing
from timeglass.forecast.smoothing import smooth

ALPHAS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99)
BETAS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)
PHIS = (0.0, 0.8, 0.9, 0.95, 0.98)
SERIES = np.random.default_rng(3).normal(size=14).cumsum()


def slope(z):
    return float(np.polyfit(np.arange(len(z)), z, 1)[0]) if len(z) > 1 else 0.0


def evidence(squares, count, trust):
    return count**2 / (count + trust) / 2 * math.log(squares / max(count, 1) + 1e-12)


def plain(z, horizon, steps):
    """Damped and theta forecasts after the last row, one setting after another, judged by 1 and `steps` steps."""
    found, weights = [], []
    for alpha in ALPHAS:
        for beta in BETAS:
            for phi in PHIS:
                if phi == 0 and beta > 0:
                    continue
                level, trend, near, far = z[0], slope(z[:5]) if phi > 0 else 0.0, 0.0, 0.0
                growth, ahead = sum(phi**j for j in range(1, steps + 1)), [z[0]]
                ahead[0] += growth * trend
                for t, value in enumerate(z[1:], 1):
                    forecast = level + phi * trend
                    error = value - forecast
                    near += error**2
                    level, trend = forecast + alpha * error, phi * trend + alpha * beta * error
                    if t >= steps > 1:
                        far += (value - ahead[t - steps]) ** 2
                    ahead.append(level + growth * trend)
                cost = 1.0 if phi == 0 else 2.5 if beta == 0 else 3.5
                cost += evidence(near, max(len(z) - 1, 2), 5.0)
                if steps > 1:
                    cost += 0.7 * evidence(far, max(len(z) - steps, 0), 40.0)
                weights.append(math.exp(-cost))
                found.append((alpha, phi, level, trend))
    total = sum(weights)
    damped = [
        sum(
            w * (level + trend * sum(phi**j for j in range(1, k + 1)))
            for w, (_, phi, level, trend) in zip(weights, found, strict=True)
        )
        / total
        for k in range(1, horizon + 1)
    ]
    simple = [(w, a, level) for w, (a, phi, level, _) in zip(weights, found, strict=True) if phi == 0]
    whole = sum(w for w, _, _ in simple)
    flat = sum(w * level for w, _, level in simple) / whole
    lag = sum(w * (1 - a) / a for w, a, _ in simple) / whole
    return damped, [flat + 0.5 * slope(z) * (k + lag) for k in range(1, horizon + 1)]


@pytest.mark.parametrize(
    ("rows", "horizon", "steps"), [(2, 8, 6), (3, 1, 1), (6, 6, 6), (14, 1, 1), (14, 3, 3), (14, 18, 6)]
)
def test_forecasts_are_those_of_plain_loops(rows, horizon, steps):
    z = SERIES[:rows]
    smoothed = smooth([z], horizon)
    damped, theta = plain(z, 4, steps)
    np.testing.assert_allclose(smoothed.damped(np.array([rows - 1]), 4)[0], damped, rtol=1e-9)
    np.testing.assert_allclose(smoothed.theta(np.array([rows - 1]), 4)[0], theta, rtol=1e-9)


def test_no_row_knows_what_comes_after_it():
    """From row 5 on: the first trend is the slope of the first 5 rows."""
    whole, part = smooth([SERIES]), smooth([SERIES[:9]])
    at = np.arange(4, 9)
    assert (whole.damped(at, 5) == part.damped(at, 5)).all()
    assert (whole.theta(at, 5) == part.theta(at, 5)).all()


def test_series_do_not_know_each_other(monkeypatch):
    rng = np.random.default_rng(0)
    panel = [rng.normal(size=rows).cumsum() for rows in (5, 30, 1, 17, 30)]
    together = smooth(panel)
    monkeypatch.setattr(smoothing, "_AT_ONCE", 500)  # blocks of two series
    blocks = smooth(panel)
    for s, z in enumerate(panel):
        own = smooth([z])
        at = np.arange(len(z))
        np.testing.assert_allclose(together.damped(together.offsets[s] + at, 3), own.damped(at, 3), rtol=1e-12)
        np.testing.assert_allclose(blocks.theta(blocks.offsets[s] + at, 3), own.theta(at, 3), rtol=1e-12)


@given(st.floats(0.1, 100), st.floats(-1000, 1000))
@settings(max_examples=20, deadline=None)
def test_other_units_give_the_same_forecast_in_them(unit, shift):
    at = np.array([13])
    plain_units, others = smooth([SERIES]), smooth([SERIES * unit + shift])
    np.testing.assert_allclose(
        others.damped(at, 3), plain_units.damped(at, 3) * unit + shift, rtol=1e-6, atol=1e-6 * unit
    )


def test_a_straight_line_goes_on_damped():
    z = np.arange(200.0)
    smoothed = smooth([z])
    assert abs(smoothed.damped(np.array([199]), 1)[0, 0] - 200) < 0.1
    assert 200 < smoothed.damped(np.array([199]), 40)[0, -1] < 239


def test_noise_is_smoothed_to_its_mean():
    z = np.random.default_rng(1).normal(size=400) + 50
    assert abs(smooth([z]).damped(np.array([399]), 1)[0, 0] - 50) < 0.25
