import json
import string
from pathlib import Path
from typing import get_args

import pytest

from falseflaw.errors import ConfigurationError
from falseflaw.evidence.catalog import LANGUAGES, catalog
from falseflaw.evidence.evidence import CHECKED, NOT_CHECKED
from falseflaw.evidence.finding import Cause
from falseflaw.metadata.facts import CODES, Weight

TEXTS = Path(__file__).parents[2] / "src/falseflaw/evidence/texts"


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_languages_say_the_same_things() -> None:
    assert {path.stem for path in TEXTS.glob("*.json")} == set(LANGUAGES)
    english = catalog("en")
    for language in LANGUAGES:
        other = catalog(language)
        assert set(other) == set(english)
        for key in english:
            assert places(other.template(key)) == places(english.template(key)), (language, key)
            assert other.template(key).strip(), (language, key)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_stands_twice_in_a_file(language: str) -> None:
    pairs = json.loads((TEXTS / f"{language}.json").read_text("utf-8"), object_pairs_hook=list)
    assert len({key for key, _ in pairs}) == len(pairs)


def test_chinese_is_chinese_everywhere() -> None:
    texts = catalog("zh")
    latin = [
        key for key in texts if not any("\u4e00" <= letter <= "\u9fff" for letter in texts.template(key))
    ]
    assert latin == ["fact.list"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_its_words(language: str) -> None:
    texts = catalog(language)
    keys = {f"cause.{cause}" for cause in Cause} | {f"not_checked.{code}" for code in NOT_CHECKED}
    keys |= {f"checked.{code}" for code in CHECKED}
    keys |= {f"{kind}.{code}" for kind in ("fact", "means") for code in CODES}
    keys |= {f"weight.{weight}" for weight in get_args(Weight)}
    assert keys <= set(texts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_nobody_is_accused(language: str) -> None:
    accusing = {
        "en": ("fraud", "liar", "lied", "guilty", "cheat", "scam", "suspect", "criminal"),
        "zh": ("欺诈", "诈骗", "骗", "撒谎", "嫌疑", "犯罪", "作弊"),
    }[language]
    texts = catalog(language)
    said = " ".join(texts.template(key).lower() for key in texts)
    assert [word for word in accusing if word in said] == []


def test_an_unknown_language_is_told() -> None:
    with pytest.raises(ConfigurationError, match="expected language as one of en, zh, got 'de'"):
        catalog("de")
