"""What every generator's training has in common: recipes, their stages, windows to learn from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from falseflaw.errors import ConfigurationError
from falseflaw.photos.source import Photo
from falseflaw.seeding import unit_interval
from falseflaw.training.generators.windows import Windows

if TYPE_CHECKING:
    from falseflaw.training.generators.stages import Stages

_MAY_CHANGE = frozenset({"max_steps", "max_time", "compile", "sheet_seconds", "sampling_steps", "guidance"})
"""Values that may differ from those of the checkpoints that are resumed: how long to train, what to show."""


@dataclass(frozen=True, kw_only=True)
class TrainingRecipe(ABC):
    """What the recipes of all generators say, and what they can do.

    Attributes:
        windows: Training windows to paint.
        validation_windows: Windows of held-out contributors.
        window: Side of a window in pixels; crops move inside it.
        held_out: Share of the fold's contributors kept for validation.
    """

    last_stage: ClassVar[str] = "denoiser"
    """Name of the attribute with the stage that may be made longer or shorter without becoming another."""

    windows: int
    validation_windows: int
    window: int
    held_out: float

    def check_windows(self, crop: int) -> None:
        """Checks the values above; `crop` is the side of the largest crop.

        Raises:
            ConfigurationError: Crops do not fit the windows, or there are no windows.
        """
        if self.window < crop:
            raise ConfigurationError(
                f"expected a window at least as large as the crops of {crop} pixels, got {self.window}"
            )
        if self.windows < 1 or self.validation_windows < 1 or not 0 < self.held_out < 1:
            raise ConfigurationError(
                "expected windows and validation_windows >= 1 and held_out in (0, 1), "
                f"got {self.windows}, {self.validation_windows} and {self.held_out}"
            )

    def identity(self) -> dict[str, Any]:
        """Returns the values, of plain types, that a resumed training must share with the one before."""
        values = asdict(self)
        last = values[self.last_stage]
        values[self.last_stage] = {name: value for name, value in last.items() if name not in _MAY_CHANGE}
        return {name: value for name, value in values.items() if name not in _MAY_CHANGE}

    @abstractmethod
    def train(self, windows: TrainingWindows, stages: Stages) -> Path:
        """Trains, or goes on with what the stages' folder holds, and returns the folder of the weights."""


@dataclass(frozen=True, kw_only=True)
class GeneratorRecipe(TrainingRecipe):
    """What the recipes of generators say beyond that.

    Attributes:
        sheet_seconds: Seconds between sample sheets, which are written at validations.
        sampling_steps: Denoising steps of the sample sheets, recommended in the model card.
        guidance: Guidance of the sample sheets, recommended in the model card.
    """

    sheet_seconds: float
    sampling_steps: int
    guidance: float


@dataclass(frozen=True)
class TrainingWindows:
    """Windows to learn from, and what must be recorded about them.

    Attributes:
        learning: Windows to learn from.
        validation: Windows of other contributors.
        fingerprint: Names recipe, photos and settings; checkpoints of another one are refused.
        seed: Of everything.
        facts: Photo set, split, contributors, settings, revision and versions, of plain types.
    """

    learning: Windows
    validation: Windows
    fingerprint: str
    seed: int
    facts: Mapping[str, Any]


def hold_out(photos: Sequence[Photo], share: float, seed: int) -> tuple[list[Photo], list[Photo]]:
    """Splits photos by contributor into those to learn from and those for validation.

    At least one contributor is held out; who it is depends on names and seed alone.
    """
    contributors = sorted({photo.contributor for photo in photos}, key=lambda name: unit_interval(seed, name))
    count = max(1, round(share * len(contributors)))
    kept = set(contributors[:count])
    return (
        [photo for photo in photos if photo.contributor not in kept],
        [photo for photo in photos if photo.contributor in kept],
    )
