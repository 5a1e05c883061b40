from __future__ import annotations

import hashlib
import json
import shlex

import numpy as np
import pytest
import yaml
from PIL import Image as Pil
from tests.photos.layouts import write_pairs, write_real_damage

from falseflaw.dataset.manifest import read_manifest
from falseflaw.dataset.upload import UploadSettings
from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.gathering.gather import gather
from falseflaw.imaging import codec
from falseflaw.paths import config_dir
from falseflaw.photos.evaluation_only.inpainted_by_others import InpaintedByOthers
from falseflaw.photos.evaluation_only.real_damage import RealDamage
from falseflaw.training.detector.matched_sets import matched_sets
from falseflaw.types import Edit, Fold


@pytest.fixture
def damage(tmp_path):
    return write_real_damage(tmp_path / "real_damage")


@pytest.fixture
def pairs(tmp_path):
    return write_pairs(tmp_path / "inpainted_by_others")


def run(source, output, seed=0, **options):
    return gather(source, UploadSettings(seed=seed), output, progress=False, **options)


def digests(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_real_damage_becomes_a_dataset_of_negatives(damage, tmp_path):
    report = run(RealDamage(damage), tmp_path / "d")
    rows = read_manifest(tmp_path / "d")
    assert (report.images, report.groups, report.skipped) == (11, 10, [])
    assert rows["edit"].value_counts().to_dict() == {"real_damage": 7, "authentic": 4}
    assert (rows["label"] == 0).all()
    assert (rows["mask_path"] == "").all()
    assert (rows["generator"] == "").all()
    assert rows.groupby("fold")["product"].agg(set).to_dict() == {
        "val": {"cookie"},
        "test": {"toy", "circuit board", "garment"},
    }
    origins = rows[rows["edit"] == "real_damage"].groupby("product")["region_origin"].agg(set).to_dict()
    assert origins == {
        "cookie": {"annotated mask", "none"},
        "garment": {"annotated box"},
        "toy": {"none"},
        "circuit board": {"none"},
    }
    assert ((rows["region_path"] == "") == (rows["region_origin"] == "none")).all()
    for path in rows.loc[rows["region_path"] != "", "region_path"]:
        assert codec.read_mask(tmp_path / "d" / path).any()


def test_every_photo_goes_through_the_upload_save_of_its_group(damage, tmp_path):
    run(RealDamage(damage), tmp_path / "d")
    rows = read_manifest(tmp_path / "d")
    shared = ["upload_quality", "subsampling"]
    assert (rows.groupby("group")[shared].nunique() == 1).all().all()
    assert rows["upload_quality"].between(70, 95).all()
    assert rows["upload_quality"].nunique() > 3
    for row in rows.to_dict("records"):
        path = tmp_path / "d" / row["path"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == row["sha256"]
        with Pil.open(path) as image:
            assert image.format == "JPEG"
            assert image.size == (row["width"], row["height"])
            assert not image.getexif()
            assert {
                key for key in image.info if key not in {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
            } == set()
        original = RealDamage(damage)
        (item,) = [item for item in original.items() if item.photo.photo_id == row["source_id"]]
        (image,) = original.read(item).images.values()
        assert codec.encode_jpeg(image, row["upload_quality"], row["subsampling"]) == path.read_bytes()


def test_pairs_are_positives_with_a_mask_from_their_difference(pairs, tmp_path):
    run(InpaintedByOthers(pairs), tmp_path / "d")
    rows = read_manifest(tmp_path / "d")
    assert (rows.groupby("source_id")["edit"].agg(set) == {"authentic", "inpainted_by_others"}).all()
    assert set(rows["region_origin"]) == {"difference"}
    fakes = rows[rows["edit"] == str(Edit.BY_OTHERS)]
    assert (fakes["label"] == 1).all()
    assert (fakes["mask_path"] == fakes["region_path"]).all()
    assert (fakes["generator"] != "").all()
    for row in fakes.to_dict("records"):
        mask = codec.read_mask(tmp_path / "d" / row["mask_path"])
        assert mask.mean() == pytest.approx(row["mask_area"])
    assert rows["group"].nunique() == 2


def test_again_gives_the_same_bytes_and_another_seed_other_ones(damage, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        run(RealDamage(damage), tmp_path / name, seed=seed)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert (
        read_manifest(tmp_path / "a")["upload_quality"].tolist()
        != read_manifest(tmp_path / "c")["upload_quality"].tolist()
    )


def test_what_is_done_is_left_alone_and_what_was_stopped_begins_anew(damage, tmp_path, monkeypatch):
    output = tmp_path / "d"
    source = RealDamage(damage)
    read, calls = source.read, []

    def stop_at_third(item):
        calls.append(item)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return read(item)

    monkeypatch.setattr(source, "read", stop_at_third)
    with pytest.raises(KeyboardInterrupt):
        run(source, output)
    assert not (output / "manifest.parquet").exists()
    assert run(source, output).images == 11
    before = digests(output)
    calls.clear()
    assert run(source, output).images == 11
    assert not calls
    assert digests(output) == before
    monkeypatch.undo()
    codec.write_atomic(damage / "toy/damaged/5.png", (damage / "toy/damaged/1.png").read_bytes())
    with pytest.raises(ConfigurationError, match="another configuration"):
        run(source, output)
    assert run(source, output, overwrite=True).images == 12


def test_broken_photos_are_left_out_and_told(damage, tmp_path, capsys):
    (damage / "toy/damaged/1.png").write_bytes(b"no picture")
    (damage / "garment/damage_boxes_yolo/dirt_jpg.rf.0a.txt").write_text("0 1 2\n")
    report = run(RealDamage(damage), tmp_path / "d", command=["others=real_damage"])
    assert report.images == 9
    sheet = (tmp_path / "d" / "DATASHEET.md").read_text()
    assert "Skipped photos: 2." in sheet
    for name, reason in (("toy/damaged/1", "got a text"), ("garment/damaged/dirt", "class x y width")):
        assert any(name in line and reason in line for line in sheet.splitlines())
    for product in ("toy", "cookie", "circuit_board", "garment"):
        for path in (damage / product).rglob("*.*"):
            path.write_bytes(b"")
    with pytest.raises(InvalidDataError, match=r"all 11 were skipped; .*the file is empty"):
        run(RealDamage(damage), tmp_path / "none")
    with pytest.raises(MissingDataError, match="found none"):
        run(RealDamage(tmp_path / "none" / "images"), tmp_path / "other")


def test_datasheet_and_sheet_say_what_is_there(damage, pairs, tmp_path):
    run(RealDamage(damage), tmp_path / "d", command=["others=real_damage", "seed=0"])
    text = (tmp_path / "d" / "DATASHEET.md").read_text()
    assert "Never train on this" in text
    assert "CC BY-SA 4.0" in text
    assert "CC BY 4.0" in text
    assert shlex.join(["falseflaw", "gather", "others=real_damage", "seed=0"]) in text
    assert "| val | cookie | real_damage | annotated mask | 2 | 1 | 96x72 |" in text
    sheet = codec.decode(tmp_path / "d" / "contact_sheet.png")
    red = (sheet[..., 0] > 230) & (sheet[..., 1:] < 40).all(axis=2)
    assert 100 < red.sum() < 0.05 * red.size
    run(InpaintedByOthers(pairs), tmp_path / "p")
    assert "Apache-2.0" in (tmp_path / "p" / "DATASHEET.md").read_text()
    told = json.loads((tmp_path / "p" / "croissant.json").read_text())
    assert "Apache-2.0" in told["license"][0]
    assert "never to be trained on" in told["rai:dataUseCases"][0]


def test_nothing_can_be_trained_on_it(damage, pairs, tmp_path):
    run(RealDamage(damage), tmp_path / "d")
    run(InpaintedByOthers(pairs), tmp_path / "p")
    for name in ("d", "p"):
        rows = read_manifest(tmp_path / name)
        for fold in (Fold.TRAIN, Fold.VAL):
            with pytest.raises(InvalidDataError, match="expected matched sets"):
                matched_sets(rows, fold)


def test_ranges_of_the_upload_are_those_of_matched_sets():
    ours = yaml.safe_load((config_dir() / "gather.yaml").read_text())
    theirs = yaml.safe_load((config_dir() / "synthesis/default.yaml").read_text())
    for name in ("upload_quality", "full_chroma_probability"):
        assert ours[name] == theirs[name]


def test_photos_of_one_object_share_a_group(damage, tmp_path):
    run(RealDamage(damage), tmp_path / "d")
    rows = read_manifest(tmp_path / "d")
    assert np.isin(rows["group"], ["real_damage/cookie-01"]).sum() == 2
