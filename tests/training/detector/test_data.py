import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tests.helpers import make_dataset

from falseflaw.dataset.manifest import MANIFEST_NAME, read_manifest, write_manifest
from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError, UnreadableImageError
from falseflaw.imaging import codec
from falseflaw.imaging.laundering.augmentation import RandomLaundering
from falseflaw.training.detector.crops import (
    EDITS,
    PhotoReader,
    TrainPairs,
    ValidationCrops,
    matched_sets,
    without_networks,
)
from falseflaw.training.detector.data import DetectorData, StreamSampler, collate
from falseflaw.types import MATCHED, Edit, Fold, Image, Mask


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("dataset"))


def pairs_of(dataset: Path, **changes: Any) -> TrainPairs:
    arguments: dict[str, Any] = {
        "crop_size": 64,
        "region_share": 0.8,
        "flawless_share": 0.2,
        "autoencoded_share": 0.3,
        "launder": RandomLaundering(resize_range=(0.7, 1.2)),
        "seed": 0,
    }
    sets = matched_sets(read_manifest(dataset), Fold.TRAIN)
    return TrainPairs(sets, PhotoReader(dataset), **{**arguments, **changes})


def data_of(dataset: Path, **changes: Any) -> DetectorData:
    arguments: dict[str, Any] = {"batch_size": 4, "crop_size": 64, "val_crop_size": 96}
    data = DetectorData(dataset, **{**arguments, **changes})
    data.setup("fit")
    return data


FLAWED = {Edit.SPLICED, Edit.FEATHERED, Edit.REGENERATED, Edit.AUTOENCODED}
LABELLED = [edit for edit in EDITS if edit in MATCHED and edit.label >= 0]


def test_pairs_are_one_negative_and_one_positive_that_look_alike(dataset: Path) -> None:
    pairs = pairs_of(dataset, launder=None)
    seen = [tuple(sample.edit for sample in pairs[number]) for number in range(300)]
    assert all((negative.label, positive.label) == (0, 1) for negative, positive in seen)
    assert all(negative.flawed == positive.flawed for negative, positive in seen)
    flawless = Counter(negative for negative, positive in seen if positive is Edit.REFILLED)
    assert set(flawless) == {Edit.AUTHENTIC, Edit.NULL_EDIT}
    assert 0.13 < flawless.total() / 300 < 0.27
    flawed = Counter(positive for negative, positive in seen if negative is Edit.SIMULATED_DAMAGE)
    assert flawless.total() + flawed.total() == 300
    assert set(flawed) == FLAWED
    assert 0.2 < flawed[Edit.AUTOENCODED] / flawed.total() < 0.4
    for edit in FLAWED - {Edit.AUTOENCODED}:
        assert 0.13 < flawed[edit] / flawed.total() < 0.33


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ({"flawless_share": 1.0}, {Edit.REFILLED}),
        ({"flawless_share": 0.0, "autoencoded_share": 1.0}, {Edit.AUTOENCODED}),
        ({"flawless_share": 0.0, "autoencoded_share": 0.0}, FLAWED - {Edit.AUTOENCODED}),
    ],
)
def test_shares_of_none_and_all_are_kept(
    dataset: Path, shares: dict[str, float], expected: set[Edit]
) -> None:
    pairs = pairs_of(dataset, launder=None, **shares)
    assert {pairs[number][1].edit for number in range(60)} == expected


def by_two(dataset: Path) -> pd.DataFrame:
    """The dataset as if two generators and two autoencoders had made it, source by source."""
    rows = read_manifest(dataset)
    second = rows["source_id"].isin(sorted(set(rows["source_id"]))[4:])
    for name in ("checker", "twin"):
        rows.loc[second & (rows["generator"] == name), "generator"] = f"other-{name}"
    return rows


@pytest.mark.parametrize("names", [["checker"], ["other-twin"], ["checker", "twin"]])
def test_left_out_networks_write_no_pixel_of_training_or_validation(
    dataset: Path, tmp_path: Path, names: list[str]
) -> None:
    rows = by_two(dataset)
    folder = Path(shutil.copytree(dataset, tmp_path / "d"))
    write_manifest(rows, folder / MANIFEST_NAME)
    data = data_of(folder, leave_out=names, flawless_share=0.4)
    writer = rows.set_index("path")["generator"]
    used = {path for matched in data.train_sets + data.val_sets for path in matched.paths.values()}
    assert not set(writer[list(used)]) & set(names)
    kept = set(without_networks(rows, names)["path"])
    assert kept == set(rows.loc[~rows["generator"].isin(names), "path"])
    for batch in (*data.train_dataloader(), *data.val_dataloader()):
        assert len(batch["label"]) > 0
    if names == ["checker"]:  # its sources keep simulated damage and the autoencoded photo
        assert any(not matched.inpainted for matched in data.train_sets)
        assert any(matched.inpainted for matched in data.train_sets)


def test_an_unknown_network_to_leave_out_is_one_line(dataset: Path) -> None:
    with pytest.raises(InvalidDataError, match=r"leave_out \(checker, twin\), got 'flux'") as caught:
        data_of(dataset, leave_out=["checker", "flux"])
    assert "\n" not in str(caught.value)
    with pytest.raises(InvalidDataError, match="got ''"):  # nor would it leave all negatives out
        data_of(dataset, leave_out=[""])


def test_every_source_comes_once_per_pass_in_changing_order(dataset: Path) -> None:
    pairs = pairs_of(dataset)
    count = len(pairs.sets)
    orders = [pairs._order(turn).tolist() for turn in range(6)]
    assert all(sorted(order) == list(range(count)) for order in orders)
    assert len({tuple(order) for order in orders}) > 1


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


def test_crops_shift_the_jpeg_grid(dataset: Path) -> None:
    boxes = []

    def launder(image: Image, mask: Mask, seed: int) -> tuple[Image, Mask]:
        boxes.append(image.shape)
        return image, mask

    launder.smallest_factor = 0.5  # type: ignore[attr-defined]
    pairs = pairs_of(dataset, crop_size=32, launder=launder)
    for number in range(4):
        assert pairs[number][0].image.shape == (32, 32, 3)
    assert set(boxes) == {(80, 80, 3)}  # room for a resize to one half and a margin of two blocks


def test_validation_is_fixed_and_centered(dataset: Path) -> None:
    sets = matched_sets(read_manifest(dataset), Fold.VAL)
    crops = ValidationCrops(sets, PhotoReader(dataset), 64, RandomLaundering(share=1.0), 0)
    assert len(crops) == len(sets) * 2 * len(LABELLED)
    again = ValidationCrops(sets, PhotoReader(dataset, cache=True), 64, RandomLaundering(share=1.0), 0)
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


def test_no_fold_but_train_and_val_is_reachable(dataset: Path) -> None:
    rows = read_manifest(dataset)
    data = data_of(dataset)
    used = {path for matched in data.train_sets + data.val_sets for path in matched.paths.values()}
    folds = rows[rows["path"].isin(used)]["fold"]
    assert set(folds) == {"train", "val"}
    used_train = {path for matched in data.train_sets for path in matched.paths.values()}
    assert set(rows[rows["path"].isin(used_train)]["fold"]) == {"train"}
    assert type(data).test_dataloader is type(data).__mro__[1].test_dataloader  # Lightning's, which has none
    assert type(data).predict_dataloader is type(data).__mro__[1].predict_dataloader


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_do_not_depend_on_workers(dataset: Path, workers: int) -> None:
    data = data_of(dataset, augment=RandomLaundering(), workers=workers)
    batches = list(data.train_dataloader())
    assert len(batches) == 2  # four sources, two pairs a batch
    pairs = TrainPairs(data.train_sets, PhotoReader(dataset), 64, 0.8, 0.2, 0.3, RandomLaundering(), 0)
    for index, batch in enumerate(batches):
        expected = collate([pairs[2 * index], pairs[2 * index + 1]])
        assert batch.keys() == expected.keys()
        for name in batch:
            torch.testing.assert_close(batch[name], expected[name])
    first = batches[0]
    assert first["image"].shape == (4, 3, 64, 64)
    assert first["image"].is_contiguous(memory_format=torch.channels_last)
    assert first["valid"].shape == first["mask"].shape == (4, 1, 64, 64)


def test_validation_keeps_the_last_batch(dataset: Path) -> None:
    data = data_of(dataset, val_batch_size=3)
    numbers = torch.cat([batch["number"] for batch in data.val_dataloader()])
    assert numbers.tolist() == list(range(len(data.val_sets) * len(LABELLED)))


class Standing:
    """Stands for a data module of one process among several, some batches into the training."""

    repeat_batches: int | None = None

    def __init__(self, done: int, rank: int, ranks: int) -> None:
        self.place = (done, rank, ranks)

    def position(self) -> tuple[int, int, int]:
        return self.place


def test_processes_and_resumed_trainings_share_out_the_stream() -> None:
    def numbers(done: int, rank: int, ranks: int, batches: int) -> list[int]:
        return list(StreamSampler(batches, 3, Standing(done, rank, ranks)))  # type: ignore[arg-type]

    whole = numbers(0, 0, 1, 8)
    assert whole == list(range(24))
    assert numbers(0, 0, 1, 3) + numbers(3, 0, 1, 5) == whole
    both = [set(numbers(0, rank, 2, 4)) for rank in range(2)]
    assert not both[0] & both[1]
    assert both[0] | both[1] == set(whole)


def test_repeated_batches_come_again(dataset: Path) -> None:
    data = data_of(dataset, repeat_batches=1, augment=RandomLaundering())
    first, second = data.train_dataloader()
    torch.testing.assert_close(first["image"], second["image"])


def test_incomplete_sets_are_left_out_and_an_empty_fold_is_one_line(dataset: Path) -> None:
    rows = read_manifest(dataset)
    source = rows[rows["fold"] == "train"]["source_id"].iloc[0]
    damage = rows["edit"] == str(Edit.SIMULATED_DAMAGE)
    some = rows[~((rows["source_id"] == source) & damage)]
    assert source not in {matched.source_id for matched in matched_sets(some, Fold.TRAIN)}
    with pytest.raises(InvalidDataError, match="fold val, found none"):
        matched_sets(rows[~damage], Fold.VAL)


def test_broken_datasets_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="falseflaw synthesize"):
        data_of(tmp_path / "nothing")
    with pytest.raises(MissingDataError, match=MANIFEST_NAME):
        data_of(tmp_path)
    folder = make_dataset(tmp_path / "broken")
    rows = read_manifest(folder)
    fakes = rows[(rows["fold"] == "train")]["path"]
    for path in fakes:
        (folder / path).write_bytes(b"")
    with pytest.raises(UnreadableImageError, match="empty"):
        next(iter(data_of(folder, augment=None).train_dataloader()))
    for path in fakes:
        codec.write_atomic(folder / path, codec.encode_jpeg(np.zeros((50, 50, 3), np.uint8), 90))
    with pytest.raises(InvalidDataError, match="128x96 pixels like its region, got 50x50"):
        next(iter(data_of(folder, augment=None).train_dataloader()))


def test_manifest_without_val_fold_fails_before_training(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d")
    rows = read_manifest(folder)
    write_manifest(pd.DataFrame(rows[rows["fold"] != "val"]), folder / MANIFEST_NAME)
    with pytest.raises(InvalidDataError, match="fold val"):
        data_of(folder)


@pytest.mark.parametrize(
    "arguments",
    [
        {"batch_size": 3},
        {"crop_size": 100},
        {"val_crop_size": 0},
        {"region_share": 1.2},
        {"flawless_share": -0.1},
        {"autoencoded_share": 2.0},
        {"workers": -1},
        {"val_sources": 0},
        {"repeat_batches": 0},
    ],
)
def test_one_line_for_values_out_of_range(dataset: Path, arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(arguments))):
        DetectorData(dataset, **arguments)


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
