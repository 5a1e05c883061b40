import cv2
import numpy as np
import pytest

from falseflaw.damage.engine import DamageEngine
from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.seeding import derive_rng
from falseflaw.types import DamageKind

KINDS = list(DamageKind)


def extent(mask: np.ndarray) -> int:
    rows, columns = np.nonzero(mask)
    return int(max(np.ptp(rows), np.ptp(columns))) + 1


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_mask_changes_and_it_lies_on_the_product(engine, light_cloth, product, kind):
    before = light_cloth.copy()
    for seed in range(6):
        flaw = engine.paint(light_cloth, product, kind, derive_rng("outside", seed))
        changed = (flaw.image != light_cloth).any(axis=2)
        assert not (changed & ~flaw.mask).any()
        assert (changed & flaw.mask).sum() > 0.7 * flaw.mask.sum()
        assert flaw.mask.sum() >= 30
        assert not (flaw.mask & ~product).any()
        assert flaw.kind is kind
    np.testing.assert_array_equal(light_cloth, before)


@pytest.mark.parametrize("kind", KINDS)
def test_alpha_is_an_opacity_within_the_mask(engine, light_cloth, product, kind):
    flaw = engine.paint(light_cloth, product, kind, derive_rng("alpha"))
    assert flaw.alpha.dtype == np.float32
    assert flaw.alpha.shape == flaw.mask.shape
    assert flaw.alpha.min() == 0
    assert flaw.alpha.max() <= 1
    assert not flaw.alpha[~flaw.mask].any()
    assert flaw.alpha[flaw.mask].mean() > 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_generator_gives_the_same_bytes_and_another_one_does_not(engine, light_cloth, product, kind):
    first, again, other = (
        engine.paint(light_cloth, product, kind, derive_rng("bytes", seed)) for seed in (1, 1, 2)
    )
    assert first.image.tobytes() == again.image.tobytes()
    assert first.alpha.tobytes() == again.alpha.tobytes()
    assert first.mask.tobytes() == again.mask.tobytes()
    assert first.mask.tobytes() != other.mask.tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_area_and_extent_keep_their_ranges_over_seeds(light_cloth, product, kind):
    engine = DamageEngine(area_min=0.004, area_max=0.02, max_extent=96)
    shares = []
    for seed in range(12):
        flaw = engine.paint(light_cloth, product, kind, derive_rng("range", seed))
        shares.append(flaw.mask.mean())
        assert 0.004 <= shares[-1] <= 0.02
        assert extent(flaw.mask) <= 96
    assert max(shares) > 1.2 * min(shares)


def test_uncapped_flaws_grow_with_the_photo_and_capped_ones_do_not():
    photo = np.full((1066, 800, 3), 200, np.uint8)
    everywhere = np.ones(photo.shape[:2], bool)
    sizes = {}
    for cap in (104, None):
        flaws = [
            DamageEngine(max_extent=cap).paint(photo, everywhere, DamageKind.COFFEE, derive_rng("grow", seed))
            for seed in range(8)
        ]
        sizes[cap] = [extent(flaw.mask) for flaw in flaws]
    assert max(sizes[104]) <= 104
    assert 104 < max(sizes[None]) <= 208


@pytest.mark.parametrize("kind", KINDS)
def test_flaws_show_on_black_cloth(engine, dark_cloth, product, kind):
    for seed in range(4):
        flaw = engine.paint(dark_cloth, product, kind, derive_rng("dark", seed))
        change = np.abs(flaw.image.astype(int) - dark_cloth).max(axis=2)[flaw.mask]
        assert change.mean() > 6


def test_no_crumbs_in_the_mask(engine, light_cloth, product):
    for seed in range(8):
        flaw = engine.paint(light_cloth, product, DamageKind.MUD, derive_rng("crumbs", seed))
        count, _, stats, _ = cv2.connectedComponentsWithStats(flaw.mask.astype(np.uint8), connectivity=8)
        assert count >= 2
        assert stats[1:, cv2.CC_STAT_AREA].min() >= 6


def test_a_small_photo_gets_its_flaw(engine):
    photo = np.full((96, 128, 3), 180, np.uint8)
    mask = np.zeros((96, 128), bool)
    mask[20:76, 20:108] = True
    for kind in KINDS:
        flaw = engine.paint(photo, mask, kind, derive_rng("small"))
        assert 30 <= flaw.mask.sum() <= 0.06 * mask.size


def test_a_photo_of_a_modern_phone_gets_its_flaw():
    photo = np.full((3000, 4000, 3), 150, np.uint8)
    mask = np.zeros((3000, 4000), bool)
    mask[400:2600, 800:3200] = True
    flaw = DamageEngine(max_extent=104).paint(photo, mask, DamageKind.COFFEE, derive_rng("phone"))
    assert 1000 < flaw.mask.sum() <= 104**2
    assert extent(flaw.mask) <= 104


@pytest.mark.parametrize("width", [0, 1, 5])
def test_a_product_without_room_is_refused_in_one_line(engine, light_cloth, width):
    thin = np.zeros(light_cloth.shape[:2], bool)
    thin[100:300, 100 : 100 + width] = True
    with pytest.raises(InvalidDataError, match="large enough for a coffee flaw") as caught:
        engine.paint(light_cloth, thin, DamageKind.COFFEE, derive_rng(0))
    assert "\n" not in str(caught.value)


def test_a_narrow_product_keeps_the_flaw_inside(engine, light_cloth):
    strap = np.zeros(light_cloth.shape[:2], bool)
    strap[40:-40, 180:214] = True
    for kind in KINDS:
        flaw = engine.paint(light_cloth, strap, kind, derive_rng("strap"))
        assert not (flaw.mask & ~strap).any()


@pytest.mark.parametrize(
    ("photo", "mask"),
    [
        (np.zeros((64, 64), np.uint8), np.ones((64, 64), bool)),
        (np.zeros((64, 64, 4), np.uint8), np.ones((64, 64), bool)),
        (np.zeros((64, 64, 3), np.float32), np.ones((64, 64), bool)),
        (np.zeros((64, 64, 3), np.uint8), np.ones((64, 63), bool)),
        (np.zeros((64, 64, 3), np.uint8), np.ones((64, 64), np.uint8)),
    ],
)
def test_arrays_of_the_wrong_kind_are_refused(engine, photo, mask):
    with pytest.raises(InvalidDataError, match="expected a p"):
        engine.paint(photo, mask, DamageKind.INK, derive_rng(0))


@pytest.mark.parametrize(
    "values",
    [
        {"area_min": 0.0},
        {"area_min": 0.05, "area_max": 0.01},
        {"area_max": 0.9},
        {"strength_min": 0.8, "strength_max": 0.2},
        {"strength_max": 1.5},
        {"max_extent": 4},
    ],
)
def test_values_out_of_range_are_refused(values):
    with pytest.raises(ConfigurationError, match="expected"):
        DamageEngine(**values)
