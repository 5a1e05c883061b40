"""Licenses of the photo sets, in one table; what is made from the photos carries them on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class License:
    """What photos are under, and whose they are.

    Attributes:
        name: SPDX identifier, or the names of several licenses.
        source: Who took the photos and where they are published.
    """

    name: str
    source: str


LICENSES = {
    "studio": License("Apache-2.0", "rendered by this project"),
    "clothing": License("CC0-1.0", "photos by volunteers (alexeygrigorev/clothing-dataset-small)"),
    "grocery": License("MIT", "photos by Klasson et al. (marcusklasson/GroceryStoreDataset)"),
    "camera_originals": License(
        "various",
        "pieces of photos in public repositories under their own licenses, named row by row in photos.csv; "
        "not to be passed on",
    ),
    "real_damage": License(
        "CC BY-SA 4.0 and CC BY 4.0",
        "the former of toys, cookies, circuit boards (aws-samples/amazon-lookout-for-vision; what is made of "
        "them stays under it), the latter of garments (dirty_marks_detection-2, Roboflow Universe), "
        "for evaluation alone",
    ),
    "inpainted_by_others": License("Apache-2.0", "geekyutao/Inpaint-Anything, for evaluation alone"),
    "inpainted_by_others_2": License(
        "various", "pairs of public repositories, named row by row in pairs.csv, for evaluation alone"
    ),
}
"""By photo set; of the user's own photos nothing is known."""


def license_of(photo_set: str) -> str | None:
    """Returns license and source of a photo set of this project, or None of photos of somebody else."""
    known = LICENSES.get(photo_set)
    return f"{known.name}, {known.source}" if known else None


def license_or_owner(photo_set: str) -> str:
    """Returns license and source of a photo set, for datasheets and cards; of other photos whose it is."""
    return license_of(photo_set) or "that of the photos' owner"
