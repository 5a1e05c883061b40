from pathlib import Path

import numpy as np
import pytest
from tests.runtime.red import GAIN, POINT, gray_photo, mask_logit, red_network, spotted_photo, write_bundle

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.runtime.predictor import Predictor


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


@pytest.mark.parametrize("size", [(1, 1), (31, 33), (32, 64), (97, 130), (200, 65)])
def test_the_answer_is_the_networks_at_every_size(predictor: Predictor, size: tuple[int, int]) -> None:
    photo = gray_photo(*size)
    photo[size[0] // 2, size[1] // 2] = (230, 30, 20)
    expected = mask_logit(photo)
    prediction = predictor.predict(photo)
    assert prediction.probability == pytest.approx(sigmoid(expected.max() / POINT.temperature), abs=1e-6)
    assert prediction.heat_map.shape == size
    assert prediction.heat_map.dtype == np.uint8
    np.testing.assert_allclose(prediction.heat_map, np.rint(255 * sigmoid(expected)), atol=1)


def test_padding_is_told_apart_from_the_photo(red_bundle: Path) -> None:
    """Without the valid mask, zeros around a dark photo or a repeated edge could change the answer."""
    seen: list[dict[str, np.ndarray]] = []
    predictor = Predictor(red_bundle)
    session = predictor._session

    class Spy:
        def run(self, names: list[str], feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
            seen.append(feeds)
            return list(session.run(names, feeds))

    predictor._session = Spy()  # type: ignore[assignment]
    photo = gray_photo(40, 70)
    predictor.predict(photo)
    image, valid = seen[0]["image"][0], seen[0]["valid"][0, 0]
    assert image.shape == (3, 64, 96)
    assert valid.shape == (64, 96)
    assert valid.sum() == 40 * 70
    assert valid[:40, :70].all()
    np.testing.assert_array_equal(image[:, :40, :70], photo.transpose(2, 0, 1))
    np.testing.assert_array_equal(image[:, 63, :70], photo[39].T)
    np.testing.assert_array_equal(image[:, :40, 95], photo[:, 69].T)


def test_batchmates_change_nothing(predictor: Predictor) -> None:
    photos = [spotted_photo(50, 70, 5, 9), gray_photo(50, 70, 1), spotted_photo(50, 70, 30, 40, side=3)]
    together = predictor.predict_batch(photos)
    for photo, prediction in zip(photos, together, strict=True):
        alone = predictor.predict(photo)
        assert prediction.probability == alone.probability
        np.testing.assert_array_equal(prediction.heat_map, alone.heat_map)
    assert predictor.predict_batch([]) == []


def test_raw_gives_uncalibrated_logits(predictor: Predictor) -> None:
    photos = np.stack([spotted_photo(64, 64, 8, 8), gray_photo(64, 64, 3)])
    logits, heat, distances = predictor.raw(photos)
    assert np.isnan(distances).all()  # this network tells none
    assert logits.dtype == np.float64
    np.testing.assert_allclose(logits, [GAIN * 0.5, -GAIN * 0.5], rtol=1e-5)
    assert heat.dtype == np.uint8
    assert heat.shape == (2, 64, 64)
    for photo, logit in zip(photos, logits, strict=True):
        probability = predictor.predict(photo).probability
        assert probability == pytest.approx(sigmoid(logit / POINT.temperature), abs=1e-6)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((4, 4, 3), np.uint8),
        np.zeros((1, 4, 4, 4), np.uint8),
        np.zeros((1, 4, 4, 3), np.float32),
        np.zeros((1, 0, 4, 3), np.uint8),
        np.zeros((0, 4, 4, 3), np.uint8),
    ],
)
def test_other_arrays_are_refused(predictor: Predictor, images: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"expected photos \(B, H, W, 3\) uint8"):
        predictor.raw(images)
    with pytest.raises(ValueError, match="one size"):
        predictor.predict_batch([gray_photo(40, 40), gray_photo(40, 41)])


def test_a_large_photo_in_tiles_is_judged_as_whole(red_bundle: Path) -> None:
    photo = spotted_photo(700, 1100, 350, 630, side=40)
    photo[690:, 1090:] = (180, 100, 90)
    whole, tiled = Predictor(red_bundle), Predictor(red_bundle, tile_pixels=288 * 288)
    assert whole.tiling(700, 1100).count == 1
    assert tiled.tiling(700, 1100).count > 10
    expected, got = whole.predict(photo), tiled.predict(photo)
    assert got.probability == expected.probability
    assert np.abs(got.heat_map.astype(int) - expected.heat_map.astype(int)).max() <= 1
    logits, heat, _ = tiled.raw(np.stack([photo, gray_photo(700, 1100)]))
    np.testing.assert_allclose(logits, [GAIN * 0.5, -GAIN * 0.5], rtol=1e-5)
    np.testing.assert_array_equal(heat[0], got.heat_map)


def test_no_run_of_the_network_exceeds_the_budget(red_bundle: Path) -> None:
    predictor = Predictor(red_bundle, tile_pixels=320 * 320)
    areas: list[int] = []
    infer = predictor.infer

    def spy(images: np.ndarray) -> object:
        areas.append(images.shape[0] * images.shape[1] * images.shape[2])
        return infer(images)

    predictor.infer = spy  # type: ignore[method-assign, assignment]
    predictor.predict_batch([gray_photo(500, 900), gray_photo(500, 900, 1)])
    assert max(areas) <= 320 * 320


@pytest.mark.parametrize("threads", [0, -1, 1.5, "two"])
def test_odd_thread_counts_are_refused(red_bundle: Path, threads: int) -> None:
    with pytest.raises(ConfigurationError, match="threads"):
        Predictor(red_bundle, threads=threads)  # type: ignore[arg-type]


@pytest.mark.parametrize("tile_pixels", [0, -5, 1000, "big"])
def test_a_budget_below_the_overlap_is_refused(red_bundle: Path, tile_pixels: int) -> None:
    with pytest.raises(ConfigurationError, match="tile_pixels"):
        Predictor(red_bundle, tile_pixels=tile_pixels)  # type: ignore[arg-type]


def test_keeping_memory_changes_no_answer(red_bundle: Path, predictor: Predictor) -> None:
    keeping = Predictor(red_bundle, threads=1, keep_memory=True)
    for height, width in ((70, 90), (300, 200), (64, 64)):
        photo = gray_photo(height, width)[None]
        for one, other in zip(keeping.raw(photo), predictor.raw(photo), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    from tests.runtime.red import write_sums

    folder = write_bundle(tmp_path / "bundle")
    (folder / "model.onnx").write_bytes(b"not a network")
    write_sums(folder)
    with pytest.raises(InvalidDataError, match=r"cannot load .*model\.onnx") as caught:
        Predictor(folder)
    assert "\n" not in str(caught.value)


def test_another_network_is_refused(tmp_path: Path) -> None:
    network = red_network()
    for node in network.graph.node:
        node.output[:] = ["heat" if name == "heat_map" else name for name in node.output]
    network.graph.output[1].name = "heat"
    with pytest.raises(InvalidDataError, match=r"expected .* outputs probability, heat_map, logit"):
        Predictor(write_bundle(tmp_path / "bundle", network))


def test_a_network_that_answers_nan_is_an_error_and_no_verdict(tmp_path: Path) -> None:
    network = red_network()
    for tensor in network.graph.initializer:
        if tensor.name == "gain":
            tensor.raw_data = np.float32(np.nan).tobytes()
    predictor = Predictor(write_bundle(tmp_path / "bundle", network))
    with pytest.raises(InvalidDataError, match="NaN"):
        predictor.predict(gray_photo(64, 64))
