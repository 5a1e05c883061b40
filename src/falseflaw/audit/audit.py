"""The audit of a dataset: all gates, all probes, and the balance of what it holds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from falseflaw.audit import gates
from falseflaw.audit.container import container_facts
from falseflaw.audit.content import content_probe
from falseflaw.audit.flaws import KINDS, Flaws, join, window
from falseflaw.audit.gates import Progress
from falseflaw.audit.probe import probe, table_of
from falseflaw.audit.ring import MOST_ENERGY, RingProbe, Rings, measure_rings, ring_probe
from falseflaw.dataset.folder import AUDIT_NAME, calls_itself_reference
from falseflaw.dataset.manifest import MANIFEST_NAME, read_unchecked
from falseflaw.errors import FalseFlawError, InvalidDataError
from falseflaw.imaging.codec import decode, read_mask
from falseflaw.provenance import file_sha256
from falseflaw.statistics.bootstrap import Estimate
from falseflaw.statistics.text import figure_text
from falseflaw.types import DamageKind, Edit, Image, Mask

CHANCE = 0.5
_ROUNDING = 1e-9
_QUANTILES = (0.0, 0.1, 0.5, 0.9, 1.0)

GATES = {
    "container": "format, dimensions, quantization, subsampling and metadata do not tell positives",
    "manifest": "labels, folds of sources and contributors, equal treatment within a set",
    "near-duplicates": "no shot of one fold in another",
    "unseen": "no photo of people that a generator learnt from",
    "masks": "pixels changed where the mask says",
    "files": "every file has its sha256",
    "bytes": "no bytes with both labels",
    "energy": f"in a reference, detail against the surroundings tells with AUROC {MOST_ENERGY:g} at most",
}
"""What each gate asks."""

PROBES = {
    "container": "container facts",
    "file size": "size of the file",
    "blur": "sharpness of the whole photo (variance of the Laplacian)",
    "color": "mean and spread of the whole photo's colors",
    "content": "content of the flaw, blurred, at a quarter of the size: inpainted against simulated damage",
    "smoothness": "fine detail of the region over that of a ring around it: one number, small in positives",
    "energy": "the same in three bands and three channels",
    "structure": "correlations and JPEG blocking of that detail, region against ring",
}
"""What each probe looks at; but for content, positives against negatives."""


@dataclass(frozen=True)
class Audit:
    """What was found.

    Attributes:
        findings: Gate to what is wrong, one line each.
        probes: Probe to its AUROC.
        counts: Photos by fold, edit and kind of damage.
        areas: Quantiles of the masks' share of the photo, positives only.
        manifest: sha256 of the manifest that was audited.
        ring: What regions against their surroundings tell, by edit and by writer.
        composed: The same of the pairs that training composes from layers; None where there are none.
        warnings: What would be a finding if the dataset called itself a reference, by gate.
    """

    findings: dict[str, list[str]]
    probes: dict[str, Estimate]
    counts: dict[str, dict[str, int]]
    areas: dict[str, float]
    manifest: str
    ring: RingProbe | None = None
    composed: RingProbe | None = None
    warnings: dict[str, list[str]] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether no gate found anything."""
        return not any(self.findings.values())

    def to_json(self) -> dict[str, Any]:
        """Returns everything as plain types."""
        return {
            "passed": self.passed,
            "manifest": self.manifest,
            "findings": self.findings,
            "probes": {name: asdict(estimate) for name, estimate in self.probes.items()},
            "counts": self.counts,
            "areas": self.areas,
            "ring": asdict(self.ring) if self.ring is not None else None,
            "composed": asdict(self.composed) if self.composed is not None else None,
            "warnings": self.warnings,
        }


def audit(
    dataset: Path,
    weights: Sequence[Path],
    progress: Progress,
    measure_composed: Callable[[Progress], Rings] | None = None,
) -> Audit:
    """Audits a dataset.

    The gate on energy asks of what training sees: the pairs composed from layers where a dataset has them,
    else the finished members of fold train.

    Args:
        dataset: Its folder.
        weights: Folders whose trainings' records say which photos generators learnt from.
        progress: Wraps what is gone through.
        measure_composed: Measures pairs that training composes; None where the dataset has no layers.

    Raises:
        MissingDataError: No dataset there.
        InvalidDataError: No manifest of this version, or one without rows.
    """
    rows = read_unchecked(dataset)
    if rows.empty:
        raise InvalidDataError(f"expected images in {dataset}, its manifest has none; build it again")
    findings = {
        "manifest": gates.check_manifest(rows),
        "near-duplicates": gates.check_near_duplicates(dataset, rows, progress),
        "unseen": gates.check_unseen(rows, weights),
        "masks": gates.check_masks(dataset, rows, progress),
        "files": gates.check_files(dataset, rows, progress),
        "bytes": gates.check_bytes(rows),
    }
    facts, seen, unreadable = _facts(dataset, rows, progress)
    findings["files"] += unreadable
    labels, sources = seen["label"].to_numpy(np.int64), seen["source_id"].to_numpy(str)
    probes = {name: probe(features, labels, sources) for name, features in facts.items()}
    probes["content"] = _content(dataset, seen)
    ring = ring_probe(measure_rings(dataset, rows, progress))
    pooled = ring.positives
    probes |= {"smoothness": pooled.smoothness, "energy": pooled.energy, "structure": pooled.structure}
    findings["container"] = _tells(probes["container"])
    composed = None if measure_composed is None else ring_probe(measure_composed(progress))
    telling, reference = (composed or ring).telling, calls_itself_reference(dataset)
    findings["energy"] = telling if reference else []
    warnings = {"energy": telling} if telling and not reference else {}
    ordered = {name: findings[name] for name in GATES}
    return Audit(
        ordered,
        probes,
        _counts(rows),
        _areas(rows),
        manifest_digest(dataset),
        ring=ring,
        composed=composed,
        warnings=warnings,
    )


def manifest_digest(dataset: Path) -> str:
    """Returns the sha256 of a dataset's manifest; it names every image with its own."""
    return file_sha256(dataset / MANIFEST_NAME)


def audited(dataset: Path) -> bool:
    """Returns whether a dataset as it is has passed its audit."""
    try:
        result = json.loads((dataset / AUDIT_NAME).read_text(encoding="utf-8"))
        return bool(result["passed"]) and result["manifest"] == manifest_digest(dataset)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _tells(estimate: Estimate) -> list[str]:
    """The finding of a probe that must be at chance."""
    if estimate.lo is None or estimate.lo <= CHANCE + _ROUNDING:
        return []
    return [f"AUROC {figure_text(estimate)}, expected an interval with 0.5"]


def _facts(
    dataset: Path, rows: pd.DataFrame, progress: Progress
) -> tuple[dict[str, NDArray[np.float64]], pd.DataFrame, list[str]]:
    """Returns features by probe, the rows they belong to, and the files that cannot be read."""
    container, sizes, blur, color, kept, unreadable = [], [], [], [], [], []
    # Edits that are neither positives nor negatives tell nothing about the label.
    labelled = np.flatnonzero(rows["label"] >= 0)
    for index, path in progress(
        zip(labelled, rows["path"].iloc[labelled], strict=True), len(labelled), "facts"
    ):
        try:
            data = (dataset / path).read_bytes()
            facts, image = container_facts(data), decode(data, path)
        except (OSError, FalseFlawError) as error:
            unreadable.append(f"{path}: {error}")
            continue
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        container.append(facts)
        sizes.append([float(len(data))])
        blur.append([float(cv2.Laplacian(gray, cv2.CV_64F).var())])
        color.append(np.concatenate(cv2.meanStdDev(image)).ravel().tolist())  # as NumPy, ten times faster
        kept.append(index)
    features = {
        "container": table_of(container),
        "file size": np.array(sizes),
        "blur": np.array(blur),
        "color": np.array(color),
    }
    return features, rows.iloc[kept], unreadable


def _content(dataset: Path, rows: pd.DataFrame) -> Estimate:
    """The content probe on sets that have a spliced and a damaged photo and a region that fits them."""
    pairs: list[tuple[Flaws, Flaws]] = []
    spliced, damaged = (rows[rows["edit"] == str(edit)] for edit in (Edit.SPLICED, Edit.SIMULATED_DAMAGE))
    both = spliced.merge(damaged, on="source_id", suffixes=("", "_damaged"))
    for path, other, region, kind, source in zip(
        both["path"],
        both["path_damaged"],
        both["region_path"],
        both["damage_kind"],
        both["source_id"],
        strict=True,
    ):
        try:
            mask, photos = read_mask(dataset / region), [decode(dataset / name) for name in (path, other)]
        except FalseFlawError:  # a gate tells
            continue
        if mask.any() and all(photo.shape[:2] == mask.shape for photo in photos):
            fake, simulated = (_flaw(photo, mask, kind, source) for photo in photos)
            pairs.append((fake, simulated))
    if len(pairs) < 2:
        return Estimate(None, None, None, 2 * len(pairs))
    return content_probe(join([fake for fake, _ in pairs]), join([simulated for _, simulated in pairs]))


def _flaw(photo: Image, mask: Mask, kind: str, source: str) -> Flaws:
    image, region = window(photo, mask)
    position = KINDS.index(DamageKind(kind))
    return Flaws(image[None], region[None], np.array([position]), np.array([source]))


def _counts(rows: pd.DataFrame) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = {}
    for fold, edit, kind in zip(rows["fold"], rows["edit"], rows["damage_kind"], strict=True):
        counts.setdefault(fold, Counter())[f"{edit} {kind}".strip()] += 1
    return {fold: dict(sorted(cells.items())) for fold, cells in sorted(counts.items())}


def _areas(rows: pd.DataFrame) -> dict[str, float]:
    areas = rows.loc[rows["label"] == 1, "mask_area"].to_numpy(np.float64)
    if not len(areas):
        return {}
    return {f"{share:.0%}": float(np.quantile(areas, share)) for share in _QUANTILES}
