"""What an axis shows of values with outliers: the rest can be read, and nothing is left out unsaid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timeglass.show.fan import draw_fan, fan_picture
from timeglass.show.outlook import OutlookPicture, draw_outlook, outlook_picture
from timeglass.show.view import View, view_of

ROWS = np.arange(60)
CALM = 100 + np.sin(ROWS)
NOTHING = np.empty(0)


def outlook(history, band=2.0, horizon=4) -> OutlookPicture:
    point = np.full(horizon, 100.0)
    return outlook_picture(
        (ROWS, history),
        (60 + np.arange(horizon), point),
        bands={80: (point - 1, point + 1), 95: (point - 2, point + band)},
    )


def spiked(place: int, value: float) -> np.ndarray:
    return np.where(np.equal(ROWS, place), value, CALM)


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        (np.arange(20.0), None),
        (np.r_[np.arange(20.0), 40], None),  # within two ranges of the others
        (np.r_[np.arange(20.0), 60], (0.0, 19.0)),
        (np.r_[-60, np.arange(20.0), 60], (0.0, 19.0)),
        (np.r_[np.arange(20.0), 60, 61], None),  # two of 22 are not few: they belong to it
        (np.r_[np.arange(8.0), 1e9], None),  # too few to say what is usual
        (np.r_[np.zeros(20), 9.0], None),  # the others do not vary
        (8e306 * np.r_[-np.arange(20.0), 20], None),
    ],
)
def test_only_few_and_far_values_are_beyond_the_axis(others, expected):
    view = view_of(np.array([5.0]), others, NOTHING)
    assert (None if view is None else (view.low, view.high)) == expected


def test_forecasts_are_always_seen_and_bands_in_part():
    calm = np.arange(20.0)
    assert view_of(np.array([500.0]), calm, NOTHING) is None
    assert view_of(np.array([5.0]), calm, np.array([0.0, 51.0])) is None
    assert view_of(np.array([5.0]), calm, np.array([-1.0, 1e9])) == View(-1.0, pytest.approx(18 + 2 * 17), True)


def test_places_beyond_come_farthest_first():
    view = View(0.0, 10.0, False)
    assert view.beyond(np.array([5.0, 12.0, -30.0, 10.0, 11.0])).tolist() == [2, 1, 4]
    assert view.inside(np.array([5.0, 12.0, -30.0])).tolist() == [5.0, 10.0, 0.0]


@settings(max_examples=30, deadline=None)
@given(st.floats(1e-290, 1e290), st.floats(-1e3, 1e3))
def test_views_go_with_the_unit(unit, spike):
    values = np.append(np.arange(20.0), spike)
    one, other = (view_of(np.array([k * 5.0]), k * values, NOTHING) for k in (1.0, unit))
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert (other.low, other.high) == pytest.approx((unit * one.low, unit * one.high))


@pytest.mark.parametrize("value", [1e6, -1e6])
def test_an_outlier_is_a_triangle_with_its_number_and_the_rest_can_be_read(value):
    axes = draw_outlook(outlook(spiked(50, value))).axes[0]
    low, high = axes.get_ylim()
    assert (low > 97, high < 103) == (True, True)
    (mark,) = [line for line in axes.lines if line.get_marker() in ("^", "v")]
    assert (mark.get_marker(), list(mark.get_xdata())) == ("^" if value > 0 else "v", [50])
    assert list(mark.get_ydata()) == [high if value > 0 else low]
    assert ("1e+06" if value > 0 else "−1e+06") in [text.get_text() for text in axes.texts]
    clean = draw_outlook(outlook(CALM)).axes[0]
    assert not [line for line in clean.lines if line.get_marker() in ("^", "v")]


def test_a_band_that_goes_on_says_so():
    words = [text.get_text() for text in draw_outlook(outlook(CALM, band=1e7)).axes[0].get_legend().get_texts()]
    assert words == ["history", "forecast", "95 % interval, which goes on beyond", "80 % interval"]
    assert outlook(CALM, band=1e7).power == 0
    words = [text.get_text() for text in draw_outlook(outlook(CALM)).axes[0].get_legend().get_texts()]
    assert words == ["history", "forecast", "95 % interval", "80 % interval"]


def test_the_name_of_a_baseline_beyond_stays_at_the_end_of_the_axis():
    far = outlook_picture((ROWS, CALM), (np.array([60]), [100.0]), baselines={"drift": [9e4]})
    axes = draw_outlook(far).axes[0]
    (name,) = [text for text in axes.texts if text.get_text() == "drift"]
    assert axes.get_ylim()[1] > name.xy[1] > 100


def test_an_outlier_of_a_fan_is_marked():
    picture = fan_picture((ROWS, spiked(20, 5e3)), ([30, 40], np.full((2, 10), 100.0)), rows=60)
    axes = draw_fan(picture).axes[0]
    assert axes.get_ylim()[1] < 103
    assert [list(line.get_xdata()) for line in axes.lines if line.get_marker() == "^"] == [[20]]
    assert "5000" in [text.get_text() for text in axes.texts]
