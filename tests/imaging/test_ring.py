"""A region against the ring around it, on noise whose answers are known."""

import cv2
import numpy as np
import pytest

from falseflaw.errors import InvalidDataError
from falseflaw.imaging.ring import (
    ENERGY,
    REACH,
    SEAM,
    STRUCTURE,
    inside_and_ring,
    ring_statistics,
)


def noise(shape=(120, 160), level=8.0, seed=0):
    values = np.random.default_rng(seed).normal(128, level, (*shape, 3))
    return np.clip(values, 0, 255).astype(np.uint8)


def disc(shape=(120, 160), center=(60, 80), radius=30):
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return (rows - center[0]) ** 2 + (columns - center[1]) ** 2 <= radius**2


def put(image, other, region):
    return np.where(region[..., None], other, image)


def named(statistics):
    return dict(zip(STRUCTURE, statistics.structure, strict=True))


def test_the_ring_keeps_clear_of_the_region_and_of_its_seam():
    region = disc()
    inside, ring = inside_and_ring(region)
    assert not (ring & region).any()
    assert not (inside & ~region).any()
    apart = cv2.distanceTransform((~region).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[ring]
    assert apart.min() > SEAM
    assert apart.max() == pytest.approx(REACH, abs=0.5)
    assert region.sum() > inside.sum() > disc(radius=30 - SEAM - 2).sum()


def test_what_was_not_touched_shows_nothing():
    found = ring_statistics(noise(), disc())
    assert found.energy.shape == (len(ENERGY),)
    assert found.structure.shape == (len(STRUCTURE),)
    assert np.abs(found.energy).max() < 0.1
    assert found.ratio == pytest.approx(1, abs=0.1)
    assert np.abs(found.structure).max() < 0.3


def test_a_blurred_region_has_less_detail_and_closer_neighbors():
    image, region = noise(), disc()
    found = ring_statistics(put(image, cv2.GaussianBlur(image, (0, 0), 1.5), region), region)
    assert found.ratio < 0.35
    assert found.energy.max() < -0.5
    assert named(found)["neighbor 0 1"] > 0.5


def test_more_grain_is_more_energy_by_its_ratio_and_no_other_structure():
    image, region = noise(), disc()
    found = ring_statistics(put(image, noise(level=16, seed=1), region), region)
    assert np.exp(found.energy) == pytest.approx(2, rel=0.1)
    assert np.abs(found.structure).max() < 0.3


def test_colors_that_move_together_are_structure():
    image, region = noise(), disc()
    gray = np.repeat(image[..., :1], 3, axis=2)
    found = named(ring_statistics(put(image, gray, region), region))
    assert min(found[name] for name in ("red with green", "green with blue", "red with blue")) > 2
    assert abs(found["neighbor 0 1"]) < 0.3


def test_blocks_of_a_jpeg_are_found_where_they_are_wherever_the_region_lies():
    image = noise(level=20)
    _, file = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 20])
    blocky = cv2.imdecode(file, cv2.IMREAD_COLOR)
    for center in ((60, 80), (63, 85)):
        region = disc(center=center)
        found = named(ring_statistics(put(image, blocky, region), region))
        assert min(found["blocking across"], found["blocking down"]) > 0.15
        shifted = named(ring_statistics(put(image, np.roll(blocky, (3, 3), (0, 1)), region), region))
        assert max(shifted["blocking across"], shifted["blocking down"]) < 0.1


@pytest.mark.parametrize(
    "region",
    [disc(radius=4), np.ones((120, 160), bool), np.zeros((120, 160), bool), ~disc(center=(0, 0), radius=3)],
    ids=["tiny", "whole", "empty", "no ring"],
)
def test_too_few_pixels_tell_nothing(region):
    assert ring_statistics(noise(), region) is None


def test_far_away_pixels_do_not_matter():
    image, region = noise((400, 400)), disc((400, 400), (200, 203))
    other = image.copy()
    other[:120] = other[:, :120] = 0
    one, two = ring_statistics(image, region), ring_statistics(other, region)
    assert np.array_equal(one.energy, two.energy)
    assert np.array_equal(one.structure, two.structure)


def test_a_flat_photo_and_a_region_at_the_edge_have_finite_numbers():
    flat, region = np.full((120, 160, 3), 255, np.uint8), disc(center=(0, 0))
    for image in (flat, put(noise(), flat, region)):
        found = ring_statistics(image, region)
        assert np.isfinite(found.energy).all()
        assert np.isfinite(found.structure).all()
    assert ring_statistics(flat, region).ratio == 1


def test_sizes_that_differ_are_refused():
    with pytest.raises(InvalidDataError, match="expected a region of 120x160, got 4x4"):
        ring_statistics(noise(), np.ones((4, 4), bool))
