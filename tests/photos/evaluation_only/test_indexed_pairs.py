from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.photos.layouts import spot, write_pairs

from falseflaw.errors import InvalidDataError, MissingDataError
from falseflaw.imaging import codec
from falseflaw.photos.evaluation_only.indexed_pairs import IndexedPairs
from falseflaw.types import Fold

TABLE = "stem,fold,group,generator\nfill_1,val,one,SDXL\nreplace_a,val,one,LaMa\nfill_2,test,two,FLUX\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = write_pairs(tmp_path / "pairs")
    (folder / "pairs.csv").write_text(TABLE)
    mask = np.zeros(spot().shape, bool)
    mask[3:9, 4:20] = True
    codec.write_atomic(folder / "mask/fill_1.png", codec.encode_png(mask))
    return folder


def test_the_table_says_fold_group_and_generator(root):
    items = {item.photo.photo_id.split("/")[1]: item for item in IndexedPairs(root).items()}
    assert {name: item.photo.fold for name, item in items.items()} == {
        "fill_1": Fold.VAL,
        "replace_a": Fold.VAL,
        "fill_2": Fold.TEST,
    }
    assert items["fill_1"].photo.group == items["replace_a"].photo.group != items["fill_2"].photo.group
    assert {name: item.generator for name, item in items.items()} == {
        "fill_1": "SDXL",
        "replace_a": "LaMa",
        "fill_2": "FLUX",
    }


def test_the_authors_mask_goes_before_the_difference(root):
    source = IndexedPairs(root)
    pixels = {item.photo.photo_id.split("/")[1]: source.read(item) for item in source.items()}
    assert pixels["fill_1"].origin == "annotated mask"
    assert pixels["fill_1"].region.sum() == 6 * 16
    assert pixels["fill_2"].origin == "difference"
    assert (pixels["fill_2"].region == spot()).mean() > 0.93


def test_a_mask_that_does_not_fit_is_told(root):
    for mask in (np.zeros(spot().shape, bool), np.ones((8, 8), bool)):
        codec.write_atomic(root / "mask/fill_1.png", codec.encode_png(mask))
        source = IndexedPairs(root)
        with pytest.raises(InvalidDataError, match="expected a mask of 96x72"):
            source.read(source.items()[0])


@pytest.mark.parametrize(
    ("table", "error", "words"),
    [
        ("", MissingDataError, "expected pairs"),
        ("stem,fold\nfill_1,val\n", InvalidDataError, "expected group in line 2"),
        (TABLE.replace(",test,", ",train,"), InvalidDataError, "line 4 of .* got 'train'"),
    ],
)
def test_tables_that_cannot_be_used_are_one_line(root, table, error, words):
    (root / "pairs.csv").write_text(table)
    with pytest.raises(error, match=words):
        IndexedPairs(root).items()
    (root / "pairs.csv").unlink()
    with pytest.raises(MissingDataError, match=r"pairs\.csv"):
        IndexedPairs(root).items()
