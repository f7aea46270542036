"""Work spread over threads: all of it is done, errors and interruptions end it, and no result depends on it."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import networks
import numpy as np
import pytest
from fits import Trained, by_hand, check_same_bits, each_carry, fitted
from networks import DROPPING, NETWORKS, state_of, task_of

from timeglass import Dense, OptionError, Sequential, SimpleRNN
from timeglass.kernel.training import Fit
from timeglass.train import engine_lanes
from timeglass.train.engine import FitTask, TrainingState
from timeglass.train.engine_lanes import LanesEngine, _group_size
from timeglass.train.team import run_in_threads, thread_count


class Piece:
    """Has so many calls to make, and remembers the threads that made them."""

    def __init__(self, calls: int) -> None:
        self.left = calls
        self.threads: set[int] = set()

    def __call__(self) -> bool:
        self.threads.add(threading.get_ident())
        self.left -= 1
        return self.left > 0


@pytest.mark.parametrize("threads", [1, 2, 5, 50])
def test_every_piece_is_called_until_it_is_done(threads: int) -> None:
    pieces = [Piece(calls) for calls in (3, 1, 7, 2, 2, 9)]
    looks = []
    run_in_threads(pieces, threads, lambda: looks.append(threading.get_ident()))
    assert [piece.left for piece in pieces] == [0] * 6
    assert all(len(piece.threads) == 1 for piece in pieces)  # a piece stays with its thread
    assert set(looks) == {threading.get_ident()}


def test_pieces_run_at_the_same_time() -> None:
    meeting = threading.Barrier(3, timeout=10)
    run_in_threads([lambda: meeting.wait() < 0 for _ in range(3)], 3, lambda: None)


def test_what_a_piece_raises_ends_the_others_and_arrives_here() -> None:
    def fail() -> bool:
        raise RuntimeError("in a thread")

    endless = Piece(10**9)
    with pytest.raises(RuntimeError, match="in a thread"):
        run_in_threads([endless, fail], 2, lambda: None)
    left = endless.left
    time.sleep(0.05)
    assert endless.left == left > 0  # nobody works on it any more


def test_what_look_raises_ends_all() -> None:
    pieces = [Piece(10**9) for _ in range(3)]

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_in_threads(pieces, 3, interrupt)
    left = [piece.left for piece in pieces]
    time.sleep(0.05)
    assert [piece.left for piece in pieces] == left  # nobody works on them any more


def test_the_helpers_are_kept_and_serve_several_callers_at_once() -> None:
    run_in_threads([Piece(2) for _ in range(4)], 4, lambda: None)
    before = threading.active_count()
    done = []

    def caller() -> None:
        pieces = [Piece(3) for _ in range(4)]
        run_in_threads(pieces, 4, lambda: None)
        done.append([piece.left for piece in pieces])

    callers = [threading.Thread(target=caller) for _ in range(6)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join(timeout=30)
    assert done == [[0] * 4] * 6
    assert threading.active_count() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_gets_helpers_of_its_own() -> None:
    program = """
import os
from timeglass.train.team import run_in_threads
def pieces():
    left = [3, 3, 3]
    def make(i):
        def piece():
            left[i] -= 1
            return left[i] > 0
        return piece
    run_in_threads([make(i) for i in range(3)], 3, lambda: None)
    return left
assert pieces() == [0, 0, 0]
child = os.fork()
if child == 0:
    os._exit(0 if pieces() == [0, 0, 0] else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), pieces())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "0 [0, 0, 0]\n"


def test_the_number_of_threads_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIMEGLASS_THREADS", raising=False)
    assert thread_count() >= 1
    monkeypatch.setenv("TIMEGLASS_THREADS", "7")
    assert thread_count() == 7
    for wrong in ("0", "-1", "two", "9999", "²"):
        monkeypatch.setenv("TIMEGLASS_THREADS", wrong)
        with pytest.raises(OptionError, match=f"TIMEGLASS_THREADS={wrong}: expected a whole number from 1 to 1024"):
            thread_count()


@pytest.mark.parametrize(
    ("count", "threads", "size", "wide"),
    [(1, 1, 8, 8), (8, 4, 8, 8), (9, 1, 16, 16), (16, 1, 16, 16), (16, 2, 8, 8), (32, 1, 16, 32), (32, 2, 16, 16),
     (48, 2, 8, 8), (256, 2, 16, 32), (1000, 3, 16, 32)],
)  # fmt: skip
def test_groups_are_sized_for_the_threads(count: int, threads: int, size: int, wide: int) -> None:
    assert _group_size(count, threads, wide=False) == size
    assert _group_size(count, threads, wide=True) == wide


EVERY = {**NETWORKS, **{f"dropping, {name}": network for name, network in DROPPING.items()}}


@networks.each_instruction_set
@pytest.mark.parametrize("name", EVERY)
def test_no_bit_depends_on_the_size_of_the_group(library, name):
    task, state = replace(task_of(EVERY[name]), lanes="networks"), state_of(EVERY[name], 40)
    sizes = (8, 16, 32) if library.instruction_set == "avx512" else (8, 16)
    check_same_bits(*(fitted(LanesEngine(library, group_size=size), task, state) for size in sizes))


@networks.needs_kernel
@each_carry
@pytest.mark.parametrize(("count", "batch_size"), [(1, 4), (3, 64), (21, 40), (40, 4)])
def test_no_bit_depends_on_the_threads(count, batch_size, lanes):
    # 150 windows in batches of 64 are four columns of sixteen, which a crew shares where there are fewer networks than
    # threads.
    network = networks.DROPPING["two ways"]
    task = task_of(network, count=150, batch_size=batch_size, lanes=lanes, epochs=2)
    state = state_of(network, count)
    alone = fitted(LanesEngine(threads=1), task, state)
    for threads in (2, 3, 5, 9):
        check_same_bits(alone, fitted(LanesEngine(threads=threads), task, state))


@networks.needs_kernel
def test_a_model_trained_by_many_threads_is_the_one_trained_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_lanes, "_WORK_WORTH_A_THREAD", 0)
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(60, 7, 2)).astype(np.float32), rng.normal(size=(60, 1)).astype(np.float32)
    trained = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("TIMEGLASS_THREADS", threads)
        model = Sequential([SimpleRNN(5, input_shape=(7, 2)), Dense(1)], networks=2, seed=9)
        model.compile("adam", "mse")
        losses = model.fit(x, y, epochs=3, batch_size=32, verbose=0).history["loss"]
        trained.append((model.weight_rows.tobytes(), np.array(losses).tobytes()))
    assert trained[1:] == trained[:-1]


# A crew: threads that share the batches of one network


CREWED = networks.NETWORKS["gru"]


def crewed_task(**options: Any) -> FitTask:
    return task_of(CREWED, **{"count": 600, "batch_size": 256, "lanes": "samples", "epochs": 6} | options)


@functools.cache
def trained_alone() -> Trained:
    return fitted(LanesEngine(threads=1), crewed_task(), state_of(CREWED, 1))


def until_done(fit: Fit, also: Callable[[int], None] = lambda slices: None) -> None:
    """Leads the fit slice by slice, and does something else in between."""
    slices = 0
    while fit():
        slices += 1
        also(slices)
    fit.give_back()


def check_as_alone(fit: Fit, state: TrainingState) -> None:
    state.epochs = trained_alone()[1].epochs
    check_same_bits(trained_alone(), (fit.losses, state))


@networks.needs_kernel
@pytest.mark.parametrize("helpers", [0, 1, 4])
def test_helpers_change_no_bit(helpers: int) -> None:
    state = state_of(CREWED, 1)
    fit, _ = by_hand(crewed_task(), state, slice_batches=2)
    fit.share_with_helpers()
    with ThreadPoolExecutor(max(1, helpers)) as pool:
        done = [pool.submit(lambda: [None for _ in iter(fit.help, False)]) for _ in range(helpers)]
        until_done(fit)
        for one in done:
            one.result(timeout=30)  # each learns that the training is over
    check_as_alone(fit, state)


@networks.needs_kernel
def test_helpers_that_come_late_and_leave_early_change_no_bit() -> None:
    state = state_of(CREWED, 1)
    fit, _ = by_hand(crewed_task(), state, slice_batches=1)
    fit.share_with_helpers()
    fit._settings.slice_seconds = 0.001  # so long a helper stays
    with ThreadPoolExecutor(3) as pool:
        come: list[Future[bool]] = []
        until_done(fit, lambda slices: come.append(pool.submit(fit.help)) if slices % 3 == 1 else None)
        more = [one.result(timeout=30) for one in come]
    assert len(more) >= 5
    check_as_alone(fit, state)
    assert fit.help() is False  # who comes when all is done is told so


@networks.needs_kernel
def test_helpers_do_take_shares() -> None:
    # One who works on other windows spoils the result: so what they did was used.
    other = crewed_task()
    other = replace(other, x=-other.x)
    for _ in range(20):
        state = state_of(CREWED, 1)
        fit, _ = by_hand(crewed_task(epochs=200), state)
        wrong, _ = by_hand(replace(other, epochs=200), state_of(CREWED, 1))
        fit.share_with_helpers()
        wrong._crew, wrong.progress = fit._crew, fit.progress
        helper = threading.Thread(target=lambda wrong=wrong: [None for _ in iter(wrong.help, False)])
        helper.start()
        until_done(fit)
        helper.join(timeout=30)
        right = fitted(LanesEngine(threads=1), crewed_task(epochs=200), state_of(CREWED, 1))
        if not np.array_equal(right[1].weights, state.weights):
            return
    pytest.fail("in twenty fits the helper took no share")


@networks.needs_kernel
def test_what_ends_a_crews_fit_ends_its_helpers() -> None:
    looks = 0

    def interrupt(_: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            raise KeyboardInterrupt

    state = state_of(CREWED, 1)
    with pytest.raises(KeyboardInterrupt):
        LanesEngine(threads=4, slice_batches=1).fit(crewed_task(epochs=10**6), state, interrupt)
    before = state.weights.copy()
    time.sleep(0.05)
    assert np.array_equal(before, state.weights)
    check_same_bits(trained_alone(), fitted(LanesEngine(threads=4), crewed_task(), state_of(CREWED, 1)))
