"""The autoencoders of a folder by name, some of them reserved for tests."""

from __future__ import annotations

from collections.abc import Sequence

from falseflaw.errors import ConfigurationError
from falseflaw.inpainting.autoencoders import Autoencoder
from falseflaw.types import Image


class AutoencoderFamily:
    """Loads autoencoders that `falseflaw train-inpainter recipe=autoencoder_...` saved.

    Args:
        folder: Holds a folder per autoencoder, relative to the working directory or the clone.
        members: Names of those to load.

    Raises:
        ConfigurationError: No name, or one twice.
        MissingDataError: No such folder.
        InvalidDataError: A folder holds no autoencoder of the family, or a broken one.
    """

    def __init__(self, folder: str, members: Sequence[str]) -> None:
        if not members or len(set(members)) < len(members):
            raise ConfigurationError(f"expected different autoencoders.members, got {list(members)}")
        self._members = {name: Autoencoder(name, f"{folder}/{name}") for name in members}

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, in the order given."""
        return tuple(self._members)

    @property
    def reserved(self) -> frozenset[str]:
        """Those that must never be in a training set."""
        return frozenset(name for name, member in self._members.items() if member.reserved)

    def round_trip(self, name: str, photo: Image) -> Image:
        """Returns the photo, uint8 (H, W, 3), after one of the autoencoders; see `Autoencoder.round_trip`."""
        return self._members[name].round_trip(photo)
