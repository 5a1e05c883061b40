"""Evidence in the words of a language: what the page prints and the chat says."""

from __future__ import annotations

from dataclasses import dataclass

from falseflaw.evidence.catalog import Catalog
from falseflaw.evidence.evidence import NOT_CHECKED, Evidence
from falseflaw.evidence.finding import Cause, Finding
from falseflaw.evidence.rates import out_of
from falseflaw.metadata import Fact
from falseflaw.runtime.verdict import SMALLEST_SIDE
from falseflaw.types import Verdict

VOID = frozenset({Cause.TOO_SMALL, Cause.UNLIKE})
"""Causes with which score and heat map mean nothing."""

_VERDICTS = {
    Verdict.ALTERED: "verdict.altered",
    Verdict.NO_SIGN: "verdict.no_sign",
    Verdict.INCONCLUSIVE: "verdict.inconclusive",
}
_TELLING = ("declares_ai", "declares_edit", "camera")  # weights of entries that say how a photo came about
_LONGEST = 300  # characters of a text that comes from a file


@dataclass(frozen=True)
class FactWords:
    """An entry of the metadata.

    Attributes:
        title: What it is.
        weight: What it speaks for.
        means: What that means and what it does not; empty where no sentence is known.
        lines: Its values with their names.
        telling: Whether it says how the photo came about.
    """

    title: str
    weight: str
    means: str
    lines: tuple[str, ...]
    telling: bool


@dataclass(frozen=True)
class Wording:
    """All sentences of a report.

    Attributes:
        verdict: In two or three words.
        answer: What the pixels show; further sentences that keep it from being misread.
        caption: Of the picture with the heat map.
        score: The number on its scale.
        meaning: What it says and what it does not.
        errors: How often such an answer is wrong.
        metadata: What to think of metadata, or that none says how the photo came about.
        facts: Entries of the metadata, those that do first.
        checked, not_checked, next: Lists.
        record: Names and values.
    """

    verdict: str
    answer: tuple[str, ...]
    caption: str
    score: str
    meaning: tuple[str, ...]
    errors: tuple[str, ...]
    metadata: tuple[str, ...]
    facts: tuple[FactWords, ...]
    checked: tuple[str, ...]
    not_checked: tuple[str, ...]
    next: tuple[str, ...]
    record: tuple[tuple[str, str], ...]


def word(evidence: Evidence, texts: Catalog, name: str) -> Wording:
    """Returns what is said of a photo.

    Args:
        evidence: Of the photo.
        texts: Of the language.
        name: Of the file; of any characters.
    """
    finding, photo = evidence.finding, evidence.photo
    checked = [texts("checked.pixels", width=photo.width, height=photo.height)]
    if finding.tiles > 1:
        checked.append(texts("checked.tiles", tiles=finding.tiles))
    checked.append(
        texts("checked.metadata_count", count=len(evidence.facts))
        if evidence.facts
        else texts("checked.metadata")
    )
    nothing = finding.verdict is Verdict.NO_SIGN and not _declares_ai(evidence)
    marked = bool(finding.regions) and finding.cause not in VOID
    advice = ["clear"] if nothing else ["person" if marked else "person_unmarked", "ask"]
    return Wording(
        verdict=texts(_VERDICTS[finding.verdict]),
        answer=_answer(evidence, texts),
        caption=texts(f"caption.{_caption(finding)}"),
        score=texts("score.value", score=number(finding.probability)),
        meaning=_meaning(evidence, texts),
        errors=_errors(evidence, texts),
        metadata=_metadata(evidence, texts),
        facts=tuple(_fact(fact, texts) for fact in sorted(evidence.facts, key=_weight)),
        checked=tuple(checked),
        not_checked=(*(texts(f"not_checked.{code}") for code in NOT_CHECKED), texts("limits.laundering")),
        next=tuple(texts(f"next.{key}") for key in (*advice, "keep")),
        record=_record(evidence, texts, name),
    )


def number(score: float) -> str:
    """Writes a score with three digits; rounding claims no certainty."""
    return f"{min(max(score, 0.001), 0.999):.3f}"


def percent(share: float) -> str:
    """Writes a share as percent; what is there is never written as none."""
    if share <= 0:
        return "0%"
    text = f"{100 * share:.1f}"
    return "<0.1%" if float(text) == 0 else f"{text}%"


def printable(text: str) -> str:
    r"""Writes a text from a file in characters that print: others, and those that turn lines, as `\u202e`."""
    shown = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode("ascii")
        for letter in text
    )
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"


def _caption(finding: Finding) -> str:
    if finding.cause in VOID:
        return "void"
    if not finding.regions:
        return "unmarked"
    return "marked" if finding.verdict is Verdict.ALTERED else "weak"


def _answer(evidence: Evidence, texts: Catalog) -> tuple[str, ...]:
    finding, photo = evidence.finding, evidence.photo
    several = "s" if finding.cause is Cause.MARKED and len(finding.regions) > 1 else ""
    sentences = [
        texts(
            f"cause.{finding.cause}{several}",
            share=percent(finding.marked),
            place=_place(finding, texts),
            width=photo.width,
            height=photo.height,
            smallest=SMALLEST_SIDE,
        )
    ]
    if finding.verdict is Verdict.ALTERED:
        sentences.append(texts("note.harmless"))
    if _declares_ai(evidence):
        sentences.append(texts("note.declares_ai"))
    return tuple(sentences)


def _declares_ai(evidence: Evidence) -> bool:
    return any(fact.weight == "declares_ai" for fact in evidence.facts)


def _place(finding: Finding, texts: Catalog) -> str:
    return texts(f"place.{finding.regions[0].place}") if finding.regions else ""


def _meaning(evidence: Evidence, texts: Catalog) -> tuple[str, ...]:
    clear, limit = number(evidence.finding.clear), number(evidence.finding.limit)
    limits = texts("score.one_limit" if clear == limit else "score.range", clear=clear, limit=limit)
    if evidence.finding.cause in VOID:
        return texts("score.void"), limits
    return texts("score.meaning"), limits


def _errors(evidence: Evidence, texts: Catalog) -> tuple[str, ...]:
    rates, sentences = evidence.rates, []
    if evidence.finding.cause in VOID:
        sentences.append(texts("errors.none_here"))
    if rates.set_for is None:
        sentences.append(texts("errors.set_for_unknown"))
    else:
        count, total = out_of(rates.set_for.rate)
        sources = f"{rates.set_for.sources:,}"
        sentences.append(texts("errors.set_for", count=count, total=f"{total:,}", sources=sources))
    real = rates.real_damage
    if real is None:
        sentences.append(texts("errors.measured_unknown"))
    else:
        values = {"photos": f"{real.photos:,}", "altered": f"{real.altered:,}"}
        sentences.append(texts("errors.measured", lo=percent(real.lo), hi=percent(real.hi), **values))
    if evidence.finding.verdict is Verdict.INCONCLUSIVE and real is not None:
        counts = {"photos": f"{real.photos:,}", "inconclusive": f"{real.inconclusive:,}"}
        sentences.append(texts("errors.inconclusive", **counts))
    found = rates.inpainted
    if evidence.finding.verdict is Verdict.ALTERED and real is not None and found is not None:
        sentences.append(
            texts(
                "errors.example",
                found=round(50 * found.altered / found.photos),
                alarms=round(950 * real.altered / real.photos),
                low=round(950 * real.lo),
                high=round(950 * real.hi),
            )
        )
    if evidence.finding.verdict is Verdict.NO_SIGN:
        sentences.append(
            texts("errors.found_unknown")
            if found is None
            else texts("errors.found", photos=f"{found.photos:,}", altered=f"{found.altered:,}")
        )
    return tuple(sentences)


def _metadata(evidence: Evidence, texts: Catalog) -> tuple[str, ...]:
    if any(fact.weight in _TELLING for fact in evidence.facts):
        return (texts("metadata.intro"),)
    return (texts("metadata.none"),)


def _weight(fact: Fact) -> int:
    """Returns the place in the list; Python sorts entries of one weight as they came."""
    return _TELLING.index(fact.weight) if fact.weight in _TELLING else len(_TELLING)


def _fact(fact: Fact, texts: Catalog) -> FactWords:
    key, weight, means = f"fact.{fact.code}", f"weight.{fact.weight}", f"means.{fact.code}"
    lines = [
        texts("fact.list", name=_value_name(name, texts), value=_value(name, str(value), texts))
        for name, value in fact.values.items()
    ]
    return FactWords(
        title=texts(key) if key in texts else texts("fact.other", code=printable(fact.code)),
        weight=texts(weight) if weight in texts else printable(fact.weight),
        means=texts(means) if means in texts else "",
        lines=tuple(lines),
        telling=fact.weight in _TELLING,
    )


def _value(name: str, value: str, texts: Catalog) -> str:
    """Returns a value as it is, or the words for it where it is one of the readers' own."""
    key = f"word.{name}.{value}"
    return texts(key) if key in texts else printable(value)


def _value_name(name: str, texts: Catalog) -> str:
    key = f"value.{name}"
    return texts(key) if key in texts else printable(name).replace("_", " ")


def _record(evidence: Evidence, texts: Catalog, name: str) -> tuple[tuple[str, str], ...]:
    photo, model, finding = evidence.photo, evidence.model, evidence.finding
    size = texts(
        "record.size_value",
        bytes=f"{photo.size:,}",
        format=photo.format,
        width=photo.width,
        height=photo.height,
    )
    values = {
        "name": printable(name),
        "photo_sha256": photo.sha256,
        "size": size,
        "verdict": f"{finding.verdict} / {finding.cause}",
        "probability": f"{finding.probability:.4f}",
        "model": texts("record.model_value", name=printable(model.name), revision=model.git_revision),
        "model_sha256": model.sha256,
        "bundle": model.bundle,
        "code": texts("record.code_value", version=model.code_version, revision=model.code_revision),
        "report_sha256": evidence.sha256,
    }
    return tuple((texts(f"record.{key}"), value) for key, value in values.items())
