"""The upload save: the one way in which every member of every set becomes a file and a manifest row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from falseflaw.damage.prompts import CLEAN_PROMPT
from falseflaw.imaging.codec import Subsampling, encode_jpeg, encode_png, write_atomic
from falseflaw.synthesis.networks import Inpainter
from falseflaw.synthesis.prepare import PreparedSet
from falseflaw.types import INPAINTED, ROUND_TRIPS, Edit, Image


def save_photo(path: Path, image: Image, quality: int, subsampling: Subsampling) -> str:
    """Writes a photo as every dataset holds it, a JPEG without metadata; returns the file's sha256."""
    data = encode_jpeg(image, quality, subsampling)
    write_atomic(path, data)
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Upload:
    """Saves matched sets.

    Attributes:
        dataset: The dataset's folder.
        inpainters: By name, for their steps and guidance.
        config_hash: Of the dataset.
    """

    dataset: Path
    inpainters: Mapping[str, Inpainter]
    config_hash: str

    def save(self, prepared: PreparedSet, members: Mapping[Edit, Image]) -> Iterator[dict[str, Any]]:
        """Writes region and members, all with the set's JPEG settings and no metadata; yields their rows."""
        plan = prepared.plan
        region_path = f"masks/{plan.stem}.png"
        write_atomic(self.dataset / region_path, encode_png(prepared.region))
        height, width = prepared.region.shape
        for edit, image in members.items():
            path = f"images/{plan.stem}__{edit}.jpg"
            yield {
                "path": path,
                "sha256": save_photo(self.dataset / path, image, plan.upload_quality, plan.subsampling),
                "source_id": plan.source_id,
                "group": plan.photo.group,
                "contributor": plan.photo.contributor,
                "photo_set": plan.photo.photo_set,
                "product": plan.photo.product,
                "fold": str(plan.fold),
                "edit": str(edit),
                "label": edit.label,
                "damage_kind": str(plan.kind) if edit.flawed else "",
                "placement": str(plan.placement),
                "region_path": region_path,
                "region_shape": str(prepared.shape),
                "region_origin": "planned",
                "mask_path": region_path if edit.masked else "",
                "mask_area": float(prepared.region.mean()) if edit.masked else 0.0,
                "rewritten": edit in ROUND_TRIPS
                or (edit is Edit.REGENERATED and self.inpainters[plan.generator].rewrites_all),
                **self._network(prepared, edit),
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

    def _network(self, prepared: PreparedSet, edit: Edit) -> dict[str, Any]:
        """Whose pixels a member holds, and how it was asked."""
        plan = prepared.plan
        asked: dict[str, Any] = {"generator": "", "prompt": "", "steps": 0, "guidance": 0.0}
        if edit in INPAINTED or edit is Edit.REFILLED:
            inpainter = self.inpainters[plan.generator]
            text = CLEAN_PROMPT if edit is Edit.REFILLED else plan.prompt
            asked = {
                "generator": plan.generator,
                "prompt": text,
                "steps": inpainter.steps,
                "guidance": float(inpainter.guidance),
            }
        elif edit is Edit.AUTOENCODED or edit in ROUND_TRIPS:
            asked["generator"] = plan.autoencoder
        return {**asked, "seed": plan.sampling_seed}
