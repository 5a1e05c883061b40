"""The networks that can be trained and loaded, by the names that configurations and checkpoints give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from falseflaw.errors import ConfigurationError
from falseflaw.models.detector import Detector
from falseflaw.models.whole_image import WholeImageClassifier

AnyDetector = Detector | WholeImageClassifier
"""Takes photos and their valid pixels, returns image logits (B,) and mask logits (B, 1, H, W)."""

ARCHITECTURES: dict[str, type[Detector] | type[WholeImageClassifier]] = {
    "segmentation": Detector,
    "whole_image": WholeImageClassifier,
}
"""Named, not imported by what a file says: a checkpoint never chooses what code runs."""


def build_detector(arguments: Mapping[str, Any]) -> AnyDetector:
    """Builds a network.

    Args:
        arguments: Of its constructor, and `architecture`, one of `ARCHITECTURES`; without it `segmentation`.

    Raises:
        ConfigurationError: There is no such architecture, or a value is out of range.
        TypeError: An argument is unknown.
    """
    given = dict(arguments)
    name = given.pop("architecture", "segmentation")
    if name not in ARCHITECTURES:
        raise ConfigurationError(f"expected architecture as {' or '.join(ARCHITECTURES)}, got {name!r}")
    return ARCHITECTURES[name](**given)
