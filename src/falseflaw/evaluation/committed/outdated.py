"""Whether committed figures belong to the bundle and the dataset that are committed with them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from falseflaw.dataset.folder import AUDIT_NAME
from falseflaw.dataset.lineage import seen_contributors
from falseflaw.evaluation.committed.committed import FACTS_NAME, others_of, read_audit, read_facts
from falseflaw.evaluation.figures.calibration import OPERATING_POINT_NAME, read_operating_point
from falseflaw.evaluation.figures.summary import ComparisonSummary, read_summary
from falseflaw.evaluation.prediction.predictions import read_predictions
from falseflaw.evaluation.report.other_evaluations import read_other_evaluations
from falseflaw.runtime.bundle import read_bundle


def find_outdated(folder: Path, bundle: Path) -> list[str]:
    """Says in a line each what does not belong together; nothing found means all is up to date.

    An evaluation of a checkpoint belongs to the bundle that was exported from it: `bundle.json` names the
    checkpoint by its sha256. An evaluation of a bundle names `model.onnx` by its own. The dataset is the one
    whose facts and audit are committed; the detector may have learnt from an earlier build of it, if none of
    its people are in fold test.

    Args:
        folder: Of the committed evaluation.
        bundle: Of the detector.

    Raises:
        MissingDataError, InvalidDataError: One of both cannot be read.
    """
    summary = read_summary(folder)
    info, model = read_bundle(bundle)
    measured = summary.provenance.model
    kind = measured["kind"]
    network = hashlib.sha256(model).hexdigest()
    shipped = network if kind == "bundle" else info.checkpoint_sha256
    fixed = info.operating_point
    found = _differing(f"{kind} that was measured", measured["sha256"], shipped)
    found += _differing("operating point of the summary", summary.operating_point, fixed)
    point, _ = read_operating_point(folder / OPERATING_POINT_NAME)
    found += _differing(f"operating point in {OPERATING_POINT_NAME}", point, fixed)
    predicted = read_predictions(folder)
    predicted = predicted[predicted["fold"] == summary.fold].drop_duplicates("path")
    counts = predicted["edit"].value_counts().to_dict()
    found += _differing("photos of each edit in the predictions", counts, summary.photos)
    found += _of_dataset(folder, summary, info.contributors)
    shipped_files = (info.checkpoint_sha256, network)
    for other in read_other_evaluations(others_of(folder), folder):
        file = other.summary.provenance.model["sha256"]
        if file not in shipped_files:
            found += _differing(f"{other.folder}: model", file, " or ".join(shipped_files))
        found += _differing(f"{other.folder}: operating point", other.summary.operating_point, fixed)
    return found


def _of_dataset(folder: Path, summary: ComparisonSummary, learnt_from: Sequence[str]) -> list[str]:
    """Compares the committed facts of the dataset with its audit, with what was measured and learnt from."""
    facts, audit = read_facts(folder), read_audit(folder)
    if facts is None or audit is None:
        lacking = FACTS_NAME if facts is None else AUDIT_NAME
        return [f"{lacking} is missing; pass dataset= to scripts/run refresh-results"]
    rows, digest = facts
    found = _differing("manifest that was audited", audit.manifest, digest)
    held = sorted(set(rows["config_hash"]))
    found += _differing(f"config hash in {FACTS_NAME}", held, list(summary.provenance.dataset_config_hash))
    if seen := seen_contributors(learnt_from, rows):
        found.append(f"{len(seen)} contributors of the test fold: the bundle learnt from their photos")
    limited = summary.provenance.limit_sources is not None
    if not limited:
        fold = rows[rows["fold"] == summary.fold]
        counts = fold["edit"].value_counts().to_dict()
        wanted = {edit: counts.get(edit, 0) for edit in summary.photos}
        found += _differing(f"photos of each edit in {FACTS_NAME}", wanted, summary.photos)
    return found


def _differing(what: str, got: object, expected: object) -> list[str]:
    return [] if got == expected else [f"{what}: got {got}, but what is committed has {expected}"]
