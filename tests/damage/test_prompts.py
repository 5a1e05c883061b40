import pytest

from falseflaw.damage.prompts import (
    CLEAN_PROMPT,
    PRODUCTS,
    VOCABULARY,
    all_prompts,
    asked_for,
    product_word,
    prompt,
)
from falseflaw.errors import InvalidDataError
from falseflaw.seeding import derive_rng
from falseflaw.types import DamageKind


def words(sentence: str) -> list[str]:
    return sentence.replace(",", " ,").split()


def test_every_prompt_stays_within_the_vocabulary_and_uses_all_of_it():
    used = {word for sentence in all_prompts() for word in words(sentence)}
    assert used == set(VOCABULARY)
    assert len(VOCABULARY) <= 180
    assert CLEAN_PROMPT in all_prompts()


@pytest.mark.parametrize("kind", list(DamageKind))
def test_drawn_prompts_are_listed_varied_and_name_the_kind(kind):
    listed = set(all_prompts())
    drawn = {prompt(kind, "shirt", derive_rng("prompt", seed)) for seed in range(60)}
    assert drawn <= listed
    assert len(drawn) > 15
    names = {"grease": ("grease", "oil")}.get(str(kind), (str(kind),))
    assert all(any(name in sentence for name in names) for sentence in drawn)


def test_no_prompt_names_two_kinds():
    markers = [str(kind) for kind in DamageKind if kind not in (DamageKind.HOLE,)]
    for sentence in all_prompts():
        assert sum(f" {marker} " in f" {sentence.replace(',', ' ,')} " for marker in markers) <= 1


def test_the_same_generator_gives_the_same_prompt():
    assert prompt(DamageKind.INK, "hat", derive_rng(3)) == prompt(DamageKind.INK, "hat", derive_rng(3))


@pytest.mark.parametrize(
    ("given", "noun"),
    [
        ("t-shirt", "t-shirt"),
        ("T-Shirt ", "t-shirt"),
        ("packages", "package"),
        ("oat-milk", "package"),
        ("Brown-Cap-Mushroom", "vegetable"),
        ("apple", "fruit"),
        ("cushion", "cushion"),
        ("zeppelin", "product"),
        ("", "product"),
    ],
)
def test_products_of_the_sources_have_their_noun(given, noun):
    assert product_word(given) == noun
    assert noun in PRODUCTS


def test_garments_have_fabric_and_goods_a_surface():
    garment = {prompt(DamageKind.COFFEE, "shirt", derive_rng(seed)) for seed in range(80)}
    goods = {prompt(DamageKind.COFFEE, "milk", derive_rng(seed)) for seed in range(80)}
    assert any("the fabric" in sentence for sentence in garment)
    assert any("on a package" in sentence for sentence in goods)
    assert not any("fabric" in sentence for sentence in goods)
    assert not any("a pants" in sentence for sentence in all_prompts())


@pytest.mark.parametrize("kind", DamageKind)
def test_every_drawn_prompt_is_understood(kind):
    for product in PRODUCTS:
        for seed in range(40):
            assert asked_for(prompt(kind, product, derive_rng("understood", seed))) == kind


def test_every_prompt_asks_for_something():
    kinds = [asked_for(text) for text in all_prompts()]
    assert set(kinds) == {*DamageKind, None}
    assert [text for text, kind in zip(all_prompts(), kinds, strict=True) if kind is None] == [CLEAN_PROMPT]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("a charred burn hole on a shirt", DamageKind.BURN),  # the longer phrase
        ("A HOLE, shirt!", DamageKind.HOLE),
        ("Oil stain on clean fabric", DamageKind.GREASE),
        ("some ink", DamageKind.INK),
        ("clean", None),
    ],
)
def test_texts_of_users_are_understood(kind, text):
    assert asked_for(text) == kind


@pytest.mark.parametrize("text", ["", "a cat", "pink whole teardrop, unclean"])
def test_a_text_that_names_no_flaw_is_answered_with_the_words_that_are_known(text):
    with pytest.raises(InvalidDataError, match=r"names coffee, ink, wine, .*mould or clean, got") as caught:
        asked_for(text)
    assert "\n" not in str(caught.value)
