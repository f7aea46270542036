"""Series in: from files, addresses, standard input, frames and arrays, never silently wrong."""

from timeglass.read.options import ReadOptions
from timeglass.read.reading import read_panel, read_series
from timeglass.read.report import Report, check
from timeglass.series.panel import Panel
from timeglass.series.series import Series

__all__ = ["Panel", "ReadOptions", "Report", "Series", "check", "read_panel", "read_series"]
