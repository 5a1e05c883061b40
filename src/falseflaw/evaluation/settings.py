"""What an evaluation may be told besides detector, dataset, launderings and output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from falseflaw.errors import ConfigurationError
from falseflaw.evaluation.figures.calibration import MISSED_SHARE
from falseflaw.evaluation.figures.cost import CostAssumptions
from falseflaw.statistics.metrics import ImageMetric
from falseflaw.types import Edit, Fold


@dataclass(frozen=True)
class EvaluationSettings:
    """Settings of one evaluation.

    Attributes:
        fold: To measure on, `test` or `val`; the latter only with an operating point that was fixed before.
        calibrate_on: Names of the launderings of the val fold that the operating point is fitted on.
        missed_share: Share of fakes that may be called clear, where the operating point is fitted.
        edits: Members of the sets that are measured; empty for all.
        limit_sources: Most sources of each fold; None takes all.
        fitted_sources: Most sources of fold `val` that the operating point is fitted on, instead of
            `limit_sources`; None: those.
        batch_size: Most photos scored at once.
        threads: Batches in the model at once; None leaves it to the scorer.
        workers: Processes that decode and launder; 0: none.
        replicates: Of the bootstrap.
        seed: Of the bootstrap.
        metrics: Figures of merit besides the built-in ones, by name.
        costs: What the saving is told for. Rates alone tell no saving.
        examples: Misses and false alarms pictured, each.
        other_evaluations: Folders of other evaluations that the report shows apart from this one's figures.
        large_photos: Scores of `scripts/run measure-large-photos`: photos in tiles get a limit of their own.
        suite_name: For the provenance.
        command: For the provenance.
        progress: Show a bar.
        minutes: Of this evaluation, after which sources of `fold` that are not predicted yet are left out,
            once two are and all of those that are fitted on; None: none are.

    Raises:
        ConfigurationError: A count is out of range, the fold is none to measure on, or an edit is none.
    """

    fold: Fold = Fold.TEST
    calibrate_on: tuple[str, ...] = ()
    missed_share: float = MISSED_SHARE
    edits: tuple[str, ...] = ()
    limit_sources: int | None = None
    fitted_sources: int | None = None
    batch_size: int = 8
    threads: int | None = None
    workers: int = 0
    replicates: int = 1000
    seed: int = 0
    metrics: Mapping[str, ImageMetric] = field(default_factory=dict)
    costs: CostAssumptions = field(default_factory=CostAssumptions)
    examples: int = 6
    other_evaluations: tuple[str | Path, ...] = ()
    large_photos: str | Path | None = None
    suite_name: str = ""
    command: str = ""
    progress: bool = True
    minutes: float | None = None

    def __post_init__(self) -> None:
        if self.fold not in {Fold.TEST, Fold.VAL}:
            raise ConfigurationError(f"expected fold=test or fold=val, got fold={self.fold}")
        if not 0 < self.missed_share < 1:
            raise ConfigurationError(f"expected missed_share between 0 and 1, got {self.missed_share}")
        for name in ("limit_sources", "fitted_sources", "batch_size", "replicates"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigurationError(f"expected {name} of at least 1, got {value}")
        if unknown := sorted(set(self.edits) - {str(edit) for edit in Edit}):
            raise ConfigurationError(f"expected edits of {', '.join(Edit)}, got {unknown[0]!r}")
