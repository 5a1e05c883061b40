"""Lets paths with any character through Hydra's override grammar, which chokes on many."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path

PATH_KEYS = frozenset(
    {
        *("input", "output", "bundle", "run", "checkpoint", "evaluation", "dataset", "parity_folder"),
        "operating_point",
    }
)
"""Top-level keys of the verbs that hold paths, existing or not."""

_OVERRIDE = re.compile(r"(?P<key>\+{0,2}[A-Za-z_][\w./@:-]*)=(?P<value>.*)", re.DOTALL)
_HARMLESS = re.compile(r"[A-Za-z_./][\w./-]*", re.ASCII)
_BARE = re.compile(r"[\w.+-]+")
_TYPED_WORDS = frozenset({"null", "true", "false", "inf", "nan"})
_SWEEPS = frozenset({"-m", "--multirun"})


def quote_paths(overrides: list[str]) -> list[str]:
    """Quotes the values that are paths, so that Hydra takes them as they were typed.

    A value counts as a path when something of that name exists, or when its key is one of `PATH_KEYS`.
    Spaces, commas, `=`, brackets, quotes, accents and names such as `123` then need no second quoting
    inside the shell's. A value in quotes, an interpolation `${...}`, `null` and, in a sweep, a list separated
    by commas stay Hydra's, unless a path of exactly that name exists.
    """
    sweeping = bool(_SWEEPS & set(overrides))
    return [_quote_override(override, sweeping) for override in overrides]


def _quote_override(override: str, sweeping: bool) -> str:
    match = _OVERRIDE.fullmatch(override)
    if match is None:
        return override
    key, value = match["key"], match["value"]
    is_path_key = key.lstrip("+") in PATH_KEYS
    if not value or value == "null" or (_HARMLESS.fullmatch(value) and value.lower() not in _TYPED_WORDS):
        return override
    if _exists(value):
        # Elsewhere a bare word or number is a value, even if a file happens to be called so.
        wanted = is_path_key or not _BARE.fullmatch(value)
    else:
        in_quotes = len(value) > 1 and value[0] in "'\"" and value[-1] == value[0]
        wanted = is_path_key and not in_quotes and "${" not in value and not (sweeping and "," in value)
    return f"{key}={quote(value)}" if wanted else override


def without(overrides: Sequence[str], keys: Collection[str]) -> list[str]:
    """Returns the overrides but those of some keys and below them, such as ones that only steer."""
    return [text for text in overrides if text.split("=")[0].lstrip("+~").split(".")[0] not in keys]


def quote(text: str) -> str:
    r"""Returns a Hydra override value that is read back as exactly `text`.

    Backslashes count as escapes only in front of a quote, at the end, and (for OmegaConf) in front of
    `${`; a lone `???` would mean "missing" and becomes the equal path `./???`.
    """
    if text == "???":
        text = "./???"
    text = re.sub(r"(\\*)\$\{", lambda match: match[1] * 2 + r"\${", text)
    text = re.sub(r"(\\*)'", lambda match: match[1] * 2 + r"\'", text)
    text = re.sub(r"(\\+)\Z", lambda match: match[1] * 2, text)
    return f"'{text}'"


def _exists(value: str) -> bool:
    try:
        return os.path.lexists(Path(value).expanduser())
    except (OSError, ValueError, RuntimeError):  # too long, a NUL byte, no such user's home
        return False
