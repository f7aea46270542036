"""Scalers, logarithm and Box-Cox: hand-worked numbers, SciPy and coreforecast beside them, inverses of anything."""

from __future__ import annotations

import coreforecast.scalers as coreforecast
import numpy as np
import pytest
import scipy.special
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize_scalar

from timeglass.errors import DataError, InputError, OptionError
from timeglass.prepare.power import BoxCox, Log, guerrero_lambda
from timeglass.prepare.scale import MinMaxScaler, RobustScaler, StandardScaler
from timeglass.read.reading import read_series
from timeglass.series.bundled import SUNSPOTS

SCALERS = [MinMaxScaler, StandardScaler, RobustScaler]
TRIALS = settings(max_examples=50, deadline=None, derandomize=True)
ANY = arrays(np.float64, st.integers(2, 30), elements=st.floats(-1e9, 1e9, allow_subnormal=False))
POSITIVE = arrays(np.float64, st.integers(1, 30), elements=st.floats(1e-6, 1e6))


def test_standard_and_robust_by_hand():
    values = np.array([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0])
    standard = StandardScaler.fit(values)  # squares: 9 1 1 1 0 0 4 16, sum 32, / 8 = 4
    assert (standard.mean, standard.std, standard.range) == (5.0, 2.0, 2.0)
    assert standard.transform(values).tolist() == [-1.5, -0.5, -0.5, -0.5, 0.0, 0.0, 1.0, 2.0]
    assert standard.inverse_transform(np.array([-1.0, 3.0])).tolist() == [3.0, 11.0]
    # Places 0.25 · 7 = 1.75 and 5.25 of 0 … 7: 4, and a quarter of the way from 5 to 7.
    robust = RobustScaler.fit(values)
    assert (robust.median, robust.iqr, robust.range) == (4.5, 1.5, 1.5)
    assert robust.transform(np.array([6.0])).tolist() == [1.0]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (MinMaxScaler, coreforecast.LocalMinMaxScaler()),
        (StandardScaler, coreforecast.LocalStandardScaler()),
        (RobustScaler, coreforecast.LocalRobustScaler("iqr")),
    ],
)
def test_scalers_are_coreforecasts(ours, theirs):
    from coreforecast.grouped_array import GroupedArray

    values = np.random.default_rng(0).normal(50, 9, 101)
    group = GroupedArray(values, np.array([0, len(values)], dtype=np.int32))
    np.testing.assert_allclose(ours.fit(values).transform(values), theirs.fit(group).transform(group), rtol=1e-12)


@pytest.mark.parametrize("scaler", SCALERS)
@TRIALS
@given(values=ANY, later=ANY)
def test_scalers_have_their_inverse(scaler, values, later):
    try:
        fitted = scaler.fit(values)
    except InputError:
        assume(False)
    centre = max(abs(v) for v in vars(fitted).values())
    back = fitted.inverse_transform(fitted.transform(later))
    np.testing.assert_allclose(back, later, rtol=1e-14, atol=1e-14 * centre)
    # An error is scaled by `range` alone.
    ends = fitted.inverse_transform(np.array([0.0, 1.0]))
    assert ends[1] - ends[0] == pytest.approx(fitted.range, rel=1e-12, abs=4e-16 * centre)


@pytest.mark.parametrize("scaler", SCALERS)
@TRIALS
@given(values=ANY, moved=st.floats(-100, 100), factor=st.floats(0.01, 100))
def test_units_do_not_matter(scaler, values, moved, factor):
    other = values * factor + moved
    assume(np.ptp(values) > 1e-3 * np.abs(values).max() + 1e-3)
    try:
        one, two = scaler.fit(values), scaler.fit(other)
    except InputError:
        assume(False)
    assume(one.range > 1e-4 * np.abs(values).max() and two.range > 1e-4 * np.abs(other).max())
    np.testing.assert_allclose(one.transform(values), two.transform(other), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("fit", [*(scaler.fit for scaler in SCALERS), Log.fit, BoxCox.fit])
@pytest.mark.parametrize("value", [5.0, 0.1])
def test_constant_values_teach_nothing(fit, value):
    # 0.1 three times has a mean other than 0.1, and a standard deviation of 1e-17.
    with pytest.raises(InputError, match=rf"all 6 values are {value:g}: no variation, nothing to learn"):
        fit(np.full(6, value))


@pytest.mark.parametrize("fit", [*(scaler.fit for scaler in SCALERS), Log.fit, BoxCox.fit])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_named(fit, bad):
    with pytest.raises(DataError, match=rf"value 3 is {bad}"):
        fit(np.array([1.0, 2.0, bad, 4.0]))


@pytest.mark.parametrize("scaler", SCALERS)
def test_extremes_are_refused(scaler):
    with pytest.raises(InputError, match="no values to learn from"):
        scaler.fit(np.array([]))
    with pytest.raises(InputError, match=r"too far apart|expected a finite centre"):
        scaler.fit(np.array([-1e308, -1e308, 1e308, 1e308]))
    with pytest.raises(InputError, match=r"MinMaxScaler|StandardScaler|RobustScaler"):
        scaler(0.0, -1.0)
    with pytest.raises(DataError, match="expected numbers, got list"):
        scaler.fit(["a", "b"])


def test_a_middle_half_of_one_value_has_no_range():
    with pytest.raises(InputError, match=r"the middle half of the values is 1, .*use StandardScaler or MinMaxScaler"):
        RobustScaler.fit(np.array([0.0, 1.0, 1.0, 1.0, 1.0, 9.0]))


# ---- logarithm and Box-Cox


def test_logarithm_by_hand():
    assert Log().transform(np.array([1.0, np.e])).tolist() == [0.0, 1.0]
    assert Log(2.0).inverse_transform(np.array([0.0])).tolist() == [-1.0]
    with pytest.raises(
        DataError, match=r"Log: 2 of 3 values are not above 0, the first is value 2: 0; give an offset larger than 3"
    ):
        Log().transform(np.array([1.0, 0.0, -3.0]))
    with pytest.raises(InputError, match="1 of 2 values are too large for a double"):
        Log().inverse_transform(np.array([1.0, 1000.0]))
    with pytest.raises(OptionError, match="offset: expected a finite number, got nan"):
        Log(float("nan"))


@pytest.mark.parametrize("power", [-1.0, -0.3, 0.0, 1e-9, 0.5, 1.0, 2.0])
def test_box_cox_is_scipys(power):
    values = np.geomspace(1e-3, 1e3, 50)
    step = BoxCox(power)
    transformed = step.transform(values)
    np.testing.assert_allclose(transformed, scipy.special.boxcox(values, power), rtol=1e-13)
    np.testing.assert_allclose(step.inverse_transform(transformed), scipy.special.inv_boxcox(transformed, power))


@TRIALS
@given(values=POSITIVE, power=st.floats(-1, 2), offset=st.sampled_from([0.0, 0.5, 3.0]))
def test_box_cox_and_logarithm_have_their_inverse(values, power, offset):
    log, step = Log(offset), BoxCox(power, offset)
    lifted = values + offset
    close = 1e-13 * lifted.max()
    np.testing.assert_allclose(log.inverse_transform(log.transform(values)), values, rtol=1e-13, atol=close)
    transformed = step.transform(values)
    # Where x^λ is small beside 1, or x^λ near 0, the digits of x are lost in (x^λ - 1) / λ: x has |λ x^λ| of them.
    kept = np.minimum(1, lifted**power)
    assume((kept > 1e-9).all() and (np.abs(power * transformed + 1) > 1e-9).all())
    rough = 1e-14 / max(abs(power), 1e-2) / kept
    assert (np.abs(step.inverse_transform(transformed) - values) <= 1e-14 * offset + 10 * rough * lifted).all()


def test_what_has_no_inverse_is_refused():
    low, high = BoxCox(0.5).limits
    assert (low, high) == (-2.0, np.inf)
    assert BoxCox(-0.5).limits == (-np.inf, 2.0)
    assert BoxCox(0.0).limits == (-np.inf, np.inf)
    with pytest.raises(InputError, match=r"2 of 3 transformed values have no inverse .* between -2 and inf"):
        BoxCox(0.5).inverse_transform(np.array([1.0, -2.0, -3.0]))
    with pytest.raises(InputError, match=r"between -inf and 2"):
        BoxCox(-0.5).inverse_transform(np.array([2.5]))
    with pytest.raises(DataError, match=r"give an offset larger than 4"):
        BoxCox(0.5).transform(np.array([-4.0, 1.0]))


def test_guerrero_by_hand():
    # Stretches (1, 3), (2, 6), (4, 12): means 2 4 8, deviations √2 · (1, 2, 4): s / m is the same, so λ = 0.
    assert guerrero_lambda([1.0, 3.0, 2.0, 6.0, 4.0, 12.0], 2) == pytest.approx(0, abs=1e-6)
    # Means 2 5 9, deviations all the same: λ = 1. The first row fills no stretch.
    assert guerrero_lambda([99.0, 1.0, 3.0, 4.0, 6.0, 8.0, 10.0], 2) == pytest.approx(1, abs=1e-6)
    # s as the root of m: λ = 1/2.
    levels = np.array([4.0, 16.0, 36.0])
    rows = np.column_stack([levels - np.sqrt(levels), levels + np.sqrt(levels)]).ravel()
    assert guerrero_lambda(rows, 2) == pytest.approx(0.5, abs=1e-6)


def test_guerreros_lambda_is_coreforecasts_and_no_units():
    rng = np.random.default_rng(5)
    t = np.arange(144)
    values = np.exp(4 + 0.01 * t + 0.2 * np.sin(t * np.pi / 6) + 0.05 * rng.normal(size=144))
    found = guerrero_lambda(values, 12)
    theirs = coreforecast.boxcox_lambda(values, "guerrero", 12, lower=-1.0, upper=2.0)
    assert found == pytest.approx(theirs, abs=1e-4)
    assert guerrero_lambda(1e-200 * values, 12) == pytest.approx(found, abs=1e-6)

    def variation(power):
        table = values.reshape(-1, 12)
        ratios = table.std(axis=1, ddof=1) / table.mean(axis=1) ** (1 - power)
        return ratios.std(ddof=1) / ratios.mean()

    assert variation(found) <= minimize_scalar(variation, bounds=(-1, 2), method="bounded").fun * (1 + 1e-9)
    assert BoxCox.fit(values, 12) == BoxCox(found)


def test_sunspots_have_zeros_that_box_cox_must_be_told_about():
    values = read_series(str(SUNSPOTS)).values
    with pytest.raises(DataError, match=r"67 of 2820 values are not above 0, .*offset larger than 0"):
        BoxCox.fit(values, 12)
    assert BoxCox.fit(values, 12, offset=1.0).lambda_ == pytest.approx(
        coreforecast.boxcox_lambda(values + 1, "guerrero", 12, lower=-1.0, upper=2.0), abs=1e-4
    )


@pytest.mark.parametrize(
    ("values", "period", "says"),
    [
        ([1.0, 2.0, 3.0], 2, "3 rows, at least 4 are needed"),
        ([1.0, 1.0, 2.0, 2.0], 2, "no variation within stretches of 2 rows"),
        ([1.0, -1.0, 2.0, 2.0], 2, "smallest value is -1"),
        ([1.0, 2.0, 3.0, 4.0], 1, "period: expected a whole number of at least 2, got 1"),
    ],
)
def test_guerrero_refuses(values, period, says):
    with pytest.raises(InputError, match=says):
        guerrero_lambda(np.array(values), period)
