"""Lets paths with any character through Hydra's override grammar, which chokes on many."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from falseflaw.cli.configuration.path_keys import is_path_key, is_path_list_key
from falseflaw.paths import config_dir

_OVERRIDE = re.compile(r"(?P<key>\+{0,2}[A-Za-z_][\w./@:-]*)=(?P<value>.*)", re.DOTALL)
_HARMLESS = re.compile(r"[A-Za-z_./][\w./-]*", re.ASCII)
_BARE = re.compile(r"[\w.+-]+")
_FUNCTION = re.compile(r"[a-z_]+\(.*\)", re.DOTALL)
_ELEMENT = re.compile(r"""\s*('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^,]*)(?:,|\Z)""", re.DOTALL)
_WORD_LISTS = frozenset({"report"})
"""Keys that take several words, which may be given as `a,b` outside of a sweep."""
_TYPED_WORDS = frozenset({"null", "true", "false", "inf", "nan"})
_SWEEPS = frozenset({"-m", "--multirun"})


def hydra_arguments(overrides: Sequence[str]) -> list[str]:
    """Returns the words for Hydra that say the same: paths quoted, the jobs of a sweep in their folder.

    Flags come first: argparse takes no overrides on both sides of `-m`.
    """
    words = _place_sweep(quote_paths(_find_experiment(list(overrides))))
    return sorted(words, key=lambda word: bool(_OVERRIDE.fullmatch(word)) or word.startswith("~"))


def _find_experiment(overrides: list[str]) -> list[str]:
    """Lets `experiment=FOLDER/experiment/NAME.yaml` stand for `--config-dir=FOLDER experiment=NAME`."""
    if any(text.partition("=")[0] in {"-cd", "--config-dir"} for text in overrides):
        return overrides
    for index, text in enumerate(overrides):
        key, _, value = text.partition("=")
        path = Path(_expanded(value)).absolute()
        if key == "experiment" and path.suffix == ".yaml" and path.parent.name == key and _exists(value):
            found = [*overrides, f"--config-dir={path.parent.parent}"]
            found[index] = f"{key}={path.stem}"
            return found
    return overrides


def quote_paths(overrides: list[str]) -> list[str]:
    """Quotes the values that are paths, so that Hydra takes them as they were typed.

    A value counts as a path when its key holds one (`path_keys`) or when something of that name exists.
    Spaces, commas, `=`, brackets, quotes, accents and names such as `123` then need no second quoting inside
    the shell's, and `~` is the home folder in every shell. Neither does any other text that Hydra's grammar
    has no reading for. A value in quotes, an interpolation `${...}`, `null` and, in a sweep, a list separated
    by commas stay Hydra's, unless a path of exactly that name exists.
    """
    sweeping = bool(_SWEEPS & set(overrides))
    return [_quote_override(override, sweeping) for override in overrides]


def _quote_override(override: str, sweeping: bool) -> str:
    match = _OVERRIDE.fullmatch(override)
    if match is None:
        return override
    key, value = match["key"], match["value"]
    name = key.lstrip("+")
    if is_path_list_key(name) or name in _WORD_LISTS:
        return f"{key}={_path_list(value, sweeping)}"
    is_path = is_path_key(name)
    if is_path and value.startswith("~") and not os.path.lexists(value):
        value = _expanded(value)
        override = f"{key}={value}"
    if not value or value == "null" or (_HARMLESS.fullmatch(value) and value.lower() not in _TYPED_WORDS):
        return override
    if _exists(value):
        # Elsewhere a bare word or number is a value, even if a file happens to be called so.
        return f"{key}={quote(value)}" if is_path or not _BARE.fullmatch(value) else override
    if _in_quotes(value) or not (is_path or _is_text(name, value)):
        return override
    if sweeping and ("," in value or _FUNCTION.fullmatch(value)):
        return override if _readable(value) else f"{key}={','.join(map(_quote_element, _elements(value)))}"
    if "${" in value:
        return override if _readable(value) else f"{key}={_quote_element(value)}"
    return f"{key}={_quote_element(value)}" if is_path or not _readable(value) else override


def _is_text(name: str, value: str) -> bool:
    """Returns whether a value may be free text: of no group, no list, map or quotation."""
    return value[0] not in "[{'\"" and not (config_dir() / name.partition("@")[0]).is_dir()


def _path_list(value: str, sweeping: bool) -> str:
    """Returns `[A,B]`, `{a: A}` or one path alone as Hydra reads it, whatever the paths are called."""
    if value == "null" or (sweeping and not value.startswith(("[", "{"))):
        return value
    if _exists(value):
        return f"[{quote(value)}]"
    opening, inner = value[:1], value[1:-1]
    if opening == "[" and value.endswith("]"):
        readable, elements = _readable(value), [_quote_element(part) for part in _elements(inner)]
    elif opening == "{" and value.endswith("}"):
        pairs = [part.partition(":") for part in _elements(inner)]
        readable, elements = _readable(value), [f"{name}:{_quote_element(path)}" for name, _, path in pairs]
    else:
        return f"[{','.join(map(_quote_element, _elements(value)))}]"
    return value if readable else f"{opening}{','.join(elements)}{value[-1]}"


def _elements(text: str) -> list[str]:
    """Splits at the commas outside quotes."""
    found, position = [], 0
    while position < len(text):
        match = _ELEMENT.match(text, position)
        if match is None:  # text behind a quotation: no list that anyone meant
            return [text]
        found.append(match[1])
        position = match.end()
    return found


def _quote_element(text: str) -> str:
    """Quotes a path, its interpolations left to work; what is quoted already stays."""
    text = text.strip()
    if _in_quotes(text):
        return text
    if text.startswith("~") and not _exists(text):
        text = _expanded(text)
    return quote(text, interpolating="${" in text and not _exists(text))


def _in_quotes(value: str) -> bool:
    return len(value) > 1 and value[0] in "'\"" and value[-1] == value[0]


def _readable(value: str) -> bool:
    """Returns whether Hydra's grammar has a reading for a value."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        OverridesParser.create().parse_override(f"key={value}")
    except HydraException:
        return False
    return True


def _place_sweep(overrides: list[str]) -> list[str]:
    """Lets the jobs of a sweep go where `run_dir` says, which Hydra asks for in keys of its own.

    One folder gets a numbered subfolder for every job; several folders, or one that names a swept value as
    `${...}`, are the jobs' own.
    """
    keys = [text.partition("=")[0].lstrip("+") for text in overrides]
    placed_by_hand = {"hydra.sweep.dir", "hydra.sweep.subdir"} & set(keys)
    if not _SWEEPS & set(overrides) or "run_dir" not in keys or placed_by_hand:
        return overrides
    index = keys.index("run_dir")
    key, _, value = overrides[index].partition("=")
    if _FUNCTION.fullmatch(value):
        return [*overrides, "hydra.sweep.subdir='${hydra:runtime.cwd}/${run_dir}'"]
    folders = _elements(value)
    if len(folders) == 1 and "${" not in value:
        return [*overrides, f"hydra.sweep.dir={value}"]
    placed = [*overrides, "hydra.sweep.subdir=${run_dir}"]
    placed[index] = f"{key}={','.join(map(_absolute, folders))}"
    return placed


def _absolute(path: str) -> str:
    """Returns a path below the working folder, both as Hydra quotes them."""
    mark, inner = (path[0], path[1:-1]) if _in_quotes(path) else ("'", path)
    here = "" if Path(inner).is_absolute() else quote(f"{Path.cwd()}{os.sep}", mark=mark)[1:-1]
    return f"{mark}{here}{inner}{mark}"


def without(overrides: Sequence[str], keys: Collection[str]) -> list[str]:
    """Returns the overrides but those of some keys and below them, such as ones that only steer."""
    return [text for text in overrides if text.split("=")[0].lstrip("+~").split(".")[0] not in keys]


def quote(text: str, interpolating: bool = False, mark: str = "'") -> str:
    r"""Returns a Hydra override value that is read back as exactly `text`.

    Backslashes count as escapes only in front of a quote, at the end, and (for OmegaConf) in front of
    `${`; a lone `???` would mean "missing" and becomes the equal path `./???`.

    Args:
        text: Of any characters.
        interpolating: Whether `${...}` in it is to be resolved.
        mark: The quotation mark around it, single or double.
    """
    if text == "???":
        text = "./???"
    if not interpolating:
        text = escape(text)
    text = re.sub(rf"(\\*){mark}", lambda match: match[1] * 2 + "\\" + mark, text)
    text = re.sub(r"(\\+)\Z", lambda match: match[1] * 2, text)
    return f"{mark}{text}{mark}"


def escape(text: str) -> str:
    r"""Returns the value that OmegaConf reads back as exactly `text`, in which `${` is no interpolation."""
    return re.sub(r"(\\*)\$\{", lambda match: match[1] * 2 + r"\${", text)


def _expanded(path: str) -> str:
    try:
        return str(Path(path).expanduser())
    except RuntimeError:  # no such user
        return path


def _exists(value: str) -> bool:
    try:
        return os.path.lexists(Path(value).expanduser())
    except (OSError, ValueError, RuntimeError):  # too long, a NUL byte, no such user's home
        return False
