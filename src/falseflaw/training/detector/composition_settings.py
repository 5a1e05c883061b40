"""How pairs are composed of layers: shares and ranges."""

from __future__ import annotations

from dataclasses import dataclass

from falseflaw.errors import ConfigurationError, check_shares


@dataclass(frozen=True)
class CompositionSettings:
    """What is drawn for a composed pair; shares are probabilities in [0, 1].

    Attributes:
        inpainted_share: An inpainter's crop is taken, where the source has one; else a rewritten photo.
        refilled_share: Of those, the one with clean material.
        authentic_share: A rewritten authentic photo is taken instead of a rewritten damaged one.
        regenerated_share: Of pairs with a rewritten damaged photo, those whose positive is that whole photo:
            nothing of the original is left.
        flaw_share: A rewritten region follows from the flaw; else it is drawn anew.
        on_flaw_share: A region that is drawn anew lies over the flaw; else anywhere.
        area: Share of the window that a region drawn anew takes, (least, greatest), drawn log-uniformly.
        soft_share: The seam is soft.
        feather: Width of a soft seam, pixels, as (least, greatest).
        partial_share: The layer is laid on with part of its opacity.
        alpha: That part, as (least, greatest).
        grain_share: The written region gets the grain of its surroundings.
        local_edit_share: The negative is edited in the very same region, without a network.
        edited_both_share: Both members are edited in that region, the fake on top of what was written.
        edited_elsewhere_share: Both members are edited elsewhere.
        own_save_share: The upload save has the settings of the source's own, of a camera original or a photo
            that is saved once; the others are drawn as for all.
        quality: JPEG quality of the upload save, as (lowest, highest).
        full_chroma_share: That save keeps full chroma.
        camera_save_share: That save has the settings of the camera's own.
        unsaved_share: There is no upload save: uploads without loss.
        shifted_share: The window is cut off the grid of the camera's JPEG blocks, as by a crop.

    Raises:
        ConfigurationError: A value is out of range.
    """

    inpainted_share: float = 0.5
    refilled_share: float = 0.25
    authentic_share: float = 0.35
    regenerated_share: float = 0.25
    flaw_share: float = 0.45
    on_flaw_share: float = 0.3
    area: tuple[float, float] = (0.003, 0.25)
    soft_share: float = 0.35
    feather: tuple[float, float] = (1.0, 8.0)
    partial_share: float = 0.2
    alpha: tuple[float, float] = (0.3, 1.0)
    grain_share: float = 0.35
    local_edit_share: float = 0.4
    edited_both_share: float = 0.1
    edited_elsewhere_share: float = 0.2
    own_save_share: float = 0.7
    quality: tuple[int, int] = (60, 100)
    full_chroma_share: float = 0.35
    camera_save_share: float = 0.2
    unsaved_share: float = 0.1
    shifted_share: float = 0.25

    def __post_init__(self) -> None:
        for name in ("area", "feather", "alpha", "quality"):  # Hydra passes lists
            object.__setattr__(self, name, tuple(getattr(self, name)))
        check_shares(self, (name for name in vars(self) if name.endswith("_share")), "composition ")
        limits = {"area": (1e-5, 0.5), "feather": (0.5, 64), "alpha": (0.3, 1), "quality": (1, 100)}
        for name, (least, greatest) in limits.items():
            values = getattr(self, name)
            if len(values) != 2 or not least <= values[0] <= values[1] <= greatest:
                raise ConfigurationError(
                    f"expected composition {name} as [lowest, highest] in {least:g} to {greatest:g}, "
                    f"got {list(values)}"
                )
