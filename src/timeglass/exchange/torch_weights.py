"""A recurrent layer's weights in torch's form and in ours. No torch is needed for that.

torch holds matrices transposed, (outputs, inputs), a GRU's gates as reset, update, candidate where ours are update,
reset, candidate, and two biases for each layer. A GRU with reset_after has both; elsewhere they only ever occur as
their sum, which is what we hold: it is rounded to float32 once, from float64. On the way to torch the second one is
zero, so that weights that go there and come back have the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from timeglass.types import Array

__all__ = ["PARTS", "from_torch_form", "to_torch_form"]

PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
_ORDER = {"gru": (1, 0, 2)}  # its own inverse


def _gates_moved(kind: str, rows: Array) -> Array:
    """(G·H, …), from our order of gates into torch's or back."""
    if kind not in _ORDER:
        return rows
    parts = np.split(rows, len(_ORDER[kind]))
    return np.concatenate([parts[i] for i in _ORDER[kind]])


def from_torch_form(kind: str, given: Mapping[str, Array], *, reset_after: bool = True) -> list[Array]:
    """Wx (F, G·H), wh (H, G·H) and bh, where there are biases, from weight_ih, weight_hh, bias_ih, bias_hh.

    >>> ones = np.ones((3, 1), dtype=np.float32)
    >>> numbers = np.arange(3, dtype=np.float32)[:, None]
    >>> from_torch_form("gru", {"weight_ih": numbers, "weight_hh": ones})[0]
    array([[1., 0., 2.]], dtype=float32)
    """
    own = {name: _gates_moved(kind, values) for name, values in given.items()}
    arrays = [own["weight_ih"].T, own["weight_hh"].T]
    if "bias_ih" in own:
        two = [own["bias_ih"], own["bias_hh"]]
        arrays.append(np.stack(two) if kind == "gru" and reset_after else two[0] + two[1])
    return [np.ascontiguousarray(array) for array in arrays]


def to_torch_form(kind: str, own: Mapping[str, Array]) -> dict[str, Array]:
    """weight_ih (G·H, F), weight_hh (G·H, H) and, where ours has a bias, both of torch's, from wx, wh, bh."""
    arrays = {"weight_ih": own["wx"].T, "weight_hh": own["wh"].T}
    if "bh" in own:
        bias = own["bh"]
        arrays["bias_ih"], arrays["bias_hh"] = bias if bias.ndim == 2 else (bias, np.zeros_like(bias))
    return {name: _gates_moved(kind, values) for name, values in arrays.items()}
