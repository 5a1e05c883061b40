"""The report as one HTML file that needs no other, no network and no script."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from html import escape

from falseflaw.evidence.catalog import Catalog
from falseflaw.evidence.evidence import Evidence, ModelIdentity
from falseflaw.evidence.pictures import SIDE, data_uri
from falseflaw.evidence.style import css
from falseflaw.evidence.wording import VOID, FactWords, Wording, number, word

_HTML_LANGUAGES = {"en": "en", "zh": "zh-Hans"}
# Whatever a name or the metadata may smuggle in: nothing is loaded, nothing runs, nothing is sent.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(evidence: Evidence, texts: Catalog, name: str, photo: bytes, overlay: bytes) -> str:
    """Returns the report.

    Args:
        evidence: Of the photo.
        texts: Of the language.
        name: Of the file; of any characters.
        photo: JPEG, see `pictures.shown`.
        overlay: JPEG, see `pictures.overlay`.
    """
    words = word(evidence, texts, name)
    title = f"{words.verdict}: {dict(words.record)[texts('record.name')]}"
    smaller = max(evidence.photo.width, evidence.photo.height) > SIDE
    wide = " wide" if evidence.photo.width > 1.6 * evidence.photo.height else ""
    shown = texts("caption.photo_smaller" if smaller else "caption.photo")
    alone = shown if evidence.finding.cause in VOID else texts("caption.nothing")
    figures = [_figure(photo, texts("alt.photo"), alone)]
    if overlay != photo:
        figures = [
            _figure(overlay, texts("alt.overlay"), words.caption),
            _figure(photo, texts("alt.photo"), shown),
        ]
    sections = [
        f"<section><h2>{escape(texts('heading.pictures'))}</h2>",
        f'<div class="pictures{wide}">{"".join(figures)}</div></section>',
        _section(texts("heading.score"), _score(evidence, texts, words)),
        _section(texts("heading.errors"), _paragraphs(words.errors)),
        _section(texts("heading.metadata"), _paragraphs(words.metadata) + _facts(words.facts)),
        '<div class="columns">',
        _section(texts("heading.checked"), _items(words.checked)),
        _section(texts("heading.next"), _items(words.next)),
        "</div>",
        _section(texts("heading.not_checked"), _items(words.not_checked)),
        _section(texts("heading.record"), _record(words)),
    ]
    return "\n".join(
        (
            "<!DOCTYPE html>",
            f'<html lang="{_HTML_LANGUAGES[texts.language]}">',
            '<head><meta charset="utf-8">',
            stamp(evidence.photo.sha256, evidence.model, texts.language),
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>\n{_style()}</style></head>",
            "<body><main>",
            f"<header><p>{escape(texts('report'))} · <bdi>{escape(title.partition(': ')[2])}</bdi></p>",
            f"<h1>{escape(words.verdict)}</h1></header>",
            f'<div class="answer">{_paragraphs(words.answer)}</div>',
            *sections,
            "</main></body></html>\n",
        )
    )


def stamp(photo: str, model: ModelIdentity, language: str) -> str:
    """Returns the line near the top of a page that tells what it was made of.

    Args:
        photo: sha256 of the file.
        model: Model and code that looked at it.
        language: Of the page.
    """
    made_of = f"{language} {photo} {model.bundle} {model.code_version} {model.code_revision}"
    return f'<meta name="falseflaw-report" content="{escape(made_of)}">'


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _paragraphs(sentences: Iterable[str]) -> str:
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)


def _items(sentences: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in sentences)}</ul>"


def _figure(picture: bytes, alt: str, caption: str) -> str:
    return (
        f'<figure><img src="{data_uri(picture)}" alt="{escape(alt)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _score(evidence: Evidence, texts: Catalog, words: Wording) -> str:
    bar = "" if evidence.finding.cause in VOID else _scale(evidence, texts)
    return f'<p class="score">{escape(words.score)}</p>{bar}{_paragraphs(words.meaning)}'


def _scale(evidence: Evidence, texts: Catalog) -> str:
    """Draws where the score lies between the limits."""
    finding = evidence.finding
    score, clear, limit = finding.probability, finding.clear, finding.limit
    widths = {"clear": clear, "between": limit - clear, "altered": 1 - limit}
    parts = "".join(
        f'<div class="{name}" style="width:{100 * width:.2f}%"></div>'
        for name, width in widths.items()
        if width > 0
    )
    side = " low" if score < 0.15 else " high" if score > 0.85 else ""
    here = f"{texts('score.this_photo')}: {number(score)}"
    ends = [
        f"0–{number(clear)} {texts('score.clear')}",
        f"{number(limit)}–1 {texts('score.altered')}",
    ]
    if widths["between"] > 0:
        ends.insert(1, texts("score.between"))
    return (
        f'<div class="scale"><div class="bar">{parts}'
        f'<span class="mark{side}" style="left:{100 * score:.2f}%"><span>{escape(here)}</span></span></div>'
        f'<div class="ends">{"".join(f"<span>{escape(end)}</span>" for end in ends)}</div></div>'
    )


def _facts(facts: Iterable[FactWords]) -> str:
    items = ""
    for fact in facts:
        lines = fact.lines if fact.telling else ["; ".join(fact.lines)]
        values = "".join(f"<span><bdi>{escape(line)}</bdi></span>" for line in lines)
        means = f"<p>{escape(fact.means)}</p>" if fact.means else ""
        items += f"<li><b>{escape(fact.title)}</b><i>{escape(fact.weight)}</i>{means}{values}</li>"
    return f'<ul class="facts">{items}</ul>' if items else ""


def _record(words: Wording) -> str:
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd><bdi>{escape(value)}</bdi></dd>" for name, value in words.record
    )
    return f"<dl>{rows}</dl>"


@cache
def _style() -> str:
    return css("quiet.css") + css("page.css")
