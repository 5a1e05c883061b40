"""The table of targets: what the detector should reach, what the committed evaluation says it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from falseflaw.evaluation.figures.measure import CAMERA_ORIGINALS
from falseflaw.evaluation.figures.rates import ALL
from falseflaw.evaluation.figures.summary import (
    ComparisonSummary,
    LaunderingFigures,
    Rate,
    RatesSummary,
    Summary,
    Undecided,
)
from falseflaw.statistics.bootstrap import Estimate
from falseflaw.statistics.text import figure_text, markdown_table
from falseflaw.types import Edit, Verdict

Figure = Estimate | None


@dataclass(frozen=True)
class Target:
    """One figure and its bound.

    Attributes:
        photos: What it is measured on, in words.
        name: Of the figure.
        figure: As measured; None where the evaluation does not tell it.
        bound: What it should reach.
        most: Whether the bound is the most it may be, not the least.
    """

    photos: str
    name: str
    figure: Figure
    bound: float
    most: bool = False

    @property
    def verdict(self) -> str:
        """Whether it is reached; a figure that was not measured is not."""
        if self.figure is None or self.figure.value is None:
            return "not measured"
        reached = self.figure.value <= self.bound if self.most else self.figure.value >= self.bound
        return "yes" if reached else "no"


def targets_block(summary: ComparisonSummary, others: Mapping[str, Summary], reserved: Sequence[str]) -> str:
    """Returns the table in Markdown, a line a target.

    Args:
        summary: The committed evaluation.
        others: The other committed evaluations, by folder.
        reserved: Autoencoders that come into fold test alone.
    """
    lines = [
        (
            target.photos,
            target.name,
            "–" if target.figure is None else figure_text(target.figure),
            f"{'≤' if target.most else '≥'} {target.bound:.2f}",
            target.verdict,
        )
        for target in _targets(summary, others, reserved)
    ]
    return markdown_table(("on", "figure", "reached", "target", "met"), lines)


def _targets(
    summary: ComparisonSummary, others: Mapping[str, Summary], reserved: Sequence[str]
) -> Iterator[Target]:
    entries = {entry.name: entry for entry in summary.launderings}

    def of(name: str, figure: Callable[[LaunderingFigures], Estimate]) -> Figure:
        return figure(entries[name]) if name in entries else None

    yield Target("test fold, untouched", "AUROC", of("identity", lambda entry: entry.headline.auroc), 0.96)
    yield Target("", "pixel F1", of("identity", lambda entry: entry.pixel.f1), 0.78)
    yield Target("", "fakes found", of("identity", lambda entry: entry.headline.tpr), 0.75)
    altered = of("identity", lambda entry: entry.inpainted_verdicts[str(Verdict.ALTERED)])
    yield Target("", "fakes called altered", altered, 0.75)
    yield Target("×0.5", "AUROC", of("resize_0.5", lambda entry: entry.headline.auroc), 0.88)
    screens = others.get("browser")
    worst = (
        min(screens.launderings[1:], key=lambda entry: entry.headline.auroc.value or 0.0, default=None)
        if isinstance(screens, ComparisonSummary)
        else None
    )
    yield Target("worst real screenshot", "AUROC", worst.headline.auroc if worst else None, 0.88)
    yield Target("", "honest photos called altered", worst.headline.fpr if worst else None, 0.03, True)
    yield Target("JPEG 60", "pixel F1", of("jpeg60", lambda entry: entry.pixel.f1), 0.72)
    yield Target("WebP 80", "pixel F1", of("webp80", lambda entry: entry.pixel.f1), 0.70)
    for network in summary.networks:
        if network.name in reserved:
            yield Target(f"reserved writer `{network.name}`, untouched", "AUROC", network.auroc, 0.95)
    for folder in ("inpainted_by_others", "inpainted_by_others_2"):
        rates = others.get(folder)
        if isinstance(rates, RatesSummary):
            words = "fakes by large generators" + (", second set" if folder.endswith("2") else "")
            yield Target(words, "AUROC", next(iter(rates.auroc.values()), None), 0.80)
            yield from _honest("their originals", _rate(rates, Edit.AUTHENTIC))
    yield from _honest("camera originals, untouched", _undecided(summary, CAMERA_ORIGINALS))
    damage = others.get("real_damage")
    if isinstance(damage, RatesSummary):
        yield from _honest("really damaged, all products", _rate(damage, Edit.REAL_DAMAGE))
        for edit, words in ((Edit.REAL_DAMAGE, "damaged"), (Edit.AUTHENTIC, "intact")):
            board = _rate(damage, edit, "circuit board")
            altered = _verdict(board, Verdict.ALTERED) if board else None
            yield Target(f"{words} circuit boards of a DSLR", "called altered", altered, 0.0, True)
    simulated = _undecided(summary, str(Edit.SIMULATED_DAMAGE).replace("_", " "))
    left = simulated.inconclusive if simulated else None
    yield Target("simulated damage, untouched", "inconclusive", left, 0.10, True)


def _honest(photos: str, found: Rate | Undecided | None) -> Iterator[Target]:
    """Yields what honest photos may be called at most."""
    altered = left = None
    if isinstance(found, Rate):
        altered, left = _verdict(found, Verdict.ALTERED), _verdict(found, Verdict.INCONCLUSIVE)
    elif found is not None:
        altered, left = found.altered, found.inconclusive
    yield Target(photos, "called altered", altered, 0.01, True)
    yield Target("", "inconclusive", left, 0.10, True)


def _verdict(rate: Rate, verdict: Verdict) -> Estimate:
    return rate.verdicts[str(verdict)]


def _rate(summary: RatesSummary, edit: Edit, product: str = ALL) -> Rate | None:
    """Returns the rate under the first laundering; over all products, or the one there is."""
    first = summary.rates[0].laundering
    found = [rate for rate in summary.rates if rate.edit == edit and rate.laundering == first]
    wanted = [rate for rate in found if rate.product == product]
    if product == ALL and not wanted:
        wanted = found[-1:]
    return wanted[0] if wanted else None


def _undecided(summary: Summary, population: str) -> Undecided | None:
    return next((entry for entry in summary.undecided if entry.population == population), None)
