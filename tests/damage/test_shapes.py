import math

import numpy as np
import pytest

from falseflaw.damage import shapes
from falseflaw.seeding import derive_rng


def test_outline_of_a_smooth_level_is_the_disk_of_that_area():
    y, x = np.mgrid[0:80, 0:80].astype(np.float32)
    level = -np.hypot(y - 39.5, x - 39.5)
    cut = shapes.outline(level, math.pi * 20**2, np.ones((80, 80), np.float32))
    assert cut.coverage.sum() == pytest.approx(math.pi * 20**2, rel=0.01)
    assert cut.depth[39, 39] == pytest.approx(20 - math.hypot(0.5, 0.5), abs=0.3)
    assert cut.depth[39, 0] == pytest.approx(-19.5, abs=0.7)
    assert ((cut.coverage > 0.05) & (cut.coverage < 0.95)).sum() < 2 * math.pi * 20 * 1.2


def test_outline_takes_its_area_where_it_is_allowed():
    allowed = np.zeros((60, 60), np.float32)
    allowed[:, :30] = 1
    cut = shapes.outline(shapes.noise(derive_rng(0), (60, 60), 9.0), 500, allowed)
    assert cut.coverage.sum() == pytest.approx(500, rel=0.03)
    assert cut.coverage[:, 32:].sum() == 0


def test_outline_survives_asking_for_more_than_there_is():
    allowed = np.zeros((20, 20), np.float32)
    assert shapes.outline(np.zeros((20, 20), np.float32), 50, allowed).coverage.sum() == 0
    allowed[5:10, 5:10] = 1
    assert 0 < shapes.outline(np.zeros((20, 20), np.float32), 900, allowed).coverage.sum() <= 36


def test_noise_has_its_shape_and_about_unit_spread():
    field = shapes.fractal(derive_rng(1), (120, 90), 8.0)
    assert field.shape == (120, 90)
    assert field.dtype == np.float32
    assert abs(float(field.mean())) < 0.4
    assert 0.5 < float(field.std()) < 1.6


def test_fibers_run_along_their_angle():
    along = shapes.fibers(derive_rng(2), (90, 120), 0.0, 2.0, 20.0)
    across = shapes.fibers(derive_rng(2), (90, 120), math.pi / 2, 2.0, 20.0)
    assert along.shape == across.shape == (90, 120)
    for field, slow, fast in ((along, 1, 0), (across, 0, 1)):
        assert np.abs(np.diff(field, axis=slow)).mean() < 0.5 * np.abs(np.diff(field, axis=fast)).mean()


def test_strokes_cover_length_times_width():
    line = np.array([[10.0, 5.0], [10.0, 45.0]], np.float32)
    coverage = shapes.strokes((20, 50), [line], [0.5])
    assert coverage.sum() == pytest.approx(40 * 0.5, rel=0.1)
    assert coverage[:8].sum() == 0
