"""What the compiled kernel computed, in the words of the definition: its buffers as each node's named arrays.

All numbers of states, gates and gradients are the kernel's own, in float32. A step's share of a weight's gradient is
the product of two of them, which float64 holds exactly: the kernel itself adds the products up as it goes.

Axes: T time steps lead, then N windows, one in each network, then 1, then a node's features F or units H.
"""

from __future__ import annotations

import numpy as np

from timeglass.cells.recurrent import Values
from timeglass.errors import EngineError
from timeglass.kernel.calls import Windows
from timeglass.kernel.library import Library
from timeglass.kernel.tracing import Recorded, record
from timeglass.network.architecture import Architecture, Merge, PlacedLayer
from timeglass.network.layers import GRU, LSTM, Dense, LinearSkip, Masking
from timeglass.train.kernel_codes import kernel_lacks, loss_code, network_code
from timeglass.train.losses import Loss
from timeglass.types import Array

__all__ = ["kernel_passes"]

_GATES: dict[type, tuple[str, ...]] = {
    GRU: ("update", "reset", "candidate"), LSTM: ("input", "forget", "candidate", "output"),
}  # fmt: skip


def kernel_passes(
    library: Library, architecture: Architecture, weights: Array, x: Array, y: Array | None, loss: Loss | None
) -> tuple[list[Values], list[Values], Array | None]:
    """Each node's arrays on the way forward, and on the way back (empty without y and loss), and losses (N,).

    The window's own stand last in both, as with `chain.forward` and `chain.backward`. An `EngineError` says what the
    kernel does not have.
    """
    if lacks := kernel_lacks(architecture):
        raise EngineError(f"trace engine lanes: the compiled engine does not have {lacks}: use engine='numpy'")
    code, _levels = (None, None) if loss is None else loss_code(loss)
    windows = np.ascontiguousarray(x, dtype=np.float32)
    targets = None if y is None else np.ascontiguousarray(y, dtype=np.float32).reshape(len(windows), -1)
    row = np.ascontiguousarray(weights, dtype=np.float32)
    found = record(library, network_code(architecture), row, Windows(windows, targets), code)
    values: list[Values] = [{} for _ in architecture.layers] + [{"y": _by_step(windows)}]
    for index, node in enumerate(architecture.layers):
        values[index] = _forward(node, index, found, values)
    if code is None:
        return values, [], None
    kept = [_backward(node, index, found, values) for index, node in enumerate(architecture.layers)]
    window = found.window_gradient(architecture.time_steps, architecture.features)
    return values, [*kept, {"dy": _by_step(window)}], found.losses


def _by_step(array: Array) -> Array:
    """(T, N, 1, …) of (N, T, …)."""
    return np.moveaxis(array, 1, 0)[:, :, None]


def _forward(node: PlacedLayer, index: int, found: Recorded, values: list[Values]) -> Values:
    steps, units = node.time_steps, node.units

    def rows(name: str, count: int, width: int) -> Array:
        return _by_step(found.array(index, name, count, width))

    if not node.recurrent:
        given = rows("y", steps if node.gives_sequence else 1, units)
        if isinstance(node.layer, Dense):
            return {"z": rows("z", steps, units), "y": given}
        if isinstance(node.layer, LinearSkip):
            return {"skip": rows("z", 1, units), "y": given}
        return {"mask": rows("mask", steps, 1) > 0, "y": given} if isinstance(node.layer, Masking) else {"y": given}
    gates = _GATES.get(type(node.layer), ())
    own = {"z": rows("z", steps, units * max(1, len(gates)))}
    if gates:
        own |= dict(zip(gates, np.split(rows("gates", steps, units * len(gates)), len(gates), axis=-1), strict=True))
    if isinstance(node.layer, LSTM):
        own |= {"c": rows("c", steps + 1, units), "shown": rows("extra", steps, units)}
    if isinstance(node.layer, GRU):
        own = own | {"met": rows("extra", steps, units), "candidate": own.pop("candidate")}
    own["h"] = rows("h", steps + 1, units)
    return own | {"y": _given_on(node, own["h"], values)}


def _given_on(node: PlacedLayer, h: Array, values: list[Values]) -> Array:
    """What those that read a recurrent node are given of its states: the kernel's merge turns and masks as it reads."""
    y = h[1:] if node.gives_sequence else h[-1:]
    if node.zero_masked and node.masked:
        mask = values[node.mask]["mask"]
        y = np.where(mask[::-1] if node.go_backwards else mask, y, 0)
    return y[::-1] if node.turned else y


def _backward(node: PlacedLayer, index: int, found: Recorded, values: list[Values]) -> Values:
    if isinstance(node.layer, Merge) or not node.weight_shapes:
        return {}
    steps, units = node.time_steps, node.units

    def rows(name: str, width: int, count: int = steps) -> Array:
        return _by_step(found.array(index, name, count, width))

    if isinstance(node.layer, LinearSkip):
        dy = rows("dy", units, 1)
        flat = np.moveaxis(values[-1]["y"], 0, 2).reshape(1, dy.shape[1], 1, -1)[..., -node.skip_features :]
        return {"dy": dy, "dwy": _shares(flat, dy), "dby": _exact(dy)}
    x, dx = values[node.inputs[0]]["y"], rows("dx", node.features)
    if isinstance(node.layer, Dense):
        dy, dz = rows("dy", units), rows("dz", units)
        return {"dy": dy, "dz": dz, "dx": dx, "dwy": _shares(x, dz), "dby": _exact(dz)}
    turned = node.go_backwards
    dz = rows("dz", node.weight_shapes["wx"][1])
    asked = {
        f"d{state}": rows(f"d{state}", units) for state in (("h", "c") if isinstance(node.layer, LSTM) else ("h",))
    }
    dwx = {"dwx": _shares(x[::-1] if turned else x, dz)}
    return asked | dwx | _state_shares(node, values[index], dz) | {"dx": dx[::-1] if turned else dx, "dz": dz}


def _state_shares(node: PlacedLayer, own: Values, dz: Array) -> Values:
    """Each step's share of dwh and dbh, in the order in which the steps came about."""
    past = own["h"][:-1]
    if not isinstance(node.layer, GRU):
        return {"dwh": _shares(past, dz), "dbh": _exact(dz)}
    gates, candidate = dz[..., : 2 * node.units], dz[..., 2 * node.units :]
    if not node.layer.reset_after:
        dwh = np.concatenate([_shares(past, gates), _shares(own["met"], candidate)], axis=-1)
        return {"dwh": dwh, "dbh": _exact(dz)}
    dh_part = np.concatenate([gates, candidate * own["reset"]], axis=-1)
    return {"dwh": _shares(past, dh_part), "dbh": np.concatenate([_exact(dz), _exact(dh_part)], axis=-2)}


def _shares(a: Array, dz: Array) -> Array:
    """(T, N, rows, columns): the products of a (T, N, 1, rows) and dz (T, N, 1, columns)."""
    return _exact(a).mT @ _exact(dz)


def _exact(array: Array) -> Array:
    return array.astype(np.float64)
