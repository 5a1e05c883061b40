import html.parser
import re
from pathlib import Path

import pytest
from tests.evidence.stand_ins import evidence, made_up, prediction

from falseflaw.evidence import look
from falseflaw.evidence.catalog import LANGUAGES, catalog
from falseflaw.evidence.evidence import Evidence
from falseflaw.evidence.page import page
from falseflaw.evidence.pictures import ACCENT
from falseflaw.evidence.style import tokens

HOSTILE = "<img src=x onerror=alert(1)>\"'&\u202e</title><script>alert(2)</script>.jpg"


class Tags(html.parser.HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def written(found: Evidence, language: str = "en", name: str = "photo.jpg") -> str:
    return page(found, catalog(language), name, b"photo", b"overlay")


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_needs_no_other_file_and_runs_nothing(language: str) -> None:
    text = written(evidence(prediction(0.95)), language)
    tags = Tags(text).tags
    assert {name for name, _ in tags} & {"script", "link", "iframe", "object", "form", "a"} == set()
    sources = [values["src"] or "" for name, values in tags if name == "img"]
    assert len(sources) == 2
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert all(values["alt"] for name, values in tags if name == "img")
    assert "url(" not in text
    assert "http" not in re.sub(r'http-equiv="', "", text)
    assert any(
        "default-src 'none'" in (values.get("content") or "") for name, values in tags if name == "meta"
    )


def test_names_and_metadata_are_texts() -> None:
    fact = made_up("<b>code</b>", "exif", {"<i>key": HOSTILE}, "<u>weight")
    text = written(evidence(prediction(0.95), facts=[fact]), name=HOSTILE)
    parsed = Tags(text)
    honest = Tags(written(evidence(prediction(0.95), facts=[made_up("code", "exif", {"key": "a"})])))
    assert [name for name, _ in parsed.tags] == [name for name, _ in honest.tags]
    assert not any("onerror" in values for _, values in parsed.tags)
    assert "\u202e" not in text
    assert "<script>alert(2)</script>" in parsed.text


@pytest.mark.parametrize(("language", "tag"), [("en", "en"), ("zh", "zh-Hans")])
def test_it_says_its_language(language: str, tag: str) -> None:
    tags = Tags(written(evidence(prediction(0.05)), language)).tags
    assert dict(tags)["html"]["lang"] == tag


def test_one_picture_where_nothing_is_drawn() -> None:
    text = page(evidence(prediction(0.05, marked=False)), catalog("en"), "a.jpg", b"photo", b"photo")
    assert [name for name, _ in Tags(text).tags].count("img") == 1
    assert catalog("en")("caption.nothing") in text


def test_of_a_photo_that_is_too_small_no_picture_says_that_nothing_was_found() -> None:
    found = evidence(prediction(0.5, marked=False, side=40))
    assert catalog("en")("caption.nothing") not in page(found, catalog("en"), "a.jpg", b"photo", b"photo")


def test_the_scale_shows_where_the_score_lies() -> None:
    text = written(evidence(prediction(0.95)))
    assert 'class="mark high" style="left:95.00%"' in text
    assert [float(width) for width in re.findall(r'style="width:([\d.]+)%"', text)] == [20.0, 70.0, 10.0]


def test_a_score_that_means_nothing_has_no_scale() -> None:
    assert 'class="bar"' not in written(evidence(prediction(0.95, side=40)))


def test_every_page_has_the_same_colors_and_type() -> None:
    rule = tokens()
    assert rule.startswith(":root {")
    assert rule.endswith("}")
    assert f"--accent: #{bytes(ACCENT).hex()};" in rule  # of the marks in the pictures
    assert f"<style>\n{rule}\n" in written(evidence(prediction(0.95)))
    names = set(re.findall(r"var\((--[a-z-]+)\)", Path(look.__file__).with_name("page.css").read_text()))
    assert names <= set(re.findall(r"(--[a-z-]+):", rule))
