from __future__ import annotations

import numpy as np
import pytest

from falseflaw.imaging.color import decode_srgb, encode_srgb, srgb, to_levels, to_linear, to_srgb

CODES = np.arange(256, dtype=np.uint8)


def test_every_code_survives_the_way_to_linear_light_and_back():
    np.testing.assert_array_equal(to_srgb(to_linear(CODES)), CODES)
    np.testing.assert_array_equal(np.round(to_levels(to_linear(CODES))), CODES)


def test_the_curve_is_that_of_the_standard():
    assert srgb(188, 188, 188)[0] == pytest.approx(0.5, abs=0.005)  # the mid-gray of sRGB tables
    levels = np.array([0.0, 0.02, 0.04045, 0.5, 1.0])
    assert decode_srgb(levels) == pytest.approx([0, 0.02 / 12.92, 0.0031308, 0.21404, 1], abs=1e-5)
    assert encode_srgb(decode_srgb(levels)) == pytest.approx(levels, abs=1e-6)


def test_light_out_of_range_is_clipped():
    light = np.array([-1.0, 0.0, 1.0, 7.0], np.float32)
    assert to_srgb(light).tolist() == [0, 0, 255, 255]
    assert to_levels(light) == pytest.approx([0, 0, 255, 255])
