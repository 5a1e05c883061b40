import colorsys

import cv2
import numpy as np
import pytest

from falseflaw.damage.engine import DamageEngine
from falseflaw.seeding import derive_rng
from falseflaw.types import DamageKind

SEEDS = range(5)


@pytest.fixture(scope="module")
def looks(light_cloth, product) -> dict[DamageKind, list[np.ndarray]]:
    """Mean color (3,) of the densest half of each flaw on light cloth, one entry a seed."""
    engine = DamageEngine(strength_min=0.6, area_min=0.005)
    colors: dict[DamageKind, list[np.ndarray]] = {}
    for kind in DamageKind:
        for seed in SEEDS:
            flaw = engine.paint(light_cloth, product, kind, derive_rng("looks", seed))
            dense = flaw.mask & (flaw.alpha >= np.median(flaw.alpha[flaw.mask]))
            colors.setdefault(kind, []).append(flaw.image[dense].mean(axis=0))
    return colors


def mean_of(looks, kind) -> np.ndarray:
    return np.mean(looks[kind], axis=0)


def hue(color: np.ndarray) -> float:
    return colorsys.rgb_to_hsv(*(color / 255))[0] * 360


def saturation(color: np.ndarray) -> float:
    return colorsys.rgb_to_hsv(*(color / 255))[1]


def test_coffee_is_brown_and_wine_purple_red(looks):
    for color in looks[DamageKind.COFFEE]:
        assert color[0] > color[1] > color[2]
        assert 15 < hue(color) < 50
    for color in looks[DamageKind.WINE]:
        assert color[0] > color[2] > color[1]
        assert 285 < hue(color) < 350
    redness = {
        kind: mean_of(looks, kind)[0] - mean_of(looks, kind)[1]
        for kind in (DamageKind.WINE, DamageKind.COFFEE)
    }
    assert redness[DamageKind.WINE] > redness[DamageKind.COFFEE]


def test_ink_is_dense_and_never_warm(looks):
    for color in looks[DamageKind.INK]:
        assert color.mean() < 110
        assert color[2] >= color[0] - 4


def test_grease_is_darker_and_hardly_colored(looks, light_cloth):
    for color in looks[DamageKind.GREASE]:
        assert color.mean() < light_cloth.mean() - 12
        assert saturation(color) < 0.2
    assert saturation(mean_of(looks, DamageKind.COFFEE)) > 2 * saturation(mean_of(looks, DamageKind.GREASE))


def test_openings_and_burns_are_darker_than_light_cloth(looks, light_cloth):
    for kind in (DamageKind.HOLE, DamageKind.TEAR, DamageKind.BURN):
        # A layer close behind an opening may be nearly as light as the cloth; most openings are dark.
        assert mean_of(looks, kind).mean() < 0.7 * light_cloth.mean()
        for color in looks[kind]:
            assert color.mean() < 0.96 * light_cloth.mean()


def test_mould_is_grayish_and_never_red(looks):
    for color in looks[DamageKind.MOULD]:
        assert saturation(color) < 0.3
        assert color[1] >= color[0] - 6


def texture(image: np.ndarray) -> np.ndarray:
    gray = image.astype(np.float32).mean(axis=2)
    return gray - cv2.GaussianBlur(gray, (0, 0), 1)


@pytest.mark.parametrize("kind", [DamageKind.COFFEE, DamageKind.WINE, DamageKind.GREASE])
def test_translucent_stains_keep_the_weave(light_cloth, product, kind):
    engine = DamageEngine(area_min=0.006)
    kept = []
    for seed in range(10):
        flaw = engine.paint(light_cloth, product, kind, derive_rng("weave", seed))
        # Away from the rim, where the stain's own edge is texture too; cup rings have no inside.
        inside = cv2.erode(flaw.mask.astype(np.uint8), np.ones((11, 11))) > 0
        if inside.sum() > 100:
            kept.append(np.corrcoef(texture(light_cloth)[inside], texture(flaw.image)[inside])[0, 1])
    assert len(kept) >= 5
    assert np.median(kept) > 0.85
    assert min(kept) > 0.6


def test_coffee_dries_darker_at_its_rim(light_cloth, product):
    engine = DamageEngine(area_min=0.01, area_max=0.02)
    darker = 0
    for seed in range(16):
        flaw = engine.paint(light_cloth, product, DamageKind.COFFEE, derive_rng("rim", seed))
        depth = cv2.distanceTransform(flaw.mask.astype(np.uint8), cv2.DIST_L2, 5)
        rim, middle = flaw.image[(depth > 2) & (depth < 6)], flaw.image[depth > 0.6 * depth.max()]
        darker += rim.mean() < middle.mean()
    assert darker >= 11


@pytest.mark.parametrize("kind", [DamageKind.HOLE, DamageKind.TEAR])
def test_openings_have_crisp_edges(engine, product, kind):
    cloth = np.full((*product.shape, 3), 210, np.uint8)
    for seed in range(4):
        flaw = engine.paint(cloth, product, kind, derive_rng("crisp", seed))
        gray = flaw.image.astype(int).mean(axis=2)
        step = max(np.abs(np.diff(gray, axis=0)).max(), np.abs(np.diff(gray, axis=1)).max())
        assert step > 0.5 * (gray.max() - gray.min())


def test_tears_are_longer_than_holes(light_cloth, product):
    engine = DamageEngine(area_min=0.005, area_max=0.01)

    def aspect(kind: DamageKind) -> float:
        ratios = []
        for seed in range(10):
            flaw = engine.paint(light_cloth, product, kind, derive_rng("aspect", seed))
            points = np.argwhere(flaw.mask).astype(np.float32)
            axes = np.sqrt(np.linalg.eigvalsh(np.cov(points.T)))
            ratios.append(axes[1] / axes[0])
        return float(np.median(ratios))

    assert aspect(DamageKind.TEAR) > 1.6 * aspect(DamageKind.HOLE)
