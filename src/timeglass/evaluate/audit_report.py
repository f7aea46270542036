"""The audit of anybody's forecasts: every check that can be made, and which could not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike

from timeglass.evaluate.audit_alignment import check_alignment
from timeglass.evaluate.audit_covariates import check_covariates
from timeglass.evaluate.audit_data import check_few_windows, check_season, check_windows_left
from timeglass.evaluate.audit_forecasts import check_saturation, check_seeds, check_units
from timeglass.evaluate.audit_leaks import check_learning, check_overlap, check_scale
from timeglass.evaluate.audit_too_good import check_too_good
from timeglass.evaluate.evidence import Evidence, gather_evidence
from timeglass.evaluate.finding import Finding, not_checked
from timeglass.words import counted, printable

__all__ = ["AuditReport", "audit"]


@dataclass(frozen=True)
class AuditReport:
    """All checks, in a fixed order."""

    findings: tuple[Finding, ...]
    train_rows: int
    test_rows: int
    forecasts: int  # how many there are of each test row: the seeds, 1, or 0

    @property
    def found(self) -> tuple[Finding, ...]:
        """The checks that found something."""
        return tuple(finding for finding in self.findings if finding.found)

    @property
    def not_checked(self) -> tuple[Finding, ...]:
        """The checks that could not be made."""
        return tuple(finding for finding in self.findings if not finding.checked)

    @property
    def exit_code(self) -> int:
        """1 where something was found, else 0."""
        return int(bool(self.found))

    def finding(self, name: str) -> Finding:
        """The check of that name; a `KeyError` where there is none.

        >>> audit([1.0, 2.0], [3.0]).finding("lucky_seed").checked
        False
        """
        return {finding.name: finding for finding in self.findings}[name]

    def lines(self) -> list[str]:
        """For the terminal."""
        return list(self._lines())

    def _lines(self) -> Iterator[str]:
        forecasts = f", {counted(self.forecasts, 'forecast')} of each" if self.forecasts else ", no forecasts"
        yield f"{counted(self.train_rows, 'training row')}, {counted(self.test_rows, 'test row')}{forecasts}"
        fine = [finding for finding in self.findings if finding.checked and not finding.found]
        for title, some in (("Found", self.found), ("In order", fine), ("Not checked", self.not_checked)):
            if some:
                yield ""
                yield f"{title} ({len(some)})"
                yield from (f"  {each.name}: {printable(each.sentence.removeprefix('Not checked: '))}" for each in some)
        made = len(self.findings) - len(self.not_checked)
        yield ""
        yield (
            f"{len(self.found)} of {counted(made, 'check')} found something"
            + (f"; {len(self.not_checked)} more could not be made." if self.not_checked else ".")
        )  # fmt: skip

    def json(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "train_rows": self.train_rows, "test_rows": self.test_rows, "forecasts": self.forecasts,
            "found": len(self.found), "not_checked": len(self.not_checked),
            "checks": [
                {
                    "check": each.name, "found": each.found, "checked": each.checked,
                    "sentence": printable(each.sentence), "numbers": each.numbers,
                }
                for each in self.findings
            ],
        }  # fmt: skip


def audit(
    y_train: ArrayLike, y_test: ArrayLike, predictions: ArrayLike | None = None, *, scaler: Any = None,
    period: int | None = None, evidence: Evidence | None = None,
) -> AuditReport:  # fmt: skip
    """Looks for what makes a forecast's test error untrue, whoever made the forecast.

    `y_train` (n,) and `y_test` (m,), the rows directly after it, are one series, in the units that `scaler` takes; a
    `Series` gives its dates to what is said. `predictions` (m,) are the forecasts of the test rows in the series'
    units, (S, m) those of S seeds. `scaler` is the fitted one: of `timeglass.prepare`, of scikit-learn, or its limits
    (low, high). `period` is the season that the forecasts count on, in rows. What else is known stands in `evidence`.
    A check without what it needs is listed as not made.

    A `TimeglassError` says what does not fit together.

    >>> report = audit([0.0, 10.0, 5.0, 7.0], [20.0, 9.0], scaler=(0.0, 20.0))
    >>> report.found[0].sentence[:72]
    'The scaler saw the test part: its maximum 20 is that of test row 1, the '
    >>> report.exit_code, len(report.not_checked)
    (1, 11)
    """
    given = gather_evidence(y_train, y_test, predictions, scaler, period, evidence or Evidence())
    units = check_units(given)
    scaled = units.found and predictions is not None and "scaled_back" in units.numbers
    beside = "forecasts in the units of y_test"
    findings = (
        check_scale(given),
        check_learning(given),
        check_overlap(given),
        check_covariates(given),
        not_checked("target_misaligned", beside) if scaled else check_alignment(given),
        not_checked("too_good", beside) if scaled else check_too_good(given),
        not_checked("saturated_output", beside) if scaled else check_saturation(given),
        units,
        check_seeds(given),
        check_season(given),
        check_few_windows(given),
        check_windows_left(given),
    )
    return AuditReport(
        findings, len(given.train), len(given.test), 0 if given.forecasts is None else len(given.forecasts)
    )
