"""The files of a dataset by their paths, wherever their bytes lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from falseflaw.imaging.codec import read_file


class DatasetFiles(Protocol):
    """What reads the images, masks and layers that a manifest or a list of layers names."""

    def read(self, path: str) -> bytes:
        """Returns the bytes of a file.

        Args:
            path: Relative to the dataset folder, as the manifest has it.

        Raises:
            UnreadableImageError: It is missing, or cannot be read.
            InvalidDataError: What holds it is broken.
        """


@dataclass(frozen=True)
class FolderFiles:
    """Files that lie in the dataset folder one by one.

    Attributes:
        folder: The dataset folder.
    """

    folder: Path

    def read(self, path: str) -> bytes:
        """Returns the bytes of a file, see `DatasetFiles.read`."""
        return read_file(self.folder / path)
