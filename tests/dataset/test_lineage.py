import hashlib
import json

import pytest
from tests.helpers import make_dataset
from tests.synthesis.builders import FakePhotos, build

from falseflaw.dataset.layers import read_layers
from falseflaw.dataset.lineage import (
    check_same,
    check_unseen,
    contributor_digests,
    learnt_from,
    read_learnt_from,
)
from falseflaw.dataset.manifest import MANIFEST_NAME, read_manifest, write_manifest
from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.types import Fold


@pytest.fixture
def dataset(tmp_path):
    return make_dataset(tmp_path / "dataset", sources=8)


def moved(dataset, other, contributor, fold):
    """The same photos under another split: one contributor has changed folds."""
    rows = read_manifest(dataset)
    rows.loc[rows["contributor"] == contributor, "fold"] = str(fold)
    other.mkdir()
    write_manifest(rows, other / MANIFEST_NAME)
    return other


def test_train_and_val_are_learnt_from_and_test_is_not(dataset):
    rows = read_manifest(dataset)
    learnt = learnt_from(dataset)
    assert learnt["config_hash"] == "tiny"
    seen = set(rows.loc[rows["fold"] != Fold.TEST, "contributor"])
    assert set(learnt["contributors"]) == {f"tiny/{name}" for name in seen}
    check_unseen(contributor_digests(learnt), read_manifest(dataset), dataset)
    assert contributor_digests({}) == ()
    known = contributor_digests({"contributors": ["tiny/person-0"]})
    assert known == (hashlib.sha256(b"tiny/person-0").hexdigest()[:16],)


def test_a_split_that_moves_a_train_contributor_to_the_test_fold_is_refused(dataset, tmp_path):
    other = moved(dataset, tmp_path / "other", "person-0", Fold.TEST)
    with pytest.raises(InvalidDataError, match=r"found 1 that it learnt from .*tiny/person-0") as caught:
        check_unseen(contributor_digests(learnt_from(dataset)), read_manifest(other), other)
    assert "\n" not in str(caught.value)


def test_what_an_earlier_training_saw_stays_known(dataset, tmp_path):
    other = moved(dataset, tmp_path / "other", "person-0", Fold.TEST)
    with pytest.raises(InvalidDataError, match="person-0"):
        check_unseen(
            contributor_digests(learnt_from(other, earlier=learnt_from(dataset))), read_manifest(other), other
        )


def test_a_run_goes_on_with_its_own_dataset_only(dataset, tmp_path):
    learnt = learnt_from(dataset)
    check_same({}, learnt, tmp_path)
    check_same(learnt, learnt, tmp_path)
    with pytest.raises(ConfigurationError, match="began with"):
        check_same({**learnt, "config_hash": "another"}, learnt, tmp_path)


def test_a_broken_provenance_is_one_line(tmp_path):
    assert read_learnt_from(tmp_path) == {}
    (tmp_path / "provenance.json").write_text(json.dumps({"learnt_from": {"config_hash": "x"}}))
    assert read_learnt_from(tmp_path) == {"config_hash": "x"}
    (tmp_path / "provenance.json").write_text("{")
    with pytest.raises(InvalidDataError, match="cannot read"):
        read_learnt_from(tmp_path)


def test_people_that_a_bundle_learnt_from_stay_known_by_their_digests(tmp_path):
    dataset = make_dataset(tmp_path / "d")
    alone = learnt_from(dataset)
    begun = learnt_from(dataset, {"digests": ["00", "ff"]})
    assert begun["contributors"] == alone["contributors"]
    assert set(contributor_digests(begun)) == {*contributor_digests(alone), "00", "ff"}
    again = learnt_from(dataset, begun)  # a training that goes on from that one
    assert contributor_digests(again) == contributor_digests(begun)


def test_people_of_further_layers_are_learnt_from(dataset, tmp_path):
    other = tmp_path / "other"
    build(other, FakePhotos(6), settings={"layers": True, "limit_sources": 6})
    known = learnt_from(dataset, further=[other])
    layers = read_layers(other)
    assert len(layers)
    own = set(learnt_from(dataset)["contributors"])
    assert set(known["contributors"]) == own | set(layers["photo_set"] + "/" + layers["contributor"])
    assert known["config_hash"] == "+".join(sorted({"tiny", *layers["config_hash"]}))
