"""The contenders of seed_job.py: each makes the same network and trains it on the same windows.

A contender's function imports its library and returns `make` (a seed in, a model out) and `fit` (a model in, the
loss of the last epoch of each network out). Imports are never timed. `first_to_warm` is the job of a worker.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from measure import Job, Numbers, repeated
from numpy.typing import NDArray

__all__ = ["CONTENDERS", "EPOCHS", "HIDDEN", "STEPS", "Contender", "first_to_warm"]

STEPS, HIDDEN, EPOCHS = 12, 3, 20

Floats = NDArray[np.float32]
Fit = tuple[Callable[[int], Any], Callable[[Any], Sequence[float]]]  # make, fit


def timeglass(x: Floats, y: Floats, *, networks: int) -> Fit:
    from timeglass import Dense, Sequential, SimpleRNN

    def make(seed: int) -> Any:
        layers: list[Any] = [SimpleRNN(HIDDEN, activation="tanh", input_shape=(STEPS, 1)), Dense(1, activation="tanh")]
        model = Sequential(layers, networks=networks, seed=seed)
        model.compile(optimizer="adam", loss="mean_squared_error")
        return model

    def fit(model: Any) -> Sequence[float]:
        history = model.fit(x, y, epochs=EPOCHS, batch_size=1, shuffle=True, verbose=0)
        return np.atleast_1d(history.history["loss"][-1]).tolist()

    return make, fit


def keras(
    x: Floats, y: Floats, *, backend: str, steps_per_execution: int, jit: bool, unroll: bool = False, pin: bool = False
) -> Fit:
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


def _jax_start(key: Any, windows: int) -> Any:
    """Keras's initial weights of one network, and the orders (EPOCHS, N) of its windows."""
    import jax
    import jax.numpy as jnp

    glorot, orthogonal = jax.nn.initializers.glorot_uniform(), jax.nn.initializers.orthogonal()
    kernel, recurrent, dense, shuffles = jax.random.split(key, 4)
    wx, wh, bh = glorot(kernel, (1, HIDDEN))[0], orthogonal(recurrent, (HIDDEN, HIDDEN)), jnp.zeros(HIDDEN)
    orders = jax.vmap(lambda key: jax.random.permutation(key, windows))(jax.random.split(shuffles, EPOCHS))
    return (wx, wh, bh, glorot(dense, (HIDDEN, 1))[:, 0], jnp.zeros(())), orders


def _jax_adam(state: Any, dw: Any) -> Any:
    """The state (weights, first and second moment, step from 1 on) after one step with Keras's defaults."""
    import jax
    import jax.numpy as jnp

    w, m, v, t = state
    rate = 0.001 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    m = jax.tree.map(lambda m, dw: m + (dw - m) * 0.1, m, dw)
    v = jax.tree.map(lambda v, dw: v + (dw * dw - v) * 0.001, v, dw)
    w = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-7), w, m, v)
    return w, m, v, t + 1


def jax_by_hand(x: Floats, y: Floats, *, networks: int) -> Fit:
    """One network in plain JAX, vmapped; all epochs and steps in one compiled scan, orders drawn beforehand."""
    import jax
    import jax.numpy as jnp

    windows, targets = jnp.asarray(x[:, :, 0]), jnp.asarray(y[:, 0])

    def squared_error(weights: Any, window: Any, target: Any) -> Any:
        wx, wh, bh, wy, by = weights
        h, _ = jax.lax.scan(lambda h, value: (jnp.tanh(value * wx + h @ wh + bh), None), jnp.zeros(HIDDEN), window)
        return (jnp.tanh(h @ wy + by) - target) ** 2

    def train(weights: Any, orders: Any) -> Any:
        """The mean loss of each epoch."""

        def step(state: Any, i: Any) -> Any:
            loss, dw = jax.value_and_grad(squared_error)(state[0], windows[i], targets[i])
            return _jax_adam(state, dw), loss

        zeros = jax.tree.map(jnp.zeros_like, weights)
        trained, losses = jax.lax.scan(step, (weights, zeros, zeros, 1.0), orders.ravel())
        return trained[0], losses.reshape(orders.shape).mean(axis=1)

    def start(key: Any) -> Any:
        return _jax_start(key, len(x))

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


def jax_in_lanes(x: Floats, y: Floats, *, networks: int, devices: int = 1) -> Fit:
    """JAX laid out for vector registers: networks on the last axis, one weight array, the loop over time unrolled.

    With two devices each core has half of the networks. To unroll the loop over steps, too (2, 4, 8, 16), to donate
    buffers and to allow fast math did not make it faster.
    """
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={devices}"
    import jax
    import jax.numpy as jnp

    windows, targets = jnp.asarray(x[:, :, 0].T), jnp.asarray(y[:, 0])  # (T, N), (N)

    def squared_errors(w: Any, window: Any, target: Any) -> Any:
        """Their sum, and each network's (L,), from weights (19, L) and windows (T, L)."""
        wx, wh, bh, wy, by = jnp.split(w, (HIDDEN, HIDDEN + HIDDEN**2, 2 * HIDDEN + HIDDEN**2, 3 * HIDDEN + HIDDEN**2))
        rows = wh.reshape(HIDDEN, HIDDEN, -1)
        h = jnp.zeros_like(wx)
        for value in window:
            h = jnp.tanh(value * wx + bh + sum(h[i] * rows[i] for i in range(HIDDEN)))
        errors = (jnp.tanh((h * wy).sum(axis=0) + by[0]) - target) ** 2
        return errors.sum(), errors

    def train(w: Any, orders: Any) -> Any:
        """The mean loss of each epoch (EPOCHS, L); orders (EPOCHS, N, L)."""

        def step(state: Any, i: Any) -> Any:
            found, dw = jax.value_and_grad(squared_errors, has_aux=True)(state[0], windows[:, i], targets[i])
            return _jax_adam(state, dw), found[1]

        begin = (w, jnp.zeros_like(w), jnp.zeros_like(w), jnp.float32(1))
        trained, losses = jax.lax.scan(step, begin, orders.reshape(-1, orders.shape[-1]))
        return trained[0], losses.reshape(orders.shape).mean(axis=1)

    def start(key: Any) -> Any:
        weights, orders = jax.vmap(lambda key: _jax_start(key, len(x)))(jax.random.split(key, networks // devices))
        flat = jnp.concatenate([array.reshape(networks // devices, -1) for array in weights], axis=1)
        return flat.T, jnp.moveaxis(orders, 0, -1)

    begin, run = (jax.pmap(start), jax.pmap(train)) if devices > 1 else (jax.jit(start), jax.jit(train))

    def make(seed: int) -> Any:
        key = jax.random.key(seed)
        return jax.block_until_ready(begin(jax.random.split(key, devices) if devices > 1 else key))

    def fit(model: Any) -> Sequence[float]:
        _, losses = jax.block_until_ready(run(*model))
        return np.asarray(losses)[..., -1, :].ravel().tolist()

    return make, fit


@dataclass(frozen=True)
class Contender:
    """`needs` are the modules without which it is left out; `settings` go to `job` and into the report.

    `cached`: JAX finds its compiled programs on disk, as in a user's second run with JAX_COMPILATION_CACHE_DIR set.
    """

    job: Callable[..., Fit]
    needs: tuple[str, ...]
    settings: dict[str, Any]
    cached: bool = False
    threads: int = 2

    @property
    def networks(self) -> int:
        return self.settings.get("networks", 1)


def _keras(backend: str, steps: int = 1, *, jit: bool = True, cached: bool = False, **more: bool) -> Contender:
    settings = {"backend": backend, "steps_per_execution": steps, "jit": jit, **more}
    return Contender(keras, ("keras", backend), settings, cached)


CONTENDERS = {
    "timeglass-16": Contender(timeglass, ("timeglass",), {"networks": 16}),
    "timeglass-1": Contender(timeglass, ("timeglass",), {"networks": 1}),
    "timeglass-256": Contender(timeglass, ("timeglass",), {"networks": 256}),
    "timeglass-1000": Contender(timeglass, ("timeglass",), {"networks": 1000}),
    "timeglass-1000-one-thread": Contender(timeglass, ("timeglass",), {"networks": 1000}, threads=1),
    "jax-1": Contender(jax_by_hand, ("jax",), {"networks": 1}),
    "jax-16": Contender(jax_by_hand, ("jax",), {"networks": 16}),
    "jax-256": Contender(jax_by_hand, ("jax",), {"networks": 256}),
    "jax-256-lanes": Contender(jax_in_lanes, ("jax",), {"networks": 256}),
    "jax-256-lanes-pair": Contender(jax_in_lanes, ("jax",), {"networks": 256, "devices": 2}),
    "keras-jax": _keras("jax"),
    "keras-jax-11": _keras("jax", 11),
    "keras-jax-187": _keras("jax", 187),
    "keras-jax-187-cache": _keras("jax", 187, cached=True),
    "keras-tensorflow-187": _keras("tensorflow", 187, jit=False, unroll=True),
    "keras-torch": _keras("torch", jit=False),  # takes steps_per_execution=1 only
}
if hasattr(os, "sched_setaffinity"):  # less hopping between threads: Keras's fastest, once it is compiled
    CONTENDERS["keras-jax-187-pin"] = _keras("jax", 187, pin=True)


def measure(fit_of: Fit, seed: int) -> Numbers:
    """Seconds of making the first model, of its `first` fit, of the `next` new model's, of a `warm` one again."""
    make, fit = fit_of
    began = time.perf_counter()
    model = make(seed)
    made = time.perf_counter()
    losses = fit(model)
    first = time.perf_counter() - made

    def seconds(model: Any) -> float:
        began = time.perf_counter()
        fit(model)
        return time.perf_counter() - began

    following = repeated(lambda: seconds(make(seed + 1000)))
    warm = repeated(lambda: seconds(model))
    return {"make": made - began, "first": first, "next": following, "warm": warm, "losses": list(losses)}


def first_to_warm(name: str, windows: str, seed: int) -> Job:
    """The job of a worker that has done nothing yet: the contender NAME on windows and targets (N, STEPS + 1)."""
    table: Floats = np.load(windows)
    contender = CONTENDERS[name]
    fit_of = contender.job(table[:, :STEPS, None], table[:, STEPS:], **contender.settings)
    return lambda: measure(fit_of, seed)
