"""Saves matched sets: every member becomes a file and a manifest row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from falseflaw.damage.prompts import CLEAN_PROMPT
from falseflaw.dataset.manifest import ManifestRow
from falseflaw.dataset.upload import save_bytes
from falseflaw.imaging.codec import encode_png, write_atomic
from falseflaw.inpainting.inpainter import Inpainter
from falseflaw.synthesis.prepare import PreparedSet
from falseflaw.types import INPAINTED, ROUND_TRIPS, Edit, Image


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

    def save(self, prepared: PreparedSet, members: Mapping[Edit, Image]) -> Iterator[ManifestRow]:
        """Writes region and members, all with the set's JPEG settings and no metadata; yields their rows.

        An authentic photo that keeps its camera's save has that save's bytes, which have the same settings.
        """
        plan = prepared.plan
        region_path = f"masks/{plan.stem}.png"
        write_atomic(self.dataset / region_path, encode_png(prepared.region))
        height, width = prepared.region.shape
        for edit, image in members.items():
            first = prepared.kept if edit is Edit.AUTHENTIC else None
            path = f"images/{plan.stem}__{edit}.jpg"
            yield ManifestRow.of(
                plan.photo,
                edit,
                path=path,
                sha256=save_bytes(self.dataset / path, first or prepared.save.encode(image)),
                fold=plan.fold,
                damage_kind=plan.kind if edit.flawed else "",
                placement=plan.placement,
                region_path=region_path,
                region_area=float(prepared.region.mean()),
                region_shape=prepared.shape,
                **self._network(prepared, edit),
                crop_size=prepared.crop_size,
                crop_scale=plan.crop_scale,
                camera=plan.camera.to_json(),
                first_quality=plan.camera.quality,
                upload_quality=prepared.save.quality,
                subsampling=prepared.save.subsampling,
                width=width,
                height=height,
                batch=plan.batch,
                config_hash=self.config_hash,
            )

    def _network(self, prepared: PreparedSet, edit: Edit) -> dict[str, Any]:
        """Whose pixels a member holds, and what was asked for."""
        plan = prepared.plan
        asked: dict[str, Any] = {"seed": plan.sampling_seed}
        if edit in INPAINTED or edit is Edit.REFILLED:
            inpainter = self.inpainters[plan.generator]
            asked |= {
                "generator": plan.generator,
                "prompt": CLEAN_PROMPT if edit is Edit.REFILLED else plan.prompt,
                "steps": inpainter.steps,
                "guidance": float(inpainter.guidance),
                "rewritten": edit is Edit.REGENERATED and inpainter.rewrites_all,
            }
        elif edit is Edit.AUTOENCODED or edit in ROUND_TRIPS:
            asked |= {"generator": plan.autoencoder, "rewritten": edit in ROUND_TRIPS}
        elif edit is Edit.LOCAL_EDIT:
            asked["prompt"] = prepared.local_edit[1]
        return asked
