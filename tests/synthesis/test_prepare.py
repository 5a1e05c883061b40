"""Sets whose flaw has no aligned crop are painted anew, elsewhere; all others are left as they were."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from tests.synthesis.builders import NETWORKS, FakePhotos, folds_of, settings

from falseflaw.errors import InvalidDataError
from falseflaw.imaging.camera import Camera
from falseflaw.machine import StageTimer
from falseflaw.photos.product.masks import ProductMasks
from falseflaw.seeding import derive_rng
from falseflaw.synthesis.plan import make_plan
from falseflaw.synthesis.prepare import SetMaker
from falseflaw.types import DamageKind


@dataclass
class Painted:
    image: np.ndarray
    mask: np.ndarray


class EdgePainter:
    """Paints a square over the photo's last pixels so many times, and then one in the middle."""

    def __init__(self, at_the_edge):
        self.at_the_edge, self.draws = at_the_edge, []

    def paint(self, image, product, kind, rng):
        self.draws.append(rng.random())
        mask = np.zeros(image.shape[:2], bool)
        start = -20 if len(self.draws) <= self.at_the_edge else 60
        mask[start : start + 20 or None, start : start + 20 or None] = True
        painted = image.copy()
        painted[mask] = 0
        return Painted(painted, mask)


class PlainCamera:
    def draw(self, rng):
        return Camera(scale=1.0)


def prepare(painter):
    # 144 x 176 less one pixel each way: the last aligned crop ends before the photo does.
    class Odd(FakePhotos):
        def load(self, photo):
            return super().load(photo)[:-1, :-1]

        def product_mask(self, photo):
            return np.ones((143, 175), bool)

    source, options = Odd(1), settings(resized_share=0.0, kinds=(DamageKind.COFFEE,))
    plan = make_plan(source.photos(), folds_of(source), PlainCamera(), options, NETWORKS)[0]
    maker = SetMaker(source, ProductMasks(source, None, None), painter, options, 16, 4)
    return plan, maker.prepare(plan, StageTimer())


def test_a_flaw_without_an_aligned_crop_is_painted_anew():
    painter = EdgePainter(at_the_edge=2)
    plan, prepared = prepare(painter)
    assert len(painter.draws) == len(set(painter.draws)) == 3
    assert prepared.flaw[60:80, 60:80].all()
    assert prepared.flaw.sum() == 400
    assert prepared.region[prepared.flaw].all()
    assert (prepared.authentic != prepared.damaged).any(axis=2)[60:80, 60:80].any()
    assert not (prepared.authentic != prepared.damaged)[-20:].any()
    assert plan.crop_scale == 1
    assert prepared.box.top % 4 == prepared.box.left % 4 == 0


def test_the_first_attempt_draws_what_it_always_drew():
    painter = EdgePainter(at_the_edge=0)
    plan, _ = prepare(painter)
    assert painter.draws == [derive_rng("damage", plan.seed).random()]


def test_a_source_without_any_aligned_crop_is_refused_after_a_few_attempts():
    painter = EdgePainter(at_the_edge=100)
    with pytest.raises(InvalidDataError, match="expected a region well inside a crop"):
        prepare(painter)
    assert len(painter.draws) == 6


def test_the_crop_of_a_large_region_is_shrunk_to_the_limit():
    class Large(FakePhotos):
        def load(self, photo):
            return np.kron(super().load(photo), np.ones((4, 4, 1), np.uint8))

        def product_mask(self, photo):
            return np.ones((576, 704), bool)

    class Square:
        def paint(self, image, product, kind, rng):
            mask = np.zeros(image.shape[:2], bool)
            mask[100:380, 200:500] = True
            return Painted(np.where(mask[..., None], 0, image).astype(np.uint8), mask)

    source = Large(1)
    options = settings(resized_share=0.0, kinds=(DamageKind.COFFEE,), crop_limit=96)
    plan = make_plan(source.photos(), folds_of(source), PlainCamera(), options, NETWORKS)[0]
    maker = SetMaker(source, ProductMasks(source, None, None), Square(), options, 16, 4)
    prepared = maker.prepare(plan, StageTimer())
    assert prepared.box.height <= 96
    assert prepared.plan.crop_scale > 3
    assert prepared.region.sum() >= 280 * 300
    assert prepared.crop_region.sum() == prepared.canvas_region.sum() > 0
    written = prepared.write(prepared.authentic, 255 - prepared.crop)
    assert np.array_equal(written[~prepared.region], prepared.authentic[~prepared.region])
