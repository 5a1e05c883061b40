"""Phone photos of garments, laid flat, hung or worn-in: public, CC0."""

from __future__ import annotations

from pathlib import Path

from falseflaw.photos.sets.indexed import IndexedPhotos, PublicSet

CLOTHING = PublicSet(
    name="clothing",
    repository="alexeygrigorev/clothing-dataset-small",
    commit="11961516512414bf9f6c150a832cfd21b54a6b54",
    prefix="",
)


class ClothingPhotos(IndexedPhotos):
    """3,409 photos, 400 pixels wide, of 307 contributors (`sender_id` of the set's `images.csv`)."""

    def __init__(self, folder: str | Path | None = None) -> None:
        """Keeps the place of the photos; see `IndexedPhotos`."""
        super().__init__(CLOTHING, folder)
