import pytest
from tests.metadata.files import facts, iim, iim_segment, jpeg, only, png, saved, xmp, xmp_segment

CODES = "http://cv.iptc.org/newscodes/digitalsourcetype/"


@pytest.mark.parametrize(
    ("term", "weight"),
    [
        ("trainedAlgorithmicMedia", "declares_ai"),
        ("compositeWithTrainedAlgorithmicMedia", "declares_ai"),
        ("algorithmicallyEnhanced", "declares_edit"),
        ("digitalCapture", "camera"),
        ("screenCapture", "neutral"),
        ("aWordOfTomorrow", "neutral"),
    ],
)
def test_the_words_weigh_what_the_vocabulary_says(term: str, weight: str) -> None:
    packet = xmp("", f'Iptc4xmpExt:DigitalSourceType="{CODES}{term}"')
    fact = only(jpeg(xmp_segment(packet)), "iptc_digital_source_type")
    assert (fact.source, fact.weight, fact.values) == ("xmp", weight, {"type": term})


@pytest.mark.parametrize(
    "inner",
    [
        f"<Iptc4xmpExt:DigitalSourceType>{CODES}trainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType>",
        f'<Iptc4xmpExt:DigitalSourceType rdf:resource="{CODES}trainedAlgorithmicMedia"/>',
        "<Iptc4xmpExt:DigitalSourceType> trainedAlgorithmicMedia\n</Iptc4xmpExt:DigitalSourceType>",
    ],
)
@pytest.mark.parametrize("container", ["jpeg", "png", "webp", "avif", "tiff"])
def test_it_is_found_in_every_notation_and_container(inner: str, container: str) -> None:
    packet = xmp(inner)
    photo = {
        "jpeg": lambda: jpeg(xmp_segment(packet)),
        "png": lambda: png((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)),
        "webp": lambda: saved("WEBP", xmp=packet),
        "avif": lambda: saved("AVIF", xmp=packet),
        "tiff": lambda: saved("TIFF", tiffinfo={700: packet}),
    }[container]()
    assert only(photo, "iptc_digital_source_type").values == {"type": "trainedAlgorithmicMedia"}


def test_it_is_found_in_iim() -> None:
    photo = jpeg(iim_segment(iim((2, 40, f"{CODES}compositeWithTrainedAlgorithmicMedia".encode()))))
    fact = only(photo, "iptc_digital_source_type")
    assert (fact.source, fact.weight) == ("iptc", "declares_ai")
    assert (
        facts(jpeg(iim_segment(iim((2, 40, b"composite of two prints")))), "iptc_digital_source_type") == []
    )


@pytest.mark.parametrize("credit", ["Made with Google AI", "Edited with Google AI", "Apple Photos Clean Up"])
def test_a_credit_to_ai_is_told(credit: str) -> None:
    for photo in (
        jpeg(xmp_segment(xmp(f"<photoshop:Credit>{credit}</photoshop:Credit>"))),
        jpeg(iim_segment(iim((2, 110, credit.encode())))),
    ):
        fact = only(photo, "ai_credit")
        assert (fact.values["credit"], fact.weight) == (credit, "declares_ai")


@pytest.mark.parametrize("credit", ["Jane Doe", "Painted by Ai Weiwei's studio", "made with care"])
def test_other_credits_are_private(credit: str) -> None:
    assert facts(jpeg(xmp_segment(xmp(f"<photoshop:Credit>{credit}</photoshop:Credit>"))), "ai_credit") == []
