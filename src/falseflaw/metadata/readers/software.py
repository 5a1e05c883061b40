"""Programs that the file says it went through."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest

from falseflaw.metadata.facts import Fact, make_fact
from falseflaw.metadata.opened import Opened
from falseflaw.metadata.parts import exif as tags
from falseflaw.metadata.parts.iim import PROGRAM, VERSION
from falseflaw.metadata.readers.programs import editor_in, generator_in
from falseflaw.metadata.readers.source_type import PHOTOSHOP

_XMP = "http://ns.adobe.com/xap/1.0/"
_TIFF = "http://ns.adobe.com/tiff/1.0/"
_EVENT = "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
_EDITORS_BY_NAMESPACE = {
    "http://ns.adobe.com/camera-raw-settings/1.0/": "Adobe Camera Raw",
    "http://ns.adobe.com/lightroom/1.0/": "Adobe Photoshop Lightroom",
    "http://www.gimp.org/xmp/": "GIMP",
    "http://darktable.sf.net/": "darktable",
}
_PROCESSING_SOFTWARE = 0x000B
_INSTRUCTIONS, _FBMD = (2, 40), "FBMD"  # what Facebook and Instagram leave in photos
_MAX_NAMES = 10
_SIGNED = re.compile(r"(?:created|made|edited|generated|creator|software)\b", re.IGNORECASE)
"""How a comment begins that names a program; others are people's own words."""


def read_software(photo: Opened) -> Iterator[Fact]:
    """Tells programs that are no known editors: neutral, or a generator's word for itself.

    The operating system of a phone stands in the same field (`17.5.1`); any program that saves the photo
    writes its own name over the earlier one, or none.
    """
    for source, field, text in _names(photo):
        generator = generator_in(text)
        if generator is not None:
            values = {"field": field, "generator": generator, "name": text}
            yield make_fact("software", source, "declares_ai", values)
        elif editor_in(text) is None and field != "Comment":
            yield make_fact("software", source, "neutral", {"field": field, "name": text})


def read_editors(photo: Opened) -> Iterator[Fact]:
    """Tells traces of editors: the photo was opened and saved there.

    That alone is no alteration: cropping, brightening and sharing leave the same traces, and photographers
    develop every photo. Without a trace a photo may still have been edited.
    """
    for source, field, text in _names(photo):
        editor = editor_in(text)
        if editor is not None and generator_in(text) is None:
            yield _trace(source, field, editor, name=text)
    if photo.blocks.saved_for_web:
        yield _trace("jpeg", "Ducky", "Adobe Photoshop")
    for namespace, editor in _EDITORS_BY_NAMESPACE.items():
        if photo.xmp.uses(namespace):
            yield _trace("xmp", "namespace", editor)
    agents = photo.xmp.values(_EVENT, "softwareAgent", within="History")
    actions = Counter(photo.xmp.values(_EVENT, "action", within="History"))
    if agents or actions:
        editors = dict.fromkeys(filter(None, (editor_in(agent) for agent in agents)))
        yield _trace(
            "xmp",
            "History",
            ", ".join(editors),
            name="; ".join(list(dict.fromkeys(agents))[:_MAX_NAMES]),
            actions=", ".join(f"{action} {count}" for action, count in sorted(actions.items())[:_MAX_NAMES]),
        )
    ancestors = photo.xmp.values(PHOTOSHOP, "DocumentAncestors")
    if ancestors:
        yield _trace("xmp", "DocumentAncestors", "Adobe Photoshop", actions=f"documents {len(ancestors)}")


def _trace(source: str, field: str, editor: str, name: str = "", actions: str = "") -> Fact:
    values = {"field": field, "editor": editor, "name": name, "actions": actions}
    return make_fact("editor_trace", source, "declares_edit", values)


def _names(photo: Opened) -> list[tuple[str, str, str]]:
    """Returns source, field and text of every place where a program writes its name, each text once."""
    exif, iim = photo.exif, photo.iim
    found = [
        ("exif", "Software", exif.text(tags.SHOWN, tags.SOFTWARE)),
        ("exif", "ProcessingSoftware", exif.text(tags.SHOWN, _PROCESSING_SOFTWARE)),
        *(("png", keyword, text) for keyword, text in photo.blocks.texts if keyword == "Software"),
        *(("xmp", "CreatorTool", text) for text in photo.xmp.values(_XMP, "CreatorTool")),
        *(("xmp", "Software", text) for text in photo.xmp.values(_TIFF, "Software")),
        *(
            ("iptc", "OriginatingProgram", f"{text} {version}")
            for text, version in zip_longest(iim.values(PROGRAM), iim.values(VERSION), fillvalue="")
        ),
        *(
            ("iptc", "SpecialInstructions", "Facebook")
            for text in iim.values(_INSTRUCTIONS)
            if _FBMD in text[:4]
        ),
        *(("jpeg", "Comment", text) for text in _comments(photo.blocks.comments)),
        *(("png", "Comment", text) for keyword, text in photo.blocks.texts if keyword == "Comment"),
    ]
    found = [each for each in found if each[1] != "Comment" or _SIGNED.match(each[2])]
    once = {(source, text.strip()): field for source, field, text in reversed(found) if text.strip()}
    return [(source, field, text) for (source, text), field in reversed(once.items())][:_MAX_NAMES]


def _comments(comments: list[bytes]) -> list[str]:
    return [comment.decode("utf-8", "replace").strip("\0 \r\n") for comment in comments]
