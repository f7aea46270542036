"""The losses of all networks over their epochs: each one, their median, the best and the worst."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from timeglass.errors import DataError, ShapeError
from timeglass.show.colours import BLUE, INK, ORANGE
from timeglass.show.figure import EndLabel, draw_log, draw_time, end_labels, figure_in, legend, power_of, shrunk
from timeglass.show.given import Labels, known_values
from timeglass.show.numbers import number
from timeglass.show.time_axis import TimeAxis
from timeglass.types import Array
from timeglass.words import counted

__all__ = ["LossesPicture", "draw_losses", "losses_picture"]

_LEAST = 1e-290  # that matplotlib still draws on a logarithmic axis


@dataclass(frozen=True, eq=False)
class LossesPicture:
    """Everything that is drawn: L networks, E epochs; NaN after the epoch at which a network stopped."""

    training: Array  # (L, E)
    validation: Array | None  # (L, E)
    median: Array  # (E,): of the training losses; a network that has stopped counts with its last
    validation_median: Array | None  # (E,)
    final: Array  # (L,): the last loss of each network: of validation, where there is one
    best: int  # the network, from 0, whose final loss is the lowest
    worst: int
    log: bool  # the losses have a logarithmic axis: all are above zero
    labels: Labels

    @property
    def title(self) -> str:
        networks, epochs = (counted(n, what) for n, what in zip(self.training.shape, ("network", "epoch"), strict=True))
        name = f"{self.labels.title}: losses" if self.labels.name else "Losses"
        return f"{name} of {networks} over {epochs}"


def losses_picture(
    training: ArrayLike, *, validation: ArrayLike | None = None, labels: Labels | None = None
) -> LossesPicture:
    """From losses (L, E) of L networks after each of E epochs; NaN once a network has stopped.

    The best and the worst are those of the last losses of validation, where it is given, else of training. The unit of
    `labels` is that of the loss. An `InputError` says which loss cannot be drawn.

    >>> picture = losses_picture([[3.0, 1.0, 0.5], [4.0, 2.0, np.nan], [9.0, 8.0, 7.0]])
    >>> picture.median.tolist(), picture.final.tolist(), picture.best, picture.worst
    ([4.0, 2.0, 2.0], [0.5, 2.0, 7.0], 0, 2)
    """
    train = _checked(training, "training")
    held = None if validation is None else _checked(validation, "validation")
    if held is not None and held.shape != train.shape:
        raise ShapeError(f"validation: expected the shape of the training losses {train.shape}, got {held.shape}")
    decisive = train if held is None else held
    final = _carried(decisive)[:, -1]
    low = min(float(np.nanmin(part)) for part in (train, held) if part is not None)
    return LossesPicture(
        train, held, np.median(_carried(train), axis=0), None if held is None else np.median(_carried(held), axis=0),
        final, int(final.argmin()), int(final.argmax()), low > _LEAST, labels or Labels(),
    )  # fmt: skip


def _checked(losses: ArrayLike, who: str) -> Array:
    shape = np.shape(losses)
    if len(shape) != 2 or 0 in shape:
        raise ShapeError(f"{who}: expected losses (networks, epochs), at least one of each, got {shape}")
    found = known_values(losses, who, shape)
    missing = np.isnan(found)
    gaps = missing[:, 0] | (missing[:, :-1] & ~missing[:, 1:]).any(axis=1)
    if gaps.any():
        raise DataError(
            f"{who}: network {int(gaps.argmax())} has no loss at an epoch before its last: NaN may only end it"
        )
    return found


def _carried(losses: Array) -> Array:
    """The last loss goes on after its network has stopped."""
    last = np.maximum.accumulate(np.where(np.isnan(losses), 0, np.arange(losses.shape[1])), axis=1)
    return np.take_along_axis(losses, last, axis=1)


def draw_losses(picture: LossesPicture, files: Sequence[str | os.PathLike[str]] | None = None) -> Any:
    """Draws every network's curve; writes .png, .svg or .pdf files; returns the figure."""

    def paint(figure: Any) -> None:
        axes = figure.subplots()
        parts = [part for part in (picture.training, picture.validation) if part is not None]
        power = 0 if picture.log else power_of(*parts)
        axes.set_title(picture.title)
        marks = _draw_curves(axes, picture.training, picture.median, BLUE, "training", power)
        if picture.validation is not None and picture.validation_median is not None:
            marks += _draw_curves(
                axes, picture.validation, picture.validation_median, ORANGE, "validation", power, dashed=True
            )
        marks += _draw_extremes(axes, picture, power)
        axes.margins(x=0.01)
        draw_time(axes, TimeAxis("rows"), "Epoch")
        if picture.log:
            draw_log(axes, parts)
        axes.set_ylabel(Labels("Loss", picture.labels.unit).with_power(power))
        legend(axes, marks, columns=3)
        end_labels(axes, _ends(picture, power))

    return figure_in(paint, files, size=(10, 5))


def _draw_curves(
    axes: Any, losses: Array, median: Array, colour: str, what: str, power: int, *, dashed: bool = False
) -> list[tuple[Any, str]]:
    epochs = np.arange(1, len(median) + 1)
    dot = {"marker": "o", "markersize": 4} if len(epochs) == 1 else {}
    if len(losses) == 1:
        (line,) = axes.plot(epochs, shrunk(losses[0], power), color=colour, linewidth=2, **dot)
        return [(line, what)]
    alpha = max(0.12, min(0.45, 8 / len(losses)))
    for each in losses:
        (thin,) = axes.plot(epochs, shrunk(each, power), color=colour, linewidth=0.8, alpha=alpha, **dot)
    dashes = (0, (5, 1.5)) if dashed else "-"
    (thick,) = axes.plot(epochs, shrunk(median, power), color=colour, linewidth=2.4, linestyle=dashes, **dot)
    return [(thin, f"{what}, each network"), (thick, f"{what}, median")]


def _extremes(p: LossesPicture) -> list[tuple[str, Array, str]]:
    """Words, a curve (E',) up to its last epoch, and its colour."""
    curves = p.training if p.validation is None else p.validation
    if len(curves) > 1:
        chosen = [(f"{word}: network {which}, ", curves[which], INK) for word, which in _ranked(p)]
    else:
        chosen = [("training ", p.training[0], BLUE)]
        chosen += [] if p.validation is None else [("validation ", p.validation[0], ORANGE)]
    return [(word, curve[np.isfinite(curve)], colour) for word, curve, colour in chosen]


def _ranked(p: LossesPicture) -> list[tuple[str, int]]:
    return [("best", p.best), ("worst", p.worst)]


def _draw_extremes(axes: Any, p: LossesPicture, power: int) -> list[tuple[Any, str]]:
    marks: list[tuple[Any, str]] = []
    for _, curve, colour in _extremes(p):
        epochs, values = np.arange(1, len(curve) + 1), shrunk(curve, power)
        if len(p.training) > 1:
            (line,) = axes.plot(epochs, values, color=colour, linewidth=0.9)
            marks = [(line, f"best and worst, by the last {'training' if p.validation is None else 'validation'} loss")]
        axes.plot(epochs[-1:], values[-1:], "o", color=colour, markersize=3.5)
    return marks


def _ends(p: LossesPicture, power: int) -> list[EndLabel]:
    return [
        EndLabel(f"{word}{number(float(curve[-1]), 3)}", float(len(curve)), float(shrunk(curve, power)[-1]), colour)
        for word, curve, colour in _extremes(p)
    ]
