from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest
from tests.synthesis.builders import FakePhotos, build

from falseflaw.dataset.layers import Content
from falseflaw.dataset.upload import UploadSave
from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.imaging.crop import Box
from falseflaw.seeding import derive_rng
from falseflaw.training.detector.composition import Composer, draw_save
from falseflaw.training.detector.composition_settings import CompositionSettings
from falseflaw.training.detector.layer_windows import layer_windows
from falseflaw.types import Edit

SIDE = 96
PLAIN = CompositionSettings(grain_share=0, local_edit_share=0, edited_both_share=0, edited_elsewhere_share=0)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    path = tmp_path_factory.mktemp("datasets") / "layers"
    changes = {
        "layers": True,
        "layers_writers": 2,
        "layers_only_sources": None,
        "layers_whole": 128,
        "layers_window": 112,
        "limit_sources": 6,
    }
    build(path, FakePhotos(20), settings=changes)
    return path


def drafts(composer, count, side=SIDE, around=True):
    """Pairs before the upload save, with the windows that they are of."""
    windows = [window for source in composer.sources for window in source]
    for number in range(count):
        window = windows[number % len(windows)]
        yield window, composer.draft(window, side, around, derive_rng("test", number))


def test_members_differ_only_where_the_network_wrote_or_the_negative_was_edited(dataset):
    composer = Composer(layer_windows(dataset), CompositionSettings(), 0)
    seen = Counter()
    for _, pair in drafts(composer, 150):
        assert pair.negative.shape == pair.positive.shape == (*pair.mask.shape, 3)
        assert pair.mask.shape == pair.ignored.shape == pair.region.shape
        assert not (pair.mask & pair.ignored).any()
        differs = (pair.negative != pair.positive).any(axis=-1)
        where = pair.mask | pair.ignored
        if pair.positive_edit in (Edit.SPLICED, Edit.FEATHERED):  # the damaged photo's camera saw the flaw
            where = cv2.dilate(where.astype(np.uint8), np.ones((51, 51))) > 0
        assert not (differs & ~where).any(), pair.positive_edit
        seen[pair.positive_edit] += differs.any()
    assert set(seen) == {
        Edit.SPLICED,
        Edit.FEATHERED,
        Edit.REFILLED,
        Edit.AUTOENCODED,
        Edit.REGENERATED,
    }
    assert all(seen.values())


def test_of_a_layer_that_is_a_part_of_its_window_no_more_is_taken(dataset):
    composer = Composer(layer_windows(dataset), replace(PLAIN, inpainted_share=0, regenerated_share=1), 0)
    for number, (window, _) in enumerate(drafts(composer, 20)):
        whole = next(layer for layer in window.written if layer.content is Content.REWRITTEN)
        box = Box(16, 24, 40, 48)
        part = Part(whole, box)
        pair = composer.draft(replace(window, written=(part,)), SIDE, True, derive_rng("part", number))
        assert not pair.rewritten
        assert pair.region.any()
        assert pair.region.sum() <= 0.6 * box.height * box.width
        differs = (pair.negative != pair.positive).any(axis=-1)
        assert not (differs & ~pair.region).any()


class Part:
    """A layer of which the writer saw `box` alone."""

    def __init__(self, layer, box):
        self.layer, self.box = layer, box
        self.base, self.content, self.writer = layer.base, layer.content, layer.writer

    def read(self):
        return self.box.cut(self.layer.read())


def test_the_mask_holds_what_the_network_wrote(dataset):
    """The stand-ins darken by 4 and 8, or fill with noise."""
    composer = Composer(layer_windows(dataset), replace(PLAIN, soft_share=0, partial_share=0), 0)
    for _, pair in drafts(composer, 60):
        change = pair.negative.astype(int) - pair.positive
        assert pair.rewritten == (pair.positive_edit is Edit.REGENERATED)
        assert pair.mask.any()
        if pair.positive_edit is Edit.AUTOENCODED:
            darker = {"twin": 4, "other-twin": 8}[pair.writer]
            dark = pair.negative < darker
            assert ((change == darker) | dark)[pair.mask].all()
            assert not pair.ignored.any()
        elif pair.rewritten:
            assert np.array_equal(pair.ignored, ~pair.mask)
            assert (change > 0).any(axis=-1).all()
        else:
            assert pair.writer == "fake-inpainter"


def test_pixels_that_are_hardly_covered_are_ignored(dataset):
    composer = Composer(
        layer_windows(dataset), replace(PLAIN, soft_share=1, partial_share=0, regenerated_share=0), 0
    )
    ignored = 0
    for _, pair in drafts(composer, 40):
        assert pair.region[pair.mask | pair.ignored].all()
        assert not (pair.region & ~pair.mask & ~pair.ignored).any()
        ignored += pair.ignored.sum()
    assert ignored


def test_a_window_shows_the_region_where_it_shall(dataset):
    composer = Composer(layer_windows(dataset), PLAIN, 0)
    around = [pair.region.any() for _, pair in drafts(composer, 60, 32)]
    anywhere = [pair.region.any() for _, pair in drafts(composer, 60, 32, around=False)]
    assert all(around)
    assert not all(anywhere)
    assert {pair.region.shape for _, pair in drafts(composer, 20, 32)} == {(32, 32)}


def test_a_pair_depends_on_seed_and_number_alone(dataset):
    def pixels(seed, numbers):
        composer = Composer(layer_windows(dataset), CompositionSettings(), seed)
        return {number: composer.compose(number, SIDE, True) for number in numbers}

    forward, backward = pixels(0, range(12)), pixels(0, reversed(range(12)))
    for number, pair in forward.items():
        other = backward[number]
        assert np.array_equal(pair.negative, other.negative)
        assert np.array_equal(pair.positive, other.positive)
        assert np.array_equal(pair.mask, other.mask)
        assert (pair.writer, pair.positive_edit, pair.negative_edit) == (
            other.writer,
            other.positive_edit,
            other.negative_edit,
        )
    again = pixels(1, range(12))
    assert any(forward[n].positive.tobytes() != again[n].positive.tobytes() for n in forward)


def test_every_source_comes_once_a_turn(dataset):
    composer = Composer(layer_windows(dataset), PLAIN, 0)
    assert len(composer) == 8
    seen = []

    class Spy(list):
        def __getitem__(self, place):
            seen.append(place)
            return super().__getitem__(place)

    composer.sources = Spy(composer.sources)
    for number in range(2 * len(composer)):
        composer.compose(number, SIDE, True)
    assert sorted(seen[:8]) == sorted(seen[8:]) == list(range(8))


def test_writers_that_are_left_out_or_reserved_never_write(dataset):
    everyone = Composer(layer_windows(dataset), PLAIN, 0)
    assert {pair.writer for _, pair in drafts(everyone, 80)} == {"twin", "other-twin", "fake-inpainter"}
    others = Composer(layer_windows(dataset, ["twin"]), PLAIN, 0)
    assert {pair.writer for _, pair in drafts(others, 80)} == {"other-twin", "fake-inpainter"}
    with pytest.raises(InvalidDataError, match="expected layers in"):
        Composer(layer_windows(dataset, ["twin", "other-twin", "fake-inpainter"]), PLAIN, 0)


def test_a_negative_is_edited_in_the_very_same_region(dataset):
    composer = Composer(layer_windows(dataset), replace(PLAIN, local_edit_share=1, regenerated_share=0), 0)
    plain = Composer(layer_windows(dataset), PLAIN, 0)
    changed = 0
    for _, pair in drafts(composer, 30):
        assert pair.negative_edit is Edit.LOCAL_EDIT
        assert pair.negative_edit.label == 0
    for number, (window, pair) in enumerate(drafts(plain, 30)):
        assert pair.negative_edit in (Edit.SIMULATED_DAMAGE, Edit.AUTHENTIC)
        edited = composer.draft(window, SIDE, True, derive_rng("test", number))
        if edited.region.tobytes() == pair.region.tobytes():
            differs = (edited.negative != pair.negative).any(axis=-1)
            assert not (differs & ~pair.region).any()
            changed += differs.any()
    assert changed


def test_both_members_are_saved_alike_and_as_the_source_asks(dataset):
    composer = Composer(layer_windows(dataset), CompositionSettings(), 0)
    window = composer.sources[0][0]
    saves = [draw_save(window, composer.settings, derive_rng("save", n)) for n in range(400)]
    qualities = {save.quality for save in saves if save}
    assert 60 <= min(qualities) < 64
    assert 96 < max(qualities) <= 100
    assert {save.subsampling for save in saves if save} == {"4:2:0", "4:4:4"}
    assert 0.04 < saves.count(None) / len(saves) < 0.16
    camera = sum(save is not None and save.quality == window.camera.quality for save in saves)
    assert camera > 40
    once = replace(window, camera=replace(window.camera, quality=0))
    kept = [draw_save(once, composer.settings, derive_rng("save", n)) == window.save for n in range(200)]
    assert 0.6 < np.mean(kept) < 0.85
    tables = UploadSave(0, "4:4:4", (tuple(range(1, 65)),))
    always = replace(composer.settings, own_save_share=1)
    assert draw_save(replace(window, save=tables), always, derive_rng("save", 0)) == tables


def test_a_dataset_without_layers_is_refused(tmp_path):
    build(tmp_path / "d", FakePhotos(5))
    with pytest.raises(InvalidDataError, match=r"synthesis\.layers=true"):
        Composer(layer_windows(tmp_path / "d"), PLAIN, 0)


@pytest.mark.parametrize(
    "wrong", [{"grain_share": 1.5}, {"area": (0.2, 0.1)}, {"quality": (0, 90)}, {"alpha": (0.1, 1)}]
)
def test_settings_that_cannot_work_are_refused(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        CompositionSettings(**wrong)
