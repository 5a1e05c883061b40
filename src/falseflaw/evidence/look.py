"""From a photo's bytes and what the network says of it to evidence, and on to files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from falseflaw.evidence import pictures
from falseflaw.evidence.catalog import Catalog
from falseflaw.evidence.evidence import Evidence, ModelIdentity, identify
from falseflaw.evidence.finding import find, marked_pixels
from falseflaw.evidence.page import page
from falseflaw.evidence.rates import Rates, rates_of
from falseflaw.metadata import Fact, read_facts
from falseflaw.runtime.bundle import BundleInfo
from falseflaw.types import Image, Prediction


@dataclass(frozen=True)
class Look:
    """A photo that was looked at.

    Attributes:
        evidence: What is known of it.
        photo: As shown, JPEG.
        overlay: With what is marked, JPEG.
    """

    evidence: Evidence
    photo: bytes
    overlay: bytes

    def html(self, texts: Catalog, name: str) -> str:
        """Returns the report in a language, under the name of the file."""
        return page(self.evidence, texts, name, self.photo, self.overlay)


@dataclass(frozen=True)
class Examiner:
    """Makes evidence of what one bundle says.

    Attributes:
        model: The bundle and this code.
        rates: What is known of its errors.
        read_facts: Reads what a file says about itself.
    """

    model: ModelIdentity
    rates: Rates
    read_facts: Callable[[bytes], Sequence[Fact]] = read_facts

    @classmethod
    def of(cls, folder: Path, info: BundleInfo) -> Examiner:
        """Returns that of an opened bundle.

        Raises:
            MissingDataError, InvalidDataError: The bundle cannot be read, or does not say what it should.
        """
        return cls(ModelIdentity.of(folder, info), rates_of(info))

    def evidence(self, data: bytes, prediction: Prediction, tiles: int) -> Evidence:
        """Returns what is known of a photo.

        Args:
            data: The file.
            prediction: Of the photo, once upright.
            tiles: In how many tiles it was judged.
        """
        height, width = prediction.heat_map.shape
        point = self.model.operating_point
        found = find(prediction, point, tiles)
        facts = tuple(self.read_facts(data))
        return Evidence(identify(data, width, height), self.model, found, self.rates, facts)

    def look(self, data: bytes, image: Image, prediction: Prediction, tiles: int) -> Look:
        """Returns the same with its pictures; `image` is the decoded photo, uint8 (H, W, 3)."""
        marked = marked_pixels(prediction.heat_map, self.model.operating_point)
        return Look(
            self.evidence(data, prediction, tiles),
            pictures.jpeg(pictures.shown(image)),
            pictures.jpeg(pictures.overlay(image, prediction.heat_map, marked)),
        )
