"""Makes and saves the layers of prepared sets: photos before the upload, and what writers made of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from falseflaw.dataset.layers import LAYERS_FOLDER, Base, Content, LayerRow, changed_box, save_layer
from falseflaw.imaging.codec import encode_png, write_atomic
from falseflaw.imaging.crop import Box, resize_crop
from falseflaw.seeding import derive_rng, derive_seed
from falseflaw.synthesis.layer_plan import LayerSettings
from falseflaw.synthesis.members import NetworkOutputs
from falseflaw.synthesis.prepare import PreparedSet
from falseflaw.types import Image

if TYPE_CHECKING:  # it imports diffusers, for seconds
    from falseflaw.inpainting.autoencoders.family import AutoencoderFamily

_GRID = 16


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer in pixels.

    Attributes:
        window: Number of its window.
        base: Which photo it shows.
        content: What its pixels are.
        writer: Whose they are; "" for photos.
        box: Where it lies in its window.
        pixels: uint8 (box.height, box.width, 3).
    """

    window: int
    base: Base
    content: Content
    writer: str
    box: Box
    pixels: Image


@dataclass(frozen=True, eq=False)
class SetLayers:
    """The layers of a set.

    Attributes:
        windows: In the photo; the first holds the flaw.
        layers: In any order.
    """

    windows: Sequence[Box]
    layers: Sequence[Layer]


def plan_windows(entry: PreparedSet, settings: LayerSettings) -> list[Box]:
    """Returns the windows of a set: the whole photo, or of a large one two, at the flaw and elsewhere."""
    height, width = entry.authentic.shape[:2]
    if max(height, width) <= settings.layers_whole:
        return [Box(0, 0, height, width)]
    inner, rng = crop_box(entry), derive_rng("window", entry.plan.seed)
    rows = [
        _span(inner.top, inner.height, height, settings),
        _random_span(inner.height, height, settings, rng),
    ]
    columns = [
        _span(inner.left, inner.width, width, settings),
        _random_span(inner.width, width, settings, rng),
    ]
    return [
        Box(top, left, below - top, behind - left)
        for (top, below), (left, behind) in zip(rows, columns, strict=True)
    ]


def _span(start: int, length: int, limit: int, settings: LayerSettings) -> tuple[int, int]:
    """First and end pixel of a window along one axis, around an interval that it holds."""
    side = max(settings.layers_window, length)
    first = max(0, min(start + length // 2 - side // 2, limit - side))
    return first // _GRID * _GRID, min(limit, first + side)


def _random_span(
    length: int, limit: int, settings: LayerSettings, rng: np.random.Generator
) -> tuple[int, int]:
    side = max(settings.layers_window, length)
    first = int(rng.integers(max(0, limit - side) // _GRID, endpoint=True)) * _GRID
    return first, min(limit, first + side)


def crop_box(entry: PreparedSet) -> Box:
    """Returns where the inpainter's crop lies in the photo."""
    scale, box = entry.plan.crop_scale, entry.box
    if scale == 1:
        return box
    height, width = entry.region.shape
    top, left = math.floor(box.top * scale), math.floor(box.left * scale)
    bottom = min(height, math.ceil((box.top + box.height) * scale))
    right = min(width, math.ceil((box.left + box.width) * scale))
    return Box(top, left, bottom - top, right - left)


def make_layers(
    entry: PreparedSet,
    settings: LayerSettings,
    autoencoders: AutoencoderFamily,
    samples: tuple[Image, Image] | None,
    outputs: NetworkOutputs | None,
) -> SetLayers:
    """Returns the layers of a set; what was made for its members is not made again.

    Args:
        entry: The set.
        settings: Sizes of windows.
        autoencoders: Rewrite the photos that the plan says.
        samples: The inpainter's crops with the flaw and with clean material; None where it did not work.
        outputs: What networks made for the set's members; None where it has none.
    """
    windows = plan_windows(entry, settings)
    plan, layers = entry.plan, list(_photos(entry, windows))
    for number, box in enumerate(windows):
        for name, of_authentic in plan.rewriters:
            place, written = Box(0, 0, box.height, box.width), dict[Base, Image]()
            if outputs is not None and name == plan.autoencoder:
                written[Base.AUTHENTIC] = box.cut(outputs.round_trip_authentic)
                if number == 0:
                    written[Base.DAMAGED] = box.cut(outputs.round_trip_damaged)
            else:
                if not autoencoders.takes_whole(name):  # it is slow: the crop at the flaw has to do
                    if number > 0:
                        continue
                    place = _within(crop_box(entry), box)
                authentic = of_authentic or number > 0  # the flaw lies in the first window
                photo = place.cut(box.cut(entry.authentic if authentic else entry.damaged))
                seed = derive_seed("layer", plan.seed, name)
                made = autoencoders.round_trip(name, photo, seed)
                written[Base.AUTHENTIC if authentic else Base.DAMAGED] = made
            layers += [
                Layer(number, base, Content.REWRITTEN, name, place, pixels)
                for base, pixels in written.items()
            ]
    if samples is not None:
        layers.extend(_crops(entry, windows[0], samples))
    return SetLayers(windows, layers)


def _photos(entry: PreparedSet, windows: Sequence[Box]) -> Iterator[Layer]:
    """The photos themselves; of the damaged one the part that differs."""
    for number, box in enumerate(windows):
        authentic = box.cut(entry.authentic)
        yield Layer(number, Base.AUTHENTIC, Content.PHOTO, "", Box(0, 0, box.height, box.width), authentic)
    damaged = windows[0].cut(entry.damaged)
    change = changed_box(windows[0].cut(entry.authentic), damaged)
    if change is not None:
        yield Layer(0, Base.DAMAGED, Content.PHOTO, "", change, change.cut(damaged))


def _within(box: Box, window: Box) -> Box:
    """Returns where a part of the photo lies in a window that holds it."""
    return Box(box.top - window.top, box.left - window.left, box.height, box.width)


def _crops(entry: PreparedSet, window: Box, samples: tuple[Image, Image]) -> Iterator[Layer]:
    """The inpainter's crops at the photo's scale."""
    height, width = entry.region.shape
    box = crop_box(entry)
    there = _within(box, window)
    for content, crop in zip((Content.INPAINTED, Content.REFILLED), samples, strict=True):
        canvas = entry.bring(entry.authentic)
        canvas[entry.box.slices] = crop
        pixels = box.cut(resize_crop(canvas, height, width))
        yield Layer(0, Base.AUTHENTIC, content, entry.plan.generator, there, pixels)


def save_layers(
    dataset: Path, entry: PreparedSet, made: SetLayers, config_hash: str
) -> Iterator[dict[str, Any]]:
    """Writes the layers of a set and yields their rows."""
    plan = entry.plan
    height, width = entry.region.shape
    stem = f"{LAYERS_FOLDER}/{plan.stem}"
    flaw_path, region_path = f"{stem}__flaw.png", f"{stem}__region.png"
    write_atomic(dataset / flaw_path, encode_png(made.windows[0].cut(entry.flaw)))
    write_atomic(dataset / region_path, encode_png(made.windows[0].cut(entry.region)))
    for number, layer in enumerate(made.layers):
        window, box = made.windows[layer.window], layer.box
        path = f"{stem}__{number:02d}.webp"
        yield LayerRow(
            path=path,
            sha256=save_layer(dataset / path, layer.pixels),
            source_id=plan.source_id,
            group=plan.photo.group,
            contributor=plan.photo.contributor,
            photo_set=plan.photo.photo_set,
            product=plan.photo.product,
            fold=plan.fold,
            window=layer.window,
            base=layer.base,
            content=layer.content,
            writer=layer.writer,
            top=box.top,
            left=box.left,
            height=box.height,
            width=box.width,
            window_top=window.top,
            window_left=window.left,
            window_height=window.height,
            window_width=window.width,
            photo_height=height,
            photo_width=width,
            damage_kind=plan.kind,
            flaw_path="" if layer.window else flaw_path,
            region_path="" if layer.window else region_path,
            crop_scale=plan.crop_scale,
            camera=plan.camera.to_json(),
            save=entry.save.to_json(),
            batch=plan.batch,
            config_hash=config_hash,
        ).columns()
