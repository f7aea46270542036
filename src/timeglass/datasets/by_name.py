"""A bundled series by its name."""

from __future__ import annotations

import difflib

from timeglass.datasets.catalogue import DATASETS, Dataset
from timeglass.errors import OptionError
from timeglass.read.options import ReadOptions
from timeglass.read.reading import read_series
from timeglass.series.series import Series
from timeglass.words import quoted

__all__ = ["closest", "find", "load"]


def load(name: str) -> Series:
    """The bundled series of this name, read from its file like any other; an `OptionError` lists the names.

    >>> series = load("nile")
    >>> len(series), series.label(0), series.label(99), series.values[0]
    (100, '1871', '1970', np.float64(1120.0))
    """
    dataset = find(name)
    return read_series(str(dataset.path), ReadOptions(missing=dataset.missing))


def find(name: str) -> Dataset:
    """What the bundled series of this name is; an `OptionError` gives the closest name and the list.

    >>> find("lynx").frequency
    'yearly'
    """
    if isinstance(name, str) and name in DATASETS:
        return DATASETS[name]
    near = closest(name) if isinstance(name, str) else None
    hint = f"did you mean {near!r}? " if near else ""
    given = quoted(name) if isinstance(name, str) else repr(name)[:40]
    raise OptionError(f"no bundled series {given}: {hint}there are {', '.join(DATASETS)}")


def closest(name: str) -> str | None:
    """The name most like this one, upper and lower case alike; None where none is near.

    >>> closest("AirPassengers"), closest("xyz")
    ('air-passengers', None)
    """
    near = difflib.get_close_matches(name[:40].lower(), DATASETS, n=1)
    return near[0] if near else None
