"""Which files are looked at: uploaded ones alone, of an allowed size, photos by their content."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from falseflaw.errors import ConfigurationError, FalseFlawError
from falseflaw.imaging.formats import HEAD_BYTES, sniff


class UploadRefusedError(FalseFlawError):
    """An upload that is not looked at.

    Attributes:
        code: Key of the text that says so, after `chat.refused.`.
    """

    def __init__(self, code: str) -> None:
        super().__init__(f"upload refused: {code}")
        self.code = code


@dataclass(frozen=True)
class Limits:
    """What one session may bring.

    Attributes:
        megabytes: Largest file, 1 to 1000.
        photos_at_once: Most photos of one message, 1 and more.
        most_photos: Of one session, 1 and more.
    """

    megabytes: int = 30
    photos_at_once: int = 10
    most_photos: int = 50

    def __post_init__(self) -> None:
        for name, most in (("megabytes", 1000), ("photos_at_once", 1000), ("most_photos", 1000)):
            value = getattr(self, name)
            if not (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most):
                raise ConfigurationError(f"expected {name} of 1 to {most}, got {value!r}")


def read_upload(path: str, root: Path, limits: Limits) -> bytes:
    """Returns the bytes of an uploaded photo.

    Args:
        path: As the page names it; never trusted.
        root: Folder of uploads.
        limits: Of the session.

    Raises:
        UploadRefusedError: It lies elsewhere, is no plain file, is too large, or no photo by its content.
    """
    file = Path(path)
    try:
        # Resolved: neither `..` nor a link leads out.
        inside = "\0" not in path and file.resolve(strict=True).is_relative_to(root.resolve(strict=True))
        if not inside or not file.is_file():
            raise UploadRefusedError("elsewhere")
        handle = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except (OSError, RuntimeError, ValueError) as error:
        raise UploadRefusedError("elsewhere") from error
    with os.fdopen(handle, "rb") as stream:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise UploadRefusedError("elsewhere")
        if status.st_size > limits.megabytes * 1_000_000:
            raise UploadRefusedError("too_large")
        data = stream.read()
    if not sniff(data[:HEAD_BYTES]).photo:
        raise UploadRefusedError("no_photo")
    return data
