"""A matched set in pixels: painting and camera before the inpainter, the five members after it.

Up to the upload save, spliced and null edit differ from the authentic photo only inside the region.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from falseflaw.dataset.plan import SetPlan, SynthesisSettings
from falseflaw.dataset.timing import StageTimer
from falseflaw.errors import InvalidDataError
from falseflaw.imaging.camera import apply_camera, transform_mask
from falseflaw.inpainting.compose import (
    Box,
    bounding_box,
    plan_crop,
    region_from_flaw,
    resize_crop,
    resize_mask,
)
from falseflaw.inpainting.ports import Painter
from falseflaw.inpainting.product_masks import ProductMasks
from falseflaw.photos.source import PhotoSource
from falseflaw.seeding import derive_rng, derive_seed
from falseflaw.types import Edit, Image, Mask

_LONGEST_NAME = 200
"""Bytes of a photo's path, which leaves room for the edit's name in the 255 that file systems allow."""


@dataclass(frozen=True, eq=False)
class PreparedSet:
    """A set up to the point where the inpainter is needed.

    Attributes:
        plan: What was drawn.
        authentic: uint8 (H, W, 3), after the camera.
        damaged: The same with the simulated flaw.
        flaw: bool (H, W), where that flaw is.
        region: bool (H, W), holds the flaw; what the inpainter may rewrite and the truth of the positives.
        canvas: The authentic photo at the model's scale; the photo itself where `plan.crop_scale` is 1.
        canvas_region: The region at the model's scale.
        box: The crop in the canvas.
    """

    plan: SetPlan
    authentic: Image
    damaged: Image
    flaw: Mask
    region: Mask
    canvas: Image
    canvas_region: Mask
    box: Box

    @property
    def crop(self) -> Image:
        """What the model sees, uint8 (box.height, box.width, 3)."""
        return self.box.cut(self.canvas)

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
    engine: Painter
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
        with timer("product mask"):
            product = self.masks.get(plan.photo, image)
        with timer("paint"):
            rng = derive_rng("damage", plan.seed)
            flaw = self.engine.paint(image, product, plan.kind, rng)
        with timer("camera"):
            noise = derive_seed("noise", plan.seed)
            authentic = apply_camera(image, plan.camera, noise)
            damaged = apply_camera(flaw.image, plan.camera, noise)
            moved = transform_mask(flaw.mask, plan.camera)
        if not moved.any():
            raise InvalidDataError("expected a flaw that survives the camera, but it vanished")
        region = region_from_flaw(moved, derive_rng("region", plan.seed))
        height, width = (max(1, round(side / plan.crop_scale)) for side in region.shape)
        canvas_region = resize_mask(region, height, width)
        return PreparedSet(
            plan=plan,
            authentic=authentic,
            damaged=damaged,
            flaw=moved,
            region=region,
            canvas=resize_crop(authentic, height, width),
            canvas_region=canvas_region,
            box=self._plan_box(plan, canvas_region),
        )

    def _plan_box(self, plan: SetPlan, region: Mask) -> Box:
        sizes, margin = self.settings.crop_sizes, self.settings.crop_margin
        rng = derive_rng("crop", plan.seed)
        box, inner = plan_crop(region, region.shape, sizes, margin, self.grid, rng), bounding_box(region)
        top = _snap(box.top, box.height, inner.top, inner.height, region.shape[0], self.factor)
        left = _snap(box.left, box.width, inner.left, inner.width, region.shape[1], self.factor)
        return Box(top, left, box.height, box.width)


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


def splice_sample(prepared: PreparedSet, sample: Image) -> Image:
    """Returns the authentic photo with the inpainter's pixels inside the region, uint8 (H, W, 3).

    Args:
        prepared: The set.
        sample: The inpainter's crop, uint8 (box.height, box.width, 3), nothing pasted.

    Raises:
        InvalidDataError: The inpainter returned another size.
    """
    box = prepared.box
    if sample.shape != (box.height, box.width, 3):
        raise InvalidDataError(
            f"expected a sample of {box.height}x{box.width} from the inpainter, got {sample.shape}"
        )
    painted = prepared.canvas.copy()
    painted[box.slices] = sample
    return _paste(prepared, painted)


def assemble(prepared: PreparedSet, spliced: Image, regenerated: Image) -> dict[Edit, Image]:
    """Returns the five members before the upload save, each uint8 (H, W, 3).

    Args:
        prepared: The set.
        spliced: See `splice_sample`.
        regenerated: The whole photo as it left the autoencoder with the flaw in it.

    Raises:
        InvalidDataError: The inpainter returned another size.
    """
    if regenerated.shape != prepared.authentic.shape:
        raise InvalidDataError(
            f"expected a photo of {prepared.authentic.shape[:2]} from the inpainter, got {regenerated.shape}"
        )
    return {
        Edit.AUTHENTIC: prepared.authentic,
        Edit.NULL_EDIT: _paste(prepared, prepared.canvas),
        Edit.SIMULATED_DAMAGE: prepared.damaged,
        Edit.SPLICED: spliced,
        Edit.REGENERATED: regenerated,
    }


def _paste(prepared: PreparedSet, canvas: Image) -> Image:
    """Brings the canvas back to the photo's size and takes over what lies in the region."""
    height, width = prepared.region.shape
    return np.where(prepared.region[..., None], resize_crop(canvas, height, width), prepared.authentic)
