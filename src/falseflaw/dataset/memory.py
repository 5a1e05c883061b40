"""Keeps a long build from holding on to memory that it freed."""

from __future__ import annotations

import ctypes
import sys


def return_freed_memory() -> None:
    """Gives pages that were freed back to the system, where the C library can (glibc); elsewhere nothing.

    Photos come in many sizes. Their freed buffers leave gaps that the next size does not fit, and without
    this the process grows for as long as it meets new sizes.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
