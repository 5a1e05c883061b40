"""The page of the chat, drawn by gradio."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio

from falseflaw.chat.replies import Topic, caption, plain, reply, verdict_text
from falseflaw.chat.session import Desk, Session
from falseflaw.chat.uploads import Limits, UploadRefusedError, read_upload
from falseflaw.errors import FalseFlawError
from falseflaw.evidence.catalog import LANGUAGES, Catalog, catalog
from falseflaw.evidence.style import tokens
from falseflaw.imaging.codec import IMAGE_SUFFIXES

NAMES = {"en": "English", "zh": "中文"}

_LOOK = """
@media (prefers-color-scheme: dark) {
  :root { color-scheme: dark; --accent: #bd95ee; --accent-tint: #4a3468; }
}
.gradio-container {
  --color-accent: var(--accent); --color-accent-soft: var(--accent-tint);
  --primary-500: var(--accent); --primary-600: var(--accent);
  --checkbox-background-color-selected: var(--accent);
  --radius-lg: var(--round); --radius-xl: var(--round); --radius-xxl: var(--round);
}
"""

CSS = (
    f"""{tokens()}{_LOOK}"""
    + """
footer { display: none !important; }
.gradio-container { max-width: 860px !important; margin: 0 auto !important; }
#head { flex-wrap: nowrap; align-items: center; }
#language { flex: 0 0 auto; min-width: 0 !important; width: auto; }
#language .wrap { flex-wrap: nowrap; gap: 6px; }
#language label { padding: 4px 10px; }
#language input:checked { background-color: var(--checkbox-background-color-selected) !important; }
#chat { border: 0; height: calc(100dvh - 220px) !important; }
#chat img { max-height: 420px; width: auto; }
#chat .message-buttons { display: none; }
#chat .options { margin-left: 0; gap: 8px; }
#chat .option { padding: 6px 10px; }
#chat * { min-width: 0; overflow-wrap: anywhere; white-space: normal; }
#private { font-size: 13px; }
@media (max-width: 640px) {
  .gradio-container { padding: 0 !important; }
  .gradio-container .main { padding: 8px !important; }
  #chat { height: calc(100dvh - 225px) !important; }
  #chat .bubble-wrap { padding: 0; }
  #chat img { max-height: 300px; }
  #chat .options { display: grid; grid-template-columns: 1fr 1fr; padding: 0; }
  #chat .option { min-width: 0; font-size: 13px; padding: 4px 6px; }
}
"""
)


_OFFERED = (Topic.WHY, Topic.SCORE, Topic.ERRORS, Topic.METADATA, Topic.CHECKED, Topic.NEXT)
_Update = tuple[list[dict[str, object]], dict[str, Any]]


def theme() -> gradio.Theme:
    """Returns gradio's plain theme with the system's fonts: those of others come from the network."""
    return gradio.themes.Default(
        primary_hue="violet", font=["system-ui", "sans-serif"], font_mono=["monospace"]
    )


class Page:
    """Answers what the page sends."""

    def __init__(self, desk: Desk, limits: Limits) -> None:
        self._desk, self._limits = desk, limits

    def send(self, value: dict[str, Any], language: str, request: gradio.Request) -> Iterator[_Update]:
        """Looks at the photos of a message and answers its question, one message after the other."""
        texts, session = catalog(language), self._desk.session(str(request.session_hash))
        files, question = list(value.get("files") or ()), str(value.get("text") or "").strip()[:1000]
        empty = gradio.MultimodalTextbox(value=None, interactive=False)
        asked = "\n\n".join(
            [*(f"🖼 {plain(Path(file).name)}" for file in files), *filter(None, [plain(question)])]
        )
        if asked:
            _say(session, "user", asked)
            yield session.messages, empty
        for place, file in enumerate(files):
            looking = texts("chat.looking", number=place + 1, total=len(files))
            yield [*session.messages, {"role": "assistant", "content": plain(looking)}], empty
            self._look(session, file, place, texts)
        if question:
            _say(
                session,
                "assistant",
                reply(question, session.seen, texts),
                _options(texts) if session.seen else None,
            )
        yield session.messages, gradio.MultimodalTextbox(value=None, interactive=True)

    def choose(self, language: str, request: gradio.Request, event: gradio.SelectData) -> Iterator[_Update]:
        """Answers a question that was offered."""
        yield from self.send({"text": str(event.value)}, language, request)

    def leave(self, request: gradio.Request) -> None:
        """Ends the session of a page that was closed, or cleared."""
        self._desk.end(str(request.session_hash))

    def _look(self, session: Session, file: str, place: int, texts: Catalog) -> None:
        name = plain(Path(file).name)
        try:
            if place >= self._limits.photos_at_once or len(session.seen) >= self._limits.most_photos:
                raise UploadRefusedError("too_many")
            data = read_upload(file, self._desk.root, self._limits)
            seen = self._desk.look(session, Path(file).name, data)
        except UploadRefusedError as error:
            values = {"megabytes": self._limits.megabytes, "photos": self._limits.photos_at_once}
            _say(session, "assistant", f"{name}: {plain(texts(f'chat.refused.{error.code}', **values))}")
            return
        except FalseFlawError as error:
            _say(session, "assistant", f"{name}: {plain(texts('chat.unreadable', reason=str(error)))}")
            return
        finally:
            _remove(file, self._desk.root)
        number = len(session.seen) - 1
        _say(session, "assistant", verdict_text(seen, number, texts))
        _say(session, "assistant", _file(seen.overlay, texts("alt.overlay")))
        _say(session, "assistant", caption(seen, texts))
        for report in seen.reports(texts):
            _say(session, "assistant", _file(report))
        session.messages[-1]["options"] = _options(texts)


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
            gradio.Markdown("### FalseFlaw")
            spoken = gradio.Radio(
                [(NAMES[name], name) for name in LANGUAGES],
                value=language,
                show_label=False,
                container=False,
                elem_id="language",
                min_width=0,
                scale=0,
            )
        chat = gradio.Chatbot(
            elem_id="chat",
            show_label=False,
            height="70vh",
            buttons=[],
            feedback_options=None,
            latex_delimiters=[],
            placeholder=texts("chat.placeholder"),
        )
        box = gradio.MultimodalTextbox(
            elem_id="box",
            show_label=False,
            file_count="multiple",
            file_types=sorted(IMAGE_SUFFIXES),
            placeholder=texts("chat.box"),
            sources=["upload"],
        )
        private = gradio.Markdown(texts("chat.private"), elem_id="private")
        together = {
            "concurrency_limit": 1,
            "concurrency_id": "desk",
            "api_visibility": "private",
            "show_progress": "hidden",
        }
        box.submit(page.send, [box, spoken], [chat, box], **together)
        chat.option_select(page.choose, [spoken], [chat, box], **together)
        spoken.change(
            _translate,
            [spoken],
            [chat, box, private],
            api_visibility="private",
            show_progress="hidden",
        )
        chat.clear(page.leave, api_visibility="private", show_progress="hidden")
        blocks.unload(page.leave)
    return blocks


def _translate(language: str) -> list[object]:
    texts = catalog(language)
    return [
        gradio.Chatbot(placeholder=texts("chat.placeholder")),
        gradio.MultimodalTextbox(placeholder=texts("chat.box")),
        texts("chat.private"),
    ]


def _options(texts: Catalog) -> list[dict[str, str]]:
    return [{"value": texts(f"chat.ask.{topic}")} for topic in _OFFERED]


def _say(session: Session, role: str, content: object, options: list[dict[str, str]] | None = None) -> None:
    message: dict[str, object] = {"role": role, "content": content}
    if options:
        message["options"] = options
    for earlier in session.messages:
        earlier.pop("options", None)  # questions are offered once, below the last message
    session.messages.append(message)


def _file(path: Path, words: str = "") -> dict[str, str]:
    return {"path": str(path), "alt_text": words}


def _remove(file: str, root: Path) -> None:
    """Removes an upload once it was read, and its folder; whatever else a message names stays."""
    path = Path(file)
    with contextlib.suppress(OSError):
        if path.is_file() and path.resolve().is_relative_to(root.resolve()):
            path.unlink()
            path.parent.rmdir()
