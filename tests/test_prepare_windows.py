"""Splits and windows: which rows go where, by hand and by loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timeglass.errors import DataError, InputError, OptionError, ShapeError
from timeglass.prepare.split import Split, split_at_date, split_by_count, split_by_share
from timeglass.prepare.windows import cut_windows, direct_windows

TRIALS = settings(max_examples=100, deadline=None, derandomize=True)
MONTHS = np.arange("2020-01", "2022-01", dtype="datetime64[M]")


@TRIALS
@given(
    rows=st.integers(1, 30), steps=st.integers(1, 6), horizon=st.integers(1, 4), stride=st.integers(1, 5),
    first=st.integers(0, 30), count=st.integers(0, 30),
)  # fmt: skip
def test_windows_are_those_of_the_loop(rows, steps, horizon, stride, first, count):
    values, end = np.arange(rows) * 10.0, min(first + count, rows)
    expected, origin = [], max(first, steps)
    while origin + horizon <= end:
        expected.append((range(origin - steps, origin), range(origin, origin + horizon)))
        origin += stride
    if not expected:
        with pytest.raises(InputError, match="no window fits with time_steps"):
            direct_windows(values, steps, horizon=horizon, stride=stride, targets=slice(first, first + count))
        return
    found = direct_windows(values, steps, horizon=horizon, stride=stride, targets=slice(first, first + count))
    assert found.rows.tolist() == [list(rows) for rows, _ in expected]
    assert found.target_rows.tolist() == [list(targets) for _, targets in expected]
    assert (found.x == 10 * found.rows).all()
    assert (found.y == 10 * found.target_rows).all()


def test_the_tutorials_windows_are_among_them():
    values = np.random.default_rng(0).normal(size=41)
    for stride in (1, 5):
        tutorial, ours = cut_windows(values, 5, stride=stride), direct_windows(values, 5, stride=stride)
        assert ours.x.tolist() == tutorial.x.tolist()
        assert ours.y[:, 0].tolist() == tutorial.y.tolist()
        assert ours.target_rows[:, 0].tolist() == tutorial.target_rows.tolist()


def test_several_columns():
    values = np.arange(12).reshape(6, 2)
    windows = direct_windows(values, 2, horizon=3)
    assert windows.x.tolist() == [[[0, 1], [2, 3]], [[2, 3], [4, 5]]]
    assert windows.y[..., 1].tolist() == [[5, 7, 9], [7, 9, 11]]


def test_training_windows_end_where_the_training_part_ends():
    split = split_by_share(100, 0.8, gap=3)
    train = direct_windows(np.arange(100), 12, horizon=4, targets=split.train)
    test = direct_windows(np.arange(100), 12, horizon=4, targets=split.test)
    assert (train.rows.min(), train.target_rows.max()) == (0, 79)
    assert (test.target_rows.min(), test.target_rows.max(), test.rows.min()) == (83, 99, 71)


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: direct_windows(np.ones(12), 12, horizon=1), InputError, "12 rows, .*: 13 rows are needed, 1 of them"),
        (lambda: direct_windows(np.ones(12), 3, horizon=10**9), InputError, "horizon 1000000000: 1000000003 rows"),
        (lambda: direct_windows(np.ones(12), 3, horizon=0), OptionError, "horizon: .*at least 1, got 0"),
        (lambda: direct_windows(np.ones(12), 0), OptionError, "time_steps: .*at least 1, got 0"),
        (lambda: direct_windows(np.ones(12), 3, stride=True), OptionError, "stride: .*got True"),
        (lambda: direct_windows(np.ones(12), 3, targets=slice(0, 9, 2)), OptionError, "targets: .*without a step"),
        (lambda: direct_windows(np.ones((2, 2, 2)), 1), ShapeError, r"expected values \(rows,\) or \(rows, F\)"),
        (lambda: split_by_share(10, 1.0), OptionError, "share: expected a number between 0 and 1"),
        (lambda: split_by_share(10, float("nan")), OptionError, "share: .*got nan"),
        (lambda: split_by_share(10, 0.8, gap=2), InputError, "8 to train on and 0 to test, with a gap of 2"),
        (lambda: split_by_share(1, 0.5), InputError, "0 to train on and 1 to test"),
        (lambda: split_by_share(10, 0.8, gap=-1), OptionError, "gap: .*at least 0, got -1"),
        (lambda: split_by_count(10, 10), InputError, "0 to train on and 10 to test"),
        (lambda: split_by_count(10, 4, gap=6), InputError, "0 to train on and 4 to test, with a gap of 6"),
        (
            lambda: split_at_date(MONTHS, "2020-01"),
            OptionError,
            "leaves one part empty: .*after 2020-01, up to 2021-12",
        ),
        (lambda: split_at_date(MONTHS, "2022-01"), OptionError, "leaves one part empty"),
        (lambda: split_at_date(MONTHS, "May"), OptionError, "expected a date such as '1950-01'.*got 'May'"),
        (lambda: split_at_date(MONTHS, "NaT"), OptionError, "expected a date"),
        (
            lambda: split_at_date(MONTHS[::-1], "2021-01"),
            DataError,
            r"row 2 \(2021-11\) is not after row 1 \(2021-12\)",
        ),
        (lambda: split_at_date(np.arange(5), "2021-01"), DataError, "expected numpy.datetime64"),
        (lambda: split_at_date(np.array(["2020", "NaT"], "M8[D]"), "2021"), DataError, "row 2 has none"),
        (lambda: Split(10, 8, 7), InputError, "gap of -1"),
    ],
)
def test_refusals(make, error, says):
    with pytest.raises(error, match=says):
        make()


def test_splits_by_hand():
    assert split_by_share(10, 0.75) == Split(10, 7, 7)
    assert split_by_share(10, 0.5, gap=2) == Split(10, 5, 7)
    assert split_by_count(10, 3, gap=2) == Split(10, 5, 7)
    assert (Split(10, 5, 7).train, Split(10, 5, 7).test, Split(10, 5, 7).gap) == (slice(0, 5), slice(7, 10), 2)


def test_a_date_begins_the_test_part():
    assert split_at_date(MONTHS, "2021-03") == Split(24, 14, 14)
    assert split_at_date(MONTHS, np.datetime64("2021-03-01"), gap=2) == Split(24, 12, 14)
    # In the middle of a month: the first row that is not before it.
    assert split_at_date(MONTHS, "2021-03-15") == Split(24, 15, 15)
    days = np.array(["2024-02-28", "2024-03-04", "2024-03-07"], dtype="datetime64[D]")
    assert split_at_date(days, "2024-03") == Split(3, 1, 1)
