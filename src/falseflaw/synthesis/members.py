"""The members of a matched set in pixels, before the upload save.

But for the regenerated photo and the round trips, altered members differ from the photo that they were
made of only inside the region.
"""

from __future__ import annotations

from dataclasses import dataclass

from falseflaw.errors import InvalidDataError
from falseflaw.imaging.crop import feather
from falseflaw.seeding import derive_rng
from falseflaw.synthesis.hand_edits import borrow, clone, paste
from falseflaw.synthesis.prepare import PreparedSet
from falseflaw.types import Edit, Image

_FEATHER = (2.0, 10.0)
"""Widths of a soft seam, pixels."""


@dataclass(frozen=True, eq=False)
class NetworkOutputs:
    """What networks made of a set, each uint8 (H, W, 3).

    Attributes:
        spliced: The inpainter's flaw in the authentic photo.
        regenerated: The whole photo as it left the inpainter with that flaw in it.
        refilled: The inpainter's clean material in the authentic photo.
        autoencoded: The damaged photo with its region as it left an autoencoder.
        round_trip_authentic: The whole authentic photo as it left that autoencoder.
        round_trip_damaged: The whole damaged photo as it left it.
    """

    spliced: Image
    regenerated: Image
    refilled: Image
    autoencoded: Image
    round_trip_authentic: Image
    round_trip_damaged: Image


def assemble(prepared: PreparedSet, outputs: NetworkOutputs) -> dict[Edit, Image]:
    """Returns the members before the upload save, each uint8 (H, W, 3).

    Args:
        prepared: The set.
        outputs: What networks made of it.

    Raises:
        InvalidDataError: A network returned another size.
    """
    authentic, damaged, region = prepared.authentic, prepared.damaged, prepared.region
    for name, image in vars(outputs).items():
        if image.shape != authentic.shape:
            raise InvalidDataError(
                f"expected a photo of {authentic.shape[:2]} as {name}, got {image.shape[:2]}"
            )
    hand = derive_rng("hand", prepared.plan.seed)
    borrowed = borrow(damaged, region, hand)
    width = float(derive_rng("feather", prepared.plan.seed).uniform(*_FEATHER))
    return {
        Edit.AUTHENTIC: authentic,
        Edit.NULL_EDIT: prepared.write(authentic, prepared.crop),
        Edit.SIMULATED_DAMAGE: damaged,
        Edit.LOCAL_EDIT: prepared.local_edit[0],
        Edit.SPLICED: outputs.spliced,
        Edit.FEATHERED: feather(authentic, outputs.spliced, region, width),
        Edit.REGENERATED: outputs.regenerated,
        Edit.REFILLED: outputs.refilled,
        Edit.AUTOENCODED: outputs.autoencoded,
        Edit.HAND_CLONED: clone(authentic, borrowed, region),
        Edit.HAND_PASTED: paste(authentic, borrowed, region, hand),
        Edit.ROUND_TRIP_AUTHENTIC: outputs.round_trip_authentic,
        Edit.ROUND_TRIP_DAMAGED: outputs.round_trip_damaged,
    }
