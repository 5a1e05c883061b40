"""Writes MODEL_CARD.md from what was measured; no figure in it is typed by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from falseflaw.errors import InvalidDataError
from falseflaw.evaluation.figures.calibration import OPERATING_POINT_NAME, read_operating_point
from falseflaw.evaluation.figures.summary import (
    SUMMARY_NAME,
    ComparisonSummary,
    LaunderingFigures,
    read_summary,
)
from falseflaw.photos.licenses import license_of
from falseflaw.runtime.bundle import BundleInfo
from falseflaw.runtime.verdict import SMALLEST_SIDE
from falseflaw.statistics.bootstrap import Share
from falseflaw.statistics.text import figure_text
from falseflaw.types import OperatingPoint

_NO_PROMISE = "- Nothing: they were fixed before this evaluation."

TEMPLATE = Path(__file__).with_name("model_card.md")


def read_evaluation(folder: Path) -> ComparisonSummary:
    """Reads the evaluation that a release rests on.

    Raises:
        MissingDataError: The folder or its summary is not there.
        InvalidDataError: A file is damaged, or summary and operating point contradict each other.
    """
    summary = read_summary(folder)
    point, _ = read_operating_point(folder / OPERATING_POINT_NAME)
    if summary.operating_point != point:
        raise InvalidDataError(
            f"expected {OPERATING_POINT_NAME} and {SUMMARY_NAME} in {folder} to hold one operating point, "
            "got two; run `falseflaw evaluate` again"
        )
    return summary


def model_card(info: BundleInfo, summary: ComparisonSummary) -> str:
    """Returns the text of the model card.

    Args:
        info: Of the bundle, with parity.
        summary: Of the checkpoint that was exported.
    """
    point, provenance = info.operating_point, summary.provenance
    edits = list(summary.pooled.flagged)
    launderings = [*summary.launderings, summary.pooled]
    fitted = summary.fitted
    promises = fitted.guarantees if fitted else ()
    return TEMPLATE.read_text(encoding="utf-8").format(
        name=info.name,
        falseflaw=info.falseflaw,
        revision=info.git_revision,
        created=info.created,
        image_threshold=f"{point.image_threshold:.6g}",
        clear_threshold=f"{point.clear_threshold:.6g}",
        mask_threshold=point.mask_threshold,
        temperature=f"{point.temperature:.4g}",
        smallest=SMALLEST_SIDE,
        rule=f"Operating point: {fitted.rule}." if fitted else "They were fixed before this evaluation.",
        distance_rule=_distance_rule(point),
        guarantees="\n".join(f"- {promise.text}." for promise in promises) or _NO_PROMISE,
        undecided_rows="\n".join(
            f"| {entry.population} | {_laundering_word(entry.laundering)} | {entry.photos} | "
            f"{figure_text(entry.inconclusive)} | {figure_text(entry.unlike)} |"
            for entry in summary.undecided
        ),
        tile_pixels=f"{info.tile_pixels:,}",
        tile_overlap=info.tile_overlap,
        photo_sets=_join([_licensed(name) for name in provenance.photo_sets]),
        generators=_join(provenance.generators),
        config_hash=_join(provenance.dataset_config_hash),
        sources=summary.sources,
        photo_rows="\n".join(f"| {_word(edit)} | {count} |" for edit, count in summary.photos.items()),
        comparison=summary.comparison,
        figure_rows="\n".join(_figure_row(entry) for entry in launderings),
        edit_names=" | ".join(_word(edit) for edit in edits),
        edit_rules=" --- |" * len(edits),
        edit_rows="\n".join(_edit_row(entry, edits) for entry in launderings),
        parity_batches=int(info.parity["batches"]),
        parity_photos=int(info.parity["photos"]),
        parity_probability=info.parity["probability"],
        parity_heat_map=info.parity["heat_map"],
        parity_verdicts=int(info.parity["verdicts"]),
        parity_mask=int(info.parity["mask_pixels"]),
        parity_pixels=f"{int(info.parity['pixels']):,}",
        checkpoint=info.checkpoint_sha256,
    )


def _distance_rule(point: OperatingPoint) -> str:
    if point.distance_threshold is None:
        return ""
    return f", and photos unlike anything that was measured: at a distance ≥ {point.distance_threshold:.6g}"


def _laundering_word(name: str) -> str:
    return "untouched" if name == "identity" else name


def _figure_row(entry: LaunderingFigures) -> str:
    head = entry.headline
    cells = (figure_text(figure) for figure in (head.auroc, head.tpr, head.fpr, entry.pixel.f1))
    return f"| {_label(entry)} | {' | '.join(cells)} |"


def _edit_row(entry: LaunderingFigures, edits: Sequence[str]) -> str:
    cells = [_rate(entry.flagged.get(edit)) for edit in edits]
    return f"| {_label(entry)} | {' | '.join(cells)} |"


def _rate(share: Share | None) -> str:
    return "–" if share is None else f"{figure_text(share)} of {share.n}"


def _label(entry: LaunderingFigures) -> str:
    return f"{entry.name}{' *' if entry.unseen else ''}"


def _word(edit: str) -> str:
    return edit.replace("_", " ")


def _licensed(photo_set: str) -> str:
    known = license_of(photo_set)
    return f"{photo_set} ({known})" if known else photo_set


def _join(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "not recorded"
