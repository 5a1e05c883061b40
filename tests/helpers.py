"""Builders of tiny fixtures that several parts of the tests share."""

from __future__ import annotations

import hashlib
import importlib.util
import signal
import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pandas as pd

from falseflaw.dataset.manifest import MANIFEST_NAME, ManifestRow, write_manifest
from falseflaw.imaging import codec
from falseflaw.photos.source import Photo
from falseflaw.seeding import derive_rng
from falseflaw.types import INPAINTED, MATCHED, ROUND_TRIPS, Edit, Fold, Image


def heed_interrupts() -> None:
    """Has a process begun with this as `preexec_fn` heed Ctrl+C, which a shell's background jobs ignore."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def load_script(path: str) -> ModuleType:
    """Returns a Python file of scripts/ as a module, read anew."""
    file = Path(__file__).parents[1] / "scripts" / path
    spec = importlib.util.spec_from_file_location(f"script_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


_PROMPTS = {Edit.LOCAL_EDIT: "blur"}
FOLDS = (Fold.TRAIN, Fold.VAL, Fold.TEST, Fold.TRAIN)


def textured_photo(rng: np.random.Generator, height: int, width: int) -> Image:
    """A smooth color gradient with fine grain: something that JPEG and filters can act on."""
    y, x = np.mgrid[0:height, 0:width]
    base = (
        rng.uniform(60, 190, 3)
        + 40 * np.sin(x / rng.uniform(9, 30))[..., None]
        + 20 * np.cos(y / 17)[..., None]
    )
    return np.clip(base + rng.normal(0, 5, (height, width, 3)), 0, 255).astype(np.uint8)


def detail(image: Image) -> float:
    """Standard deviation of what a Gaussian of sigma 1.2 pixels removes, gray levels."""
    values = image.astype(np.float32)
    return float((values - cv2.GaussianBlur(values, (0, 0), 1.2)).std())


def make_dataset(folder: Path, sources: int = 8, size: tuple[int, int] = (96, 128), seed: int = 0) -> Path:
    """Writes a tiny dataset with a valid manifest: whole matched sets, and the folds train, val and test.

    Positives carry a checkerboard inside the mask and simulated damage a smooth dark spot at the
    same place, so that a detector has something to learn and no network is needed.
    """
    height, width = size
    rows = []
    for index in range(sources):
        rng = derive_rng("tiny-dataset", seed, index)
        photo = textured_photo(rng, height, width)
        top, left = int(rng.integers(8, height - 40)), int(rng.integers(8, width - 40))
        region = np.zeros((height, width), bool)
        region[top : top + 32, left : left + 32] = True
        source = f"tiny/{index:03d}"
        stem = source.replace("/", "__")
        codec.write_atomic(folder / f"masks/{stem}.png", codec.encode_png(region))
        dark = np.where(region[..., None], photo // 2, photo)
        checker = ((np.indices((height, width)).sum(axis=0) % 2) * 60 - 30)[..., None]
        pixels = {
            Edit.AUTHENTIC: photo,
            Edit.NULL_EDIT: photo,
            Edit.SIMULATED_DAMAGE: dark,
            Edit.LOCAL_EDIT: _within(region, dark, cv2.GaussianBlur(dark, (0, 0), 1)),
            Edit.SPLICED: _within(region, photo, dark + checker),
            Edit.FEATHERED: _within(region, photo, dark + checker // 2),
            Edit.REGENERATED: _within(region, photo + 2.0, dark + checker),
            Edit.REFILLED: _within(region, photo, photo + checker),
            Edit.AUTOENCODED: _within(region, photo, dark + checker // 3),
            Edit.HAND_CLONED: _within(region, photo, photo * 0.6),
            Edit.HAND_PASTED: _within(region, photo, photo * 0.7),
            Edit.ROUND_TRIP_AUTHENTIC: _within(region, photo + 2.0, photo + 2.0),
            Edit.ROUND_TRIP_DAMAGED: _within(region, photo + 2.0, dark + 2.0),
        }
        assert tuple(pixels) == MATCHED
        for edit, image in pixels.items():
            data = codec.encode_jpeg(image, 95)
            path = f"images/{stem}__{edit}.jpg"
            codec.write_atomic(folder / path, data)
            inpainted = edit in INPAINTED or edit is Edit.REFILLED
            autoencoded = edit is Edit.AUTOENCODED or edit in ROUND_TRIPS
            row = ManifestRow.of(
                Photo(source, f"person-{index}", "shirt" if index % 2 else "hat"),
                edit,
                path=path,
                sha256=hashlib.sha256(data).hexdigest(),
                fold=FOLDS[index % len(FOLDS)],
                damage_kind=("coffee" if index % 2 else "hole") if edit.flawed else "",
                placement="product",
                region_path=f"masks/{stem}.png",
                region_area=float(region.mean()),
                region_shape="box",
                rewritten=edit is Edit.REGENERATED or edit in ROUND_TRIPS,
                generator="checker" if inpainted else "twin" if autoencoded else "",
                prompt=_PROMPTS.get(edit, "a coffee stain on a shirt" if inpainted else ""),
                seed=index,
                steps=2 if inpainted else 0,
                crop_size=64,
                first_quality=95,
                upload_quality=95,
                subsampling="4:2:0",
                width=width,
                height=height,
                batch=index // 4,
                config_hash="tiny",
            )
            rows.append(row.columns())
    write_manifest(pd.DataFrame(rows), folder / MANIFEST_NAME)
    return folder


def _within(region: np.ndarray, outside: np.ndarray, inside: np.ndarray) -> Image:
    """One picture inside a region and another outside of it, uint8 (H, W, 3)."""
    return np.clip(np.where(region[..., None], inside, outside), 0, 255).astype(np.uint8)
