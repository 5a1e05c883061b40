"""Unaltered photos of 1 to 24 megapixels, what a model says of them, and how often it would be wrong.

The studio renders each at its own size, so that nothing is ever enlarged, and a camera that does not make
it smaller saves it once, as phones do. Finished photos are kept: rendering one costs more than judging it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from falseflaw.errors import ConfigurationError
from falseflaw.evaluation.figures.large_photos import LargePhoto
from falseflaw.imaging.camera import CameraSampler, apply_camera
from falseflaw.imaging.codec import decode, encode_jpeg, write_atomic
from falseflaw.machine import keep_freed_memory
from falseflaw.photos.studio.source import StudioPhotos
from falseflaw.runtime.verdict import limits
from falseflaw.seeding import derive_rng, derive_seed
from falseflaw.statistics.bootstrap import Share, rate
from falseflaw.studies.models import StudiedModel, verdicts_of
from falseflaw.types import Image, OperatingPoint, Verdict

SIZES = {6.0: 57, 12.0: 28, 24.0: 14}
"""Megapixels → photos that are judged in tiles: 99, as many as a promise of 1 % takes, the cheap ones more
often. Six megapixels make the fewest tiles that there are, two."""


@dataclass(frozen=True)
class Wanted:
    """One photo of the study: product and pose follow from seed, size and number.

    Attributes:
        megapixels: Its size; sides as 4 to 3.
        number: Of the product, each of which is photographed once.
        seed: Of the study.
    """

    megapixels: float
    number: int
    seed: int

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, pixels; no more than the megapixels in all."""
        width = int(math.sqrt(0.75e6 * self.megapixels))
        return int(1e6 * self.megapixels / width), width

    @property
    def source(self) -> str:
        """Name of the product, and of the photo's file."""
        return f"studio-{self.seed}-{self.megapixels:g}mp-{self.number:03d}"

    def render(self, cameras: CameraSampler) -> bytes:
        """Returns the photo as its camera saves it, a JPEG."""
        height, width = self.size
        studio = StudioPhotos(
            count=self.number * 5 // 2 + 2,
            width=width,
            height=height,
            seed=derive_seed("large photos", self.seed, self.megapixels) % (1 << 31),
        )
        photo = next(photo for photo in studio.photos() if photo.contributor == f"studio-{self.number:03d}")
        camera = replace(cameras.draw(derive_rng("large photos", self.source)), scale=1.0)
        image = apply_camera(
            studio.load(photo), replace(camera, quality=0), derive_seed("noise", self.source)
        )
        return encode_jpeg(image, camera.quality or 95, camera.subsampling)

    def load(self, cameras: CameraSampler, cache: Path | None) -> Image:
        """Returns the photo as it is read from its file, uint8 (H, W, 3)."""
        path = cache / f"{self.source}.jpg" if cache else None
        if path is not None and path.is_file():
            return decode(path)
        data = self.render(cameras)
        if path is not None:
            write_atomic(path, data)
        return decode(data)


def wanted(sizes: Mapping[float, int], seed: int) -> list[Wanted]:
    """Returns the photos of a study, the largest first: the last ones to end are then short.

    Raises:
        ConfigurationError: A size or a number is out of range.
    """
    if not sizes or not all(0.1 <= size <= 50 and count >= 1 for size, count in sizes.items()):
        raise ConfigurationError(
            f"expected sizes of 0.1 to 50 megapixels with 1 photo and more each, got {dict(sizes)}"
        )
    return [
        Wanted(size, number, seed) for size in sorted(sizes, reverse=True) for number in range(sizes[size])
    ]


def score_photos(
    photos: Sequence[Wanted],
    model: StudiedModel,
    cameras: CameraSampler,
    cache: Path | None,
    lanes: int = 1,
) -> Iterator[LargePhoto]:
    """Renders and scores photos, several at once; yields them one by one, in their order.

    Args:
        photos: Of `wanted`.
        model: That is asked.
        cameras: Draws their cameras, whose scale is set to 1.
        cache: Folder where finished photos are kept; None: nowhere.
        lanes: Photos at once; one of 24 megapixels takes 1.2 GB, and 2.5 while it is rendered.
    """

    def score(photo: Wanted) -> LargePhoto:
        image = photo.load(cameras, cache)
        told = model.ask(image)
        return LargePhoto(
            source=photo.source,
            megapixels=photo.megapixels,
            height=image.shape[0],
            width=image.shape[1],
            tiles=model.tiling(*image.shape[:2]).count,
            logit=told.logit,
            hottest=told.hottest,
            distance=None if math.isnan(told.distance) else told.distance,
        )

    keep_freed_memory()
    with ThreadPoolExecutor(lanes) as pool:
        try:
            yield from pool.map(score, photos)
        finally:
            pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class SizeRates:
    """How often unaltered photos of one size are not told to be so.

    Attributes:
        megapixels: The size.
        tiles: Fewest and most.
        whole: Reach image_threshold, the limit of one tile.
        altered: Get the verdict `altered`.
        inconclusive: Get the verdict `inconclusive`.
        unlike: Are too far from what was measured, which makes them inconclusive; part of the latter.
        highest: Probabilities of the highest one, and of the median.
    """

    megapixels: float
    tiles: tuple[int, int]
    whole: Share
    altered: Share
    inconclusive: Share
    unlike: Share
    highest: tuple[float, float]


def rates(photos: Sequence[LargePhoto], point: OperatingPoint) -> list[SizeRates]:
    """Returns the rates by size at an operating point, with 95 % intervals (Clopper-Pearson)."""
    return [
        _rates_of([photo for photo in photos if photo.megapixels == size], size, point)
        for size in sorted({photo.megapixels for photo in photos})
    ]


def _rates_of(photos: Sequence[LargePhoto], size: float, point: OperatingPoint) -> SizeRates:
    sources = np.array([photo.source for photo in photos])
    tiles = np.array([photo.tiles for photo in photos])
    logits = np.array([photo.logit for photo in photos])
    hottest = np.array([photo.hottest for photo in photos])
    distance = np.array([np.nan if photo.distance is None else photo.distance for photo in photos])
    probability, given = verdicts_of(logits, hottest, distance, point, tiles)
    far = distance >= (np.inf if point.distance_threshold is None else point.distance_threshold)

    def share(chosen: np.ndarray) -> Share:
        return rate(np.asarray(chosen, dtype=bool), sources)

    return SizeRates(
        megapixels=size,
        tiles=(int(tiles.min()), int(tiles.max())),
        whole=share(probability >= limits(np.ones_like(tiles), point)),
        altered=share(given == Verdict.ALTERED),
        inconclusive=share(given == Verdict.INCONCLUSIVE),
        unlike=share(far),
        highest=(float(probability.max()), float(np.median(probability))),
    )
