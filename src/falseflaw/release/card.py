"""Writes MODEL_CARD.md from what was measured; no figure in it is typed by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from falseflaw.photos.licenses import license_of
from falseflaw.release.summary import Evaluation, Figure, LaunderingFigures
from falseflaw.runtime.bundle import BundleInfo
from falseflaw.runtime.verdict import SMALLEST_SIDE

TEMPLATE = Path(__file__).with_name("model_card.md")


def model_card(info: BundleInfo, evaluation: Evaluation) -> str:
    """Returns the text of the model card.

    Args:
        info: Of the bundle, with parity.
        evaluation: Of the checkpoint that was exported.
    """
    point, provenance = info.operating_point, evaluation.provenance
    edits = list(evaluation.pooled.flagged)
    launderings = [*evaluation.launderings, evaluation.pooled]
    rule = str(evaluation.fitted.get("rule", "")).strip()
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
        rule=f"Operating point: {rule}." if rule else "How they were fitted was not recorded.",
        tile_pixels=f"{info.tile_pixels:,}",
        tile_overlap=info.tile_overlap,
        photo_sets=_join([_licensed(name) for name in _names(provenance, "photo_sets")]),
        generators=_join(_names(provenance, "generators")),
        config_hash=_join(_names(provenance, "dataset_config_hash")),
        sources=evaluation.sources,
        photo_rows="\n".join(f"| {_word(edit)} | {count} |" for edit, count in evaluation.photos.items()),
        comparison=evaluation.comparison,
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


def _figure_row(entry: LaunderingFigures) -> str:
    return f"| {_label(entry)} | {entry.auroc} | {entry.tpr} | {entry.fpr} | {entry.pixel_f1} |"


def _edit_row(entry: LaunderingFigures, edits: Sequence[str]) -> str:
    cells = [_rate(entry.flagged.get(edit)) for edit in edits]
    return f"| {_label(entry)} | {' | '.join(cells)} |"


def _rate(figure: Figure | None) -> str:
    return "n/a" if figure is None else f"{figure} of {figure.n}"


def _label(entry: LaunderingFigures) -> str:
    return f"{entry.name}{' *' if entry.unseen else ''}"


def _word(edit: str) -> str:
    return edit.replace("_", " ")


def _licensed(photo_set: str) -> str:
    known = license_of(photo_set)
    return f"{photo_set} ({known})" if known else photo_set


def _names(provenance: Mapping[str, object], key: str) -> list[str]:
    values = provenance.get(key)
    return [str(value) for value in values] if isinstance(values, list | tuple) else []


def _join(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "not recorded"
