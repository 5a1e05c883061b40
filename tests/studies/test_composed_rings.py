"""Composed pairs under the ring probes, with a composer whose fakes are smooth."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from falseflaw.audit.ring import ring_probe
from falseflaw.studies.composed_rings import measure_pairs
from falseflaw.types import Edit


class SmoothFakes:
    """Every second writer smooths; every fifth region is too small to be measured."""

    def compose(self, number, side, around):
        assert around
        image = np.random.default_rng(number).integers(64, 192, (side, side, 3)).astype(np.uint8)
        region = np.zeros((side, side), bool)
        region[30 : 35 if number % 5 == 0 else 60, 30:60] = True
        smooth = cv2.GaussianBlur(image, (0, 0), 1.2) if number % 2 else image
        return SimpleNamespace(
            negative=image,
            positive=np.where(region[..., None], smooth, image),
            region=region,
            positive_edit=Edit.AUTOENCODED,
            negative_edit=Edit.AUTHENTIC if number % 3 else Edit.LOCAL_EDIT,
            writer="smooth" if number % 2 else "copier",
        )


def test_pairs_are_told_apart_by_writer():
    rings = measure_pairs(SmoothFakes(), 40, 96, lambda items, total, title: items)
    assert rings.left_out == 2 * 8
    found = ring_probe(rings)
    assert found.by_writer["smooth"].smoothness.value == 1
    assert found.by_writer["copier"].smoothness.value == pytest.approx(0.5)
    assert found.positives.photos == 32
    assert set(found.by_edit) == {str(edit) for edit in (Edit.AUTOENCODED, Edit.AUTHENTIC, Edit.LOCAL_EDIT)}
