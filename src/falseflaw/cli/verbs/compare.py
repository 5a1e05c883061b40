"""`falseflaw compare`: sets several evaluations of the same photos side by side."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from omegaconf import DictConfig, ListConfig, OmegaConf

from falseflaw.errors import ConfigurationError
from falseflaw.paths import find_existing
from falseflaw.types import Fold

EXTRAS: tuple[str, ...] = ("train",)


def run(config: DictConfig) -> None:
    """Compares the evaluations that the configuration names, and prints the table."""
    folders = _folders(config)
    if config.replicates < 1:
        raise ConfigurationError(f"expected replicates of at least 1, got {config.replicates}")
    try:
        fold = Fold(config.fold)
    except ValueError:
        raise ConfigurationError(f"expected fold=test or fold=val, got {config.fold!r}") from None
    found = {
        name: find_existing(folder, "an evaluation", "run `falseflaw evaluate` first")
        for name, folder in folders.items()
    }

    from falseflaw.evaluation.figures.paired import compare, read_evaluation
    from falseflaw.evaluation.report.tables import paired_markdown, paired_text
    from falseflaw.imaging.codec import write_atomic

    evaluations = [read_evaluation(name, folder, fold) for name, folder in found.items()]
    comparison = compare(evaluations, config.replicates, config.seed)
    print(paired_text(comparison))
    if config.output is not None:
        output = Path(config.output).expanduser()
        named = {"folders": {name: str(folder) for name, folder in folders.items()}, "fold": str(fold)}
        text = json.dumps(named | asdict(comparison), indent=1, allow_nan=False) + "\n"
        write_atomic(output / "compare.json", text.encode())
        write_atomic(output / "compare.md", paired_markdown(comparison).encode())
        print(f"written to {output / 'compare.json'} and compare.md")


def how_to_go_on(config: DictConfig) -> str:
    """Returns what is true of a comparison that was stopped."""
    return "nothing was written; run the same command again"


def _folders(config: DictConfig) -> dict[str, Path]:
    """Returns the folders by name: as named, or after the run that a folder belongs to."""
    missing = OmegaConf.is_missing(config, "evaluations")
    given = None if missing else config.evaluations
    if isinstance(given, DictConfig):
        named = {str(name): Path(str(folder)) for name, folder in given.items()}
    elif isinstance(given, ListConfig):
        paths = [path for folder in given for path in _evaluations_of(Path(str(folder)))]
        names = [path.parent.name if path.name == "evaluation" else path.name for path in paths]
        times = Counter(names)
        named = {
            (name if name and times[name] == 1 else str(path)): path
            for name, path in zip(names, paths, strict=True)
        }
        if len(named) < len(paths):
            raise ConfigurationError("expected distinct folders in evaluations, got one of them twice")
    else:
        named = {}
    if len(named) < 2:
        raise ConfigurationError(
            "expected evaluations=[FOLDER,FOLDER,...] of at least two, "
            f"got {len(named) or (repr(given) if given is not None else 'none')}"
        )
    return named


def _evaluations_of(folder: Path) -> list[Path]:
    """Returns the evaluations of a sweep's runs where a folder is a sweep's, else the folder itself."""
    for pattern in ("*/evaluation", "trials/*/evaluation"):
        found = [path for path in folder.expanduser().glob(pattern) if path.is_dir()]
        if found:  # runs are numbered
            return sorted(found, key=lambda path: (len(path.parent.name), path.parent.name))
    return [folder]
