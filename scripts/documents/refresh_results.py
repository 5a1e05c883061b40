"""Makes evaluation, notebooks and the figures of README and docs anew, in one go.

usage: refresh-results [run=FOLDER] [dataset=FOLDER] [other_evaluations=FOLDER,...] [OVERRIDE ...]
       refresh-results RUN-OR-EVALUATION-FOLDER [dataset=FOLDER] [other_evaluations=FOLDER,...]

Without a folder the bundle checkpoints/detectors/reference is evaluated first, under laundering=standard
unless another is named; limit_sources=20 to try.
  run                where that evaluation is written, in evaluation_standard/ (default: runs/reference)
  dataset            of matched sets, audited (default: the dataset that the evaluation names)
  other_evaluations  of other photos, such as real damage, or datasets to evaluate the bundle on
  OVERRIDE           of `falseflaw evaluate`
Its report shows those and what notebooks/reference/other_evaluations holds from before.
With a folder its evaluation is taken over as it is; notebooks/reference re-makes notebooks and documents
alone.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from readme_blocks import (
    figures_block,
    read_minutes,
    record_minutes,
    replace_block,
    results_block,
    short_block,
)
from targets_block import targets_block

from falseflaw.dataset.folder import AUDIT_NAME
from falseflaw.dataset.manifest import MANIFEST_NAME, read_manifest
from falseflaw.errors import ConfigurationError, FalseFlawError, MissingDataError
from falseflaw.evaluation.committed import committed
from falseflaw.evaluation.committed.outdated import find_outdated
from falseflaw.evaluation.figures.summary import (
    SUMMARY_NAME,
    ComparisonSummary,
    Provenance,
    read_any_summary,
    read_summary,
)
from falseflaw.evaluation.report.other_evaluations import read_other_evaluations
from falseflaw.evaluation.report.sentences import SCREENSHOT
from falseflaw.imaging import codec
from falseflaw.inpainting.autoencoders.records import reserved

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = ROOT / "notebooks" / "reference"
BUNDLE = "checkpoints/detectors/reference"
RESULTS = "table of results, `notebooks/reference/`"
NOTEBOOKS = "`notebooks/*.ipynb`"
_LONGEST = 1800  # seconds for a cell


@dataclass
class Asked:
    """What the arguments say.

    Attributes:
        evaluation: Folder to take over as it is; None evaluates first.
        run: Where to evaluate into.
        dataset: Of matched sets; None: the one that the evaluation names.
        others: Folders of other evaluations or of datasets.
        overrides: For `falseflaw evaluate`.
    """

    evaluation: Path | None = None
    run: Path = Path("runs/reference")
    dataset: Path | None = None
    others: list[Path] = field(default_factory=list)
    overrides: list[str] = field(default_factory=list)


def parse(arguments: list[str]) -> Asked:
    """Reads the arguments.

    Raises:
        ConfigurationError: Two folders, or overrides with a folder, which is not evaluated again.
    """
    asked = Asked()
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals and asked.evaluation is not None:
            raise ConfigurationError(f"expected one folder at most, got {asked.evaluation} and {argument}")
        if not equals:
            asked.evaluation = Path(argument)
        elif name in {"run", "dataset"}:
            setattr(asked, name, Path(value))
        elif name == "other_evaluations":
            asked.others = [Path(folder) for folder in value.strip("[]").split(",") if folder]
        else:
            asked.overrides.append(argument)
    if asked.evaluation is not None and asked.overrides:
        raise ConfigurationError(
            f"expected no overrides with {asked.evaluation}, which is not evaluated again, "
            f"got {asked.overrides[0]}; leave one of them out"
        )
    return asked


def evaluate(dataset: Path, output: Path, overrides: list[str]) -> None:
    """Evaluates the bundle with the command line that a person would type.

    Raises:
        MissingDataError: There is no dataset.
        ConfigurationError: The command failed; it has said why.
    """
    _check_dataset(dataset)
    if not any(override.startswith("laundering=") for override in overrides):
        overrides = ["laundering=standard", *overrides]
    words = ["evaluate", f"bundle={BUNDLE}", f"dataset={dataset}", *overrides, f"output={output}"]
    print(shlex.join(["falseflaw", *words]))
    done = subprocess.run([sys.executable, "-m", "falseflaw.cli.main", *words], check=False, cwd=ROOT)
    if done.returncode != 0:
        raise ConfigurationError("expected falseflaw evaluate to end well; see its words above")


def _check_dataset(folder: Path) -> None:
    if not (ROOT / folder / MANIFEST_NAME).is_file():
        raise MissingDataError(
            f"expected a dataset to evaluate on at {folder}, found none; pass dataset=FOLDER, or the folder "
            "of a finished evaluation"
        )


def take_over(asked: Asked) -> None:
    """Brings the committed evaluation up to date and records what it took."""
    given = asked.evaluation
    if given is None:
        dataset, output = asked.dataset or _dataset_of_today(), asked.run / "evaluation_standard"
        _check_dataset(dataset)  # before the others are evaluated
        for folder in asked.others:
            _take_over_other(folder, asked)
        others = ",".join(str(path.relative_to(ROOT)) for path in committed.others_of(COMMITTED))
        evaluate(dataset, output, [*asked.overrides, *([f"other_evaluations=[{others}]"] if others else [])])
        given = ROOT / output
    elif (given / "evaluation").is_dir():
        given = given / "evaluation"
    dataset = _dataset_of(read_summary(given).provenance, asked.dataset)
    summary = committed.take_over(given, COMMITTED)
    _record(RESULTS, summary.provenance)
    _take_over_dataset(dataset, summary.provenance)
    if asked.evaluation is not None:
        for folder in asked.others:
            _take_over_other(folder, asked)
    print(f"{committed.check_size(COMMITTED) / 1e6:.1f} MB in {COMMITTED.relative_to(ROOT)}")


def _dataset_of_today() -> Path:
    return Path(read_summary(COMMITTED).provenance.dataset)


def _dataset_of(provenance: Provenance, given: Path | None) -> Path | None:
    """Returns the dataset that was evaluated, or None where it is not at hand.

    Raises:
        ConfigurationError: Another one was given.
    """
    dataset = ROOT / (given or provenance.dataset)
    if _is_of(dataset, provenance.dataset_config_hash):
        return dataset
    if given is not None:
        raise ConfigurationError(
            f"expected dataset= with the config hash that was evaluated "
            f"({', '.join(provenance.dataset_config_hash)}), got {given}"
        )
    return None


def _take_over_dataset(dataset: Path | None, provenance: Provenance) -> None:
    """Takes over the facts of the dataset; where it is not at hand, keeps those that belong to it."""
    if dataset is not None:
        committed.take_over_dataset(dataset, COMMITTED)
        return
    known = committed.read_facts(COMMITTED)
    if known and sorted(set(known[0]["config_hash"])) == list(provenance.dataset_config_hash):
        return
    for name in (committed.FACTS_NAME, AUDIT_NAME):
        (COMMITTED / name).unlink(missing_ok=True)
    print(f"no facts of the dataset: {provenance.dataset} as evaluated is not at hand; pass dataset=FOLDER")


def _is_of(dataset: Path, config_hashes: Sequence[str]) -> bool:
    try:
        return sorted(set(read_manifest(dataset)["config_hash"])) == list(config_hashes)
    except FalseFlawError:
        return False


def _record(figure: str, provenance: Provenance) -> None:
    """Writes down what the evaluation of a figure took, as far as it says so itself."""
    record_minutes(COMMITTED, figure, provenance.command, provenance.minutes)


def _take_over_other(folder: Path, asked: Asked) -> None:
    evaluation = ROOT / folder
    if not (evaluation / SUMMARY_NAME).is_file():
        output = asked.run / f"evaluation_{folder.name}"
        evaluate(folder, output, asked.overrides)
        evaluation = ROOT / output
    named = folder.resolve().parent if folder.name == "evaluation" else folder
    name = named.name.removeprefix("evaluation_")
    committed.take_over_other(evaluation, COMMITTED, name)
    (other,) = read_other_evaluations([evaluation], COMMITTED)
    compares = isinstance(other.summary, ComparisonSummary)
    names = [entry.name for entry in other.summary.launderings] if compares else []
    where = "03_robustness" if any(SCREENSHOT in name for name in names) else "04_errors"
    _record(f"{name.replace('_', ' ')}, `{where}`", other.summary.provenance)


def run_notebook(path: Path) -> None:
    """Executes a notebook in place, as seen from the root; nothing in it tells when or where it ran."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=_LONGEST,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(ROOT)}},
    ).execute()
    notebook.metadata["language_info"] = {"name": "python"}
    codec.write_atomic(path, (nbformat.writes(notebook).rstrip() + "\n").encode("utf-8"))


def main(arguments: list[str]) -> int:
    """Does all of it; returns the exit code."""
    if set(arguments) & {"-h", "--help"}:
        print(__doc__.strip())
        return 0
    try:
        take_over(parse(arguments))
        started = time.monotonic()
        for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
            run_notebook(notebook)
            print(f"executed {notebook.relative_to(ROOT)}")
        taken = (time.monotonic() - started) / 60
        record_minutes(COMMITTED, NOTEBOOKS, "scripts/run refresh-results notebooks/reference", taken)
        summary, page = read_summary(COMMITTED), ROOT / "docs" / "results.md"
        replace_block(page, "results", results_block(summary))
        others = {folder.name: read_any_summary(folder) for folder in committed.others_of(COMMITTED)}
        replace_block(
            page, "targets", targets_block(summary, others, reserved(ROOT / "checkpoints" / "autoencoders"))
        )
        replace_block(page, "figures", figures_block(read_minutes(COMMITTED)))
        replace_block(ROOT / "README.md", "results", short_block(summary))
        print("updated README.md and docs/results.md")
        for line in find_outdated(COMMITTED, ROOT / BUNDLE) if (ROOT / BUNDLE).is_dir() else []:
            print(f"not to be committed so: {line}")
    except FalseFlawError as error:
        print(f"refresh-results: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
