"""An attribution in words: what each number of a window moved its forecast by, in the series' own units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from timeglass.errors import OptionError
from timeglass.explain.equations import number
from timeglass.model.checks import whole
from timeglass.prepare.scale import MinMaxScaler
from timeglass.types import Array
from timeglass.words import shown

if TYPE_CHECKING:
    from timeglass.explain.attribution import Attribution

__all__ = ["attribution_lines"]


def attribution_lines(
    found: Attribution,
    window: int,
    output: int,
    *,
    scaler: MinMaxScaler | None,
    names: Sequence[object] | None,
    features: Sequence[object] | None,
    most: int,
) -> list[str]:
    """What `Attribution.lines` gives."""
    _check(found, window, output, scaler)
    unit = 1.0 if scaler is None else scaler.range
    shares = found.shares[window, output].ravel() * unit
    both = np.array([found.forecasts[window, output], found.baseline[window, output]])
    forecast, baseline = (both if scaler is None else scaler.inverse_transform(both)).tolist()
    missed = abs(float(found.shares[window, output].sum() - (both[0] - both[1]))) * unit
    place = f"window {window}" + (f", output {output}" if found.shares.shape[1] > 1 else "")
    sides = f"{_digits(forecast)} {'−' if baseline >= 0 else '+'} {_digits(abs(baseline))}"
    lines = [
        f"{place}: the forecast is {number(forecast)}, the baseline's {number(baseline)}",
        *_moves(_labels(found, names, features), shares, whole("lines most", most, 1)),
        f"sum of shares {_digits(shares.sum())} = {sides}, to {number(missed, 1)} with {found.points} points",
    ]
    if not found.converged:
        lines.append(
            f"NOT CONVERGED: of all windows, the sums miss at most {number(found.gap * unit, 2)}, and shares are no "
            "better than that: take a baseline nearer to the windows"
        )
    return lines


def _check(found: Attribution, window: int, output: int, scaler: MinMaxScaler | None) -> None:
    for name, value, count in zip(("window", "output"), (window, output), found.shares.shape[:2], strict=True):
        if whole(f"lines {name}", value, 0) >= count:
            raise OptionError(f"lines {name}: expected 0 to {count - 1}, got {value}")
    if scaler is not None and not isinstance(scaler, MinMaxScaler):
        raise OptionError(f"lines scaler: expected a MinMaxScaler or None, got {scaler!r}")


def _labels(found: Attribution, names: Sequence[object] | None, features: Sequence[object] | None) -> list[str]:
    """(T · F) of them."""
    steps, count = found.shares.shape[2:]
    own = _given("names", names, [f"step −{steps - t}" for t in range(steps)])
    kinds = _given("features", features, [f"x[{i}]" for i in range(count)])
    return own if count == 1 else [f"{label}, {kind}" for label in own for kind in kinds]


def _given(option: str, given: Sequence[object] | None, usual: list[str]) -> list[str]:
    if given is None:
        return usual
    if isinstance(given, str) or not np.iterable(given):
        raise OptionError(f"lines {option}: expected {len(usual)} in a list, such as {usual[-1]!r}, got {given!r}")
    labels = [shown(str(name)) for name in given]
    if len(labels) != len(usual):
        raise OptionError(f"lines {option}: expected {len(usual)} in a list, such as {usual[-1]!r}, got {len(labels)}")
    return labels


def _moves(labels: list[str], shares: Array, most: int) -> list[str]:
    """The largest first; the others together."""
    order = np.argsort(-np.abs(shares), kind="stable")
    width = max(map(len, labels))
    lines = [f"  {labels[i]:<{width}}  moved it {_signed(shares[i])}" for i in order[:most]]
    if len(rest := shares[order[most:]]):
        largest = number(float(np.abs(rest).max()), 2)
        lines.append(f"  the other {len(rest)}, of at most {largest} each, moved it {_signed(rest.sum())}")
    return lines


def _signed(value: float) -> str:
    written = number(float(value))
    return written if written.startswith("−") else f"+{written}"


def _digits(value: float) -> str:
    """With six digits, zeros and all."""
    return f"{float(value) + 0.0:#.6g}".replace("-", "−")
