import re

import pytest
from tests.runtime.red import gray_photo, spotted_photo

from falseflaw.chat.replies import Topic, card, photo_of, plain, reply, topic_of
from falseflaw.chat.session import Desk, Seen
from falseflaw.evidence.catalog import LANGUAGES, catalog
from falseflaw.imaging import codec

ENGLISH = catalog("en")


@pytest.fixture
def seen(desk: Desk) -> list[Seen]:
    session = desk.session("one")
    desk.look(session, "[stain](http://x) <b>.png", codec.encode_png(spotted_photo(80, 90, 10, 20)))
    desk.look(session, "fine.png", codec.encode_png(gray_photo(80, 90)))
    return session.seen


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("topic", list(Topic))
def test_every_offered_question_is_understood(topic: Topic, language: str) -> None:
    assert topic_of(catalog(language)(f"chat.ask.{topic}")) is topic


@pytest.mark.parametrize(
    ("question", "topic"),
    [
        ("why?", Topic.WHY),
        ("WHY do you say so", Topic.WHY),
        ("为什么", Topic.WHY),
        ("where is it?", Topic.WHY),
        ("how sure are you?", Topic.ERRORS),
        ("is it 97 % fake?", Topic.SCORE),
        ("which camera", Topic.METADATA),
        ("what should I do", Topic.NEXT),
        ("hello", None),
        ("", None),
    ],
)
def test_topics(question: str, topic: Topic | None) -> None:
    assert topic_of(question) is topic


def test_the_photo_that_is_meant(seen: list[Seen]) -> None:
    assert photo_of("why?", []) is None
    assert photo_of("why?", seen) == 1
    assert photo_of("why photo 1?", seen) == 0
    assert photo_of("照片1为什么", seen) == 0
    assert photo_of("photo 7", seen) == 1
    assert photo_of("why FINE.png?", [*seen[::-1]]) == 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_topic_has_an_answer(seen: list[Seen], language: str) -> None:
    texts = catalog(language)
    answers = {topic: reply(texts(f"chat.ask.{topic}"), seen, texts) for topic in Topic}
    assert len(set(answers.values())) == len(Topic)
    assert all("{" not in answer for answer in answers.values())


def test_the_answer_to_why(seen: list[Seen]) -> None:
    answer = reply("why photo 1?", seen, ENGLISH)
    assert "AI image editors write" in answer
    assert plain("from 0.900 on as altered") in answer
    assert "not measured" in answer
    assert plain("Camera: names a camera") in answer


def test_what_is_not_understood_or_not_there(seen: list[Seen]) -> None:
    assert reply("why?", [], ENGLISH) == plain(ENGLISH("chat.no_photo_yet"))
    assert reply("hello", seen, ENGLISH) == plain(ENGLISH("chat.not_understood"))


def test_names_and_metadata_become_neither_tags_nor_links(seen: list[Seen]) -> None:
    said = card(seen[0], 0, ENGLISH) + reply("metadata of photo 1", seen, ENGLISH)
    assert "<" not in said.replace("\\<", "")
    links = re.findall(r"\]\(([^)]*)\)", said)
    assert links == [f"gradio_api/file={seen[0].overlay}"] * 2
    assert "http:" not in said


def test_the_caption_of_a_picture_without_a_trace(seen: list[Seen]) -> None:
    assert "the marked region" in card(seen[0], 0, ENGLISH)
    assert plain(ENGLISH("caption.nothing")) in card(seen[1], 1, ENGLISH)


def test_a_card_begins_with_its_verdict_and_says_what_its_picture_shows(seen: list[Seen]) -> None:
    for place, verdict in enumerate(("Traces of alteration", "No sign of alteration")):
        assert card(seen[place], place, ENGLISH).startswith(f"## {verdict}\n")
    assert f"![{plain(ENGLISH('alt.overlay'))}]" in card(seen[0], 0, ENGLISH)


def test_of_several_photos_it_is_told_how_to_ask_about_another_one(seen: list[Seen]) -> None:
    hint = plain(ENGLISH("chat.other_photo"))
    assert hint in reply("why?", seen, ENGLISH)
    assert hint not in reply("why?", seen[:1], ENGLISH)
    for language in LANGUAGES:
        example = re.split("[:：]", catalog(language)("chat.other_photo"))[-1]
        assert photo_of(example, seen) == 0
        assert topic_of(example) is Topic.WHY
