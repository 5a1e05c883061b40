"""Photos as their cameras saved them, once: pieces that were cut out of the files without loss."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError, UnreadableImageError
from falseflaw.photos.evaluation_only.items import root_of
from falseflaw.photos.files import PhotoFiles
from falseflaw.photos.source import Photo
from falseflaw.types import Fold

NAME = "camera_originals"
TABLE = "photos.csv"
COLUMNS = ("file", "fold", "kind", "likeness", "scene", "repository")
"""Columns of the table that are needed; others may stand beside them."""

LIKENESSES = ("original", "near", "export")
"""How like its camera's first save a file is: its quantization, nearly so, or saved by ordinary software."""

FOLDS = (Fold.TRAIN, Fold.VAL, Fold.TEST)
"""Folds that the table may name: generators learn from other sets."""

_PRODUCTS = {"package": "package"}
"""Product by the table's kind; the other kinds are all sorts of things."""


class CameraOriginals(PhotoFiles):
    """The photos that `photos.csv` names and that are on disk; folds are laid down by repository."""

    name = NAME

    def __init__(
        self, folder: str | Path | None = None, likeness: Sequence[str] = ("original", "near")
    ) -> None:
        """Keeps the place of the photos; nothing is read before `photos` is called.

        Args:
            folder: The set's folder; by default `$FALSEFLAW_PHOTOS/<name>`, else `data/photos/<name>`.
            likeness: Which of `LIKENESSES` to take.

        Raises:
            ConfigurationError: No likeness or an unknown one.
        """
        if not likeness or not set(likeness) <= set(LIKENESSES):
            raise ConfigurationError(
                f"expected photos.likeness of {', '.join(LIKENESSES)}, got {', '.join(likeness) or 'none'}"
            )
        self._folder, self._likeness = folder, frozenset(likeness)

    def photos(self) -> list[Photo]:
        """Returns the photos of the table that are on disk, sorted by `photo_id`.

        Raises:
            MissingDataError: The folder or its table is missing, or none of the photos is there.
            InvalidDataError: A row of the table is broken, or a repository lies in two folds.
        """
        found = [photo for photo, path in self._table.items() if path.is_file()]
        if not found:
            raise MissingDataError(
                f"expected photos that {TABLE} names in {self._root}, found none of {len(self._table)}; "
                "data/README.md says where they come from"
            )
        return found

    def path(self, photo: Photo) -> Path:
        """Returns the file of a photo.

        Raises:
            UnreadableImageError: The set has no such photo.
        """
        try:
            return self._table[photo]
        except KeyError:
            raise UnreadableImageError(
                f"expected a photo of the set {self.name}, got {photo.photo_id!r}"
            ) from None

    @cached_property
    def _root(self) -> Path:
        return root_of(self.name, self._folder)

    @cached_property
    def _table(self) -> dict[Photo, Path]:
        """Every photo of a likeness that was asked for, with its place, sorted by `photo_id`."""
        found: dict[str, tuple[Photo, Path]] = {}
        folds: dict[str, Fold | None] = {}
        for place, row in _rows(self._root / TABLE):
            photo = _photo(row, place)
            if (before := folds.setdefault(photo.contributor, photo.fold)) != photo.fold:
                raise InvalidDataError(
                    f"{place}: expected {photo.contributor} in fold {before} as before, got {photo.fold}"
                )
            if photo.photo_id in found:
                raise InvalidDataError(f"{place}: expected every file once, got {row['file']} again")
            if row["likeness"] in self._likeness:
                found[photo.photo_id] = photo, self._root / row["file"]
        return dict(found[name] for name in sorted(found))


def _rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yields the rows of the table with what error messages call them."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MissingDataError(
            f"expected {path.name} beside the photos in {path.parent}, found none; "
            "data/README.md says where they come from"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidDataError(f"cannot read {path}: {error}") from error
    reader = csv.DictReader(text.splitlines())
    if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
        raise InvalidDataError(
            f"expected columns {', '.join(COLUMNS)} in {path}, missing: {', '.join(missing)}"
        )
    for row in reader:
        yield f"{path}, line {reader.line_num}", row


def _photo(row: dict[str, str], place: str) -> Photo:
    """Reads a row.

    Raises:
        InvalidDataError: A value is missing, or none of its words.
    """
    words = {"fold": [str(fold) for fold in FOLDS], "likeness": list(LIKENESSES)}
    for column in COLUMNS:
        value, known = row[column], words.get(column)
        if not value or (known and value not in known):
            expected = f"{column} of {', '.join(known)}" if known else column
            raise InvalidDataError(f"{place}: expected a {expected}; got {value or 'none'}; mend the row")
    if Path(row["file"]).name != row["file"]:
        raise InvalidDataError(f"{place}: expected the name of a file beside the table, got {row['file']}")
    return Photo(
        photo_id=f"{NAME}/{Path(row['file']).stem}",
        contributor=row["repository"],
        product=_PRODUCTS.get(row["kind"], "product"),
        scene=row["scene"],
        fold=Fold(row["fold"]),
        original=True,
    )
