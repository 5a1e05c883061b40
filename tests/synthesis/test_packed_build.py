"""A build that packs leaves the shards of a plain one that is packed afterwards, however often it stops."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.synthesis.builders import FakeInpainter, FakePhotos, build

from falseflaw.claim import release
from falseflaw.dataset.layers import LAYERS_FOLDER, LAYERS_NAME, read_layers
from falseflaw.dataset.manifest import MANIFEST_NAME
from falseflaw.dataset.packing import pack
from falseflaw.dataset.shards import open_files
from falseflaw.errors import ConfigurationError

pytest.importorskip("litdata")
LAYERS = {"layers": True, "layers_writers": 2, "limit_sources": 8}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A dataset with layers, built without packing and packed by the verb's function."""
    path = tmp_path_factory.mktemp("plain") / "d"
    build(path, FakePhotos(20), settings=LAYERS)
    assert pack(path, path / "shards").shards > 3
    release()
    return path


def contents(dataset):
    """Returns the bytes of all images, masks, lists and shards, without the time that litdata notes."""
    index = json.loads((dataset / "shards/index.json").read_bytes())
    index.pop("updated_at")
    patterns = ("*.parquet", "images/*", "masks/*", "shards/*.bin")
    found = {path.relative_to(dataset): path.read_bytes() for name in patterns for path in dataset.glob(name)}
    return found | {"index": index}


def assert_same(dataset, plain):
    assert contents(dataset) == contents(plain)
    assert not (dataset / LAYERS_FOLDER).exists()
    assert not {path.name for path in (dataset / "shards").iterdir() if path.suffix not in (".bin", ".json")}


def test_it_leaves_the_shards_of_the_plain_dataset_and_no_layers_beside_them(tmp_path, plain):
    report = build(tmp_path / "d", FakePhotos(20), settings=LAYERS, pack=True)
    assert report.layers == len(read_layers(plain))
    assert_same(tmp_path / "d", plain)
    assert not pack(tmp_path / "d", tmp_path / "d/shards").anew
    release()
    files = open_files(tmp_path / "d")
    for path in read_layers(plain)["path"]:
        assert files.read(path) == (plain / path).read_bytes()
    told = json.loads((tmp_path / "d/croissant.json").read_bytes())["distribution"]
    assert {"shard-files"} == {entry["@id"] for entry in told} & {"shard-files", "layer-files"}
    assert "`shards/` holds what" in (tmp_path / "d/DATASHEET.md").read_text()


@pytest.mark.parametrize("first", [False, True])
def test_it_goes_on_with_batches_that_are_plain_or_packed(tmp_path, plain, first):
    with pytest.raises(RuntimeError):
        build(tmp_path / "d", FakePhotos(20), FakeInpainter(fails_at=3), settings=LAYERS, pack=first)
    done = len(list((tmp_path / "d/parts").glob("batch-*.parquet")))
    assert done
    assert bool(list((tmp_path / "d" / LAYERS_FOLDER).iterdir())) is not first
    report = build(tmp_path / "d", FakePhotos(20), settings=LAYERS, pack=True)
    assert report.built <= report.sources - done  # none of them is made again
    assert_same(tmp_path / "d", plain)


def test_killed_between_the_shards_and_the_manifest_it_makes_no_batch_again(tmp_path, plain, monkeypatch):
    def killed(path, data):
        if path.name == MANIFEST_NAME:
            raise KeyboardInterrupt
        path.write_bytes(data)

    with monkeypatch.context() as patch:
        patch.setattr("falseflaw.synthesis.build.write_atomic", killed)
        with pytest.raises(KeyboardInterrupt):
            build(tmp_path / "d", FakePhotos(20), settings=LAYERS, pack=True)
    assert (tmp_path / "d" / LAYERS_NAME).exists()
    report = build(tmp_path / "d", FakePhotos(20), settings=LAYERS, pack=True)
    assert report.built == 0
    assert_same(tmp_path / "d", plain)


def test_a_shard_that_is_lost_on_the_way_is_made_again(tmp_path, plain):
    with pytest.raises(RuntimeError):
        build(tmp_path / "d", FakePhotos(20), FakeInpainter(fails_at=3), settings=LAYERS, pack=True)
    lost = min((tmp_path / "d/shards").glob("chunk-*.bin"))
    lost.write_bytes(b"half")
    build(tmp_path / "d", FakePhotos(20), settings=LAYERS, pack=True)
    assert_same(tmp_path / "d", plain)


def test_the_only_copy_of_layers_is_never_cleared(tmp_path):
    build(tmp_path / "d", FakePhotos(20), settings=LAYERS, pack=True)
    shards = tmp_path / "d/shards"
    min(shards.glob("chunk-1-*.bin")).unlink()
    before = sorted(path.name for path in shards.iterdir())
    with pytest.raises(ConfigurationError, match="leaves them in the dataset's shards alone"):
        pack(tmp_path / "d", shards, overwrite=True)
    release()
    assert sorted(path.name for path in shards.iterdir()) == before


RUN = """
import sys
from pathlib import Path
import ray
from tests.synthesis.builders import build
from tests.synthesis.test_packed_build import LAYERS, SlowPhotos
from falseflaw.synthesis.engines.ray import RayEngine

ray.init(
    address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=80 << 20
)
engine = RayEngine(actors=2, threads=1)
build(Path(sys.argv[1]), SlowPhotos(20), settings=LAYERS, engine=engine, pack=True)
"""


class SlowPhotos(FakePhotos):
    """Photos that take a while, so that a kill comes in the middle of a build."""

    def load(self, photo):
        time.sleep(0.3)
        return super().load(photo)


@pytest.mark.slow
def test_two_actors_pack_and_the_other_engine_goes_on_after_a_kill(tmp_path, plain):
    pytest.importorskip("ray")
    output = tmp_path / "d"
    command = [sys.executable, "-c", RUN, str(output)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.DEVNULL)
    try:
        while not list(output.glob("parts/batch-*.parquet")):
            assert process.poll() is None, "ended too early"
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    assert not (output / "shards/index.json").exists()
    assert list(output.glob("shards/parts/batch-*.json"))
    report = build(output, FakePhotos(20), settings=LAYERS, pack=True)
    assert report.built < LAYERS["limit_sources"]
    assert_same(output, plain)
