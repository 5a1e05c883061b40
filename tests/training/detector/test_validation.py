from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.helpers import make_dataset

from falseflaw.dataset.manifest import read_manifest
from falseflaw.imaging.laundering.augmentation import RandomLaundering
from falseflaw.training.detector.crops import EDITS
from falseflaw.training.detector.matched_sets import PhotoReader, matched_sets
from falseflaw.training.detector.validation import ValidationCrops, chosen_sets
from falseflaw.types import MATCHED, Edit, Fold

LABELLED = [edit for edit in EDITS if edit in MATCHED and edit.label >= 0]
LAUNDER = RandomLaundering(share=1.0, resize_range=(0.7, 1.2))


def test_validation_is_fixed_and_centered(dataset: Path) -> None:
    sets = matched_sets(read_manifest(dataset), Fold.VAL)
    crops = ValidationCrops(sets, PhotoReader(dataset), 64, LAUNDER, 0)
    assert len(crops) == len(sets) * 2 * len(LABELLED)
    again = ValidationCrops(sets, PhotoReader(dataset, cache=True), 64, LAUNDER, 0)
    samples = [crops[number][0] for number in range(len(crops))]
    for number in reversed(range(len(crops))):
        np.testing.assert_array_equal(samples[number].image, again[number][0].image)
    assert {sample.laundered for sample in samples} == {False, True}
    assert {sample.edit for sample in samples} == set(LABELLED)
    for sample in samples:
        assert sample.label == sample.edit.label
        if sample.label and not sample.laundered:
            assert sample.mask.sum() == 32 * 32
    clean = [sample for sample in samples if not sample.laundered]
    assert len(ValidationCrops(sets, PhotoReader(dataset), 64, None, 0)) == len(clean)


def test_each_set_is_dealt_one_scale_for_its_damage_and_flawed_fakes(dataset: Path) -> None:
    sets = matched_sets(read_manifest(dataset), Fold.VAL)
    crops = ValidationCrops(sets, PhotoReader(dataset), 64, None, 0, scales=(0.5, 2.0))
    resized = [crops[number][0] for number in range(len(crops)) if crops.items[number][2] != 1]
    headline = {Edit.SIMULATED_DAMAGE, *sets[0].flawed}
    assert len(resized) == len(sets) * len(headline)
    assert {sample.edit for sample in resized} == headline
    assert {sample.scale for sample in resized} == {0.5, 2.0}
    for sample in resized:
        if sample.label:
            assert sample.mask.sum() == pytest.approx((32 * sample.scale) ** 2, rel=0.2)
            assert sample.writer in {"checker", "twin"}


def test_regenerated_pixels_beside_the_flaw_do_not_count_in_validation(dataset: Path) -> None:
    sets = matched_sets(read_manifest(dataset), Fold.VAL)
    crops = ValidationCrops(sets, PhotoReader(dataset), 64, None, 0)
    for number in range(len(crops)):
        (sample,) = crops[number]
        regenerated = sample.edit is Edit.REGENERATED
        assert sample.ignored.any() == regenerated
        assert not (sample.ignored & sample.mask).any()


def test_a_choice_is_fixed_and_gives_camera_originals_up_to_a_quarter(tmp_path: Path) -> None:
    sets = matched_sets(read_manifest(make_dataset(tmp_path, 40)), Fold.TRAIN)
    marked = [replace(matched, camera_original=index < 8) for index, matched in enumerate(sets)]
    chosen = chosen_sets(marked, 12)
    assert chosen == chosen_sets(marked[::-1], 12)
    assert len(chosen) == 12
    assert sum(matched.camera_original for matched in chosen) == 3
    assert len(chosen_sets(marked[:9], 4)) == 4  # eight of nine are camera originals
    assert {matched.source_id for matched in chosen_sets(marked, None)} == {m.source_id for m in marked}
