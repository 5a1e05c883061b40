"""Runs an exported detector with onnxruntime: photos in, probabilities and heat maps out. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from falseflaw import __version__
from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.paths import BUNDLE_HINT, find_existing
from falseflaw.runtime.bundle import INFO_NAME, MODEL_NAME, BundleInfo, bundle_digest, read_bundle
from falseflaw.runtime.padding import pad_to_stride
from falseflaw.runtime.properties import check_properties
from falseflaw.runtime.result import PhotoLike, Result, read_photo
from falseflaw.runtime.signature import check_signature
from falseflaw.runtime.sums import read_sums
from falseflaw.runtime.tiling import Tiling, judge_tiles, plan, to_8_bits
from falseflaw.runtime.verdict import decide, unfamiliar
from falseflaw.types import HeatMap, Image, OperatingPoint, Prediction

INPUTS = ("image", "valid")
OUTPUTS = ("probability", "heat_map", "logit")
DISTANCE = "distance"
"""A fourth output: how far a photo is from those that were measured. Bundles of format 1 have none."""


@dataclass(frozen=True, eq=False)
class Outputs:
    """What the network says of a batch of photos of one size, before anything is rounded.

    Attributes:
        probability: Calibrated, float32, (B,), in [0, 1].
        heat_map: float32, (B, H, W), in [0, 1].
        logit: Uncalibrated, float32, (B,).
        distance: From the photos that were measured, float32, (B,); NaN where the network tells none.
    """

    probability: NDArray[np.float32]
    heat_map: NDArray[np.float32]
    logit: NDArray[np.float32]
    distance: NDArray[np.float32]


class Predictor:
    """Judges photos with the detector of a bundle folder.

        predictor = Predictor("checkpoints/detectors/reference")
        result = predictor.judge("claim.jpg")  # or bytes, a Pillow image, an array

    A photo is padded at the bottom and right to the network's multiple by repeating its edge, the network is
    told which pixels are valid, and the heat map is cropped back. A photo of more than `tile_pixels` is
    judged in overlapping tiles: the highest tile counts for the photo, with that tile's distance.
    """

    def __init__(
        self,
        bundle: str | Path,
        threads: int | None = None,
        tile_pixels: int | None = None,
        keep_memory: bool = False,
        key: Path | None = None,
    ) -> None:
        """Reads and checks the bundle.

        Args:
            bundle: Folder made by `falseflaw export`; a relative one may lie in the clone or in the package
                falseflaw-reference.
            threads: Of onnxruntime; None leaves it one for every core.
            tile_pixels: Replaces the bundle's budget; fewer pixels need less memory.
            keep_memory: Whether the memory of the largest photo so far is kept for the next ones: faster
                where very many follow, and the answers are the same.
            key: Public key (or certificate) that the bundle has to be signed with, PEM; None: a signature is
                not looked at.

        Raises:
            MissingDataError, InvalidDataError: See `read_bundle` and `check_signature`; or `model.onnx` is
                not such a network, or that of another bundle.
            MissingExtraError: There is a `key`, but not the extra `sign`.
            ConfigurationError: `threads` or `tile_pixels` is out of range.
        """
        if threads is not None and not (isinstance(threads, int) and threads >= 1):
            raise ConfigurationError(f"expected threads of at least 1 or null, got {threads!r}")
        folder = find_existing(bundle, "a bundle", BUNDLE_HINT)
        info, model = read_bundle(folder)
        if key is not None:
            check_signature(folder, key)
        if tile_pixels is not None:
            if not isinstance(tile_pixels, int):
                raise ConfigurationError(f"expected tile_pixels as a number or null, got {tile_pixels!r}")
            try:
                info = replace(info, tile_pixels=tile_pixels)
            except ValueError as error:
                raise ConfigurationError(str(error)) from error
        self.info: BundleInfo = info
        self._digest = bundle_digest(folder)
        path = folder / MODEL_NAME
        self._session = open_session(model, path, threads, keep_memory)
        properties = self._session.get_modelmeta().custom_metadata_map
        check_properties(properties, info, read_sums(folder)[INFO_NAME])
        self._tells_distance = DISTANCE in {item.name for item in self._session.get_outputs()}
        if info.operating_point.distance_threshold is not None and not self._tells_distance:
            raise InvalidDataError(
                f"expected {path} with the output {DISTANCE} beside a distance_threshold, got none; "
                "export the bundle again"
            )

    @property
    def operating_point(self) -> OperatingPoint:
        """Calibration and thresholds of the bundle."""
        return self.info.operating_point

    @property
    def settings(self) -> Mapping[str, object]:
        """What the answers depend on, of JSON's types: which bundle, in what tiles, by which version."""
        return {"bundle": self._digest, "tile_pixels": self.info.tile_pixels, "falseflaw": __version__}

    def judge(self, photo: PhotoLike) -> Result:
        """Judges one photo and says why: a path, a file's bytes, a Pillow image, or uint8 (H, W, 3).

        Formats are those of `imaging.codec.decode`.

        Raises:
            UnreadableImageError: It is no photo, or cannot be read; the message is one line.
            InvalidDataError: The network gave something that is not a number.
        """
        image = read_photo(photo)
        prediction = self.predict(image)
        tiles = self.tiling(*image.shape[:2]).count
        verdict, reason, area = decide(prediction, self.operating_point, tiles)
        distance = prediction.distance
        far = distance is not None and bool(unfamiliar(np.array([distance]), self.operating_point)[0])
        return Result(
            verdict, prediction.probability, reason, prediction.heat_map, area, tiles, distance, far
        )

    def predict(self, image: Image) -> Prediction:
        """Judges one photo, uint8 (H, W, 3) RGB of any size."""
        return self.predict_batch([image])[0]

    def predict_batch(self, images: Sequence[Image]) -> list[Prediction]:
        """Judges photos of one size, each uint8 (H, W, 3); the result does not depend on the others."""
        if not images:
            return []
        if len({image.shape for image in images}) > 1:
            raise ValueError("expected photos of one size in a batch")
        values, heat = self._judge(np.stack(images))
        return [
            Prediction(float(p), h, None if np.isnan(d) else float(d))
            for (p, _, d), h in zip(values, heat, strict=True)
        ]

    def raw(
        self, images: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float64], NDArray[np.uint8], NDArray[np.float64]]:
        """Scores photos of one size, uint8 (B, H, W, 3).

        Returns uncalibrated logits, (B,), heat maps, uint8 (B, H, W), and distances, (B,), NaN if not told.
        """
        values, heat = self._judge(images)
        return values[:, 1].astype(np.float64), heat, values[:, 2].astype(np.float64)

    def tiling(self, height: int, width: int) -> Tiling:
        """Returns how a photo of this size is cut; one tile when it is judged whole."""
        info = self.info
        return plan(height, width, info.tile_pixels, info.tile_overlap, info.stride_multiple)

    def infer(self, images: NDArray[np.uint8]) -> Outputs:
        """Runs the network once on photos of one size, uint8 (B, H, W, 3), untiled.

        Raises:
            InvalidDataError: The network gave something that is not a number.
        """
        _check(images)
        _, height, width, _ = images.shape
        feeds = feeds_of(images, self.info.stride_multiple)
        names = [*OUTPUTS, DISTANCE] if self._tells_distance else list(OUTPUTS)
        probability, heat_map, logit, *told = self._session.run(names, feeds)
        if not all(np.isfinite(values).all() for values in (logit, heat_map, *told)):
            raise InvalidDataError("expected finite outputs of the network, got NaN or infinity")
        distance = told[0] if told else np.full(len(logit), np.nan, np.float32)
        return Outputs(probability, heat_map[:, 0, :height, :width], logit, distance)

    def _judge(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Returns probability, logit and distance, (B, 3), and 8-bit heat maps (B, H, W); tiled if needed."""
        _check(images)
        tiling = self.tiling(images.shape[1], images.shape[2])
        if tiling.count == 1:
            outputs = self.infer(images)
            values = np.stack([outputs.probability, outputs.logit, outputs.distance], axis=1)
            return values, to_8_bits(outputs.heat_map)
        judged = [self._judge_tiled(image, tiling) for image in images]
        values = np.array([result[0] for result in judged], np.float32)
        return values, np.stack([result[1] for result in judged])

    def _judge_tiled(self, image: Image, tiling: Tiling) -> tuple[tuple[float, float, float], HeatMap]:
        """Returns probability, logit and distance of the highest tile, and the heat map."""
        probabilities = []

        def judge(tile: Image) -> tuple[float, float, NDArray[np.float32]]:
            outputs = self.infer(tile[None])
            probabilities.append(float(outputs.probability[0]))
            return float(outputs.logit[0]), float(outputs.distance[0]), outputs.heat_map[0]

        logit, distance, heat = judge_tiles(image, tiling, judge)
        return (max(probabilities), logit, distance), heat


def feeds_of(images: NDArray[np.uint8], multiple: int) -> dict[str, NDArray[np.uint8]]:
    """Returns what an exported detector takes of photos of one size, uint8 (B, H, W, 3), by input.

    Args:
        images: The photos.
        multiple: Grid that they are padded to, pixels.
    """
    padded, valid = pad_to_stride(images, multiple)
    return {
        "image": np.ascontiguousarray(padded.transpose(0, 3, 1, 2)),  # (B, 3, H', W')
        "valid": valid[:, None].astype(np.uint8),  # (B, 1, H', W')
    }


def _check(images: NDArray[np.uint8]) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3 or 0 in images.shape:
        raise ValueError(f"expected photos (B, H, W, 3) uint8, got {images.shape} {images.dtype}")


def open_session(
    model: bytes, path: Path, threads: int | None, keep_memory: bool
) -> onnxruntime.InferenceSession:
    """Opens an exported detector.

    Args:
        model: The file's bytes.
        path: Its name, for errors.
        threads: Of onnxruntime; None leaves it one for every core.
        keep_memory: See `Predictor`.

    Raises:
        InvalidDataError: It cannot be opened, or has other inputs and outputs.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only: its warnings are about optimizations
    options.enable_mem_pattern = False  # sizes differ from photo to photo
    options.enable_cpu_mem_arena = keep_memory
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own C++ kinds, with long texts
        reason = str(error).strip().splitlines()[0]
        raise InvalidDataError(f"cannot load {path}: {reason[:200]}") from error
    inputs = tuple(item.name for item in session.get_inputs())
    outputs = tuple(item.name for item in session.get_outputs())
    if set(inputs) != set(INPUTS) or not set(OUTPUTS) <= set(outputs):
        raise InvalidDataError(
            f"expected {path} with inputs {', '.join(INPUTS)} and outputs {', '.join(OUTPUTS)}, "
            f"got {', '.join(inputs)} and {', '.join(outputs)}"
        )
    return session
