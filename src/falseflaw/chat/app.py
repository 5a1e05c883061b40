"""The page of the chat, drawn by gradio."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio

from falseflaw.chat.look import SCRIPT, SPEAK
from falseflaw.chat.replies import Topic, card, plain, reply
from falseflaw.chat.session import Desk, Session
from falseflaw.chat.uploads import Limits, UploadRefusedError, read_upload
from falseflaw.errors import FalseFlawError
from falseflaw.evidence.catalog import LANGUAGES, Catalog, catalog

NAMES = {"en": "English", "zh": "中文"}

_OFFERED = (Topic.WHY, Topic.SCORE, Topic.ERRORS, Topic.METADATA, Topic.CHECKED, Topic.NEXT)
_Update = tuple[list[dict[str, object]], Any]


def theme() -> gradio.Theme:
    """Returns gradio's plain theme with the system's fonts: those of others come from the network."""
    return gradio.themes.Default(
        primary_hue="violet", font=["system-ui", "sans-serif"], font_mono=["monospace"]
    )


class Page:
    """Answers what the page sends."""

    def __init__(self, desk: Desk, limits: Limits) -> None:
        self._desk, self._limits = desk, limits

    def hear(self, value: dict[str, Any], language: str, request: gradio.Request) -> _Update:
        """Shows a message at once, however long the photos of others take; `answer` comes next."""
        texts, session = catalog(language), self._desk.session(str(request.session_hash))
        files, question = list(value.get("files") or ()), str(value.get("text") or "").strip()[:1000]
        lines = [texts("chat.sent", name=Path(file).name) for file in files]
        if asked := "\n\n".join(filter(None, ["  \n".join(map(plain, lines)), plain(question)])):
            _say(session, "user", asked)
            session.waiting.append((files, question))
        return _shown(session, texts("chat.looking") if files else ""), _box(ready=not asked)

    def choose(self, language: str, request: gradio.Request, event: gradio.SelectData) -> _Update:
        """Shows a question that was offered and chosen."""
        return self.hear({"text": str(event.value)}, language, request)

    def answer(self, language: str, request: gradio.Request) -> Iterator[_Update]:
        """Looks at the photos that were sent and answers the question, one message after the other."""
        texts, session = catalog(language), self._desk.session(str(request.session_hash))
        while session.waiting:
            files, question = session.waiting.pop(0)
            for place, file in enumerate(files):
                looking = texts("chat.looking_at", number=place + 1, total=len(files))
                yield _shown(session, looking), _box(ready=False)
                self._look(session, file, place, texts)
            if question:
                _say(session, "assistant", reply(question, session.seen, texts))
        if session.seen:
            session.messages[-1]["options"] = [{"value": texts(f"chat.ask.{topic}")} for topic in _OFFERED]
        yield session.messages, _box(ready=True)

    def leave(self, request: gradio.Request) -> None:
        """Ends the session of a page that was closed."""
        self._desk.end(str(request.session_hash))

    def begin_again(self, request: gradio.Request) -> _Update:
        """Removes the photos and messages of a page."""
        self.leave(request)
        return [], _box(ready=True)

    def _look(self, session: Session, file: str, place: int, texts: Catalog) -> None:
        name = plain(Path(file).name)
        try:
            if place >= self._limits.photos_at_once or len(session.seen) >= self._limits.most_photos:
                raise UploadRefusedError("too_many")
            data = read_upload(file, self._desk.root, self._limits)
            seen = self._desk.look(session, Path(file).name, data)
        except UploadRefusedError as error:
            values = {"megabytes": self._limits.megabytes, "photos": self._limits.photos_at_once}
            _say(session, "assistant", f"**{name}** {plain(texts(f'chat.refused.{error.code}', **values))}")
            return
        except FalseFlawError as error:
            reason = str(error).removeprefix(f"cannot read {Path(file).name}: ")
            _say(session, "assistant", f"**{name}** {plain(texts('chat.unreadable', reason=reason))}")
            return
        finally:
            _remove(file, self._desk.root)
        _say(session, "assistant", card(seen, len(session.seen) - 1, texts))
        for report in seen.reports(texts):
            _say(session, "assistant", {"path": str(report)})


def build(desk: Desk, limits: Limits, language: str) -> gradio.Blocks:
    """Returns the page; nothing listens yet.

    Args:
        desk: That looks at photos.
        limits: Of a session.
        language: In which it opens.
    """
    page, texts = Page(desk, limits), catalog(language)
    with gradio.Blocks(analytics_enabled=False, title="FalseFlaw", fill_height=True) as blocks:
        with gradio.Row(elem_id="head"):
            gradio.Markdown("# FalseFlaw")
            spoken = gradio.Radio(
                [(NAMES[name], name) for name in LANGUAGES],
                value=language,
                label="Language / 语言",
                show_label=False,
                container=False,
                elem_id="language",
                min_width=0,
                scale=0,
            )
        chat = gradio.Chatbot(
            elem_id="chat",
            show_label=False,
            autoscroll=False,
            buttons=[],
            feedback_options=None,
            latex_delimiters=[],
            placeholder=texts("chat.placeholder"),
        )
        box = gradio.MultimodalTextbox(
            elem_id="box",
            label=texts("chat.box"),
            show_label=False,
            file_count="multiple",
            placeholder=texts("chat.box"),
            sources=["upload"],
        )
        with gradio.Row(elem_id="foot"):
            private = gradio.Markdown(texts("chat.private"), elem_id="private")
            again = gradio.Button(texts("chat.again"), size="sm", elem_id="again", min_width=0, scale=0)
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        alone = {"concurrency_limit": 1, "concurrency_id": "desk", **quiet}
        for heard in (
            box.submit(page.hear, [box, spoken], [chat, box], queue=False, **quiet),
            chat.option_select(page.choose, [spoken], [chat, box], queue=False, **quiet),
        ):
            heard.then(page.answer, [spoken], [chat, box], **alone)
        spoken.change(_translate, [spoken], [chat, box, private, again], js=SPEAK, **quiet)
        again.click(page.begin_again, None, [chat, box], **quiet)
        blocks.load(None, [spoken], None, js=SPEAK)
        blocks.load(None, js=SCRIPT)
        blocks.unload(page.leave)
    return blocks


def _translate(language: str) -> list[object]:
    texts = catalog(language)
    return [
        gradio.Chatbot(placeholder=texts("chat.placeholder")),
        gradio.MultimodalTextbox(placeholder=texts("chat.box"), label=texts("chat.box")),
        texts("chat.private"),
        texts("chat.again"),
    ]


def _box(ready: bool) -> Any:
    return gradio.MultimodalTextbox(value=None, interactive=ready)


def _shown(session: Session, doing: str) -> list[dict[str, object]]:
    """Returns the messages, and after them what is being done; that is no message of the session's."""
    last: dict[str, object] = {"role": "assistant", "content": plain(doing)}
    return [*session.messages, last] if doing else [*session.messages]


def _say(session: Session, role: str, content: object) -> None:
    for earlier in session.messages:
        earlier.pop("options", None)  # questions are offered once, below the last message
    session.messages.append({"role": role, "content": content})


def _remove(file: str, root: Path) -> None:
    """Removes an upload once it was read, and its folder; whatever else a message names stays."""
    path = Path(file)
    with contextlib.suppress(OSError):
        if path.is_file() and path.resolve().is_relative_to(root.resolve()):
            path.unlink()
            path.parent.rmdir()
