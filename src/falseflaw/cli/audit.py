"""`falseflaw audit`: fails where a dataset could teach something else than the trace of alteration."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.paths import find_existing

EXTRAS: tuple[str, ...] = ("train",)


def run(config: DictConfig) -> None:
    """Audits `dataset`, prints the table and writes `audit.json`.

    Raises:
        InvalidDataError: A gate found something.
    """
    from tqdm import tqdm

    from falseflaw.evaluation.audit.audit import audit
    from falseflaw.evaluation.audit.report import text_report
    from falseflaw.imaging.codec import write_atomic

    if OmegaConf.is_missing(config, "dataset"):
        raise ConfigurationError("expected dataset=FOLDER, got none; see `falseflaw audit --help`")
    dataset = find_existing(config.dataset, "a dataset", "build one with `falseflaw synthesize`")
    weights = [
        find_existing(path, "weights of a generator", "name others in weights") for path in config.weights
    ]

    def bar(items: Iterable[Any], total: int, title: str) -> Iterable[Any]:
        return tqdm(items, total=total, desc=title, disable=not config.progress)

    result = audit(dataset, weights, bar)
    output = Path(config.output) if config.output is not None else dataset / "audit.json"
    write_atomic(output, (json.dumps(result.to_json(), indent=2) + "\n").encode())
    print(text_report(result))
    print(f"\nwritten to {output}")
    if not result.passed:
        failed = [name for name, found in result.findings.items() if found]
        raise InvalidDataError(
            f"the audit of {dataset} failed: {', '.join(failed)}; mend what the table says and build it again"
        )
