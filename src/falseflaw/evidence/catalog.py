"""The words of a report in one language: a file of texts by key, with named places for numbers."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Iterator, Mapping
from functools import cache

from falseflaw.errors import ConfigurationError

LANGUAGES = ("en", "zh")


class Catalog:
    """Texts by key.

    Attributes:
        language: `en` or `zh`.
    """

    def __init__(self, language: str, texts: Mapping[str, str]) -> None:
        self.language = language
        self._texts = texts

    def __contains__(self, key: str) -> bool:
        return key in self._texts

    def __call__(self, key: str, **values: object) -> str:
        """Returns a text with its places filled.

        Raises:
            KeyError: There is no such text, or a place is not filled.
        """
        return self._texts[key].format(**values)

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def template(self, key: str) -> str:
        """Returns a text with its places open."""
        return self._texts[key]


@cache
def catalog(language: str) -> Catalog:
    """Returns the texts of a language.

    Raises:
        ConfigurationError: There are none.
    """
    if language not in LANGUAGES:
        raise ConfigurationError(f"expected language as one of {', '.join(LANGUAGES)}, got {language!r}")
    file = importlib.resources.files("falseflaw.evidence").joinpath("texts", f"{language}.json")
    return Catalog(language, json.loads(file.read_text(encoding="utf-8")))
