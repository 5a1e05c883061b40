"""What a buyer would ask an inpainter for: prompts from a small closed vocabulary."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product as combinations

import numpy as np

from falseflaw.errors import InvalidDataError
from falseflaw.types import DamageKind

CLEAN_PROMPT = "clean fabric"
"""Asks for the intact material (refilling)."""

UNKNOWN_PRODUCT = "product"

_GARMENTS = (
    *("dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt", "t-shirt"),
    *("sweater", "jacket", "scarf", "towel", "cushion", "cloth"),
)

_GOODS = ("bag", "box", "package", "bottle", "fruit", "vegetable")

_PLURAL = frozenset({"pants", "shoes", "shorts", "outwear"})
"""Nouns that take no article."""

PRODUCTS: tuple[str, ...] = (*_GARMENTS, *_GOODS, UNKNOWN_PRODUCT)
"""Nouns that prompts may use for the product."""

_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "t-shirt": ("tshirt", "tee"),
    "shirt": ("blouse", "polo"),
    "pants": ("trousers", "jeans"),
    "shoes": ("shoe", "boots"),
    "sweater": ("hoodie", "pullover"),
    "jacket": ("coat", "blazer"),
    "cloth": ("fabric", "textile"),
    "hat": ("cap", "beanie"),
    "package": (
        *("packages", "carton", "juice", "milk", "oat-milk", "oatghurt", "sour-cream", "sour-milk"),
        *("soy-milk", "soyghurt", "yoghurt", "yogurt"),
    ),
    "fruit": (
        *("fruits", "apple", "avocado", "banana", "kiwi", "lemon", "lime", "mango", "melon", "nectarine"),
        *("orange", "papaya", "passion-fruit", "peach", "pear", "pineapple", "plum", "pomegranate"),
        *("red-grapefruit", "satsumas"),
    ),
    "vegetable": (
        *("vegetables", "asparagus", "aubergine", "brown-cap-mushroom", "cabbage", "carrots", "cucumber"),
        *("garlic", "ginger", "leek", "onion", "pepper", "potato", "red-beet", "tomato", "zucchini"),
    ),
}
"""Names that the photo sources use, by the noun that stands for them."""

_NOUN_OF: Mapping[str, str] = {name: noun for noun, names in _SYNONYMS.items() for name in names}

_FLAWS: Mapping[DamageKind, tuple[str, ...]] = {
    DamageKind.COFFEE: ("coffee stain", "brown coffee stain", "dried coffee stain", "spilled coffee"),
    DamageKind.INK: ("ink stain", "blue ink stain", "black ink blot", "dark ink stain"),
    DamageKind.WINE: ("wine stain", "red wine stain", "purple wine stain", "spilled red wine"),
    DamageKind.GREASE: ("grease stain", "oily grease stain", "wet grease mark", "oil stain"),
    DamageKind.MUD: ("mud stain", "dried mud", "brown mud stain", "dirty mud splash"),
    DamageKind.HOLE: ("hole", "frayed hole", "dark hole", "ragged hole"),
    DamageKind.TEAR: ("tear", "long tear", "frayed tear", "ripped tear"),
    DamageKind.BURN: ("burn mark", "black burn mark", "scorched burn", "charred burn hole"),
    DamageKind.MOULD: ("mould", "black mould spots", "green mould", "patch of mould"),
}

_KIND_OF: Mapping[str, DamageKind] = {
    phrase: kind for kind, phrases in _FLAWS.items() for phrase in (str(kind), *phrases)
}
"""Kinds by the phrases that name them, their own names among these."""

_WORD = re.compile(r"[a-z]+")

_SIZES = ("", "small", "large")

_MASS = ("spilled", "dried mud", "dirty mud", "mould", "black mould", "green mould")
"""Beginnings of flaws that take no article."""

_TEMPLATES = ("{flaw} on {place}", "{flaw}, {noun}", "photo of {noun} with {flaw}")


def product_word(product: str) -> str:
    """Maps a product as the photo sources name it to the noun that prompts use."""
    name = product.strip().lower().replace("_", "-").replace(" ", "-")
    name = _NOUN_OF.get(name, name)
    return name if name in PRODUCTS else UNKNOWN_PRODUCT


def prompt(kind: DamageKind, product: str, rng: np.random.Generator) -> str:
    """Draws one prompt, such as "a small coffee stain on a shirt".

    Args:
        kind: The flaw to ask for.
        product: Product as the source names it; unknown ones become "product".
        rng: Source of size, wording and place.
    """
    sentences = _sentences(DamageKind(kind), product_word(product))
    return sentences[int(rng.integers(len(sentences)))]


def all_prompts() -> list[str]:
    """Returns every sentence that `prompt` can give, and the clean prompt, sorted and without repeats."""
    sentences = {CLEAN_PROMPT}
    for kind, noun in combinations(DamageKind, PRODUCTS):
        sentences.update(_sentences(kind, noun))
    return sorted(sentences)


def asked_for(text: str) -> DamageKind | None:
    """Returns the kind of flaw that a text names, or None where it asks for the clean material.

    The longest phrase decides: a "charred burn hole" is a burn.

    Args:
        text: Any text, in upper or lower case; not only sentences of `prompt`.

    Raises:
        InvalidDataError: It names neither.
    """
    words = f" {' '.join(_WORD.findall(text.lower()))} "
    found = [(len(phrase), kind) for phrase, kind in _KIND_OF.items() if f" {phrase} " in words]
    if found:
        return max(found, key=lambda entry: entry[0])[1]
    if " clean " in words:
        return None
    raise InvalidDataError(f"expected a prompt that names {', '.join(DamageKind)} or clean, got {text!r}")


def _sentences(kind: DamageKind, noun: str) -> list[str]:
    material = "the fabric" if noun in _GARMENTS else "the surface"
    owned = noun if noun in _PLURAL else _article(noun)
    sentences = []
    for flaw, size in combinations(_FLAWS[kind], _SIZES):
        bare = flaw.startswith(_MASS)
        if bare and size:
            continue
        named = flaw if bare else _article(f"{size} {flaw}".strip())
        for template in _TEMPLATES:
            places = (owned, material) if "{place}" in template else (owned,)
            sentences += [template.format(flaw=named, place=place, noun=owned) for place in places]
    return sentences


def _article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _words() -> tuple[str, ...]:
    phrases = [CLEAN_PROMPT, *PRODUCTS, *_SIZES, *(flaw for flaws in _FLAWS.values() for flaw in flaws)]
    fixed = "a an on the fabric surface photo of with ,"
    return tuple(sorted({word for phrase in (*phrases, fixed) for word in phrase.split()}))


VOCABULARY: tuple[str, ...] = _words()
"""Words of the prompts, for building the tokenizer; the comma counts as one, hyphens do not split."""
