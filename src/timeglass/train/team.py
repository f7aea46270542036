"""Several pieces of work at once, in threads: for calls that let go of the interpreter while they run."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence

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


def run_in_threads(pieces: Sequence[Callable[[], bool]], threads: int, look: Callable[[], None]) -> None:
    """Calls each piece until it gives False; as many pieces at once as there are threads.

    The caller's thread works too, and calls `look` after each of its calls, while it waits for the others and at the
    end. What `look` or a piece raises stops all pieces at their next call's end and is raised here.
    """
    waiting = deque(pieces)
    stop = threading.Event()
    errors: list[BaseException] = []

    def work(after: Callable[[], None]) -> None:
        while waiting and not stop.is_set():
            try:
                piece = waiting.popleft()
            except IndexError:  # another thread was faster
                return
            more = True
            while more and not stop.is_set():
                more = piece()
                after()

    def help_out() -> None:
        try:
            work(lambda: None)
        except BaseException as error:
            errors.append(error)
            stop.set()

    helpers = [threading.Thread(target=help_out, daemon=True) for _ in range(min(threads, len(pieces)) - 1)]
    try:
        for helper in helpers:
            helper.start()
        work(look)
        for helper in helpers:
            while helper.is_alive():
                helper.join(_LOOK_SECONDS)
                look()
        if helpers:
            look()  # at what the others have done meanwhile
    finally:
        stop.set()
        for helper in helpers:
            if helper.ident is not None:
                helper.join()
    if errors:
        raise errors[0]
