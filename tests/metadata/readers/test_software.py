import pytest
from tests.metadata.files import (
    ascii_entry,
    exif,
    exif_segment,
    facts,
    iim,
    iim_segment,
    jpeg,
    only,
    png,
    text_chunk,
    xmp,
    xmp_segment,
)

from falseflaw.metadata.parts import exif as tags

HISTORY = """<xmpMM:History><rdf:Seq>
<rdf:li stEvt:action="created" stEvt:softwareAgent="Adobe Photoshop 25.0 (Windows)"/>
<rdf:li rdf:parseType="Resource"><stEvt:action>saved</stEvt:action>
<stEvt:softwareAgent>Adobe Photoshop 25.0 (Windows)</stEvt:softwareAgent></rdf:li>
<rdf:li stEvt:action="saved" stEvt:softwareAgent="Adobe Photoshop Lightroom 7.1"/>
</rdf:Seq></xmpMM:History>"""


def written_by(name: str) -> bytes:
    return jpeg(exif_segment(exif(shown=[ascii_entry(tags.SOFTWARE, name)])))


@pytest.mark.parametrize(
    ("name", "editor"),
    [
        ("Adobe Photoshop 25.0 (Windows)", "Adobe Photoshop"),
        ("Adobe Photoshop Lightroom Classic 13.0", "Adobe Photoshop Lightroom"),
        ("GIMP 2.10.34", "GIMP"),
        ("Snapseed 2.0", "Snapseed"),
        ("Meitu", "Meitu"),
        ("美图秀秀", "Meitu"),
        ("Canva", "Canva"),
        ("Picsart", "Picsart"),
        ("darktable 4.6", "darktable"),
    ],
)
def test_editors_leave_their_name(name: str, editor: str) -> None:
    fact = only(written_by(name), "editor_trace")
    assert (fact.source, fact.weight) == ("exif", "declares_edit")
    assert fact.values == {"field": "Software", "editor": editor, "name": name}
    assert facts(written_by(name), "software") == []


@pytest.mark.parametrize("name", ["17.5.1", "HDR+ 1.0.540104767zd", "G991BXXU3AUE1", "Pillow"])
def test_other_programs_are_neutral(name: str) -> None:
    fact = only(written_by(name), "software")
    assert (fact.weight, fact.values) == ("neutral", {"field": "Software", "name": name})
    assert facts(written_by(name), "editor_trace") == []


@pytest.mark.parametrize(
    "name", ["Adobe Firefly", "Midjourney", "DALL·E 3", "ChatGPT", "即梦", "Stable Diffusion XL"]
)
def test_generators_that_sign_declare_ai(name: str) -> None:
    fact = only(written_by(name), "software")
    assert fact.weight == "declares_ai"
    assert fact.values["generator"]
    assert facts(written_by(name), "editor_trace") == []


@pytest.mark.parametrize(
    ("photo", "source", "field"),
    [
        (png(text_chunk("Software", "GIMP 2.10")), "png", "Software"),
        (png(text_chunk("Comment", "Created with GIMP")), "png", "Comment"),
        (jpeg((0xFE, b"Created with GIMP\0")), "jpeg", "Comment"),
        (jpeg(xmp_segment(xmp("", 'xmp:CreatorTool="GIMP 2.10"'))), "xmp", "CreatorTool"),
        (jpeg(iim_segment(iim((2, 65, b"GIMP"), (2, 70, b"2.10")))), "iptc", "OriginatingProgram"),
    ],
)
def test_names_are_read_where_programs_leave_them(photo: bytes, source: str, field: str) -> None:
    fact = only(photo, "editor_trace")
    assert (fact.source, fact.values["field"], fact.values["editor"]) == (source, field, "GIMP")


def test_the_history_counts_what_was_done() -> None:
    assert only(jpeg(xmp_segment(xmp(HISTORY))), "editor_trace").values == {
        "field": "History",
        "editor": "Adobe Photoshop, Adobe Photoshop Lightroom",
        "name": "Adobe Photoshop 25.0 (Windows); Adobe Photoshop Lightroom 7.1",
        "actions": "created 1, saved 2",
    }


def test_settings_of_a_developer_and_the_segment_of_save_for_web_are_traces() -> None:
    assert only(jpeg(xmp_segment(xmp("", 'crs:Exposure2012="+0.5"'))), "editor_trace").values["editor"] == (
        "Adobe Camera Raw"
    )
    assert only(jpeg((0xEC, b"Ducky\0\1\0\4\0\0\0\x50\0\0")), "editor_trace").values["field"] == "Ducky"


def test_a_photo_that_went_through_facebook_says_so() -> None:
    fact = only(jpeg(iim_segment(iim((2, 40, b"FBMD01000a9a0d0000")))), "software")
    assert (fact.source, fact.weight) == ("iptc", "neutral")
    assert fact.values == {"field": "SpecialInstructions", "name": "Facebook"}
    assert facts(jpeg(iim_segment(iim((2, 40, b"call me")))), "software") == []


def test_peoples_own_comments_are_not_told() -> None:
    for text in ("my aunt's photoshop is around the corner", "bought from Gemini"):
        photo = png(text_chunk("Comment", text))
        assert facts(photo, "editor_trace") == facts(photo, "software") == []
