"""Does what was learned change with rows that it must not have seen? Then it has seen them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from timeglass.errors import InputError
from timeglass.prepare.checks import one_series
from timeglass.prepare.split import Split
from timeglass.types import Array

__all__ = ["changes_after_training", "differing_numbers", "find_leaks"]


def find_leaks(learn: Callable[[Array], object], values: ArrayLike, split: Split, *, seed: int = 0) -> tuple[str, ...]:
    """The names of the numbers in `learn(values)` that depend on a row after the training part: none, if all is well.

    `learn` takes all rows (rows,) and gives what was learned: steps, windows of the training part, arrays, weights,
    in tuples or mappings if need be. It is called again with the later rows changed in five ways, and what it gives
    must be the same to the bit; so whatever is random in it must have a seed.

    >>> from timeglass.prepare.scale import MinMaxScaler
    >>> from timeglass.prepare.split import split_by_share
    >>> series, split = np.arange(10.0), split_by_share(10, 0.8)
    >>> find_leaks(lambda rows: MinMaxScaler.fit(rows[split.train]), series, split)
    ()
    >>> find_leaks(MinMaxScaler.fit, series, split)
    ('high',)
    """
    series = one_series(values, "find_leaks")
    if len(series) != split.rows:
        raise InputError(f"find_leaks: {len(series)} values, but the split is of {split.rows} rows")
    learned = learn(series.copy())
    found: set[str] = set()
    for changed in changes_after_training(series, split, seed=seed):
        found.update(differing_numbers(learned, learn(changed)))
    return tuple(sorted(found))


def changes_after_training(values: Array, split: Split, *, seed: int = 0) -> Iterator[Array]:
    """`values` (rows,) five times, the rows after the training part (gap and test) changed; signs stay as they are.

    Backwards, a thousandth, a thousand times as large, each by a factor of its own, and all but the last twofold.
    """
    rows = slice(split.train_rows, None)
    later = values[rows]
    factors = np.random.default_rng(seed).uniform(0.5, 2.0, len(later))
    doubled = np.where(np.arange(len(later)) < len(later) - 1, 2 * later, later)
    for changed in (later[::-1], later / 1000, later * 1000, later * factors, doubled):
        other = values.copy()
        other[rows] = changed
        yield other


def differing_numbers(one: object, other: object) -> tuple[str, ...]:
    """The names of the numbers, arrays and words that are not the same, bit for bit, in two values of one form.

    >>> from timeglass.prepare.scale import MinMaxScaler
    >>> differing_numbers((MinMaxScaler(0.0, 1.0), 3), (MinMaxScaler(0.0, 2.0), 3))
    ('[0].high',)
    """
    first, second = dict(_numbers(one, "")), dict(_numbers(other, ""))
    names = sorted(first.keys() | second.keys())
    return tuple(name or "the value" for name in names if first.get(name) != second.get(name))


def _numbers(value: Any, name: str) -> Iterator[tuple[str, object]]:
    """Each number, array and word in a value under its name, as bits."""
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _numbers(getattr(value, field.name), f"{name}.{field.name}".lstrip("."))
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _numbers(part, f"{name}[{key!r}]")
    elif isinstance(value, tuple | list):
        names = getattr(value, "_fields", None)
        yield name, len(value)
        for place, part in enumerate(value):
            yield from _numbers(part, f"{name}.{names[place]}".lstrip(".") if names else f"{name}[{place}]")
    elif isinstance(value, bool | int | float | np.generic | np.ndarray) and np.asarray(value).dtype != object:
        array = np.asarray(value)
        yield name, (array.dtype.str, array.shape, array.tobytes())
    elif value is None or isinstance(value, str | bytes | int | slice):
        yield name, repr(value)
    else:
        raise InputError(
            f"{name or 'the value'} is a {type(value).__name__}, whose numbers cannot be seen: give what was learned "
            "as steps, arrays or numbers, in tuples or mappings"
        )
