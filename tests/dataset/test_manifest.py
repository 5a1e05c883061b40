import numpy as np
import pandas as pd
import pytest
from tests.helpers import make_dataset

from falseflaw.dataset.manifest import (
    MANIFEST_NAME,
    SCHEMA,
    SHARED,
    ManifestRow,
    read_manifest,
    validate,
    write_manifest,
)
from falseflaw.errors import InvalidDataError, MissingDataError
from falseflaw.photos.source import Photo
from falseflaw.types import Edit, Fold


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("dataset"), sources=4)


@pytest.fixture
def rows(dataset):
    return read_manifest(dataset)


def test_round_trip_keeps_types_and_order(rows, tmp_path):
    shuffled = rows.sample(frac=1, random_state=0)
    write_manifest(shuffled, tmp_path / MANIFEST_NAME)
    again = read_manifest(tmp_path)
    pd.testing.assert_frame_equal(again, rows)
    assert list(again.columns) == SCHEMA.names
    assert again["seed"].dtype == np.int64
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST_NAME]


def test_a_row_needs_only_what_a_photo_has(tmp_path):
    photo = Photo("others/cup/1", "somebody", "cup", scene="shelf")
    rows = [
        ManifestRow.of(
            photo,
            edit,
            path=f"images/{edit}.jpg",
            sha256="0" * 64,
            fold=Fold.TEST,
            region_path="masks/1.png",
            region_area=0.25,
            upload_quality=90,
            subsampling="4:2:0",
            width=8,
            height=6,
            config_hash="x",
        ).columns()
        for edit in (Edit.AUTHENTIC, Edit.SPLICED)
    ]
    assert all(type(value) in (str, int, float, bool) for row in rows for value in row.values())
    write_manifest(pd.DataFrame(rows), tmp_path / MANIFEST_NAME)
    clean, fake = read_manifest(tmp_path).to_dict("records")
    assert (clean["group"], clean["photo_set"]) == ("others/shelf", "others")
    assert (clean["label"], clean["region_path"], clean["mask_path"], clean["mask_area"]) == (
        0,
        "masks/1.png",
        "",
        0.0,
    )
    assert (fake["label"], fake["mask_path"], fake["mask_area"]) == (1, "masks/1.png", 0.25)


def test_same_rows_give_the_same_bytes(rows, tmp_path):
    for name, order in (("a", rows), ("b", rows.iloc[::-1])):
        write_manifest(order, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_missing_manifest_says_what_to_do(tmp_path):
    with pytest.raises(MissingDataError, match="falseflaw synthesize"):
        read_manifest(tmp_path / "nowhere")


@pytest.mark.parametrize("content", [b"", b"not parquet at all", None])
def test_a_file_that_is_no_manifest(dataset, tmp_path, content):
    whole = (dataset / MANIFEST_NAME).read_bytes()
    (tmp_path / MANIFEST_NAME).write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(InvalidDataError, match="cannot read") as caught:
        read_manifest(tmp_path)
    assert "\n" not in str(caught.value)


def test_another_table_is_not_a_manifest(tmp_path):
    pd.DataFrame({"path": ["a.jpg"]}).to_parquet(tmp_path / MANIFEST_NAME)
    with pytest.raises(InvalidDataError, match="missing: sha256"):
        read_manifest(tmp_path)


def spoil(column, value):
    def change(rows):
        rows.loc[3, column] = value

    return change


def of_edit(column, edit, value):
    def change(rows):
        rows.loc[rows.index[rows["edit"] == str(edit)][0], column] = value

    return change


def cross(column):
    def change(rows):
        first, other = rows["source_id"].unique()[:2]
        if column == "contributor":
            rows.loc[rows["source_id"] == other, "contributor"] = rows.loc[
                rows["source_id"] == first, "contributor"
            ].iloc[0]
        else:
            members = rows["source_id"] == first
            rows.loc[members, "fold"] = np.resize(["train", "val"], members.sum())

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (spoil("fold", "holdout"), "unknown fold"),
        (spoil("edit", "glued"), "unknown edit"),
        (spoil("damage_kind", "scratch"), "unknown damage_kind"),
        (spoil("placement", "background"), "unknown placement"),
        (spoil("region_shape", "star"), "unknown region_shape"),
        (spoil("region_origin", ""), "unknown region_origin"),
        (spoil("label", 1), "contradicts"),
        (of_edit("label", Edit.HAND_PASTED, 1), "contradicts"),
        (of_edit("label", Edit.ROUND_TRIP_DAMAGED, 0), "contradicts"),
        (of_edit("mask_path", Edit.AUTHENTIC, "masks/a.png"), "mask_path"),
        (of_edit("mask_path", Edit.ROUND_TRIP_AUTHENTIC, "masks/a.png"), "mask_path"),
        (of_edit("mask_path", Edit.HAND_CLONED, ""), "mask_path"),
        (of_edit("mask_path", Edit.REFILLED, ""), "mask_path"),
        (spoil("path", "images/tiny__000__authentic.jpg"), "stands twice"),
        (cross("source"), "crosses folds"),
        (cross("contributor"), "contributor person-0 crosses folds"),
        (lambda rows: rows.__setitem__("fold", "inpainter"), "fold inpainter"),
    ],
)
def test_broken_invariants_are_named(rows, change, message):
    change(rows)
    with pytest.raises(InvalidDataError, match=message):
        validate(rows)


@pytest.mark.parametrize("column", SHARED)
def test_members_of_a_set_must_be_treated_alike(rows, column):
    row = rows.index[rows["edit"] == str(Edit.SPLICED)][0]
    words = {"placement": "anywhere", "region_shape": "hull", "region_origin": "none"}
    other = words.get(column, "other")
    rows.loc[row, column] = other if isinstance(rows.loc[row, column], str) else rows.loc[row, column] + 1
    with pytest.raises(InvalidDataError, match=f"expected one {column} "):
        validate(rows)


def test_an_edit_stands_once_per_source(rows):
    again = rows.iloc[[0]].assign(path="images/again.jpg")
    with pytest.raises(InvalidDataError, match="edit authentic stands twice"):
        validate(pd.concat([rows, again], ignore_index=True))
