"""What the chat says: answers by rules, every sentence out of the evidence. No language model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from urllib.parse import quote

from falseflaw.chat.session import Seen
from falseflaw.evidence.catalog import LANGUAGES, Catalog, catalog
from falseflaw.evidence.wording import VOID, FactWords, Wording, printable, word

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_NUMBER = re.compile(r"(?:#|№|photo|picture|image|第|照片|图)\s*(\d{1,4})", re.IGNORECASE)


class Topic(StrEnum):
    """What a question is about, in the order in which its words are looked for in one.

    The catalogs hold a topic's words (`chat.words.`) and the question that is offered (`chat.ask.`).
    """

    ERRORS = "errors"
    SCORE = "score"
    METADATA = "metadata"
    CHECKED = "checked"
    NEXT = "next"
    WHY = "why"


def topic_of(question: str) -> Topic | None:
    """Returns what a question is about, by its words; None: nothing that is known."""
    asked = question.casefold()
    return next((topic for topic in Topic if any(text in asked for text in _words_of(topic))), None)


def photo_of(question: str, seen: Sequence[Seen]) -> int | None:
    """Returns the place of the photo that a question names by file name or number from 1, else of the last.

    None where there is no photo yet.
    """
    if not seen:
        return None
    asked = question.casefold()
    for place in reversed(range(len(seen))):
        if seen[place].name.casefold() in asked:
            return place
    if (match := _NUMBER.search(question)) and 1 <= int(match[1]) <= len(seen):
        return int(match[1]) - 1
    return len(seen) - 1


def card(seen: Seen, place: int, texts: Catalog) -> str:
    """Returns what is said of a photo, Markdown: verdict, reasons, picture, and what comes with it."""
    words, drawn = _words(seen, texts), seen.look.overlay != seen.look.photo
    picture = f"gradio_api/file={quote(str(seen.overlay))}"
    void = seen.look.evidence.finding.cause in VOID
    caption = words.caption if drawn else texts("caption.photo" if void else "caption.nothing")
    return "\n\n".join(
        [
            f"## {plain(words.verdict)}",
            _title(seen, place, texts),
            *_paragraphs(words.answer),
            f"[![{plain(texts('alt.overlay' if drawn else 'alt.photo'))}]({picture})]({picture})",
            f"*{plain(caption)}*",
            plain(texts("chat.files")),
        ]
    )


def reply(question: str, seen: Sequence[Seen], texts: Catalog) -> str:
    """Returns the answer to a question, Markdown."""
    place = photo_of(question, seen)
    if place is None:
        return plain(texts("chat.no_photo_yet"))
    topic = topic_of(question)
    if topic is None:
        return plain(texts("chat.not_understood"))
    answer = f"**{_title(seen[place], place, texts)}**\n\n{_on(topic, _words(seen[place], texts), texts)}"
    return f"{answer}\n\n*{plain(texts('chat.other_photo'))}*" if len(seen) > 1 else answer


def plain(text: str) -> str:
    """Returns Markdown that shows a text as it is: no tag, no link and no emphasis comes of it."""
    return _PUNCTUATION.sub(r"\\\1", printable(text))


@cache
def _words_of(topic: Topic) -> tuple[str, ...]:
    """Returns the words that tell a topic, of all languages: whoever reads Chinese may ask in English."""
    return tuple(text for name in LANGUAGES for text in catalog(name)(f"chat.words.{topic}").split(", "))


def _on(topic: Topic, words: Wording, texts: Catalog) -> str:
    if topic is Topic.SCORE:
        return "\n\n".join(_paragraphs([texts("chat.score", score=words.score), *words.meaning]))
    if topic is Topic.ERRORS:
        return "\n\n".join(_paragraphs(words.errors))
    if topic is Topic.METADATA:
        return "\n\n".join([*_paragraphs(words.metadata), "\n".join(map(_entry, words.facts))])
    if topic is Topic.CHECKED:
        return (
            f"{plain(texts('heading.checked'))}:\n\n{_items(words.checked)}\n\n"
            f"{plain(texts('heading.not_checked'))}:\n\n{_items(words.not_checked)}"
        )
    if topic is Topic.NEXT:
        return _items(words.next)
    telling = [f"{fact.title}: {fact.weight}" for fact in words.facts if fact.telling]
    return "\n\n".join(
        [
            *_paragraphs(
                [
                    words.answer[0],
                    texts("chat.score", score=words.score),
                    *words.meaning[1:],
                    *words.errors,
                ]
            ),
            _items(telling),
        ]
    )


def _entry(fact: FactWords) -> str:
    text = f"- **{plain(fact.title)}** ({plain(fact.weight)}): {plain('; '.join(fact.lines))}"
    return f"{text}. {plain(fact.means)}" if fact.means else text


def _title(seen: Seen, place: int, texts: Catalog) -> str:
    return plain(texts("chat.photo", number=place + 1, name=seen.name))


def _words(seen: Seen, texts: Catalog) -> Wording:
    return word(seen.look.evidence, texts, seen.name)


def _paragraphs(sentences: Sequence[str]) -> list[str]:
    return [plain(sentence) for sentence in sentences]


def _items(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {plain(sentence)}" for sentence in sentences)
