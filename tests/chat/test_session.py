import json

import pytest
from tests.runtime.red import gray_photo, spotted_photo

from falseflaw.chat.session import Desk
from falseflaw.errors import UnreadableImageError
from falseflaw.evidence.catalog import catalog
from falseflaw.imaging import codec
from falseflaw.types import Verdict


def test_a_photo_becomes_evidence_in_the_folder_of_its_visitor(desk: Desk) -> None:
    session = desk.session("one")
    seen = desk.look(session, "a/../b <c>.png", codec.encode_png(spotted_photo(80, 90, 10, 20)))
    assert seen.look.evidence.finding.verdict is Verdict.ALTERED
    html, document = seen.reports(catalog("zh"))
    assert {path.parent.parent for path in (html, document, seen.overlay)} == {session.folder}
    assert session.folder.parent == desk.root
    assert json.loads(document.read_bytes())["photo"]["sha256"] == seen.look.evidence.photo.sha256
    assert 'lang="zh-Hans"' in html.read_text("utf-8")


@pytest.mark.parametrize("name", ["", "...", "/", "\ud800", "x" * 500, "照片.jpg", "a\nb"])
def test_names_of_all_kinds_make_files(desk: Desk, name: str) -> None:
    seen = desk.look(desk.session("one"), name, codec.encode_png(gray_photo(64, 64)))
    assert all(path.is_file() for path in seen.reports(catalog("en")))


def test_one_photo_twice_is_two_entries(desk: Desk) -> None:
    session, data = desk.session("one"), codec.encode_png(gray_photo(64, 64))
    first, second = (desk.look(session, "a.png", data) for _ in range(2))
    assert first.overlay != second.overlay
    assert len(session.seen) == 2


def test_a_broken_photo_leaves_nothing(desk: Desk) -> None:
    session = desk.session("one")
    with pytest.raises(UnreadableImageError, match=r"a\.jpg"):
        desk.look(session, "a.jpg", b"\xff\xd8\xff broken")
    assert session.seen == []
    assert list(session.folder.iterdir()) == []


def test_whoever_leaves_takes_all_files_along(desk: Desk) -> None:
    for key in ("one", "two"):
        desk.look(desk.session(key), "a.png", codec.encode_png(gray_photo(64, 64))).reports(catalog("en"))
    desk.end("one")
    desk.end("one")
    assert list(desk.root.iterdir()) == [desk.session("two").folder]
    assert desk.session("one").seen == []


def test_of_too_many_visitors_the_first_ones_end(desk: Desk) -> None:
    folders = [desk.session(str(number)).folder for number in range(5)]
    assert [folder.exists() for folder in folders] == [False, False, True, True, True]
