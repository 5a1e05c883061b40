"""Training from shards sees what training from the dataset's folder sees."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.synthesis.builders import FakePhotos, build

from falseflaw.claim import release
from falseflaw.dataset.packing import pack
from falseflaw.imaging.laundering.augmentation import RandomLaundering
from falseflaw.models.checkpoint import load_detector
from falseflaw.training.detector.data import DetectorData
from falseflaw.training.detector.pairs import PairSettings
from falseflaw.training.detector.run import TrainingResult

pytest.importorskip("litdata")

LAYERS = {
    "layers": True,
    "layers_writers": 2,
    "layers_only_sources": None,
    "layers_whole": 128,
    "layers_window": 112,
    "limit_sources": 6,
}


@pytest.fixture(scope="module")
def layered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with layers, packed; `bare` beside it has no file but the lists and the shards."""
    path = tmp_path_factory.mktemp("streaming") / "d"
    build(path, FakePhotos(20), settings=LAYERS)
    pack(path, path / "shards", shard_megabytes=1)
    release()
    bare = path.with_name("bare")
    bare.mkdir()
    for name in ("manifest.parquet", "layers.parquet", "shards"):
        (bare / name).symlink_to(path / name)
    return path


def data_of(dataset: Path, **changes: Any) -> DetectorData:
    settings = PairSettings(crop_size=64, composed_share=0.5)
    given = {"batch_size": 4, "pairs": settings, "val_crop_size": 96, "augment": RandomLaundering()}
    data = DetectorData(dataset, **{**given, **changes})
    data.setup("fit")
    return data


def batches(data: DetectorData, done: int, count: int) -> Iterator[dict[str, Any]]:
    """The training batches from number `done` on."""
    data.position = lambda: (done, 0, 1)  # type: ignore[method-assign]
    while count:
        for batch in list(data.train_dataloader())[:count]:
            count -= 1
            done += 1
            yield batch


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        if name == "writer":
            assert one[name] == other[name]
        else:
            assert torch.equal(one[name], other[name]), name


@pytest.mark.parametrize("workers", [0, 2])
def test_pairs_and_validation_are_those_of_the_folder(layered: Path, workers: int) -> None:
    bare = layered.with_name("bare")
    plain, streamed = data_of(layered), data_of(bare, shards=str(bare / "shards"), workers=workers)
    assert plain.composer is not None
    for one, other in zip(batches(plain, 0, 6), batches(streamed, 0, 6), strict=True):
        assert_same(one, other)
    for one, other in zip(plain.val_dataloader(), streamed.val_dataloader(), strict=True):
        assert_same(one, other)


def test_pairs_of_a_dataset_that_was_built_into_shards_are_those_of_files(
    layered: Path, tmp_path: Path
) -> None:
    build(tmp_path / "d", FakePhotos(20), settings=LAYERS, pack=True)
    plain, streamed = data_of(layered), data_of(tmp_path / "d")  # found without being named
    further = data_of(layered, further_layers=(tmp_path / "d",), val_sources=1)
    assert further.composer is not None
    for one, other in zip(batches(plain, 0, 6), batches(streamed, 0, 6), strict=True):
        assert_same(one, other)
    assert next(batches(further, 0, 1))


def test_a_stream_goes_on_in_the_middle(layered: Path) -> None:
    plain, streamed = data_of(layered), data_of(layered, shards=str(layered / "shards"))
    whole = list(batches(plain, 0, 5))
    for one, other in zip(whole[3:], batches(streamed, 3, 2), strict=True):
        assert_same(one, other)


def test_a_training_from_shards_ends_with_the_same_weights(
    tiny_dataset: Path, train_tiny: Callable[..., TrainingResult], tmp_path: Path
) -> None:
    pack(tiny_dataset, tmp_path / "shards")
    release()
    steps = {"trainer": {"max_steps": 2}}
    plain = train_tiny(tmp_path / "plain", **steps)
    streamed = train_tiny(tmp_path / "streamed", data={"shards": str(tmp_path / "shards")}, **steps)
    one, other = (load_detector(result.last).state_dict() for result in (plain, streamed))
    for name, value in one.items():
        assert torch.equal(value, other[name]), name
