"""Starts a training from the weights of an earlier one that learnt from the same photos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from falseflaw.errors import InvalidDataError
from falseflaw.inpainting.loading import load_pipeline
from falseflaw.paths import find_existing
from falseflaw.training.generators.earlier import check_same_photos, read_record, weight_digests


@dataclass(frozen=True)
class Start:
    """An earlier training.

    Attributes:
        pipeline: Its pipeline in float32.
        facts: Its `training.json`.
        digests: SHA-256 of its weight files by name.
    """

    pipeline: Any
    facts: Mapping[str, Any]
    digests: Mapping[str, str]

    def lineage(self) -> dict[str, Any]:
        """Returns what the record of the new training says about this one, of plain types."""
        names = ("denoiser", "damage", "camera", "git_revision", "start")
        return {"weights": dict(self.digests), **{name: self.facts.get(name) for name in names}}


def find_start(path: str) -> Path:
    """Returns the folder of an earlier training, relative to the working directory or the clone.

    Raises:
        MissingDataError: No such folder.
    """
    hint = "set recipe.start=null to start from nothing"
    return find_existing(path, "an inpainting pipeline to start from", hint)


def load_start(path: str, sizes: Mapping[str, Any], facts: Mapping[str, Any]) -> Start:
    """Loads the pipeline that a training starts from.

    Args:
        path: Folder that `falseflaw train-inpainter` saved.
        sizes: `NetworkSizes.to_json()` of the new training.
        facts: What the new training records about its photos.

    Raises:
        MissingDataError: No such folder.
        InvalidDataError: No pipeline with its record, or one of other sizes or other photos.
    """
    folder = find_start(path)
    earlier = read_record(folder)
    before = {**earlier["recipe"].get("sizes", {}), "crop": None}
    if before != {**sizes, "crop": None}:
        raise InvalidDataError(f"expected networks of this recipe's sizes in {folder}, found others")
    check_same_photos(folder, earlier, facts)
    pipeline = load_pipeline(str(folder), "StableDiffusionInpaintPipeline", torch.float32, True, {})
    return Start(pipeline, earlier, weight_digests(folder))
