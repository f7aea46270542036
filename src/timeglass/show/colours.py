"""The colours of all pictures: blue for negative, orange for positive, and ink that can be read on them.

Blue and orange stay apart for every common kind of colour blindness (B. Wong, "Points of view: Color blindness", Nature
Methods 8, 2011), and the darker is always the larger: a print in greys loses the sign alone. Pictures bring a white
ground of their own, so that they look the same in a light and in a dark notebook.
"""

from __future__ import annotations

from math import isfinite

__all__ = ["BLUE", "FAINT", "GREY", "GROUND", "INK", "ORANGE", "contrast", "diverging", "ink_on", "stroke"]

Rgb = tuple[int, int, int]

_NEGATIVE: Rgb = (0x1D, 0x5F, 0xA8)
_POSITIVE: Rgb = (0xB8, 0x5A, 0x00)
_ZERO: Rgb = (0xF6, 0xF6, 0xF4)
GROUND, INK, GREY, FAINT = "#ffffff", "#1f2328", "#5c636b", "#d9dce0"
_NO_NUMBER = "#c4c4c4"  # what is not finite has no place on the scale
_FAINTEST_LINE = 0.35  # a thin line fainter than this is lost on white


def _hex(rgb: Rgb) -> str:
    return "#" + "".join(f"{part:02x}" for part in rgb)


BLUE, ORANGE = _hex(_NEGATIVE), _hex(_POSITIVE)


def _between(share: float, end: Rgb) -> str:
    """White at 0, the end's colour at 1."""
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(_ZERO, end, strict=True))
    return _hex((red, green, blue))


def _share(value: float, limit: float) -> float:
    return min(1.0, abs(value) / limit) if limit > 0 else 0.0


def diverging(value: float, limit: float) -> str:
    """A number's colour on a scale from -limit (blue) by 0 (nearly white) to limit (orange); grey if it is not finite.

    >>> diverging(-2.0, 2.0), diverging(0.0, 2.0), diverging(2.0, 2.0), diverging(float("nan"), 2.0)
    ('#1d5fa8', '#f6f6f4', '#b85a00', '#c4c4c4')
    """
    if not isfinite(value):
        return _NO_NUMBER
    return _between(_share(value, limit), _POSITIVE if value > 0 else _NEGATIVE)


def stroke(value: float, limit: float) -> str:
    """The same for a line, which is never so faint that it is lost."""
    if not isfinite(value) or value == 0:
        return _NO_NUMBER
    share = _FAINTEST_LINE + (1 - _FAINTEST_LINE) * _share(value, limit)
    return _between(share, _POSITIVE if value > 0 else _NEGATIVE)


def ink_on(colour: str) -> str:
    """Black or white, whichever can be read better on a colour `#rrggbb`.

    >>> ink_on("#f6f6f4"), ink_on("#1d5fa8")
    ('#000000', '#ffffff')
    """
    return max("#000000", "#ffffff", key=lambda ink: contrast(ink, colour))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21 (W3C, Web Content Accessibility Guidelines 2.1, "contrast ratio").

    >>> contrast("#ffffff", "#000000")
    21.0
    """
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
