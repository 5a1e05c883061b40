"""Draws docs/example.png: three photos, their heat maps and verdicts, by the reference detector.

usage: scripts/run readme-picture [PICTURE]
"""

from __future__ import annotations

import sys
from pathlib import Path

from falseflaw.evidence.overview import Case, overview
from falseflaw.imaging import codec
from falseflaw.runtime import Predictor

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = ROOT / "notebooks" / "tour"
TITLES = {
    "inpainted": "A claim: the burn was written by an AI",
    "damaged": "A burn that the camera saw",
    "intact": "The product, intact",
}


def main(picture: Path) -> None:
    """Judges the photos of the tour and writes the picture."""
    predictor = Predictor(ROOT / "checkpoints" / "detectors" / "reference")
    cases = []
    for name, title in TITLES.items():
        photo = codec.decode(PHOTOS / f"{name}.jpg")
        result = predictor.judge(photo)
        threshold = predictor.operating_point.mask_threshold
        cases.append(Case(title, photo, result.heat_map, threshold, result.verdict, result.reason))
    codec.write_atomic(picture, codec.encode_png(overview(cases)))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "docs" / "example.png")
