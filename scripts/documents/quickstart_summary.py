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

import pandas as pd
import yaml

from falseflaw.dataset.folder import DatasetFolder
from falseflaw.dataset.manifest import read_manifest
from falseflaw.evaluation.figures.summary import ComparisonSummary, read_summary
from falseflaw.evaluation.report.tables import scope_text, text_table
from falseflaw.evidence.overview import Case, overview
from falseflaw.imaging import codec
from falseflaw.models.checkpoint import read_checkpoint
from falseflaw.runtime.bundle import read_bundle
from falseflaw.types import Edit, Fold, Placement

SHOWN = {
    Edit.SPLICED: ("inpainted", "A flaw that an AI wrote"),
    Edit.SIMULATED_DAMAGE: ("simulated_damage", "The same flaw, painted before the camera"),
    Edit.AUTHENTIC: ("authentic", "The product, intact"),
}
"""Members that are judged, with the name of the file and the words of the picture."""

VISIBLE = 0.01
"""Share of the photo that a flaw has to cover to be seen at a glance."""


def choose_source(rows: pd.DataFrame) -> str:
    """Returns the first source of fold test, by name, whose flaw is visible and lies on the product.

    By how the photos score nothing is chosen. Where no flaw is so large, the source of the largest is taken.
    """
    spliced = rows[(rows["fold"] == str(Fold.TEST)) & (rows["edit"] == str(Edit.SPLICED))]
    spliced = spliced.sort_values("source_id")
    wanted = (spliced["mask_area"] >= VISIBLE) & (spliced["placement"] == str(Placement.PRODUCT))
    if wanted.any():
        return str(spliced.loc[wanted, "source_id"].iloc[0])
    return str(spliced.loc[spliced["mask_area"].idxmax(), "source_id"])


def copy_samples(dataset: Path, folder: Path) -> None:
    """Copies three members of that source's set."""
    rows = read_manifest(dataset)
    chosen = rows[rows["source_id"] == choose_source(rows)].set_index("edit")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for edit, (name, _) in SHOWN.items():
        shutil.copyfile(dataset / chosen.loc[str(edit), "path"], folder / f"{name}.jpg")


def draw(run: Path, path: Path) -> list[dict[str, str]]:
    """Writes the picture of the judged photos and returns their rows of predictions.csv."""
    with (run / "verdicts" / "predictions.csv").open(newline="", encoding="utf-8") as file:
        found = {Path(row["file"]).stem: row for row in csv.DictReader(file)}
    threshold = read_bundle(run / "bundle")[0].operating_point.mask_threshold
    cases, rows = [], []
    for name, title in SHOWN.values():
        row = found[name]
        photo = codec.decode(run / "samples" / row["file"])
        heat = codec.decode(run / "verdicts" / "heatmaps" / f"{row['file']}.png")[..., 0]
        cases.append(Case(title, photo, heat, threshold, row["verdict"], row["reason"]))
        rows.append(row)
    codec.write_atomic(path, codec.encode_png(overview(cases)))
    return rows


def promises(summary: ComparisonSummary) -> str:
    """Says what the thresholds rest on."""
    fitted = summary.fitted
    if fitted is None:
        return "Thresholds were fixed before."
    return (
        f"Thresholds rest on {fitted.simulated_damage_photos} photos of simulated damage of {fitted.sources} "
        f"sources, as uploaded and saved again: {fitted.guarantees[0].text}.\n"
        "Flaws, cameras and uploads are easy ones, and few: docs/results.md has the figures that count."
    )


def cut_short(run: Path, dataset: Path, measured: int, left_out: int) -> list[str]:
    """Says what a slow machine left out."""
    planned = DatasetFolder(dataset).read_config()["sources"]
    sources = sum(planned[fold] for fold in planned if fold != "sha256")
    made = read_manifest(dataset)["source_id"].nunique()
    steps = int(read_checkpoint(run / "checkpoints" / "last.ckpt")["global_step"])
    wanted = int(yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))["trainer"]["max_steps"])
    lines = [f"Cut: the dataset has {made} sources, {sources} were planned."] if made < sources else []
    lines += [f"Cut: {steps} steps were trained, {wanted} were planned."] if steps < wanted else []
    return lines + ([f"Cut: {measured} of {measured + left_out} sources were measured."] if left_out else [])


def report(run: Path, dataset: Path) -> None:
    """Prints figures per laundering, ONNX parity, latency, the report's path and the three verdicts."""
    summary = read_summary(run / "evaluation")
    assert isinstance(summary, ComparisonSummary)
    print(text_table(summary), "\n", sep="")
    print(scope_text(summary))
    print(promises(summary), "\n", sep="")
    if cut := cut_short(run, dataset, summary.sources, summary.provenance.left_out):
        print(*cut, "", sep="\n")
    parity = json.loads((run / "bundle" / "bundle.json").read_text(encoding="utf-8"))["parity"]
    probability, heat_map = (f"{parity[name]:.1e}" for name in ("probability", "heat_map"))
    print(f"ONNX parity in {parity['photos']:.0f} comparisons of whole, cut and paired photos:")
    print(f"probability within {probability}, heat map within {heat_map}, ", end="")
    print(f"{parity['verdicts']:.0f} verdicts differ")
    printed = (run / "export.txt").read_text(encoding="utf-8").splitlines()
    print("latency of a " + next(line for line in printed if "median" in line), "\n")
    for row in draw(run, run / "overview.png"):
        print(f"{row['file']:<22} {row['verdict']:<24} p = {float(row['probability']):.3f}  {row['reason']}")
    print()
    print(f"photo, heat map, verdict  {run / 'overview.png'}")
    print(f"HTML report               {run / 'evaluation' / 'report.html'}")
    print(f"contact sheet             {dataset / 'contact_sheet.png'}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["samples", dataset, folder]:
            copy_samples(Path(dataset), Path(folder))
        case ["report", run, dataset]:
            report(Path(run), Path(dataset))
        case _:
            raise SystemExit(__doc__)
