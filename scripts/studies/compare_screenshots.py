"""Sets simulated screenshots beside real ones at the same geometry; prints a table, draws a contact sheet.

usage: scripts/run compare-screenshots DATASET [--photos N] [--edits EDIT ...] [--bundle FOLDER] ...

PSNR says how alike the pixels are, the detector's probabilities whether the difference matters: beside their
mean difference stands the one that the screenshot itself makes. A second a photo and device on an idle core.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd
from hydra.utils import instantiate
from omegaconf import OmegaConf
from tqdm import tqdm

from falseflaw.cli.main import one_line
from falseflaw.dataset.manifest import read_manifest
from falseflaw.errors import InvalidDataError
from falseflaw.evaluation.figures.calibration import calibrate
from falseflaw.evaluation.prediction.laundered import load_row
from falseflaw.evaluation.prediction.scorers import BundleScorer
from falseflaw.evaluation.prediction.selection import select_sources
from falseflaw.imaging.codec import encode_png, write_atomic
from falseflaw.imaging.contact_sheet import contact_sheet, deal
from falseflaw.imaging.laundering.screenshot import chromium
from falseflaw.imaging.laundering.screenshot.browser import BrowserScreenshot
from falseflaw.paths import config_dir
from falseflaw.studies.screenshots import COLUMNS, Judge, compare
from falseflaw.types import Edit, Fold, Image

TILE = 200  # side of a tile of the contact sheet, pixels; cut from the middle at full scale


def main(arguments: list[str]) -> int:
    """Reads the photos, takes both screenshots on every device, prints and draws."""
    usage = (__doc__ or "").split("usage: ")[1].split("\n")[0]
    parser = argparse.ArgumentParser(prog="scripts/run compare-screenshots", usage=usage)
    parser.add_argument("dataset", type=Path, help="folder made by `falseflaw synthesize`")
    parser.add_argument("--photos", type=int, default=20, help="sources, drawn by a hash of their names")
    parser.add_argument("--fold", choices=[str(fold) for fold in Fold], default="test", help="of the sources")
    parser.add_argument(
        "--edits",
        nargs="+",
        choices=[str(edit) for edit in Edit],
        default=[str(Edit.SPLICED), str(Edit.SIMULATED_DAMAGE)],
        help="members of each matched set",
    )
    parser.add_argument("--bundle", type=Path, help="such as checkpoints/detectors/reference")
    parser.add_argument("--jpeg", type=int, metavar="QUALITY", help="save both as JPEG; by default as PNG")
    parser.add_argument(
        "--suite", type=Path, default=config_dir() / "laundering/browser.yaml", help="devices"
    )
    parser.add_argument("--sheet", type=Path, metavar="PICTURE", help="PNG file to draw for the eye")
    options = parser.parse_args(arguments)
    if options.photos < 1:
        parser.error("expected --photos of at least 1")
    if options.jpeg is not None and not 1 <= options.jpeg <= 100:
        parser.error("expected --jpeg in 1..100")
    try:
        return _run(options)
    except Exception as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    finally:
        chromium.close()


def _run(options: argparse.Namespace) -> int:
    suite = [instantiate(item) for item in OmegaConf.load(options.suite).launderings]
    screenshots = [item for item in suite if isinstance(item, BrowserScreenshot)]
    rows = _rows(options)
    records = [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]
    images = [load_row(options.dataset, record)[0] for record in records]
    keys = [str(record["sha256"]) for record in records]
    judge = _judge(options.bundle) if options.bundle is not None else None
    tiles: list[Image] = []
    print(f"Chromium {chromium.version()}; {len(images)} photos of {options.dataset}, fold {options.fold}")
    table = []
    for screenshot in tqdm(screenshots, desc="devices", unit="device"):
        name = screenshot.device.name

        def keep(index: int, real: Image, simulated: Image, name: str = name) -> None:
            if index < 3:
                tiles.extend([_tile(f"{name} real", real), _tile(f"{name} simulated", simulated)])

        table.append(compare(screenshot, images, keys, judge, options.jpeg, keep).row())
    print(pd.DataFrame(table, columns=list(COLUMNS)).to_string(index=False))
    if options.sheet is not None:
        write_atomic(options.sheet, encode_png(contact_sheet(deal(tiles, 6))))
        print(f"sheet: {options.sheet}")
    return 0


def _rows(options: argparse.Namespace) -> pd.DataFrame:
    rows = read_manifest(options.dataset)
    rows = rows[(rows["fold"] == options.fold) & rows["edit"].isin(options.edits)]
    if rows.empty:
        raise InvalidDataError(
            f"expected photos of fold {options.fold} and edits {', '.join(options.edits)} in "
            f"{options.dataset}, got none; choose others with --fold and --edits"
        )
    return select_sources(rows, options.photos)


def _judge(bundle: Path) -> Judge:
    scorer = BundleScorer(bundle)
    temperature = scorer.operating_point.temperature
    return lambda image: float(calibrate(scorer.score(image[None])[0], temperature)[0])


def _tile(title: str, image: Image) -> Image:
    """Returns the middle of a picture at full scale, with a title."""
    y, x = (max(0, (side - TILE) // 2) for side in image.shape[:2])
    return contact_sheet([[image[y : y + TILE, x : x + TILE]]], [title])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
