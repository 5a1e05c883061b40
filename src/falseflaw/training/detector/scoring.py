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
    """

    edit: Edit
    label: int
    laundered: bool
    logit: float
    inside: NDArray[np.int64]
    outside: NDArray[np.int64]


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


def summarize(records: Mapping[int, CropRecord]) -> dict[str, float]:
    """Returns the validation figures by name.

    `score` is what checkpoints are chosen by: the mean of AUROC and of the best pixel F1, over untouched
    and laundered crops together. A figure that cannot be computed is nan and left out of the score; the
    score is 0 when nothing can.
    """
    pooled = list(records.values())
    figures: dict[str, float] = {}
    for suffix, chosen in (
        ("", pooled),
        ("_clean", [record for record in pooled if not record.laundered]),
        ("_laundered", [record for record in pooled if record.laundered]),
    ):
        if chosen:
            figures["auroc" + suffix], figures["ap" + suffix] = image_metrics(chosen)
            figures["f1" + suffix] = float(pixel_f1(chosen).max())
    f1 = pixel_f1(pooled)
    figures["f1_at_half"] = float(f1[LEVELS // 2])
    figures["f1_threshold"] = float(np.argmax(f1)) if not np.isnan(f1).any() else math.nan
    terms = [
        value for value in (figures.get("auroc", math.nan), figures.get("f1", math.nan)) if value == value
    ]
    figures["score"] = float(np.mean(terms)) if terms else 0.0
    return figures


def histograms(
    heat: NDArray[np.uint8], mask: NDArray[np.bool_], valid: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the 256-bin histograms of a heat map (H, W) inside and outside the mask, valid pixels only."""
    inside = np.bincount(heat[mask & valid], minlength=LEVELS)
    outside = np.bincount(heat[~mask & valid], minlength=LEVELS)
    return inside, outside
