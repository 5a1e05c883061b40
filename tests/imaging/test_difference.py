from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from tests.helpers import textured_photo

from falseflaw.errors import InvalidDataError
from falseflaw.imaging import codec
from falseflaw.imaging.difference import changed_region
from falseflaw.seeding import derive_rng


@pytest.fixture
def original():
    return textured_photo(derive_rng("difference"), 240, 320)


def iou(a, b) -> float:
    return (a & b).sum() / (a | b).sum()


def disk(shape, y, x, radius):
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


def test_finds_what_was_rewritten_through_recompression(original):
    truth = disk(original.shape, 120, 140, 50)
    altered = np.where(truth[..., None], 255 - original, original)
    for quality in (98, 80):
        saved = codec.decode(codec.encode_jpeg(altered, quality))
        assert iou(changed_region(original, saved), truth) > 0.85


def test_recompression_and_resampling_alone_change_nothing(original):
    smooth = gaussian_filter(original, (1.5, 1.5, 0))
    assert not changed_region(smooth, codec.decode(codec.encode_jpeg(smooth, 80))).any()
    assert not changed_region(smooth, gaussian_filter(smooth, (0.5, 0.5, 0))).any()
    assert not changed_region(original, original).any()


def test_an_object_that_was_spared_stays_out_and_small_gaps_are_closed(original):
    spared = disk(original.shape, 120, 160, 60)
    gap = disk(original.shape, 30, 30, 2)
    altered = np.where((spared | gap)[..., None], original, 255 - original)
    region = changed_region(original, altered)
    assert iou(~region, spared) > 0.9
    assert region[gap].all()


def test_specks_beside_the_alteration_are_left_out(original):
    truth = disk(original.shape, 120, 140, 50)
    speck = disk(original.shape, 20, 300, 4)
    altered = np.where((truth | speck)[..., None], 255 - original, original)
    assert not changed_region(original, altered)[speck].any()


def test_sizes_must_agree(original):
    with pytest.raises(InvalidDataError, match="one size"):
        changed_region(original, original[1:])
