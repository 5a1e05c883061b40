"""Figures that watch a training: small and quick, never a substitute for `falseflaw evaluate`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from falseflaw.types import Edit

LEVELS = 256
"""Values of the 8-bit heat map."""

LEAST = 8
"""Crops of either label that a condition needs to count in the score."""

SCORE_WEIGHTS = {"laundered": 0.7, "untouched": 0.3}
"""Shares of the score: what buyers send was mostly laundered by the apps on its way."""


@dataclass(frozen=True, eq=False)
class CropRecord:
    """What the detector said of one validation crop.

    Attributes:
        edit: What the photo went through.
        label: 1 or 0, of the crop.
        laundered: Whether it is a laundered copy.
        logit: Of the image head.
        inside: int64 (256,), histogram of the 8-bit heat map inside the mask.
        outside: The same outside it, padding excluded.
        scale: Factor of the photo's sides before it was cropped.
        writer: Network that wrote the altered pixels; "" for none.
        camera_original: Whether the photo has the pixels that a camera saved.
    """

    edit: Edit
    label: int
    laundered: bool
    logit: float
    inside: NDArray[np.int64]
    outside: NDArray[np.int64]
    scale: float = 1.0
    writer: str = ""
    camera_original: bool = False


def image_metrics(records: Iterable[CropRecord]) -> tuple[float, float]:
    """Returns AUROC and average precision of flawed positives against simulated damage; nan without both.

    A refilled photo shows no flaw: set against simulated damage, its look would tell it and not its pixels.
    """
    chosen = [
        record
        for record in records
        if (record.label and record.edit.flawed) or record.edit is Edit.SIMULATED_DAMAGE
    ]
    labels = np.array([record.label for record in chosen])
    if len(set(labels.tolist())) < 2:
        return math.nan, math.nan
    logits = np.array([record.logit for record in chosen])
    return float(roc_auc_score(labels, logits)), float(average_precision_score(labels, logits))


def pixel_f1(records: Iterable[CropRecord]) -> NDArray[np.float64]:
    """Returns the mean F1 over crops that show altered pixels, for each threshold 0 to 255.

    A pixel counts as altered at and above the threshold; (256,), nan without such crops.
    """
    chosen = [record for record in records if record.label and record.inside.sum() > 0]
    if not chosen:
        return np.full(LEVELS, math.nan)
    inside = np.stack([record.inside for record in chosen]).astype(np.float64)  # (N, 256)
    outside = np.stack([record.outside for record in chosen]).astype(np.float64)
    hits = np.cumsum(inside[:, ::-1], axis=1)[:, ::-1]
    alarms = np.cumsum(outside[:, ::-1], axis=1)[:, ::-1]
    f1: NDArray[np.float64] = (2 * hits / (hits + alarms + inside.sum(axis=1, keepdims=True))).mean(axis=0)
    return f1


def auroc_by_writer(records: Iterable[CropRecord], least: int = 1) -> dict[str, float]:
    """Returns for each writer the AUROC of its flawed positives against all simulated damage.

    Args:
        records: Of any crops.
        least: Writers with fewer positives stand together under "", which would be too noisy one by one.
    """
    records = list(records)
    damage = [record for record in records if record.edit is Edit.SIMULATED_DAMAGE]
    fakes: dict[str, list[CropRecord]] = {}
    for record in records:
        if record.label and record.edit.flawed:
            fakes.setdefault(record.writer, []).append(record)
    rare = [writer for writer, own in fakes.items() if len(own) < least]
    if rare:
        fakes[""] = [record for writer in rare for record in fakes.pop(writer)]
    return {writer: image_metrics(damage + fakes[writer])[0] for writer in sorted(fakes)}


def parts_of(records: Iterable[CropRecord]) -> dict[str, list[CropRecord]]:
    """Returns the records of each condition that the score averages over, by its name.

    `laundered` and `untouched` are of photos at their own size, `untouched_x0.5` of resized ones; crops of
    camera originals form conditions of their own, with `_camera_originals` behind the name.
    """
    parts: dict[str, list[CropRecord]] = {}
    for record in records:
        name = "laundered" if record.laundered else "untouched"
        name += f"_x{record.scale:g}" if record.scale != 1 else ""
        name += "_camera_originals" if record.camera_original else ""
        parts.setdefault(name, []).append(record)
    return dict(sorted(parts.items()))


def summarize(records: Mapping[int, CropRecord]) -> dict[str, float]:
    """Returns the validation figures by name.

    `score` is what checkpoints are chosen by: .7 of the AUROC of laundered crops and .3 of that of untouched
    ones, each the mean over its conditions (`parts_of`) of the mean over writers. A condition with fewer than
    `LEAST` crops of a label is too noisy to choose by and left out, unless there is no other; writers with
    fewer stand together. The score is 0 when nothing can be computed. `auroc`, `ap` and `f1` pool all crops.
    """
    pooled = list(records.values())
    figures: dict[str, float] = {}
    if pooled:
        figures["auroc"], figures["ap"] = image_metrics(pooled)
        figures["f1"] = float(pixel_f1(pooled).max())
    f1 = pixel_f1(pooled)
    figures["f1_at_half"] = float(f1[LEVELS // 2])
    figures["f1_threshold"] = float(np.argmax(f1)) if not np.isnan(f1).any() else math.nan
    parts = parts_of(pooled)
    enough = [name for name, part in parts.items() if _smaller_label(part) >= LEAST]
    conditions: dict[str, list[float]] = {"laundered": [], "untouched": []}
    for name, part in parts.items():
        figures[f"auroc_{name}"] = _mean(auroc_by_writer(part, LEAST).values())
        if name in enough or not enough:
            conditions[name.partition("_")[0]].append(figures[f"auroc_{name}"])
        if name in conditions:
            figures[f"f1_{name}"] = float(pixel_f1(part).max())
    figures |= {f"auroc_of_{name}": value for name, value in auroc_by_writer(pooled).items()}
    means = {name: _mean(values) for name, values in conditions.items()}
    weights = {name: SCORE_WEIGHTS[name] for name, value in means.items() if not math.isnan(value)}
    total = sum(weights.values())
    figures["score"] = sum(weight * means[name] for name, weight in weights.items()) / total if total else 0.0
    return figures


def _smaller_label(records: Iterable[CropRecord]) -> int:
    """Returns how many flawed positives there are, or how much simulated damage, whichever is less."""
    records = list(records)
    damage = sum(record.edit is Edit.SIMULATED_DAMAGE for record in records)
    return min(damage, sum(bool(record.label) and record.edit.flawed for record in records))


def _mean(values: Iterable[float]) -> float:
    """Returns the mean of what is not nan; nan of nothing."""
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def histograms(
    heat: NDArray[np.uint8], mask: NDArray[np.bool_], valid: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the 256-bin histograms of a heat map (H, W) inside and outside the mask, valid pixels only."""
    inside = np.bincount(heat[mask & valid], minlength=LEVELS)
    outside = np.bincount(heat[~mask & valid], minlength=LEVELS)
    return inside, outside
