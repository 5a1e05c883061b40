"""Draws docs/example.png from a finished quickstart: each judged photo, its heat map, its verdict.

usage: scripts/run readme-picture [RUN] [PICTURE]
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from falseflaw.imaging import codec

WIDTH = 300  # of a photo, pixels
CAPTION = 62
TITLES = {"authentic": "intact", "simulated_damage": "damaged", "inpainted": "damage inpainted by AI"}


def overlay(photo: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Lays the heat map over a dimmed gray photo: orange to white where it is sure."""
    gray = photo.mean(axis=2, keepdims=True) * 0.45
    level = heat[..., None].astype(np.float64) / 255
    glow = np.array([255, 150, 40]) * (1 - level) + np.array([255, 245, 220]) * level
    return np.clip(gray * (1 - level) + glow * level, 0, 255).astype(np.uint8)


def main(run: Path, picture: Path) -> None:
    """Reads samples, heat maps and predictions of the run and writes the picture."""
    with (run / "verdicts" / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = {Path(row["file"]).stem: row for row in csv.DictReader(file)}
    panels = []
    for stem, title in TITLES.items():
        row = rows[stem]
        photo = codec.decode(run / "samples" / row["file"])
        heat = codec.decode(run / "verdicts" / "heatmaps" / f"{row['file']}.png")[..., 0]
        height = round(WIDTH * photo.shape[0] / photo.shape[1])
        panel = Image.new("RGB", (2 * WIDTH + 6, height + CAPTION), "white")
        for index, pixels in enumerate((photo, overlay(photo, heat))):
            panel.paste(Image.fromarray(pixels).resize((WIDTH, height)), (index * (WIDTH + 6), 0))
        draw = ImageDraw.Draw(panel)
        draw.text((2, height + 6), title, fill="#555", font=ImageFont.load_default(17))
        verdict = f"{row['verdict']} (p = {float(row['probability']):.2f})"
        color = "#b03010" if row["verdict"] == "altered" else "#1a1a1a"
        draw.text((2, height + 30), verdict, fill=color, font=ImageFont.load_default(21))
        panels.append(panel)
    gap = 24
    sheet = Image.new("RGB", (sum(p.width + gap for p in panels) - gap, panels[0].height), "white")
    left = 0
    for panel in panels:
        sheet.paste(panel, (left, 0))
        left += panel.width + gap
    codec.write_atomic(picture, codec.encode_png(np.asarray(sheet.quantize(200).convert("RGB"))))


if __name__ == "__main__":
    arguments = [Path(argument) for argument in sys.argv[1:]]
    main(*(arguments + [Path("runs/quickstart-studio"), Path("docs/example.png")][len(arguments) :]))
