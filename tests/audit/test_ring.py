"""The ring probes and their gate, on matched sets whose regions are smoothed, sharpened or left alone."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml
from tests.helpers import make_dataset

from falseflaw.audit.audit import audit
from falseflaw.audit.report import text_report
from falseflaw.audit.ring import Rings, measure_rings, ring_probe
from falseflaw.dataset.manifest import MANIFEST_NAME, read_unchecked
from falseflaw.imaging.codec import decode, encode_jpeg, encode_png, read_mask
from falseflaw.imaging.ring import ring_statistics
from falseflaw.types import Edit

NEGATIVES = (Edit.AUTHENTIC, Edit.NULL_EDIT, Edit.SIMULATED_DAMAGE)
KEPT = set(map(str, (*NEGATIVES, Edit.SPLICED, Edit.AUTOENCODED)))


def smoothed(photo):
    return cv2.GaussianBlur(photo, (0, 0), 1.2)


def sharpened(photo):
    detail = photo - cv2.GaussianBlur(photo.astype(np.float32), (0, 0), 1.2)
    return np.clip(photo + 1.5 * detail, 0, 255).astype(np.uint8)


def sets_of(folder, writers, sources=16):
    """Sets in which every network changed the region of the authentic photo in its way; no flaw shows."""
    make_dataset(folder, sources)
    rows = read_unchecked(folder)
    rows = rows[rows["edit"].isin(KEPT)]
    originals = rows[rows["edit"] == str(Edit.AUTHENTIC)].set_index("source_id")["path"]
    photos = {source: decode(folder / path) for source, path in originals.items()}
    for row in rows.itertuples():
        image, region = photos[row.source_id], read_mask(folder / row.region_path)
        if row.generator in writers:
            image = np.where(region[..., None], writers[row.generator](image), image)
        (folder / row.path).write_bytes(encode_jpeg(image, 95))
    rows.to_parquet(folder / MANIFEST_NAME)
    return folder


def silent(items, total, title):
    return items


def probed(folder, rows=None):
    return ring_probe(measure_rings(folder, read_unchecked(folder) if rows is None else rows, silent))


@pytest.fixture(scope="module")
def smooth(tmp_path_factory):
    """One network smooths, the other copies."""
    return sets_of(tmp_path_factory.mktemp("ring") / "smooth", {"checker": smoothed})


def test_each_writer_and_each_edit_answers_for_itself(smooth):
    found = probed(smooth)
    writer, copier = found.by_writer["checker"], found.by_writer["twin"]
    assert writer.smoothness.value > 0.95
    assert writer.energy.value > 0.95
    assert writer.structure.value > 0.95
    assert writer.smoothness.lo <= writer.smoothness.value <= writer.smoothness.hi
    assert writer.ratio < 0.7
    assert copier.smoothness.value == pytest.approx(0.5)
    assert copier.energy.value == pytest.approx(0.5)
    assert found.by_edit[str(Edit.SPLICED)] == writer
    assert found.by_edit[str(Edit.AUTOENCODED)] == copier
    honest = found.by_edit[str(Edit.NULL_EDIT)]
    assert honest.ratio == pytest.approx(1, abs=0.15)
    assert honest.energy.value is None
    train = read_unchecked(smooth).query("fold == 'train' and label == 1")
    assert found.positives.photos == len(train)
    assert copier.smoothness.value < found.positives.smoothness.value < writer.smoothness.value
    assert len(found.telling) == 2


def test_what_is_too_sharp_tells_by_energy_though_not_by_smoothness(tmp_path):
    found = probed(sets_of(tmp_path, {"checker": sharpened, "twin": sharpened}))
    assert found.positives.smoothness.value < 0.05
    assert found.positives.energy.value > 0.95
    (line,) = found.telling
    assert line.startswith("energy tells positives")


def test_photos_without_a_region_to_measure_are_left_out_and_counted(tmp_path):
    folder = sets_of(tmp_path, {"checker": smoothed}, sources=8)
    rows = read_unchecked(folder)
    tiny, other_size, none = sorted(set(rows["region_path"]))[:3]
    region = read_mask(folder / tiny)
    (folder / tiny).write_bytes(encode_png(cv2.erode(region.astype(np.uint8), np.ones((27, 27))) > 0))
    (folder / other_size).write_bytes(encode_png(np.ones((8, 8), bool)))
    rows.loc[rows["region_path"] == none, "region_path"] = ""
    found = measure_rings(folder, rows, silent)
    assert found.left_out == 2 * len(KEPT)
    assert len(found.rows) == len(found.ratios) == len(found.energy) == len(found.structure) == 5 * len(KEPT)


def test_of_many_sources_some_are_drawn_always_the_same(smooth):
    rows = read_unchecked(smooth)
    one, other = (measure_rings(smooth, part, silent, most=4).rows for part in (rows, rows[::-1]))
    assert set(one["path"]) == set(other["path"])
    assert len(one) == 4 * len(KEPT)


def test_without_honest_photos_there_is_no_figure(smooth):
    rows = read_unchecked(smooth)
    found = probed(smooth, rows[rows["label"] == 1])
    assert found.positives.energy.value is None
    assert found.positives.photos > 0
    assert not found.telling
    nothing = probed(smooth, rows.iloc[:0])
    assert nothing.positives.ratio is None
    assert nothing.by_edit == {}


def test_of_too_few_sources_the_ratio_alone_is_told(smooth):
    rows = read_unchecked(smooth)
    sources = rows.query("generator == 'checker'")["source_id"].unique()
    few, enough = (
        probed(smooth, rows[rows["source_id"].isin(sources[:count])]).by_writer["checker"] for count in (4, 5)
    )
    assert few.ratio < 0.7
    assert (few.smoothness.value, few.energy.value, few.structure.value) == (None, None, None)
    assert enough.smoothness.value > 0.95


def test_authentic_photos_stand_in_where_nothing_else_is_honest(smooth):
    rows = read_unchecked(smooth)
    kept = rows[rows["edit"].isin({str(Edit.AUTHENTIC), str(Edit.SPLICED)})]
    assert probed(smooth, kept).positives.smoothness.value > 0.95


@pytest.mark.slow
def test_energy_fails_a_reference_and_warns_of_others(smooth):
    config = smooth / "config.yaml"
    config.write_text(yaml.safe_dump({"reference": False}))
    other = audit(smooth, [], silent)
    assert other.findings["energy"] == []
    assert len(other.warnings["energy"]) == 2
    assert other.warnings["energy"][0] in text_report(other)
    config.write_text(yaml.safe_dump({"reference": True}))
    reference = audit(smooth, [], silent)
    assert reference.findings["energy"] == other.warnings["energy"]
    assert not reference.warnings
    assert not reference.passed
    told = json.loads(json.dumps(reference.to_json()))
    assert told["ring"]["by_writer"]["checker"]["energy"]["value"] > 0.95
    assert told["probes"]["smoothness"] == told["ring"]["positives"]["smoothness"]
    assert all(name in text_report(reference) for name in ("checker", "left out", "FAILED"))


@pytest.mark.slow
def test_a_reference_whose_regions_are_like_their_surroundings_passes_the_gate(tmp_path):
    folder = sets_of(tmp_path, {})
    (folder / "config.yaml").write_text(yaml.safe_dump({"reference": True}))
    result = audit(folder, [], silent)
    assert result.findings["energy"] == []
    assert result.warnings == {}
    assert result.probes["energy"].value == pytest.approx(0.5)


@pytest.mark.slow
def test_the_gate_asks_of_composed_pairs_where_training_sees_those(smooth):
    (smooth / "config.yaml").write_text(yaml.safe_dump({"reference": True}))
    rows = read_unchecked(smooth)
    alike = rows[rows["label"] == 0]
    rng = np.random.default_rng(0)
    photos = [rng.integers(64, 192, (64, 64, 3)).astype(np.uint8) for _ in range(2 * len(alike))]
    region = np.zeros((64, 64), bool)
    region[20:44, 20:44] = True
    pairs = pd.concat([alike, alike.assign(label=1, edit="autoencoded", generator="twin")])
    composed = Rings.of(pairs, [ring_statistics(photo, region) for photo in photos])
    found = audit(smooth, [], silent, lambda progress: composed)
    assert found.ring.telling
    assert not found.findings["energy"]
    assert found.to_json()["composed"]["positives"]["photos"] == (alike["fold"] == "train").sum()
    assert "pairs that training composes" in text_report(found)
    assert found.passed == (not any(found.findings.values()))
