import io

import pytest
from PIL import ExifTags
from PIL import Image as Pil
from tests.evidence.stand_ins import RATES, evidence, made_up, prediction
from tests.runtime.red import POINT

from falseflaw.evidence.catalog import LANGUAGES, catalog
from falseflaw.evidence.evidence import Evidence
from falseflaw.evidence.rates import Rates
from falseflaw.evidence.wording import Wording, number, percent, printable, word
from falseflaw.metadata import read_facts
from falseflaw.metadata.parts import exif as tags
from falseflaw.types import OperatingPoint

ENGLISH = catalog("en")
ALL = {
    "altered": evidence(prediction(0.95)),
    "no_sign": evidence(prediction(0.05, marked=False)),
    "between": evidence(prediction(0.5)),
    "no_region": evidence(prediction(0.95, marked=False)),
    "too_small": evidence(prediction(0.95, side=40)),
    "unlike": evidence(prediction(0.95, distance=9), point=OperatingPoint(2.0, 0.9, 0.2, 200, 3.0)),
    "unmeasured": evidence(prediction(0.05), rates=Rates(), tiles=4),
    "one_limit": evidence(prediction(0.95), point=OperatingPoint(2.0, 0.9, 0.9, 200)),
}


def said(words: Wording) -> str:
    return " ".join((words.verdict, *words.answer, *words.meaning, *words.errors, words.score))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("found", ALL.values(), ids=ALL.keys())
def test_every_answer_has_all_its_sentences(found: Evidence, language: str) -> None:
    words = word(found, catalog(language), "photo.jpg")
    for sentences in (
        words.answer,
        words.meaning,
        words.errors,
        words.checked,
        words.not_checked,
        words.next,
    ):
        assert sentences
        assert all(sentences)
    assert "{" not in said(words)


def test_a_score_is_never_a_chance_of_being_fake() -> None:
    words = word(ALL["altered"], ENGLISH, "photo.jpg")
    assert "not the chance that this photo is fake" in said(words)
    assert "95%" not in " ".join((words.verdict, *words.answer, words.score, *words.meaning))


def test_both_rates_of_false_alarms() -> None:
    errors = " ".join(word(ALL["altered"], ENGLISH, "a").errors)
    assert "of 100 photos with honest damage, at most about 1" in errors
    assert "111 photos of really damaged products were tested; called altered: 1." in errors
    assert "from 0% to 2.9%" in errors


def test_what_was_not_measured_is_told() -> None:
    errors = " ".join(word(ALL["unmeasured"], ENGLISH, "a").errors)
    assert "does not say for which rate" in errors
    assert "not measured" in errors
    assert "%" not in errors


def test_no_sign_is_no_proof() -> None:
    text = said(word(ALL["no_sign"], ENGLISH, "a"))
    assert "does not prove" in text
    assert "450 test photos altered with AI were tested; called altered: 207." in text


def test_the_example_counts_photos() -> None:
    (example,) = (text for text in word(ALL["altered"], ENGLISH, "a").errors if "example" in text)
    assert "about 23 of these 50" in example  # 207 of 450
    assert "about 9 of the other 950 as well (anywhere from 0 to 27)" in example  # 1 of 111, up to 2.88 %
    assert "example" not in " ".join(word(evidence(prediction(0.95), rates=Rates()), ENGLISH, "a").errors)


def test_the_advice_fits_the_answer() -> None:
    label = made_up("aigc_label", "xmp", {}, "declares_ai")
    declared = evidence(prediction(0.05), facts=[label])
    usual = "Treat the claim as any other."
    assert usual in word(ALL["no_sign"], ENGLISH, "a").next
    assert usual not in word(declared, ENGLISH, "a").next
    assert usual not in word(ALL["altered"], ENGLISH, "a").next


@pytest.mark.parametrize("name", ["too_small", "unlike"])
def test_a_score_that_means_nothing_is_not_explained(name: str) -> None:
    words = word(ALL[name], ENGLISH, "a")
    assert words.meaning[0].startswith("Here the score means nothing")
    assert "neither for nor against" in words.answer[0]


def test_metadata_that_declare_ai_are_told_beside_pixels_that_show_nothing() -> None:
    label = made_up("aigc_label", "xmp", {"Label": "1"}, "declares_ai")
    words = word(evidence(prediction(0.05), facts=[made_up("jpeg_tables", "jpeg"), label]), ENGLISH, "a")
    assert words.verdict == "No sign of alteration"
    assert "metadata say that AI" in words.answer[-1]
    assert [fact.telling for fact in words.facts] == [True, False]
    assert words.metadata[0].startswith("Anyone can")


def test_a_file_without_a_telling_entry_is_usual() -> None:
    words = word(evidence(prediction(0.05), facts=[made_up("jpeg_tables", "jpeg")]), ENGLISH, "a")
    assert "That is usual" in words.metadata[0]
    assert "camera" not in " ".join(words.answer)


def test_an_entry_of_a_later_version_is_shown_as_it_is() -> None:
    fact = made_up("new_code", "exif", {"some_key": "some value"}, "new_weight")
    (words,) = word(evidence(prediction(0.5), facts=[fact]), ENGLISH, "a").facts
    assert (words.title, words.weight, words.lines) == (
        "Entry new_code",
        "new_weight",
        ("some key: some value",),
    )


@pytest.mark.parametrize(("language", "said"), [("en", "signature: not checked"), ("zh", "签名：未检查")])
def test_words_of_the_readers_are_translated_and_quotes_are_not(language: str, said: str) -> None:
    fact = made_up("c2pa_manifest", "c2pa", {"signature": "not_checked", "signer": "not_checked"}, "camera")
    (words,) = word(evidence(prediction(0.5), facts=[fact]), catalog(language), "a").facts
    assert words.lines[0] == said
    assert words.lines[1].endswith("not_checked")
    assert words.means


def test_texts_of_files_print() -> None:
    assert printable("a\u202eb\nc\x00d\ud800") == "a\\u202eb\\nc\\x00d\\ud800"
    assert printable("苹果 é 🙂") == "苹果 é 🙂"
    assert len(printable("x" * 10_000)) == 301


def test_rounding_claims_neither_certainty_nor_nothing() -> None:
    assert [number(value) for value in (0.0, 0.00001, 0.5, 0.99999, 1.0)] == [
        "0.001",
        "0.001",
        "0.500",
        "0.999",
        "0.999",
    ]
    assert [percent(value) for value in (0.0, 0.0001, 0.034, 1.0)] == ["0%", "<0.1%", "3.4%", "100.0%"]


def test_one_limit_has_no_range_between() -> None:
    assert "between" not in word(ALL["one_limit"], ENGLISH, "a").meaning[1]
    assert "between" in word(ALL["altered"], ENGLISH, "a").meaning[1]


def test_the_record_tells_the_digests() -> None:
    found = evidence(prediction(0.95), rates=RATES, point=POINT)
    record = dict(word(found, ENGLISH, "a/b.jpg").record)
    assert record["File"] == "a/b.jpg"
    assert record["sha256 of the photo"] == found.photo.sha256
    assert record["sha256 of the model"] == "a" * 64
    assert record["sha256 of the JSON report"] == found.sha256


@pytest.mark.parametrize(("name", "marked"), [("altered", True), ("no_region", False), ("too_small", False)])
def test_a_marked_region_is_named_where_there_is_one(name: str, marked: bool) -> None:
    assert ("the marked region" in " ".join(word(ALL[name], ENGLISH, "a").next)) is marked


def test_values_have_names_of_the_language() -> None:
    exif = Pil.Exif()
    exif[tags.MAKE], exif[tags.SOFTWARE] = "Canon", "Adobe Photoshop 25.1"
    exif.get_ifd(ExifTags.IFD.Exif).update(
        {tags.EXPOSURE: 0.025, tags.FOCAL_LENGTH: 50.0, tags.SENSITIVITY: 400}
    )
    stream = io.BytesIO()
    Pil.new("RGB", (96, 96)).save(stream, "JPEG", exif=exif)
    facts = read_facts(stream.getvalue())
    assert {fact.code for fact in facts} == {"camera", "editor_trace", "jpeg_tables"}
    for language in LANGUAGES:
        assert {f"value.{name}" for fact in facts for name in fact.values} <= set(catalog(language))
    words = word(evidence(prediction(0.05), facts=facts), catalog("zh"), "a.jpg")
    lines = [line for fact in words.facts for line in fact.lines]
    assert "制造商：Canon" in lines
    assert all("\u4e00" <= line[0] <= "\u9fff" for line in lines)
