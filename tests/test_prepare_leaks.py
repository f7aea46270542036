"""Nothing that is learned on the training rows depends on a later row; and what does depend is caught."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from timeglass.errors import InputError
from timeglass.model.sequential import Sequential
from timeglass.network.layers import Dense, Input, SimpleRNN
from timeglass.prepare.autocorrelation import seasonality_test
from timeglass.prepare.decomposition import classical_decomposition, moving_average
from timeglass.prepare.deseasonalise import SeasonalIndices, STLSeason
from timeglass.prepare.difference import Difference
from timeglass.prepare.leak import changes_after_training, differing_numbers, find_leaks
from timeglass.prepare.power import BoxCox, Log
from timeglass.prepare.scale import MinMaxScaler, RobustScaler, StandardScaler
from timeglass.prepare.split import split_by_count
from timeglass.prepare.steps import Steps
from timeglass.prepare.windows import direct_windows

ROWS = 60
SPLIT = split_by_count(ROWS, 10, gap=2)
SERIES = np.exp(2 + 0.3 * np.sin(np.arange(ROWS) * np.pi / 2) + 0.2 * np.random.default_rng(0).normal(size=ROWS))
MAKERS = {
    "min-max": [MinMaxScaler.fit],
    "standard": [StandardScaler.fit],
    "robust": [RobustScaler.fit],
    "log": [Log.fit, MinMaxScaler.fit],
    "box-cox": [partial(BoxCox.fit, period=4), StandardScaler.fit],
    "multiplicative": [partial(SeasonalIndices.fit, period=4, tested=True)],
    "additive": [partial(SeasonalIndices.fit, period=4, kind="additive"), RobustScaler.fit],
    "stl": [partial(STLSeason.fit, period=4), MinMaxScaler.fit],
    "differences": [Difference(4), Difference(), StandardScaler.fit],
}


def learned(makers, rows: np.ndarray) -> object:
    """What a set-up learns, and the windows that a network would be trained on; the test part is made as well."""
    train = rows[SPLIT.train]
    steps = Steps.fit(train, makers)
    made = steps.transform(rows)[: SPLIT.train_rows - (ROWS - len(steps.transform(rows)))]
    return steps, made, direct_windows(made, 4, horizon=3)


def careless(makers, rows: np.ndarray) -> object:
    """The same, fitted on all rows."""
    return Steps.fit(rows, makers)


@pytest.mark.parametrize("makers", MAKERS.values(), ids=MAKERS.keys())
@settings(max_examples=15, deadline=None, derandomize=True)
@given(later=arrays(np.float64, ROWS - SPLIT.train_rows, elements=st.floats(1e-3, 1e6)))
def test_whatever_comes_later_changes_nothing_that_was_learned(makers, later):
    changed = np.concatenate([SERIES[SPLIT.train], later])
    assert differing_numbers(learned(makers, SERIES), learned(makers, changed)) == ()


@pytest.mark.parametrize("makers", MAKERS.values(), ids=MAKERS.keys())
def test_the_search_finds_a_leak_in_each_step_fitted_on_all_rows_and_none_otherwise(makers):
    assert find_leaks(partial(learned, makers), SERIES, SPLIT) == ()
    assert find_leaks(partial(careless, makers), SERIES, SPLIT)


def test_the_leak_is_named():
    both = find_leaks(lambda rows: (Log(), MinMaxScaler.fit(rows), {"mean": rows[SPLIT.train].mean()}), SERIES, SPLIT)
    assert both == ("[1].high", "[1].low")
    steps = find_leaks(lambda rows: Steps.fit(rows, [Log(), StandardScaler.fit]), SERIES, SPLIT)
    assert steps == ("steps[1].mean", "steps[1].std")


@pytest.mark.parametrize(
    "careless_use",
    [
        lambda rows: moving_average(rows, 5)[SPLIT.train],  # its last rows look ahead
        lambda rows: classical_decomposition(rows, 4).indices,
        lambda rows: seasonality_test(rows, 4),
        lambda rows: direct_windows(rows, 4, targets=slice(0, SPLIT.train_rows + 1)),  # one row too many, in the gap
        lambda rows: rows[: SPLIT.train_rows + 1].max() * 0 + rows[SPLIT.train_rows],
        lambda rows: np.sort(rows)[:3],
    ],
)
def test_other_leaks_are_found(careless_use):
    assert find_leaks(careless_use, SERIES, SPLIT)


def test_a_network_trained_on_the_training_part_is_clean_and_on_all_rows_is_not():
    def trained(rows: np.ndarray, split: slice) -> object:
        scaler = MinMaxScaler.fit(SERIES[SPLIT.train])
        windows = direct_windows(scaler.transform(rows), 4, targets=split)
        model = Sequential([Input((4, 1)), SimpleRNN(2), Dense(1)], seed=3)
        model.compile("adam", "mse")
        model.fit(windows.x[..., None], windows.y, epochs=2, verbose=0)
        return model.weight_rows

    assert find_leaks(lambda rows: trained(rows, SPLIT.train), SERIES, SPLIT) == ()
    assert find_leaks(lambda rows: trained(rows, slice(None)), SERIES, SPLIT) == ("the value",)


def test_the_changes_leave_the_training_rows_and_signs_alone():
    mixed = SERIES * np.where(np.arange(ROWS) % 3, 1, -1)
    changes = list(changes_after_training(mixed, SPLIT))
    assert len(changes) == 5
    for changed in changes:
        assert changed[SPLIT.train].tolist() == mixed[SPLIT.train].tolist()
        assert changed[SPLIT.train_rows :].tolist() != mixed[SPLIT.train_rows :].tolist()
    assert all((changed > 0).all() for changed in changes_after_training(SERIES, SPLIT))


def test_bits_are_compared():
    assert differing_numbers(0.0, -0.0) == ("the value",)
    assert differing_numbers(np.ones(2), np.nextafter(np.ones(2), 2)) == ("the value",)
    assert differing_numbers(np.float32(1), np.float64(1)) == ("the value",)
    assert differing_numbers((1, [2, np.nan]), (1, [2, np.nan])) == ()
    assert differing_numbers({"a": np.ones(2)}, {"a": np.ones(3)}) == ("['a']",)
    assert differing_numbers((1,), (1, 2)) == ("the value", "[1]")
    assert differing_numbers(direct_windows(SERIES, 2), direct_windows(SERIES + 1, 2)) == ("x", "y")


def test_what_cannot_be_seen_is_refused():
    with pytest.raises(InputError, match=r"\[0\] is a function, whose numbers cannot be seen"):
        differing_numbers((lambda: 0,), (lambda: 0,))
    with pytest.raises(InputError, match="59 values, but the split is of 60 rows"):
        find_leaks(MinMaxScaler.fit, SERIES[1:], SPLIT)
