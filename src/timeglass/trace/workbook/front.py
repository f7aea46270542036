"""The first sheet: what the workbook is, the forecast beside Timeglass's own number, and the window to play with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from timeglass.prepare.scale import MinMaxScaler
from timeglass.trace.workbook.layout import Columns, Given
from timeglass.trace.workbook.names import cell_name, column_name
from timeglass.types import Array

__all__ = ["FRONT", "Front", "Line", "front_of"]

FRONT = "Forecast"
_ABOUT_ROWS = 5  # title, three lines, a blank one
_LINES = 4  # of the forecast's table, and one more in the series' units
# A forecast that is so close is the same: float64 summed in another order.
_SAME = "1E-9"


@dataclass(frozen=True)
class Line:
    """One row of the forecast's table: a number, text or formula for each output, and what comes out."""

    label: str
    formulas: tuple[str, ...] | None  # None: constants
    values: tuple[float | str, ...]
    kind: str  # "forecast", "constant", "difference", "check"


@dataclass(frozen=True)
class Front:
    """Where the parts of the first sheet stand, and what it says."""

    window: Array  # (T, F): what the input cells hold, in the series' units where there is a scaler
    inputs: Columns
    scaled: Columns | None  # what the network is given, where the inputs are in the series' units
    scaled_values: Array  # (T, F)
    scaler: MinMaxScaler | None
    contents_row: int
    forecast_row: int
    scale_row: int  # of its low; high stands below

    @property
    def gives(self) -> Given:
        """The window as the network is given it."""
        return Given(self.scaled or self.inputs, tuple(range(len(self.window))))

    @property
    def scale_cells(self) -> tuple[str, str]:
        """The cells of low and high."""
        return cell_name(self.scale_row, 1), cell_name(self.scale_row + 1, 1)

    def scaled_formula(self, t: int, j: int) -> str:
        """What the scaler makes of an input."""
        low, high = self.scale_cells
        return f"({self.inputs.cell(t, j)}-{low})/({high}-{low})"

    def lines(self, forecast: Given, values: Array) -> list[Line]:
        """The forecast's table, one column for each output: values (K,), or (T, K)."""
        table = values if values.ndim == 2 else values[None]
        places = [(k, j) for k in range(len(table)) for j in range(table.shape[1])]
        own = tuple(float(value) for value in table.ravel())
        column = [column_name(1 + i) for i in range(len(places))]
        live, constant, gap = (self.forecast_row + 1 + i for i in range(1, 4))  # as spreadsheets count rows
        cells = self.inputs.area(len(self.window))
        checks = tuple(
            f'IF(COUNT({cells})<{self.window.size},"not a number",'
            f'IF(ABS({c}{gap})<={_SAME}*MAX(1,ABS({c}{constant})),"the same","changed"))'
            for c in column
        )
        lines = [
            Line("Forecast, computed here", tuple(forecast.far(*place) for place in places), own, "forecast"),
            Line("Timeglass's own number", None, own, "constant"),
            Line("Difference", tuple(f"{c}{live}-{c}{constant}" for c in column), (0.0,) * len(own), "difference"),
            Line("Is it the same?", checks, ("the same",) * len(own), "check"),
        ]
        if self.scaler:
            low, high = self.scale_cells
            original = tuple(float(value) for value in self.scaler.inverse_transform(table.ravel()))
            formulas = tuple(f"{c}{live}*({high}-{low})+{low}" for c in column)
            lines.append(Line("Forecast, in the series' units", formulas, original, "original"))
        return lines

    def chart_ranges(self) -> tuple[str, list[str]]:
        """The steps' labels, and each feature's values."""
        rows, columns = len(self.window), self.inputs
        labels = Columns(columns.sheet, 0, 1, columns.top).area(rows)
        each = range(columns.first, columns.first + columns.count)
        return labels, [Columns(columns.sheet, column, 1, columns.top).area(rows) for column in each]


def front_of(window: Array, contents: int, scaler: MinMaxScaler | None) -> Front:
    """The first sheet for a window (T, F) as the network is given it, with so many lines of contents."""
    forecast_row = _ABOUT_ROWS + 1 + contents + 1
    scale_row = forecast_row + 1 + _LINES + (2 if scaler else 1)
    top = scale_row + (3 if scaler else 0) + 2
    features = window.shape[1]
    return Front(
        window if scaler is None else np.asarray(scaler.inverse_transform(window)),
        Columns(FRONT, 1, features, top),
        Columns(FRONT, 1 + features, features, top) if scaler else None,
        window, scaler, _ABOUT_ROWS, forecast_row, scale_row,
    )  # fmt: skip
