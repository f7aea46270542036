"""What a search tried, the best first, as rows and as a frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from timeglass.forecast.outcome import frame_of

__all__ = ["Leaderboard", "Trial", "ranked"]


@dataclass(frozen=True)
class Trial:
    """Settings, and the mean absolute scaled error of the forecasts with them over the validation rows.

    `error` is None where the training diverged. `default` marks the settings that the forecaster came with.
    """

    settings: dict[str, Any]
    error: float | None
    default: bool = False


@dataclass(frozen=True)
class Leaderboard:
    """Trials, the one that erred least first; `kind` is the library of frames that the series came in."""

    trials: tuple[Trial, ...]
    kind: str = field(default="", repr=False)

    def __len__(self) -> int:
        return len(self.trials)

    def columns(self) -> dict[str, list[Any]]:
        """Of a table: place, error, default, and each setting.

        >>> Leaderboard((Trial({"log": None}, 0.5, True), Trial({"log": True}, 0.75))).columns()
        {'place': [1, 2], 'error': [0.5, 0.75], 'default': [True, False], 'log': [None, True]}
        """
        found: dict[str, list[Any]] = {
            "place": list(range(1, len(self) + 1)),
            "error": [trial.error for trial in self.trials],
            "default": [trial.default for trial in self.trials],
        }
        names = self.trials[0].settings if self.trials else {}
        return found | {name: [trial.settings[name] for trial in self.trials] for name in names}

    def frame(self, kind: str = "") -> Any:
        """The table in a library, "pandas", "polars" or "pyarrow"; "" takes that of the series, or one installed."""
        return frame_of(self.columns(), kind or self.kind)


def ranked(trials: Sequence[Trial], kind: str = "") -> Leaderboard:
    """Trials in order of their error; of equal ones the default, then the earlier, comes first.

    >>> [t.error for t in ranked([Trial({}, None), Trial({}, 2.0), Trial({}, 1.0)]).trials]
    [1.0, 2.0, None]
    """
    order = sorted(trials, key=lambda trial: (trial.error is None, trial.error or 0.0, not trial.default))
    return Leaderboard(tuple(order), kind)
