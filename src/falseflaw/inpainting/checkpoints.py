"""State of a training on disk: written atomically every few minutes, so that a kill loses at most that."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from tqdm import tqdm

from falseflaw.errors import InvalidDataError
from falseflaw.imaging.codec import write_atomic


class Stateful(Protocol):
    """A module, an optimizer or anything else with a state."""

    def state_dict(self) -> dict[str, Any]:
        """Returns the state."""
        ...

    def load_state_dict(self, state_dict: Any) -> Any:
        """Takes a state over."""
        ...


class Checkpoints:
    """The checkpoint of one training stage.

    Args:
        path: The file; it holds tensors and numbers only and is read with `weights_only`.
        every: Seconds between two checkpoints.
        fingerprint: Configuration that the checkpoint belongs to; another one cannot resume from it.
        progress: Whether to show progress bars.

    Attributes:
        seconds: Of training until the last state that was saved or restored.
    """

    def __init__(self, path: Path, every: float, fingerprint: str, progress: bool = True) -> None:
        self.path = path
        self.seconds = 0.0
        self._every = every
        self._fingerprint = fingerprint
        self._progress = progress
        self._saved = time.monotonic()

    def sibling(self, name: str) -> Checkpoints:
        """Returns the checkpoint of a following stage in the same folder."""
        return Checkpoints(self.path.with_name(f"{name}.pt"), self._every, self._fingerprint, self._progress)

    def restore(self, parts: Mapping[str, Stateful]) -> int:
        """Loads the parts from the file, if there is one, and returns the step to go on from (0 without).

        Raises:
            InvalidDataError: The file is broken or belongs to another configuration.
        """
        if not self.path.is_file():
            return 0
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            if state["fingerprint"] != self._fingerprint:
                raise InvalidDataError(
                    f"expected a checkpoint of this recipe in {self.path}, found one of another; "
                    "name another output folder or delete this one"
                )
            for name, part in parts.items():
                part.load_state_dict(state["parts"][name])
        except InvalidDataError:
            raise
        except Exception as error:  # torch raises many kinds: zip, pickle and shape errors
            raise InvalidDataError(
                f"cannot resume from {self.path}: {str(error).splitlines()[0]}; delete it to start over"
            ) from error
        self.seconds = float(state["seconds"])
        return int(state["step"])

    def due(self) -> bool:
        """Returns whether it is time for the next checkpoint."""
        return time.monotonic() - self._saved >= self._every

    def save(self, step: int, seconds: float, parts: Mapping[str, Stateful]) -> None:
        """Writes the state, atomically."""
        state = {
            "fingerprint": self._fingerprint,
            "step": step,
            "seconds": seconds,
            "parts": {name: part.state_dict() for name, part in parts.items()},
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        write_atomic(self.path, buffer.getvalue())
        self.seconds = seconds
        self._saved = time.monotonic()

    def bar(self, total: int, done: int, name: str) -> tqdm:
        """Returns a progress bar over steps."""
        return tqdm(
            total=total, initial=done, desc=name, unit="step", mininterval=1.0, disable=not self._progress
        )


class Clock:
    """Seconds of training so far, those before the last checkpoint included."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._start = time.monotonic() - checkpoints.seconds

    @property
    def seconds(self) -> float:
        """Elapsed seconds."""
        return time.monotonic() - self._start
