"""The audit, on a small sound dataset and on copies of it with one leak each."""

import hashlib
import io
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image as Pil
from tests.synthesis.builders import NETWORKS, SIZE, FakePhotos, cameras, engine, folds_of, settings, writers

from falseflaw.audit import audit as module
from falseflaw.audit.audit import GATES, PROBES, audit
from falseflaw.audit.container import container_facts
from falseflaw.audit.probe import probe, table_of
from falseflaw.audit.report import text_report
from falseflaw.audit.ring import RingFigures, RingProbe
from falseflaw.cli.main import main
from falseflaw.dataset.manifest import MANIFEST_NAME, SCHEMA, read_unchecked
from falseflaw.errors import InvalidDataError, MissingDataError, UnreadableImageError
from falseflaw.imaging.codec import encode_jpeg, encode_png, read_mask
from falseflaw.seeding import derive_rng
from falseflaw.statistics.bootstrap import Estimate
from falseflaw.synthesis.build import synthesize
from falseflaw.types import POSITIVES, Edit


class DistinctPhotos(FakePhotos):
    """Photos with broad forms of their own, so that no two show the same shot."""

    def load(self, photo):
        rng = derive_rng("distinct", photo.photo_id)
        forms = cv2.resize(rng.integers(40, 216, (6, 6, 3)).astype(np.uint8), SIZE[::-1])
        return np.clip(forms + rng.normal(0, 4, forms.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A dataset of matched sets as `falseflaw synthesize` builds them, with a stand-in for the inpainter."""
    folder = tmp_path_factory.mktemp("audited") / "dataset"
    source = DistinctPhotos(30)
    synthesize(
        source,
        folds_of(source),
        cameras(),
        engine(),
        None,
        NETWORKS,
        writers,
        settings(resized_share=0.0),
        folder,
        config={"photos": "fake"},
        progress=False,
    )
    return folder


@pytest.fixture
def dataset(sound, tmp_path, monkeypatch):
    """A copy to spoil, for tests of gates: the slow probes, which stop nothing here, tell nothing."""
    nothing = Estimate(None, None, None, 0)
    figures = RingFigures(0, None, nothing, nothing, nothing)
    monkeypatch.setattr(module, "ring_probe", lambda rings: RingProbe(figures, {}, {}, 0, 0))
    monkeypatch.setattr(module, "_content", lambda dataset, rows: nothing)
    return Path(shutil.copytree(sound, tmp_path / "dataset"))


def silent(items, total, title):
    return items


def audited(folder, weights=()):
    return audit(folder, [Path(path) for path in weights], silent)


def failed(result):
    return {name for name, found in result.findings.items() if found}


def rewrite(folder, change):
    """Changes the manifest's rows, without its checks."""
    rows = read_unchecked(folder)
    changed = change(rows)
    table = pa.Table.from_pandas(changed[SCHEMA.names], schema=SCHEMA, preserve_index=False)
    pq.write_table(table, folder / MANIFEST_NAME)


def resave(folder, edits, save):
    """Saves the files of some edits anew and brings their digests into the manifest."""

    def change(rows):
        for index, row in rows.iterrows():
            if row["edit"] in edits:
                data = save((folder / row["path"]).read_bytes())
                (folder / row["path"]).write_bytes(data)
                rows.loc[index, "sha256"] = hashlib.sha256(data).hexdigest()
        return rows

    rewrite(folder, change)


EXIF = Pil.Exif()
EXIF[0x0131] = "painted"  # Software
FAKES = set(map(str, POSITIVES))


@pytest.mark.slow
def test_a_sound_dataset_passes_and_its_container_facts_are_at_chance(sound):
    result = audited(sound)
    assert result.passed, result.findings
    assert set(result.findings) == set(GATES)
    assert set(result.probes) == set(PROBES)
    container = result.probes["container"]
    assert container.value == pytest.approx(0.5, abs=1e-9)
    assert result.probes["content"].value > 0.7  # noise instead of flaws
    assert sum(sum(cells.values()) for cells in result.counts.values()) == len(read_unchecked(sound))
    assert 0 < result.areas["0%"] <= result.areas["50%"] <= result.areas["100%"] < 0.3
    report = text_report(result)
    assert "FAILED" not in report
    assert all(name in report for name in (*GATES, *PROBES))
    assert json.loads(json.dumps(result.to_json()))["passed"] is True


def through_pillow(**options):
    def save(data):
        buffer = io.BytesIO()
        Pil.open(io.BytesIO(data)).save(buffer, **{"format": "JPEG", "quality": "keep"} | options)
        return buffer.getvalue()

    return save


@pytest.mark.slow
@pytest.mark.parametrize(
    "save",
    [
        through_pillow(quality=88, subsampling="4:4:4"),
        through_pillow(comment=b"inpainted"),
        through_pillow(exif=EXIF),
        through_pillow(progressive=True),
        through_pillow(format="WEBP", quality=90),
        lambda data: data + b"made by a machine",
    ],
    ids=["quantization", "comment", "exif", "progressive", "format", "trailing"],
)
def test_every_kind_of_container_leak_is_caught(dataset, save):
    resave(dataset, FAKES, save)
    result = audited(dataset)
    assert "container" in failed(result)
    assert result.probes["container"].lo > 0.5
    assert "FAILED" in text_report(result)


@pytest.mark.slow
def test_a_source_in_two_folds_is_caught(dataset):
    def change(rows):
        first = rows["source_id"].iloc[0]
        rows.loc[(rows["source_id"] == first) & (rows["edit"] == str(Edit.SPLICED)), "fold"] = "test"
        return rows

    rewrite(dataset, change)
    rows = read_unchecked(dataset)
    assert rows.groupby("source_id")["fold"].nunique().max() == 2
    assert failed(audited(dataset)) == {"manifest"}


@pytest.mark.slow
def test_a_shot_in_two_folds_is_caught(dataset):
    """One contributor's photo comes back under another's name, cut to another JPEG quality."""

    def change(rows):
        authentic = rows[rows["edit"] == str(Edit.AUTHENTIC)]
        first = authentic[authentic["fold"] == "train"].iloc[0]
        twin = authentic[authentic["fold"] == "test"].iloc[0]
        photo = np.asarray(Pil.open(dataset / first["path"]))
        data = encode_jpeg(photo, int(twin["upload_quality"]), twin["subsampling"])
        (dataset / twin["path"]).write_bytes(data)
        rows.loc[rows["path"] == twin["path"], "sha256"] = hashlib.sha256(data).hexdigest()
        return rows

    rewrite(dataset, change)
    assert "near-duplicates" in failed(audited(dataset))


@pytest.mark.slow
def test_photos_that_a_generator_learnt_from_are_caught(dataset, tmp_path):
    record = {"photo_set": "fake", "contributors": ["person-0", "nobody"]}
    weights = tmp_path / "weights" / "inpainter"
    weights.mkdir(parents=True)
    (weights / "training.json").write_text(json.dumps(record))
    result = audited(dataset, [tmp_path / "weights"])
    assert failed(result) == {"unseen"}
    assert "person-0" in result.findings["unseen"][0]
    (weights / "training.json").write_text(json.dumps(record | {"photo_set": "other"}))
    assert audited(dataset, [tmp_path / "weights"]).passed
    (weights / "training.json").write_text("{")
    assert failed(audited(dataset, [tmp_path / "weights"])) == {"unseen"}


@pytest.mark.slow
def test_a_mask_that_lies_elsewhere_is_caught(dataset):
    rows = read_unchecked(dataset)
    path = dataset / rows.loc[rows["mask_path"] != "", "mask_path"].iloc[0]
    mask = read_mask(path)
    path.write_bytes(encode_png(np.roll(mask, (mask.shape[0] // 2, mask.shape[1] // 2), (0, 1))))
    result = audited(dataset)
    assert failed(result) == {"masks"}
    lines = [line for line in result.findings["masks"] if "outside the mask" in line]
    told = {line.split(": ")[1] for line in lines}
    assert told == {*map(str, COMPARED), str(Edit.LOCAL_EDIT)}


COMPARED = (
    Edit.SPLICED,
    Edit.FEATHERED,
    Edit.REFILLED,
    Edit.AUTOENCODED,
    Edit.HAND_CLONED,
    Edit.HAND_PASTED,
)
"""Altered photos whose pixels outside the mask are those of another member."""


@pytest.mark.slow
@pytest.mark.parametrize("edit", [*COMPARED, Edit.LOCAL_EDIT])
def test_a_photo_that_changed_outside_its_mask_is_caught_whatever_its_edit(dataset, edit):
    def change(rows):
        row = rows[rows["edit"] == str(edit)].iloc[0]
        photo = np.asarray(Pil.open(dataset / row["path"])).copy()
        region = read_mask(dataset / row["region_path"])
        far = cv2.dilate(region.astype(np.uint8), np.ones((65, 65))) == 0
        photo[far] = 255 - photo[far]
        data = encode_jpeg(photo, int(row["upload_quality"]), row["subsampling"])
        (dataset / row["path"]).write_bytes(data)
        rows.loc[rows["path"] == row["path"], "sha256"] = hashlib.sha256(data).hexdigest()
        return rows

    rewrite(dataset, change)
    (line,) = (line for line in audited(dataset).findings["masks"] if "outside" in line)
    assert f": {edit}: " in line


@pytest.mark.slow
@pytest.mark.parametrize("edit", COMPARED)
def test_a_photo_that_was_not_altered_at_all_is_caught_whatever_its_edit(dataset, edit):
    """The autoencoded one is made of simulated damage; a copy of the authentic photo would differ from it."""
    made_of = Edit.SIMULATED_DAMAGE if edit is Edit.AUTOENCODED else Edit.AUTHENTIC

    def change(rows):
        members = rows[rows["source_id"] == rows["source_id"].iloc[0]].set_index("edit")
        shutil.copyfile(dataset / members.loc[str(made_of), "path"], dataset / members.loc[str(edit), "path"])
        return rows

    rewrite(dataset, change)
    lines = audited(dataset).findings["masks"]
    assert [line.split(": ")[1] for line in lines] == [str(edit)]
    assert "expected changes all over the mask, found some in 0%" in lines[0]


@pytest.mark.slow
def test_a_local_edit_may_change_nothing(dataset):
    """A median filter leaves a flat place as it is."""

    def change(rows):
        members = rows[rows["source_id"] == rows["source_id"].iloc[0]].set_index("edit")
        damaged, edited = (members.loc[str(edit)] for edit in (Edit.SIMULATED_DAMAGE, Edit.LOCAL_EDIT))
        shutil.copyfile(dataset / damaged["path"], dataset / edited["path"])
        rows.loc[rows["path"] == edited["path"], "sha256"] = damaged["sha256"]
        return rows

    rewrite(dataset, change)
    assert not failed(audited(dataset))


@pytest.mark.slow
def test_a_mask_around_nothing_and_one_of_another_size_are_caught(dataset):
    rows = read_unchecked(dataset)
    one, other = sorted(set(rows.loc[rows["mask_path"] != "", "mask_path"]))[:2]
    (dataset / one).write_bytes(encode_png(np.ones((8, 8), bool)))
    whole = np.ones(read_mask(dataset / other).shape, bool)
    (dataset / other).write_bytes(encode_png(whole))

    def change(rows):
        rows.loc[rows["mask_path"] == other, "mask_area"] = 1.0
        return rows

    rewrite(dataset, change)
    lines = audited(dataset).findings["masks"]
    assert any("expected a mask of" in line and "8x8" in line for line in lines)
    assert any("expected changes all over the mask" in line for line in lines)


@pytest.mark.slow
def test_files_that_are_gone_changed_or_broken_are_caught(dataset):
    paths = sorted(read_unchecked(dataset)["path"])
    (dataset / paths[0]).unlink()
    (dataset / paths[1]).write_bytes((dataset / paths[1]).read_bytes()[:-1])
    (dataset / paths[2]).write_bytes(b"no image")
    lines = audited(dataset).findings["files"]
    assert all(any(line.startswith(path) for line in lines) for path in paths[:3])
    assert not any(line.startswith(path) for line in lines for path in paths[3:])


@pytest.mark.slow
def test_bytes_with_both_labels_are_caught(dataset):
    def change(rows):
        first = rows[rows["source_id"] == rows["source_id"].iloc[0]].set_index("edit")
        fake, real = (first.loc[str(edit)] for edit in (Edit.SPLICED, Edit.AUTHENTIC))
        shutil.copyfile(dataset / real["path"], dataset / fake["path"])
        rows.loc[rows["path"] == fake["path"], "sha256"] = real["sha256"]
        return rows

    rewrite(dataset, change)
    assert {"bytes", "masks"} <= failed(audited(dataset))


@pytest.mark.slow
def test_labels_that_contradict_edits_are_caught(dataset):
    def change(rows):
        rows["label"] = np.where(rows["edit"] == str(Edit.NULL_EDIT), 1, rows["label"]).astype(np.int8)
        return rows

    rewrite(dataset, change)
    assert "manifest" in failed(audited(dataset))


def test_what_cannot_be_audited_is_said(dataset, tmp_path):
    with pytest.raises(MissingDataError, match="synthesize"):
        audited(tmp_path / "nowhere")
    rewrite(dataset, lambda rows: rows.iloc[:0])
    with pytest.raises(InvalidDataError, match="build it again"):
        audited(dataset)
    pd.DataFrame({"path": ["x"]}).to_parquet(dataset / MANIFEST_NAME)
    with pytest.raises(InvalidDataError, match="missing"):
        audited(dataset)


def test_facts_of_a_container_know_the_tables_and_not_the_picture():
    rng = np.random.default_rng(0)
    one, other = (rng.integers(0, 256, (40, 56, 3)).astype(np.uint8) for _ in range(2))
    assert container_facts(encode_jpeg(one, 80)) == container_facts(encode_jpeg(other, 80))
    assert container_facts(encode_jpeg(one, 80)) != container_facts(encode_jpeg(one, 81))
    assert container_facts(encode_jpeg(one, 80, "4:4:4")) != container_facts(encode_jpeg(one, 80, "4:2:0"))
    assert container_facts(encode_png(one))["format"] != container_facts(encode_jpeg(one, 80))["format"]
    with pytest.raises(UnreadableImageError, match="got something else"):
        container_facts(b"text")


def test_the_probe_finds_what_is_there_and_nothing_else():
    rng = np.random.default_rng(1)
    sources = np.repeat([f"s{i}" for i in range(60)], 2)
    labels = np.tile([0, 1], 60)
    noise = rng.normal(size=(120, 3))
    assert probe(noise, labels, sources).lo < 0.5 < probe(noise, labels, sources).hi
    told = probe(np.column_stack([noise, labels + rng.normal(0, 0.1, 120)]), labels, sources)
    assert told.value > 0.95
    per_source = np.repeat(rng.normal(size=(60, 2)), 2, axis=0)  # members alike
    assert probe(per_source, labels, sources).value == pytest.approx(0.5, abs=1e-9)
    assert probe(noise[:2], labels[:2], sources[:2]).value is None  # one source
    assert table_of([{"a": 1.0}, {"b": 2.0}]).tolist() == [[1.0, -1.0], [-1.0, 2.0]]


@pytest.mark.slow
def test_the_verb_prints_the_table_writes_it_and_fails_where_a_gate_does(dataset, tmp_path, capsys):
    arguments = ["audit", f"dataset={dataset}", f"weights=[{tmp_path}]", "progress=false"]
    assert main(arguments) == 0
    assert "passed" in capsys.readouterr().out
    assert json.loads((dataset / "audit.json").read_text())["passed"] is True
    resave(dataset, FAKES, lambda data: data + b"!")
    assert main([*arguments, f"output={tmp_path / 'other.json'}"]) == 1
    captured = capsys.readouterr()
    assert "FAILED" in captured.out
    assert captured.err.strip().splitlines()[-1].startswith("falseflaw audit: the audit of")
    assert json.loads((tmp_path / "other.json").read_text())["passed"] is False


def test_a_dataset_counts_as_audited_only_as_it_was(dataset):
    path = dataset / "audit.json"
    assert not module.audited(dataset)
    passed = {"passed": True, "manifest": module.manifest_digest(dataset)}
    path.write_text(json.dumps(passed))
    assert module.audited(dataset)
    for other in ({"passed": False}, {"manifest": "0" * 64}):
        path.write_text(json.dumps(passed | other))
        assert not module.audited(dataset)
    path.write_text("[]")
    assert not module.audited(dataset)
