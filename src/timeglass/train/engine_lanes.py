"""The compiled engine: its lanes carry sixteen networks (or eight, or thirty-two), or sixteen windows of one."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from timeglass.errors import EngineWarning
from timeglass.kernel import calls
from timeglass.kernel.library import Library, load
from timeglass.kernel.structs import CARRIES, LANES, NARROW, WIDE, FitCode
from timeglass.kernel.training import Fit, Group
from timeglass.network.architecture import Architecture
from timeglass.network.dropout import check_rates
from timeglass.train.engine import FitTask, OnProgress, TrainingState
from timeglass.train.engine_numpy import NumpyEngine
from timeglass.train.kernel_codes import dropout_rates, kernel_lacks, loss_code, network_code, optimizer_code
from timeglass.train.team import run_in_threads, thread_count
from timeglass.types import Array, Floats

__all__ = ["Carry", "LanesEngine", "carries_samples"]

Carry = Literal["networks", "samples"]

# A slice of training between two looks at the keyboard and the progress bar, and one of prediction: multiply-adds of
# one lane that take some ten milliseconds.
_SLICE_SECONDS, _LOOK_SECONDS = 0.04, 0.01
_WORK_OF_A_SLICE = 3_000_000

# Multiply-adds of one lane that take half a millisecond; to wake a thread takes a tenth of that.
_WORK_WORTH_A_THREAD = 150_000

# What groups of networks take of the time of sixteen, measured.
_TIMES = {NARROW: 0.6, LANES: 1.0, WIDE: 1.8}
# Weights of a network up to which thirty-two are worth it: the values of larger ones do not fit the registers.
_WIDE_WEIGHTS = 60

# From this batch size on the lanes carry samples. Never a matter of how many networks there are: one network's bits
# would depend on its company.
_SAMPLES_FROM = 16


def carries_samples(task: FitTask, networks: int) -> NDArray[np.bool_]:
    """(L,): for which networks the lanes carry samples in a fit: where a batch of theirs has sixteen windows."""
    if task.lanes is not None:
        return np.full(networks, task.lanes == "samples")
    return np.minimum(task.batch_size, task.counts_of(networks)) >= _SAMPLES_FROM


def _carry_of(samples: NDArray[np.bool_]) -> Carry:
    return "samples" if samples.all() else "networks"


class _DivergedError(Exception):
    """Ends a fit in which a loss is not finite."""


class _Settings:
    """The kernel's settings of a fit, row by row, with the arrays that they point to."""

    def __init__(self, engine: LanesEngine, task: FitTask, state: TrainingState) -> None:
        networks = len(state.weights)
        self._engine, self._task, self._first_epoch = engine, task, state.epochs
        self._rates = task.optimizer.base_rates(networks) * state.rate_scale
        self._l2 = None if task.l2 is None or not np.any(task.l2) else np.array(task.l2, dtype=np.float64)
        check_rates(task.architecture, networks)
        self._dropout = dropout_rates(task.architecture, networks)
        self._loss, self._levels = loss_code(task.loss)
        self._first_step = int(state.steps.min())
        last_step = int(state.steps.max()) + task.epochs * task.batches
        self._factors: NDArray[np.float64] | None = None
        if hasattr(task.optimizer.learning_rate, "factor"):
            steps = np.arange(self._first_step, last_step, dtype=np.int64)
            self._factors = np.ascontiguousarray(task.optimizer.factor(steps), dtype=np.float64)

    def of(self, rows: slice, carry: Carry) -> FitCode:
        engine, task = self._engine, self._task

        def at(values: NDArray[np.float64] | None) -> int | None:
            return None if values is None else values[rows].ctypes.data

        return FitCode(
            loss=self._loss, optimizer=optimizer_code(task.optimizer),
            rates=at(self._rates), l2=at(self._l2), dropout=at(self._dropout),
            factors=None if self._factors is None else self._factors.ctypes.data, first_step=self._first_step,
            factor_count=0 if self._factors is None else len(self._factors),
            seed=task.seed, first_epoch=self._first_epoch, epochs=task.epochs, batch_size=task.batch_size,
            shuffle=task.shuffle, carry=CARRIES.index(carry),
            slice_batches=engine.slice_batches, slice_seconds=_SLICE_SECONDS,
        )  # fmt: skip


def _group_size(networks: int, threads: int, wide: bool) -> int:
    """Networks in a group: sixteen, or eight or thirty-two where the threads end sooner with those."""

    def time(size: int) -> float:
        return -(-networks // size // threads) * _TIMES[size]

    return min([LANES, NARROW, WIDE] if wide else [LANES, NARROW], key=time)


def _flat(y: Floats, outputs: int) -> Floats:
    """Y (…, N, targets) from y (…, N, …) of a network whose output has so many axes."""
    return np.ascontiguousarray(y.reshape(*y.shape[: y.ndim - outputs], -1), dtype=np.float32)


@dataclass(frozen=True)
class LanesEngine:
    """Networks or samples in lanes, groups of lanes spread over threads.

    `threads` None takes one for a short fit, else `thread_count()`; `group_size` None takes as many networks in a group
    (8, 16 or, with AVX-512, 32) as let the threads end soonest. `slice_batches` bounds a slice of training besides its
    40 ms; 0 leaves it unbounded. None of them changes a result. What the kernel does not have runs on the NumPy engine,
    with one `EngineWarning`.
    """

    library: Library = field(default_factory=load)
    threads: int | None = None
    slice_batches: int = 0
    group_size: int | None = None
    name = "lanes"
    _codes: list[Any] = field(default_factory=list, repr=False, compare=False)
    _said: set[str] = field(default_factory=set, repr=False, compare=False)

    def _code(self, architecture: Architecture) -> calls.NetworkCode | None:
        """The network in the kernel's words, kept for the next call; None, once with a warning, where it has none."""
        if not self._codes or self._codes[0] is not architecture:
            code, lacks = network_code(architecture), kernel_lacks(architecture)
            if lacks is None and self.library.calls.tg_count_weights(code.at) < 0:
                lacks = "networks of this size"
            if lacks and lacks not in self._said:
                self._said.add(lacks)
                warnings.warn(
                    f"the compiled engine does not have {lacks}: the NumPy engine runs this network, more slowly",
                    EngineWarning,
                    stacklevel=2,
                )
            self._codes[:] = [architecture, None if lacks else code]
        return self._codes[1]

    def _windows(self, task: FitTask) -> calls.Windows:
        y = _flat(task.y, len(task.architecture.output_shape))
        weight = None if task.sample_weight is None else np.ascontiguousarray(task.sample_weight, dtype=np.float32)
        counts = None if task.counts is None else np.ascontiguousarray(task.counts, dtype=np.int64)
        return calls.Windows(np.ascontiguousarray(task.x, dtype=np.float32), y, weight, counts)

    def fit(self, task: FitTask, state: TrainingState, on_progress: OnProgress) -> Array:
        code = self._code(task.architecture)
        if code is None:
            return NumpyEngine().fit(task, state, on_progress)
        task.check(len(state.weights))
        state.make_slots(task.optimizer)
        samples = carries_samples(task, len(state.weights))
        if samples.any() and not samples.all():
            return self._fit_apart(task, state, samples, on_progress)
        state.slots = np.ascontiguousarray(state.slots)  # `take` gives them in another order
        networks, carry = len(state.weights), _carry_of(samples)
        work = task.architecture.work * task.windows * task.epochs * -(-networks // LANES)
        most = thread_count()  # also where one will do: what TIMEGLASS_THREADS says is never passed over
        threads = self.threads or (most if work > _WORK_WORTH_A_THREAD else 1)
        wide = self.library.instruction_set == "avx512" and task.architecture.weight_count <= _WIDE_WEIGHTS
        size = 1 if carry == "samples" else self.group_size or _group_size(networks, threads, wide)
        settings, windows = _Settings(self, task, state), self._windows(task)
        fits = []
        for first in range(0, networks, size):
            rows = slice(first, min(first + size, networks))
            group = Group(
                state.numbers[rows], state.weights[rows], state.slots[:, rows], state.steps[rows],
                state.beta_powers[rows], state.best_weights[rows], state.best_loss[rows],
            )  # fmt: skip
            fits.append(Fit(self.library, code, windows.some(rows), settings.of(rows, carry), group))

        looked = time.monotonic()

        def look() -> None:
            nonlocal looked
            if any(fit.diverged for fit in fits):
                raise _DivergedError  # nobody wants the epochs that are left
            # Not after each of thousands of short slices, since it looks at every fit.
            if (now := time.monotonic()) >= looked + _LOOK_SECONDS:
                looked = now
                done = sum(fit.epochs_done * len(fit.losses) for fit in fits)
                on_progress(min(1.0, done / (networks * task.epochs)))

        try:
            _run(fits, threads, look, crews=carry == "samples")
        except _DivergedError:
            pass
        finally:
            for fit in fits:
                fit.give_back()
            state.epochs += min(fit.progress.epoch for fit in fits)
        on_progress(1.0)
        return np.concatenate([fit.losses for fit in fits])

    def _fit_apart(
        self, task: FitTask, state: TrainingState, samples: NDArray[np.bool_], on_progress: OnProgress
    ) -> Array:
        """Networks for which the lanes carry samples, and the others: one after the other."""
        losses, share = np.empty((len(samples), task.epochs)), float(samples.mean())
        # Both are taken before either is trained, which moves the count of epochs on.
        parts = [(samples, state.take(samples), 0.0, share), (~samples, state.take(~samples), share, 1.0 - share)]
        for rows, some, begin, width in parts:

            def tell(done: float, begin: float = begin, width: float = width) -> None:
                on_progress(begin + done * width)

            try:
                losses[rows] = self.fit(task.take(rows), some, tell)
            finally:
                state.put(rows, some)
        return losses

    def predict(self, architecture: Architecture, weights: Floats, x: Floats) -> Floats:
        code = self._code(architecture)
        if code is None:
            return NumpyEngine().predict(architecture, weights, x)
        weights, x = np.ascontiguousarray(weights), np.ascontiguousarray(x, dtype=np.float32)
        networks, count = len(weights), x.shape[-3]
        of_samples = networks * -(-count // LANES)
        carry: Carry = "samples" if of_samples < -(-networks // LANES) * count else "networks"
        work = max(1, architecture.work)
        if networks <= LANES and count * work <= _WORK_OF_A_SLICE:
            out = calls.predict(self.library, code, weights, calls.Windows(x), carry)
            return out.reshape(networks, count, *architecture.output_shape)
        at_once = max(LANES, _WORK_OF_A_SLICE // work // LANES * LANES)
        out = np.empty((networks, count, code.outputs), dtype=np.float32)
        for first in range(0, networks, LANES):
            rows = slice(first, first + LANES)
            for begin in range(0, count, at_once):
                here = slice(begin, begin + at_once)
                some = np.ascontiguousarray(x[rows, here] if x.ndim == 4 else x[here])
                out[rows, here] = calls.predict(self.library, code, weights[rows], calls.Windows(some), carry)
        return out.reshape(networks, count, *architecture.output_shape)

    def gradients(self, task: FitTask, weights: Array) -> tuple[Array, Array]:
        code = self._code(task.architecture)
        if code is None or weights.dtype != np.float32:
            return NumpyEngine().gradients(task, weights)
        task.check(len(weights))
        large = task.counts_of(len(weights)) >= _SAMPLES_FROM
        if task.lanes is None and large.any() and not large.all():
            # Each network as its own windows ask, or its bits would depend on its company.
            losses, gradients = np.empty(len(weights)), np.empty(weights.shape)
            for rows in (large, ~large):
                losses[rows], gradients[rows] = self.gradients(task.take(rows), weights[rows])
            return losses, gradients
        carry = task.lanes or ("samples" if large.all() else "networks")
        losses, gradients = self._sums(code, task, weights, carry)
        if task.l2 is not None:
            kernels = weights.astype(np.float64) * task.architecture.regularized
            losses += task.l2 * np.sum(np.square(kernels), axis=1)
            gradients += 2.0 * task.l2[:, None] * kernels
        return losses, gradients

    def _sums(self, code: calls.NetworkCode, task: FitTask, weights: Array, carry: Carry) -> tuple[Array, Array]:
        """Losses (L,) and gradients (L, P) without L2, so few windows in a call that Ctrl-C is not kept waiting.

        Which windows go together depends on the architecture alone: no network's sum depends on its company.
        """
        loss, _levels = loss_code(task.loss)
        windows, counts = self._windows(task), task.counts_of(len(weights))
        at_once = max(LANES, _WORK_OF_A_SLICE // max(1, task.architecture.work) // LANES * LANES)
        group = LANES * max(1, at_once // task.windows)
        losses, gradients = np.zeros(len(weights)), np.zeros(weights.shape)
        for first in range(0, len(weights), group):
            for begin in range(0, task.windows, at_once):
                rows = first + np.flatnonzero(counts[first : first + group] > begin)
                if rows.size == 0:
                    break
                own = np.minimum(counts[rows] - begin, at_once)
                some = windows.between(begin, begin + int(own.max()), rows, own)
                means, slopes = calls.gradients(self.library, code, weights[rows], some, loss, carry)
                losses[rows] += means * (own / counts[rows])
                gradients[rows] += slopes * (own / counts[rows])[:, None]
        return losses, gradients

    def jacobian(self, architecture: Architecture, weights: Array, x: Array) -> tuple[Array, Array]:
        code = self._code(architecture)
        if code is None or weights.dtype != np.float32:
            return NumpyEngine().jacobian(architecture, weights, x)
        windows = calls.Windows(np.ascontiguousarray(x, dtype=np.float32))
        return calls.jacobian(self.library, code, np.ascontiguousarray(weights), windows)


def _run(fits: list[Fit], threads: int, look: Callable[[], None], *, crews: bool) -> None:
    """All fits, so many threads at once; with fewer fits than threads, several threads at each in turn."""
    if not crews or threads == 1 or len(fits) >= threads:
        run_in_threads(fits, threads, look)
        return
    for fit in fits:
        fit.share_with_helpers()
        run_in_threads([fit, *[fit.help] * (threads - 1)], threads, look)
