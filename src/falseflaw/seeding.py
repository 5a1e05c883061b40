"""One random generator per thing, derived from what the thing is and not from when it is made."""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(*keys: str | int | float) -> int:
    """Returns a 63-bit seed that depends on every key and on their order."""
    digest = hashlib.sha256("\x1f".join(repr(key) for key in keys).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def derive_rng(*keys: str | int | float) -> np.random.Generator:
    """Returns a NumPy generator seeded by `derive_seed(*keys)`."""
    return np.random.default_rng(derive_seed(*keys))


def unit_interval(*keys: str | int | float) -> float:
    """Returns a number in [0, 1) that depends on the keys alone."""
    return derive_seed(*keys) / 2**63
