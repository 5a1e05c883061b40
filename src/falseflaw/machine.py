"""What a long run finds in its machine and costs it: cores, minutes, seconds by stage, freed memory."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from falseflaw.errors import ConfigurationError

FEWEST_SOURCES = 2
"""Sources that every fold gets even where the minutes are over."""


def available_cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Budget:
    """Minutes that a run may take before it leaves out what it has not begun.

    Args:
        minutes: From now on; None: as many as it takes.
        clock: Tells seconds, from any beginning.

    Raises:
        ConfigurationError: The minutes are not above 0.
    """

    def __init__(self, minutes: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        if minutes is not None and not (isinstance(minutes, int | float) and minutes > 0):
            raise ConfigurationError(
                f"expected minutes above 0, or null for as many as it takes, got {minutes!r}"
            )
        self._clock = clock
        self._end = None if minutes is None else clock() + 60 * minutes

    @property
    def over(self) -> bool:
        """Whether the minutes are over."""
        return self._end is not None and self._clock() >= self._end


def left_out_text(left: int, total: int) -> str:
    """Says how many sources a budget left out."""
    return f"the minutes are over: {left} of {total} sources are left out"


class StageTimer:
    """Adds up wall time by name: `with timer("paint"): ...`.

    A copy in another process starts from nothing.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[StageTimer], tuple[()]]:
        return StageTimer, ()

    def take(self) -> dict[str, float]:
        """Returns the seconds since the last call, by stage, and starts anew."""
        with self._lock:
            taken, self._seconds = self._seconds, {}
        return taken

    def add(self, seconds: Mapping[str, float]) -> None:
        """Adds what another timer took, such as one of another process."""
        with self._lock:
            for stage, value in seconds.items():
                self._seconds[stage] = self._seconds.get(stage, 0.0) + value

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Times what happens inside the `with` block."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add({stage: time.perf_counter() - start})


def return_freed_memory() -> None:
    """Gives pages that were freed back to the system, where the C library can (glibc); elsewhere nothing.

    Photos come in many sizes. Their freed buffers leave gaps that the next size does not fit, and without
    this the process grows for as long as it meets new sizes.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def keep_freed_memory() -> None:
    """Lets freed buffers serve again, however large, where the C library can (glibc); elsewhere nothing.

    By default each array above 32 MB is asked of the system anew, page by page: two thirds of the seconds
    that it takes to render a photo of 12 megapixels. The process then keeps what it once needed.
    """
    tune = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if tune is not None:
        most = (1 << 31) - 1
        tune(-3, 1 << 30)  # M_MMAP_THRESHOLD
        tune(-1, most)  # M_TRIM_THRESHOLD
