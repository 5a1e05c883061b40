"""The layers of a dataset, window by window, as composition reads them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from falseflaw.dataset.files import DatasetFiles
from falseflaw.dataset.layers import Base, Content, read_layers
from falseflaw.dataset.shards import open_files
from falseflaw.dataset.upload import UploadSave
from falseflaw.errors import InvalidDataError
from falseflaw.imaging.camera import Camera
from falseflaw.imaging.codec import read_mask
from falseflaw.imaging.crop import Box
from falseflaw.imaging.lossless import decode_lossless
from falseflaw.types import Image, Mask


@dataclass(frozen=True)
class StoredLayer:
    """A layer's file.

    Attributes:
        files: What reads it.
        path: The file, relative to the dataset.
        base: Which photo it shows.
        content: What its pixels are.
        writer: Whose they are; "" for photos.
        box: Where it lies in its window.
    """

    files: DatasetFiles
    path: str
    base: Base
    content: Content
    writer: str
    box: Box

    def read(self) -> Image:
        """Returns its pixels, uint8 (box.height, box.width, 3).

        Raises:
            InvalidDataError: The file has another size.
        """
        pixels = decode_lossless(self.files.read(self.path), self.path)
        if pixels.shape[:2] != (self.box.height, self.box.width):
            raise InvalidDataError(
                f"expected {self.path} of {self.box.width}x{self.box.height} pixels, "
                f"got {pixels.shape[1]}x{pixels.shape[0]}; build the dataset again"
            )
        return pixels


@dataclass(frozen=True)
class LayerWindow:
    """A window of a source: its photos, and what writers made of them.

    Attributes:
        height: Of the window, pixels.
        width: Of the window, pixels.
        authentic: The whole window of the authentic photo.
        damaged: The part of it that is another in the damaged photo; None where none is.
        written: What writers made.
        flaw: Path of the painted flaw's mask; None away from the flaw.
        region: Path of the mask of what an inpainter might rewrite; None away from the flaw.
        save: The upload save of the source's members.
        camera: The camera step.
    """

    height: int
    width: int
    authentic: StoredLayer
    damaged: StoredLayer | None
    written: tuple[StoredLayer, ...]
    flaw: str | None
    region: str | None
    save: UploadSave
    camera: Camera

    def damage(self, authentic: Image) -> Image:
        """Returns the damaged photo of the window, uint8 (height, width, 3), given the authentic one."""
        return authentic if self.damaged is None else self.lay(self.damaged, authentic)

    def is_part(self, layer: StoredLayer) -> bool:
        """Returns whether a layer shows less than the window."""
        return (layer.box.height, layer.box.width) != (self.height, self.width)

    def lay(self, layer: StoredLayer, photo: Image) -> Image:
        """Returns a photo of the window with a layer on it."""
        pixels = layer.read()
        if pixels.shape == photo.shape:
            return pixels
        result = photo.copy()
        result[layer.box.slices] = pixels
        return result

    def read_flaw(self) -> Mask | None:
        """Returns where the painted flaw is, bool (height, width); None away from it."""
        return None if self.flaw is None else self._mask(self.flaw)

    def read_region(self) -> Mask:
        """Returns what the inpainter might rewrite, bool (height, width)."""
        return np.zeros((self.height, self.width), bool) if self.region is None else self._mask(self.region)

    def _mask(self, path: str) -> Mask:
        return read_mask(self.authentic.files.read(path), path)


def layer_windows(
    dataset: Path,
    leave_out: Sequence[str] = (),
    leave_out_photo_sets: Sequence[str] = (),
    files: DatasetFiles | None = None,
) -> list[list[LayerWindow]]:
    """Returns the windows of every source that a writer has worked on, sorted by source.

    Args:
        dataset: Folder of a dataset.
        leave_out: Writers whose layers are left out.
        leave_out_photo_sets: Photo sets whose sources are left out.
        files: What reads the layers; None for the dataset's own, see `open_files`.

    Raises:
        InvalidDataError: The dataset has no layers, or the list of them is broken.
    """
    files = files or open_files(dataset)
    rows = read_layers(dataset)
    rows = rows[~rows["writer"].isin(list(leave_out)) & ~rows["photo_set"].isin(list(leave_out_photo_sets))]
    rows = rows.sort_values(["source_id", "window"], kind="stable")
    sources: dict[str, list[LayerWindow]] = {}
    for (source, _), layers in groupby(rows.to_dict("records"), key=itemgetter("source_id", "window")):
        window = _window(files, list(layers))
        if window.written:
            sources.setdefault(source, []).append(window)
    if not sources:
        raise InvalidDataError(
            f"expected layers in {dataset}, found none; "
            "build it with `falseflaw synthesize synthesis.layers=true`"
        )
    return list(sources.values())


def _window(files: DatasetFiles, rows: Sequence[dict[Hashable, Any]]) -> LayerWindow:
    layers = [
        StoredLayer(
            files,
            row["path"],
            Base(row["base"]),
            Content(row["content"]),
            row["writer"],
            Box(row["top"], row["left"], row["height"], row["width"]),
        )
        for row in rows
    ]
    photos = {layer.base: layer for layer in layers if layer.content is Content.PHOTO}
    if Base.AUTHENTIC not in photos:
        raise InvalidDataError(f"expected the authentic photo of {rows[0]['source_id']} among its layers")
    first = rows[0]
    return LayerWindow(
        int(first["window_height"]),
        int(first["window_width"]),
        photos[Base.AUTHENTIC],
        photos.get(Base.DAMAGED),
        tuple(layer for layer in layers if layer.content is not Content.PHOTO),
        first["flaw_path"] or None,
        first["region_path"] or None,
        UploadSave.from_json(first["save"]),
        Camera.from_json(first["camera"]),
    )
