"""Launderings that look at the process they run in, or end it. Imported by workers, so light."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from falseflaw.errors import InvalidDataError
from falseflaw.types import Image, Mask

_HEAVY = ("torch", "pandas", "pyarrow", "scipy", "matplotlib")
_calls = 0


@dataclass(frozen=True)
class _Named:
    unseen = False
    severity = "none"

    @property
    def name(self) -> str:
        return type(self).__name__.lower()


@dataclass(frozen=True)
class LightOnly(_Named):
    """Fails where something heavy is loaded."""

    def __call__(self, image: Image, mask: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
        if heavy := [name for name in _HEAVY if name in sys.modules]:
            raise InvalidDataError(f"{heavy[0]} is loaded")
        return image, mask


@dataclass(frozen=True)
class Leaving(_Named):
    """Leaves a note when its process ends in good order, as one that keeps a browser open must."""

    notes: str

    def __call__(self, image: Image, mask: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
        global _calls
        _calls += 1
        if _calls == 1:
            import atexit

            atexit.register(Path(self.notes, str(os.getpid())).touch)
        return image, mask


@dataclass(frozen=True)
class Killing(_Named):
    """Kills the worker that it runs in at its 14th photo, for as long as the file `flag` exists."""

    flag: str

    def __call__(self, image: Image, mask: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
        global _calls
        _calls += 1
        if multiprocessing.parent_process() and _calls == 14 and Path(self.flag).exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return image, mask
