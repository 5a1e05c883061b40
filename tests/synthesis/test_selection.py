from collections import Counter

import pytest
from tests.synthesis.builders import FakePhotos, folds_of

from falseflaw.errors import ConfigurationError
from falseflaw.synthesis.plan import SynthesisSettings
from falseflaw.synthesis.selection import layers_alone, select_photos, select_sources, share_out
from falseflaw.types import Fold


def test_a_smaller_selection_is_part_of_a_larger_one():
    source = FakePhotos(200)
    folds = folds_of(source)
    smaller, larger = (
        {
            photo.photo_id
            for photo in select_sources(source.photos(), folds, SynthesisSettings(limit_sources=n))
        }
        for n in (20, 60)
    )
    assert (len(smaller), len(larger)) == (20, 60)
    assert smaller < larger
    assert Counter(folds[name] for name in larger) == {Fold.TRAIN: 30, Fold.VAL: 15, Fold.TEST: 15}
    assert smaller != {
        photo.photo_id for photo in source.photos()[:25] if folds[photo.photo_id] != "inpainter"
    }


def test_a_fold_can_have_a_limit_of_its_own():
    source = FakePhotos(200)
    folds = folds_of(source)
    settings = SynthesisSettings(limit_folds={"train": 7, "val": 999})
    counts = Counter(folds[p.photo_id] for p in select_sources(source.photos(), folds, settings))
    everything = Counter(folds[p.photo_id] for p in source.photos())
    assert counts == {
        Fold.TRAIN: 7,
        Fold.VAL: everything[Fold.VAL],
        Fold.TEST: everything[Fold.TEST],
    }


@pytest.mark.parametrize(("limits", "words"), [({"trian": 7}, "trian"), ({"val": 0}, "limit_folds >= 1")])
def test_wrong_limits_of_folds_are_told(limits, words):
    with pytest.raises(ConfigurationError, match=words):
        SynthesisSettings(limit_folds=limits)


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 10, 99, 100, 101, 500])
def test_shares_add_up_to_the_limit(limit):
    counts = {Fold.TRAIN: 70, Fold.VAL: 1, Fold.TEST: 29}
    shares = share_out(counts, limit)
    assert sum(shares.values()) == min(limit, 100)
    assert all(0 <= shares[fold] <= counts[fold] for fold in counts)
    if limit >= 3:
        assert all(shares.values())


def test_an_empty_fold_gets_no_share():
    assert share_out({Fold.TRAIN: 5, Fold.VAL: 0, Fold.TEST: 5}, 4) == {
        Fold.TRAIN: 2,
        Fold.VAL: 0,
        Fold.TEST: 2,
    }


def test_layers_alone_are_of_other_sources_of_fold_train():
    source = FakePhotos(200)
    folds = folds_of(source)

    def alone(count, **changes):
        settings = SynthesisSettings(limit_sources=40, layers_only_sources=count, **changes)
        members = select_sources(source.photos(), folds, settings)
        found = layers_alone(source.photos(), folds, settings, members)
        assert select_photos(source.photos(), folds, settings) == [*members, *found]
        assert not {photo.photo_id for photo in found} & {photo.photo_id for photo in members}
        return {photo.photo_id for photo in found}

    assert alone(None) == set()  # layers are off
    few, more, everyone = (alone(count, layers=True) for count in (10, 30, None))
    assert few < more < everyone
    assert (len(few), len(more), len(everyone)) == (10, 30, 60)
    assert {folds[name] for name in everyone} == {Fold.TRAIN}
