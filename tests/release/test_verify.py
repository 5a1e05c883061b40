import dataclasses

import numpy as np
import pytest
from tests.release.tiny import PHOTOS, RedDetector
from tests.runtime.red import POINT, spotted_photo

from falseflaw.release import verify
from falseflaw.release.bundle import Release
from falseflaw.runtime.predictor import Predictor
from falseflaw.types import OperatingPoint


def test_cases_cover_batches_and_odd_sizes() -> None:
    shapes = [images.shape for _, images in verify.parity_cases(PHOTOS)]
    assert {shape[0] for shape in shapes} == {1, 2}
    assert any(shape[1] % 2 and shape[2] % 2 for shape in shapes)
    assert any(shape[1] % 32 == 0 and shape[2] % 32 == 0 for shape in shapes)
    assert {photo.shape for photo in PHOTOS} <= {shape[1:] for shape in shapes}
    assert all(images.dtype == np.uint8 for _, images in verify.parity_cases(PHOTOS[:1]))


def test_equal_models_pass(release: Release) -> None:
    rows = verify.compare(RedDetector().eval(), Predictor(release.folder), POINT, verify.parity_cases(PHOTOS))
    verify.check(rows)
    assert len(rows) == len(list(verify.parity_cases(PHOTOS)))
    table = verify.format_table(rows)
    assert table.count("equal") == len(rows)
    assert "2x65x63" in table


def test_changed_weights_fail(release: Release) -> None:
    rows = verify.compare(
        RedDetector(gain=20.2).eval(), Predictor(release.folder), POINT, verify.parity_cases(PHOTOS)
    )
    with pytest.raises(verify.ParityError, match=r"within 0\.0001 \(probability\)") as caught:
        verify.check(rows)
    assert "\n" not in str(caught.value)


def test_another_temperature_fails(release: Release) -> None:
    point = dataclasses.replace(POINT, temperature=2.01)
    rows = verify.compare(RedDetector().eval(), Predictor(release.folder), point, verify.parity_cases(PHOTOS))
    assert any(row.probability > 1e-4 for row in rows)
    assert all(row.heat_map < 1e-6 for row in rows)
    with pytest.raises(verify.ParityError):
        verify.check(rows)


def test_a_flipped_verdict_fails_however_close(release: Release) -> None:
    """The threshold lies between the answers: the difference is within tolerance, the verdict another."""
    photo = spotted_photo(64, 64, 3, 3)[None]
    predictor, detector = Predictor(release.folder), RedDetector(gain=20.0001).eval()
    low = float(predictor.infer(photo).probability[0])
    high = float(verify.torch_outputs(detector, POINT.temperature, photo).probability[0])
    assert 0 < high - low < 1e-5
    point = OperatingPoint(POINT.temperature, image_threshold=high, clear_threshold=0.1, mask_threshold=200)
    rows = verify.compare(detector, predictor, point, [("close", photo)])
    assert rows[0].verdicts == 1
    with pytest.raises(verify.ParityError, match="1 other verdicts"):
        verify.check(rows)


ROW = verify.ParityRow("whole", 1, 64, 64, 0.0, 0.0, 0, 0, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"probability": 1.1e-4},
        {"heat_map": 1.1e-3},
        {"verdicts": 1},
        {"probability": float("nan")},
        {"heat_map": float("nan")},
    ],
)
def test_each_tolerance_counts(change: dict[str, float]) -> None:
    verify.check([ROW])
    with pytest.raises(verify.ParityError, match="1 of 2 batches"):
        verify.check([ROW, dataclasses.replace(ROW, **change)])  # type: ignore[arg-type]


def test_rounding_of_heat_map_levels_alone_is_reported_and_passes() -> None:
    rows = [dataclasses.replace(ROW, levels=3, mask=1)]
    verify.check(rows)
    assert verify.largest(rows)["levels"] == 3
    assert verify.largest(rows)["mask_pixels"] == 1


def test_no_photos_prove_nothing() -> None:
    with pytest.raises(verify.ParityError, match="got none"):
        verify.check([])
