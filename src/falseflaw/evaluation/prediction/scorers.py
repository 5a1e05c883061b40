"""What turns photos into logits and heat maps: a checkpoint in torch, or an ONNX bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from falseflaw.errors import InvalidDataError, MissingDataError
from falseflaw.machine import available_cores
from falseflaw.provenance import file_sha256
from falseflaw.runtime.bundle import BundleInfo
from falseflaw.runtime.padding import STRIDE, pad_to_stride
from falseflaw.runtime.tiling import Tiling, judge_tiles, plan, to_8_bits
from falseflaw.types import Image, OperatingPoint

if TYPE_CHECKING:
    import torch

    from falseflaw.models.exported import NetworkOutputs


TILE_PIXELS, TILE_OVERLAP = 4_000_000, 128
"""Photos of more pixels are scored in tiles with such an overlap, as bundles do unless exported otherwise."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a scorer says of photos of one size.

    Attributes:
        logits: Uncalibrated, (B,).
        heat_maps: uint8 (B, H, W).
        features: That the logit follows from, float32 (B, F); F is 0 where none are told.
        distances: From the photos that were measured, (B,); NaN where not told.
    """

    logits: NDArray[np.float64]
    heat_maps: NDArray[np.uint8]
    features: NDArray[np.float32]
    distances: NDArray[np.float64]


class Scorer(Protocol):
    """Scores photos of one size; the score of a photo does not depend on its batchmates.

    One that can tell more than scores has a method `evidence` as well, see `evidence_of`. One that gains by
    it, and whose `score` may be called from several threads, says in an attribute `lanes` how many calls to
    make at once.
    """

    @property
    def fingerprint(self) -> str:
        """sha256 of the model file: equal exactly when the scores are."""

    def describe(self) -> dict[str, str]:
        """What was scored with, for the provenance: kind, path, sha256."""

    def score(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """Scores uint8 (B, H, W, 3); returns uncalibrated logits (B,) and heat maps uint8 (B, H, W)."""


def lanes_of(scorer: Scorer) -> int:
    """Returns how many batches a scorer does well to score at once: its `lanes` if it has such, else one."""
    lanes: int = getattr(scorer, "lanes", 1)
    return lanes


def evidence_of(scorer: Scorer, images: NDArray[np.uint8]) -> Evidence:
    """Returns what a scorer's `evidence` tells of uint8 (B, H, W, 3); without one, its scores alone."""
    if hasattr(scorer, "evidence"):
        told: Evidence = scorer.evidence(images)
        return told
    logits, heats = scorer.score(images)
    return Evidence(logits, heats, np.zeros((len(logits), 0), np.float32), np.full(len(logits), np.nan))


def run_torch(
    detector: torch.nn.Module, images: NDArray[np.uint8], device: torch.device | str = "cpu"
) -> tuple[torch.Tensor, torch.Tensor]:
    """Runs a detector in torch on photos of one size, padded as the runtime pads.

    Args:
        detector: In eval mode, on the device.
        images: uint8 (B, H, W, 3).
        device: Where it is.

    Returns:
        Uncalibrated logits (B,), and logits of the pixels (B, H, W).
    """
    logit, mask_logit, _ = run_with_features(detector, images, device)
    return logit, mask_logit


def run_with_features(
    detector: torch.nn.Module, images: NDArray[np.uint8], device: torch.device | str = "cpu"
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Runs a detector as `run_torch` does, and returns its features (B, F) as well; F is 0 if it has none."""
    import torch

    height, width = images.shape[1:3]
    padded, valid = pad_to_stride(images, int(getattr(detector, "stride_multiple", STRIDE)))
    with torch.inference_mode():
        batch = torch.from_numpy(padded).permute(0, 3, 1, 2).to(device)  # (B, 3, H', W')
        inside = torch.from_numpy(valid)[:, None].to(device)  # (B, 1, H', W')
        with_features: Any = getattr(detector, "with_features", None)
        if with_features is not None:
            logit, mask_logit, features = with_features(batch, inside)
        else:
            logit, mask_logit = detector(batch, inside)
            features = logit.new_zeros((len(logit), 0))
    return logit, mask_logit[:, 0, :height, :width], features


class CheckpointScorer:
    """Runs the detector of a Lightning checkpoint in torch, in tiles where a bundle would.

    Args:
        path: The checkpoint.
        device: A torch device; `auto` takes the GPU if there is one.

    Raises:
        MissingDataError: No such file.
        InvalidDataError: Not a checkpoint of this detector.
        ConfigurationError: There is no such device.
    """

    def __init__(self, path: str | Path, device: str = "auto") -> None:
        import torch

        from falseflaw.devices import find_device
        from falseflaw.models.checkpoint import load_detector

        self.path = Path(path)
        if not self.path.is_file():
            raise MissingDataError(
                f"expected a checkpoint at {self.path}, found nothing there; train one with `falseflaw train`"
            )
        self._device = find_device(str(device))
        detector = load_detector(self.path).eval().to(self._device)
        self.stride_multiple = int(getattr(detector, "stride_multiple", STRIDE))
        self._detector = detector.to(memory_format=torch.channels_last)
        self._fingerprint = file_sha256(self.path)

    @property
    def fingerprint(self) -> str:
        """sha256 of the checkpoint."""
        return self._fingerprint

    def describe(self) -> dict[str, str]:
        """Returns kind, path, sha256 and device."""
        return {
            "kind": "checkpoint",
            "path": str(self.path),
            "sha256": self.fingerprint,
            "device": str(self._device),
        }

    def score(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """Scores uint8 (B, H, W, 3); returns logits (B,) and heat maps uint8 (B, H, W)."""
        found = self.evidence(images)
        return found.logits, found.heat_maps

    def evidence(self, images: NDArray[np.uint8]) -> Evidence:
        """Scores uint8 (B, H, W, 3) and tells the features that the image head saw."""
        tiling = plan(images.shape[1], images.shape[2], TILE_PIXELS, TILE_OVERLAP, self.stride_multiple)
        if tiling.count > 1:
            return _joined([self._tiled(image, tiling) for image in images])
        logits, heat, features = self.run(images)
        if not np.isfinite(logits).all():
            raise InvalidDataError(f"expected finite logits of {self.path}, got NaN or infinity; train again")
        return Evidence(logits.astype(np.float64), to_8_bits(heat), features, np.full(len(logits), np.nan))

    def run(self, images: NDArray[np.uint8]) -> NetworkOutputs:
        """Runs the network once on uint8 (B, H, W, 3), untiled."""
        logit, mask_logit, features = run_with_features(self._detector, images, self._device)
        heat = mask_logit.float().sigmoid()
        return (
            logit.float().cpu().numpy().reshape(-1),
            heat.cpu().numpy(),
            features.float().cpu().numpy(),
        )

    def _tiled(self, image: Image, tiling: Tiling) -> Evidence:
        """Scores one photo tile by tile; the features are those of the highest tile."""
        found: list[tuple[float, NDArray[np.float32]]] = []

        def judge(tile: Image) -> tuple[float, float, NDArray[np.float32]]:
            logits, heat, features = self.run(tile[None])
            found.append((float(logits[0]), features))
            return found[-1][0], float("nan"), heat[0]

        logit, _, heat = judge_tiles(image, tiling, judge)
        features = max(found, key=lambda pair: pair[0])[1]
        return Evidence(np.array([logit]), heat[None], features, np.array([np.nan]))


class BundleScorer:
    """Runs the ONNX model of a bundle, exactly as `falseflaw predict` does.

    Each photo is scored by itself on one core, and several at once on several. On CPUs that is faster than
    batches (8 photos of 500 x 376 in one batch: 80 ms each of a core, one by one: 70) and than several cores
    for one photo, and no photo's score can depend on another photo.

    Args:
        path: The bundle's folder.
        lanes: Photos to score at once; None: one for every core.

    Raises:
        MissingDataError: No bundle there.
        InvalidDataError: It is damaged or changed.
    """

    def __init__(self, path: str | Path, lanes: int | None = None) -> None:
        from falseflaw.runtime.predictor import Predictor

        self.path = Path(path)
        self.lanes = lanes or available_cores()
        self._predictor = Predictor(self.path, threads=1, keep_memory=True)
        self._fingerprint = file_sha256(self.path / "model.onnx")

    @property
    def fingerprint(self) -> str:
        """sha256 of `model.onnx`."""
        return self._fingerprint

    @property
    def info(self) -> BundleInfo:
        """What the bundle says of itself."""
        return self._predictor.info

    @property
    def operating_point(self) -> OperatingPoint:
        """The thresholds that the bundle ships, never refitted."""
        return self._predictor.operating_point

    def describe(self) -> dict[str, str]:
        """Returns kind, path and sha256."""
        return {"kind": "bundle", "path": str(self.path), "sha256": self.fingerprint}

    def score(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """Scores uint8 (B, H, W, 3); returns logits (B,) and heat maps uint8 (B, H, W)."""
        found = self.evidence(images)
        return found.logits, found.heat_maps

    def evidence(self, images: NDArray[np.uint8]) -> Evidence:
        """Scores uint8 (B, H, W, 3) and tells the distances, if the bundle does."""
        scored = []
        for image in images:
            logit, heat, distance = self._predictor.raw(image[None])
            scored.append(Evidence(logit, heat, np.zeros((1, 0), np.float32), distance))
        return _joined(scored)


def _joined(parts: Sequence[Evidence]) -> Evidence:
    """Returns what was said of photos one by one as if they had been one batch."""
    return Evidence(
        np.concatenate([part.logits for part in parts]),
        np.concatenate([part.heat_maps for part in parts]),
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.distances for part in parts]),
    )
