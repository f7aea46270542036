"""One window of a trace as a workbook of live formulas."""

from timeglass.trace.workbook.writing import write_workbook

__all__ = ["write_workbook"]
