"""A matched set up to where networks are needed: painting, camera, region and crop."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from falseflaw.damage.engine import DamageEngine, design_scale
from falseflaw.damage.regions import draw_region
from falseflaw.dataset.upload import UploadSave
from falseflaw.errors import InvalidDataError
from falseflaw.imaging.camera import apply_camera, transform_mask
from falseflaw.imaging.codec import decode, read_file
from falseflaw.imaging.crop import (
    Box,
    bounding_box,
    plan_crop,
    resize_crop,
    resize_mask_by_touch,
)
from falseflaw.imaging.local_edits import apply_local_edit
from falseflaw.imaging.metadata import plain_jpeg
from falseflaw.machine import StageTimer
from falseflaw.photos.product.masks import ProductMasks
from falseflaw.photos.source import PhotoSource, file_of
from falseflaw.seeding import derive_rng, derive_seed
from falseflaw.synthesis.plan import SetPlan, SynthesisSettings
from falseflaw.types import Image, Mask, Placement, RegionShape

_LONGEST_NAME = 200
"""Bytes of a photo's path, which leaves room for the edit's name in the 255 that file systems allow."""

_ATTEMPTS = 6
"""How often a flaw is painted anew where none of the aligned crops holds its region: one that lies at the
photo's edge or is large. The first attempt draws as if it were the only one."""


@dataclass(frozen=True, eq=False)
class PreparedSet:
    """A set up to the point where the inpainter is needed.

    Attributes:
        plan: What was drawn; its crop scale is larger where the region would not fit the largest crop.
        authentic: uint8 (H, W, 3), after the camera.
        damaged: The same with the simulated flaw.
        flaw: bool (H, W), where that flaw is.
        region: bool (H, W), holds the flaw; what the inpainter may rewrite and the truth of the positives.
        shape: How the region follows from the flaw.
        canvas: The authentic photo at the model's scale; the photo itself where `plan.crop_scale` is 1.
        canvas_region: The region at the model's scale.
        box: The crop in the canvas.
        save: The upload save of all members.
        kept: The authentic photo as its camera saved it, where it keeps that save.
    """

    plan: SetPlan
    authentic: Image
    damaged: Image
    flaw: Mask
    region: Mask
    shape: RegionShape
    canvas: Image
    canvas_region: Mask
    box: Box
    save: UploadSave
    kept: bytes | None = None

    @property
    def crop(self) -> Image:
        """What the model sees, uint8 (box.height, box.width, 3)."""
        return self.box.cut(self.canvas)

    def write(self, photo: Image, crop: Image) -> Image:
        """Returns a photo of the set with a crop's pixels inside the region, as a tool brings them back.

        Args:
            photo: uint8 (H, W, 3), `authentic` or `damaged`.
            crop: uint8 (box.height, box.width, 3), at the model's scale.

        Raises:
            InvalidDataError: The crop has another size.
        """
        box = self.box
        if crop.shape != (box.height, box.width, 3):
            raise InvalidDataError(f"expected a crop of {box.height}x{box.width}, got {crop.shape}")
        canvas = self.bring(photo)
        canvas[box.slices] = crop
        height, width = self.region.shape
        return np.where(self.region[..., None], resize_crop(canvas, height, width), photo)

    @cached_property
    def local_edit(self) -> tuple[Image, str]:
        """The damaged photo with its region edited without a network, and the name of that edit."""
        return apply_local_edit(self.damaged, self.region, derive_rng("local edit", self.plan.seed))

    def bring(self, photo: Image) -> Image:
        """Returns a photo of the set at the model's scale, a copy."""
        return resize_crop(photo, *self.canvas_region.shape)

    @property
    def crop_region(self) -> Mask:
        """What the model may rewrite of it, bool (box.height, box.width)."""
        return self.box.cut(self.canvas_region)

    @property
    def crop_size(self) -> int:
        """Side of the crop in the photo, pixels."""
        return round(self.box.height * self.plan.crop_scale)


@dataclass(frozen=True)
class SetMaker:
    """Prepares matched sets.

    Attributes:
        source: The photos.
        masks: Their product masks.
        engine: Paints the simulated flaw.
        settings: With the sizes of crops.
        grid: Crop sides are multiples of this.
        factor: Crop corners are multiples of this, so that the sampled latents fall on the photo's own.
    """

    source: PhotoSource
    masks: ProductMasks
    engine: DamageEngine
    settings: SynthesisSettings
    grid: int
    factor: int

    def prepare(self, plan: SetPlan, timer: StageTimer) -> PreparedSet:
        """Loads, paints, photographs and plans the crop of one source.

        Raises:
            FalseFlawError: The photo is broken, or no flaw or crop fits; the source cannot be used.
        """
        _check_name(plan.stem)
        with timer("load"):
            image = self.source.load(plan.photo)
            save, kept = self._own_save(plan, image) if plan.save is None else (plan.save, None)
        with timer("product mask"):
            product = self._place(plan, image)
        with timer("camera"):
            noise = derive_seed("noise", plan.seed)
            authentic = apply_camera(image, plan.camera, noise)
        for attempt in range(_ATTEMPTS):
            with timer("paint"):
                flaw = self.engine.paint(image, product, plan.kind, _rng("damage", plan, attempt))
            with timer("camera"):
                moved = transform_mask(flaw.mask, plan.camera)
            try:
                shape, region = self._draw_region(plan, moved, attempt)
                bounded = self._bounded(plan, region)
                height, width = (max(1, round(side / bounded.crop_scale)) for side in region.shape)
                canvas_region = resize_mask_by_touch(region, height, width)
                box = self._plan_box(plan, canvas_region, attempt)
                break
            except InvalidDataError:
                if attempt + 1 == _ATTEMPTS:
                    raise
        with timer("camera"):
            damaged = apply_camera(flaw.image, plan.camera, noise)
        return PreparedSet(
            plan=bounded,
            authentic=authentic,
            damaged=damaged,
            flaw=moved,
            region=region,
            shape=shape,
            canvas=resize_crop(authentic, height, width),
            canvas_region=canvas_region,
            box=box,
            save=save,
            kept=kept,
        )

    def _own_save(self, plan: SetPlan, image: Image) -> tuple[UploadSave, bytes | None]:
        """The save of a camera original's own file, and its bytes where they are kept and show the image."""
        path = file_of(self.source, plan.photo)
        if path is None:
            raise InvalidDataError(f"expected a file for the camera original {plan.source_id}, found none")
        data = read_file(path, plan.source_id)
        save = UploadSave.of_file(data, plan.source_id)
        bare = plain_jpeg(data) if plan.kept else None
        if bare is not None and not np.array_equal(decode(bare), image):  # EXIF turned it
            bare = None
        return save, bare

    def _draw_region(self, plan: SetPlan, flaw: Mask, attempt: int) -> tuple[RegionShape, Mask]:
        if not flaw.any():
            raise InvalidDataError("expected a flaw that survives the camera, but it vanished")
        largest = round(min(flaw.shape) / plan.crop_scale) // self.grid - 1  # crops, in cells of the grid
        limit = int(largest * self.grid * plan.crop_scale) - 2
        return draw_region(flaw, _rng("region", plan, attempt), limit, design_scale(flaw.shape))

    def _bounded(self, plan: SetPlan, region: Mask) -> SetPlan:
        """Shrinks the crop of a large region for the model, as tools do, as far as its limit demands."""
        inner = bounding_box(region)
        room = self._limit - 2 * self.settings.crop_margin - self.factor
        scale = math.ceil(20 * max(inner.height, inner.width) / room) / 20
        return replace(plan, crop_scale=scale) if scale > plan.crop_scale else plan

    def _place(self, plan: SetPlan, image: Image) -> Mask:
        """Where the flaw may lie: on the product, or, as a control, anywhere in the photo."""
        if plan.placement is Placement.ANYWHERE:
            return np.ones(image.shape[:2], dtype=bool)
        return self.masks.get(plan.photo, image)

    @property
    def _limit(self) -> int:
        """Longest side of a crop, model pixels."""
        limit = max(self.settings.crop_limit, *self.settings.crop_sizes)
        return limit // self.grid * self.grid

    def _plan_box(self, plan: SetPlan, region: Mask, attempt: int) -> Box:
        sizes, margin = (*self.settings.crop_sizes, self._limit), self.settings.crop_margin
        rng = _rng("crop", plan, attempt)
        box, inner = plan_crop(region, region.shape, sizes, margin, self.grid, rng), bounding_box(region)
        top = _snap(box.top, box.height, inner.top, inner.height, region.shape[0], self.factor)
        left = _snap(box.left, box.width, inner.left, inner.width, region.shape[1], self.factor)
        return Box(top, left, box.height, box.width)


def _rng(what: str, plan: SetPlan, attempt: int) -> np.random.Generator:
    return derive_rng(what, plan.seed, *([attempt] if attempt else []))


def _check_name(stem: str) -> None:
    """Refuses a photo whose name cannot become the names of its members."""
    try:
        length = len(stem.encode())
    except UnicodeEncodeError as error:
        raise InvalidDataError("expected a file name in UTF-8, got other bytes; rename the photo") from error
    if length > _LONGEST_NAME:
        raise InvalidDataError(
            f"expected a path of at most {_LONGEST_NAME} bytes below the folder, got {length}; shorten it"
        )


def _snap(start: int, side: int, inner: int, length: int, limit: int, factor: int) -> int:
    """Returns the multiple of `factor` next to `start` at which the crop still holds the region.

    Raises:
        InvalidDataError: There is none; the region fills the crop.
    """
    lowest, highest = max(0, inner + length - side), min(inner, limit - side)
    steps = [step for step in range(0, highest + 1, factor) if step >= lowest]
    if not steps:
        raise InvalidDataError(f"expected a region well inside a crop of {side} pixels, got one of {length}")
    return min(steps, key=lambda step: abs(step - start))
