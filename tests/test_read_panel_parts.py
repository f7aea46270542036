"""What tables of many series are put together with: a stable order, arrays that grow, one frequency for all."""

from __future__ import annotations

import gc
import warnings
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from panel_files import of, read, save
from read_files import folder as folder

from timeglass.dates.calendar import Frequency
from timeglass.dates.frequencies import Irregular, detect
from timeglass.read import grouping, growing, regular
from timeglass.read.grouping import Flat

# ---- parts: order, growth, frequency


@given(st.lists(st.integers(0, 2**31 - 1) | st.integers(0, 3) | st.integers(65_530, 65_540), max_size=60))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_stable_order(codes):
    array = np.array(codes, np.int32)
    assert grouping._stable_order(array).tolist() == np.argsort(array, kind="stable").tolist()


@pytest.mark.parametrize("largest", [3, 65_535, 65_536, 70_000, 2**31 - 1])
def test_stable_order_of_many(largest):
    codes = np.random.default_rng(largest).integers(0, largest, size=20_000, endpoint=True).astype(np.int32)
    codes[::7] = largest
    assert (grouping._stable_order(codes) == np.argsort(codes, kind="stable")).all()


@given(st.lists(st.integers(0, 2), max_size=40), st.integers(1, 9))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_run_starts_in_any_chunks(codes, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grouping, "_CHUNK", chunk)
        found = grouping._run_starts(np.array(codes, np.int32)).tolist()
    assert found == [i for i, code in enumerate(codes) if i == 0 or code != codes[i - 1]]


@given(
    sizes=st.lists(st.integers(0, 70), max_size=12),
    spill=st.booleans(),
    capacity=st.integers(0, 50),
    dtype=st.sampled_from(["float64", "int64", "int32"]),
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_growing_beside_concatenate(sizes, spill, capacity, dtype):
    rng = np.random.default_rng(len(sizes))
    parts = [rng.integers(-99, 99, size).astype(dtype) for size in sizes]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(growing, "_FIRST", 4)
        whole, lengths = grown(dtype, parts, spill, capacity)
    assert lengths == np.cumsum(sizes).tolist()
    assert whole.dtype == dtype
    assert whole.tolist() == np.concatenate([np.empty(0, dtype), *parts]).tolist()


def grown(dtype: Any, parts: list[np.ndarray], spill: bool, capacity: int = 0) -> tuple[np.ndarray, list[int]]:
    """The whole, and the lengths on the way. Whether a file is closed, another test says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        array, lengths = growing.Growing(dtype, capacity=capacity, spill=spill), []
        for part in parts:
            array.extend(part)
            lengths.append(len(array))
        whole = array.whole()
        del array
    return whole, lengths


@pytest.mark.parametrize("spill", [False, True])
def test_growing_far_beyond_its_first_room(spill):
    parts = [np.random.default_rng(n).normal(size=30_011) for n in range(9)]
    whole, _ = grown(np.float64, parts, spill)
    assert whole.tobytes() == np.concatenate(parts).tobytes()


def test_the_file_of_an_array_that_is_let_go_of_is_closed():
    """Who runs Python with its warnings on shall see none of ours."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        array = growing.Growing(np.float64, spill=True)
        array.extend([1.0, 2.0])
        whole = array.whole()
        del array
        gc.collect()
    assert whole.tolist() == [1.0, 2.0]
    assert [str(warning.message) for warning in seen] == []


def test_a_table_that_lies_in_a_file_is_read_the_same(monkeypatch):
    save([row for i in range(6) for name in "abc" for row in of(name, 10)[i : i + 1]])
    plain = read()
    monkeypatch.setattr("timeglass.read.gathered.free_memory", lambda: 100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        spilled = read()
        gc.collect()
    assert spilled.values.tobytes() == plain.values.tobytes()
    assert spilled.dates.tobytes() == plain.dates.tobytes()
    assert np.asarray(spilled.lines).tolist() == np.asarray(plain.lines).tolist()


FREQUENCIES = {
    "day": Frequency("day"), "2 days": Frequency("day", 2), "week": Frequency("week", weekday=0),
    "month": Frequency("month", day=1), "business": Frequency("business day"), "none": None,
}  # fmt: skip


@st.composite
def flats(draw) -> Flat:
    """Series of days, most of them as they should be: with or without a missing value, a gap, a repeat, a swap."""
    values, times, lengths = [], [], []
    for _ in range(draw(st.integers(1, 6))):
        count = draw(st.integers(1, 9))
        step = draw(st.sampled_from([1, 1, 1, 2, 7]))
        dates = np.datetime64("2021-03-01") + draw(st.integers(0, 9)) + step * np.arange(count)
        numbers = np.arange(count) + 0.5
        damage = draw(st.sampled_from(["", "", "", "nan", "gap", "twice", "swap"]))
        at = draw(st.integers(0, count - 1))
        if damage == "nan":
            numbers[at] = np.nan
        elif damage == "gap":
            dates[at:] += step
        elif damage == "twice":
            dates[at] = dates[0]
        elif damage == "swap":
            dates[[0, at]] = dates[[at, 0]]
        values.append(numbers)
        times.append(dates)
        lengths.append(count)
    rows = sum(lengths)
    offsets = np.cumsum([0, *lengths])
    ids = tuple(f"s{i}" for i in range(len(lengths)))
    return Flat(ids, np.concatenate(values), np.concatenate(times), range(2, rows + 2), offsets, (3,))


def is_faulty(values: np.ndarray, dates: np.ndarray, frequency: Frequency | None) -> bool:
    """One series, row by row."""
    if any(value != value for value in values):
        return True
    if frequency is None:
        return any(b <= a for a, b in pairwise(dates))
    if not all(frequency.holds(dates[i : i + 1])[0] for i in range(len(dates))):
        return True
    return any(frequency.after(a, 1)[0] != b for a, b in pairwise(dates))


@given(flats(), st.sampled_from(sorted(FREQUENCIES)), st.integers(1, 12))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_faulty_series_beside_a_loop(flat, name, chunk):
    """Wherever the chunks of rows that are looked at together begin and end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(regular, "_CHUNK", chunk)
        found = regular.faulty_series(flat, FREQUENCIES[name]).tolist()
    wanted = [
        place for place, (a, b) in enumerate(pairwise(flat.offsets))
        if is_faulty(flat.values[a:b], flat.times[a:b], FREQUENCIES[name])
    ]  # fmt: skip
    assert found == wanted


@given(flats())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_common_frequency_beside_a_loop(flat):
    """Of the longest series first; of equally many the one that was found first."""
    parts = sorted(pairwise(flat.offsets), key=lambda part: part[0] - part[1])
    found, odd = [], None
    for a, b in parts:
        dates = np.array(sorted(set(flat.times[a:b].tolist())), "datetime64[D]")
        if len(dates) > 1:
            one = detect(dates)
            usual = one.usual if isinstance(one, Irregular) else one
            found += [usual] if usual is not None else []
            odd = odd or (one if usual is None else None)
    wanted = max(found, key=found.count) if found else odd
    assert regular.common_frequency(flat, None) == wanted
    assert Counter(found)[wanted] == max(Counter(found).values(), default=0)
    assert regular.common_frequency(flat, "none") is None
    assert regular.common_frequency(flat, "day") == Frequency("day")
