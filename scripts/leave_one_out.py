"""Prints how well each run finds what each network wrote, from its evaluation."""

from __future__ import annotations

import sys
from pathlib import Path

from falseflaw.evaluation.summary import read_summary
from falseflaw.evaluation.tables import figure_text


def main(runs: list[str]) -> None:
    """Prints one Markdown table: a line a network, a column a run."""
    summaries = {Path(run).name: read_summary(Path(run) / "evaluation") for run in runs}
    names = sorted({row["network"] for summary in summaries.values() for row in summary["networks"]})
    print("AUROC against simulated damage of the same sources, untouched photos of fold test\n")
    print(f"| pixels of | {' | '.join(summaries)} |")
    print(f"|---|{'---|' * len(summaries)}")
    for name in names:
        cells = []
        for summary in summaries.values():
            found = [row for row in summary["networks"] if row["network"] == name]
            cells.append(figure_text(found[0]["auroc"]) if found else "–")
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main(sys.argv[1:])
