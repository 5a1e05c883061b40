"""`falseflaw evaluate`: measures a run, a checkpoint or a bundle under laundering and prints the table."""

from __future__ import annotations

import shlex
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from falseflaw.cli.configuration.overrides import without
from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.paths import find_existing
from falseflaw.types import Fold, OperatingPoint

EXTRAS: tuple[str, ...] = ("train",)
_STEERING = ("progress", "threads", "workers", "device", "examples", "beside")
"""Keys that change no figure."""


def run(config: DictConfig) -> None:
    """Evaluates what the configuration names."""
    given = [name for name in ("run", "checkpoint", "bundle") if config[name] is not None]
    if len(given) != 1:
        raise ConfigurationError(
            "expected one of run=FOLDER, checkpoint=FILE and bundle=FOLDER, "
            f"got {' and '.join(given) if given else 'none'}"
        )
    kind, path = given[0], Path(config[given[0]])
    dataset = _dataset(config, path if kind == "run" else None)
    from falseflaw.dataset.lineage import check_unseen, contributor_digests, read_learnt_from

    if kind == "run":
        check_unseen(contributor_digests(read_learnt_from(path)), dataset)
    fold, operating_point = _fold(config), None
    if config.operating_point is not None:
        operating_point = _operating_point(config, kind)
    launderings = [instantiate(item) for item in config.laundering.launderings]
    calibration = [str(name) for name in config.laundering.calibration]

    from falseflaw.evaluation.figures.cost import CostAssumptions

    costs = CostAssumptions(**config.cost)
    from falseflaw.evaluation.figures.summary import SUMMARY_NAME
    from falseflaw.evaluation.prediction.scorers import BundleScorer, CheckpointScorer
    from falseflaw.evaluation.report import tables
    from falseflaw.evaluation.report.report import REPORT_NAME
    from falseflaw.evaluation.run import evaluate

    scorer: CheckpointScorer | BundleScorer
    if kind == "bundle":
        scorer = BundleScorer(find_existing(path, "a bundle", "make one with `falseflaw export`"))
        check_unseen(scorer.info.contributors, dataset)
        operating_point = scorer.operating_point
        output = Path("runs") / f"evaluation_{path.name}"
    else:
        checkpoint = path / "checkpoints" / "best.ckpt" if kind == "run" else path
        scorer = CheckpointScorer(checkpoint, config.device)
        # Thresholds of before stay where they are: the folder of that evaluation is not written to.
        name = "evaluation" if operating_point is None else f"evaluation_{dataset.name}"
        output = (path if kind == "run" else path.parent) / name
    output = Path(config.output) if config.output is not None else output
    summary = evaluate(
        scorer,
        dataset,
        launderings,
        output,
        calibrate_on=calibration,
        operating_point=operating_point,
        fold=fold,
        suite_name=str(config.laundering.name),
        command=_command(),
        limit_sources=config.limit_sources,
        fitted_sources=config.fitted_sources,
        edits=list(config.edits),
        beside=list(config.beside),
        batch_size=config.batch_size,
        threads=config.threads,
        workers=config.workers,
        replicates=config.replicates,
        seed=config.seed,
        costs=costs,
        examples=config.examples,
        progress=config.progress,
    )
    if "rates" in summary:
        print(tables.aligned(tables.rates_rows(summary)))
        print(f"\n{tables.rates_scope_text(summary)}")
        print(*tables.answer_lines(summary), sep="\n")
        print(f"summary: {output / SUMMARY_NAME}")
        print(f"report: {output / REPORT_NAME}")
        return
    print(tables.text_table(summary))
    print(f"\n{tables.scope_text(summary)}")
    print(*tables.answer_lines(summary), sep="\n")
    if rule := summary["fitted"].get("rule"):
        print(f"Operating point {rule}.")
    print(f"report: {output / REPORT_NAME}")


def _fold(config: DictConfig) -> Fold:
    try:
        return Fold(config.fold)
    except ValueError:
        raise ConfigurationError(f"expected fold=test or fold=val, got {config.fold!r}") from None


def _operating_point(config: DictConfig, kind: str) -> OperatingPoint:
    """Returns the thresholds of an earlier evaluation."""
    if kind == "bundle":
        raise ConfigurationError("expected bundle= without operating_point=: a bundle brings its own")
    from falseflaw.evaluation.figures.calibration import OPERATING_POINT_NAME, read_operating_point

    path = find_existing(config.operating_point, "an operating point", "run `falseflaw evaluate` first")
    return read_operating_point(path / OPERATING_POINT_NAME if path.is_dir() else path)[0]


def _dataset(config: DictConfig, run_folder: Path | None) -> Path:
    """Returns the dataset given, or the one that the run was trained on."""
    hint = "build one with `falseflaw synthesize`"
    if config.dataset is not None:
        return find_existing(config.dataset, "a dataset", hint)
    if run_folder is None:
        raise ConfigurationError("expected dataset=FOLDER beside checkpoint= or bundle=, got none")
    path = run_folder / "config.yaml"
    if not path.is_file():
        raise MissingDataError(
            f"expected a training run with config.yaml at {run_folder}, found none; "
            "name a folder that `falseflaw train` made"
        )
    try:
        trained_on = OmegaConf.select(OmegaConf.load(path), "data.dataset")
    except (OSError, ValueError, YAMLError, OmegaConfBaseException) as error:
        raise InvalidDataError(f"cannot read {path}: {str(error).splitlines()[0]}") from error
    if not isinstance(trained_on, str):
        raise InvalidDataError(f"expected data.dataset in {path}, got {trained_on!r}; pass dataset=FOLDER")
    return find_existing(trained_on, "the dataset of the run", "pass dataset=FOLDER")


def _command() -> str:
    """Returns the command line that gives the same figures: this one, but for what only steers."""
    return shlex.join(["falseflaw", "evaluate", *without(HydraConfig.get().overrides.task, _STEERING)])
