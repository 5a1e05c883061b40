"""`falseflaw synthesize`: builds a dataset of matched sets and says how long each stage took."""

from __future__ import annotations

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from falseflaw.claim import claim
from falseflaw.cli.configuration.compose import STEERING, compose_build, weight_folders
from falseflaw.cli.configuration.overrides import without
from falseflaw.cli.verbs.audit import audit_dataset

EXTRAS: tuple[str, ...] = ("synthesis",)


def run(config: DictConfig) -> None:
    """Builds the dataset that the configuration describes."""
    from falseflaw.dataset.folder import AUDIT_NAME
    from falseflaw.dataset.shards import SHARDS_FOLDER

    output = Path(config.output).expanduser()
    claim(output)
    report = compose_build(config, _command())()
    if report.built:
        stages = ", ".join(f"{name} {seconds / report.built:.2f}" for name, seconds in report.seconds.items())
        print(f"seconds a source: {stages}")
    already = report.sources - report.built
    print(
        f"{output}: {report.images} images {f'and {report.layers} layers ' if report.layers else ''}"
        f"of {report.sources} sources"
        f"{f', {already} of them there before' if already else ''}"
        f"{f', {len(report.skipped)} sources skipped' if report.skipped else ''}; see DATASHEET.md"
    )
    if config.pack and not (output / SHARDS_FOLDER).is_dir():
        print(f"it was built without pack=true; to pack it: falseflaw shard dataset={output}")
    if config.audit:
        from falseflaw.audit.audit import audited

        if not audited(output):
            print()
            audit_dataset(output, weight_folders(config).values(), output / AUDIT_NAME, config.progress)


def how_to_go_on(config: DictConfig) -> str:
    """Returns what is true of a build that was stopped."""
    again = "run the same command again to go on"
    if config.overwrite:  # would throw away what there is
        again += ", without overwrite=true"
    return f"finished batches are kept in {config.output}; {again}"


def _command() -> list[str]:
    """Overrides of the command line, but for those that only steer."""
    return without(HydraConfig.get().overrides.task, STEERING)
