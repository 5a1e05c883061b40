"""Licenses of the photo sets; what is made from the photos carries them on."""

from __future__ import annotations

_LICENSES = {
    "studio": "rendered by this project, Apache-2.0",
    "clothing": "CC0-1.0, photos by volunteers (alexeygrigorev/clothing-dataset-small)",
    "grocery": "MIT, photos by Klasson et al. (marcusklasson/GroceryStoreDataset)",
}


def license_of(photo_set: str) -> str | None:
    """Returns the license of a photo set of this project, or None of photos of somebody else."""
    return _LICENSES.get(photo_set)
