"""What the audit says, in the words of the command line: options and tables in place of arguments and arrays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from timeglass.errors import InputError
from timeglass.evaluate.audit_report import AuditReport

__all__ = ["errors_in_options", "in_options"]

_SCALER = "--scaler-min and --scaler-max, or --scaler-mean and --scaler-std"
_WORDS = {
    "y_train and y_test are in": "The rows are in",
    "give y_train and y_test in the units that it takes": "give a table in the units that it takes",
    "from y_train": "from the training rows",
    "on y_train alone": "on the training rows alone",
    "in the units of y_test": "in the units of the rows",
    "the training windows (x_train), or their number and length (windows, time_steps)":
        "the number and length of the training windows (--windows, --time-steps)",
    "(x_train or windows)": "(--windows)",
    "(period)": "(--period)",
    "(predictions)": "(columns beside the values, --predictions)",
    "(scaler)": f"({_SCALER})",
    "(weights)": "(--weights)",
    "(seed_errors, or their predictions)": "(a column for each, --seeds)",
    **{f"({name})": f"(in Python: Evidence({name}=…))" for name in ("x_train", "covariates", "learn")},
}  # fmt: skip
_PARTS = {"y_train": "the training rows", "y_test": "the test rows", "predictions": "the forecasts"}


@contextmanager
def errors_in_options(file: str) -> Iterator[None]:
    """An error about one of the arrays names the table's part."""
    try:
        yield
    except InputError as error:
        name, colon, rest = str(error).partition(":")
        if name not in _PARTS:
            raise
        raise InputError(f"{file}: {_PARTS[name]}{colon}{rest}") from None


def in_options(report: AuditReport) -> AuditReport:
    """The report with what stands for arguments of `timeglass.evaluate.audit` replaced."""
    return replace(report, findings=tuple(replace(each, sentence=_said(each.sentence)) for each in report.findings))


def _said(sentence: str) -> str:
    for words, option in _WORDS.items():
        sentence = sentence.replace(words, option)
    return sentence
