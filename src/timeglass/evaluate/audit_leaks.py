"""Does what was learned know the test part? Scalers, windows and covariates."""

from __future__ import annotations

import numpy as np

from timeglass.errors import ShapeError
from timeglass.evaluate.evidence import Given
from timeglass.evaluate.finding import Finding, Numbers, not_checked
from timeglass.evaluate.learned_scale import LearnedScale, implied_scale, numbers_of
from timeglass.prepare.leak import find_leaks
from timeglass.prepare.split import Split
from timeglass.types import Array

__all__ = ["check_learning", "check_overlap", "check_scale"]

_SAME = 1e-5  # as a share of the values' range: what a scaler in single precision is off by
_LEAST_STEPS = 4  # shorter windows are found in more than one place


def check_scale(given: Given) -> Finding:
    """Was the scaler, or whatever scaled the values as they are given, fitted on test rows?

    What it has learned is compared with what it would learn from the training rows alone, and from all rows. Limits
    that lie within the training rows' are those of a part of them, which is as good.
    """
    scales = [scale for scale in (given.scale, implied_scale(given.series, given.train)) if scale is not None]
    if not scales:
        return not_checked("scaler_saw_test", "what the scaler has learned (scaler)")
    findings = [_of_scale(given, scale) for scale in scales]
    return next((finding for finding in findings if finding.checked), findings[0])


def _of_scale(given: Given, scale: LearnedScale) -> Finding:
    name, own, whole = "scaler_saw_test", numbers_of(given.train, scale), numbers_of(given.series, scale)
    numbers: Numbers = {"kind": scale.kind}
    for which, learned in scale.numbers.items():
        numbers |= {which: learned, f"{which}_of_train": own[which], f"{which}_of_all": whole[which]}
    near = _SAME * max(float(np.ptp(given.series)), abs(scale.unit))
    seen = {
        which for which, learned in scale.numbers.items()
        if abs(learned - whole[which]) <= near < abs(own[which] - whole[which])
    }  # fmt: skip
    foreign = {
        which for which, learned in scale.numbers.items() if _is_foreign(scale, which, learned - own[which], near)
    }
    if seen and foreign <= seen:
        return Finding(name, True, _seen(given, scale, max(seen), own), numbers)
    if foreign:
        said = ", ".join(
            f"{which} {scale.numbers[which]:.6g} (training rows: {own[which]:.6g})" for which in sorted(foreign)
        )
        return not_checked(
            name,
            f"the rows that the scaler was fitted on, since its {said} come neither from y_train nor from all rows; "
            "give y_train and y_test in the units that it takes",
            numbers,
        )
    said = ", ".join(f"{which} {learned:.6g}" for which, learned in scale.numbers.items())
    return Finding(name, False, f"The scaler fits the training rows alone: {said}.", numbers)


def _is_foreign(scale: LearnedScale, which: str, more: float, near: float) -> bool:
    """Whether a number that is so much more than the training rows' cannot come from a part of them."""
    if scale.kind in ("limits", "reach"):
        return more < -near if which == "minimum" else more > near
    return abs(more) > near


def _seen(given: Given, scale: LearnedScale, which: str, own: dict[str, float]) -> str:
    learned, whose = scale.numbers[which], "of all rows"
    if scale.kind == "limits":
        whose = f"of {given.label(int(np.abs(given.test - learned).argmin()))}"
    elif scale.kind == "reach":
        whose = f"of {given.label(int(np.abs(given.test).argmax()))}"
    said = f"its {which} {learned:.6g} is that {whose}, the training rows' is {own[which]:.6g}"
    return f"The scaler saw the test part: {said}: fit it on y_train alone."


def check_learning(given: Given) -> Finding:
    """Does what `learn` makes of all rows change with the test rows?"""
    if given.evidence.learn is None:
        return not_checked("learned_from_test", "the function that learns from all rows (learn)")
    rows = len(given.series)
    leaks = find_leaks(given.evidence.learn, given.series, Split(rows, len(given.train), len(given.train)))
    numbers: Numbers = {"leaks": len(leaks), "names": ", ".join(leaks)}
    if not leaks:
        return Finding("learned_from_test", False, "What is learned is the same whatever the test rows are.", numbers)
    some = ", ".join(leaks[:5]) + ", …" * (len(leaks) > 5)
    said = f"What is learned depends on test rows ({given.span}): {some}: learn it from y_train alone."
    return Finding("learned_from_test", True, said, numbers)


def check_overlap(given: Given) -> Finding:
    """Do training windows, with their targets, hold test rows, or do test windows have training rows as targets?

    Each window is looked up in the series, scaled as the windows are; one that stands at several places counts as the
    place that is right. That test windows reach back into the training part is as it should be.
    """
    name = "windows_overlap"
    if given.x_train is None:
        return not_checked(name, "the training windows (x_train)")
    if given.x_train.shape[1] < _LEAST_STEPS:
        return not_checked(name, f"windows of at least {_LEAST_STEPS} steps, which can be told apart")
    if given.x_test is not None and given.x_test.shape[1] != given.x_train.shape[1]:
        raise ShapeError(
            f"x_test: windows {given.x_test.shape} beside {given.x_train.shape} of x_train: expected one T"
        )
    found = _ranked(given, [x for x in (given.x_train, given.x_test) if x is not None])
    if found is None:
        return not_checked(name, "the scaler of the windows (scaler), whose values are not those of the series")
    rows, windows = found
    steps = given.x_train.shape[1]
    first, last = _places(rows, steps)
    # The row of each window's last target; none for windows that are not in the series.
    ends = steps + given.evidence.horizon - 1
    at = [first[key] + ends for key in map(np.ndarray.tobytes, windows[0]) if key in first]
    if 2 * len(at) <= len(windows[0]):
        return not_checked(name, "windows of consecutive rows of the series, oldest first")
    after = [last[key] + ends for key in map(np.ndarray.tobytes, windows[1]) if key in last] if windows[1:] else []
    late, early = [row for row in at if row >= len(given.train)], [row for row in after if row < len(given.train)]
    numbers: Numbers = {
        "train_windows": len(windows[0]), "holding_test_rows": len(late),
        "test_windows": len(windows[1]) if windows[1:] else None, "with_training_targets": len(early),
    }  # fmt: skip
    if not late and not early:
        return Finding(name, False, "No training window holds a test row, nor is one its target.", numbers)
    return Finding(name, True, _overlapping(given, late, early, numbers), numbers)


def _overlapping(given: Given, late: list[int], early: list[int], numbers: Numbers) -> str:
    said = []
    if late:
        until = given.label(min(max(late) - len(given.train), len(given.test) - 1))
        said.append(
            f"{len(late):,} of {numbers['train_windows']:,} training windows, or their targets, hold test rows, "
            f"up to {until}"
        )
    if early:
        said.append(f"{len(early):,} of {numbers['test_windows']:,} test windows have a training row as target")
    return f"{'; '.join(said)}: split the rows first, cut each part's windows then, and shuffle only within it."


def _ranked(given: Given, windows: list[Array]) -> tuple[Array, list[Array]] | None:
    """Series (n + m,) and windows as whole numbers that are equal where the values are; None where they do not fit.

    A value's number is its place among the distinct values of the series.
    """
    series = given.series
    for scaled in _scaled(given):
        levels = np.unique(scaled)
        near = _SAME * max(float(np.ptp(levels)), np.finfo(np.float64).tiny)
        numbers, off = zip(*(_nearest(levels, values) for values in (scaled, *windows)), strict=True)
        if all(gap <= near for gap in off):
            return numbers[0].reshape(series.shape), list(numbers[1:])
    return None


def _scaled(given: Given) -> list[Array]:
    """The series as it is, as its scaler has it, and as the usual ones would."""
    series, found = given.series, [given.series]
    if given.scale is not None:
        found.append((series - given.scale.offset) / given.scale.unit)
    for rows in (given.train, series):
        if np.ptp(rows) > 0:
            found += [(series - rows.min()) / np.ptp(rows), (series - rows.mean()) / rows.std()]
    return found


def _nearest(levels: Array, values: Array) -> tuple[Array, float]:
    """The number of the level nearest to each value, and the largest distance."""
    right = (
        np.clip(np.searchsorted(levels, values), 1, len(levels) - 1) if len(levels) > 1 else np.zeros(values.shape, int)
    )
    left = np.maximum(right - 1, 0)
    numbers = np.where(np.abs(levels[left] - values) <= np.abs(levels[right] - values), left, right)
    return numbers.astype(np.int64), float(np.abs(levels[numbers] - values).max())


def _places(rows: Array, steps: int) -> tuple[dict[bytes, int], dict[bytes, int]]:
    """Where each window of the series stands first, and where last."""
    keys = [rows[start : start + steps].tobytes() for start in range(len(rows) - steps + 1)]
    last = {key: place for place, key in enumerate(keys)}
    return {key: place for place, key in reversed(list(enumerate(keys)))}, last
