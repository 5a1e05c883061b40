import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.training.detector.made import Halving, Layers, pairs_of

from falseflaw.dataset.manifest import read_manifest
from falseflaw.errors import ConfigurationError
from falseflaw.imaging.laundering.augmentation import RandomLaundering
from falseflaw.training.detector.data import collate
from falseflaw.training.detector.pairs import PairSettings, TrainPairs
from falseflaw.types import Edit

FLAWED = {Edit.SPLICED, Edit.FEATHERED, Edit.REGENERATED, Edit.AUTOENCODED}


def test_a_pair_depends_on_seed_and_number_alone(dataset: Path) -> None:
    first, second, other = pairs_of(dataset), pairs_of(dataset), pairs_of(dataset, seed=1)
    [second[number] for number in (7, 3, 900)]
    differs = False
    for number in (0, 3, 7, 31):
        for one, two, three in zip(first[number], second[number], other[number], strict=True):
            np.testing.assert_array_equal(one.image, two.image)
            np.testing.assert_array_equal(one.mask, two.mask)
            assert (one.label, one.edit) == (two.label, two.edit)
            differs |= not np.array_equal(one.image, three.image)
    assert differs


def test_twins_share_place_laundering_and_turn(dataset: Path, tmp_path: Path) -> None:
    """Were the refilled photo's file the authentic one, its crops would be the same pixels."""
    folder = Path(shutil.copytree(dataset, tmp_path / "d"))
    rows = read_manifest(folder)
    for _, paths in rows.pivot(index="source_id", columns="edit", values="path").iterrows():
        shutil.copyfile(folder / paths["authentic"], folder / paths["refilled"])
    pairs = pairs_of(folder, flawless_share=1.0)
    for number in range(10):
        negative, positive = pairs[number]
        assert positive.edit is Edit.REFILLED
        np.testing.assert_array_equal(negative.image, positive.image)


def test_mask_marks_what_differs_and_labels_follow_the_rule(dataset: Path) -> None:
    pairs = pairs_of(dataset, launder=None, flawless_share=0.0, region_share=0.3)
    labels = set()
    for number in range(160):
        damage, fake = pairs[number]
        assert damage.label == 0
        assert not damage.mask.any()
        assert fake.label == (1 if fake.edit is Edit.REGENERATED else int(fake.mask.any()))
        labels.add((fake.edit, fake.label, bool(fake.mask.any())))
        if fake.edit is Edit.SPLICED and fake.mask.sum() > 200:
            change = np.abs(fake.image.astype(int) - damage.image).mean(axis=-1)
            assert change[fake.mask].mean() > 4 * change[~fake.mask].mean()
    local = FLAWED - {Edit.REGENERATED}
    assert labels == {(edit, int(shown), shown) for edit in local for shown in (True, False)} | {
        (Edit.REGENERATED, 1, True),
        (Edit.REGENERATED, 1, False),
    }


def test_region_share_moves_crops_onto_flaws_in_all_classes(dataset: Path) -> None:
    def shares(region_share: float) -> float:
        pairs = pairs_of(dataset, crop_size=32, region_share=region_share, flawless_share=0.0, launder=None)
        return float(np.mean([bool(pairs[number][1].mask.any()) for number in range(60)]))

    assert shares(1.0) == 1.0
    assert shares(0.0) < 0.75


def test_photos_smaller_than_the_crop_are_mirrored_and_marked(dataset: Path) -> None:
    pairs = pairs_of(dataset, crop_size=160, launder=None)
    for number in range(6):
        for sample in pairs[number]:
            assert sample.image.shape == (160, 160, 3)
            assert sample.valid.sum() == 96 * 128
            assert not (sample.mask & ~sample.valid).any()
            assert sample.image[~sample.valid].std() > 1


def test_a_window_is_as_large_as_the_drawn_factor_needs(dataset: Path) -> None:
    launder = Halving()
    pairs = pairs_of(dataset, crop_size=32, launder=launder)
    for number in range(4):
        assert pairs[number][0].image.shape == (32, 32, 3)
    assert set(launder.shapes) == {(96, 96, 3)}  # room for a resize to one half and a margin of two blocks


def test_real_laundering_fills_crops_at_every_factor() -> None:
    layers = Layers()
    launder = RandomLaundering(share=1.0, resize=1.0, resize_range=(0.5, 3.0))
    pairs = TrainPairs(layers, PairSettings(crop_size=64, consistency_share=0.0), launder, 0, layers)
    for number in range(40):
        assert pairs[number][0].valid.all()
    sides = [side for _, side, _ in layers.asked]
    assert min(sides) < 35
    assert max(sides) > 130


def test_shuffled_labels_say_nothing_of_the_pixels(dataset: Path) -> None:
    true, shuffled = pairs_of(dataset, region_share=1.0), pairs_of(dataset, shuffle_labels=True)
    visible, swapped = [], []
    for number in range(200):
        before, after = true[number], shuffled[number]
        assert [s.edit for s in before] == [s.edit for s in after]
        assert all(np.array_equal(a.image, b.image) for a, b in zip(before, after, strict=True))
        given = [(sample.label, int(sample.mask.sum())) for sample in after]
        expected = [(sample.label, int(sample.mask.sum())) for sample in before]
        assert given in (expected, expected[::-1])
        visible.append(expected[0] != expected[1])
        swapped.append(given != expected)
    both = [n for n in range(0, 200, 2) if visible[n] and visible[n + 1]]
    assert len(both) > 50
    assert all(swapped[number] != swapped[number + 1] for number in both)
    assert 0.3 < np.mean([swapped[number] for number in both]) < 0.7


def test_composed_pairs_come_in_their_share_and_each_stream_is_counted_on_its_own(dataset: Path) -> None:
    layers = Layers()
    pairs = pairs_of(dataset, composed=layers, composed_share=0.8)
    writers = [pairs[number][1].writer for number in range(40)]
    composed = [writer == "somebody" for writer in writers]
    assert all(sum(composed[start : start + 5]) == 4 for start in range(0, 40, 5))
    assert [number for number, _, _ in layers.asked] == list(range(32))
    before = list(layers.asked)
    again = [pairs[number] for number in (39, 7)]  # whoever asks for what first
    assert layers.asked[-2:] == [before[composed[:39].count(True)], before[composed[:7].count(True)]]
    np.testing.assert_array_equal(again[1][0].image, pairs[7][0].image)


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (1.0, 10)])
def test_none_or_all_pairs_are_composed(dataset: Path, share: float, count: int) -> None:
    layers = Layers()
    pairs = pairs_of(dataset, composed=layers, composed_share=share)
    [pairs[number] for number in range(10)]
    assert len(layers.asked) == count


def test_what_was_written_outside_the_mask_is_ignored_in_positives_alone(dataset: Path) -> None:
    pairs = pairs_of(dataset, composed=Layers(), composed_share=1.0, launder=None, region_share=1.0)
    seen = False
    for number in range(8):
        negative, positive = pairs[number]
        assert not negative.mask.any()
        assert not negative.ignored.any()
        changed = (positive.image != negative.image).any(axis=-1)
        np.testing.assert_array_equal(positive.mask | positive.ignored, changed)
        assert not (positive.mask & positive.ignored).any()
        seen |= bool(positive.ignored.any())
    assert seen


def test_around_a_flaw_regenerated_photos_are_ignored(dataset: Path) -> None:
    pairs = pairs_of(dataset, launder=None, flawless_share=0.0, autoencoded_share=0.0)
    edits = set()
    for number in range(30):
        _, positive = pairs[number]
        expected = ~positive.mask if positive.edit is Edit.REGENERATED else np.zeros_like(positive.mask)
        np.testing.assert_array_equal(positive.ignored, expected & positive.valid)
        edits.add(positive.edit)
    assert Edit.REGENERATED in edits


def test_pairs_for_consistency_come_twice_at_one_geometry(dataset: Path) -> None:
    pairs = pairs_of(dataset, launder=Halving(), consistency_share=0.25)
    sizes = [len(pairs[number]) for number in range(40)]
    assert all(sorted(sizes[start : start + 4]) == [2, 2, 2, 4] for start in range(0, 40, 4))
    for number in [number for number in range(40) if sizes[number] == 4][:5]:
        samples = pairs[number]
        assert [sample.clean for sample in samples] == [-1, -1, 0, 1]
        assert [sample.pair for sample in samples] == [0, 0, 1, 1]
        for clean, laundered in zip(samples[:2], samples[2:], strict=True):
            np.testing.assert_array_equal(laundered.image, clean.image // 2)
            for name in ("mask", "ignored", "valid"):
                np.testing.assert_array_equal(getattr(laundered, name), getattr(clean, name))
            assert (laundered.label, laundered.edit) == (clean.label, clean.edit)
    assert {len(pairs_of(dataset, launder=None, consistency_share=1.0)[n]) for n in range(4)} == {2}


def test_a_batch_says_who_belongs_to_whom(dataset: Path) -> None:
    groups = [pairs_of(dataset, consistency_share=0.5)[number] for number in range(4)]
    batch = collate(groups)
    samples = [sample for group in groups for sample in group]
    assert [len(group) for group in groups] == [2, 4, 2, 4]
    assert batch["pair"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert batch["clean"].tolist() == [-1, -1, -1, -1, 2, 3, -1, -1, -1, -1, 8, 9]
    assert batch["number"].tolist() == [sample.number for sample in samples]
    np.testing.assert_array_equal(batch["ignored"][:, 0].numpy(), [sample.ignored for sample in samples])


def test_both_views_of_a_pair_are_shuffled_alike(dataset: Path) -> None:
    for number in range(12):
        true, shuffled = (
            pairs_of(dataset, consistency_share=1.0, shuffle_labels=shuffle, region_share=1.0)[number]
            for shuffle in (False, True)
        )
        labels = [sample.label for sample in shuffled]
        assert labels[:2] == labels[2:]
        assert sorted(labels) == sorted(sample.label for sample in true)


@pytest.mark.parametrize(
    "arguments",
    [
        {"crop_size": 100},
        {"region_share": 1.2},
        {"flawless_share": -0.1},
        {"autoencoded_share": 2.0},
        {"composed_share": 1.1},
        {"consistency_share": -1.0},
    ],
)
def test_one_line_for_values_out_of_range(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(arguments))):
        PairSettings(**arguments)
