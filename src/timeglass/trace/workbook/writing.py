"""Writes the workbook of one window, whole or not at all."""

from __future__ import annotations

import io
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from timeglass.errors import EngineError, OptionError
from timeglass.files import write_whole
from timeglass.prepare.scale import MinMaxScaler
from timeglass.trace.workbook.build import plan_of
from timeglass.trace.workbook.ink_front import write_front
from timeglass.trace.workbook.ink_layers import write_steps, write_weights
from timeglass.trace.workbook.pens import Pens
from timeglass.train.checks import check_whole

if TYPE_CHECKING:
    from timeglass.trace.trace import Trace

__all__ = ["write_workbook"]

_CREATED = datetime(2000, 1, 1)  # always the same: the same trace gives the same bytes


def write_workbook(
    trace: Trace, path: str | os.PathLike[str], *, window: int = 0, scaler: MinMaxScaler | None = None
) -> None:
    """As `Trace.to_xlsx` says."""
    place = _checked_path(path)
    check_whole("to_xlsx window", window, 0)
    if window >= trace.windows:
        raise OptionError(f"to_xlsx window: the trace has windows 0 to {trace.windows - 1}, got {window}")
    if scaler is not None and not isinstance(scaler, MinMaxScaler):
        raise OptionError(f"to_xlsx scaler: expected a MinMaxScaler or None, got {scaler!r}")
    xlsxwriter = _require_xlsxwriter()
    plan = plan_of(trace, window, scaler)
    filled = io.BytesIO()
    book = xlsxwriter.Workbook(filled, {"in_memory": True})
    book.set_properties({"title": plan.about[0], "comments": plan.about[1], "created": _CREATED})
    pens = Pens(book)
    write_front(pens, plan)
    for steps, weights in plan.sheets:
        write_steps(pens, steps)
        if weights:
            write_weights(pens, weights)
    book.close()
    write_whole(place, lambda part: part.write_bytes(filled.getvalue()))


def _checked_path(path: str | os.PathLike[str]) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise OptionError(f"to_xlsx path: expected a file's name, got {path!r}")
    place = Path(path)
    if place.suffix.lower() != ".xlsx":
        raise OptionError(f"to_xlsx path {place}: expected a name that ends in .xlsx, or Excel does not open the file")
    if "\0" in str(place):
        raise OptionError(f"to_xlsx path {place}: a file's name cannot hold the character 0")
    try:
        if place.is_dir():
            raise OptionError(f"to_xlsx path {place}: is a folder: give the name of a file")
        if not place.parent.is_dir():
            raise OptionError(f"to_xlsx path {place}: there is no folder {place.parent}: make it first")
    except OSError as error:
        raise OptionError(f"to_xlsx path {place}: cannot be written ({error.strerror})") from None
    return place


def _require_xlsxwriter() -> Any:
    """The module, or an `EngineError` that says how to get it."""
    try:
        import xlsxwriter  # an optional extra
    except ImportError:
        raise EngineError("to_xlsx needs XlsxWriter: run pip install 'timeglass[xlsx]'") from None
    return xlsxwriter
