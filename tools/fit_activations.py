"""Fits the polynomials of csrc/activations.hpp: the least largest relative error, by Lawson's reweighting.

Needs NumPy only. Run: python tools/fit_activations.py

C. L. Lawson, "Contributions to the theory of linear least maximum approximation", 1961; the rational fit is made
linear with the last round's denominator, after H. L. Loeb, 1957.
"""

from __future__ import annotations

import numpy as np

ROUNDS = 3000
LARGEST = 8.6  # where tanh is held: there float32 rounding makes the quotient one
Array = np.ndarray


def reweighted(weights: Array, errors: Array) -> Array:
    """Lawson's step: more weight where the error is large."""
    new = weights * np.sqrt(errors / errors.max()) + 1e-12
    return new / new.sum()


def chebyshev(low: float, high: float, count: int = 4000) -> Array:
    """Points that are denser towards both ends."""
    return low + (high - low) * 0.5 * (1 - np.cos(np.pi * (np.arange(count) + 0.5) / count))


def fit_tanh(degree: int = 4) -> tuple[float, Array, Array]:
    """tanh(z) = z · p(z²) / q(z²): the error, p and q in rising powers of z², q's highest one 1."""
    z = chebyshev(0.0, LARGEST)
    f, u = np.tanh(z), (z / LARGEST) ** 2
    powers = u[:, None] ** np.arange(degree + 1)
    weights, denominator = np.full(len(z), 1 / len(z)), np.ones(len(z))
    best = (np.inf, np.zeros(degree + 1), np.zeros(degree + 1))
    for _ in range(ROUNDS):
        scale = np.sqrt(weights) / (f * denominator)
        columns = np.concatenate([powers * (z * scale)[:, None], -powers[:, 1:] * (f * scale)[:, None]], axis=1)
        solved = np.linalg.lstsq(columns, f * scale, rcond=None)[0]
        p, q = solved[: degree + 1], np.r_[1.0, solved[degree + 1 :]]
        denominator = powers @ q
        errors = np.abs(z * (powers @ p) / denominator / f - 1)
        if errors.max() < best[0]:
            best = (float(errors.max()), p, q)
        weights = reweighted(weights, errors)
    scaled = LARGEST ** (2 * np.arange(degree + 1.0))
    p, q = best[1] / scaled, best[2] / scaled
    return best[0], p / q[-1], q / q[-1]


def fit_exp(degree: int = 4) -> tuple[float, Array]:
    """e^r = 1 + r + r² · p(r) for |r| <= ln 2 / 2: the error, and p in rising powers of r."""
    r = chebyshev(-np.log(2) / 2 * 1.0001, np.log(2) / 2 * 1.0001)
    powers = r[:, None] ** np.arange(degree + 1)
    target = (np.expm1(r) - r) / r**2
    weights = np.full(len(r), 1 / len(r))
    for _ in range(ROUNDS):
        scale = np.sqrt(weights) * r**2 / np.exp(r)
        p = np.linalg.lstsq(powers * scale[:, None], target * scale, rcond=None)[0]
        errors = np.abs(1 + r + r**2 * (powers @ p) - np.exp(r)) / np.exp(r)
        weights = reweighted(weights, errors)
    return float(errors.max()), p


def main() -> None:
    """Prints the coefficients with the nine digits that name a float32."""

    def digits(values: Array) -> str:
        return ", ".join(f"{np.float32(value):.9g}" for value in values)

    error, p, q = fit_tanh()
    print(f"tanh, |z| <= {LARGEST}: relative error {error:.2g}\n  p: {digits(p)}\n  q: {digits(q)}")
    error, p = fit_exp()
    print(f"exp, |r| <= ln 2 / 2: relative error {error:.2g}\n  p: {digits(p)}")


if __name__ == "__main__":
    main()
