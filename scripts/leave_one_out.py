"""Prints how well each run finds what each network wrote, from its evaluation."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import yaml

from falseflaw.evaluation.figures.summary import read_summary
from falseflaw.evaluation.report.tables import figure_text

ROOT = Path(__file__).resolve().parents[1]


def main(runs: list[str]) -> None:
    """Prints one Markdown table: a line a network, a column a run; what a run never saw is in bold."""
    summaries = {Path(run).name: read_summary(Path(run) / "evaluation") for run in runs}
    unseen = {Path(run).name: left_out(Path(run)) | reserved() for run in runs}
    names = sorted({row["network"] for summary in summaries.values() for row in summary["networks"]})
    print("AUROC against simulated damage of the same sources, untouched photos of fold test;")
    print("in bold what the detector was not trained on.\n")
    print(f"| pixels of | {' | '.join(summaries)} |")
    print(f"|---|{'---|' * len(summaries)}")
    for name in names:
        cells = []
        for run, summary in summaries.items():
            found = [row for row in summary["networks"] if row["network"] == name]
            text = figure_text(found[0]["auroc"]) if found else "–"
            cells.append(f"**{text}**" if found and name in unseen[run] else text)
        print(f"| {name} | {' | '.join(cells)} |")


def left_out(run: Path) -> set[str]:
    """Returns the networks whose pixels a run was not trained on."""
    return set(yaml.safe_load((run / "config.yaml").read_text())["data"]["leave_out"])


def reserved() -> set[str]:
    """Returns the bundled autoencoders that come into fold test alone."""
    records = (ROOT / "checkpoints" / "autoencoders").glob("*/training.json")
    return {record.parent.name for record in records if json.loads(record.read_text())["recipe"]["reserved"]}


if __name__ == "__main__":
    main(sys.argv[1:])
