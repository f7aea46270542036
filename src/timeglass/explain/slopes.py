"""The derivatives of the activations as expressions, from h = f(z) as in `cells/activations.py`."""

from __future__ import annotations

from collections.abc import Callable

from timeglass.explain.equations import Call, Expression, Negative, Power, Product, Sum

__all__ = ["slope"]

_SELU_SCALE, _SELU_ALPHA_SCALE = 1.0507009873554805, 1.7580993408473766

# From h alone, but for swish and softplus.
_SLOPES: dict[str, Callable[[float], Expression]] = {
    "tanh": lambda h: Sum((1.0, Negative(Power(h)))),
    "sigmoid": lambda h: Product((h, Sum((1.0, -h)))),
    "relu": lambda h: float(h > 0),
    "hard_sigmoid": lambda h: 1 / 6 if 0 < h < 1 else 0.0,
    "leaky_relu": lambda h: 0.2 if h < 0 else 1.0,
    "elu": lambda h: 1.0 if h > 0 else Sum((h, 1.0)),
    "selu": lambda h: _SELU_SCALE if h > 0 else Sum((h, _SELU_ALPHA_SCALE)),
    "softsign": lambda h: Power(Sum((1.0, -abs(h)))),
}


def slope(activation: str, h: float, z: float) -> Expression | None:
    """f'(z) with its numbers in; None for the linear one, whose slope is 1.

    >>> slope("tanh", 0.5, 0.5493) == Sum((1.0, Negative(Power(0.5))))
    True
    """
    if activation == "linear":
        return None
    if activation == "softplus":
        return Call("sigmoid", z)
    if activation == "swish":
        return Sum((h, Product((Call("sigmoid", z), Sum((1.0, -h))))))
    return _SLOPES[activation](h)
