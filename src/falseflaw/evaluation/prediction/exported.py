"""A checkpoint that is scored by onnxruntime, before there is a bundle of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from falseflaw.evaluation.prediction.scorers import CheckpointScorer
from falseflaw.machine import available_cores

if TYPE_CHECKING:
    from falseflaw.models.exported import NetworkOutputs

ONNX = "onnx"
"""The word that stands for onnxruntime where a torch device could."""


class ExportedScorer(CheckpointScorer):
    """Runs the detector of a checkpoint as a bundle would, see `models.exported`.

    Args:
        path: The checkpoint.
        lanes: Photos to score at once, each on one core; None: one for every core.

    Raises:
        MissingDataError: No such file.
        InvalidDataError: Not a checkpoint of this detector, or onnxruntime answers otherwise than torch.
        ExportError: It cannot be exported.
    """

    def __init__(self, path: str | Path, lanes: int | None = None) -> None:
        from falseflaw.models.exported import ExportedNetwork

        super().__init__(path, "cpu")
        self.lanes = lanes or available_cores()
        self._exported = ExportedNetwork(self._detector, str(path))

    def describe(self) -> dict[str, str]:
        """Returns kind, path, sha256, and `onnx` for the device."""
        return super().describe() | {"device": ONNX}

    def run(self, images: NDArray[np.uint8]) -> NetworkOutputs:
        """Runs the network on uint8 (B, H, W, 3), one photo after the other, untiled."""
        return self._exported.run(images)
