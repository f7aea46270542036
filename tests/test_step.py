"""One time step at C level gives the bits of a forecast whose window ends there, with any instruction set."""

from __future__ import annotations

import networks
import numpy as np
import pytest
from networks import DROPPING, NETWORKS, Network, dense, gru, lstm, rnn

from timeglass.errors import EngineError
from timeglass.kernel import calls
from timeglass.kernel.library import Library
from timeglass.train.kernel_codes import network_code

EVERY = {**NETWORKS, **{f"dropping, {name}": network for name, network in DROPPING.items()}}
WIDE = {
    f"{layer[0]}({layer[1]['units']})": Network(6, 3, (layer, dense(2)), seed=units)
    for units in (1, 8, 9, 16, 33)
    for layer in (rnn(units), gru(units), gru(units, reset_after=False), lstm(units))
}


class Stepper:
    """One network, step after step."""

    def __init__(self, library: Library, network: Network) -> None:
        self._kernel, self._code = library.calls, network_code(network.architecture)
        weights = network.weights()[0]
        size = calls.check(self._kernel.tg_stepper_bytes(library.code, self._code.at))
        self._room = np.full(size + 64, 255, dtype=np.uint8)  # what the memory held before must not matter
        self._at = self._room.ctypes.data + -self._room.ctypes.data % 64
        calls.check(self._kernel.tg_stepper_make(library.code, self._code.at, weights.ctypes.data, self._at))
        self._out = np.empty(network.architecture.output_shape[-1], dtype=np.float32)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        self._kernel.tg_step(self._at, x.ctypes.data, self._out.ctypes.data)
        return self._out.copy()


def goes_by_steps(network: Network) -> bool:
    """Whether a step needs no more than those before it."""
    apart = ("Bidirectional", "Masking", "LinearSkip")
    return not any(name in apart or options.get("go_backwards") for name, options in network.layers)


@networks.each_instruction_set
@pytest.mark.parametrize("name", [*(name for name in EVERY if goes_by_steps(EVERY[name])), *WIDE])
def test_a_step_gives_the_bits_of_a_forecast_that_ends_there(library, name):
    network = {**EVERY, **WIDE}[name]
    window, step = network.windows(1), Stepper(library, network)
    for t in range(1, network.time_steps + 1):
        ended = Network(t, network.features, network.layers, network.seed)
        here = calls.Windows(np.ascontiguousarray(window[:, :t]))
        forecast = calls.predict(library, network_code(ended.architecture), network.weights(), here, "samples")
        assert step(window[0, t - 1]).tobytes() == forecast.reshape(-1, len(step._out))[-1].tobytes()


@networks.each_instruction_set
@pytest.mark.parametrize("name", [name for name in EVERY if not goes_by_steps(EVERY[name])])
def test_what_needs_the_whole_window_has_no_steps(library, name):
    with pytest.raises(EngineError, match="the kernel refused"):
        Stepper(library, EVERY[name])
