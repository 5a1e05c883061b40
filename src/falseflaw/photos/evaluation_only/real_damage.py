"""Products that are really damaged, and intact ones before the same camera: for evaluation alone.

Cookies are the product to develop with (fold `val`); toys, circuit boards and garments are for final figures
(fold `test`). Which photos show one object is kept in a table made by eye, and where the eye could
not decide they are joined. Fingerprints cannot tell: the toys lie in one jig, each a different toy, and the
cookies were turned between two shots.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError, UnreadableImageError
from falseflaw.imaging import codec
from falseflaw.photos.evaluation_only.boxes import read_boxes
from falseflaw.photos.evaluation_only.items import EvaluationItem, ItemPixels, root_of
from falseflaw.photos.files import PhotoFiles
from falseflaw.photos.source import Photo
from falseflaw.types import Edit, Fold, Image, Mask

NAME = "real_damage"
PRODUCTS = ("toy", "cookie", "circuit_board", "garment")
"""Folders of the set."""

DEVELOPMENT = frozenset({"cookie"})
"""Products that may be looked at before the final figures."""

_STATES = {"damaged": Edit.REAL_DAMAGE, "intact": Edit.AUTHENTIC}
_MASKS, _BOXES = "damage_masks", "damage_boxes_yolo"
_INK = 145
"""Masks are dark green on nothing, which decodes as white; halfway between the two in the darkest channel."""


class RealDamage:
    """Every photo of the set, damaged and intact, as `falseflaw gather` takes them.

    Layout: `<product>/{damaged,intact}/`, with `damage_masks/` or `damage_boxes_yolo/` of the same stems.
    """

    name = NAME

    def __init__(self, folder: str | Path | None = None, products: Sequence[str] = ()) -> None:
        """Keeps the place of the photos; nothing is read before `items`.

        Args:
            folder: The set's folder; by default `$FALSEFLAW_PHOTOS/<name>`, else `data/photos/<name>`.
            products: Which of `PRODUCTS`; empty for all.

        Raises:
            ConfigurationError: An unknown product.
        """
        if unknown := sorted(set(products) - set(PRODUCTS)):
            raise ConfigurationError(f"expected products of {', '.join(PRODUCTS)}, got {unknown[0]!r}")
        self._folder, self._products = folder, tuple(products) or PRODUCTS

    def items(self) -> list[EvaluationItem]:
        """Returns every photo, sorted by `photo_id`.

        Raises:
            MissingDataError: The folder is missing or holds none of the products' photos.
        """
        root = root_of(self.name, self._folder)
        found = [
            self._item(root, product, state, path)
            for product in self._products
            for state in _STATES
            for path in codec.find_images(root / product / state)
        ]
        if not found:
            raise MissingDataError(
                f"expected photos such as {self._products[0]}/damaged/*.jpg in {root}, found none; "
                "name the set's folder with others.folder=PATH (photos.folder=PATH for the intact ones)"
            )
        return sorted(found, key=lambda item: item.photo.photo_id)

    def read(self, item: EvaluationItem) -> ItemPixels:
        """Returns the photo with the outline or the boxes of its damage.

        Raises:
            UnreadableImageError: A file is missing, broken or not an image.
            InvalidDataError: A mask of another size, or a file of boxes that is none.
        """
        ((edit, path),) = item.files.items()
        image = codec.decode(path, item.photo.photo_id)
        region, origin = _annotated(item.annotation, image)
        return ItemPixels({edit: image}, region, origin)

    def _item(self, root: Path, product: str, state: str, path: Path) -> EvaluationItem:
        below = path.relative_to(root).with_suffix("").as_posix()
        photo = Photo(
            photo_id=f"{self.name}/{below}",
            contributor=f"{self.name}-{product}",
            product=product.replace("_", " "),
            scene=_scenes().get(below, ""),
            fold=Fold.VAL if product in DEVELOPMENT else Fold.TEST,
        )
        annotation = None
        if _STATES[state] is Edit.REAL_DAMAGE:
            places = [
                root / product / _MASKS / f"{path.stem}.png",
                root / product / _BOXES / f"{path.stem}.txt",
            ]
            annotation = next((place for place in places if place.is_file()), None)
        return EvaluationItem(photo, {_STATES[state]: path}, annotation)


class IntactPhotos(PhotoFiles):
    """The intact toys, cookies and circuit boards, for matched sets of the same products and cameras."""

    name = NAME

    def __init__(self, folder: str | Path | None = None, products: Sequence[str] = ()) -> None:
        """Keeps the place of the photos; see `RealDamage`."""
        self._all = RealDamage(folder, products)

    def photos(self) -> list[Photo]:
        """Returns every intact photo, sorted by `photo_id`; the folds are laid down.

        Raises:
            MissingDataError: The folder is missing or holds none of them.
        """
        found = list(self._files())
        if not found:
            raise MissingDataError(
                "expected photos of intact products among the real_damage photos, found none; "
                "choose photos.products of toy, cookie, circuit_board"
            )
        return found

    def path(self, photo: Photo) -> Path:
        """Returns the file of a photo.

        Raises:
            UnreadableImageError: The set has no such photo.
        """
        try:
            return self._files()[photo]
        except KeyError:
            raise UnreadableImageError(
                f"expected an intact photo of {self.name}, got {photo.photo_id!r}"
            ) from None

    def _files(self) -> dict[Photo, Path]:
        return {
            item.photo: item.files[Edit.AUTHENTIC]
            for item in self._all.items()
            if Edit.AUTHENTIC in item.files
        }


def _annotated(annotation: Path | None, image: Image) -> tuple[Mask | None, str]:
    """Where the damage is, and how that is known; an annotation that marks nothing says nothing."""
    if annotation is None:
        return None, "none"
    height, width = image.shape[:2]
    if annotation.parent.name == _BOXES:
        region, origin = read_boxes(annotation, height, width), "annotated box"
    else:
        region, origin = codec.decode(annotation).min(axis=2) < _INK, "annotated mask"
    if region.shape != (height, width):
        raise InvalidDataError(
            f"expected the mask {annotation.name} as {width}x{height} like its photo, "
            f"got {region.shape[1]}x{region.shape[0]}"
        )
    return (region, origin) if region.any() else (None, "none")


@cache
def _scenes() -> dict[str, str]:
    """Returns photo → scene of the photos that are not the only one of their object."""
    text = (resources.files("falseflaw.photos") / "index" / f"{NAME}_scenes.csv").read_text(encoding="utf-8")
    return {row["photo"]: row["scene"] for row in csv.DictReader(text.splitlines())}
