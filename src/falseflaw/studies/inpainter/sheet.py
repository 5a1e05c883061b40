"""The contact sheet of an inpainter: photos with simulated damage and with nine prompts, at full scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont

from falseflaw.audit.flaws import KINDS, Flaws
from falseflaw.studies.inpainter.flaws import simulated
from falseflaw.studies.inpainter.prompts import Prompted
from falseflaw.synthesis.prepare import PreparedSet
from falseflaw.types import Image

_GAP = 4
_BAR = 16


def prompt_sheet(shown: Sequence[PreparedSet], prompted: Prompted) -> Image:
    """Returns a picture with one photo a line: intact, simulated damage, nine prompts, clean.

    Args:
        shown: The sets of `prompted`.
        prompted: Their windows.
    """
    columns: list[tuple[str, Flaws]] = [
        ("intact", prompted.intact),
        ("simulated", simulated(shown)),
        *((str(kind), flaws) for kind, flaws in zip(KINDS, prompted.by_prompt, strict=True)),
        ("clean", prompted.clean),
    ]
    side = prompted.intact.images.shape[1]
    lines = len(prompted.intact)
    width, height = len(columns) * (side + _GAP) + _GAP, _BAR + lines * (side + _BAR)
    sheet = Pil.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for at, (title, flaws) in enumerate(columns):
        left = _GAP + at * (side + _GAP)
        draw.text((left, 2), title, fill="black", font=font)
        for line in range(lines):
            sheet.paste(Pil.fromarray(flaws.images[line]), (left, _BAR + line * (side + _BAR)))
    for line, entry in enumerate(shown):
        text = f"{entry.plan.source_id}, simulated: {entry.plan.kind}"
        draw.text((_GAP, _BAR + line * (side + _BAR) + side + 1), text, fill="black", font=font)
    return np.asarray(sheet, dtype=np.uint8)
