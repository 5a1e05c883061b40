import pickle

import cv2
import numpy as np
import pytest

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingExtraError
from falseflaw.photos.product import segmentation as product
from falseflaw.photos.product.segmentation import ClassicalProductMasker, U2NetProductMasker, clean_mask
from falseflaw.seeding import derive_rng


@pytest.fixture(scope="module")
def photo() -> tuple[np.ndarray, np.ndarray]:
    """A red shirt-like shape on a gray floor, with its true mask."""
    truth = np.zeros((240, 180), np.uint8)
    outline = np.array(
        [
            [50, 60],
            [20, 90],
            [38, 110],
            [55, 95],
            [55, 190],
            [125, 190],
            [125, 95],
            [142, 110],
            [160, 90],
            [130, 60],
        ]
    )
    cv2.fillPoly(truth, [outline], 1)
    image = np.where(truth[..., None] > 0, (170, 40, 50), (176, 172, 160)).astype(np.float64)
    image += derive_rng("floor").normal(0, 6, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8), truth > 0


def overlap(found: np.ndarray, truth: np.ndarray) -> float:
    return float((found & truth).sum() / (found | truth).sum())


@pytest.fixture(scope="module")
def network() -> U2NetProductMasker:
    return U2NetProductMasker()


@pytest.fixture(params=["network", "classical"])
def masker(request, network):
    return network if request.param == "network" else ClassicalProductMasker()


def test_the_product_is_found_alike_every_time(photo, masker):
    image, truth = photo
    found = masker(image)
    assert found.dtype == bool
    assert found.shape == truth.shape
    assert overlap(found, truth) > 0.85
    np.testing.assert_array_equal(found, masker(image))


@pytest.mark.slow
def test_the_network_opens_its_own_session_after_pickling(photo, network):
    expected = network(photo[0])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(network))(photo[0]), expected)


@pytest.mark.parametrize("tone", [0, 255])
def test_a_photo_of_nothing_still_gives_a_usable_mask(masker, tone):
    found = masker(np.full((120, 90, 3), tone, np.uint8))
    assert 0.04 <= found.mean() <= 0.97


def test_an_implausible_saliency_falls_back_to_the_classical_mask(photo, monkeypatch):
    masker = U2NetProductMasker()
    for level in (0.0, 1.0):
        flat = np.full(photo[0].shape[:2], level, np.float32)
        monkeypatch.setattr(masker, "saliency", lambda image, flat=flat: flat)
        np.testing.assert_array_equal(masker(photo[0]), ClassicalProductMasker()(photo[0]))


def test_a_missing_package_is_one_line_that_names_the_way_out_once_a_mask_is_needed(photo, monkeypatch):
    monkeypatch.setattr(product.importlib.util, "find_spec", lambda name: None)
    masker = U2NetProductMasker()  # photos that bring their masks need no network
    with pytest.raises(MissingExtraError, match="product_mask=classical") as caught:
        masker(photo[0])
    assert "\n" not in str(caught.value)


def test_clean_mask_keeps_the_pair_and_drops_the_crumbs():
    mask = np.zeros((100, 100), bool)
    mask[10:60, 10:40] = mask[10:50, 60:90] = True
    expected = mask.copy()
    mask[20:23, 20:23] = False  # a print that the network took for background
    mask[90:94, 90:94] = True  # a crumb
    np.testing.assert_array_equal(clean_mask(mask), expected)
    assert not clean_mask(np.zeros((10, 10), bool)).any()


def test_clean_mask_leaves_wide_gaps_open():
    ring = np.zeros((100, 100), bool)
    ring[10:90, 10:90] = True
    ring[30:70, 30:70] = False
    np.testing.assert_array_equal(clean_mask(ring), ring)


@pytest.mark.parametrize(
    "image", [np.zeros((50, 50), np.uint8), np.zeros((50, 50, 3), np.float32), np.zeros((4, 50, 3), np.uint8)]
)
def test_other_arrays_are_refused(masker, image):
    with pytest.raises(InvalidDataError, match="expected a photo"):
        masker(image)


@pytest.mark.parametrize(
    ("masker", "values"),
    [
        (U2NetProductMasker, {"threshold": 1.0}),
        (U2NetProductMasker, {"threads": 0}),
        (ClassicalProductMasker, {"side": 8}),
        (ClassicalProductMasker, {"border": 0.5}),
        (ClassicalProductMasker, {"iterations": 0}),
    ],
)
def test_values_out_of_range_are_refused(masker, values):
    with pytest.raises(ConfigurationError, match="expected"):
        masker(**values)
