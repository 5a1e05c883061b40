"""A checkpoint that is scored by onnxruntime, before there is a bundle of it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from falseflaw.errors import InvalidDataError
from falseflaw.evaluation.prediction.scorers import CheckpointScorer, NetworkOutputs
from falseflaw.machine import available_cores
from falseflaw.runtime.predictor import OUTPUTS, feeds_of, open_session
from falseflaw.seeding import derive_rng

ONNX = "onnx"
"""The word that stands for onnxruntime where a torch device could."""

_TOLERANCE = 1e-3
"""Of a logit, between torch and onnxruntime."""


class ExportedScorer(CheckpointScorer):
    """Runs the detector of a checkpoint as a bundle would: on CPUs in a third of torch's time.

    The checkpoint is exported when it is opened, which takes half a minute, and has to answer as torch does.

    Args:
        path: The checkpoint.
        lanes: Photos to score at once, each on one core; None: one for every core.

    Raises:
        MissingDataError: No such file.
        InvalidDataError: Not a checkpoint of this detector, or onnxruntime answers otherwise than torch.
        ExportError: It cannot be exported.
    """

    def __init__(self, path: str | Path, lanes: int | None = None) -> None:
        from falseflaw.models.onnx import FEATURES, export_onnx

        super().__init__(path, "cpu")
        self.lanes = lanes or available_cores()
        features = hasattr(self._detector, "with_features")
        self._names = [*OUTPUTS[1:], *([FEATURES] if features else [])]
        with tempfile.TemporaryDirectory(prefix="falseflaw-") as folder:
            file = Path(folder) / "model.onnx"
            export_onnx(self._detector, 1.0, file, {}, self.stride_multiple, features=features)
            self._session = open_session(file.read_bytes(), self.path, threads=1, keep_memory=True)
        photo = derive_rng("exported scorer").integers(0, 256, (1, 96, 160, 3), np.uint8)
        (here,), (there,) = super().run(photo)[0], self.run(photo)[0]
        if not abs(here - there) <= _TOLERANCE:
            raise InvalidDataError(
                f"expected onnxruntime to answer as torch does of {self.path}, got logits {there:.4f} and "
                f"{here:.4f}; evaluate with device=cpu"
            )

    def describe(self) -> dict[str, str]:
        """Returns kind, path, sha256, and `onnx` for the device."""
        return super().describe() | {"device": ONNX}

    def run(self, images: NDArray[np.uint8]) -> NetworkOutputs:
        """Runs the network on uint8 (B, H, W, 3), one photo after the other, untiled."""
        height, width = images.shape[1:3]
        logits, heats, features = [], [], []
        for image in images:
            feeds = feeds_of(image[None], self.stride_multiple)
            heat, logit, *feature = self._session.run(self._names, feeds)
            logits.append(logit)
            heats.append(heat[:, 0, :height, :width])
            features.append(feature[0] if feature else np.zeros((1, 0), np.float32))
        return np.concatenate(logits), np.concatenate(heats), np.concatenate(features)
