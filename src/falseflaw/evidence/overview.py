"""Several judged photos in one picture: each beside its heat, with its verdict and the evidence in a line."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont

from falseflaw.evidence.pictures import ACCENT, overlay
from falseflaw.evidence.style import color
from falseflaw.types import HeatMap, Image, Verdict

_INK, _SOFT, _PAPER = color("ink"), color("soft"), color("page")
_LARGE, _SMALL = 300, 168  # width of a photo of the first case, and of the others, pixels
_GAP, _BETWEEN, _MARGIN = 8, 36, 4


@dataclass(frozen=True, eq=False)
class Case:
    """A judged photo.

    Attributes:
        title: What the photo is, in a few words; known here, not to the detector.
        photo: uint8 (H, W, 3).
        heat_map: uint8 (H, W).
        mask_threshold: Heat at and above which a pixel is marked.
        verdict: Of the detector.
        evidence: Its reason, a sentence.
    """

    title: str
    photo: Image
    heat_map: HeatMap
    mask_threshold: int
    verdict: str
    evidence: str


def overview(cases: Sequence[Case]) -> Image:
    """Returns a picture of at least one case, the first one large and the others in a column beside it.

    Returns:
        uint8 (h, w, 3).
    """
    first = _large(cases[0])
    others = [_small(case) for case in cases[1:]]
    width = first.width + (_BETWEEN + max(panel.width for panel in others) if others else 0)
    column = sum(panel.height for panel in others) + _BETWEEN * max(0, len(others) - 1)
    sheet = Pil.new("RGB", (width + 2 * _MARGIN, max(first.height, column) + 2 * _MARGIN), _PAPER)
    sheet.paste(first, (_MARGIN, _MARGIN))
    top = _MARGIN
    for panel in others:
        sheet.paste(panel, (_MARGIN + first.width + _BETWEEN, top))
        top += panel.height + _BETWEEN
    return np.asarray(sheet, dtype=np.uint8)


def _large(case: Case) -> Pil.Image:
    """Photo and heat side by side, the words below."""
    pair = _pair(case, _LARGE)
    words = _words(case, pair.width, 19, 30, 18)
    panel = Pil.new("RGB", (pair.width, pair.height + 14 + words.height), _PAPER)
    panel.paste(pair, (0, 0))
    panel.paste(words, (0, pair.height + 14))
    return panel


def _small(case: Case) -> Pil.Image:
    """Photo and heat side by side, the words to their right."""
    pair = _pair(case, _SMALL)
    words = _words(case, 290, 17, 21, 16)
    panel = Pil.new("RGB", (pair.width + 18 + words.width, max(pair.height, words.height)), _PAPER)
    panel.paste(pair, (0, 0))
    panel.paste(words, (pair.width + 18, 0))
    return panel


def _pair(case: Case, width: int) -> Pil.Image:
    """The photo and the photo with its heat."""
    height = round(width * case.photo.shape[0] / case.photo.shape[1])
    marked = case.heat_map >= case.mask_threshold
    heat = overlay(case.photo, case.heat_map, marked)
    pair = Pil.new("RGB", (2 * width + _GAP, height), _PAPER)
    for place, pixels in enumerate((case.photo, heat)):
        shown = Pil.fromarray(np.ascontiguousarray(pixels)).resize((width, height), Pil.Resampling.LANCZOS)
        pair.paste(shown, (place * (width + _GAP), 0))
    return pair


def _words(case: Case, width: int, title: int, verdict: int, evidence: int) -> Pil.Image:
    """Title, verdict and evidence below each other, each in so many pixels."""
    color = ACCENT if case.verdict == Verdict.ALTERED else _INK
    lines = [
        *_wrapped(case.title, _SOFT, title, width),
        *_wrapped(case.verdict[:1].upper() + case.verdict[1:], color, verdict, width),
        *_wrapped(case.evidence[:1].upper() + case.evidence[1:] + ".", _SOFT, evidence, width),
    ]
    picture = Pil.new("RGB", (width, sum(round(1.35 * size) for _, _, size in lines) + 4), _PAPER)
    draw, top = ImageDraw.Draw(picture), 0
    for text, ink, size in lines:
        draw.text((0, top), text, fill=ink, font=ImageFont.load_default(size))
        top += round(1.35 * size)
    return picture


def _wrapped(
    text: str, ink: tuple[int, int, int], size: int, width: int
) -> list[tuple[str, tuple[int, int, int], int]]:
    """Returns the lines of a text that fit the width."""
    font = ImageFont.load_default(size)
    most = len(text) or 1
    lines = [text]
    while most > 8 and any(font.getlength(line) > width for line in lines):
        most -= 1
        lines = textwrap.wrap(text, most)
    return [(line, ink, size) for line in lines]
