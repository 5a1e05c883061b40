"""The contact sheet of an inpainter: photos with simulated damage and with nine prompts, at full scale."""

from __future__ import annotations

from collections.abc import Sequence

from falseflaw.audit.flaws import KINDS, Flaws
from falseflaw.imaging.contact_sheet import contact_sheet
from falseflaw.studies.inpainter.flaws import simulated
from falseflaw.studies.inpainter.prompts import Prompted
from falseflaw.synthesis.prepare import PreparedSet
from falseflaw.types import Image


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
    return contact_sheet(
        [[flaws.images[line] for _, flaws in columns] for line in range(len(prompted.intact))],
        [title for title, _ in columns],
        [f"{entry.plan.source_id}, simulated: {entry.plan.kind}" for entry in shown],
    )
