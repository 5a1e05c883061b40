"""The upload save: the one way in which every member of every set becomes a file and a manifest row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from falseflaw.dataset.members import PreparedSet
from falseflaw.imaging.codec import encode_jpeg, encode_png, write_atomic
from falseflaw.types import Edit, Image


@dataclass(frozen=True)
class Upload:
    """Saves matched sets.

    Attributes:
        dataset: The dataset's folder.
        photo_set: Name of the photo source.
        generator: Name of the inpainter.
        steps: Its denoising steps.
        guidance: Its guidance scale.
        config_hash: Of the dataset.
    """

    dataset: Path
    photo_set: str
    generator: str
    steps: int
    guidance: float
    config_hash: str

    def save(self, prepared: PreparedSet, members: Mapping[Edit, Image]) -> Iterator[dict[str, Any]]:
        """Writes region and members, all with the set's JPEG settings and no metadata; yields their rows."""
        plan = prepared.plan
        region_path = f"masks/{plan.stem}.png"
        write_atomic(self.dataset / region_path, encode_png(prepared.region))
        height, width = prepared.region.shape
        for edit, image in members.items():
            data = encode_jpeg(image, plan.upload_quality, plan.subsampling)
            path = f"images/{plan.stem}__{edit}.jpg"
            write_atomic(self.dataset / path, data)
            flawed, fake = edit not in {Edit.AUTHENTIC, Edit.NULL_EDIT}, edit.label == 1
            yield {
                "path": path,
                "sha256": hashlib.sha256(data).hexdigest(),
                "source_id": plan.source_id,
                "contributor": plan.photo.contributor,
                "photo_set": self.photo_set,
                "product": plan.photo.product,
                "fold": str(plan.fold),
                "edit": str(edit),
                "label": edit.label,
                "damage_kind": str(plan.kind) if flawed else "",
                "region_path": region_path,
                "mask_path": region_path if fake else "",
                "mask_area": float(prepared.region.mean()) if fake else 0.0,
                "generator": self.generator if fake else "",
                "prompt": plan.prompt if fake else "",
                "seed": plan.sampling_seed,
                "steps": self.steps if fake else 0,
                "guidance": float(self.guidance) if fake else 0.0,
                "crop_size": prepared.crop_size,
                "crop_scale": plan.crop_scale,
                "camera": plan.camera.to_json(),
                "first_quality": plan.camera.quality,
                "upload_quality": plan.upload_quality,
                "subsampling": plan.subsampling,
                "width": width,
                "height": height,
                "batch": plan.batch,
                "config_hash": self.config_hash,
            }
