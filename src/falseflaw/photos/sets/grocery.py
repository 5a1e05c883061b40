"""Phone photos of packaged food, fruit and vegetables in shops: public, MIT."""

from __future__ import annotations

from pathlib import Path

from falseflaw.photos.sets.indexed import IndexedPhotos, PublicSet

GROCERY = PublicSet(
    name="grocery",
    repository="marcusklasson/GroceryStoreDataset",
    commit="fc80ba90f803d79d0383df52c5a4ac5de99ff6fc",
    prefix="dataset/train/",
)


class GroceryPhotos(IndexedPhotos):
    """1,500 photos, 348 pixels on the short side; a product's folder stands for the contributor."""

    def __init__(self, folder: str | Path | None = None) -> None:
        """Keeps the place of the photos; see `IndexedPhotos`."""
        super().__init__(GROCERY, folder)
