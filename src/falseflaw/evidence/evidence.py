"""All that is known of one photo after a look at it, and the JSON document that holds it.

Pure function of the photo's bytes, the bundle and the code: the same bytes every time, whatever the file is
called and whenever it is looked at.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from falseflaw import __version__
from falseflaw.evidence.finding import Finding
from falseflaw.evidence.rates import Rates
from falseflaw.imaging.formats import HEAD_BYTES, sniff
from falseflaw.metadata import Fact
from falseflaw.provenance import file_sha256, git_revision
from falseflaw.runtime.bundle import MODEL_NAME, BundleInfo, bundle_digest
from falseflaw.types import OperatingPoint

FORMAT = 1
"""Of the JSON; raised when a field changes its meaning."""

CHECKED = ("pixels", "metadata")
"""What is looked at; each has its sentences in the catalogs."""

NOT_CHECKED = ("people", "damage", "hand_edits", "whole_images", "same_product")
"""What is not looked at, although a reader may believe so."""


@dataclass(frozen=True)
class PhotoIdentity:
    """Which photo was looked at.

    Attributes:
        sha256: Of the file.
        size: Of the file, bytes.
        format: Pillow's name, such as `JPEG`.
        width: Once upright, pixels.
        height: Once upright, pixels.
    """

    sha256: str
    size: int
    format: str
    width: int
    height: int


@dataclass(frozen=True)
class ModelIdentity:
    """Which model and code looked at it.

    Attributes:
        name: Of the model.
        sha256: Of the network's file.
        bundle: Digest of network and `bundle.json`, as in `predictions.jsonl`.
        git_revision: Of the code that exported the bundle.
        falseflaw: Version of that code.
        operating_point: Calibration and thresholds.
        code_revision: Of the code that judged.
        code_version: Of that code.
    """

    name: str
    sha256: str
    bundle: str
    git_revision: str
    falseflaw: str
    operating_point: OperatingPoint
    code_revision: str
    code_version: str

    @classmethod
    def of(cls, folder: Path, info: BundleInfo) -> ModelIdentity:
        """Returns that of an opened bundle, and of this code.

        Raises:
            MissingDataError, InvalidDataError: The sums are missing or cannot be read.
        """
        return cls(
            name=info.name,
            sha256=file_sha256(folder / MODEL_NAME),
            bundle=bundle_digest(folder),
            git_revision=info.git_revision,
            falseflaw=info.falseflaw,
            operating_point=info.operating_point,
            code_revision=git_revision(),
            code_version=__version__,
        )


@dataclass(frozen=True)
class Evidence:
    """All that is known of one photo.

    Attributes:
        photo: Which photo.
        model: Which model and code.
        finding: What the pixels show.
        rates: How often such an answer is wrong.
        facts: What the metadata say.
    """

    photo: PhotoIdentity
    model: ModelIdentity
    finding: Finding
    rates: Rates
    facts: Sequence[Fact]

    def to_json(self) -> str:
        """Returns the document: keys sorted, no time in it."""
        return json.dumps(self._document(), indent=2, sort_keys=True, allow_nan=False) + "\n"

    @property
    def sha256(self) -> str:
        """Of the document's bytes."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def _document(self) -> dict[str, Any]:
        model = asdict(self.model)
        code = {"falseflaw": model.pop("code_version"), "git_revision": model.pop("code_revision")}
        return {
            "format": FORMAT,
            "photo": asdict(self.photo),
            "model": model,
            "code": code,
            "finding": asdict(self.finding),
            "rates": asdict(self.rates),
            "metadata": [
                {
                    "code": fact.code,
                    "source": fact.source,
                    "values": dict(fact.values),
                    "weight": fact.weight,
                }
                for fact in self.facts
            ],
            "checked": list(CHECKED),
            "not_checked": list(NOT_CHECKED),
        }


def identify(data: bytes, width: int, height: int) -> PhotoIdentity:
    """Returns which photo the bytes of a file are; `width` and `height` once upright."""
    return PhotoIdentity(
        hashlib.sha256(data).hexdigest(), len(data), sniff(data[:HEAD_BYTES]).plugin, width, height
    )
