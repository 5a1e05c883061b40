"""The user's own photos: every photo below a folder, whatever its name."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

from falseflaw.errors import InvalidDataError, MissingDataError, UnreadableImageError
from falseflaw.imaging import codec
from falseflaw.imaging.formats import READABLE
from falseflaw.paths import readable, short_name
from falseflaw.photos.files import PhotoFiles
from falseflaw.photos.source import Photo

_LONGEST = 200
"""Of the name that a dataset gives a photo, bytes: it appends edit and ending, and 255 is the limit."""


class FolderPhotos(PhotoFiles):
    """Photos of a folder; each of its subfolders stands for one contributor.

    Where there are no subfolders every photo counts as a contributor of its own, joined with its
    near-duplicates. Files that cannot be read are listed, and reported when they are loaded.
    """

    name = "folder"

    def __init__(self, folder: str | Path) -> None:
        """Keeps the folder; nothing is read before `photos`."""
        self._root = Path(folder).expanduser()

    def photos(self) -> list[Photo]:
        """Returns every photo (see `codec.is_photo`), sorted by `photo_id`: the path below the folder.

        What is too long for a dataset's file names, or no text, is replaced by a short name.

        Raises:
            MissingDataError: The folder is missing or holds no image file.
            InvalidDataError: Two files would get the same name in a dataset.
        """
        if not self._root.is_dir():
            raise MissingDataError(
                f"expected a folder of photos at {self._root}, found none; set photos.folder=PATH"
            )
        photos = [self._photo(path.relative_to(self._root)) for path in codec.find_images(self._root)]
        if not photos:
            raise MissingDataError(
                f"expected photos ({READABLE}, or HEIC) below {self._root}, found none; "
                "set photos.folder=PATH"
            )
        by_stem: dict[str, str] = {}
        for photo in photos:
            stem = photo.photo_id.replace("/", "__")
            if stem in by_stem:
                raise InvalidDataError(
                    f"expected names that stay apart when / becomes __, got {by_stem[stem]} and "
                    f"{photo.photo_id}; rename one"
                )
            by_stem[stem] = photo.photo_id
        return sorted(photos, key=lambda photo: photo.photo_id)

    def path(self, photo: Photo) -> Path:
        """Returns the file of a photo.

        Raises:
            UnreadableImageError: The id does not name a file below the folder.
        """
        below = photo.photo_id.removeprefix(f"{self.name}/")
        if "~" in below and below in self._renamed:
            return self._root / self._renamed[below]
        if below == photo.photo_id or ".." in Path(below).parts:
            raise UnreadableImageError(f"expected a photo of the folder {self._root}, got {photo.photo_id!r}")
        return self._root / below

    def _photo(self, below: Path) -> Photo:
        contributor = readable(below.parts[0]) if len(below.parts) > 1 else self._name(below)
        return Photo(f"{self.name}/{self._name(below)}", contributor, "product")

    def _name(self, below: Path) -> str:
        name = below.as_posix()
        length = len(os.fsencode(f"{self.name}/{name}".replace("/", "__")))
        return name if length <= _LONGEST and readable(name) == name else short_name(below)

    @cached_property
    def _renamed(self) -> dict[str, Path]:
        """The photos that are called otherwise than their files."""
        files = [path.relative_to(self._root) for path in codec.find_images(self._root)]
        return {name: below for below in files if (name := self._name(below)) != below.as_posix()}
