"""Flaws and regions of large photos take the share of the photo that they take of small ones."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from tests.helpers import textured_photo

from falseflaw.damage.engine import DamageEngine, design_scale
from falseflaw.damage.regions import draw_region
from falseflaw.imaging.crop import bounding_box
from falseflaw.seeding import derive_rng
from falseflaw.types import DamageKind, RegionShape

SMALL, LARGE = (400, 533), (1200, 1599)
ENGINE = DamageEngine(area_min=0.004, area_max=0.08, strength_min=0.6, max_extent=160, grows=True)


def disk(shape, share):
    flaw = np.zeros(shape, np.uint8)
    cv2.circle(flaw, (shape[1] // 2, shape[0] // 2), round((share * flaw.size / np.pi) ** 0.5), 1, -1)
    return flaw > 0


def painted(shape, kind, seed, engine=ENGINE):
    photo = cv2.resize(textured_photo(derive_rng("scaling"), *SMALL), shape[::-1])
    return engine.paint(photo, np.ones(shape, bool), kind, derive_rng("scaling", seed)).mask


@pytest.mark.parametrize("kind", [DamageKind.COFFEE, DamageKind.MOULD, DamageKind.TEAR])
def test_flaws_grow_with_the_photo(kind):
    assert design_scale(SMALL) == 1
    assert design_scale(LARGE) == pytest.approx(3, rel=0.01)
    small, large = ([painted(shape, kind, seed) for seed in range(5)] for shape in (SMALL, LARGE))
    shares = [np.median([mask.mean() for mask in masks]) for masks in (small, large)]
    assert 0.5 < shares[1] / shares[0] < 2
    sides = [
        max(max(bounding_box(m).height, bounding_box(m).width) for m in masks) for masks in (small, large)
    ]
    assert 160 < sides[1] <= 480
    assert sides[1] > 1.6 * sides[0]


def test_flaws_of_small_photos_do_not_depend_on_growing():
    fixed = DamageEngine(area_min=0.004, area_max=0.08, strength_min=0.6, max_extent=160)
    for seed in range(3):
        one, other = (painted(SMALL, DamageKind.INK, seed, engine) for engine in (ENGINE, fixed))
        assert np.array_equal(one, other)


def test_regions_of_twelve_megapixels_keep_their_distance_in_proportion():
    shapes, found = ((400, 533), (3000, 4000)), {}
    for shape in shapes:
        flaw, scale = disk(shape, 0.02), design_scale(shape)
        drawn = [draw_region(flaw, np.random.default_rng(seed), None, scale) for seed in range(16)]
        assert all(region[flaw].all() for _, region in drawn)
        found[shape] = [(kind, region.mean()) for kind, region in drawn]
    for (kind, small), (same, large) in zip(found[shapes[0]], found[shapes[1]], strict=True):
        assert kind == same
        assert large == pytest.approx(small, rel=0.1)
    assert len({kind for kind, _ in found[shapes[0]]} - {RegionShape.EXACT}) >= 4


def test_a_region_at_the_edge_of_a_large_photo_stays_in_it():
    flaw = np.zeros((900, 1200), bool)
    flaw[:80, -90:] = True
    for seed in range(8):
        _, region = draw_region(flaw, np.random.default_rng(seed), None, design_scale(flaw.shape))
        assert region.shape == flaw.shape
        assert region[flaw].all()
        assert not region[600:].any()
        assert not region[:, :600].any()
