"""Two small steps of scripts/quickstart: pick three photos to judge, and print what the chain found.

usage: quickstart_summary.py samples DATASET FOLDER
       quickstart_summary.py report RUN DATASET
"""

from __future__ import annotations

import csv
import json
import shutil
import sys
from pathlib import Path

from falseflaw.dataset.manifest import read_manifest
from falseflaw.evaluation.figures.summary import read_summary
from falseflaw.evaluation.report.tables import scope_text, text_table
from falseflaw.types import Edit, Fold

SHOWN = {Edit.AUTHENTIC: "authentic", Edit.SIMULATED_DAMAGE: "simulated_damage", Edit.SPLICED: "inpainted"}


def copy_samples(dataset: Path, folder: Path) -> None:
    """Copies three members of the test fold's first set: chosen by name, not by how they score."""
    rows = read_manifest(dataset)
    test = rows[rows["fold"] == str(Fold.TEST)]
    first = test[test["source_id"] == test["source_id"].min()].set_index("edit")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for edit, name in SHOWN.items():
        shutil.copyfile(dataset / first.loc[str(edit), "path"], folder / f"{name}.jpg")


def report(run: Path, dataset: Path) -> None:
    """Prints figures per laundering, ONNX parity, latency, the report's path and the three verdicts."""
    summary = read_summary(run / "evaluation")
    print(text_table(summary), "\n", sep="")
    print(scope_text(summary), "\n")
    parity = json.loads((run / "bundle" / "bundle.json").read_text(encoding="utf-8"))["parity"]
    probability, heat_map = (f"{parity[name]:.1e}" for name in ("probability", "heat_map"))
    print(f"ONNX parity in {parity['photos']:.0f} comparisons of whole, cut and paired photos:")
    print(f"probability within {probability}, heat map within {heat_map}, ", end="")
    print(f"{parity['verdicts']:.0f} verdicts differ")
    printed = (run / "export.txt").read_text(encoding="utf-8").splitlines()
    print("latency of a " + next(line for line in printed if "median" in line), "\n")
    with (run / "verdicts" / "predictions.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            print(
                f"{row['file']:<22} {row['verdict']:<24} p = {float(row['probability']):.3f}  {row['reason']}"
            )
    print()
    print(f"HTML report    {run / 'evaluation' / 'report.html'}")
    print(f"heat maps      {run / 'verdicts' / 'heatmaps'}")
    print(f"contact sheet  {dataset / 'contact_sheet.png'}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["samples", dataset, folder]:
            copy_samples(Path(dataset), Path(folder))
        case ["report", run, dataset]:
            report(Path(run), Path(dataset))
        case _:
            raise SystemExit(__doc__)
