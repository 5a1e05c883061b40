"""Baselines without training find what they are made for, and nothing where there is nothing."""

import cv2
import numpy as np
import pytest
from tests.helpers import textured_photo

from falseflaw.errors import ConfigurationError
from falseflaw.evaluation.prediction.training_free import (
    ErrorLevelAnalysis,
    NoiseResidualVariance,
    TrainingFreeScorer,
)
from falseflaw.imaging import codec
from falseflaw.seeding import derive_rng
from falseflaw.types import Image

BOTH = (ErrorLevelAnalysis(), NoiseResidualVariance())
REGION = np.s_[48:112, 64:144]


def photo(number: int = 0, height: int = 160, width: int = 224) -> Image:
    return textured_photo(derive_rng("training-free", number), height, width)


def saved(image: Image, quality: int) -> Image:
    return codec.decode(codec.encode_jpeg(image, quality))


def altered(image: Image, other: Image) -> Image:
    made = image.copy()
    made[REGION] = other[REGION]
    return made


def assert_fires(scorer: TrainingFreeScorer, before: Image, after: Image) -> None:
    (was, is_now), (_, heat) = scorer.score(np.stack([before, after]))
    inside = np.zeros(heat.shape, bool)
    inside[REGION] = True
    assert is_now > was + 1
    assert np.median(heat[inside]) > 2 * np.median(heat[~inside]) + 20


def test_error_levels_show_a_pasted_region_of_another_quality() -> None:
    clean = photo()
    assert_fires(ErrorLevelAnalysis(), saved(clean, 60), altered(saved(clean, 60), clean))
    assert_fires(ErrorLevelAnalysis(), clean, altered(clean, saved(clean, 60)))


def test_residual_variance_shows_a_blurred_and_a_noisy_region() -> None:
    clean = photo()
    noise = derive_rng("noise", 0).normal(0, 12, clean.shape)
    for other in (cv2.GaussianBlur(clean, (0, 0), 1.5), np.clip(clean + noise, 0, 255).astype(np.uint8)):
        assert_fires(NoiseResidualVariance(), clean, altered(clean, other))


def test_a_side_leaves_the_other_out() -> None:
    clean = photo()
    blurred = altered(clean, cv2.GaussianBlur(clean, (0, 0), 1.5))[None]
    assert NoiseResidualVariance(side="below").score(blurred)[0] > 1
    heat = NoiseResidualVariance(side="above").score(blurred)[1][0]
    assert np.median(heat[REGION]) == 0


@pytest.mark.parametrize("scorer", BOTH, ids=lambda scorer: scorer.name)
def test_batchmates_do_not_change_a_score(scorer: TrainingFreeScorer) -> None:
    photos = np.stack([saved(photo(number), 40 + 20 * number) for number in range(3)])
    scores, heats = scorer.score(photos)
    assert scores.shape == (3,)
    assert scores.dtype == np.float64
    assert heats.shape == photos.shape[:3]
    assert heats.dtype == np.uint8
    assert len(set(scores)) == 3
    for index in range(3):
        alone, heat = scorer.score(photos[index : index + 1])
        assert alone[0] == scores[index]
        assert np.array_equal(heat[0], heats[index])


@pytest.mark.parametrize("scorer", BOTH, ids=lambda scorer: scorer.name)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 200), (64, 64)])
def test_any_size_and_a_photo_of_one_color_alarm_at_nothing(
    scorer: TrainingFreeScorer, height: int, width: int
) -> None:
    scores, heats = scorer.score(np.full((1, height, width, 3), 200, np.uint8))
    assert scores[0] == -scorer.neutral
    assert not heats.any()
    textured, _ = scorer.score(photo(1, height, width)[None])
    assert np.isfinite(textured).all()


def test_settings_that_change_scores_change_the_fingerprint() -> None:
    assert ErrorLevelAnalysis().fingerprint == ErrorLevelAnalysis(lanes=1).fingerprint
    others = {ErrorLevelAnalysis(quality=80).fingerprint, NoiseResidualVariance(window=8).fingerprint}
    assert not others & {scorer.fingerprint for scorer in BOTH}


@pytest.mark.parametrize(
    ("scorer", "values"),
    [
        (ErrorLevelAnalysis, {"quality": 0}),
        (ErrorLevelAnalysis, {"side": "left"}),
        (ErrorLevelAnalysis, {"window": 0}),
        (NoiseResidualVariance, {"sigma": 0.0}),
        (NoiseResidualVariance, {"top_share": 1.5}),
    ],
)
def test_one_line_for_values_out_of_range(scorer: type[TrainingFreeScorer], values: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(values))) as raised:
        scorer(**values)
    assert "\n" not in str(raised.value)
