"""What a long run finds in its machine and costs it: cores, seconds by stage, memory that it gives back."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


def available_cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
