import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tests.helpers import make_dataset
from tests.synthesis.builders import FakePhotos, build

from falseflaw.dataset.layers import LAYERS_NAME, read_layers
from falseflaw.dataset.manifest import MANIFEST_NAME, read_manifest, write_manifest
from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError, UnreadableImageError
from falseflaw.imaging import codec
from falseflaw.imaging.laundering.augmentation import RandomLaundering
from falseflaw.training.detector.crops import EDITS
from falseflaw.training.detector.data import DetectorData, StreamSampler, collate
from falseflaw.training.detector.matched_sets import FinishedPairs, PhotoReader, without_networks
from falseflaw.training.detector.pairs import PairSettings, TrainPairs
from falseflaw.types import MATCHED, Edit

SETTINGS = PairSettings(crop_size=64)


def data_of(dataset: Path, **changes: Any) -> DetectorData:
    arguments: dict[str, Any] = {"batch_size": 4, "pairs": SETTINGS, "val_crop_size": 96}
    data = DetectorData(dataset, **{**arguments, **changes})
    data.setup("fit")
    return data


LABELLED = [edit for edit in EDITS if edit in MATCHED and edit.label >= 0]


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
    data = data_of(folder, leave_out=names, pairs=PairSettings(crop_size=64, flawless_share=0.4))
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
    finished = FinishedPairs(data.train_sets, PhotoReader(dataset), 0.2, 0.3, 0.3, 0)
    pairs = TrainPairs(finished, SETTINGS, RandomLaundering(), 0)
    for index, batch in enumerate(batches):
        expected = collate([pairs[2 * index], pairs[2 * index + 1]])
        assert batch.keys() == expected.keys()
        assert batch.pop("writer") == expected.pop("writer")
        for name in batch:
            torch.testing.assert_close(batch[name], expected[name])
    first = batches[0]
    assert first["image"].shape == (4, 3, 64, 64)
    assert first["image"].is_contiguous(memory_format=torch.channels_last)
    assert first["valid"].shape == first["mask"].shape == (4, 1, 64, 64)


def test_validation_keeps_the_last_batch(dataset: Path) -> None:
    data = data_of(dataset, val_batch_size=3, val_scales=[])
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
    both = [numbers(0, rank, 2, 4) for rank in range(2)]
    for step in range(4):  # two processes together take in a step what one with twice the batch takes in it
        together = [number for each in both for number in each[3 * step : 3 * step + 3]]
        assert together == whole[6 * step : 6 * step + 6]


def test_repeated_batches_come_again(dataset: Path) -> None:
    data = data_of(dataset, repeat_batches=1, augment=RandomLaundering())
    first, second = data.train_dataloader()
    torch.testing.assert_close(first["image"], second["image"])


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
        {"val_crop_size": 0},
        {"val_scales": [0.0]},
        {"leave_out_edits": ["blurred"]},
        {"workers": -1},
        {"val_sources": 0},
        {"repeat_batches": 0},
    ],
)
def test_one_line_for_values_out_of_range(dataset: Path, arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(arguments))):
        DetectorData(dataset, **arguments)


def test_edits_and_photo_sets_left_out_of_training_stay_in_validation(dataset: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(dataset, tmp_path / "d"))
    rows = read_manifest(folder)
    originals = rows["source_id"].isin(sorted(set(rows[rows["fold"] != "test"]["source_id"]))[:2])
    rows.loc[originals, "photo_set"] = "camera_originals"
    write_manifest(rows, folder / MANIFEST_NAME)
    whole = data_of(folder)
    less = data_of(folder, leave_out_photo_sets=["camera_originals"], leave_out_edits=["null_edit"])
    assert less.val_sets == whole.val_sets
    assert any(matched.camera_original for matched in whole.train_sets)
    assert any(matched.camera_original for matched in less.val_sets)
    assert not any(matched.camera_original for matched in less.train_sets)
    assert not any(Edit.NULL_EDIT in matched.paths for matched in less.train_sets)
    assert all(Edit.NULL_EDIT in matched.paths for matched in less.val_sets)


@pytest.fixture(scope="module")
def layered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with layers, of which one source of fold train is a camera original."""
    path = tmp_path_factory.mktemp("datasets") / "layers"
    changes = {"layers": True, "layers_writers": 2, "layers_only_sources": None, "limit_sources": 6}
    build(path, FakePhotos(20), settings=changes)
    for name, read, write in (
        (MANIFEST_NAME, lambda: read_manifest(path), write_manifest),
        (LAYERS_NAME, lambda: read_layers(path), lambda rows, file: rows.to_parquet(file)),
    ):
        rows = read()
        train = sorted(set(rows[rows["fold"] == "train"]["source_id"]))
        rows.loc[rows["source_id"] == train[0], "photo_set"] = "camera_originals"
        write(rows, path / name)
    return path


def test_most_pairs_of_a_dataset_with_layers_are_composed(layered: Path) -> None:
    data = data_of(layered, batch_size=10, augment=RandomLaundering())
    batch = next(iter(data.train_dataloader()))
    again = next(iter(data_of(layered, batch_size=10, augment=RandomLaundering()).train_dataloader()))
    torch.testing.assert_close(batch["image"], again["image"])
    assert data.composer is not None
    assert len(batch["label"]) == 12  # five pairs, one of which comes twice
    assert data_of(layered, pairs=PairSettings(crop_size=64, composed_share=0.0)).composer is None


def test_writers_and_photo_sets_left_out_are_in_no_composed_pair(layered: Path) -> None:
    whole = data_of(layered)
    assert whole.composer is not None
    writers = {whole.composer.compose(number, 64, True).writer for number in range(30)}
    assert len(writers) > 1
    left_out = sorted(writers)[0]
    less = data_of(layered, leave_out=[left_out], leave_out_photo_sets=["camera_originals"])
    assert less.composer is not None
    assert len(less.composer) == len(whole.composer) - 1
    assert left_out not in {less.composer.compose(number, 64, True).writer for number in range(30)}
    with pytest.raises(InvalidDataError, match="leave_out"):
        data_of(layered, leave_out=["nobody"])


def test_layers_of_further_datasets_are_trained_on_and_nothing_else_of_them(
    layered: Path, dataset: Path
) -> None:
    own = data_of(layered)
    both = data_of(layered, further_layers=[str(layered)])
    assert own.composer is not None
    assert both.composer is not None
    assert len(both.composer) == 2 * len(own.composer)
    assert (len(both.train_sets), both.val_sets) == (len(own.train_sets), own.val_sets)
    alone = data_of(dataset, further_layers=[str(layered)])  # the dataset itself has none
    assert alone.composer is not None
    assert len(alone.composer) == len(own.composer)
    with pytest.raises(MissingDataError, match="nowhere"):
        data_of(layered, further_layers=["nowhere"])


def test_further_layers_show_nobody_whom_the_dataset_keeps_from_training(
    layered: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(layered, tmp_path / "other"))
    rows, own = read_layers(other), read_manifest(layered)
    rows["contributor"] = own.loc[own["fold"] == "val", "contributor"].iloc[0]
    rows.to_parquet(other / LAYERS_NAME)
    with pytest.raises(InvalidDataError, match=r"for validation or tests, got fake/person-\d+; build both"):
        data_of(layered, further_layers=[str(other)])
