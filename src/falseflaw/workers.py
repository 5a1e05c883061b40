"""Processes that work for this one: they never outlive it, and the end of one is told in one line."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, resource_tracker
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, cast

from falseflaw.errors import ConfigurationError, WorkerLostError

_P = ParamSpec("_P")
_T = TypeVar("_T")

_LOOK_AGAIN = 1.0
"""Seconds after which workers that were started meanwhile are watched too."""

_GRACE = 3.0
"""Seconds that the library has to notice a loss by itself."""


class WorkerPool(ProcessPoolExecutor):
    """A pool of fresh interpreters.

    Ctrl+C reaches them as well as this process, which alone decides and tells. Should this process be killed,
    they end at once. Left by an exception, the pool drops what has not begun. Submit inside `lost_workers`.

    A worker that dies in the middle of its answer leaves half a message, of which the library would wait for
    the other half for ever; here the whole pool is given up then.
    """

    def __init__(
        self, workers: int, start: Callable[..., None] | None = None, arguments: tuple[Any, ...] = ()
    ) -> None:
        """Prepares the pool; processes start with the first task.

        Args:
            workers: How many.
            start: Called in each of them before its first task; can be pickled.
            arguments: Of `start`.

        Raises:
            ConfigurationError: The system gives no room for queues.
        """
        context = multiprocessing.get_context("spawn")  # a fork would copy locks that threads of torch hold
        try:
            super().__init__(workers, context, _start, (start, arguments))
        except OSError as error:  # semaphores lie in shared memory
            raise ConfigurationError(
                f"expected to start {workers} workers, cannot: {error.strerror or error}; pass workers=0, or "
                "give the container more shared memory (docker run --shm-size=64m)"
            ) from error
        self._watching = False

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Hands a task to a worker; see `ProcessPoolExecutor.submit`."""
        with _no_signals_in_children():
            future = super().submit(fn, *args, **kwargs)
        if not self._watching:
            self._watching = True
            threading.Thread(target=self._give_up_after_a_loss, daemon=True).start()
        return future

    def _give_up_after_a_loss(self) -> None:
        """Ends all workers where one died and the library has not noticed within a few seconds."""
        processes, answers = self._processes, cast(Any, self._result_queue)
        while processes and not self._shutdown_thread:
            alive: dict[Any, Any] = {process.sentinel: process for process in list(processes.values())}
            for sentinel in connection.wait(list(alive), timeout=_LOOK_AGAIN):
                alive[sentinel].join()
                if alive[sentinel].exitcode == 0:
                    continue
                time.sleep(_GRACE)
                if not self._broken and not self._shutdown_thread:
                    for process in list(processes.values()):
                        process.kill()
                    answers._writer.close()  # now nobody can send the rest: its reader sees the end
                return

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Waits for the tasks in hand alone."""
        self.shutdown(wait=True, cancel_futures=True)


@contextmanager
def lost_workers(doing: str) -> Iterator[None]:
    """Words the end of a worker as one line.

    Args:
        doing: What it does, such as `launders photos`.

    Raises:
        WorkerLostError: A worker was ended from outside.
    """
    try:
        yield
    except BrokenProcessPool as error:
        raise WorkerLostError(
            f"expected every worker to live, but one that {doing} was ended, perhaps for want of memory; "
            "run the same command again to go on, with fewer workers= if it happens again"
        ) from error


@contextmanager
def _no_signals_in_children() -> Iterator[None]:
    """Holds signals back: workers started meanwhile inherit that and do not die of one while they import."""
    resource_tracker.ensure_running()  # its start would let the signals through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(start: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    """Prepares a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if start is not None:
        start(*arguments)


def _end_with_parent() -> None:
    """Ends this worker once its parent is gone: the pool's pipes do not tell, it would wait for ever."""
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)
