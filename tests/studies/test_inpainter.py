"""The measurements of an inpainter, on stand-ins whose figures are known."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.synthesis.builders import NETWORKS, FakePhotos, cameras, engine

from falseflaw.audit.content import content_probe
from falseflaw.audit.flaws import KINDS, SIDE, Flaws, join
from falseflaw.damage.prompts import CLEAN_PROMPT
from falseflaw.errors import ConfigurationError, FalseFlawError
from falseflaw.inpainting.inpainter import Samples
from falseflaw.machine import StageTimer
from falseflaw.photos.product.masks import ProductMasks
from falseflaw.studies.inpainter.flaws import inpainted, intact, simulated
from falseflaw.studies.inpainter.kinds import accuracy, by_kind, name_kinds, train_kinds
from falseflaw.studies.inpainter.measure import MeasureSettings, measure
from falseflaw.studies.inpainter.prompts import compare_prompts, difference, vary_prompts
from falseflaw.studies.inpainter.sampling import sample_crops
from falseflaw.studies.inpainter.sheet import prompt_sheet
from falseflaw.studies.inpainter.texture import texture_ratios
from falseflaw.synthesis.plan import SynthesisSettings, make_plan
from falseflaw.synthesis.prepare import SetMaker
from falseflaw.types import Fold


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def sets():
    source = FakePhotos(36)
    settings = SynthesisSettings(
        crop_sizes=(48, 64, 80, 96, 112), crop_margin=4, resized_share=0.2, resized_scales=(1.25, 0.8)
    )
    folds = {photo.photo_id: Fold.TEST for photo in source.photos()}
    maker = SetMaker(source, ProductMasks(source, None, None), engine(), settings, 16, 4)
    made = []
    for number, plan in enumerate(make_plan(source.photos(), folds, cameras(), settings, NETWORKS)):
        try:
            made.append(maker.prepare(replace(plan, kind=KINDS[number % 9]), StageTimer()))
        except FalseFlawError:
            continue
    assert len(made) > 27
    return made


@dataclass
class StandIn:
    """Answers with `answer(crop, mask, prompt, seed)`."""

    answer: object
    name: str = "stand-in"
    grid: int = 16
    factor: int = 4
    steps: int = 1
    guidance: float = 1.0
    sizes: list = field(default_factory=list)

    def sample(self, crops, masks, prompts, seeds):
        self.sizes.append(len(crops))
        images = [self.answer(*values) for values in zip(crops, masks, prompts, seeds, strict=True)]
        return Samples(np.stack(images), np.stack(images))


def filled(crop, mask, color):
    return np.where(mask[..., None], np.asarray(color, np.uint8), crop)


def of_colors(colors, windows=60):
    """Windows whose kind is told by the color of a disk."""
    rng = np.random.default_rng(4)
    kinds = np.arange(windows) % len(KINDS)
    y, x = np.ogrid[:SIDE, :SIDE]
    region = np.broadcast_to((y - 48) ** 2 + (x - 48) ** 2 < 400, (windows, SIDE, SIDE))
    images = rng.integers(90, 160, (windows, SIDE, SIDE, 3)).astype(np.uint8)
    shown = np.where(region[..., None], colors[kinds][:, None, None], images).astype(np.uint8)
    return Flaws(shown, region, kinds, np.array([f"photo-{index}" for index in range(windows)]))


COLORS = np.array([(level % 3 * 120, level // 3 * 120, 40 * (level % 2)) for level in range(9)], np.uint8)


def test_windows_hold_their_regions_and_differ_inside_them_only(sets):
    before, after = intact(sets), simulated(sets)
    assert before.images.shape == (len(sets), SIDE, SIDE, 3)
    assert all(region.any() for region in before.regions)
    change = (before.images != after.images).any(axis=3)
    assert change.any(axis=(1, 2)).all()
    assert not (change & ~before.regions).any()
    gray = inpainted(sets, [filled(entry.crop, entry.crop_region, 77) for entry in sets])
    changed = (gray.images != before.images).any(axis=3)
    assert not (changed & ~before.regions).any()


def test_joined_flaws_stay_in_their_order():
    flaws = of_colors(COLORS, 12)
    both = join([flaws, replace(flaws, kinds=flaws.kinds[::-1], sources=flaws.sources[::-1])])
    assert len(both) == 24
    assert both.images[12:].tobytes() == flaws.images.tobytes() == both.images[:12].tobytes()
    assert both.kinds.tolist() == [*flaws.kinds, *flaws.kinds[::-1]]
    assert both.sources.tolist() == [*flaws.sources, *flaws.sources[::-1]]


def test_crops_come_back_in_order_whatever_their_size(sets):
    marks = [index % 251 for index in range(len(sets))]
    inpainter = StandIn(lambda crop, mask, prompt, seed: np.full_like(crop, seed))
    crops = sample_crops(inpainter, sets, [""] * len(sets), marks, batch_size=4)
    assert [int(crop[0, 0, 0]) for crop in crops] == marks
    assert all(len(crop) == entry.box.height for crop, entry in zip(crops, sets, strict=True))
    assert max(inpainter.sizes) <= 4


@pytest.mark.slow
def test_the_classifier_learns_what_tells_kinds_apart_and_repeats_itself():
    painted = of_colors(COLORS, 72)
    network = train_kinds(painted, epochs=8, seed=0, progress=False)
    named = name_kinds(network, painted)
    assert accuracy(named, painted).value > 0.8
    again = train_kinds(painted, epochs=8, seed=0, progress=False)
    assert np.array_equal(named, name_kinds(again, painted))
    table = by_kind(named, painted)
    assert all(sum(shares.values()) == pytest.approx(1) for shares in table.values())
    one_color = of_colors(np.repeat(COLORS[:1], 9, axis=0), 72)  # it ignores the prompt
    assert accuracy(name_kinds(network, one_color), one_color).value == pytest.approx(1 / 9)


def test_an_inpainter_that_returns_painted_flaws_reaches_the_ideal(sets):
    painted = simulated(sets)
    assert content_probe(painted, painted).value == 0.5
    assert all(ratio.value == pytest.approx(1) for ratio in texture_ratios(painted, painted).values())


def test_the_probe_sees_other_content_and_not_other_noise():
    flaws = of_colors(COLORS, 120)
    rng = np.random.default_rng(0)
    brighter = replace(
        flaws, images=np.where(flaws.regions[..., None], flaws.images // 2 + 120, flaws.images)
    )
    assert content_probe(brighter, flaws).value > 0.9
    gray = replace(flaws, images=np.clip(flaws.images, 40, 200))
    noise = rng.choice(np.array([-2, 2]), flaws.images.shape)
    noisy = replace(gray, images=(gray.images + noise).astype(np.uint8))
    assert 0.35 < content_probe(noisy, gray).value < 0.65


def test_color_noise_is_counted_as_such():
    flaws = of_colors(COLORS // 2 + 60, 30)
    rng = np.random.default_rng(0)
    gray = rng.normal(0, 6, (*flaws.images.shape[:3], 1))
    color = rng.normal(0, 6, flaws.images.shape)
    few, many = (
        replace(flaws, images=np.clip(flaws.images + noise, 0, 255).astype(np.uint8))
        for noise in (gray, color)
    )
    ratios = texture_ratios(many, few)
    assert ratios["chroma_energy"].value > 2
    assert ratios["luma_energy"].value < 1


def by_prompt(crop, mask, prompt, seed):
    return filled(crop, mask, (20 * (sum(map(ord, prompt)) % 12) + seed % 3,) * 3)


def test_words_that_matter_and_words_that_do_not(sets):
    some = sets[:4]
    obeys = compare_prompts(vary_prompts(StandIn(by_prompt), some, 3, 8, progress=False))
    assert obeys["between_seeds"].value < 3
    assert obeys["prompts_over_seeds"].value > 10
    deaf = StandIn(lambda crop, mask, prompt, seed: filled(crop, mask, seed % 200))
    ignores = compare_prompts(vary_prompts(deaf, some, 3, 8, progress=False))
    assert ignores["between_prompts"].value == 0
    assert ignores["all_distinct"].value == 0
    assert ignores["between_seeds"].value > 1


def test_clean_fabric_is_compared_with_the_intact_photo(sets):
    native = [entry for entry in sets if entry.plan.crop_scale == 1][:3]
    cleans = StandIn(
        lambda crop, mask, prompt, seed: crop if prompt == CLEAN_PROMPT else filled(crop, mask, 250)
    )
    prompted = vary_prompts(cleans, native, 2, 8, progress=False)
    figures = compare_prompts(prompted)
    assert figures["clean_change"].value == 0
    assert figures["flaw_change"].value > 20
    assert not difference(prompted.clean, prompted.intact).any()


def test_everything_is_measured_and_can_be_written(sets, tmp_path: Path):
    native = [entry for entry in sets if entry.plan.crop_scale == 1]
    painted = {entry.plan.sampling_seed: entry.box.cut(entry.damaged) for entry in native}
    # It answers the seeds of the plans with the painted flaw and all others with gray.
    inpainter = StandIn(lambda crop, mask, prompt, seed: painted.get(seed, filled(crop, mask, len(prompt))))
    settings = MeasureSettings(epochs=2, prompt_photos=3, seeds=2, batch_size=8)
    measurement = measure(inpainter, simulated(native), native, settings, progress=False)
    figures = measurement.figures
    assert figures["kind_accuracy_inpainted"].value == figures["kind_accuracy_painted"].value
    assert figures["content_auroc"].value == 0.5
    assert figures["chroma_energy"].value == pytest.approx(1)
    assert json.loads(json.dumps(measurement.to_json()))["figures"]["content_auroc"]["n"] == 2 * len(native)
    sheet = prompt_sheet(measurement.shown, measurement.prompted)
    assert sheet.shape[1] > 12 * SIDE
    assert len({entry.plan.kind for entry in measurement.shown}) == 3


@pytest.mark.parametrize("changes", [{"epochs": 0}, {"seeds": 1}, {"prompt_photos": 0}, {"batch_size": 0}])
def test_settings_out_of_range_are_refused(changes):
    with pytest.raises(ConfigurationError, match="expected epochs"):
        MeasureSettings(**changes)
