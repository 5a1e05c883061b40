from collections import Counter
from dataclasses import replace

import pytest
from tests.synthesis.builders import NETWORKS, FakePhotos, cameras, folds_of

from falseflaw.errors import ConfigurationError, MissingDataError
from falseflaw.synthesis.plan import Networks, SynthesisSettings, make_plan
from falseflaw.types import DamageKind, Fold, Placement

TWO = Networks(("one", "other"), ("twin", "other-twin"), ("kept",))


def plan(count=40, networks=TWO, **changes):
    source = FakePhotos(count)
    return make_plan(source.photos(), folds_of(source), cameras(), SynthesisSettings(**changes), networks)


def test_the_inpainter_fold_is_left_out():
    plans = plan(40)
    assert len(plans) == 32
    assert {entry.fold for entry in plans} == {Fold.TRAIN, Fold.VAL, Fold.TEST}
    with pytest.raises(ConfigurationError, match="the inpainter has seen its own fold"):
        SynthesisSettings(folds=("inpainter", "train"))


def test_draws_depend_on_the_source_and_not_on_its_company():
    every = {entry.source_id: entry for entry in plan(40)}
    for entry in plan(40, limit_sources=7, batch_size=3):
        other = every[entry.source_id]
        assert replace(entry, batch=0) == replace(other, batch=0)


def test_another_seed_draws_anew():
    first, second = plan(20, seed=0), plan(20, seed=1)
    assert [a.photo for a in first] == [b.photo for b in second]
    assert all(a.seed != b.seed and a.camera != b.camera for a, b in zip(first, second, strict=True))
    seeds = {seed for entry in first + second for seed in (entry.sampling_seed, entry.refill_seed)}
    assert len(seeds) == 2 * len(first + second)


def test_batches_are_consecutive_and_full():
    sizes = Counter(entry.batch for entry in plan(40, batch_size=5))
    assert sizes == {0: 5, 1: 5, 2: 5, 3: 5, 4: 5, 5: 5, 6: 2}
    plans = plan(40, batch_size=5)
    assert [entry.source_id for entry in plans] == sorted(entry.source_id for entry in plans)
    assert [entry.batch for entry in plans] == sorted(entry.batch for entry in plans)


def test_draws_cover_their_ranges():
    plans = plan(1200, upload_quality=(70, 95), resized_share=0.25, resized_scales=(1.25, 1.5))
    assert {entry.kind for entry in plans} == set(DamageKind)
    assert {entry.save.quality for entry in plans} == set(range(70, 96))
    scales = Counter(entry.crop_scale for entry in plans)
    assert set(scales) == {1.0, 1.25, 1.5}
    assert 0.7 < scales[1.0] / len(plans) < 0.8
    assert 0.25 < Counter(entry.save.subsampling for entry in plans)["4:4:4"] / len(plans) < 0.35
    prompts = Counter((entry.kind, entry.prompt) for entry in plans)
    assert all(len({kind for kind, prompt in prompts if prompt == text}) == 1 for _, text in prompts)


def test_networks_are_drawn_alike_and_reserved_autoencoders_for_half_of_fold_test_alone():
    plans = plan(2000)
    generators = Counter(entry.generator for entry in plans)
    assert set(generators) == {"one", "other"}
    assert 0.45 < generators["one"] / len(plans) < 0.55
    tested = Counter(entry.autoencoder for entry in plans if entry.fold is Fold.TEST)
    assert set(tested) == {"twin", "other-twin", "kept"}
    assert 0.42 < tested["kept"] / tested.total() < 0.58
    assert 0.17 < tested["twin"] / tested.total() < 0.33
    learnt = Counter(entry.autoencoder for entry in plans if entry.fold is not Fold.TEST)
    assert set(learnt) == {"twin", "other-twin"}
    assert 0.45 < learnt["twin"] / learnt.total() < 0.55
    pairs = Counter((entry.generator, entry.autoencoder) for entry in plans)
    assert len(pairs) == 6  # no generator goes with one autoencoder only


def test_without_reserved_autoencoders_fold_test_gets_the_others():
    plans = plan(60, Networks(("one",), ("twin",)))
    assert {entry.autoencoder for entry in plans} == {"twin"}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (((), ("twin",)), "at least one inpainter"),
        ((("one",), (), ("kept",)), "at least one inpainter and one autoencoder that is not reserved"),
        ((("one", "one"), ("twin",)), "one twice"),
        ((("one",), ("twin",), ("twin",)), "twin twice"),
        ((("one",), ("one",)), "one twice"),
    ],
)
def test_networks_need_names_of_their_own(names, message):
    with pytest.raises(ConfigurationError, match=message):
        Networks(*names)


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_as_many_flaws_as_told_may_lie_anywhere(share):
    counts = Counter(entry.placement for entry in plan(1200, anywhere_share=share))
    assert counts[Placement.ANYWHERE] / counts.total() == pytest.approx(share, abs=0.03)


def test_only_the_named_kinds_are_drawn():
    assert {entry.kind for entry in plan(60, kinds=("hole", "ink"))} == {DamageKind.HOLE, DamageKind.INK}


def test_no_photo_in_the_folds():
    source = FakePhotos(2)  # one of train, one of the inpainter
    with pytest.raises(MissingDataError, match="val, test"):
        make_plan(
            source.photos(), folds_of(source), cameras(), SynthesisSettings(folds=("val", "test")), NETWORKS
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"folds": ()}, "folds"),
        ({"folds": ("holdout",)}, "fold of"),
        ({"kinds": ("scratch",)}, "kind of damage"),
        ({"limit_sources": 0}, "limit_sources"),
        ({"batch_size": 0}, "batch_size"),
        ({"upload_quality": (95, 70)}, "upload_quality"),
        ({"upload_quality": (0, 70)}, "upload_quality"),
        ({"upload_quality": (70,)}, "upload_quality"),
        ({"full_chroma_probability": 1.5}, "full_chroma_probability"),
        ({"resized_share": -0.1}, "resized_share"),
        ({"anywhere_share": 1.1}, "anywhere_share"),
        ({"resized_scales": (0.8, 1.0)}, "resized_scales"),
        ({"resized_scales": (0.0,)}, "resized_scales"),
        ({"resized_scales": ()}, "resized_scales"),
        ({"crop_sizes": ()}, "crop_sizes"),
        ({"crop_margin": -1}, "crop_margin"),
    ],
)
def test_settings_out_of_range_are_refused(changes, message):
    with pytest.raises(ConfigurationError, match=message):
        SynthesisSettings(**changes)
