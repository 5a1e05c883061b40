"""What is wrong with the words of a call, and the call that says what was meant."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from falseflaw.cli.configuration.path_keys import is_path_list_key, leaves
from falseflaw.cli.configuration.renamed import renamed_folder, renamed_override, renamed_target
from falseflaw.cli.configuration.schema import VerbSchema, options
from falseflaw.errors import UsageError

_OVERRIDE = re.compile(r"[+~]{0,2}[A-Za-z_][\w./@:-]*=.*|~[A-Za-z_][\w./@-]*", re.DOTALL)
_FLAGS = frozenset({"-m", "--multirun", "-r", "--run", "--resolve", "--hydra-help", "--version", "-sc"})
_FLAGS_WITH_VALUE = frozenset(
    {
        *("-c", "--cfg", "-p", "--package", "-i", "--info", "-cp", "--config-path", "-cn", "--config-name"),
        *("-cd", "--config-dir", "--experimental-rerun", "--shell-completion"),
    }
)
_CFG = ("job", "hydra", "all")
_ONE_OF = ("run", "checkpoint", "bundle")
"""Keys of which a verb takes one: a path without a key stands for the first unless it is plainly another."""


def check_words(verb: str, words: Sequence[str]) -> None:
    """Checks that every word of a call is an override or a flag of Hydra's.

    Raises:
        UsageError: Some are not; the message shows the call that says what was meant.
    """
    reading = _Reading(verb, VerbSchema(verb, words))
    for position, word in enumerate(words):
        reading.take(word, words[position + 1] if position + 1 < len(words) else None)
    reading.raise_if_wrong()


def explain(verb: str, words: Sequence[str], error: Exception) -> str | None:
    """Returns what is wrong with a call that Hydra refused, None if that is not told by its words."""
    if target := renamed_target(str(error)):
        return f"{target[0]} is now {target[1]}"
    schema = VerbSchema(verb, words)
    if match := re.search(
        r"ould not find '([\w/]+)/([^'/]+)'", str(error)
    ):  # perhaps in a file of the user's own
        if match[1] == "hydra/launcher":
            return (
                f"expected the package of hydra/launcher={match[2]}, which is not installed; "
                "install it: pip install 'falseflaw[launchers]'"
            )
        if new := renamed_override(verb, f"{match[1]}={match[2]}"):
            return f"{match[1]}={match[2]} is now {new}"
        return _expected_option(match[1], match[2])
    return _unknown_key(verb, schema, words) or _unreadable_value(words) or _missing_value(error)


def moved_folder(words: Iterable[str]) -> str | None:
    """Returns a line on the first value that names a folder of the repository as it was called before."""
    for word in words:
        key, equals, value = word.partition("=")
        new = renamed_folder(value) if equals else None
        if new and not Path(value).exists():
            return f"{word} is now {key}={new}"
    return None


class _Reading:
    """Reads the words of a call one by one and writes down the call that says the same."""

    def __init__(self, verb: str, schema: VerbSchema) -> None:
        self._verb, self._schema = verb, schema
        self._call: list[str] = []
        self._wrong: list[str] = []
        self._given: set[str] = set()
        self._taken = False  # the word at hand was the value of the one before
        self._listed: dict[str, list[str]] = {}

    def take(self, word: str, following: str | None) -> None:
        if self._taken:
            self._taken = False
        elif _OVERRIDE.fullmatch(word):
            self._write(word)
        elif word in _FLAGS and not self._is_key(word, following):
            self._call.append(word)
        elif word.split("=")[0] in _FLAGS_WITH_VALUE:
            self._take_flag(word, following)
        elif word.startswith("-") and len(word) > 1:
            self._wrong.append(word)
            self._take_dashed(word, following)
        else:
            self._wrong.append(word)
            self._take_bare(word)

    def raise_if_wrong(self) -> None:
        if not self._wrong:
            return
        shown = " ".join(shlex.quote(word) for word in self._call)
        raise UsageError(
            f"expected key=value, got {' and '.join(map(repr, self._wrong[:3]))}; "
            f"write: falseflaw {self._verb} {shown}"
        )

    def _is_key(self, flag: str, following: str | None) -> bool:
        """Returns whether a flag of Hydra's is meant for a key: `--run FOLDER`."""
        valued = (
            following is not None and not following.startswith("-") and not _OVERRIDE.fullmatch(following)
        )
        return valued and flag.lstrip("-") in self._schema.keys

    def _write(self, override: str) -> None:
        self._given.add(override.partition("=")[0].lstrip("+~"))
        self._call.append(override)

    def _take_flag(self, word: str, following: str | None) -> None:
        name, equals, value = word.partition("=")
        if not equals:
            value, self._taken = following or "", following is not None
        if name in {"-c", "--cfg"} and value not in _CFG:
            raise UsageError(f"expected {name} {', '.join(_CFG[:-1])} or {_CFG[-1]}, got {value!r}")
        self._call += [word] if equals else [name, value]

    def _take_dashed(self, word: str, following: str | None) -> None:
        """Reads `--key=value`, `--key value`, `--switch` and `--no-switch`."""
        name, equals, value = word.lstrip("-").partition("=")
        key = self._nearest(name)
        if not equals:
            if following is not None and not following.startswith("-") and not _OVERRIDE.fullmatch(following):
                value, self._taken = following, True
            elif name.startswith("no-") and self._schema.keys.get(self._nearest(name[3:])) in (True, False):
                key, value = self._nearest(name[3:]), "false"
            else:
                value = "true" if self._schema.keys.get(key) in (True, False) else "VALUE"
        self._write(f"{key}={value}")

    def _take_bare(self, word: str) -> None:
        """Reads a word without a key: an option's name, else the next path that the verb asks for."""
        for group, _, names in self._schema.groups:
            if word in names and group not in self._given:
                return self._write(f"{group}={word}")
        free = [key for key in self._schema.paths if key not in self._given]
        choices = [key for key in _ONE_OF if key in self._schema.keys]
        if len(choices) > 1:
            free = [key for key in free if key not in choices]
            if not self._given & set(choices):
                free.insert(0, _which(word, choices))
        if not free:
            return self._call.append(word)
        key = free[0]
        if is_path_list_key(key):
            if key not in self._listed:
                self._listed[key] = []
                self._call.append("")
                self._place = len(self._call) - 1
            self._listed[key].append(word)
            self._call[self._place] = f"{key}=[{','.join(self._listed[key])}]"
            return None
        return self._write(f"{key}={word}")

    def _nearest(self, name: str) -> str:
        known = [*self._schema.keys, *(group for group, _, _ in self._schema.groups)]
        wanted = name.replace("-", "_")
        if wanted in known:
            return wanted
        return (
            nearest(wanted, known) or nearest(wanted, _composed_keys(self._verb, self._schema, [])) or wanted
        )


def _which(word: str, choices: Sequence[str]) -> str:
    if "checkpoint" in choices and word.endswith(".ckpt"):
        return "checkpoint"
    if "bundle" in choices and (Path(word) / "bundle.json").is_file():
        return "bundle"
    return choices[0]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Returns the key most like `name`: the same word somewhere below, else one spelt alike."""
    names = list(known)
    below = [key for key in names if key.rpartition(".")[2] == name.rpartition(".")[2]]
    if len(below) == 1:
        return below[0]
    alike = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return alike[0] if alike else None


def _expected_option(group: str, name: str) -> str | None:
    known = options(group)
    if not known:
        return None
    alike = difflib.get_close_matches(name, known, n=1)
    return (
        f"expected {group}= one of {', '.join(known)}, got {group}={name}"
        f"{f'; did you mean {group}={alike[0]}?' if alike else ''}"
    )


def _unknown_key(verb: str, schema: VerbSchema, words: Sequence[str]) -> str | None:
    """Returns a line on the first override of a key that the verb does not have."""
    known: list[str] | None = None
    groups = [name for name, _, _ in schema.groups]
    for word in words:
        match = re.fullmatch(r"(\+{0,2}|~)([A-Za-z_][\w./@:-]*)(?:=(.*))?", word, re.DOTALL)
        if match is None or match[1].startswith("+") or not _OVERRIDE.fullmatch(word):
            continue
        key, value = match[2], match[3] or ""
        if key in schema.keys or key.split("@")[0] in groups or key.startswith("hydra"):
            continue
        if known is None:
            known = _composed_keys(verb, schema, words)
        if key in known:
            continue
        if new := renamed_override(verb, word):
            return f"{word} is now {new}"
        like = nearest(key, [*known, *groups])
        section = f"{key.rpartition('.')[0]}."
        within = [other.removeprefix(section) for other in known if other.startswith(section)]
        if within and (like is None or not like.startswith(section)):  # say, the section's own name
            public = ", ".join(name for name in within if not name.startswith("_"))
            return f"expected a key of {verb}, got {key}; {section[:-1]} has {public}"
        if like is None:
            return f"expected a key of {verb}, got {key}; `falseflaw {verb} --help` lists them"
        return f"expected a key of {verb}, got {key}; did you mean {like}={value}?"
    return None


def _unreadable_value(words: Sequence[str]) -> str | None:
    """Returns a line on the first value that Hydra's grammar refuses, as `cli.overrides` would pass it on."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    from falseflaw.cli.configuration.overrides import quote_paths

    sweeping = bool({"-m", "--multirun"} & set(words))
    for word, quoted in zip(words, quote_paths(list(words)), strict=True):
        if not _OVERRIDE.fullmatch(word):
            continue
        key, _, value = word.partition("=")
        try:
            parsed = OverridesParser.create().parse_override(quoted)
        except HydraException:
            return (
                f"expected a value in Hydra's grammar, got {word!r}; text goes in quotes inside the shell's"
            )
        if parsed.is_sweep_override() and not sweeping:
            listed = "" if options(key) else f", for a list write {key}=[{value}]"
            return f"expected one value of {key}, got {value}; for a sweep add -m{listed}"
    return None


def _missing_value(error: Exception) -> str | None:
    match = re.match(r"Missing mandatory value: ([\w.]+)", str(error))
    return f"expected {match[1]}=VALUE, got none" if match else None


def _composed_keys(verb: str, schema: VerbSchema, words: Sequence[str]) -> list[str]:
    """Returns the keys that the groups of a call compose, dotted, and those that hold them."""
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf

    from falseflaw.paths import config_dir

    groups = {name for name, _, _ in schema.groups}
    chosen = [word for word in words if word.partition("=")[0] in groups and "," not in word]
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        for overrides in (chosen, []):  # options may be of a folder of the user's own, and so may the verb
            try:
                config = compose(verb.replace("-", "_"), overrides)
                break
            except HydraException:
                continue
        else:
            return list(schema.keys)
    values = OmegaConf.to_container(config, resolve=False)
    found: dict[str, None] = {}
    for key, _ in leaves(values):
        parts = key.split(".")
        found |= {".".join(parts[: end + 1]): None for end in range(len(parts))}
    return list(found)
