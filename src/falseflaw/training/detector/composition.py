"""Pairs composed of layers: a photo, and the same with a region, or all, as a network wrote it.

Base, layer, region, seam, grain and upload are drawn anew for every pair. Both members go through the same
upload save and differ before it only where the network wrote, or where the negative was edited without one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from falseflaw.damage.free_regions import draw_free_region
from falseflaw.damage.regions import draw_region
from falseflaw.dataset.layers import Base, Content
from falseflaw.dataset.upload import UploadSave
from falseflaw.imaging.crop import Box
from falseflaw.imaging.grain import match_grain
from falseflaw.imaging.local_edits import CLONE, apply_local_edit
from falseflaw.seeding import derive_rng
from falseflaw.training.detector.composition_settings import CompositionSettings
from falseflaw.training.detector.layer_windows import LayerWindow, StoredLayer
from falseflaw.types import Edit, Image, Mask

_GRID = 16
"""Pixels of a JPEG's blocks with halved chroma."""

_OPAQUE = 0.3
"""Opacity from which a pixel counts as written."""

_PART = 0.5
"""Largest share of a layer that is a part of its window, which a region drawn in it takes."""

_APART = 7
"""Side, in pixels, of the square by which an edit elsewhere keeps away from the region."""


@dataclass(frozen=True, eq=False)
class Composed:
    """A pair before laundering.

    Attributes:
        negative: uint8 (h, w, 3), after the upload save.
        positive: uint8 (h, w, 3), after the same save; its label is 1.
        mask: bool (h, w), what the network wrote, laid on with an opacity of .3 and above.
        ignored: bool (h, w), pixels that a network regenerated outside the mask.
        region: bool (h, w), the place that crops of both members shall show.
        positive_edit: How the positive came about.
        negative_edit: How the negative came about.
        writer: Name of the network.
        rewritten: Whether no original pixel is left in the positive.
    """

    negative: Image
    positive: Image
    mask: Mask
    ignored: Mask
    region: Mask
    positive_edit: Edit
    negative_edit: Edit
    writer: str
    rewritten: bool


class Composer:
    """Composes pair after pair of sources' layers; pair n depends on the seed and n alone.

    Args:
        sources: Windows of each source, see `layer_windows`; a source that is there twice comes as often.
        settings: Shares and ranges.
        seed: Of all draws.
    """

    def __init__(
        self, sources: Sequence[Sequence[LayerWindow]], settings: CompositionSettings, seed: int
    ) -> None:
        self.sources = sources
        self.settings = settings
        self.seed = seed

    def __len__(self) -> int:
        """Returns the number of sources; every so many pairs each of them comes once."""
        return len(self.sources)

    def compose(self, number: int, side: int, around: bool) -> Composed:
        """Returns pair `number`, 0 or above without bound, in windows of at most `side` pixels.

        Args:
            number: Of the pair.
            side: Longest side of the window.
            around: Whether the window shows the written region; else it lies anywhere.
        """
        turn, place = divmod(number, len(self.sources))
        order = derive_rng("composition order", self.seed, turn).permutation(len(self.sources))
        windows = self.sources[int(order[place])]
        rng = derive_rng("composition", self.seed, number)
        window = windows[int(rng.integers(len(windows)))]
        draft = self.draft(window, side, around, rng)
        save = draw_save(window, self.settings, rng)
        if save is None:
            return draft
        return replace(draft, negative=save.apply(draft.negative), positive=save.apply(draft.positive))

    def draft(self, window: LayerWindow, side: int, around: bool, rng: np.random.Generator) -> Composed:
        """Returns a pair of a window before the upload save."""
        settings = self.settings
        layer = _draw_layer(window, settings, rng)
        rewritten = (
            layer.content is Content.REWRITTEN
            and not window.is_part(layer)
            and layer.base is Base.DAMAGED
            and rng.random() < settings.regenerated_share
        )
        whole_region = _draw_region(window, layer, rewritten, settings, rng)
        box = _draw_box(whole_region, side, around, rng.random() < settings.shifted_share, rng)
        region = box.cut(whole_region)
        authentic = window.authentic.read()
        base = window.damage(authentic) if layer.base is Base.DAMAGED else authentic
        written, original = box.cut(window.lay(layer, base)), box.cut(base)
        negative = box.cut(window.damage(authentic)) if layer.content is Content.INPAINTED else original
        original, negative = _edit_elsewhere(original, negative, region, settings, rng)
        if rewritten:
            positive, mask = written, region
            ignored = ~region
        else:
            alpha, soft = _draw_alpha(region, settings, rng)
            mixed = np.rint(original + alpha[..., None] * (written.astype(np.float32) - original))
            positive = np.where(region[..., None], mixed.astype(np.uint8), original)
            mask = alpha >= _OPAQUE
            ignored = region & ~mask
        changed = np.ones_like(region) if rewritten else region
        if changed.any() and rng.random() < settings.grain_share:
            positive = match_grain(positive, changed, original, rng)
        negative_edit = _negative_edit(layer)
        edited = rng.random()
        if region.any() and edited < settings.local_edit_share:
            negative = _edit(negative, changed, rng)
            negative_edit = Edit.LOCAL_EDIT
        elif region.any() and edited < settings.local_edit_share + settings.edited_both_share:
            seed = int(rng.integers(2**62))
            negative = _edit(negative, region, np.random.default_rng(seed))
            positive = _edit(positive, region, np.random.default_rng(seed))
            negative_edit = Edit.LOCAL_EDIT
        if rewritten:
            edit = Edit.REGENERATED
        elif layer.content is Content.REWRITTEN:
            edit = Edit.AUTOENCODED
        elif layer.content is Content.REFILLED:
            edit = Edit.REFILLED
        else:
            edit = Edit.FEATHERED if soft else Edit.SPLICED
        return Composed(
            negative, positive, mask, ignored, region, edit, negative_edit, layer.writer, rewritten
        )


def _draw_layer(window: LayerWindow, settings: CompositionSettings, rng: np.random.Generator) -> StoredLayer:
    inpainted, refilled, authentic, which = rng.random(4).tolist()
    wanted = (
        (Content.REFILLED if refilled < settings.refilled_share else Content.INPAINTED, Base.AUTHENTIC)
        if inpainted < settings.inpainted_share
        else (Content.REWRITTEN, Base.AUTHENTIC if authentic < settings.authentic_share else Base.DAMAGED)
    )
    layers = [layer for layer in window.written if (layer.content, layer.base) == wanted]
    if not layers:
        layers = [layer for layer in window.written if layer.content is Content.REWRITTEN]
    layers = layers or list(window.written)
    return layers[int(which * len(layers))]


def _negative_edit(layer: StoredLayer) -> Edit:
    if layer.content is Content.INPAINTED or layer.base is Base.DAMAGED:
        return Edit.SIMULATED_DAMAGE
    return Edit.AUTHENTIC


def _draw_region(
    window: LayerWindow,
    layer: StoredLayer,
    rewritten: bool,
    settings: CompositionSettings,
    rng: np.random.Generator,
) -> Mask:
    """Draws what the network's pixels replace, bool (window.height, window.width)."""
    if layer.content in (Content.INPAINTED, Content.REFILLED):
        return window.read_region()
    if window.is_part(layer):  # of its window the writer saw no more
        region = np.zeros((window.height, window.width), np.bool_)
        area = float(np.exp(rng.uniform(*np.log(settings.area)))) * region.size
        share = min(_PART, area / (layer.box.height * layer.box.width))
        region[layer.box.slices] = draw_free_region(layer.box.height, layer.box.width, share, None, rng)
        return region
    flaw = window.read_flaw()
    if flaw is not None and flaw.any() and (rewritten or rng.random() < settings.flaw_share):
        return draw_region(flaw, rng)[1]
    center = None
    if flaw is not None and flaw.any() and rng.random() < settings.on_flaw_share:
        spots = np.flatnonzero(flaw)
        center = divmod(int(spots[int(rng.integers(len(spots)))]), flaw.shape[1])
    area = float(np.exp(rng.uniform(*np.log(settings.area))))
    return draw_free_region(window.height, window.width, area, center, rng)


def _draw_box(region: Mask, side: int, around: bool, shifted: bool, rng: np.random.Generator) -> Box:
    """Draws a window of at most `side` pixels: over a pixel of the region, or anywhere."""
    spots = np.flatnonzero(region) if around else np.empty(0, dtype=np.intp)
    index = int(rng.integers(len(spots) or region.size))
    spot = divmod(int(spots[index]) if len(spots) else index, region.shape[1])
    starts, sides = [], []
    for position, limit in zip(spot, region.shape, strict=True):
        length = min(side, limit)
        lowest, highest = max(0, position - length + 1), min(position, limit - length)
        first, last = -(-lowest // _GRID), highest // _GRID
        if shifted or first > last:
            starts.append(int(rng.integers(lowest, highest, endpoint=True)))
        else:
            starts.append(int(rng.integers(first, last, endpoint=True)) * _GRID)
        sides.append(length)
    return Box(*starts, *sides)


def _draw_alpha(
    region: Mask, settings: CompositionSettings, rng: np.random.Generator
) -> tuple[NDArray[np.float32], bool]:
    """Draws the layer's opacity, float32 (h, w), 0 outside the region, and whether its seam is soft."""
    soft, partial = (rng.random(2) < (settings.soft_share, settings.partial_share)).tolist()
    width, alpha = float(rng.uniform(*settings.feather)), float(rng.uniform(*settings.alpha))
    opacity = region.astype(np.float32)
    if soft:
        depth = cv2.distanceTransform(region.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
        reach = min(width, max(float(depth.max()) / 2, 1.0))
        opacity = np.minimum(depth / np.float32(reach), np.float32(1)) * opacity
    if partial:
        opacity *= np.float32(alpha)
    return opacity, soft


def _edit_elsewhere(
    original: Image, negative: Image, region: Mask, settings: CompositionSettings, rng: np.random.Generator
) -> tuple[Image, Image]:
    """Edits both in one place away from the region, without a network, or neither."""
    if rng.random() >= settings.edited_elsewhere_share:
        return original, negative
    area = float(np.exp(rng.uniform(*np.log(settings.area))))
    height, width = region.shape
    place = draw_free_region(height, width, area, None, rng)
    place &= cv2.dilate(region.astype(np.uint8), np.ones((_APART, _APART), np.uint8)) == 0
    place &= (original == negative).all(axis=-1)
    if not place.any():
        return original, negative
    edited = _edit(original, place, rng)
    return edited, np.where(place[..., None], edited, negative)


def _edit(photo: Image, place: Mask, rng: np.random.Generator) -> Image:
    """Edits a place without a network; nothing is cloned over a whole photo."""
    edited, name = apply_local_edit(photo, place, rng)
    return photo if place.all() and CLONE in name.split("+") else edited


def draw_save(
    window: LayerWindow, settings: CompositionSettings, rng: np.random.Generator
) -> UploadSave | None:
    """Draws the upload save of both members; None for an upload without loss.

    A photo that is its camera's own file, or left its camera without loss, mostly has the save of its set.
    """
    own, kind, chroma = rng.random(3).tolist()
    quality = int(rng.integers(*settings.quality, endpoint=True))
    once = bool(window.save.tables) or not window.camera.quality
    if once and own < settings.own_save_share:
        return window.save
    if kind < settings.unsaved_share:
        return None
    if kind < settings.unsaved_share + settings.camera_save_share and not once:
        return UploadSave(window.camera.quality, window.camera.subsampling)
    return UploadSave(quality, "4:4:4" if chroma < settings.full_chroma_share else "4:2:0")
