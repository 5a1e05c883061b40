"""The user's own photos: every image file below a folder."""

from __future__ import annotations

from pathlib import Path

from falseflaw.errors import InvalidDataError, MissingDataError, UnreadableImageError
from falseflaw.imaging import codec
from falseflaw.photos.source import Photo
from falseflaw.types import Image, Mask


class FolderPhotos:
    """Photos of a folder; each of its subfolders stands for one contributor.

    Where there are no subfolders every photo counts as a contributor of its own, joined with its
    near-duplicates. Files that cannot be read are listed, and reported when they are loaded.
    """

    name = "folder"

    def __init__(self, folder: str | Path) -> None:
        """Keeps the folder; nothing is read before `photos`."""
        self._root = Path(folder).expanduser()

    def photos(self) -> list[Photo]:
        """Returns every image file, sorted by `photo_id`; the id is the path below the folder.

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
                f"expected image files ({', '.join(sorted(codec.IMAGE_SUFFIXES))}) below {self._root}, "
                "found none; set photos.folder=PATH"
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
        if below == photo.photo_id or ".." in Path(below).parts:
            raise UnreadableImageError(f"expected a photo of the folder {self._root}, got {photo.photo_id!r}")
        return self._root / below

    def load(self, photo: Photo) -> Image:
        """Returns the pixels, uint8 RGB (H, W, 3).

        Raises:
            UnreadableImageError: The file is missing, broken or not an image.
        """
        return codec.decode(self.path(photo), photo.photo_id)

    def product_mask(self, photo: Photo) -> Mask | None:
        """Returns None: nobody outlined these products."""
        return None

    def _photo(self, below: Path) -> Photo:
        contributor = below.parts[0] if len(below.parts) > 1 else below.as_posix()
        return Photo(f"{self.name}/{below.as_posix()}", contributor, "product")
