import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.helpers import make_dataset

from falseflaw.claim import release
from falseflaw.dataset import shards
from falseflaw.dataset.batch_shards import pack_batch, plan_items, read_mark
from falseflaw.dataset.files import FolderFiles
from falseflaw.dataset.layers import read_layers
from falseflaw.dataset.manifest import MANIFEST_NAME, read_manifest, write_manifest
from falseflaw.dataset.packing import pack
from falseflaw.dataset.shards import ShardFiles, join_files, open_shards, split_files
from falseflaw.errors import (
    ConfigurationError,
    FalseFlawError,
    InvalidDataError,
    MissingDataError,
    MissingExtraError,
    UnreadableImageError,
)

FILES = [("images/a.jpg", b"first"), ("masks/é.png", b""), ("layers/b.webp", bytes(range(256)))]


@pytest.fixture(autouse=True)
def released():  # type: ignore[no-untyped-def]
    yield
    release()


@pytest.fixture
def litdata() -> None:
    pytest.importorskip("litdata")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built in three batches."""
    folder = make_dataset(tmp_path_factory.mktemp("shards") / "d")
    rows = read_manifest(folder)
    sources = sorted(set(rows["source_id"]))
    rows["batch"] = [sources.index(source) // 3 for source in rows["source_id"]]
    write_manifest(rows, folder / MANIFEST_NAME)
    return folder


@pytest.fixture(scope="module")
def packed(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("litdata")
    output = tmp_path_factory.mktemp("packed") / "shards"
    pack(dataset, output)
    release()
    return output


def one_line(caught: pytest.ExceptionInfo[FalseFlawError]) -> str:
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_item_gives_back_its_files_and_says_when_it_is_not_whole() -> None:
    item = join_files(FILES)
    assert [(name, bytes(content)) for name, content in split_files(item).items()] == FILES
    for broken in (item[:-1], item + b"x", item[:10], b""):
        with pytest.raises(ValueError, match=r"expected|Expecting|Unterminated"):
            split_files(broken)


def test_shards_hold_what_training_reads_byte_for_byte(dataset: Path, packed: Path) -> None:
    rows = read_manifest(dataset)
    files = ShardFiles(str(packed), dataset)
    copy = pickle.loads(pickle.dumps(files))  # as a loader process that is spawned gets it
    read = rows[rows["fold"] != "test"]
    for path in [*read["path"], *read["region_path"]]:
        assert files.read(path) == copy.read(path) == (dataset / path).read_bytes()
    for path in (rows.loc[rows["fold"] == "test", "path"].iloc[0], "images/nowhere.jpg"):
        with pytest.raises(UnreadableImageError, match="hold folds train and val alone"):
            files.read(path)


def test_files_with_equal_digests_are_told_apart(
    dataset: Path, tmp_path: Path, litdata: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "_key", lambda path: 7)
    pack(dataset, tmp_path / "s")
    files = ShardFiles(str(tmp_path / "s"), dataset)
    rows = read_manifest(dataset)
    for path in rows.loc[rows["fold"] == "train", "path"]:
        assert files.read(path) == (dataset / path).read_bytes()


def test_what_is_packed_already_stays(dataset: Path, packed: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in packed.iterdir()}
    again = pack(dataset, packed)
    assert not again.anew
    assert (again.items, again.shards) == (6, 4)  # three quarters of eight sources are of folds train and val
    assert {path.name: path.stat().st_mtime_ns for path in packed.iterdir()} == before


def test_a_packing_that_was_killed_is_never_taken_for_whole_and_goes_on(
    dataset: Path, packed: Path, tmp_path: Path
) -> None:
    def killed(batches):  # type: ignore[no-untyped-def]
        yield from batches[:2]
        raise KeyboardInterrupt

    output = tmp_path / "s"
    with pytest.raises(KeyboardInterrupt):
        pack(dataset, output, bar=killed)
    (output / "chunk-0-0.bin").write_bytes(b"half")
    (output / "0.index.json").write_text("{")
    (output / "9.index.json").write_text("{}")
    (output / "chunk-2-0.bin").write_bytes(b"half")
    (output / "chunk-7-0.bin").write_bytes(b"of nobody")
    with pytest.raises(MissingDataError, match="which is written last, is not there") as caught:
        ShardFiles(str(output), dataset)
    one_line(caught)
    left = []

    def seen(batches):  # type: ignore[no-untyped-def]
        left.extend(batches)
        return batches

    assert pack(dataset, output, bar=seen).anew
    assert left == [1, 2]  # of 0, 1 and 2
    assert contents(output) == contents(packed)


def contents(folder: Path) -> dict[str, object]:
    """Returns what lies in a folder of shards, without the time that litdata notes."""
    index = json.loads((folder / "index.json").read_bytes())
    index.pop("updated_at")
    return {path.name: path.read_bytes() for path in folder.iterdir()} | {"index.json": index}


def test_a_batch_of_another_state_or_size_is_packed_again(
    dataset: Path, tmp_path: Path, litdata: None
) -> None:
    items = plan_items(read_manifest(dataset), read_layers(dataset))[0]
    pack_batch(FolderFiles(dataset), items, tmp_path, 0, 1)
    assert read_mark(tmp_path, 0, items, 1) is not None
    assert read_mark(tmp_path, 0, items, 2) is None
    assert read_mark(tmp_path, 0, [dict.fromkeys(item, "other") for item in items], 1) is None
    assert read_mark(tmp_path, 1, items, 1) is None


@pytest.mark.parametrize("left", [100, None])
def test_a_truncated_or_missing_shard_is_one_line(
    dataset: Path, packed: Path, tmp_path: Path, left: int | None
) -> None:
    output = Path(shutil.copytree(packed, tmp_path / "s"))
    chunk = output / "chunk-1-0.bin"
    size = chunk.stat().st_size
    if left is None:
        chunk.unlink()
    else:
        chunk.write_bytes(chunk.read_bytes()[:left])
    with pytest.raises(
        InvalidDataError, match=f"expected {size} bytes in .*, got {left or 0}; copy"
    ) as caught:
        ShardFiles(str(output), dataset)
    one_line(caught)


def test_shards_that_rot_are_one_line(dataset: Path, packed: Path, tmp_path: Path) -> None:
    output = Path(shutil.copytree(packed, tmp_path / "s"))
    chunk = output / "chunk-0-0.bin"
    chunk.write_bytes(b"\xff" * chunk.stat().st_size)
    with pytest.raises(InvalidDataError, match="cannot read item 0 of the shards") as caught:
        ShardFiles(str(output), dataset)
    one_line(caught)


def test_shards_of_another_state_of_the_dataset_are_refused(
    dataset: Path, packed: Path, tmp_path: Path
) -> None:
    changed = Path(shutil.copytree(dataset, tmp_path / "d"))
    rows = read_manifest(changed)
    rows["steps"] = 3
    write_manifest(rows, changed / MANIFEST_NAME)
    output = Path(shutil.copytree(packed, tmp_path / "s"))
    with pytest.raises(InvalidDataError, match="of another dataset, or of an earlier state") as caught:
        ShardFiles(str(output), changed)
    one_line(caught)
    with pytest.raises(ConfigurationError, match="choose another output or pass overwrite=true") as refused:
        pack(changed, output)
    one_line(refused)
    assert pack(changed, output, overwrite=True).anew
    ShardFiles(str(output), changed)


def test_a_changed_file_is_not_packed(dataset: Path, tmp_path: Path, litdata: None) -> None:
    changed = Path(shutil.copytree(dataset, tmp_path / "d"))
    (changed / read_manifest(changed)["path"].iloc[0]).write_bytes(b"other")
    with pytest.raises(InvalidDataError, match="sha256 differs; build the dataset again"):
        pack(changed, tmp_path / "s")
    assert not (tmp_path / "s/index.json").exists()


def test_nothing_of_others_is_touched(dataset: Path, tmp_path: Path, litdata: None) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigurationError, match=r"found mine.txt; choose another output"):
        pack(dataset, tmp_path)


def test_two_packings_at_once_do_not_meet(dataset: Path, tmp_path: Path, litdata: None) -> None:
    code = (
        "import sys; from pathlib import Path; from falseflaw.claim import claim; "
        "claim(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "s")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(ConfigurationError, match="no other process writes to, but one is at work"):
            pack(dataset, tmp_path / "s")
        other.communicate()
    assert pack(dataset, tmp_path / "s").anew


def test_without_the_extra_one_line_says_what_to_install(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards.importlib.util, "find_spec", lambda name: None)
    for call in (lambda: pack(dataset, tmp_path / "s"), lambda: ShardFiles(str(tmp_path), dataset)):
        with pytest.raises(MissingExtraError, match=r"pip install 'falseflaw\[streaming\]'") as caught:
            call()
        one_line(caught)
    assert not (tmp_path / "s").exists()


def test_no_shards_say_how_to_pack(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="pack the dataset with `falseflaw shard dataset=") as caught:
        open_shards(str(tmp_path / "none"), dataset)
    one_line(caught)
