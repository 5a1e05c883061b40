"""Processes that work for this one: they never outlive it, and the end of one is told in one line."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from falseflaw.errors import ConfigurationError, WorkerLostError

_P = ParamSpec("_P")
_T = TypeVar("_T")


class WorkerPool(ProcessPoolExecutor):
    """A pool of fresh interpreters.

    Ctrl+C reaches them as well as this process, which alone decides and tells. Should this process be killed,
    they end at once. Left by an exception, the pool drops what has not begun. Submit inside `lost_workers`.
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
            self._watched: set[int] = set()
        except OSError as error:  # semaphores lie in shared memory
            raise ConfigurationError(
                f"expected to start {workers} workers, cannot: {error.strerror or error}; pass workers=0, or "
                "give the container more shared memory (docker run --shm-size=64m)"
            ) from error

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Hands a task to a worker; see `ProcessPoolExecutor.submit`."""
        with _no_signals_in_children():
            future = super().submit(fn, *args, **kwargs)
        for number, process in list((self._processes or {}).items()):
            if number not in self._watched:
                self._watched.add(number)
                watch = (process, self._processes, self._result_queue)
                threading.Thread(target=_end_pool_with, args=watch, daemon=True).start()
        return future

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


def _end_pool_with(process: Any, processes: dict[int, Any], results: Any) -> None:
    """Waits for a worker; if it was ended from outside, ends the others and closes their pipe of results.

    The pool would else wait for ever for the rest of a result that the worker was writing: the end of a pipe
    shows when nobody holds it open any more, and the others and this process do.
    """
    process.join()
    if process.exitcode:
        for other in list(processes.values()):
            other.kill()
        results._writer.close()


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
