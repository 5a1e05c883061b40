import numpy as np
import pandas as pd
import pytest
from tests.helpers import make_dataset

from falseflaw.dataset.layers import (
    LAYER_SCHEMA,
    LAYERS_NAME,
    Base,
    Content,
    LayerRow,
    changed_box,
    read_layers,
    validate_layers,
    write_layers,
)
from falseflaw.dataset.lineage import learnt_from
from falseflaw.dataset.manifest import read_manifest
from falseflaw.errors import InvalidDataError, UnreadableImageError
from falseflaw.imaging.crop import Box
from falseflaw.imaging.lossless import decode_lossless, encode_lossless
from falseflaw.types import Fold


def row(**changes):
    values = {
        "path": f"layers/{changes.get('content', 'photo')}{changes.get('writer', '')}.webp",
        "sha256": "0" * 64,
        "source_id": "far/000",
        "group": "far/000",
        "contributor": "somebody-else",
        "photo_set": "tiny",
        "product": "shirt",
        "fold": Fold.TRAIN,
        "window": 0,
        "base": Base.AUTHENTIC,
        "content": Content.PHOTO,
        **dict.fromkeys(("top", "left", "window_top", "window_left"), 0),
        **dict.fromkeys(("height", "window_height", "photo_height"), 40),
        **dict.fromkeys(("width", "window_width", "photo_width"), 50),
    }
    return LayerRow(**values | changes).columns()


def table(*rows):
    return pd.DataFrame(list(rows), columns=LAYER_SCHEMA.names)


WRITTEN = row(content=Content.REWRITTEN, writer="twin")


@pytest.fixture
def dataset(tmp_path):
    return make_dataset(tmp_path / "dataset", sources=8)


def test_layers_come_back_as_they_were_written(dataset):
    rows = table(WRITTEN, row())
    write_layers(rows, read_manifest(dataset), dataset)
    found = read_layers(dataset)
    assert list(found["content"]) == ["photo", "rewritten"]
    assert set(found["writer"]) == {"", "twin"}


def test_whoever_took_a_photo_with_layers_alone_is_learnt_from(dataset):
    before = learnt_from(dataset)["contributors"]
    write_layers(table(row(), WRITTEN), read_manifest(dataset), dataset)
    assert set(learnt_from(dataset)["contributors"]) == {*before, "tiny/somebody-else"}


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([row(base="flawed")], "unknown base"),
        ([row(), row(content="guess", writer="twin")], "unknown content"),
        ([row(writer="twin")], "expected a writer"),
        ([row(), row(content=Content.REWRITTEN)], "expected a writer"),
        ([row(), row()], "path stands twice"),
        ([row(fold=Fold.TEST)], "fold train alone"),
        ([row(fold=Fold.INPAINTER)], "fold train alone"),
        ([WRITTEN], "authentic photo of far/000"),
        ([row(), WRITTEN | {"window": 1}], "authentic photo of far/000"),
    ],
)
def test_layers_that_break_a_rule_are_refused(dataset, rows, what):
    with pytest.raises(InvalidDataError, match=what):
        validate_layers(table(*rows), read_manifest(dataset))


@pytest.mark.parametrize("column", ["source_id", "contributor", "group"])
def test_layers_of_whoever_is_tested_are_refused(dataset, column):
    manifest = read_manifest(dataset)
    tested = manifest.loc[manifest["fold"] == Fold.TEST, column].iloc[0]
    with pytest.raises(InvalidDataError, match=f"{column} {tested} .* crosses folds"):
        validate_layers(table(row(**{column: tested})), manifest)


def test_a_broken_list_is_told(dataset):
    (dataset / LAYERS_NAME).write_bytes(b"PAR1")
    with pytest.raises(InvalidDataError, match="build it again"):
        read_layers(dataset)


def test_the_changed_box_holds_every_pixel_that_differs():
    before = np.zeros((20, 30, 3), np.uint8)
    after = before.copy()
    assert changed_box(before, after) is None
    after[4, 7, 1] = after[9, 20, 2] = 1
    assert changed_box(before, after) == Box(4, 7, 6, 14)


def test_lossless_files_give_every_pixel_back(tmp_path, rng):
    photo = rng.integers(0, 256, (31, 47, 3), dtype=np.uint8)
    path = tmp_path / "photo.webp"
    path.write_bytes(encode_lossless(photo))
    assert np.array_equal(decode_lossless(path), photo)
    for broken in (b"", encode_lossless(photo)[:200]):
        path.write_bytes(broken)
        with pytest.raises(UnreadableImageError, match=r"photo\.webp"):
            decode_lossless(path)
