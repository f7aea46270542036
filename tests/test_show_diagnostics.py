"""Pictures of residuals, losses and reliability: numbers against other libraries, ink against the numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from statsmodels.tsa.stattools import acf

from timeglass import InputError
from timeglass.show.given import Labels
from timeglass.show.loss_curves import draw_losses, losses_picture
from timeglass.show.reliability import draw_reliability, reliability_picture, wilson
from timeglass.show.residuals import draw_residuals, residuals_picture

LABELS = Labels("Passengers", "thousands", "Month")
RNG = np.random.default_rng(7)
ACTUAL = RNG.normal(100, 10, (50, 3))
FORECASTS = {"ours": ACTUAL - RNG.normal(1, 4, (50, 3)), "naive": np.full((50, 3), 100.0)}
NAN = np.nan


# ---- residuals


def test_residuals_are_those_of_the_step_that_has_come():
    actual = np.array([[1.0, 5.0], [2.0, 7.0], [3.0, NAN]])
    ours = np.array([[0.5, 6.0], [2.5, 4.0], [1.0, 9.0]])
    first = residuals_picture(actual, {"ours": ours}, at=[10, 11, 12])
    second = residuals_picture(actual, {"ours": ours, "naive": [[3, 7], [4, 9], [5, 0]]}, at=[10, 11, 12], step=2)
    assert (first.at.tolist(), first.residual.tolist()) == ([10, 11, 12], [0.5, -0.5, 2.0])
    assert (second.at.tolist(), second.residual.tolist()) == ([10, 11], [-1.0, 3.0])
    assert {name: errors.tolist() for name, errors in second.errors.items()} == {"ours": [1, 2], "naive": [2, 2]}
    assert len(first.lags) == 0  # three residuals say nothing of this


def test_steps_that_have_not_come_are_left_out():
    actual = np.array([[1.0, NAN, 3.0, NAN]])
    picture = residuals_picture(actual, {"ours": np.zeros((1, 4))}, at=[0], step=3)
    assert (picture.steps.tolist(), picture.errors["ours"].tolist(), picture.residual.tolist()) == ([1, 3], [1, 3], [3])


def test_autocorrelations_are_those_of_statsmodels():
    picture = residuals_picture(ACTUAL, FORECASTS, at=np.arange(50))
    residual = (ACTUAL - FORECASTS["ours"])[:, 0]
    np.testing.assert_allclose(picture.autocorrelation, acf(residual, nlags=24)[1:], rtol=1e-12)
    assert picture.limit == pytest.approx(1.959964 / 50**0.5, rel=1e-6)
    assert picture.lags.tolist() == list(range(1, 25))


@pytest.mark.parametrize(
    ("residuals", "lags", "reach"), [(7, None, 0), (8, None, 4), (50, None, 24), (50, 30, 30), (9, 30, 8)]
)
def test_so_many_lags_are_drawn(residuals, lags, reach):
    forecasts = {name: values[:residuals] for name, values in FORECASTS.items()}
    picture = residuals_picture(ACTUAL[:residuals], forecasts, at=np.arange(residuals), lags=lags)
    assert len(picture.lags) == len(picture.autocorrelation) == reach


def test_one_in_twenty_autocorrelations_of_noise_is_beyond_the_limits():
    noise = np.random.default_rng(0).normal(size=(300, 100, 1))
    pictures = [residuals_picture(each, {"ours": 0 * each}, at=np.arange(100), lags=10) for each in noise]
    assert 0.03 < sum(picture.beyond for picture in pictures) / 3000 < 0.06


@given(st.lists(st.floats(-1e306, 1e306), min_size=1, max_size=60))
def test_every_residual_is_in_one_bin(values):
    actual = np.array(values)[:, None]
    picture = residuals_picture(actual, {"ours": np.zeros_like(actual)}, at=np.arange(len(values)))
    assert picture.counts.sum() == len(values)
    assert len(picture.edges) == len(picture.counts) + 1 <= 41
    assert picture.edges[0] <= actual.min() <= actual.max() <= picture.edges[-1]
    assert all(np.isfinite(part).all() for part in (picture.edges, picture.autocorrelation, picture.errors["ours"]))


def test_the_panels_show_the_residuals():
    months = np.datetime64("1999-12", "M") + np.arange(50)
    picture = residuals_picture(ACTUAL, FORECASTS, at=months, labels=LABELS)
    over_time, histogram, correlation, by_step = draw_residuals(picture).axes
    np.testing.assert_array_equal(over_time.lines[1].get_ydata(), picture.residual)
    assert [bar.get_height() for bar in histogram.patches] == picture.counts.tolist()
    dots = {x: y for line in correlation.lines[1:] for x, y in zip(*line.get_data(), strict=True)}
    assert [dots[lag] for lag in picture.lags] == picture.autocorrelation.tolist()
    assert [line.get_ydata().tolist() for line in by_step.lines] == [each.tolist() for each in picture.errors.values()]
    assert [text.get_text() for text in by_step.texts] == ["ours", "naive"]
    assert f"{picture.beyond} of 24 beyond" in correlation.get_title(loc="left")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"actual": [1.0]}, r"actual: expected \(origins, steps\)"),
        ({"forecasts": {}}, "at least ours, got none"),
        ({"forecasts": {"ours": [[1.0]]}}, r"forecast ours: expected the shape \(2, 2\), got \(1, 1\)"),
        ({"forecasts": {"ours": [[1.0, NAN], [1.0, 2.0]]}}, "forecast ours: value 1, 2 is nan"),
        ({"actual": [[1.0, np.inf], [1.0, 2.0]]}, "actual: value 1, 2 is inf"),
        ({"step": 3}, "step: expected 1 to 2, the steps of the forecasts, got 3"),
        ({"step": 2, "actual": [[1.0, NAN], [1.0, NAN]]}, "nothing has come 2 rows ahead"),
        ({"at": [1]}, r"at: expected 2 dates \(2,\), got \(1,\)"),
        ({"at": [2, 1]}, "1 stands after 2"),
    ],
)
def test_residuals_that_cannot_be_drawn_are_refused(change, words):
    given_ = {"actual": np.ones((2, 2)), "forecasts": {"ours": np.ones((2, 2))}, "at": [1, 2]} | change
    with pytest.raises(InputError, match=words):
        residuals_picture(given_.pop("actual"), given_.pop("forecasts"), **given_)


# ---- losses


def test_best_and_worst_are_by_the_last_loss_of_validation():
    training = np.array([[4.0, 1.0, 0.5], [5.0, 2.0, NAN], [6.0, 6.0, 6.0]])
    alone = losses_picture(training)
    assert (alone.median.tolist(), alone.final.tolist(), alone.best, alone.worst) == ([5, 2, 2], [0.5, 2, 6], 0, 2)
    both = losses_picture(training, validation=[[9.0, 8, 7], [3, 2, NAN], [5, 6, 0]])
    assert (both.validation_median.tolist(), both.best, both.worst, both.log) == ([5, 6, 2], 2, 0, False)
    assert (alone.log, alone.title) == (True, "Losses of 3 networks over 3 epochs")


def test_curves_reach_the_ink():
    losses = np.array([[4.0, 1.0, 0.5], [5.0, 2.0, NAN], [8.0, 7.0, 6.0]])
    axes = draw_losses(losses_picture(losses)).axes[0]
    drawn = [line.get_ydata().tolist() for line in axes.lines]
    np.testing.assert_array_equal(drawn[:3], losses)
    assert drawn[3] == [5, 2, 2]
    assert [text.get_text() for text in axes.texts] == ["best: network 0, 0.5", "worst: network 2, 6"]
    assert axes.get_yscale() == "log"
    assert {"1", "2", "5"} <= {label.get_text() for label in axes.get_yticklabels()}  # no TeX
    one = draw_losses(losses_picture([[3.0, 0.0]], validation=[[4.0, 1.0]])).axes[0]
    assert [text.get_text() for text in one.texts] == ["training 0", "validation 1"]
    assert one.get_yscale() == "linear"


@pytest.mark.parametrize(
    "losses", [[[1.0]], [[1e300, 1e-280]] * 2, [[1e-309, 4e-310]], [[0.5] * 3] * 2, [[0.0] * 3] * 2, [[-1.0, 1e9]]]
)
def test_losses_of_any_size_can_be_drawn(tmp_path: Path, losses):
    draw_losses(losses_picture(losses, validation=losses), [tmp_path / "a.png"])
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("training", "validation", "words"),
    [
        ([1.0], None, r"training: expected losses \(networks, epochs\)"),
        ([[1.0, np.inf]], None, "training: value 1, 2 is inf"),
        ([[1.0, 2.0], [NAN, 1.0]], None, "training: network 1 has no loss at an epoch before its last"),
        ([[1.0, NAN, 1.0]], None, "network 0 has no loss"),
        ([[NAN, NAN]], None, "network 0 has no loss"),
        ([[1.0, 2.0]], [[1.0]], r"shape of the training losses \(1, 2\), got \(1, 1\)"),
    ],
)
def test_losses_that_cannot_be_drawn_are_refused(training, validation, words):
    with pytest.raises(InputError, match=words):
        losses_picture(training, validation=validation)


# ---- reliability


@pytest.mark.parametrize(("inside", "total"), [(0, 1), (1, 1), (0, 30), (30, 30), (61, 76), (5, 10), (900, 1000)])
@pytest.mark.parametrize("level", [0.5, 0.95])
def test_intervals_of_shares_are_those_of_scipy(inside, total, level):
    low, high = wilson(np.array([inside]), np.array([total]), level=level)
    found = binomtest(inside, total).proportion_ci(level, method="wilson")
    np.testing.assert_allclose([low[0], high[0]], [found.low, found.high], rtol=1e-12, atol=1e-15)


def test_levels_are_sorted_with_their_counts():
    picture = reliability_picture([95, 50, 80], [90, 55, 60], total=[100, 101, 100])
    assert (picture.promised.tolist(), picture.inside.tolist()) == ([50, 80, 95], [55, 60, 90])
    np.testing.assert_allclose(picture.covered, [100 * 55 / 101, 60, 90])
    assert picture.kept.tolist() == [True, False, False]
    assert picture.sentences()[1] == "promised 80 %, covered 60.0 % (50.2 to 69.1) of 100 forecasts"


def test_points_and_bars_reach_the_ink():
    picture = reliability_picture([50, 80, 81], [55, 60, 61], total=100, labels=LABELS)
    axes = draw_reliability(picture).axes[0]
    assert axes.lines[1].get_ydata().tolist() == pytest.approx([55, 60, 61])
    bars = [segment[:, 1].tolist() for segment in axes.collections[0].get_segments()]
    np.testing.assert_allclose(bars, np.stack([picture.low, picture.high], axis=1))
    assert [text.get_text() for text in axes.texts[:2]] == ["50", "80"]  # 81 stands too near: it is listed
    assert "81 %: came inside 61.0 %" in axes.texts[2].get_text()
    # Each at the bar's end that is away from the line.
    ends = [(50, pytest.approx(picture.high[0])), (80, pytest.approx(picture.low[1]))]
    assert [text.xy for text in axes.texts[:2]] == ends


@pytest.mark.parametrize(
    ("levels", "inside", "total", "words"),
    [
        ([], [], 1, "levels: expected at least one"),
        ([80, 80], [1, 1], 1, "none twice"),
        ([0.8, 100], [1, 1], 1, "between 0 and 100, such as 90, got 100"),
        ([80], [3], 2, r"inside: expected 0 to total of each level.*\[3\] of \[2\]"),
        ([80], [0], 0, "totals of at least 1"),
        ([80], [0.8], 1, "inside: expected whole numbers, got float64: give counts"),
        ([80, 90], [1, 1, 1], 1, r"inside: expected one for each of 2 levels, got \(3,\)"),
    ],
)
def test_records_that_cannot_be_drawn_are_refused(levels, inside, total, words):
    with pytest.raises(InputError, match=words):
        reliability_picture(levels, inside, total=total)
