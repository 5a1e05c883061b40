import itertools

import numpy as np
import pytest

from falseflaw.evaluation.report import severity
from falseflaw.imaging.laundering.base import Identity
from falseflaw.imaging.laundering.geometry import Crop, Rotate
from falseflaw.imaging.laundering.recompress import DoubleJpeg, Jpeg, WebP
from falseflaw.imaging.laundering.resize import Resize
from falseflaw.imaging.laundering.screenshot.browser import BrowserScreenshot
from falseflaw.imaging.laundering.screenshot.device import Device
from falseflaw.imaging.laundering.screenshot.simulated import SimulatedScreenshot
from falseflaw.statistics.bootstrap import Estimate


def entries(*suite):
    return [(item.name, str(item.severity), item.unseen) for item in suite]


def names(steps):
    return [step.name for step in steps]


def test_families_run_from_mild_to_harsh_with_the_untouched_photo_where_it_belongs() -> None:
    suite = entries(Jpeg(60), Resize(0.5), Identity(), Jpeg(90), Resize(2.0), WebP(80), Jpeg(100))
    found = severity.families(suite)
    assert list(found) == ["jpeg", "resize", "webp"]
    assert names(found["jpeg"]) == ["identity", "jpeg100", "jpeg90", "jpeg60"]
    assert names(found["resize"]) == ["resize_2", "identity", "resize_0.5"]
    assert [step.severity for step in found["resize"]] == [2.0, None, 0.5]
    assert "identity" not in names(severity.families(entries(Jpeg(60)))["jpeg"])


def test_a_variant_and_a_word_stand_apart_from_the_line() -> None:
    suite = entries(Identity(), Resize(0.5, "lanczos", unseen=True), Resize(0.5), SimulatedScreenshot())
    found = severity.families(suite)
    joined = {step.name: step.joined for steps in found.values() for step in steps}
    assert joined == {"identity": True, "resize_0.5": True, "resize_0.5_lanczos": False, "screenshot": False}
    assert {step.label: step.unseen for step in found["resize"]}["0.5 lanczos"]
    assert names(found["screenshot"]) == ["identity", "screenshot"]


def test_devices_of_a_browser_make_one_family_without_a_line_through_them() -> None:
    devices = [Device("phone_x3", 360, 800, 3.0, room=(252, 420)), Device("laptop_x1.5", 1366, 768, 1.5, 1.1)]
    suite = entries(Identity(), *map(BrowserScreenshot, reversed(devices)))
    (steps,) = severity.families(suite).values()
    assert names(steps) == [
        "identity",
        "browser_screenshot_phone_x3",
        "browser_screenshot_laptop_x1.5",
    ]
    assert [step.joined for step in steps] == [True, False, False]


def test_a_photo_saved_twice_is_labelled_by_both_qualities() -> None:
    (step,) = severity.families(entries(DoubleJpeg(60, 80)))["double_jpeg"]
    assert step.label == "60 80"


def test_a_label_does_not_say_the_pixel_ratio_twice() -> None:
    devices = [Device("phone_x3", 360, 800, 3.0, room=(252, 420)), Device("laptop_x1.5", 1366, 768, 1.5, 1.1)]
    page = SimulatedScreenshot(pixel_ratios=[2.0], scale=[0.8, 0.8], whole_page=True)
    found = severity.families(entries(*map(BrowserScreenshot, devices), page))
    assert [step.label for steps in found.values() for step in steps] == ["3 phone", "1.65 laptop", "2 page"]


def test_turns_and_chains_get_harsher_as_their_number_grows() -> None:
    chains = [(f"chain_{word}", str(steps), False) for word, steps in (("worst", 6), ("app", 2))]
    found = severity.families(entries(Identity(), Rotate(2), Rotate(1), Crop(0.9), Crop(0.95)) + chains)
    assert {family: names(steps)[1:] for family, steps in found.items()} == {
        "rotate": ["rotate_1", "rotate_2"],
        "crop": ["crop_0.95", "crop_0.9"],
        "chain": ["chain_app", "chain_worst"],
    }
    assert severity.title_of("chain") == "Chains"


@pytest.mark.parametrize("name", ["jpeg80+resize_0.5", "messenger"])
def test_what_nothing_grades_makes_no_family(name) -> None:
    assert severity.families([(name, "chain", False)]) == {}


def test_a_screenshot_is_graded_by_its_pixel_ratio() -> None:
    suite = [(f"screenshot_{ratio:g}", f"{ratio:g}", ratio == 3) for ratio in (1, 3, 1.5)]
    steps = severity.families(suite)["screenshot"]
    assert [step.severity for step in steps] == [3, 1.5, 1]
    assert [step.unseen for step in steps] == [True, False, False]


def test_the_alternative_text_tells_every_point() -> None:
    steps = severity.families(entries(Identity(), Jpeg(90), Jpeg(60, unseen=True)))["jpeg"]
    values = dict(zip(("identity", "jpeg90", "jpeg60"), (0.93, None, 0.71), strict=True))
    estimates = {name: Estimate(value, value, value, 9) for name, value in values.items()}
    drawn = severity.draw("jpeg", steps, {"TPR": estimates}, "One threshold.")
    assert drawn.alt == "JPEG: TPR 0.93 at untouched, undefined at 90, 0.71 at 60."
    assert drawn.caption == "One threshold. Hollow points: never in training."
    assert np.frombuffer(drawn.png[:4], np.uint8).tolist() == [0x89, *b"PNG"]


def test_names_below_a_figure_do_not_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    chains = [
        (f"chain_{word}", str(at), True)
        for at, word in enumerate(("app", "marketplace", "chat_screenshot", "worst"))
    ]
    steps = severity.families([*entries(Identity()), *chains])["chain"]
    drawn = []
    monkeypatch.setattr(severity, "png", lambda figure: drawn.append(figure) or b"")
    half = Estimate(0.5, 0.4, 0.6, 9)
    severity.draw("chain", steps, {"AUROC": {step.name: half for step in steps}}, "")
    figure = drawn[0]
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_xticklabels()]
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))
