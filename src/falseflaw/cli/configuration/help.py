"""What `falseflaw VERB --help` prints: the groups and keys of that verb, read from its config files."""

from __future__ import annotations

from collections.abc import Sequence

from falseflaw.cli.configuration.examples import EXAMPLES
from falseflaw.cli.configuration.schema import VerbSchema


def describe(verb: str, summary: str, words: Sequence[str] = ()) -> str:
    """Returns the help page of a verb: its config groups with their options, then its own keys."""
    schema = VerbSchema(verb, words)
    groups = schema.groups
    lines = [f"usage: falseflaw {verb} [group=option ...] [key=value ...]", "", f"{verb}: {summary}", ""]
    if groups:
        width = max(len(name) for name, _, _ in groups)
        lines.append("configuration groups (* default):")
        for name, default, options in groups:
            shown = ", ".join(f"{option}*" if option == default else option for option in options)
            lines.append(f"  {name:<{width}}  {shown}")
        lines.append("")
    if verb in EXAMPLES:
        lines += ["examples:", *(f"  falseflaw {verb} {words}".rstrip() for words in EXAMPLES[verb]), ""]
    for text in (schema.text, *(base.text for base in schema.bases)):
        lines += ["keys:" if text is schema.text else "and:", *(f"  {line}" for line in _own_keys(text)), ""]
    lines.append("`--cfg job` prints the composed configuration; `-m` sweeps over comma-separated values.")
    return "\n".join(lines)


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
