import numpy as np
import pytest

from falseflaw.damage.engine import DamageEngine
from falseflaw.seeding import derive_rng


def woven(tone: tuple[int, int, int], size: tuple[int, int] = (533, 400), seed: int = 0) -> np.ndarray:
    """Plain cloth: folds, a weave and grain over one color."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    relief = 1 + 0.1 * np.sin((x + 0.6 * y) / 23) + 0.08 * np.sin(1.9 * x) * np.sin(1.9 * y)
    cloth = np.asarray(tone) * relief[..., None] + derive_rng("cloth", seed).normal(0, 2, (*size, 3))
    return np.clip(cloth, 0, 255).astype(np.uint8)


def framed(size: tuple[int, int] = (533, 400), margin: int = 60) -> np.ndarray:
    mask = np.zeros(size, bool)
    mask[margin:-margin, margin:-margin] = True
    return mask


@pytest.fixture(scope="session")
def light_cloth() -> np.ndarray:
    return woven((212, 208, 202))


@pytest.fixture(scope="session")
def dark_cloth() -> np.ndarray:
    return woven((26, 26, 30))


@pytest.fixture(scope="session")
def product() -> np.ndarray:
    return framed()


@pytest.fixture(scope="session")
def engine() -> DamageEngine:
    return DamageEngine()
