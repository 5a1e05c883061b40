import json
import pickle

import pytest

from falseflaw.errors import ConfigurationError
from falseflaw.evaluation.report.sentences import SCREENSHOT
from falseflaw.imaging.laundering.screenshot.browser import BrowserScreenshot
from falseflaw.imaging.laundering.screenshot.chat import THEMES, draw_chat
from falseflaw.imaging.laundering.screenshot.device import Device
from falseflaw.seeding import derive_rng


@pytest.mark.parametrize(
    ("enlarge", "size", "shown"),
    [
        (False, (200, 100), (400, 200)),  # fits: natural size, two device pixels each
        (False, (800, 400), (800, 400)),  # 400 CSS pixels high at most
        (False, (300, 600), (300, 600)),  # 300 wide at most
        (True, (100, 100), (600, 600)),  # enlarged to 300 wide
        (True, (100, 50), (800, 400)),  # enlarged to 400 high
        (False, (1, 9000), (16, 600)),  # never thinner than a crop may take away
    ],
)
def test_photos_fit_the_room(enlarge, size, shown) -> None:
    device = Device("d", 800, 800, pixel_ratio=2.0, room=(300, 400), enlarge=enlarge)
    assert device.shown(*size) == shown


def test_zoom_enlarges_photos_but_not_the_screen() -> None:
    device = Device("d", 1000, 900, pixel_ratio=1.5, zoom=1.1, room=(300, 400))
    assert device.screen == (1500, 1350)
    assert device.density == pytest.approx(1.65)
    assert device.shown(200, 100) == (330, 165)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": "a b"}, "name of letters"),
        ({"width": 100}, "width and height"),
        ({"pixel_ratio": 9.0}, r"pixel_ratio in \[0.5, 4\], got 9"),
        ({"zoom": 0.0}, "zoom in"),
        ({"room": (4, 4)}, "two numbers from 16"),
        ({"room": (300, 700)}, "within 360x540"),
        ({"zoom": 2.0}, "within 180x140"),
    ],
)
def test_impossible_devices_are_refused(values, words) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Device(**({"name": "d", "width": 400, "height": 800, "room": (300, 400)} | values))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"quality": (90, 80)}, "low <= high"),
        ({"max_offset": 8}, r"0\.\.7, got 8"),
        ({"jpeg_share": 1.5}, "jpeg_share in"),
    ],
)
def test_impossible_screenshots_are_refused(values, words) -> None:
    with pytest.raises(ConfigurationError, match=words):
        BrowserScreenshot(Device("d", 1280, 800), **values)


def test_the_laundering_travels_to_workers() -> None:
    laundering = BrowserScreenshot(Device("d", 1280, 800, room=[330, 400]), quality=[80, 95])
    assert pickle.loads(pickle.dumps(laundering)) == laundering
    assert hash(laundering) == hash(pickle.loads(pickle.dumps(laundering)))
    assert laundering.unseen
    assert laundering.name == "browser_screenshot_d"
    assert SCREENSHOT in laundering.name  # or the answers of a report would leave it out


def test_chats_hold_one_photo_near_their_end_and_differ() -> None:
    chats = [draw_chat(derive_rng("chat", index), 100.0, 50.0, 0.5) for index in range(40)]
    for chat in chats:
        places = [index for index, message in enumerate(chat["messages"]) if message["photo"]]
        assert len(places) == 1
        assert len(chat["messages"]) - places[0] <= 3
        json.dumps(chat)  # goes to the browser so
    assert {chat["theme"] for chat in chats} == set(THEMES)
    assert {chat["radius"] > 0 for chat in chats} == {True, False}
    assert {chat["messages"][0]["own"] for chat in chats} == {True, False}
    assert draw_chat(derive_rng("chat", 3), 100.0, 50.0, 0.5) == chats[3]
