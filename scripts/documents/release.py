"""Releases a trained detector: verified bundle, variants, card, changelog entry, W&B artifact.

usage: release RUN [name=NAME] [variants=fp16,int8] [dry_run=true] [OVERRIDE ...]

Everything is made and verified aside; a bundle that is in place stays until the new one holds. Refused for a
tree with changes that are not committed, and where the bundle or a variant fails.
  RUN       folder of a training run, evaluated with `falseflaw evaluate run=RUN`
  name      of the model (default: reference); it comes to checkpoints/detectors/NAME
  variants  to make as well, in checkpoints/detectors/NAME-PRECISION (default: none)
  dry_run   shows the steps and what would stop them, and does nothing
  OVERRIDE  of `falseflaw export`, such as card_evaluation=FOLDER, sign.key=KEY or variant.dataset=FOLDER
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from falseflaw.claim import claim
from falseflaw.cli.main import main as falseflaw
from falseflaw.cli.main import require_extras
from falseflaw.errors import ConfigurationError, FalseFlawError
from falseflaw.provenance import git_revision
from falseflaw.release.bundle import check_target, put_in_place, staging_folder
from falseflaw.release.measured import read_evaluation
from falseflaw.release.publishing.changelog import UNRELEASED, entry_of, write_entry
from falseflaw.release.publishing.tracking import log_bundles, wandb_settings

ROOT = Path(__file__).resolve().parents[2]
DETECTORS = Path("checkpoints/detectors")
CHANGELOG = Path("CHANGELOG.md")
_TRUE = {"true": True, "false": False}
_OF_VERIFY = ("parity_folder", "parity_photos")


class ReleaseError(FalseFlawError):
    """A release is refused."""


@dataclass
class Asked:
    """What the arguments say.

    Attributes:
        run: Folder of the training.
        name: Of the model.
        variants: Precisions to make besides fp32.
        dry_run: Show the steps alone.
        overrides: For `falseflaw export`.
    """

    run: Path
    name: str = "reference"
    variants: list[str] = field(default_factory=list)
    dry_run: bool = False
    overrides: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Step:
    """One step: what is told of it, and what does it."""

    text: str
    act: Callable[[], None]


def parse(arguments: list[str]) -> Asked:
    """Reads the arguments.

    Raises:
        ConfigurationError: There is not one run, or a value is none that is known.
    """
    runs = [argument for argument in arguments if "=" not in argument]
    if len(runs) != 1:
        raise ConfigurationError(f"expected the folder of one run, got {' and '.join(runs) or 'none'}")
    asked = Asked(Path(runs[0]))
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if name == "name":
            asked.name = value
        elif name == "variants":
            asked.variants = [word for word in value.strip("[]").split(",") if word]
        elif name == "dry_run":
            if value not in _TRUE:
                raise ConfigurationError(f"expected dry_run=true or false, got {value}")
            asked.dry_run = _TRUE[value]
        elif name in {"run", "output", "precision", "bundle", "checkpoint", "sweep"}:
            raise ConfigurationError(f"expected no {name}= beside the run that is released; leave it out")
        elif equals:
            asked.overrides.append(argument)
    if unknown := sorted(set(asked.variants) - {"fp16", "int8"}):
        raise ConfigurationError(f"expected variants of fp16 and int8, got {unknown[0]}")
    return asked


def find_obstacles(asked: Asked) -> list[str]:
    """Says in a line each what stands against a release, before anything is made."""
    found = []
    revision = git_revision(ROOT)
    if revision == "unknown":
        found.append(f"expected a commit to release from in {ROOT}, got none; commit everything first")
    elif revision.endswith("-dirty"):
        found.append(f"expected a tree without changes in {ROOT}, got {revision}; commit or stash them first")
    checkpoint = asked.run / "checkpoints" / "best.ckpt"
    if not checkpoint.is_file():
        found.append(f"expected a checkpoint at {checkpoint}, found none; make one with `falseflaw train`")
    try:
        read_evaluation(asked.run / "evaluation")
        if wandb_settings(asked.run) is not None:
            require_extras(("wandb",))
        for name in (asked.name, *(f"{asked.name}-{precision}" for precision in asked.variants)):
            check_target(DETECTORS / name)
    except FalseFlawError as error:
        found.append(str(error))
    if not CHANGELOG.is_file() or f"{UNRELEASED}\n" not in CHANGELOG.read_text(encoding="utf-8"):
        found.append(f"expected {UNRELEASED} in {CHANGELOG}, got none; add it")
    return found


def steps_of(asked: Asked, staging: Path) -> list[Step]:
    """Returns what is done, in order.

    Args:
        asked: For.
        staging: Folder to make and verify everything in.
    """
    made = staging / asked.name
    export = ["export", f"run={asked.run}", f"name={asked.name}", f"output={made}", *asked.overrides]
    steps = [_command(export), _command(_verify(asked, made, measured=True))]
    for precision in asked.variants:
        folder = staging / f"{asked.name}-{precision}"
        variant = [
            "export",
            f"bundle={made}",
            f"precision={precision}",
            f"output={folder}",
            *_of_variant(asked),
        ]
        steps += [_command(variant), _command(_verify(asked, folder, measured=False))]
    names = [asked.name, *(f"{asked.name}-{precision}" for precision in asked.variants)]
    targets = [DETECTORS / name for name in names]
    steps += [
        *(
            Step(f"put {target} in place", lambda target=target: _place(staging / target.name, target))  # type: ignore[misc]
            for target in targets
        ),
        Step(f"add an entry to {CHANGELOG}", lambda: write_entry(CHANGELOG, entry_of(asked.run, targets))),
    ]
    settings = wandb_settings(asked.run) if asked.run.is_dir() else None
    if settings is None:
        return [*steps, Step("no W&B artifact: the run had no such logger", lambda: None)]
    where = (
        f"project {settings.get('project') or 'falseflaw'}{', offline' if settings.get('offline') else ''}"
    )

    def log() -> None:
        log_bundles(settings, targets, asked.run)

    return [*steps, Step(f"log {', '.join(names)} as W&B artifacts ({where})", log)]


def _command(words: list[str]) -> Step:
    """Returns the step of a command, as a person would type it."""
    text = shlex.join(["falseflaw", *words])

    def act() -> None:
        if falseflaw(words) != 0:
            raise ReleaseError(f"refused: `{text}` failed, see its words above; nothing was put in place")

    return Step(text, act)


def _verify(asked: Asked, bundle: Path, measured: bool) -> list[str]:
    """Returns the call that verifies a bundle; figures are computed again where the dataset is at hand."""
    words = ["verify", f"bundle={bundle}", *_chosen(asked, _OF_VERIFY)]
    evaluation = asked.run / "evaluation"
    try:
        dataset = Path(read_evaluation(evaluation).provenance.dataset)
    except FalseFlawError:  # an obstacle that is told by itself
        return words
    if measured and dataset.is_dir():
        words += [f"dataset={dataset}", f"evaluation={evaluation}"]
    return words


def _of_variant(asked: Asked) -> list[str]:
    """Returns the overrides for a variant, with the dataset that the run was evaluated on."""
    words = list(asked.overrides)
    if not _chosen(asked, ("variant.dataset",)):
        try:
            words.append(f"variant.dataset={read_evaluation(asked.run / 'evaluation').provenance.dataset}")
        except FalseFlawError:  # an obstacle that is told by itself
            return words
    return words


def _chosen(asked: Asked, keys: tuple[str, ...]) -> list[str]:
    return [word for word in asked.overrides if word.split("=")[0] in keys]


def _place(made: Path, target: Path) -> None:
    claim(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    put_in_place(made, target)


def release(asked: Asked) -> None:
    """Does it, or shows it.

    Raises:
        ReleaseError: Something stands against it, or a step failed.
    """
    obstacles = find_obstacles(asked)
    if asked.dry_run:
        for number, step in enumerate(steps_of(asked, DETECTORS / ".release"), start=1):
            print(f"{number}. {step.text}")
    if obstacles:
        raise ReleaseError("refused: " + "; ".join(obstacles))
    if asked.dry_run:
        return
    with staging_folder(DETECTORS / "release") as staging:
        for step in steps_of(asked, staging):
            print(f"== {step.text}", flush=True)
            step.act()
    print(f"released {DETECTORS / asked.name}; commit it with {CHANGELOG}. If its card tells no figures yet:")
    print("scripts/run refresh-results, then scripts/run refresh-card")


def main(arguments: list[str]) -> int:
    """Does all of it; returns the exit code."""
    if set(arguments) & {"-h", "--help"}:
        print(__doc__.strip())
        return 0
    try:
        release(parse(arguments))
    except FalseFlawError as error:
        print(f"release: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigurationError) else 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
