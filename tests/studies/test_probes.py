"""Changes that no network has a part in, and detectors of which one knows what they look at."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.helpers import make_dataset, textured_photo
from tests.runtime.red import write_bundle

from falseflaw.dataset.manifest import read_manifest
from falseflaw.errors import InvalidDataError
from falseflaw.imaging.codec import decode
from falseflaw.seeding import derive_rng
from falseflaw.studies.models import StudiedModel
from falseflaw.studies.probes import (
    CHANGES,
    GRAIN,
    PHOTO,
    PROBES,
    REGION,
    UNTOUCHED,
    Probe,
    answers,
    score_probes,
    select_photos,
)
from falseflaw.types import Edit, Fold, OperatingPoint

ROOT = Path(__file__).parents[2]
POINT = OperatingPoint(temperature=1.0, image_threshold=0.9, clear_threshold=0.1, mask_threshold=1)


class Measuring:
    """Scores photos by one number; a photo above it is surely altered."""

    def __init__(self, measure, limit):
        self.measure, self.limit = measure, limit

    def score(self, images):
        logits = np.array([10 * np.sign(self.measure(image) - self.limit) for image in images])
        return logits, np.full(images.shape[:3], 255, np.uint8)


def detail(image):
    return float(np.abs(np.diff(image.astype(np.float64), axis=1)).mean())


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("tiny"), sources=12)


@pytest.fixture(scope="module")
def photos(dataset):
    return select_photos(read_manifest(dataset), Fold.VAL, None)


def answered(photos, dataset, scorer, probes):
    scores = pd.concat(list(score_probes(photos, dataset, StudiedModel(scorer), probes)))
    return {(answer.edit, answer.probe): answer for answer in answers(scores, POINT)}


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: f"{probe.change}, {probe.where}")
def test_a_change_changes_its_place_alone(probe: Probe) -> None:
    image = textured_photo(derive_rng("probes"), 60, 80)
    region = np.zeros((60, 80), bool)
    region[20:45, 30:60] = True
    before = image.copy()
    changed = probe.apply(image, region, derive_rng("noise"))
    assert np.array_equal(image, before)
    assert changed.shape == image.shape
    assert changed.dtype == np.uint8
    different = (changed != image).any(axis=2)
    assert different[region].any() == (probe.change != UNTOUCHED)
    assert different[~region].any() == (probe.where == PHOTO and probe.change != UNTOUCHED)


def test_every_change_is_made_in_the_region_and_in_the_whole_photo() -> None:
    assert {probe for probe in PROBES if probe.change in CHANGES} == {
        Probe(change, where) for change in CHANGES for where in (REGION, PHOTO)
    }


def test_a_detector_of_smoothness_is_found_out(photos, dataset) -> None:
    usual = min(detail(decode(dataset / path)) for path in photos["path"])
    probes = [Probe(UNTOUCHED, PHOTO), Probe("noise of 4 levels", PHOTO), Probe("blurred, sigma 1.5", PHOTO)]
    smooth = Measuring(lambda image: -detail(image), -0.8 * usual)
    found = answered(photos, dataset, smooth, probes)
    for edit in (Edit.AUTHENTIC, Edit.SPLICED):
        untouched, noisy, blurred = (found[edit, probe] for probe in probes)
        assert untouched.auroc.value == noisy.auroc.value == 0.5
        assert untouched.altered.count == noisy.altered.count == 0
        assert blurred.auroc.value == 1.0
        assert blurred.altered.count == blurred.altered.n == len(photos) / 2
        assert blurred.inconclusive.count == 0


def test_a_detector_of_something_else_does_not_react(photos, dataset) -> None:
    probes = [Probe(UNTOUCHED, PHOTO), *(Probe(name, PHOTO) for name in ("sharpened", "JPEG 60"))]
    found = answered(photos, dataset, Measuring(lambda image: image.shape[0], 50), probes)
    assert {answer.auroc.value for answer in found.values()} == {0.5}
    assert {answer.altered.value for answer in found.values()} == {1.0}


def test_photos_are_chosen_by_fold_and_a_dataset_without_fakes_is_told(dataset) -> None:
    rows = read_manifest(dataset)
    chosen = select_photos(rows, Fold.TEST, 1)
    assert set(chosen["fold"]) == {"test"}
    assert chosen["source_id"].nunique() == 1
    assert sorted(chosen["edit"]) == [str(Edit.AUTHENTIC), str(Edit.SPLICED)]
    with pytest.raises(InvalidDataError, match=r"fold val, found no inpainted_spliced"):
        select_photos(rows[rows["edit"] != Edit.SPLICED], Fold.VAL, None)


@pytest.mark.slow
def test_the_command_prints_a_table_of_all_probes(tmp_path, dataset) -> None:
    command = [sys.executable, str(ROOT / "scripts/studies/probe_detector.py")]
    bundle, output = write_bundle(tmp_path / "bundle"), tmp_path / "probes.md"
    given = [str(bundle), str(dataset), "--sources", "2", "--output", str(output)]
    done = subprocess.run([*command, *given], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    lines = output.read_text().splitlines()
    assert len(lines) == 2 + 2 * len(PROBES)
    assert lines[3].startswith(f"| authentic | {REGION} | {GRAIN} |")
    done = subprocess.run([*command, "/nowhere", "x"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: expected a bundle, run or checkpoint")
