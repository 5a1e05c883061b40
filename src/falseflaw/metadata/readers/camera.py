"""What cameras write about a shot."""

from __future__ import annotations

from collections.abc import Iterator

from falseflaw.metadata.facts import Fact, make_fact
from falseflaw.metadata.opened import Opened
from falseflaw.metadata.parts import exif as tags
from falseflaw.metadata.parts.exif import CAMERA, PLACE, SHOWN


def read_camera(photo: Opened) -> Iterator[Fact]:
    """Tells make, model, dates and exposure: fields that cameras write.

    Never proof of innocence: editors keep them while the pixels change, and anyone can copy them from another
    photo or make them up. Most messengers and sites remove them, so that their absence says nothing either.
    The place is told as present, never where it is.
    """
    exif = photo.exif
    make, model = (_name(exif.text(SHOWN, tag)) for tag in (tags.MAKE, tags.MODEL))
    exposure = exif.rational(CAMERA, tags.EXPOSURE)
    aperture = exif.rational(CAMERA, tags.APERTURE)
    focal_length = exif.rational(CAMERA, tags.FOCAL_LENGTH)
    sensitivity = exif.integer(CAMERA, tags.SENSITIVITY)
    taken = exif.text(CAMERA, tags.TAKEN)
    if not (make or model or taken or exposure):
        return
    yield make_fact(
        "camera",
        "exif",
        "camera",
        {
            "make": make,
            "model": model,
            "lens": exif.text(CAMERA, tags.LENS),
            "taken": taken,
            "changed": exif.text(SHOWN, tags.CHANGED),
            "exposure_s": _seconds(exposure) if exposure else "",
            "aperture": f"f/{aperture[0] / aperture[1]:.1f}" if aperture else "",
            "iso": sensitivity or "",
            "focal_length_mm": f"{focal_length[0] / focal_length[1]:.1f}" if focal_length else "",
            "place": "present" if exif.directories.get(PLACE) else "",
        },
    )


def _name(text: str) -> str:
    return "" if text.startswith(("prompt:", "workflow:")) else text  # ComfyUI writes its own there


def _seconds(exposure: tuple[int, int]) -> str:
    above, below = exposure
    if 0 < above < below:
        return f"1/{below / above:.0f}"
    return f"{above / below:.1f}"
