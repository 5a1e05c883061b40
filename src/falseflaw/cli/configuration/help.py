"""What `falseflaw VERB --help` prints: the groups and keys of that verb, read from its config files."""

from __future__ import annotations

from pathlib import Path

import yaml

from falseflaw.paths import config_dir


def describe(verb: str, summary: str) -> str:
    """Returns the help page of a verb: its config groups with their options, then its own keys."""
    root = config_dir()
    path = root / f"{verb.replace('-', '_')}.yaml"
    text = path.read_text(encoding="utf-8")
    config = yaml.safe_load(text) or {}
    groups = _groups(root, config.get("defaults", []))
    lines = [f"usage: falseflaw {verb} [group=option ...] [key=value ...]", "", f"{verb}: {summary}", ""]
    if groups:
        width = max(len(name) for name, _, _ in groups)
        lines.append("configuration groups (* default):")
        for name, default, options in groups:
            shown = ", ".join(f"{option}*" if option == default else option for option in options)
            lines.append(f"  {name:<{width}}  {shown}")
        lines.append("")
    lines += ["keys:", *(f"  {line}" for line in _own_keys(text)), ""]
    lines.append("`--cfg job` prints the composed configuration; `-m` sweeps over comma-separated values.")
    return "\n".join(lines)


def _groups(root: Path, defaults: list[object]) -> list[tuple[str, str | None, list[str]]]:
    found = []
    for entry in defaults:
        if not isinstance(entry, dict):
            continue
        for key, default in entry.items():
            name = str(key).removeprefix("optional ").removeprefix("override ").split("@")[0].strip("/")
            if name.startswith("hydra"):
                continue
            options = sorted(path.stem for path in (root / name).glob("*.yaml"))
            found.append((name, default if isinstance(default, str) else None, options))
    return found


def _own_keys(text: str) -> list[str]:
    """Lines of the primary config below the defaults list and above the hydra block, comments kept."""
    lines, skipping = [], False
    for line in text.splitlines():
        if line.startswith(("defaults:", "hydra:")):
            skipping = True
        elif line and not line[0].isspace() and not line.startswith(("-", "#")):
            skipping = False
        if not skipping and line.strip() and not line.startswith("# @package"):
            lines.append(line.rstrip())
    return lines
