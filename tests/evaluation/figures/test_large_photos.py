"""The limit of photos in tiles holds what it promises, whatever the tiles have to do with each other."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.evaluation.figures.test_calibration import predictions

from falseflaw.errors import FalseFlawError, InvalidDataError, MissingDataError
from falseflaw.evaluation.figures import calibration
from falseflaw.evaluation.figures.large_photos import LargePhoto, LargePhotos, with_large_photos
from falseflaw.runtime.verdict import limits

POINT, FITTED = calibration.fit(predictions(), ["identity", "jpeg80"])
TILES = {6.0: 2, 12.0: 4, 24.0: 9}
COUNTS = {6.0: 45, 12.0: 30, 24.0: 24}


def photos(rng: np.random.Generator, counts: dict[float, int], shift: float, alike: float) -> LargePhotos:
    """Honest tiles whose odds have a mean; those of a photo have `alike` of their spread in common."""
    drawn = []
    for size, count in counts.items():
        for number in range(count):
            tiles = TILES[size]
            common, own = rng.normal(), rng.normal(size=tiles)
            logits = POINT.temperature * (
                1.1 * (np.sqrt(alike) * common + np.sqrt(1 - alike) * own) - 2 + shift
            )
            drawn.append(LargePhoto(f"{size}-{number}", size, 0, 0, tiles, float(logits.max()), 255))
    return LargePhotos("", "", 0, tuple(drawn))


def alarms(large: LargePhotos, point) -> np.ndarray:  # type: ignore[no-untyped-def]
    logits = np.array([photo.logit for photo in large.photos])
    tiles = np.array([photo.tiles for photo in large.photos])
    return calibration.calibrate(logits, point.temperature) >= limits(tiles, point)


@pytest.mark.parametrize("alike", [0.0, 0.5, 0.95])
@pytest.mark.parametrize("shift", [0.0, 4.0])  # tiles of large photos are no small photos
def test_few_new_photos_of_any_size_reach_the_limit(alike: float, shift: float) -> None:
    rng = np.random.default_rng(3)
    rates: dict[float, list[float]] = {size: [] for size in TILES}
    for _ in range(100):
        point, _ = with_large_photos(POINT, FITTED, photos(rng, COUNTS, shift, alike))
        for size in TILES:
            rates[size].append(float(alarms(photos(rng, {size: 60}, shift, alike), point).mean()))
    found = {size: float(np.mean(shares)) for size, shares in rates.items()}
    noise = 1.2  # of 6000 photos
    assert all(found[size] <= noise / (COUNTS[size] + 1) for size in TILES)
    assert sum(COUNTS[size] * found[size] for size in TILES) / 99 <= noise * 0.01


def test_with_photos_enough_every_size_is_promised_the_rate() -> None:
    rng = np.random.default_rng(4)
    large = photos(rng, dict.fromkeys(TILES, 99), 4.0, 0.5)
    point, fitted = with_large_photos(POINT, FITTED, large)
    assert fitted.rule.endswith("of one size alone with one of at most 1 %")
    for size in TILES:  # of 99 of one size none may lie above, whatever the other sizes do
        assert not alarms(
            LargePhotos("", "", 0, tuple(p for p in large.photos if p.megapixels == size)), point
        ).any()


def test_the_promise_is_told_and_the_limit_is_the_least_that_keeps_it() -> None:
    large = photos(np.random.default_rng(0), COUNTS, 4.0, 0.5)
    point, fitted = with_large_photos(POINT, FITTED, large)
    assert point.tiled_threshold is not None
    assert point.tiled_threshold > POINT.image_threshold
    assert not alarms(large, point).any()  # of 99, the highest is the limit: none may lie above
    promise = fitted.guarantees[-1]
    assert (promise.threshold, promise.sources, promise.promised) == ("tiled_threshold", 99, 0.01)
    assert "45 of 6, 30 of 12, 24 of 24 megapixels" in promise.text
    assert fitted.rule.endswith(f"{promise.text}, and of one size alone with one of at most 4 %")
    assert fitted.guarantees[:-1] == FITTED.guarantees


def test_few_photos_promise_what_they_can() -> None:
    large = photos(np.random.default_rng(0), {12.0: 19}, 0.0, 0.5)
    _, fitted = with_large_photos(POINT, FITTED, large)
    assert fitted.guarantees[-1].promised == pytest.approx(0.05)
    assert "all that n=19 sources can promise" in fitted.rule


def test_calm_tiles_do_not_lower_the_limit() -> None:
    large = photos(np.random.default_rng(0), {6.0: 99}, -20.0, 0.5)
    assert with_large_photos(POINT, FITTED, large)[0].tiled_threshold == POINT.image_threshold


def test_photos_that_are_judged_whole_give_no_limit() -> None:
    whole = LargePhotos("", "", 0, (LargePhoto("a", 1.0, 1000, 1000, 1, 0.0, 0),))
    with pytest.raises(InvalidDataError, match="several tiles, got none"):
        with_large_photos(POINT, FITTED, whole)


def test_scores_come_back_from_their_file(tmp_path: Path) -> None:
    large = photos(np.random.default_rng(0), {24.0: 3}, 0.0, 0.0)
    large.write(tmp_path / "large.json")
    assert LargePhotos.read(tmp_path / "large.json") == large


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"photos": 3})])
def test_another_file_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "large.json").write_text(text)
    with pytest.raises(FalseFlawError, match="measure-large-photos") as caught:
        LargePhotos.read(tmp_path / "large.json")
    assert "\n" not in str(caught.value)
    with pytest.raises(MissingDataError):
        LargePhotos.read(tmp_path / "none.json")
