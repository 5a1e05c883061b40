"""What the inpainter learns from: pairs of photo windows, intact and with a painted flaw, after the camera.

The flaw is painted on the whole photo, at the size that synthesis uses, and before the camera step;
both versions go through the same camera with the same noise. Windows are made once, in shards on disk,
by worker processes; window k depends on the seed and k alone, so that a killed build goes on where it was.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from falseflaw.damage.engine import DamageEngine
from falseflaw.errors import FalseFlawError, InvalidDataError
from falseflaw.imaging.camera import CameraSampler, apply_camera, transform_mask
from falseflaw.imaging.codec import write_atomic
from falseflaw.imaging.crop import Box, bounding_box
from falseflaw.photos.product.masks import ProductMasks
from falseflaw.photos.source import Photo, PhotoSource
from falseflaw.seeding import derive_rng, derive_seed
from falseflaw.types import DamageKind, Image, Mask
from falseflaw.workers import WorkerPool, lost_workers

SHARD = 64
"""Windows per file."""

_ATTEMPTS = 12
_FLAW_MARGIN = 8
_LENS = 16
"""Pixels around a window that the camera needs: lens, demosaicing and denoising look beyond its edge."""


@dataclass(frozen=True)
class WindowMaker:
    """Makes window number k. Everything in it can be sent to a worker process.

    Attributes:
        source: Where the photos come from.
        photos: The photos to use, of the inpainter's fold only.
        masks: Their product masks.
        engine: Paints the flaws.
        camera: Draws the camera of a window.
        size: Side of a window in pixels, after the camera.
        seed: Of everything.
    """

    source: PhotoSource
    photos: tuple[Photo, ...]
    masks: ProductMasks
    engine: DamageEngine
    camera: CameraSampler
    size: int
    seed: int

    def make(self, index: int) -> tuple[Image, Image, Mask, str, str]:
        """Returns intact window, damaged window, flaw mask, kind and product of window `index`.

        Raises:
            InvalidDataError: None of the photos tried offered a place for a flaw.
        """
        rng = derive_rng("window", self.seed, index)
        order = derive_rng("order", self.seed, index // len(self.photos)).permutation(len(self.photos))
        choice = int(order[index % len(self.photos)])
        kind = list(DamageKind)[index % len(DamageKind)]
        reason = "no photo"
        for _ in range(_ATTEMPTS):
            photo = self.photos[choice]
            try:
                return (*self._window(photo, kind, rng), str(kind), photo.product)
            except FalseFlawError as error:
                reason = str(error)
                choice = int(rng.integers(len(self.photos)))
        raise InvalidDataError(
            f"expected room for a flaw in one of {_ATTEMPTS} photos, found none; last: {reason}"
        )

    def _window(self, photo: Photo, kind: DamageKind, rng: np.random.Generator) -> tuple[Image, Image, Mask]:
        image = self.source.load(photo)
        flaw = self.engine.paint(image, self.masks.get(photo, image), kind, rng)
        camera = self.camera.draw(rng)
        needed = int(np.ceil((self.size + 2 * _LENS) / camera.scale)) + 2
        height, width = image.shape[:2]
        if min(height, width) * camera.scale < self.size + 1:
            camera = replace(camera, scale=min(1.0, (self.size + 1) / min(height, width)))
        box = bounding_box(flaw.mask)
        top = _around(box.top, box.height, needed, height, rng)
        left = _around(box.left, box.width, needed, width, rng)
        area = Box(top, left, min(needed, height), min(needed, width))
        seed = derive_seed("noise", int(rng.integers(1 << 62)))
        clean = apply_camera(area.cut(image), camera, seed)
        damaged = apply_camera(area.cut(flaw.image), camera, seed)
        mask = transform_mask(area.cut(flaw.mask), camera)
        if mask.sum() < 16:
            raise InvalidDataError("expected a flaw of at least 16 pixels in the window")
        return self._trim(clean, damaged, mask, rng)

    def _trim(
        self, clean: Image, damaged: Image, mask: Mask, rng: np.random.Generator
    ) -> tuple[Image, Image, Mask]:
        if short := max(0, self.size - min(mask.shape)):  # a photo smaller than a window
            pad = ((0, short), (0, short))
            clean, damaged = (np.pad(pixels, (*pad, (0, 0)), mode="reflect") for pixels in (clean, damaged))
            mask = np.pad(mask, pad)
        box = bounding_box(mask)
        top = _around(box.top, box.height, self.size, mask.shape[0], rng)
        left = _around(box.left, box.width, self.size, mask.shape[1], rng)
        final = Box(top, left, self.size, self.size)
        if final.cut(mask).sum() < 16:
            raise InvalidDataError("expected a flaw of at least 16 pixels in the window")
        return final.cut(clean), final.cut(damaged), final.cut(mask)


def _around(start: int, length: int, side: int, limit: int, rng: np.random.Generator) -> int:
    """Draws the start of an interval of `side` in [0, limit) that holds another one, if it can."""
    low, high = start + length + _FLAW_MARGIN - side, start - _FLAW_MARGIN
    if low > high:
        low = high = start + length // 2 - side // 2
    last = max(0, limit - side)
    return int(rng.integers(int(np.clip(low, 0, last)), int(np.clip(high, 0, last)), endpoint=True))


@dataclass
class Windows:
    """Windows in memory.

    Attributes:
        clean: uint8 (N, S, S, 3).
        damaged: uint8 (N, S, S, 3).
        flaws: bool (N, S, S).
        kinds: N words of `DamageKind`.
        products: N product words.
    """

    clean: NDArray[np.uint8]
    damaged: NDArray[np.uint8]
    flaws: NDArray[np.bool_]
    kinds: list[str]
    products: list[str]

    def __len__(self) -> int:
        return len(self.kinds)

    def anywhere(self, index: int, side: int, rng: np.random.Generator) -> Image:
        """Returns a random crop of the intact or, twice as often, of the damaged window."""
        pixels = self.clean[index] if rng.random() < 1 / 3 else self.damaged[index]
        top, left = rng.integers(pixels.shape[0] - side + 1, size=2)
        part = pixels[top : top + side, left : left + side]
        return np.ascontiguousarray(part[:, ::-1] if rng.integers(2) else part)

    def crop(self, index: int, side: int, rng: np.random.Generator) -> tuple[Image, Image, Mask]:
        """Returns a random turned or mirrored crop of a window that holds its flaw if that fits."""
        mask = self.flaws[index]
        box = bounding_box(mask)
        top = _around(box.top, box.height, side, mask.shape[0], rng)
        left = _around(box.left, box.width, side, mask.shape[1], rng)
        area = Box(top, left, side, side)
        turns, mirror = int(rng.integers(4)), bool(rng.integers(2))
        intact, damaged = (area.cut(pixels[index]) for pixels in (self.clean, self.damaged))
        return (
            turned(intact, turns, mirror),
            turned(damaged, turns, mirror),
            turned(area.cut(mask), turns, mirror),
        )


def turned(pixels: Any, turns: int, mirror: bool) -> Any:
    """Returns an image or mask turned by quarters and then mirrored, or not, as a contiguous copy."""
    part = np.rot90(pixels, turns)
    return np.ascontiguousarray(part[:, ::-1] if mirror else part)


def load_windows(
    maker: WindowMaker, count: int, folder: Path, workers: int, progress: bool = True
) -> Windows:
    """Returns windows 0..count-1, made now where the folder lacks them.

    Args:
        maker: Makes a window by its number.
        count: How many.
        folder: Where the shards lie; belongs to this maker alone.
        workers: Processes; 0 works in this one.
        progress: Whether to show a progress bar.

    Raises:
        WorkerLostError: A worker was killed; finished shards are kept.
    """
    jobs = [(maker, start, min(SHARD, count - start), folder) for start in range(0, count, SHARD)]
    todo = [job for job in jobs if not _readable(_shard_path(*job[1:]))]
    bar = tqdm(total=len(todo), desc="painting windows", disable=not progress or not todo, unit="shard")
    with bar:
        if workers and todo:
            with lost_workers("paints windows"), WorkerPool(workers, _single_thread) as pool:
                for _ in pool.map(_make_shard, todo):
                    bar.update()
        else:
            for job in todo:
                _make_shard(job)
                bar.update()
    return _read([_shard_path(*job[1:]) for job in jobs], count, maker.size)


def _shard_path(start: int, length: int, folder: Path) -> Path:
    return folder / f"windows-{start:06d}-{length}.npz"


def _single_thread() -> None:
    cv2.setNumThreads(1)  # the processes share the cores


def _make_shard(job: tuple[WindowMaker, int, int, Path]) -> None:
    maker, start, length, folder = job
    made = [maker.make(index) for index in range(start, start + length)]
    clean, damaged, flaws, kinds, products = zip(*made, strict=True)
    buffer = io.BytesIO()
    np.savez(
        buffer,
        clean=np.stack(clean),
        damaged=np.stack(damaged),
        flaws=np.stack(flaws),
        kinds=np.array(kinds),
        products=np.array(products),
    )
    write_atomic(_shard_path(start, length, folder), buffer.getvalue())


def _readable(path: Path) -> bool:
    return path.is_file() and zipfile.is_zipfile(path)


def _read(paths: Sequence[Path], count: int, size: int) -> Windows:
    windows = Windows(
        np.empty((count, size, size, 3), np.uint8),
        np.empty((count, size, size, 3), np.uint8),
        np.empty((count, size, size), np.bool_),
        [],
        [],
    )
    for path in paths:
        with np.load(path, allow_pickle=False) as shard:
            start, stop = len(windows), len(windows) + len(shard["kinds"])
            windows.clean[start:stop] = shard["clean"]
            windows.damaged[start:stop] = shard["damaged"]
            windows.flaws[start:stop] = shard["flaws"]
            windows.kinds += shard["kinds"].tolist()
            windows.products += shard["products"].tolist()
    return windows
