"""How the page of the chat looks, and the little script that keeps it readable by eye and by ear."""

from __future__ import annotations

import importlib.resources

from falseflaw.evidence.style import tokens


def _text(name: str) -> str:
    return importlib.resources.files("falseflaw.chat").joinpath(name).read_text(encoding="utf-8")


HEAD = """<style>
@media print {
  html, body, gradio-app, .gradio-container, .gradio-container .main {
    height: auto !important; overflow: visible !important;
  }
}
</style>"""
"""Rules that gradio's prefix would keep from what they are for: a page is printed as long as it is."""

CSS = tokens() + _text("chat.css")

SCRIPT = _text("chat.js")
"""Run by the page once it stands: shows an answer from its first line, and what a screen reader needs."""

SPEAK = """
(language) => { document.documentElement.lang = { en: "en", zh: "zh-Hans" }[language]; return language; }
"""
"""Run when a language is chosen: screen readers choose their voice by it."""
