import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.runtime.red import gray_photo, spotted_photo

from falseflaw.chat.replies import plain
from falseflaw.chat.serve import Address, serving
from falseflaw.chat.session import Desk
from falseflaw.chat.uploads import Limits
from falseflaw.errors import ConfigurationError
from falseflaw.evidence.look import Examiner
from falseflaw.imaging import codec
from falseflaw.runtime.predictor import Predictor

pytest.importorskip("gradio")

VISITOR = SimpleNamespace(session_hash="one")


@pytest.fixture
def page(desk: Desk) -> Any:
    from falseflaw.chat.app import Page

    return Page(desk, Limits(photos_at_once=2))


def upload(desk: Desk, name: str, data: bytes) -> str:
    path = desk.root / "uploads" / name / name
    codec.write_atomic(path, data)
    return str(path)


def shown(page: Any, language: str = "en", **value: Any) -> list[list[dict[str, Any]]]:
    """Sends a message and returns what the page shows of it, step by step."""
    heard, _ = page.hear(value, language, VISITOR)
    return [list(heard), *(list(messages) for messages, _ in page.answer(language, VISITOR))]


def test_photos_are_answered_one_after_the_other(page: Any, desk: Desk) -> None:
    files = [
        upload(desk, "fake.png", codec.encode_png(spotted_photo(80, 90, 10, 20))),
        upload(desk, "page.png", b"<html>"),
    ]
    updates = shown(page, files=files, text="why?")
    assert [len(messages) for messages in updates] == [2, 2, 5, 6]
    assert "Looking at the photos" in updates[0][-1]["content"]
    assert "photo 2 of 2" in updates[2][-1]["content"]
    messages = desk.session("one").messages
    assert [message["role"] for message in messages] == ["user", *["assistant"] * 5]
    texts = [message["content"] for message in messages if isinstance(message["content"], str)]
    assert "Traces of alteration" in texts[1]
    assert any("this is no photo" in text for text in texts)
    paths = [Path(message["content"]["path"]) for message in messages if isinstance(message["content"], dict)]
    assert [path.suffix for path in paths] == [".html", ".json"]
    assert all(path.is_relative_to(desk.root) for path in paths)
    assert not any(Path(file).exists() for file in files)
    assert [bool(message.get("options")) for message in messages] == [False] * 5 + [True]


def test_what_was_not_uploaded_is_neither_read_nor_removed(page: Any, desk: Desk, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(codec.encode_png(gray_photo(64, 64)))
    messages = shown(page, files=[str(secret)], text="")[-1]
    assert "it was not uploaded here" in messages[-1]["content"]
    assert secret.exists()
    assert desk.session("one").seen == []


def test_too_many_at_once(page: Any, desk: Desk) -> None:
    data = codec.encode_png(gray_photo(64, 64))
    files = [upload(desk, f"{number}.png", data) for number in range(3)]
    messages = shown(page, "zh", files=files, text=None)[-1]
    assert len(desk.session("one").seen) == 2
    assert "一次最多 2 张" in messages[-1]["content"]


def test_a_damaged_photo_is_told_by_one_name_and_questions_stay_offered(page: Any, desk: Desk) -> None:
    shown(page, files=[upload(desk, "fine.png", codec.encode_png(gray_photo(64, 64)))])
    message = shown(page, files=[upload(desk, "cut.jpg", b"\xff\xd8\xff broken")])[-1][-1]
    assert message["content"].count(plain("cut.jpg")) == 1
    assert "\n" not in message["content"]
    assert message["options"]


def test_a_message_is_shown_before_its_photos_are_looked_at(page: Any, desk: Desk) -> None:
    file = upload(desk, "a.png", codec.encode_png(gray_photo(64, 64)))
    messages, box = page.hear({"files": [file], "text": ""}, "en", VISITOR)
    assert plain("a.png") in messages[0]["content"]
    assert desk.session("one").seen == []
    assert box.interactive is False
    *_, (_, box) = page.answer("en", VISITOR)
    assert len(desk.session("one").seen) == 1
    assert box.interactive is True


def test_an_empty_message_leaves_the_box_open(page: Any, desk: Desk) -> None:
    messages, box = page.hear({"files": [], "text": "  "}, "en", VISITOR)
    assert messages == []
    assert box.interactive is True


def test_whoever_leaves_is_forgotten(page: Any, desk: Desk) -> None:
    shown(page, files=[upload(desk, "a.png", codec.encode_png(gray_photo(64, 64)))])
    page.leave(VISITOR)
    assert desk.session("one").messages == []
    assert [path.name for path in desk.root.iterdir() if path.name.startswith("visitor-")] == [
        desk.session("one").folder.name
    ]


def test_whoever_begins_again_sees_nothing_of_before(page: Any, desk: Desk) -> None:
    shown(page, files=[upload(desk, "a.png", codec.encode_png(gray_photo(64, 64)))])
    before = desk.session("one").folder
    assert page.begin_again(VISITOR)[0] == []
    assert not before.exists()
    assert "No photo was looked at yet" in shown(page, text="why?")[-1][-1]["content"]


def test_a_photo_needs_no_ending(page: Any, desk: Desk) -> None:
    shown(page, files=[upload(desk, "photo", codec.encode_png(gray_photo(64, 64)))])
    assert [seen.name for seen in desk.session("one").seen] == ["photo"]


@pytest.fixture
def url(chat_bundle: Path, chat_predictor: Predictor) -> Iterator[str]:
    examiner = Examiner.of(chat_bundle, chat_predictor.info)
    with serving(chat_predictor, examiner, Limits(), Address(), "en") as found:
        yield found


def status(request: str | urllib.request.Request) -> int:
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.slow
def test_the_page_is_for_this_machine_and_reads_nothing_of_it(url: str, tmp_path: Path) -> None:
    assert url.startswith("http://127.0.0.1:")
    assert status(url) == 200
    assert status(f"{url}gradio_api/file=/etc/hostname") == 403
    assert status(urllib.request.Request(url, headers={"Host": "evil.example"})) == 403
    path = {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}
    call = {"data": [{"text": "", "files": [path]}, "en"], "fn_index": 0, "session_hash": "x"}
    join = urllib.request.Request(
        f"{url}gradio_api/queue/join", json.dumps(call).encode(), {"Content-Type": "application/json"}
    )
    assert status(join) == 403


@pytest.mark.slow
def test_a_port_that_is_taken_is_told(url: str, chat_bundle: Path, chat_predictor: Predictor) -> None:
    port = int(url.rstrip("/").rpartition(":")[2])
    examiner = Examiner.of(chat_bundle, chat_predictor.info)
    with (
        pytest.raises(ConfigurationError, match=f"port={port} to listen on"),
        serving(chat_predictor, examiner, Limits(), Address(port=port), "en"),
    ):
        pass
