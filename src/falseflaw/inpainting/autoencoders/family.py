"""The autoencoders of a folder by name, some of them reserved for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from falseflaw.errors import ConfigurationError
from falseflaw.inpainting.autoencoders.autoencoder import Autoencoder
from falseflaw.inpainting.rewriters.rewriter import Rewriter
from falseflaw.seeding import derive_rng
from falseflaw.types import Image

PERTURBED = "_perturbed"
"""End of the name of a member whose decoder is drawn anew for every set."""


class AutoencoderFamily:
    """Loads autoencoders that `falseflaw train-inpainter recipe=autoencoder/...` saved.

    Args:
        folder: Holds a folder per autoencoder, relative to the working directory or the clone.
        members: Names of those to load; may be empty where there are others.
        perturbation: Lowest and highest strength of `perturbation.perturbed`: each member that is not
            reserved comes a second time under `<name>_perturbed`, with other decoder weights for every
            seed. None for the trained weights alone.
        device: Where they compute: `cpu`, `cuda` or another torch device.
        others: More writers by name, which come from elsewhere and are used as members are; never perturbed.

    Raises:
        ConfigurationError: No name, or one twice, no range of strengths, or no such device.
        MissingDataError: No such folder.
        InvalidDataError: A folder holds no autoencoder of the family, or a broken one.
    """

    def __init__(
        self,
        folder: str,
        members: Sequence[str],
        perturbation: tuple[float, float] | None = None,
        device: str = "cpu",
        others: Mapping[str, Rewriter] | None = None,
    ) -> None:
        self.others = dict(others or {})
        named = [*members, *self.others]
        if not named:
            raise ConfigurationError("expected a name in autoencoders.members or .others, got none")
        if len(set(named)) < len(named):
            raise ConfigurationError(f"expected every autoencoder once, got {', '.join(sorted(named))}")
        if perturbation is not None and not (
            len(perturbation) == 2 and 0 < perturbation[0] <= perturbation[1] <= 1
        ):
            raise ConfigurationError(
                "expected autoencoders.perturbation as [lowest, highest] above 0 and up to 1, or null; "
                f"got {list(perturbation)}"
            )
        self._members = {name: Autoencoder(name, f"{folder}/{name}", device) for name in members}
        self._perturbation = perturbation

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, in the order given, the perturbed ones behind, then those from elsewhere."""
        plain = tuple(self._members)
        if self._perturbation is None:
            return (*plain, *self.others)
        perturbed = (f"{name}{PERTURBED}" for name in plain if name not in self.reserved)
        return (*plain, *perturbed, *self.others)

    @property
    def reserved(self) -> frozenset[str]:
        """Those that must never be in a training set."""
        own = frozenset(name for name, member in self._members.items() if member.reserved)
        return own | {name for name, other in self.others.items() if other.reserved}

    def takes_whole(self, name: str) -> bool:
        """Returns whether whole photos are cheap for one of `names`; crops are for all."""
        return name not in self.others or self.others[name].whole

    def round_trip(self, name: str, photo: Image, seed: int) -> Image:
        """Returns a photo after one of the autoencoders.

        Args:
            name: One of `names`.
            photo: uint8 (H, W, 3).
            seed: Decides on the decoder of a perturbed member, and on what others draw.
        """
        if name in self.others:
            return self.others[name].round_trip(photo, seed)
        if self._perturbation is None or not name.endswith(PERTURBED):
            return self._members[name].round_trip(photo)
        strength = float(derive_rng("strength", seed).uniform(*self._perturbation))
        return self._members[name.removesuffix(PERTURBED)].perturbed_round_trip(photo, strength, seed)
