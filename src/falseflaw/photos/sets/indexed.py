"""Public photo sets that are pinned file by file in an index shipped with the package.

The index names every photo with its sha256, size, contributor and product, so that a set is the same
on every machine, and a partial copy keeps the meaning of each photo.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from falseflaw.errors import MissingDataError, UnreadableImageError
from falseflaw.paths import find_existing
from falseflaw.photos.files import PhotoFiles
from falseflaw.photos.licenses import LICENSES
from falseflaw.photos.source import Photo

PHOTOS_VARIABLE = "FALSEFLAW_PHOTOS"
"""Environment variable: a folder that holds `clothing/` and `grocery/` already."""

DEFAULT_OUTPUT = "data/photos"
"""Where `falseflaw download` puts the sets and where they are looked for."""


@dataclass(frozen=True)
class IndexEntry:
    """One pinned file.

    Attributes:
        path: Place below the set's folder, with `/`.
        sha256: Hex digest of the file's bytes.
        bytes: Size of the file.
        contributor: Who took the photo, or what stands for that.
        product: Lower-case word.
    """

    path: str
    sha256: str
    bytes: int
    contributor: str
    product: str


@dataclass(frozen=True)
class PublicSet:
    """Where a public set comes from.

    Attributes:
        name: `clothing` or `grocery`; also the name of its folder and of its index.
        repository: `owner/name` on GitHub.
        commit: The 40-digit commit that is fetched.
        prefix: Folder in the repository below which the index's paths lie, with a closing `/`, or empty.
    """

    name: str
    repository: str
    commit: str
    prefix: str

    def entries(self) -> tuple[IndexEntry, ...]:
        """Returns the index, sorted by path."""
        return _read_index(self.name)

    @property
    def license_name(self) -> str:
        """SPDX identifier."""
        return LICENSES[self.name].name

    def license_text(self) -> bytes:
        """Returns the license that the set's files are under."""
        return (resources.files("falseflaw.photos") / "index" / f"{self.name}.LICENSE").read_bytes()


@cache
def _read_index(name: str) -> tuple[IndexEntry, ...]:
    text = (resources.files("falseflaw.photos") / "index" / f"{name}.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple(
        IndexEntry(row["path"], row["sha256"], int(row["bytes"]), row["contributor"], row["product"])
        for row in rows
    )


class IndexedPhotos(PhotoFiles):
    """The photos of a public set that are on disk, with what the index knows of them."""

    def __init__(self, public_set: PublicSet, folder: str | Path | None = None) -> None:
        """Keeps the place of the photos; nothing is read before `photos` is called.

        Args:
            public_set: Which set.
            folder: The set's folder; by default `$FALSEFLAW_PHOTOS/<name>`, else `data/photos/<name>`.
        """
        self.public_set = public_set
        self._folder = folder
        self._entries = {f"{public_set.name}/{Path(e.path).stem}": e for e in public_set.entries()}

    @property
    def name(self) -> str:
        """Name of the set."""
        return self.public_set.name

    def root(self) -> Path:
        """Returns the folder that holds the photos.

        Raises:
            MissingDataError: It does not exist.
        """
        return find_existing(self._configured(), f"the {self.name} photos", self._advice())

    def photos(self) -> list[Photo]:
        """Returns the photos of the index that are on disk, sorted by `photo_id`.

        Raises:
            MissingDataError: The folder does not exist or holds none of them.
        """
        root = self.root()
        present = set(_relative_files(root))
        found = [
            Photo(photo_id, entry.contributor, entry.product)
            for photo_id, entry in self._entries.items()
            if entry.path in present
        ]
        if not found:
            raise MissingDataError(
                f"expected photos such as {next(iter(self._entries.values())).path} in {root}, found none of "
                f"the {len(self._entries)} of the set; {self._advice()}"
            )
        return sorted(found, key=lambda photo: photo.photo_id)

    def path(self, photo: Photo) -> Path:
        """Returns the file of a photo.

        Raises:
            UnreadableImageError: The set has no such photo.
        """
        entry = self._entries.get(photo.photo_id)
        if entry is None:
            raise UnreadableImageError(f"expected a photo of the set {self.name}, got {photo.photo_id!r}")
        return self.root() / entry.path

    def _configured(self) -> Path:
        if self._folder is not None:
            return Path(self._folder)
        given = os.environ.get(PHOTOS_VARIABLE)
        return Path(given or DEFAULT_OUTPUT) / self.name

    def _advice(self) -> str:
        return (
            f"run `falseflaw download photos={self.name}` or set {PHOTOS_VARIABLE} to a folder that has them"
        )


def _relative_files(root: Path) -> Iterator[str]:
    for folder, _, names in os.walk(root):
        below = Path(folder).relative_to(root).as_posix()
        for name in names:
            yield name if below == "." else f"{below}/{name}"
