"""Draws samples.jpg beside the weights of an autoencoder: rendered photos, the same after it, the difference.

usage: scripts/run autoencoder-sheet FOLDER ...      such as checkpoints/autoencoders/*
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from falseflaw.imaging.contact_sheet import contact_sheet
from falseflaw.inpainting.autoencoders.autoencoder import Autoencoder
from falseflaw.photos.studio.source import StudioPhotos

SIDE = 160
GAIN = 8  # differences are shown this many times larger


def main(folders: list[str]) -> None:
    """Draws one sheet per folder."""
    source = StudioPhotos(count=40, seed=5)
    photos = [source.load(photo) for photo in source.photos()[::8]]
    for folder in folders:
        model, columns = Autoencoder(Path(folder).name, folder), []
        for photo in photos:
            top, left = (photo.shape[0] - SIDE) // 2, (photo.shape[1] - SIDE) // 2
            place = (slice(top, top + SIDE), slice(left, left + SIDE))
            before, after = photo[place], model.round_trip(photo)[place]
            change = np.clip(128 + GAIN * (after.astype(int) - before), 0, 255).astype(np.uint8)
            columns.append([before, after, change])
        sheet = Image.fromarray(contact_sheet(list(zip(*columns, strict=True))))
        sheet.save(Path(folder) / "samples.jpg", quality=85)


if __name__ == "__main__":
    main(sys.argv[1:])
