"""Weights that others published: pinned, fetched on demand, checked whenever they are read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from falseflaw.errors import InvalidDataError
from falseflaw.paths import find_existing
from falseflaw.photos.sets.indexed import IndexEntry, PublicSet

WEIGHTS_VARIABLE = "FALSEFLAW_WEIGHTS"
"""Environment variable: a folder that holds such weights already, below their name or as they are."""

DEFAULT_FOLDER = "data/weights"
"""Where `falseflaw download weights=...` puts them and where they are looked for."""


@dataclass(frozen=True)
class PublicWeights(PublicSet):
    """Where published weights come from; downloaded as a public set of photos is.

    Attributes:
        files: Path, sha256 and size of each.
        license_id: SPDX identifier.
    """

    files: tuple[IndexEntry, ...]
    license_id: str

    def entries(self) -> tuple[IndexEntry, ...]:
        """Returns the pinned files."""
        return self.files

    @property
    def license_name(self) -> str:
        """SPDX identifier."""
        return self.license_id

    def license_text(self) -> bytes:
        """Returns the license that the files are under."""
        return (resources.files(__package__) / f"{self.name}.LICENSE").read_bytes()

    @property
    def digest(self) -> str:
        """The sha256 over the names and digests of the files."""
        return hashlib.sha256("\n".join(f"{e.path} {e.sha256}" for e in self.files).encode()).hexdigest()

    def read(self, folder: str | Path | None = None) -> Mapping[str, bytes]:
        """Returns the content of every file by its path, checked against the pins.

        Args:
            folder: Where they lie; by default `$FALSEFLAW_WEIGHTS`, else `data/weights/<name>`.

        Raises:
            MissingDataError: One is not there.
            InvalidDataError: One is not the pinned one, or cannot be read.
        """
        place = self._folder() if folder is None else Path(folder)
        return {entry.path: self._read(place / entry.path, entry) for entry in self.files}

    def _folder(self) -> Path:
        given = os.environ.get(WEIGHTS_VARIABLE)
        own = Path(given or DEFAULT_FOLDER) / self.name
        return Path(given) if given and not own.is_dir() else own

    def _read(self, path: Path, entry: IndexEntry) -> bytes:
        command = f"`falseflaw download weights={self.name}`"
        hint = f"run {command} or set {WEIGHTS_VARIABLE} to a folder that has them"
        found = find_existing(path, f"the weights of {self.name}", hint)
        try:
            data = found.read_bytes()
        except OSError as error:
            raise InvalidDataError(f"cannot read the weights of {self.name} at {found}: {error}") from error
        got = hashlib.sha256(data).hexdigest()
        if got != entry.sha256:
            raise InvalidDataError(
                f"expected sha256 {entry.sha256[:12]}… ({entry.bytes} bytes) of {found}, got {got[:12]}… "
                f"({len(data)} bytes); remove the file and run {command}"
            )
        return data


def _file(path: str, sha256: str, size: int) -> IndexEntry:
    return IndexEntry(path, sha256, size, contributor="", product="")


TAEF2 = PublicWeights(
    name="taef2",
    repository="madebyollin/taesd",
    commit="5cccb12dc72074a4be35680c3b108548a7c69978",
    prefix="",
    files=(
        _file(
            "taef2_encoder.pth", "10a4e1021e89d7551eaf161352da8dbd0b1aa83872ae28b150c1df1ce2f147b6", 2704692
        ),
        _file(
            "taef2_decoder.pth", "0a44a31e1ae59eb9dbf9359d24942fd3ef5928162c1800d97a28c61d51be0ab5", 2704756
        ),
    ),
    license_id="MIT",
)
"""The tiny autoencoder for latents of FLUX.2."""

PUBLIC_WEIGHTS: Mapping[str, PublicWeights] = {weights.name: weights for weights in (TAEF2,)}
"""By name, as `falseflaw download weights=NAME` takes it."""
