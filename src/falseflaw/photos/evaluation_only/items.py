"""Photos that others took or altered, for evaluation alone: nothing is painted into them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from falseflaw.errors import MissingDataError
from falseflaw.paths import find_existing
from falseflaw.photos.sets.indexed import DEFAULT_OUTPUT, PHOTOS_VARIABLE
from falseflaw.photos.source import Photo
from falseflaw.types import Edit, Image, Mask


@dataclass(frozen=True)
class EvaluationItem:
    """A photo, or a photo and what others made of it.

    Attributes:
        photo: Its names, scene and fold; the fold is laid down.
        files: The file of every edit.
        annotation: The file that says where the damage or the alteration is, or None.
        generator: Name of the network that altered it, where that is known.
    """

    photo: Photo
    files: Mapping[Edit, Path]
    annotation: Path | None = None
    generator: str = ""


@dataclass(frozen=True, eq=False)
class ItemPixels:
    """What an item shows.

    Attributes:
        images: Each uint8 (H, W, 3), all of one size.
        region: bool (H, W), where the damage or the alteration is; None where nobody knows.
        origin: How the region is known, one of `dataset.manifest.ORIGINS`.
    """

    images: Mapping[Edit, Image]
    region: Mask | None
    origin: str


class EvaluationSet(Protocol):
    """A set of photos for evaluation alone."""

    name: str

    def items(self) -> list[EvaluationItem]:
        """Returns every item, sorted by `photo_id`.

        Raises:
            MissingDataError: The folder is missing or holds no photo.
        """
        ...

    def read(self, item: EvaluationItem) -> ItemPixels:
        """Returns the pixels of an item.

        Raises:
            UnreadableImageError: A file is missing, broken or not an image.
            InvalidDataError: Annotation or pair do not fit the photo.
        """
        ...


def root_of(name: str, folder: str | Path | None) -> Path:
    """Returns the folder of a set: the one given, else `$FALSEFLAW_PHOTOS/<name>`, else `data/photos/<name>`.

    Raises:
        MissingDataError: It does not exist.
    """
    base = os.environ.get(PHOTOS_VARIABLE) or DEFAULT_OUTPUT
    path = find_existing(Path(base) / name if folder is None else folder, f"the {name} photos", _ADVICE)
    if not path.is_dir():
        raise MissingDataError(f"expected the folder of the {name} photos at {path}, got a file; {_ADVICE}")
    return path


_ADVICE = f"data/README.md says where they come from; set {PHOTOS_VARIABLE} to the folder that has them"
