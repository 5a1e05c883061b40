"""Ctrl+C, SIGTERM and SIGUSR1 alike: the first stops the work in good order, a second ends it at once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, *([signal.SIGUSR1] if hasattr(signal, "SIGUSR1") else []))
"""Clusters send the last one some time before they end a job; Windows has none."""

_ECHO = 0.5
"""Seconds in which another signal counts as the same: `timeout` sends it to a process and to its group."""

_WORKER_GRACE = 5
"""Seconds that a worker outlives SIGTERM, so that its parent, which may have got it too, can end in order."""


@dataclass
class _State:
    number: int | None = None
    at: float = 0.0
    deferring: int = 0


_state = _State()


def received() -> int | None:
    """Returns the number of the signal that asked this process to stop; None if none did."""
    return _state.number


@contextmanager
def stoppable() -> Iterator[None]:
    """Has `SIGNALS` raise `KeyboardInterrupt`; a second one ends the process as it would without.

    A signal that is ignored, as in a shell's background job, stays ignored. In another thread than the main
    one nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _state.number = None
    before = {number: signal.getsignal(number) for number in SIGNALS}
    handle_signals()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


@contextmanager
def deferred() -> Iterator[None]:
    """Only notes the first signal, see `received`, for work that knows a better moment to end by itself.

    Raises:
        KeyboardInterrupt: At the end of the `with` block, if a signal came.
    """
    _state.deferring += 1
    try:
        yield
    finally:
        _state.deferring -= 1
    raise_if_received()


def raise_if_received() -> None:
    """Ends the work if a signal asked for it.

    Raises:
        KeyboardInterrupt: One did.
    """
    if _state.number is not None:
        raise KeyboardInterrupt


def handle_signals() -> None:
    """Takes over all of them, also from a library that did so meanwhile; see `stoppable`."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _handle)


def outlive_signals() -> None:
    """Prepares a worker process: its parent gets Ctrl+C and SIGTERM too, and is the one to decide.

    SIGTERM ends the worker a few seconds later, if the parent has not done so before; the others are ignored.
    """
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end_soon)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, set(SIGNALS))


def _handle(number: int, frame: FrameType | None) -> None:
    now = time.monotonic()
    if _state.number is None:
        _state.number, _state.at = number, now
        if not _state.deferring:
            raise KeyboardInterrupt
    elif now - _state.at >= _ECHO:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _end_soon(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGALRM, lambda *_: os._exit(128 + number))
    signal.alarm(_WORKER_GRACE)
