"""What the file calls the origin of its picture: IPTC's digital source type, and credits to AI."""

from __future__ import annotations

import re
from collections.abc import Iterator

from falseflaw.metadata.facts import Fact, Weight, make_fact
from falseflaw.metadata.opened import Opened
from falseflaw.metadata.parts.iim import CREDIT

EXTENSION = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"

_TERMS: dict[str, Weight] = {
    "trainedAlgorithmicMedia": "declares_ai",
    "compositeWithTrainedAlgorithmicMedia": "declares_ai",
    "compositeSynthetic": "declares_ai",
    "algorithmicMedia": "declares_ai",  # made by a program that learnt from no photos
    "algorithmicallyEnhanced": "declares_edit",
    "humanEdits": "declares_edit",
    "minorHumanEdits": "declares_edit",
    "compositeCapture": "declares_edit",
    "composite": "declares_edit",
    "digitalCapture": "camera",
    "computationalCapture": "camera",
    "negativeFilm": "camera",
    "positiveFilm": "camera",
    "print": "neutral",
    "screenCapture": "neutral",
    "virtualRecording": "neutral",
    "dataDrivenMedia": "neutral",
    "digitalCreation": "neutral",
    "digitalArt": "neutral",
    "softwareImage": "neutral",
}
"""IPTC NewsCodes `digitalsourcetype`, retired ones among them."""

_VOCABULARY = "/digitalsourcetype/"
_CREDIT = re.compile(
    r"\b(?:made|edited|created|generated|enhanced)\b.{0,20}\b(?:with|by|using)\b.{0,40}\bAI\b|\bClean Up\b",
    re.I,
)


def read_source_type(photo: Opened) -> Iterator[Fact]:
    """Tells the digital source type; its weight is the one that the vocabulary gives the word.

    Generators and editors write it of their own accord, and whoever saves the file anew can drop or change
    it: `digitalCapture` is a claim of whoever wrote it, not a finding. The standard has no IIM field for it;
    the vocabulary's address or one of its words in any IIM field is told as well.
    """
    values = [("xmp", value) for value in photo.xmp.values(EXTENSION, "DigitalSourceType")]
    values += [
        ("iptc", text)
        for _, text in photo.iim.records
        if _VOCABULARY in text[:200] or (text in _TERMS and text.endswith("Media"))
    ]
    for source, value in dict.fromkeys(values):
        term = term_of(value)
        yield make_fact("iptc_digital_source_type", source, weigh_term(term), {"type": term})


def read_credits(photo: Opened) -> Iterator[Fact]:
    """Tells a credit line that names AI, such as `Edited with Google AI`; anyone can write one."""
    credits = [("xmp", value) for value in photo.xmp.values(PHOTOSHOP, "Credit")]
    credits += [("iptc", value) for value in photo.iim.values(CREDIT)]
    for source, value in dict.fromkeys(credits):
        if _CREDIT.search(value[:500]):
            yield make_fact("ai_credit", source, "declares_ai", {"credit": value})


def term_of(value: str) -> str:
    """Returns the word of the vocabulary that an address or a bare value ends in."""
    return value.rstrip("/").rpartition("/")[2].rpartition(":")[2]


def weigh_term(term: str) -> Weight:
    """Returns the weight of a word of the vocabulary; unknown ones are neutral."""
    return _TERMS.get(term, "neutral")


def terms_within(data: bytes) -> list[str]:
    """Returns the words of the vocabulary whose addresses stand in binary data, in its order."""
    found = set(re.findall(_VOCABULARY.encode() + rb"([A-Za-z]{1,60})(?![A-Za-z])", data))
    return [term for term in _TERMS if term.encode() in found]
