"""Writes MODEL_CARD.md from bundle.json and an evaluation of the bundle; no figure in it is typed by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from falseflaw.evaluation.figures.rates import ALL
from falseflaw.evaluation.figures.summary import (
    POOLED,
    ComparisonSummary,
    LaunderingFigures,
    Rate,
    RatesSummary,
    Undecided,
)
from falseflaw.evaluation.report.other_evaluations import OtherEvaluation
from falseflaw.photos.licenses import license_of
from falseflaw.release.hub import laundering_name, metadata_block
from falseflaw.release.measured import Measured
from falseflaw.release.variants.price_section import price_section
from falseflaw.runtime.bundle import BundleInfo
from falseflaw.runtime.verdict import SMALLEST_SIDE
from falseflaw.statistics.bootstrap import Estimate
from falseflaw.statistics.text import figure_text, markdown_table
from falseflaw.types import Edit, Fold, OperatingPoint

TEMPLATE = Path(__file__).with_name("model_card.md")

_NOT_EVALUATED = (
    "**Not evaluated yet.** This card was written when the bundle was exported. Its figures come from the "
    "evaluation that is committed for it: run `scripts/run refresh-results`, then `scripts/run refresh-card`."
)
_NO_PROMISE = "- The bundle states none."


def model_card(info: BundleInfo, measured: Measured | None) -> str:
    """Returns the text of the model card.

    Args:
        info: Of the bundle, with parity.
        measured: Its evaluation, see `measured.check_measured`; None says that there is none yet.
    """
    point = info.operating_point
    summary = measured.summary if measured else None
    return TEMPLATE.read_text(encoding="utf-8").format(
        metadata=metadata_block(info, summary),
        name=info.name,
        title=info.name if not info.variant else f"{info.name}, {info.precision}",
        falseflaw=info.falseflaw,
        revision=info.git_revision,
        created=info.created,
        figures=_NOT_EVALUATED if measured is None else _figures(measured),
        variant=price_section(info),
        image_threshold=f"{point.image_threshold:.6g}",
        clear_threshold=f"{point.clear_threshold:.6g}",
        mask_threshold=point.mask_threshold,
        temperature=f"{point.temperature:.4g}",
        smallest=SMALLEST_SIDE,
        distance_rule=_distance_rule(point),
        rule=_rule(summary),
        guarantees="\n".join(f"- {promise['text']}." for promise in info.guarantees) or _NO_PROMISE,
        tile_pixels=f"{info.tile_pixels:,}",
        tile_overlap=info.tile_overlap,
        tile_rule=_tile_rule(point),
        data=_data(info, summary),
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


def _tile_rule(point: OperatingPoint) -> str:
    if point.tiled_threshold is None:
        return "The more tiles, the higher their maximum tends to be; the thresholds do not allow for that."
    return (
        "The more tiles, the higher their maximum tends to be, so such photos have a limit of their own: "
        f"`altered` takes n times the odds of {point.tiled_threshold:.6g} where there are n tiles, and never "
        f"less than {point.image_threshold:.6g}."
    )


def _rule(summary: ComparisonSummary | None) -> str:
    """Says how the thresholds came about where the evaluation itself fitted them."""
    fitted = summary.fitted if summary else None
    return f" Operating point: {fitted.rule}." if fitted else ""


def _data(info: BundleInfo, summary: ComparisonSummary | None) -> str:
    """Tells what the detector was trained and measured on."""
    if summary is None:
        unknown = "not recorded"
        return (
            "The thresholds were fixed on the validation fold of the dataset "
            f"`{info.dataset.get('name', unknown)}` (configuration "
            f"`{info.dataset.get('config_hash', unknown)}`)."
        )
    provenance = summary.provenance
    photos = ", ".join(f"{count} {edit.replace('_', ' ')}" for edit, count in summary.photos.items())
    return (
        f"Photos: {_join([_licensed(name) for name in provenance.photo_sets])}. Flaws inpainted by: "
        f"{_join(provenance.generators)}. Dataset configuration: `{_join(provenance.dataset_config_hash)}`. "
        f"Measured on {summary.sources} sources of the {summary.fold} fold: {photos}."
    )


def _figures(measured: Measured) -> str:
    """Returns the table, what it compares, and what is known of other photos."""
    summary, real = measured.summary, _real_damage(measured.others)
    header = ("laundering", "AUROC", "TPR", "FPR, simulated damage", "FPR, real damage", "pixel F1")
    lines = []
    for entry in (*summary.launderings, summary.pooled):
        head = entry.headline
        alarms: Estimate = real[entry.name].flagged if entry.name in real else Estimate(None, None, None, 0)
        shown = (head.auroc, head.tpr, head.fpr, alarms, entry.pixel.f1)
        lines.append((_label(entry), *map(figure_text, shown)))
    parts = [*_in_words(summary, real), _scope(summary, real), markdown_table(header, lines)]
    return "\n\n".join([*parts, *_other_photos(measured)])


def _in_words(summary: ComparisonSummary, real: dict[str, Rate]) -> Iterator[str]:
    """Yields the first row in a sentence."""
    first = summary.launderings[0]
    tpr, fpr = first.headline.tpr, first.headline.fpr
    honest = f"{fpr.count} of {fpr.n} with simulated damage"
    if first.name in real:
        flagged = real[first.name].flagged
        honest += f", {flagged.count} of {flagged.n} with real damage"
    yield (
        f"In words: of {tpr.n} inpainted photos, {laundering_name(first.name)}, it finds {tpr.count}. Of "
        f"honest photos it takes for inpainted: {honest}."
    )


def _scope(summary: ComparisonSummary, real: dict[str, Rate]) -> str:
    """Says what the table compares."""
    text = (
        f"Measured: {summary.comparison}, on {summary.sources} sources of the {summary.fold} fold that "
        "training never saw, at thresholds that were fixed before. In brackets the 95 % interval, clustered "
        "by source. `*` marks launderings that training never saw. TPR and FPR are the shares of photos at "
        "or above the image threshold: the verdict `altered` needs a marked pixel as well."
    )
    if real:
        first = next(iter(real.values()))
        return (
            f"{text} Real damage: {first.photos} photos of products that are really damaged ({first.groups} "
            "objects); a dash stands where they were not measured, and `pooled` means the rows that have a "
            "rate."
        )
    return f"{text} Photos of real damage were not measured: nothing here speaks for honest buyers."


def _real_damage(others: Sequence[OtherEvaluation]) -> dict[str, Rate]:
    """Returns the rates of real damage of the test fold by laundering, all products together."""
    found: dict[str, Rate] = {}
    for other in others:
        if isinstance(other.summary, RatesSummary) and other.summary.fold == Fold.TEST:
            found |= {
                rate.laundering: rate for rate in _totals(other.summary) if rate.edit == Edit.REAL_DAMAGE
            }
    return found


def _totals(summary: RatesSummary) -> Iterator[Rate]:
    """Yields the rates of all products together; of a single product, its own."""
    products = {rate.product for rate in summary.rates}
    wanted = ALL if ALL in products else min(products, default="")
    return (rate for rate in summary.rates if rate.product == wanted)


def _other_photos(measured: Measured) -> Iterator[str]:
    """Yields what is known of other photos, and how often honest ones are left to a person."""
    lines = [line for other in measured.others for line in _other_lines(other)]
    if lines:
        yield "Other photos, by the same detector at the same thresholds:\n\n" + "\n".join(lines)
    undecided = [entry for entry in measured.summary.undecided if entry.laundering == POOLED]
    if undecided:
        yield (
            "Honest photos that are left `inconclusive` or called `altered`, over all launderings:\n\n"
            + "\n".join(_undecided_line(entry) for entry in undecided)
        )


def _other_lines(other: OtherEvaluation) -> Iterator[str]:
    name, summary = Path(other.folder).name.replace("_", " "), other.summary
    if isinstance(summary, ComparisonSummary):
        head = summary.pooled.headline
        shown = {"AUROC": head.auroc, "TPR": head.tpr, "FPR": head.fpr, "pixel F1": summary.pooled.pixel.f1}
        figures = ", ".join(f"{word} {figure_text(figure)}" for word, figure in shown.items())
        yield f"- {name} ({summary.fold} fold, {summary.sources} sources): {figures}."
        return
    totals = list(_totals(summary))
    first = [rate for rate in totals if rate.laundering == totals[0].laundering]
    told = "; ".join(
        f"{rate.flagged.count} of {rate.flagged.n} {rate.edit.replace('_', ' ')} photos at or above the "
        f"image threshold, {figure_text(rate.flagged)}"
        for rate in first
    )
    if ranked := summary.auroc.get(first[0].laundering):
        told += f"; AUROC of altered photos against unaltered ones {figure_text(ranked)}"
    yield f"- {name} ({summary.fold} fold), {laundering_name(first[0].laundering)}: {told}."


def _undecided_line(entry: Undecided) -> str:
    return (
        f"- {entry.population} ({entry.photos} photos): {figure_text(entry.inconclusive)}; for being unlike "
        f"anything that was measured: {figure_text(entry.unlike)}"
        + (f"; altered: {figure_text(entry.altered)}." if entry.altered else ".")
    )


def _label(entry: LaunderingFigures) -> str:
    return f"{laundering_name(entry.name)}{' *' if entry.unseen else ''}"


def _licensed(photo_set: str) -> str:
    known = license_of(photo_set)
    return f"{photo_set} ({known})" if known else photo_set


def _join(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "not recorded"
