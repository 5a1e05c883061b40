"""`falseflaw evaluate`: measures a run, a bundle or a baseline under laundering and prints the table."""

from __future__ import annotations

import shlex
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig

from falseflaw.claim import claim
from falseflaw.cli.configuration.overrides import without
from falseflaw.errors import ConfigurationError
from falseflaw.types import Fold

EXTRAS: tuple[str, ...] = ("train",)
_STEERING = ("progress", "threads", "workers", "device", "examples", "other_evaluations", "minutes")
"""Keys that change no figure."""


def run(config: DictConfig) -> None:
    """Evaluates what the configuration names."""
    from falseflaw.evaluation.figures.cost import CostAssumptions
    from falseflaw.evaluation.report.report import REPORT_NAME
    from falseflaw.evaluation.report.sentences import answer_lines
    from falseflaw.evaluation.report.tables import further_rows, scope_text, text_table
    from falseflaw.evaluation.run import evaluate
    from falseflaw.evaluation.settings import EvaluationSettings
    from falseflaw.evaluation.target import Target
    from falseflaw.statistics.text import aligned

    baseline = instantiate(config.baseline) if config.get("baseline") is not None else None
    target = Target.named(
        run=config.run, checkpoint=config.checkpoint, bundle=config.bundle, baseline=baseline
    )
    dataset = target.dataset(config.dataset)
    settings = EvaluationSettings(
        fold=_fold(config),
        calibrate_on=tuple(str(name) for name in config.laundering.calibration),
        edits=tuple(config.edits),
        limit_sources=config.limit_sources,
        fitted_sources=config.fitted_sources,
        batch_size=config.batch_size,
        threads=config.threads,
        workers=config.workers,
        replicates=config.replicates,
        seed=config.seed,
        metrics=dict(instantiate(config.metrics)),
        costs=CostAssumptions(**config.cost),
        examples=config.examples,
        other_evaluations=tuple(config.other_evaluations),
        large_photos=config.large_photos,
        missed_share=config.missed_share,
        suite_name=str(config.laundering.name),
        command=_command(),
        progress=config.progress,
        minutes=config.minutes,
    )
    launderings = [instantiate(item) for item in config.laundering.launderings]
    apart = config.get("calibration")
    calibration = [instantiate(item) for item in apart.launderings] if apart else []
    detector = target.load(config.operating_point, config.device)
    output = target.output(dataset, fixed=config.operating_point is not None)
    if config.output is not None:
        output = Path(config.output)
    claim(output)
    summary = evaluate(detector, dataset, launderings, output, settings, calibration)
    print(f"{text_table(summary)}\n\n{scope_text(summary)}")
    if further := further_rows(summary):
        print(f"\n{aligned(further)}")
    print(*answer_lines(summary), sep="\n")
    if summary.fitted is not None:
        print(f"Operating point {summary.fitted.rule}.")
    print(f"report: {output / REPORT_NAME}")


def how_to_go_on(config: DictConfig) -> str:
    """Returns what is true of an evaluation that was stopped."""
    return "finished predictions are kept; run the same command again to go on"


def _fold(config: DictConfig) -> Fold:
    try:
        return Fold(config.fold)
    except ValueError:
        raise ConfigurationError(f"expected fold=test or fold=val, got {config.fold!r}") from None


def _command() -> str:
    """Returns the command line that gives the same figures: this one, but for what only steers."""
    return shlex.join(["falseflaw", "evaluate", *without(HydraConfig.get().overrides.task, _STEERING)])
