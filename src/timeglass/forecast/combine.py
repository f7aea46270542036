"""How much each member counts: what is usual, moved towards what held-back rows say.

An average of forecasts that err differently errs less than most of them (J. M. Bates, C. W. J. Granger, "The
combination of forecasts", Operational Research Quarterly 20, 1969), and weights that are estimated from few errors do
worse than equal ones (R. T. Clemen, "Combining forecasts: a review", International Journal of Forecasting 5, 1989): so
the weights move only as far as independent forecasts speak for it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from timeglass.forecast.windows import Sight
from timeglass.types import Array

__all__ = ["combine", "independent_series", "learned_weights", "usual_weights"]

_USUAL = {
    "smoothing": 2.0,
    "theta": 1.0,
    "autoregression": 1.0,
    "window": 2.0,
    "guided": 2.0,
    "tutorial": 1.0,
}  # of sevenths, with all the data one wants
_TRUST_ROWS = 200.0  # independent windows at which the networks count half of that
_FIFTHS = 5  # weights are tried in fifths
_USUAL_BEFORE = 0.75  # what the usual weights are worth before any forecast was compared
_SPEAKS = 4.0  # how loud an independent forecast of a whole horizon speaks
_MOST_COMPARED = 4_000
_COMPARED_ROWS, _FEWEST_ROWS = 60, 8


def independent_series(sight: Sight) -> float:
    """How many series there would be, were they independent: from the variance of their mean change, 1 to S.

    Series that all move together (one region's weather, one market) teach a network as much as one of them.
    """
    rows = np.diff(sight.offsets)
    common = int(min(_COMPARED_ROWS, np.median(rows) - 1))
    if common < _FEWEST_ROWS:
        return float(len(rows))
    changes = []
    for s in np.flatnonzero(rows > common):
        end = sight.offsets[s + 1]
        z = sight.z[end - common - 1 : end] - sight.form.season(
            np.full(common + 1, s), np.arange(rows[s] - common - 1, rows[s])
        )
        d = np.diff(z)
        if d.std() > 0:
            changes.append((d - d.mean()) / d.std())
    if not changes:
        return 1.0
    return float(np.clip(1 / max(np.mean(changes, axis=0).var(), 1e-12), 1, len(changes)))


def usual_weights(members: Sequence[str], windows: float) -> dict[str, float]:
    """Weights that sum to 1 before forecasts were compared: networks count by the independent windows that taught them.

    >>> {name: round(w, 2) for name, w in usual_weights(["smoothing", "theta", "window"], 300.0).items()}
    {'smoothing': 0.51, 'theta': 0.25, 'window': 0.24}
    """
    trust = windows / (windows + _TRUST_ROWS)
    shares = {name: _USUAL.get(name, 0.0) for name in members}
    total = sum(shares.values())
    networks = [name for name in shares if name in ("window", "guided")]
    taught = {name: shares[name] / total * trust for name in networks}
    left, rest = 1 - sum(taught.values()), {name: shares[name] for name in shares if name not in networks}
    return {name: taught.get(name, left * rest.get(name, 0.0) / sum(rest.values())) for name in shares}


def learned_weights(
    usual: Mapping[str, float], forecasts: Mapping[str, Array], actual: Array, spread: Array, independent: float
) -> dict[str, float]:
    """The mean of the usual weights and of all others in fifths, each by how likely it makes the held-back rows.

    `forecasts` of each member and `actual` are z, (B, K), NaN where nothing came; `spread` (B,) is their series'.
    Errors count half in z (so in percent, where z is a logarithm) and half in units of the series' spread. A loss that
    is lower by a share d multiplies the likelihood by e^(4·d·n), n being `independent`, the number of forecasts that do
    not depend on each other: few of them leave the usual weights nearly as they are, unless they speak clearly.
    """
    names = list(usual)
    known = np.isfinite(actual)
    if not known.any():
        return dict(usual)
    if len(actual) > _MOST_COMPARED:
        some = np.random.default_rng(0).choice(len(actual), _MOST_COMPARED, replace=False)
        forecasts = {name: values[some] for name, values in forecasts.items()}
        actual, spread, known = actual[some], spread[some], known[some]
    unit = np.repeat(spread[:, None], actual.shape[1], axis=1)[known]
    stack, came = np.stack([forecasts[name][known] for name in names]), actual[known]  # (M, cells)

    def loss(weights: Array) -> float:
        error = np.abs(weights @ stack - came)
        return float(np.log(error.mean() + 1e-300) + np.log((error / unit).mean() + 1e-300)) / 2

    fifths = itertools.product(range(_FIFTHS + 1), repeat=len(names))
    others = np.array([parts for parts in fifths if sum(parts) == _FIFTHS]) / _FIFTHS
    tried = np.vstack([[usual[name] for name in names], others])
    before = np.append(_USUAL_BEFORE, np.full(len(others), (1 - _USUAL_BEFORE) / len(others)))
    likely = -_SPEAKS * independent * np.array([loss(weights) for weights in tried])
    after = before * np.exp(likely - likely.max())
    return dict(zip(names, (after @ tried / after.sum()).tolist(), strict=True))


def combine(weights: Mapping[str, float], forecasts: Mapping[str, Array]) -> Array:
    """The weighted mean of the members' forecasts of z."""
    return sum((weights[name] * forecasts[name] for name in weights), np.zeros(()))
