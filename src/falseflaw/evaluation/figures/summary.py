"""What an evaluation found, as types; `summary.json` holds the same, field by field."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.evaluation.figures.calibration import Fitted
from falseflaw.evaluation.figures.cost import Savings
from falseflaw.evaluation.figures.decoding import decode
from falseflaw.evaluation.figures.parity import Parity
from falseflaw.imaging import codec
from falseflaw.statistics.bootstrap import LEVEL, Estimate, Share
from falseflaw.types import Edit, OperatingPoint, Verdict

SUMMARY_NAME = "summary.json"
POOLED = "all launderings pooled"
_AGAIN = "run `falseflaw evaluate` again"


@dataclass(frozen=True)
class Comparison:
    """Image-level figures of positives against negatives.

    Attributes:
        auroc: Of the logits.
        average_precision: Of the logits.
        oracle_tpr_at_fpr_1: Best TPR at an FPR of at most 1 %, threshold read off these very photos.
        balanced_accuracy: At the fixed threshold.
        tpr: Positives at or above image_threshold.
        fpr: Negatives at or above it.
    """

    auroc: Estimate
    average_precision: Estimate
    oracle_tpr_at_fpr_1: Estimate
    balanced_accuracy: Estimate
    tpr: Share
    fpr: Share


@dataclass(frozen=True)
class PixelFigures:
    """Pixel-level figures, averaged over photos; F1 and IoU at the fixed mask threshold."""

    f1: Estimate
    iou: Estimate
    auroc: Estimate


@dataclass(frozen=True)
class OneKind(Comparison):
    """The headline's figures with one kind of inpainting alone."""

    pixel: PixelFigures


@dataclass(frozen=True)
class LaunderingFigures:
    """All figures under one laundering, or under all of them pooled.

    Attributes:
        name: Of the laundering, or `POOLED`.
        severity: As the laundering words it; empty for all pooled.
        unseen: Whether training never showed it.
        headline: Inpainted against simulated damage.
        pixel: Of all inpainted photos.
        spliced: Every pixel outside the flaw is the original one.
        feathered: Spliced with a soft seam.
        regenerated: The whole photo went through the autoencoder.
        flagged: By edit, share at or above image_threshold.
        verdicts: By edit, share of each verdict.
        inpainted_verdicts: Of all inpainted photos, share of each verdict.
        ece: Calibration error over `groups.MIXTURE`.
        further: Metrics that the configuration adds, of inpainted against simulated damage.
    """

    name: str
    severity: str
    unseen: bool
    headline: Comparison
    pixel: PixelFigures
    spliced: OneKind
    feathered: OneKind
    regenerated: OneKind
    flagged: dict[str, Share]
    verdicts: dict[str, dict[str, Share]]
    inpainted_verdicts: dict[str, Share]
    ece: Estimate
    further: dict[str, Estimate] = field(default_factory=dict)

    @property
    def left_open(self) -> Share:
        """Share of simulated damage that is `inconclusive`: what the few accusations cost honest buyers."""
        return self.verdicts[str(Edit.SIMULATED_DAMAGE)][str(Verdict.INCONCLUSIVE)]


@dataclass(frozen=True)
class Subset:
    """The main figures of a part of the photos.

    Attributes:
        name: Of the product, kind of flaw, bin of area, edit or network.
        sources: That its positives come from; of a group, that all its photos come from.
        auroc: Against the negatives that belong to it.
        tpr: Its positives at or above image_threshold.
        fpr: Its negatives at or above it.
        pixel_f1: Averaged over its positives.
    """

    name: str
    sources: int
    auroc: Estimate
    tpr: Share
    fpr: Share
    pixel_f1: Estimate


@dataclass(frozen=True)
class Rate:
    """How often photos of one edit and product are flagged under one laundering.

    Attributes:
        laundering: Its name, or `POOLED`.
        product: Its name, or `rates.ALL`.
        edit: How the photos came about.
        photos: Distinct ones.
        groups: Objects on them.
        flagged: Share at or above image_threshold.
        verdicts: Share of each verdict.
        pixel_f1: None where there is no true mask.
    """

    laundering: str
    product: str
    edit: str
    photos: int
    groups: int
    flagged: Share
    verdicts: dict[str, Share]
    pixel_f1: Estimate | None

    @property
    def label(self) -> int:
        """Of the edit: 1 where to be flagged is right, 0 where it is wrong."""
        return Edit(self.edit).label


@dataclass(frozen=True)
class Undecided:
    """How often honest photos of one kind are left to a person under one laundering.

    Attributes:
        population: The photos, in words.
        laundering: Its name, or `POOLED`.
        photos: Distinct ones.
        inconclusive: Share with this verdict.
        unlike: Share that has it for being unlike anything that was measured.
        altered: Share that is called altered; None in older summaries.
    """

    population: str
    laundering: str
    photos: int
    inconclusive: Share
    unlike: Share
    altered: Share | None = None


@dataclass(frozen=True)
class Intervals:
    """How the intervals came about: their level, what is resampled, how often and with which seed."""

    clustered_by: str
    replicates: int
    seed: int
    level: float = LEVEL


@dataclass(frozen=True)
class SuiteRecord:
    """The launderings: the name of their configuration, and each as Python writes it."""

    name: str
    launderings: tuple[str, ...]


@dataclass(frozen=True)
class Provenance:
    """Where figures come from.

    Attributes:
        created: Time in UTC, ISO 8601.
        command: That gives the same figures.
        falseflaw: Version.
        git_revision: None outside of a clone.
        model: kind, path and sha256, see `Scorer.describe`.
        dataset: Folder.
        dataset_config_hash: Of all photos.
        photo_sets: Of all photos.
        generators: Of all photos.
        suite: The launderings.
        limit_sources: Most sources of each fold.
        fitted_sources: Most sources of the fold that was fitted on.
        edits: That were measured; empty for all.
        other_evaluations: Folders that the report shows.
        versions: By package.
        minutes: That predictions and figures took; None where predictions were there before.
        left_out: Sources of the measured fold that a budget of minutes was not enough for.
    """

    created: str
    command: str
    falseflaw: str
    git_revision: str | None
    model: dict[str, str]
    dataset: str
    dataset_config_hash: tuple[str, ...]
    photo_sets: tuple[str, ...]
    generators: tuple[str, ...]
    suite: SuiteRecord
    limit_sources: int | None
    fitted_sources: int | None
    edits: tuple[str, ...]
    other_evaluations: tuple[str, ...]
    versions: dict[str, str]
    minutes: float | None
    left_out: int = 0


@dataclass(frozen=True)
class Summary:
    """What every evaluation tells.

    Attributes:
        fold: That was measured on.
        sources: Number.
        photos: Number by edit.
        operating_point: Calibration and thresholds.
        fitted: How they came about; None where they were fixed before.
        intervals: How all intervals came about.
        parity: False alarms by product, under the first laundering and pooled.
        provenance: Where all of it comes from.
        undecided: How often honest photos are `inconclusive`: a figure of merit like any other.
    """

    fold: str
    sources: int
    photos: dict[str, int]
    operating_point: OperatingPoint
    fitted: Fitted | None
    intervals: Intervals
    parity: tuple[Parity, ...]
    provenance: Provenance
    undecided: tuple[Undecided, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True)
class ComparisonSummary(Summary):
    """Of matched sets: inpainted photos against simulated damage.

    Attributes:
        comparison: What is compared, in words.
        launderings: In the order of the suite.
        pooled: All launderings.
        groups: By column of `groups.GROUPINGS`, all launderings pooled.
        edits: Every edit that is no negative, under the first laundering.
        networks: Every network that wrote flaws, under the first laundering.
        cost: What the detector saves.
    """

    comparison: str
    launderings: tuple[LaunderingFigures, ...]
    pooled: LaunderingFigures
    groups: dict[str, tuple[Subset, ...]]
    edits: tuple[Subset, ...]
    networks: tuple[Subset, ...]
    cost: Savings


@dataclass(frozen=True)
class RatesSummary(Summary):
    """Of photos in no matched set.

    Attributes:
        objects: Number on all photos.
        rates: Every laundering and all pooled; in each every product and, last, all of them.
        auroc: Of altered photos against unaltered ones, by laundering; empty where one of both is missing.
    """

    objects: int
    rates: tuple[Rate, ...]
    auroc: dict[str, Estimate] = field(default_factory=dict, kw_only=True)


def write_summary(folder: Path, summary: Summary) -> Path:
    """Writes `summary.json` atomically and returns its path."""
    path = folder / SUMMARY_NAME
    codec.write_atomic(path, (json.dumps(asdict(summary), indent=1, allow_nan=False) + "\n").encode())
    return path


def read_any_summary(folder: Path) -> ComparisonSummary | RatesSummary:
    """Reads `summary.json` of an evaluation folder, whatever was measured.

    Raises:
        MissingDataError: It is not there.
        InvalidDataError: It is not one of this version.
    """
    path = folder / SUMMARY_NAME
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(values, dict) and "rates" in values:
            return decode(RatesSummary, values)
        return decode(ComparisonSummary, values)
    except FileNotFoundError as error:
        raise MissingDataError(
            f"expected an evaluation with {SUMMARY_NAME} in {folder}, found none; "
            "run `falseflaw evaluate` first"
        ) from error
    except (OSError, ValueError, TypeError, ConfigurationError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidDataError(f"cannot read {path}: {reason}; {_AGAIN}") from error


def read_summary(folder: Path) -> ComparisonSummary:
    """Reads `summary.json` of an evaluation of matched sets.

    Raises:
        MissingDataError: It is not there.
        InvalidDataError: It is not one of this version, or of photos in no matched set.
    """
    summary = read_any_summary(folder)
    if isinstance(summary, RatesSummary):
        raise InvalidDataError(
            f"expected a comparison of inpainted photos with simulated damage in {folder / SUMMARY_NAME}, "
            "got rates only; evaluate on a dataset of matched sets"
        )
    return summary
