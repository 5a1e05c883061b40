"""What is committed fits its limits, and belongs to the bundle and the dataset that are committed."""

import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest
from tests.helpers import make_dataset

from falseflaw.audit.audit import manifest_digest
from falseflaw.dataset.lineage import contributor_digests
from falseflaw.dataset.manifest import read_manifest
from falseflaw.errors import InvalidDataError, MissingDataError
from falseflaw.evaluation.committed import committed
from falseflaw.evaluation.committed.outdated import find_outdated
from falseflaw.provenance import file_sha256
from falseflaw.runtime.bundle import read_bundle
from falseflaw.types import OperatingPoint

ROOT = Path(__file__).resolve().parents[3]
FOLDER, BUNDLE = ROOT / "notebooks" / "reference", ROOT / "checkpoints" / "detectors" / "reference"


def test_the_committed_figures_are_those_of_the_committed_bundle_and_dataset() -> None:
    assert find_outdated(FOLDER, BUNDLE) == []


def test_the_committed_evaluation_is_small() -> None:
    assert committed.check_size(FOLDER) <= 5_000_000
    assert (FOLDER / "predictions.parquet").stat().st_size <= committed.LARGEST_PREDICTIONS


def test_docs_tell_the_committed_figures_of_real_screenshots() -> None:
    text = (ROOT / "docs" / "results.md").read_text()
    launderings = json.loads((FOLDER / "other_evaluations/browser/summary.json").read_text())["launderings"]
    assert len(launderings) == 5
    for entry in launderings:
        for name in ("auroc", "tpr"):
            figure = entry["headline"][name]
            value, low, high = (f"{figure[key]:.3f}".lstrip("0") for key in ("value", "lo", "hi"))
            assert f"| {value} [{low}, {high}] |" in text, entry["name"]
        alarms = entry["headline"]["fpr"]
        assert f"{alarms['count']} of {alarms['n']} [" in text


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "copy"))


def change(folder: Path, **changes: object) -> None:
    path = folder / "summary.json"
    summary = json.loads(path.read_text())
    provenance = {**summary["provenance"], **changes.pop("provenance", {})}  # type: ignore[dict-item]
    path.write_text(json.dumps(summary | changes | {"provenance": provenance}))


@pytest.fixture
def audited(tmp_path: Path) -> Path:
    dataset = make_dataset(tmp_path / "tiny", sources=8)
    audit = {"passed": True, "findings": {}, "probes": {}, "manifest": manifest_digest(dataset)}
    (dataset / "audit.json").write_text(json.dumps(audit))
    return dataset


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"provenance": {"model": {"kind": "checkpoint", "sha256": "1" * 64}}},
            "checkpoint that was measured",
        ),
        ({"provenance": {"model": {"kind": "bundle", "sha256": "1" * 64}}}, "bundle that was measured"),
        ({"provenance": {"dataset_config_hash": ["1" * 16]}}, "config hash in dataset.parquet: got"),
        ({"operating_point": dataclasses.asdict(OperatingPoint())}, "operating point of the summary"),
        ({"photos": {"authentic": 1}}, "photos of each edit in the predictions"),
    ],
)
def test_figures_of_another_model_or_dataset_are_outdated(copy, changes, words) -> None:
    change(copy, **changes)
    assert any(line.startswith(words) for line in find_outdated(copy, BUNDLE))


def test_a_bundle_measured_itself_is_known_by_its_network(copy) -> None:
    sums = dict(line.split()[::-1] for line in (BUNDLE / "SHA256SUMS").read_text().splitlines())
    change(copy, provenance={"model": {"kind": "bundle", "sha256": sums["model.onnx"]}})
    assert find_outdated(copy, BUNDLE) == []


def test_facts_of_another_dataset_and_other_evaluations_of_another_model_are_outdated(copy, audited) -> None:
    facts = {name: (copy / name).read_bytes() for name in ("dataset.parquet", "audit.json")}
    change(copy, provenance={"limit_sources": None})
    committed.take_over_dataset(audited, copy)
    found = find_outdated(copy, BUNDLE)
    assert [line.split(":")[0] for line in found] == [
        "config hash in dataset.parquet",
        "photos of each edit in dataset.parquet",
    ]
    (copy / "audit.json").unlink()
    assert any("audit.json is missing" in line for line in find_outdated(copy, BUNDLE))
    (copy / "dataset.parquet").unlink()
    assert any("dataset.parquet is missing" in line for line in find_outdated(copy, BUNDLE))
    change(copy, provenance={"limit_sources": 50})
    for name, data in facts.items():
        (copy / name).write_bytes(data)
    other = copy / "other_evaluations" / "real"
    other.mkdir(parents=True)
    shutil.copyfile(copy / "summary.json", other / "summary.json")
    assert find_outdated(copy, BUNDLE) == []
    change(other, provenance={"model": {"kind": "bundle", "sha256": "2" * 64}})
    (line,) = find_outdated(copy, BUNDLE)
    assert "other_evaluations/real: model: got 2222" in line


def test_a_bundle_that_learnt_from_people_of_the_test_fold_is_find_outdated(copy, tmp_path) -> None:
    bundle = Path(shutil.copytree(BUNDLE, tmp_path / "bundle"))
    info, _ = read_bundle(bundle)
    assert len(info.contributors) > 100  # the committed one tells whom it learnt from
    facts, _ = committed.read_facts(copy)
    tested = facts[facts["fold"] == "test"].iloc[0]
    (digest,) = contributor_digests({"contributors": [f"{tested['photo_set']}/{tested['contributor']}"]})
    text = dataclasses.replace(info, contributors=[*info.contributors, digest]).to_json()
    sums = (bundle / "SHA256SUMS").read_text()
    before = file_sha256(bundle / "bundle.json")
    (bundle / "bundle.json").write_text(text)
    (bundle / "SHA256SUMS").write_text(sums.replace(before, file_sha256(bundle / "bundle.json")))
    (line,) = find_outdated(copy, bundle)
    assert line.startswith("1 contributors of the test fold")


def test_facts_name_no_file_and_count_what_the_manifest_counts(audited, tmp_path) -> None:
    committed.take_over_dataset(audited, tmp_path)
    facts, digest = committed.read_facts(tmp_path)
    rows = read_manifest(audited)
    assert digest == manifest_digest(audited)
    assert facts.equals(rows[list(committed.FACTS)])
    assert not {"path", "sha256", "prompt", "camera", "mask_path", "region_path"} & set(facts)


def test_an_audit_of_another_manifest_is_refused(audited, tmp_path) -> None:
    path = audited / "audit.json"
    path.write_text(path.read_text().replace(manifest_digest(audited), "0" * 64))
    with pytest.raises(InvalidDataError, match=re.escape("to be of manifest")):
        committed.take_over_dataset(audited, tmp_path)
    path.unlink()
    with pytest.raises(InvalidDataError, match="expected the audit of the dataset at"):
        committed.take_over_dataset(audited, tmp_path)
    with pytest.raises(MissingDataError, match="expected a dataset with manifest"):
        committed.take_over_dataset(tmp_path / "nowhere", tmp_path)


def test_only_predictions_that_are_too_large_are_made_smaller(copy, tmp_path, monkeypatch) -> None:
    target = tmp_path / "committed"
    committed.take_over(copy, target)
    assert (target / "predictions.parquet").read_bytes() == (copy / "predictions.parquet").read_bytes()
    size = (copy / "predictions.parquet").stat().st_size
    monkeypatch.setattr(committed, "LARGEST_PREDICTIONS", size - 1)
    monkeypatch.setattr(committed, "compacted", lambda rows, point, largest: b"%d" % largest)
    committed.take_over(copy, target)
    assert (target / "predictions.parquet").read_bytes() == b"%d" % (size - 1)


def test_more_than_the_limit_is_refused(copy, monkeypatch) -> None:
    monkeypatch.setattr(committed, "LARGEST", 100_000)
    with pytest.raises(InvalidDataError, match=r"expected at most 0\.1 MB in .* MB, of which .* MB in "):
        committed.check_size(copy)
