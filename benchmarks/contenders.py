"""The contenders of seed_job.py: each makes the same network and trains it on the same windows.

Run as a program, it is one contender's process: `python contenders.py NAME WINDOWS.npy SEED` prints its times as JSON.
A contender's function imports its library and returns `make` (a seed in, a model out) and `fit` (a model in, the
loss of the last epoch of each network out). Imports are never timed.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CONTENDERS", "EPOCHS", "HIDDEN", "STEPS", "Contender"]

STEPS, HIDDEN, EPOCHS = 12, 3, 20

Floats = NDArray[np.float32]
Job = tuple[Callable[[int], Any], Callable[[Any], Sequence[float]]]  # make, fit


def timeglass(x: Floats, y: Floats, *, networks: int) -> Job:
    from timeglass import Dense, Sequential, SimpleRNN

    def make(seed: int) -> Any:
        layers = [SimpleRNN(HIDDEN, activation="tanh", input_shape=(STEPS, 1)), Dense(1, activation="tanh")]
        model = Sequential(layers, networks=networks, seed=seed)
        model.compile(optimizer="adam", loss="mean_squared_error")
        return model

    def fit(model: Any) -> Sequence[float]:
        history = model.fit(x, y, epochs=EPOCHS, batch_size=1, shuffle=True, verbose=0)
        return np.atleast_1d(history.history["loss"][-1]).tolist()

    return make, fit


def keras(
    x: Floats, y: Floats, *, backend: str, steps_per_execution: int, jit: bool, unroll: bool = False, pin: bool = False
) -> Job:
    os.environ.update(KERAS_BACKEND=backend, TF_CPP_MIN_LOG_LEVEL="2")
    if pin:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if backend == "torch":
        import torch

        torch.set_num_threads(1)
    from keras import Sequential, layers, utils

    utils.set_random_seed(0)  # imports TensorFlow where it is installed, whichever the backend: now, not in `make`

    def make(seed: int) -> Any:
        utils.set_random_seed(seed)
        recurrent = layers.SimpleRNN(HIDDEN, activation="tanh", unroll=unroll)
        model = Sequential([layers.Input((STEPS, 1)), recurrent, layers.Dense(1, activation="tanh")])
        model.compile("adam", "mean_squared_error", steps_per_execution=steps_per_execution, jit_compile=jit)
        return model

    def fit(model: Any) -> Sequence[float]:
        history = model.fit(x, y, epochs=EPOCHS, batch_size=1, shuffle=True, verbose=0)
        return [history.history["loss"][-1]]

    return make, fit


def jax_by_hand(x: Floats, y: Floats, *, networks: int) -> Job:
    """All epochs and steps in one compiled scan; every order of the windows is drawn beforehand."""
    import jax
    import jax.numpy as jnp

    glorot, orthogonal = jax.nn.initializers.glorot_uniform(), jax.nn.initializers.orthogonal()
    windows, targets = jnp.asarray(x[:, :, 0]), jnp.asarray(y[:, 0])

    def start(key: Any) -> Any:
        """Keras's initial weights, and the orders (EPOCHS, N)."""
        kernel, recurrent, dense, shuffles = jax.random.split(key, 4)
        wx, wh, bh = glorot(kernel, (1, HIDDEN))[0], orthogonal(recurrent, (HIDDEN, HIDDEN)), jnp.zeros(HIDDEN)
        orders = jax.vmap(lambda key: jax.random.permutation(key, len(x)))(jax.random.split(shuffles, EPOCHS))
        return (wx, wh, bh, glorot(dense, (HIDDEN, 1))[:, 0], jnp.zeros(())), orders

    def squared_error(weights: Any, window: Any, target: Any) -> Any:
        wx, wh, bh, wy, by = weights
        h, _ = jax.lax.scan(lambda h, value: (jnp.tanh(value * wx + h @ wh + bh), None), jnp.zeros(HIDDEN), window)
        return (jnp.tanh(h @ wy + by) - target) ** 2

    def train(weights: Any, orders: Any) -> Any:
        """The mean loss of each epoch."""

        def step(state: Any, i: Any) -> Any:
            w, m, v, t = state
            loss, dw = jax.value_and_grad(squared_error)(w, windows[i], targets[i])
            rate = 0.001 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            m = jax.tree.map(lambda m, dw: m + (dw - m) * 0.1, m, dw)
            v = jax.tree.map(lambda v, dw: v + (dw * dw - v) * 0.001, v, dw)
            w = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-7), w, m, v)
            return (w, m, v, t + 1), loss

        zeros = jax.tree.map(jnp.zeros_like, weights)
        trained, losses = jax.lax.scan(step, (weights, zeros, zeros, 1.0), orders.ravel())
        return trained[0], losses.reshape(orders.shape).mean(axis=1)

    begin, run = jax.jit(jax.vmap(start)), jax.jit(jax.vmap(train))
    if networks == 1:
        begin, run = jax.jit(start), jax.jit(train)

    def make(seed: int) -> Any:
        key = jax.random.key(seed)
        return jax.block_until_ready(begin(key if networks == 1 else jax.random.split(key, networks)))

    def fit(model: Any) -> Sequence[float]:
        _, losses = jax.block_until_ready(run(*model))
        return np.atleast_1d(np.asarray(losses)[..., -1]).tolist()

    return make, fit


@dataclass(frozen=True)
class Contender:
    """`needs` are the modules without which it is left out; `settings` go to `job` and into the report.

    `cached`: JAX finds its compiled programs on disk, as in a user's second run with JAX_COMPILATION_CACHE_DIR set.
    """

    job: Callable[..., Job]
    needs: tuple[str, ...]
    settings: dict[str, Any]
    cached: bool = False

    @property
    def networks(self) -> int:
        return self.settings.get("networks", 1)


def _keras(backend: str, steps: int = 1, *, jit: bool = True, cached: bool = False, **more: bool) -> Contender:
    settings = {"backend": backend, "steps_per_execution": steps, "jit": jit, **more}
    return Contender(keras, ("keras", backend), settings, cached)


CONTENDERS = {
    "timeglass-16": Contender(timeglass, ("timeglass",), {"networks": 16}),
    "timeglass-1": Contender(timeglass, ("timeglass",), {"networks": 1}),
    "jax-1": Contender(jax_by_hand, ("jax",), {"networks": 1}),
    "jax-16": Contender(jax_by_hand, ("jax",), {"networks": 16}),
    "keras-jax": _keras("jax"),
    "keras-jax-11": _keras("jax", 11),
    "keras-jax-187": _keras("jax", 187),
    "keras-jax-187-cache": _keras("jax", 187, cached=True),
    "keras-tensorflow-187": _keras("tensorflow", 187, jit=False, unroll=True),
    "keras-torch": _keras("torch", jit=False),  # takes steps_per_execution=1 only
}
if hasattr(os, "sched_setaffinity"):  # less hopping between threads: Keras's fastest, once it is compiled
    CONTENDERS["keras-jax-187-pin"] = _keras("jax", 187, pin=True)


def _repeated(measure: Callable[[], float], seconds: float = 1.0, most: int = 50) -> float:
    """The median of as many measurements as fit into about that time; at least one."""
    times = [measure()]
    while sum(times) < seconds and len(times) < most:
        times.append(measure())
    return statistics.median(times)


def measure(job: Job, seed: int) -> dict[str, Any]:
    """Seconds of making the first model, of its `first` fit, of the `next` new model's, of a `warm` one again."""
    make, fit = job
    began = time.perf_counter()
    model = make(seed)
    made = time.perf_counter()
    losses = fit(model)
    first = time.perf_counter() - made

    def fit_of(model: Any) -> float:
        began = time.perf_counter()
        fit(model)
        return time.perf_counter() - began

    following = _repeated(lambda: fit_of(make(seed + 1000)))
    warm = _repeated(lambda: fit_of(model))
    return {"make": made - began, "first": first, "next": following, "warm": warm, "losses": losses}


def main(name: str, windows_file: str, seed: str) -> None:
    table: Floats = np.load(windows_file)  # (N, STEPS + 1): a window and its target
    contender = CONTENDERS[name]
    job = contender.job(table[:, :STEPS, None], table[:, STEPS:], **contender.settings)
    print(json.dumps(measure(job, int(seed))))


if __name__ == "__main__":
    main(*sys.argv[1:])
