"""Several pieces of work at once, in threads: for calls that let go of the interpreter while they run."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue

from timeglass.errors import OptionError

__all__ = ["run_in_threads", "thread_count"]

_LOOK_SECONDS = 0.02


def thread_count() -> int:
    """TIMEGLASS_THREADS, or as many as this process may use processors."""
    asked = os.environ.get("TIMEGLASS_THREADS", "")
    if asked and not (asked.isascii() and asked.isdigit() and 1 <= int(asked) <= 1024):
        raise OptionError(f"TIMEGLASS_THREADS={asked}: expected a whole number from 1 to 1024")
    if asked:
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Helpers:
    """Threads that wait for something to do; started when first needed, since to start one takes longer than a fit."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """After a fork the child has none of them."""
        self._asked: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._count = 0
        self._lock = threading.Lock()

    def ask(self, job: Callable[[], None], helpers: int) -> None:
        """Has one of the helpers, at least so many of which there shall be, do the job some time."""
        with self._lock:
            while self._count < helpers:
                threading.Thread(target=self._serve, args=(self._asked,), name="timeglass", daemon=True).start()
                self._count += 1
        self._asked.put(job)

    @staticmethod
    def _serve(asked: SimpleQueue[Callable[[], None]]) -> None:
        while True:
            asked.get()()


_HELPERS = _Helpers()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_HELPERS.forget)


class _Run:
    """Pieces of work, and who is at them."""

    def __init__(self, pieces: Sequence[Callable[[], bool]]) -> None:
        self._waiting = deque(pieces)
        self._active = 0
        self._lock = threading.Lock()
        self._stopped = False
        self.errors: list[BaseException] = []
        self.ended = threading.Event()

    def _take(self) -> Callable[[], bool] | None:
        with self._lock:
            if self._stopped or not self._waiting:
                return None
            self._active += 1
            return self._waiting.popleft()

    def _put_down(self) -> None:
        with self._lock:
            self._active -= 1
            self._note_end()

    def _note_end(self) -> None:
        if self._active == 0 and (self._stopped or not self._waiting):
            self.ended.set()

    def stop(self) -> None:
        """Ends all pieces after their present call."""
        with self._lock:
            self._stopped = True
            self._note_end()

    def work(self, look: Callable[[], None]) -> None:
        while piece := self._take():
            try:
                more = True
                while more and not self._stopped:
                    more = piece()
                    look()
            finally:
                self._put_down()

    def help_out(self) -> None:
        try:
            self.work(lambda: None)
        except BaseException as error:
            self.errors.append(error)
            self.stop()


def run_in_threads(pieces: Sequence[Callable[[], bool]], threads: int, look: Callable[[], None]) -> None:
    """Calls each piece until it gives False; as many pieces at once as there are threads.

    The caller's thread works too, and calls `look` after each of its calls, while it waits for the others and at the
    end. What `look` or a piece raises stops all pieces at their present call's end and is raised here.
    """
    run = _Run(pieces)
    helpers = min(threads, len(pieces)) - 1
    try:
        for _ in range(helpers):
            _HELPERS.ask(run.help_out, helpers)
        run.work(look)
        while not run.ended.wait(_LOOK_SECONDS):
            look()
        if helpers and not run.errors:
            look()  # at what the others have done meanwhile
    finally:
        run.stop()
        run.ended.wait()
    if run.errors:
        raise run.errors[0]
