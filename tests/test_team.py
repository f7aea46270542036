"""Work spread over threads: all of it is done, errors and interruptions end it, and no result depends on it."""

from __future__ import annotations

import threading

import networks
import numpy as np
import pytest

from timeglass import Dense, OptionError, Sequential, SimpleRNN
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
    assert threading.active_count() == len([t for t in threading.enumerate() if t.is_alive()])


def test_what_look_raises_ends_all() -> None:
    pieces = [Piece(10**9) for _ in range(3)]

    def interrupt() -> None:
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        run_in_threads(pieces, 3, interrupt)
    assert threading.active_count() == before


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
    ("count", "threads", "size"),
    [(1, 1, 8), (8, 4, 8), (9, 1, 16), (16, 1, 16), (16, 2, 8), (32, 2, 16), (48, 2, 8), (256, 2, 16), (1000, 3, 16)],
)
def test_groups_are_sized_for_the_threads(count: int, threads: int, size: int) -> None:
    assert _group_size(count, threads) == size


@networks.needs_kernel
@pytest.mark.parametrize("count", [1, 16, 21, 40])
def test_no_bit_depends_on_the_threads(count: int) -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(60, 7, 2)).astype(np.float32), rng.normal(size=(60, 1)).astype(np.float32)
    trained = []
    for threads in (1, 2, 3, 5):
        model = Sequential([SimpleRNN(5, input_shape=(7, 2)), Dense(1)], networks=count, seed=9)
        model.compile("adam", "mse")
        model._engine = LanesEngine(threads=threads)
        losses = model.fit(x, y, epochs=3, batch_size=4, verbose=0).history["loss"]
        trained.append((model.weights.tobytes(), np.array(losses).tobytes()))
    assert trained[1:] == trained[:-1]
