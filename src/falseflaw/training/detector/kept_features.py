"""What the head sees of whole photos, kept in a file while it is collected: a killed fit goes on."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.imaging.codec import write_atomic

KEPT_NAME = "whole_photos.npz"
"""The file, in the run's folder; it is there only until the head is fitted."""

_EVERY = 100
"""Pairs between two writes: a second of work against half a minute that a kill costs."""


@dataclass(eq=False)
class KeptFeatures:
    """Pairs of whole photos that were looked at so far, in their order.

    Attributes:
        path: Of the file; None: nothing is kept.
        key: Of everything that the features depend on but the number of pairs.
        looked: Pairs that were looked at, with those that show nothing.
        features: Of each photo, float32 (F,), the negative's before the positive's.
        logits: Of each photo, float32 (1,).
    """

    path: Path | None = None
    key: str = ""
    looked: int = 0
    features: list[NDArray[np.float32]] = field(default_factory=list)
    logits: list[NDArray[np.float32]] = field(default_factory=list)

    @classmethod
    def at(cls, path: Path, key: str) -> KeptFeatures:
        """Returns what a stopped fit left at a path, or nothing yet.

        Raises:
            ConfigurationError: It was left by a fit of something else.
            InvalidDataError: It cannot be read.
        """
        if not path.exists():
            return cls(path, key)
        try:
            with np.load(path, allow_pickle=False) as file:
                found, looked = str(file["key"]), int(file["looked"])
                features, logits = file["features"], file["logits"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise InvalidDataError(f"cannot read {path}: {error}; remove it to begin anew") from error
        if found != key:
            raise ConfigurationError(
                f"expected {path} of the same run, settings and seed, got those of another fit; "
                "name another run_dir, or remove the file to begin anew"
            )
        return cls(path, key, looked, list(features), list(logits))

    def add(self, photos: list[tuple[NDArray[np.float32], NDArray[np.float32]]]) -> None:
        """Adds what was seen of a pair: logit (1,) and features (1, F) of either photo, or of none."""
        for logit, seen in photos:
            self.logits.append(logit)
            self.features.append(seen[0])
        self.looked += 1
        if self.looked % _EVERY == 0:
            self._write()

    def remove(self) -> None:
        """Removes the file."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def _write(self) -> None:
        if self.path is None or not self.logits:
            return
        buffer = io.BytesIO()
        np.savez(
            buffer,
            key=self.key,
            looked=self.looked,
            features=np.stack(self.features),
            logits=np.stack(self.logits),
        )
        write_atomic(self.path, buffer.getvalue())
