"""`falseflaw audit`: fails where a dataset could teach something else than the trace of alteration."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.paths import find_existing

EXTRAS: tuple[str, ...] = ("synthesis",)

_PAIRS = 1000
"""Composed pairs that are measured at most, one of a source."""

_SIDE = 384
"""Longest side of their windows, pixels."""


def run(config: DictConfig) -> None:
    """Audits `dataset`, prints the table and writes `audit.json`, if the dataset can be written to.

    Raises:
        InvalidDataError: A gate found something.
    """
    if OmegaConf.is_missing(config, "dataset"):
        raise ConfigurationError("expected dataset=FOLDER, got none; see `falseflaw audit --help`")
    from falseflaw.dataset.folder import AUDIT_NAME

    dataset = find_existing(config.dataset, "a dataset", "build one with `falseflaw synthesize`")
    weights = [
        find_existing(path, "weights of a generator", "name others in weights") for path in config.weights
    ]
    output = Path(config.output) if config.output is not None else dataset / AUDIT_NAME
    audit_dataset(dataset, weights, output, config.progress, kept=config.output is not None)


def how_to_go_on(config: DictConfig) -> str:
    """Returns what is true of an audit that was stopped."""
    return "nothing was written; run the same command again"


def _measurement(dataset: Path) -> Callable[..., Any] | None:
    """Returns what measures the pairs that training composes; None where a dataset has no layers."""
    from falseflaw.dataset.layers import LAYERS_NAME

    if not (dataset / LAYERS_NAME).is_file():
        return None
    from falseflaw.studies.composed_rings import measure_pairs
    from falseflaw.training.detector.composition import Composer
    from falseflaw.training.detector.composition_settings import CompositionSettings
    from falseflaw.training.detector.layer_windows import layer_windows

    composer = Composer(layer_windows(dataset), CompositionSettings(), seed=0)
    return lambda progress: measure_pairs(composer, min(_PAIRS, len(composer)), _SIDE, progress)


def audit_dataset(
    dataset: Path, weights: Iterable[Path], output: Path, progress: bool, kept: bool = True
) -> None:
    """Audits a dataset, prints the table and writes the result as JSON.

    Args:
        dataset: Its folder.
        weights: Folders whose trainings' records say which photos generators learnt from.
        output: File of the result.
        progress: Whether to show bars.
        kept: Whether the file must be written; else a line tells where it could not.

    Raises:
        InvalidDataError: A gate found something.
        ConfigurationError: The result cannot be written to `output`.
    """
    from tqdm import tqdm

    from falseflaw.audit.audit import audit
    from falseflaw.audit.report import text_report
    from falseflaw.imaging.codec import write_atomic

    def bar(items: Iterable[Any], total: int, title: str) -> Iterable[Any]:
        return tqdm(items, total=total, desc=title, disable=not progress)

    result = audit(dataset, list(weights), bar, _measurement(dataset))
    print(text_report(result), flush=True)
    try:
        write_atomic(output, (json.dumps(result.to_json(), indent=2) + "\n").encode())
        print(f"\nwritten to {output}")
    except OSError as error:
        problem = f"cannot write {output}: {error.strerror or error}; pass output=FILE to keep the result"
        if kept:
            raise ConfigurationError(problem) from error
        print(f"falseflaw audit: {problem}", file=sys.stderr)
    if not result.passed:
        failed = [name for name, found in result.findings.items() if found]
        raise InvalidDataError(
            f"the audit of {dataset} failed: {', '.join(failed)}; mend what the table says and build it again"
        )
