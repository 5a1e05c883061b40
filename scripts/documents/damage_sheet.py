"""Draws docs/damage.jpg: every kind of painted flaw on rendered cloth and packages, at the photos' own scale.

usage: scripts/run damage-sheet [PICTURE]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from falseflaw.damage.engine import DamageEngine
from falseflaw.errors import InvalidDataError
from falseflaw.imaging.camera import apply_camera
from falseflaw.imaging.contact_sheet import contact_sheet
from falseflaw.photos.studio.source import StudioPhotos
from falseflaw.seeding import derive_rng, derive_seed
from falseflaw.types import DamageKind

SIDE = 150  # of a tile, pixels
GOODS = ("cloth", "cloth", "cloth", "cloth", "cloth", "package", "package", "package")


def main(picture: Path) -> None:
    """Paints one flaw per tile, cuts the photo around it and writes the sheet."""
    from hydra import compose, initialize_config_dir
    from hydra.utils import instantiate

    root = Path(__file__).resolve().parents[2]
    with initialize_config_dir(str(root / "conf"), version_base="1.3"):
        camera = instantiate(compose("synthesize").camera)
    source, engine = StudioPhotos(count=400, seed=11), DamageEngine()
    photos = source.photos()
    groups = {
        "cloth": [photo for photo in photos if photo.product not in ("package", "bag")],
        "package": [photo for photo in photos if photo.product == "package"],
    }
    lines = []
    for row, kind in enumerate(DamageKind):
        lines.append([])
        for column, goods in enumerate(GOODS):
            rng = derive_rng("damage sheet", str(kind), column)
            tile = None
            while tile is None:
                photo = groups[goods][int(rng.integers(len(groups[goods])))]
                try:
                    flaw = engine.paint(source.load(photo), source.product_mask(photo), kind, rng)
                except InvalidDataError:  # no room on this one
                    continue
                image = apply_camera(flaw.image, camera.draw(rng), derive_seed("sheet noise", row, column))
                scale = image.shape[0] / flaw.image.shape[0]
                y, x = (int(values.mean() * scale) for values in np.nonzero(flaw.mask))
                top = int(np.clip(y - SIDE // 2, 0, image.shape[0] - SIDE))
                left = int(np.clip(x - SIDE // 2, 0, image.shape[1] - SIDE))
                tile = image[top : top + SIDE, left : left + SIDE]
            lines[-1].append(tile)
    sheet = Image.fromarray(contact_sheet(lines, labels=[str(kind) for kind in DamageKind]))
    sheet.save(picture, quality=90, subsampling=0)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2] / "docs/damage.jpg")
