"""A detector run by onnxruntime, before there is a bundle of it: on CPUs in a third of torch's time."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from falseflaw.errors import InvalidDataError
from falseflaw.models.onnx import FEATURES, Further, export_onnx
from falseflaw.runtime.padding import STRIDE
from falseflaw.runtime.predictor import OUTPUTS, feeds_of, open_session
from falseflaw.seeding import derive_rng

NetworkOutputs = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
"""Of B photos of one size: uncalibrated logits (B,), heat maps (B, H, W) in 0..1, features (B, F)."""

_TOLERANCE = 1e-3
"""Of a logit, between torch and onnxruntime."""


class ExportedNetwork:
    """Runs a detector in onnxruntime on one core; `run` may be called from several threads.

    It is exported when this is made, which takes half a minute, and has to answer as torch does.
    """

    def __init__(self, detector: torch.nn.Module, name: str) -> None:
        """Exports a detector.

        Args:
            detector: On the CPU, in eval mode.
            name: Of what it came from, for errors.

        Raises:
            ExportError: It cannot be exported.
            InvalidDataError: onnxruntime answers otherwise than torch.
        """
        self.stride_multiple = int(getattr(detector, "stride_multiple", STRIDE))
        further: Further = FEATURES if hasattr(detector, "with_features") else None
        self._names = [*OUTPUTS[1:], *([FEATURES] if further else [])]
        with tempfile.TemporaryDirectory(prefix="falseflaw-") as folder:
            file = Path(folder) / "model.onnx"
            export_onnx(detector, 1.0, file, {}, self.stride_multiple, further)
            self._session = open_session(file.read_bytes(), Path(name), threads=1, keep_memory=True)
        here, there = self._logits_of_one_photo(detector)
        if not abs(here - there) <= _TOLERANCE:
            raise InvalidDataError(
                f"expected onnxruntime to answer as torch does of {name}, got logits {there:.4f} and "
                f"{here:.4f}; use torch, device=cpu"
            )

    def _logits_of_one_photo(self, detector: torch.nn.Module) -> tuple[float, float]:
        photo = derive_rng("exported network").integers(0, 256, (1, 96, 160, 3), np.uint8)
        feeds = feeds_of(photo, self.stride_multiple)
        with torch.inference_mode():
            logit: Any = detector(torch.from_numpy(feeds["image"]), torch.from_numpy(feeds["valid"]))[0]
        return float(logit.reshape(-1)[0]), float(self.run(photo)[0][0])

    def run(self, images: NDArray[np.uint8]) -> NetworkOutputs:
        """Runs the network on uint8 (B, H, W, 3), one photo after the other, untiled."""
        height, width = images.shape[1:3]
        logits, heats, features = [], [], []
        for image in images:
            heat, logit, *told = self._session.run(self._names, feeds_of(image[None], self.stride_multiple))
            logits.append(logit)
            heats.append(heat[:, 0, :height, :width])
            features.append(told[0] if told else np.zeros((1, 0), np.float32))
        return np.concatenate(logits), np.concatenate(heats), np.concatenate(features)
