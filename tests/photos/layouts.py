"""Tiny folders laid out like the sets for evaluation alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image as Pil
from tests.helpers import textured_photo

from falseflaw.imaging import codec
from falseflaw.seeding import derive_rng
from falseflaw.types import Image, Mask

SIZE = (72, 96)


def photo(*keys: object) -> Image:
    return textured_photo(derive_rng("layouts", *keys), *SIZE)


def spot(top: int = 20, left: int = 30, side: int = 24) -> Mask:
    mask = np.zeros(SIZE, bool)
    mask[top : top + side, left : left + side] = True
    return mask


def write_real_damage(root: Path) -> Path:
    """Two toys of each state, three broken cookies (one without a mask), a board of each state, a garment."""
    files = {
        "toy": {"damaged": ("1.png", "3.png"), "intact": ("1.png", "3.png")},
        "cookie": {
            "damaged": ("anomaly-1.jpg", "anomaly-2.jpg", "anomaly-9.jpg"),
            "intact": ("normal-31.jpg",),
        },
        "circuit_board": {"damaged": ("train-anomaly_1.jpg",), "intact": ("train-normal_1.jpg",)},
        "garment": {"damaged": ("dirt_jpg.rf.0a.jpg",)},
    }
    for product, states in files.items():
        for state, names in states.items():
            for name in names:
                image = photo(product, state, name)
                data = codec.encode_png(image) if name.endswith("png") else codec.encode_jpeg(image, 92)
                codec.write_atomic(root / product / state / name, data)
    masks = root / "cookie/damage_masks"
    masks.mkdir()
    rgba = np.zeros((*SIZE, 4), np.uint8)
    rgba[spot()] = (35, 164, 54, 255)
    Pil.fromarray(rgba).save(masks / "anomaly-1.png")
    indexed = Pil.fromarray(spot().astype(np.uint8), "P")
    indexed.putpalette([0, 0, 0, 35, 164, 54])
    indexed.save(masks / "anomaly-2.png", transparency=b"\x00\xff")
    boxes = root / "garment/damage_boxes_yolo"
    boxes.mkdir()
    (boxes / "dirt_jpg.rf.0a.txt").write_text("0 0.25 0.5 0.25 0.5\n\n0 0.95 0.1 0.2 0.1\n")
    return root


def write_pairs(root: Path) -> Path:
    """An object filled, its original with everything around the object replaced, and another filled one."""
    for stem, keys, outside in (
        ("fill_1", "a", False),
        ("replace_a", "a", True),
        ("fill_2", "b", False),
    ):
        original, other = photo("pair", keys), photo("other", stem)
        rewritten = spot() ^ outside
        altered = np.where(rewritten[..., None], original + 100 + other // 16, original)  # wraps around
        codec.write_atomic(root / "original" / f"{stem}.jpeg", codec.encode_jpeg(original, 98, "4:4:4"))
        codec.write_atomic(root / "inpainted" / f"{stem}.png", codec.encode_png(altered.astype(np.uint8)))
    return root


ORIGINALS = (
    # file, fold, kind, likeness, scene, repository
    ("000.jpg", "train", "object", "original", "ann/robot:1", "ann/robot"),
    ("001.jpg", "train", "package", "near", "ann/robot:1", "ann/robot"),
    ("002.jpg", "val", "object", "original", "bob/lamp:2", "bob/lamp"),
    ("003.jpg", "val", "exported", "export", "bob/lamp:3", "bob/lamp"),
    ("004.jpg", "test", "plant", "original", "cat/fern:4", "cat/fern"),
)
"""Rows of `write_originals`."""

TABLES = (tuple(range(2, 66)), tuple(range(5, 69)))
"""Quantization tables of its camera."""


def write_originals(root: Path, rows: Sequence[Sequence[str]] = ORIGINALS, side: int = 160) -> Path:
    """Camera originals in 4:2:2, saved once with tables of their own, and their table."""
    root.mkdir(parents=True, exist_ok=True)
    for name in {row[0] for row in rows}:
        image = Pil.fromarray(textured_photo(derive_rng("originals", name), side, side))
        image.save(root / name, "JPEG", qtables=[list(t) for t in TABLES], subsampling="4:2:2", dpi=(72, 72))
    lines = ["file,fold,kind,likeness,scene,repository", *(",".join(row) for row in rows)]
    (root / "photos.csv").write_text("\n".join(lines) + "\n")
    return root
