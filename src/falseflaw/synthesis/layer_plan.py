"""What is drawn for the layers of a source, before a pixel is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from falseflaw.errors import ConfigurationError, check_shares
from falseflaw.seeding import derive_rng

_GRID = 16
"""Windows begin at multiples of this, so that JPEG blocks and latents lie as in the whole photo."""


@dataclass(frozen=True)
class LayerSettings:
    """Which layers are made beside the finished members, of sources of fold train alone.

    Attributes:
        layers: Whether any are made.
        layers_writers: Autoencoders that rewrite each source, drawn of those that are not reserved.
        layers_authentic_share: Probability that one rewrites the authentic photo instead of the damaged one.
        layers_only_sources: Further sources of fold train, beyond those with members, that get layers alone;
            None for all that there are.
        layers_inpainted_share: Share of those for which an inpainter works as well.
        layers_anywhere_share: Share of those whose flaw lies anywhere, for which no product has to be found.
        layers_whole: Longest side, pixels, of photos whose layers are whole; of larger ones there are
            windows, around the flaw and elsewhere.
        layers_window: Side of those windows, pixels; a multiple of 16.

    Raises:
        ConfigurationError: A value is out of range.
    """

    layers: bool = False
    layers_writers: int = 4
    layers_authentic_share: float = 0.35
    layers_only_sources: int | None = 0
    layers_inpainted_share: float = 0.0
    layers_anywhere_share: float = 1.0
    layers_whole: int = 1000
    layers_window: int = 800

    def check_layers(self) -> None:
        """Checks the values; called by the class that has them."""
        if self.layers_writers < 1:
            raise ConfigurationError(f"expected layers_writers >= 1, got {self.layers_writers}")
        check_shares(self, ("layers_authentic_share", "layers_inpainted_share", "layers_anywhere_share"))
        if self.layers_only_sources is not None and self.layers_only_sources < 0:
            raise ConfigurationError(
                f"expected layers_only_sources >= 0 or null, got {self.layers_only_sources}"
            )
        if self.layers_window < _GRID or self.layers_window % _GRID or self.layers_whole < self.layers_window:
            raise ConfigurationError(
                f"expected layers_window as a multiple of {_GRID} and layers_whole no smaller, "
                f"got {self.layers_window} and {self.layers_whole}"
            )


def draw_rewriters(
    source: str, seed: int, settings: LayerSettings, names: Sequence[str], first: str | None
) -> tuple[tuple[str, bool], ...]:
    """Draws the autoencoders that rewrite a source, each with whether it rewrites the authentic photo.

    Args:
        source: Name of the source.
        seed: Of all draws.
        settings: How many.
        names: Autoencoders that are not reserved.
        first: The one of the source's members, which is among them; None where it has no members.
    """
    rng = derive_rng("layers", seed, source)
    order = [names[int(index)] for index in rng.permutation(len(names))]
    if first is not None:
        order = [first, *(name for name in order if name != first)]
    chosen = order[: settings.layers_writers]
    authentic = rng.random(len(chosen)) < settings.layers_authentic_share
    return tuple(zip(chosen, authentic.tolist(), strict=True))
