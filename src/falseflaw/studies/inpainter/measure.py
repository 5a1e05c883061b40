"""Everything that is measured of an inpainter, on photos that neither it nor its judge has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from falseflaw.audit.content import content_probe
from falseflaw.audit.flaws import Flaws
from falseflaw.errors import ConfigurationError
from falseflaw.inpainting.inpainter import Inpainter
from falseflaw.statistics.bootstrap import Bootstrap, Estimate
from falseflaw.statistics.metrics import mean
from falseflaw.studies.inpainter.flaws import inpainted, simulated
from falseflaw.studies.inpainter.kinds import accuracy, by_kind, name_kinds, train_kinds
from falseflaw.studies.inpainter.prompts import Prompted, compare_prompts, vary_prompts
from falseflaw.studies.inpainter.sampling import sample_crops
from falseflaw.studies.inpainter.texture import texture_ratios
from falseflaw.synthesis.prepare import PreparedSet
from falseflaw.types import Image


@dataclass(frozen=True)
class MeasureSettings:
    """How much is measured.

    Attributes:
        epochs: Passes of the kind classifier over its painted flaws.
        prompt_photos: Photos that get nine prompts and several seeds.
        seeds: Seeds of one prompt there, at least 2.
        batch_size: Crops sampled together.
        seed: Of the classifier.
        accelerator: Where the classifier learns: `cpu`, `gpu` or `auto`.
    """

    epochs: int = 30
    prompt_photos: int = 8
    seeds: int = 4
    batch_size: int = 8
    seed: int = 0
    accelerator: str = "cpu"

    def __post_init__(self) -> None:
        if min(self.epochs, self.prompt_photos, self.batch_size) < 1 or self.seeds < 2:
            raise ConfigurationError(
                "expected epochs, prompt_photos and batch_size of at least 1 and 2 seeds, "
                f"got {self.epochs}, {self.prompt_photos}, {self.batch_size} and {self.seeds}"
            )


@dataclass(frozen=True, eq=False)
class Measurement:
    """What was measured.

    Attributes:
        figures: Name to figure, all with intervals by source; see `measure`.
        seen: For each kind asked of the inpainter, the shares of the kinds seen.
        seen_painted: The same of painted flaws.
        shown: The sets of `prompted`.
        prompted: Windows for the contact sheet.
    """

    figures: dict[str, Estimate]
    seen: dict[str, dict[str, float]]
    seen_painted: dict[str, dict[str, float]]
    shown: Sequence[PreparedSet]
    prompted: Prompted

    def to_json(self) -> dict[str, Any]:
        """Returns figures and table as plain types."""
        figures = {name: asdict(estimate) for name, estimate in self.figures.items()}
        return {"figures": figures, "kinds_seen": self.seen, "kinds_seen_painted": self.seen_painted}


def measure(
    inpainter: Inpainter,
    teaching: Flaws,
    tested: Sequence[PreparedSet],
    settings: MeasureSettings,
    progress: bool = True,
) -> Measurement:
    """Measures an inpainter.

    Args:
        inpainter: Writes the flaws.
        teaching: Painted flaws of the train fold, which teach the kind classifier.
        tested: Sets of the test fold; each gets the flaw that its plan asks for.
        settings: How much.
        progress: Whether to show bars.

    Returns:
        Figures `kind_accuracy_painted` (the upper bound), `kind_accuracy_inpainted`, `content_auroc`,
        `context_psnr` (of the crop outside the region, through the pipeline, dB), those of
        `texture_ratios` and those of `compare_prompts`.
    """
    with tqdm(total=len(tested), desc="inpainting", unit="crop", disable=not progress) as bar:
        crops = sample_crops(
            inpainter,
            tested,
            [entry.plan.prompt for entry in tested],
            [entry.plan.sampling_seed for entry in tested],
            settings.batch_size,
            bar,
        )
    painted, fakes = simulated(tested), inpainted(tested, crops)
    classifier = train_kinds(teaching, settings.epochs, settings.seed, progress, settings.accelerator)
    named, named_painted = name_kinds(classifier, fakes), name_kinds(classifier, painted)
    shown, prompted = prompt_photos(inpainter, tested, settings, progress)
    figures = {
        "kind_accuracy_painted": accuracy(named_painted, painted),
        "kind_accuracy_inpainted": accuracy(named, fakes),
        "content_auroc": content_probe(fakes, painted),
        "context_psnr": _context(tested, crops),
        **texture_ratios(fakes, painted),
        **compare_prompts(prompted),
    }
    seen, seen_painted = by_kind(named, fakes), by_kind(named_painted, painted)
    return Measurement(figures, seen, seen_painted, shown, prompted)


def prompt_photos(
    inpainter: Inpainter, sets: Sequence[PreparedSet], settings: MeasureSettings, progress: bool = True
) -> tuple[list[PreparedSet], Prompted]:
    """Has some photos inpainted with nine prompts and several seeds; returns their sets and windows."""
    shown = _one_of_each_kind(sets)[: settings.prompt_photos]
    return shown, vary_prompts(inpainter, shown, settings.seeds, settings.batch_size, progress)


def _one_of_each_kind(sets: Sequence[PreparedSet]) -> list[PreparedSet]:
    """Orders sets so that kinds take turns."""
    turns: dict[str, int] = {}
    ranked = []
    for index, entry in enumerate(sets):
        turn = turns[entry.plan.kind] = turns.get(entry.plan.kind, -1) + 1
        ranked.append((turn, index))
    return [sets[index] for _, index in sorted(ranked)]


def _context(sets: Sequence[PreparedSet], crops: Sequence[Image]) -> Estimate:
    """Mean PSNR of what lies around the region, dB; a perfect copy counts as 99."""
    values = []
    for entry, crop in zip(sets, crops, strict=True):
        error = (crop.astype(np.float64) - entry.crop)[~entry.crop_region]
        power = float((error**2).mean()) if error.size else 0.0
        values.append(min(99.0, 10 * np.log10(255**2 / power)) if power else 99.0)
    column = np.array(values)
    sources = np.array([entry.plan.source_id for entry in sets])
    return Bootstrap(sources).estimate({"psnr": lambda weights: mean(column, weights)})["psnr"]
