"""The season taken out of a series, and put back in its place: rows after the training part keep its phase."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from timeglass.errors import EngineError, InputError, OptionError
from timeglass.prepare.autocorrelation import seasonality_test
from timeglass.prepare.checks import finite_numbers, one_series, training_values, whole_number
from timeglass.prepare.decomposition import check_kind, classical_decomposition
from timeglass.types import Array

__all__ = ["STLSeason", "SeasonalIndices"]


@dataclass(frozen=True)
class SeasonalIndices:
    """value / index, or value - index for an additive season: the same index in the same place of every period.

    `first` is the place of the first value: 0 at the first training row, `after(values)` moves it.

    >>> season = SeasonalIndices((0.5, 1.5))
    >>> season.transform(np.array([5.0, 15.0, 5.0])), season.after(np.array([5.0])).inverse_transform(np.array([10.0]))
    (array([10., 10., 10.]), array([15.]))
    """

    indices: tuple[float, ...]  # (period,)
    kind: str = "multiplicative"
    first: int = 0

    def __post_init__(self) -> None:
        check_kind(self.kind)
        whole_number("first", self.first, at_least=0)
        indices = finite_numbers(self.indices, "SeasonalIndices")
        if indices.ndim != 1 or len(indices) < 2:
            raise OptionError(f"SeasonalIndices: indices: expected one for each of at least 2 rows, got {self.indices}")
        if self.kind == "multiplicative" and indices.min() <= 0:
            raise InputError(
                f"SeasonalIndices: expected multiplicative indices above zero, got {indices.min():g}: "
                "use kind='additive'"
            )

    @classmethod
    def fit(
        cls, values: ArrayLike, period: int, *, kind: str = "multiplicative", tested: bool = False
    ) -> SeasonalIndices:
        """The indices of `classical_decomposition` of `values` (rows,), the training rows.

        With `tested`, a series in which `seasonality_test` finds no season stays as it is: all indices 1 (or 0).
        """
        series, kind = training_values(one_series(values, "SeasonalIndices"), "SeasonalIndices"), check_kind(kind)
        if tested and not seasonality_test(series, period).seasonal:
            return cls((1.0 if kind == "multiplicative" else 0.0,) * period, kind)
        return cls(tuple(classical_decomposition(series, period, kind=kind).indices.tolist()), kind)

    @property
    def period(self) -> int:
        return len(self.indices)

    def after(self, values: Array) -> SeasonalIndices:
        """For what follows `values` (…, rows), of which the first has the place `first`."""
        return replace(self, first=(self.first + np.shape(values)[-1]) % self.period)

    def transform(self, values: Array) -> Array:
        values = finite_numbers(values, "SeasonalIndices")
        season = self._season(values.shape[-1])
        return values / season if self.kind == "multiplicative" else values - season

    def inverse_transform(self, values: Array) -> Array:
        values = finite_numbers(values, "SeasonalIndices")
        season = self._season(values.shape[-1])
        return values * season if self.kind == "multiplicative" else values + season

    def _season(self, rows: int) -> Array:
        return np.array(self.indices)[(self.first + np.arange(rows)) % self.period]


@dataclass(frozen=True)
class STLSeason:
    """value - seasonal component of STL: a season that changes its form slowly.

    After the training rows the last period's component is repeated, since what it will be is not known. For a season
    that grows with the level, take logarithms before: `Steps.fit(train, [Log(), partial(STLSeason.fit, period=12)])`.

    >>> season = STLSeason((1.0, -1.0, 2.0, -2.0), period=2)
    >>> season.transform(np.array([5.0, 3.0, 6.0, 2.0, 7.0]))
    array([4., 4., 4., 4., 5.])
    """

    seasonal: tuple[float, ...]  # (training rows,)
    period: int
    first: int = 0  # the row of the first value: 0 is the first training row

    def __post_init__(self) -> None:
        whole_number("period", self.period, at_least=2)
        whole_number("first", self.first, at_least=0)
        one_series(self.seasonal, "STLSeason", at_least=self.period)

    @classmethod
    def fit(cls, values: ArrayLike, period: int, *, window: int = 7, robust: bool = False) -> STLSeason:
        """STL of `values` (rows,), the training rows, at least two periods of them, by statsmodels.

        Cleveland, Cleveland, McRae and Terpenning, "STL: A seasonal-trend decomposition procedure based on loess",
        Journal of Official Statistics 6 (1990). `window` is its n_s, odd: over how many periods the season is
        smoothed. `robust` gives outliers less weight. Needs the extra: pip install 'timeglass[stl]'.
        """
        period, window = whole_number("period", period, at_least=2), whole_number("window", window, at_least=3)
        if window % 2 == 0:
            raise OptionError(f"window: expected an odd number of periods, such as {window + 1}, got {window}")
        series = training_values(one_series(values, "STLSeason", at_least=2 * period), "STLSeason")
        try:
            from statsmodels.tsa.seasonal import STL  # an optional extra, and seconds of start-up
        except ImportError:
            raise EngineError("STLSeason.fit needs statsmodels: pip install 'timeglass[stl]'") from None
        found = STL(series, period=period, seasonal=window, robust=bool(robust)).fit()
        return cls(tuple(np.asarray(found.seasonal).tolist()), period)

    def after(self, values: Array) -> STLSeason:
        """For what follows `values` (…, rows), of which the first is row `first`."""
        return replace(self, first=self.first + np.shape(values)[-1])

    def transform(self, values: Array) -> Array:
        values = finite_numbers(values, "STLSeason")
        return values - self._season(values.shape[-1])

    def inverse_transform(self, values: Array) -> Array:
        values = finite_numbers(values, "STLSeason")
        return values + self._season(values.shape[-1])

    def _season(self, rows: int) -> Array:
        known, wanted = len(self.seasonal), self.first + np.arange(rows)
        repeated = known - self.period + (wanted - known) % self.period
        return np.array(self.seasonal)[np.where(wanted < known, wanted, repeated)]
