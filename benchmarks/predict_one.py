"""How long does one forecast take from Python: one window (12, 1) through the tutorial's network?

    python benchmarks/predict_one.py               # five rounds, a minute
    python benchmarks/predict_one.py --quick       # does it run at all

All have the same weights and give the same forecast. Each contender sits in a process of its own, and they take turns.
README.md beside this file keeps the numbers found.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from measure import (
    Goal,
    Job,
    Worker,
    fastest,
    finish,
    installed,
    options,
    print_goals,
    print_machine,
    print_table,
    ratios,
    readable,
    seconds_of,
    spread,
    take_turns,
)
from numpy.typing import NDArray

__all__ = ["main"]

STEPS, HIDDEN = 12, 3
REFERENCE = "Timeglass predict"
AGREE = 1e-5

Call = Callable[[], Any]


def weights() -> list[NDArray[np.float32]]:
    """Keras's list: wx (1, H), wh (H, H), bh (H), wy (H, 1), by (1)."""
    rng = np.random.default_rng(0)
    shapes: Sequence[tuple[int, ...]] = ((1, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN,), (HIDDEN, 1), (1,))
    return [rng.uniform(-0.7, 0.7, shape).astype(np.float32) for shape in shapes]


def window() -> NDArray[np.float32]:
    """(1, T, 1)."""
    return np.random.default_rng(1).random((1, STEPS, 1), dtype=np.float32)


# The contenders: each gives ways to do the same, of which the fastest counts


def timeglass() -> dict[str, Call]:
    """`predict`, as every user calls it."""
    from timeglass import Dense, Sequential, SimpleRNN

    model = Sequential([SimpleRNN(HIDDEN, input_shape=(STEPS, 1)), Dense(1, activation="tanh")], seed=0)
    model.set_weights(weights())
    x = window()
    return {"NumPy array": lambda: model.predict(x, verbose=0)}


def _keras() -> Any:
    os.environ.update(KERAS_BACKEND="jax")
    from keras import Sequential, layers

    recurrent = layers.SimpleRNN(HIDDEN)
    model = Sequential([layers.Input((STEPS, 1)), recurrent, layers.Dense(1, activation="tanh")])
    model.compile("adam", "mean_squared_error")
    model.set_weights(weights())
    return model


def keras_call() -> dict[str, Call]:
    """`model(x)`, to the end of its work."""
    model = _keras()
    import jax

    x, own = window(), jax.numpy.asarray(window())
    return {
        "NumPy array": lambda: jax.block_until_ready(model(x)),
        "JAX array": lambda: jax.block_until_ready(model(own)),
    }


def keras_predict() -> dict[str, Call]:
    """The methods of its `Model`."""
    model, x = _keras(), window()
    return {
        "predict": lambda: model.predict(x, verbose=0),
        "predict_on_batch": lambda: model.predict_on_batch(x),
    }


def keras_jitted() -> dict[str, Call]:
    """A stateless call, compiled by hand: Keras at its best."""
    model = _keras()
    import jax

    trainable = [variable.value for variable in model.trainable_variables]
    others = [variable.value for variable in model.non_trainable_variables]
    call = jax.jit(lambda x: model.stateless_call(trainable, others, x)[0])
    x, own = window(), jax.numpy.asarray(window())
    return {
        "NumPy array": lambda: jax.block_until_ready(call(x)),
        "JAX array": lambda: jax.block_until_ready(call(own)),
    }


def _torch() -> Any:
    import torch

    torch.set_num_threads(1)  # more take longer

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.recurrent = torch.nn.RNN(1, HIDDEN, batch_first=True)
            self.dense = torch.nn.Linear(HIDDEN, 1)

        def forward(self, x: Any) -> Any:
            h, _ = self.recurrent(x)
            return torch.tanh(self.dense(h[:, -1]))

    network = Network().eval()
    wx, wh, bh, wy, by = (torch.from_numpy(array) for array in weights())
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    recurrent = dict(zip(names, (wx.T, wh.T, bh, torch.zeros_like(bh)), strict=True))
    network.recurrent.load_state_dict(recurrent)
    network.dense.load_state_dict({"weight": wy.T, "bias": by})
    return network


def _inferring(call: Callable[[Any], Any]) -> Call:
    import torch

    x = torch.from_numpy(window())

    def infer() -> Any:
        with torch.inference_mode():
            return call(x)

    return infer


def torch_module() -> dict[str, Call]:
    """The module, under `inference_mode`."""
    return {"torch tensor": _inferring(_torch())}


def torch_script() -> dict[str, Call]:
    """The module traced and frozen."""
    import torch

    traced = torch.jit.freeze(torch.jit.trace(_torch(), torch.from_numpy(window())))
    return {"torch tensor": _inferring(traced)}


def torch_compiled() -> dict[str, Call]:
    """`torch.compile` with its recurrent layers unrolled, which it leaves alone unless told."""
    import torch

    torch._dynamo.config.allow_rnn = True
    return {"torch tensor": _inferring(torch.compile(_torch()))}


@dataclass(frozen=True)
class Contender:
    """`variants` is one of the functions above; `least` what Timeglass's advantage was to be."""

    variants: Callable[[], dict[str, Call]]
    needs: tuple[str, ...]
    least: float = 0.0
    quick: bool = True


CONTENDERS = {
    REFERENCE: Contender(timeglass, ("timeglass",)),
    "Keras model(x)": Contender(keras_call, ("keras", "jax"), 100),
    "Keras predict": Contender(keras_predict, ("keras", "jax")),
    "Keras, jitted by hand": Contender(keras_jitted, ("keras", "jax")),
    "torch module": Contender(torch_module, ("torch",), 5),
    "torch, traced and frozen": Contender(torch_script, ("torch",)),
    "torch.compile": Contender(torch_compiled, ("torch",), quick=False),  # compiles for a minute
}


def forecast(name: str, seconds: float) -> Job:
    """The job of a worker: seconds of one call, and what it gives."""
    how, call = fastest(CONTENDERS[name].variants(), seconds)
    value = float(np.asarray(call()).ravel()[0])
    return lambda: {"seconds": seconds_of(call, seconds), "how": how, "forecast": value}


def main() -> int:
    """0; 1 where a forecast differs from Timeglass's."""
    given = options(__doc__ or "").parse_args()
    here = print_machine(rounds := 1 if given.quick else given.rounds)
    names = [name for name, contender in CONTENDERS.items() if installed(*contender.needs)]
    names = [name for name in names if CONTENDERS[name].quick or not given.quick]
    seconds = 0.02 if given.quick else 0.5
    workers = {name: Worker("predict_one").prepare("forecast", name=name, seconds=seconds) for name in names}
    found = take_turns({name: worker.measure for name, worker in workers.items()}, rounds)
    for worker in workers.values():
        worker.close()

    expected = found[REFERENCE][0]["forecast"]
    rows, goals, odd = [], [], []
    for name in names:
        times, values = [times["seconds"] for times in found[name]], ratios(found, name, REFERENCE)
        rows.append([name, found[name][0]["how"], spread(times, readable), spread(values)])
        if CONTENDERS[name].least:
            goals.append(Goal(name, values, CONTENDERS[name].least))
        odd += [name] if abs(found[name][0]["forecast"] - expected) > AGREE else []
    print(
        "One window (12, 1) through SimpleRNN(3) and Dense(1, tanh), from Python, one thread: median (least .. most)."
    )
    print_table(["contender", "its fastest", "time", "over Timeglass's"], rows)
    print_goals(goals)
    if odd:
        print(f"Not the same forecast as Timeglass's {expected:.6f}: {', '.join(odd)}", file=sys.stderr)
    finish(given, here | {"found": found})
    return int(bool(odd))


if __name__ == "__main__":
    sys.exit(main())
