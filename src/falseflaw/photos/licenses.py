"""Licenses of the photo sets; what is made from the photos carries them on."""

from __future__ import annotations

_LICENSES = {
    "studio": "rendered by this project, Apache-2.0",
    "clothing": "CC0-1.0, photos by volunteers (alexeygrigorev/clothing-dataset-small)",
    "real_damage": (
        "CC BY-SA 4.0 (toys, cookies, circuit boards: aws-samples/amazon-lookout-for-vision; what is made "
        "of them stays under it) and CC BY 4.0 (garments: dirty_marks_detection-2, Roboflow Universe), "
        "for evaluation alone"
    ),
    "inpainted_by_others": "Apache-2.0 (geekyutao/Inpaint-Anything), for evaluation alone",
    "grocery": "MIT, photos by Klasson et al. (marcusklasson/GroceryStoreDataset)",
}


def license_of(photo_set: str) -> str | None:
    """Returns the license of a photo set of this project, or None of photos of somebody else."""
    return _LICENSES.get(photo_set)
