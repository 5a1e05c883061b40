"""The entry of a released model in CHANGELOG.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from falseflaw.errors import InvalidDataError
from falseflaw.evaluation.figures.decoding import decode
from falseflaw.imaging.codec import write_atomic
from falseflaw.release.variants.price import Price
from falseflaw.runtime.bundle import MODEL_NAME, BundleInfo, read_bundle

UNRELEASED = "## [Unreleased]"
MODELS = "### Models"


def entry_of(run: Path, bundles: Sequence[Path]) -> str:
    """Returns the entry in lines: the network in float32 first, its variants below it.

    Raises:
        MissingDataError, InvalidDataError: A folder is no bundle.
    """
    lines = []
    for folder in bundles:
        info, network = read_bundle(folder)
        size = f"`{MODEL_NAME}` {len(network) / 1e6:.1f} MB"
        if info.variant:
            lines.append(f"  - `{folder.name}`: {size}, {_priced(info)}.")
            continue
        dataset = info.dataset.get("config_hash", "")
        lines.append(
            f"- `{folder.name}` from `{run}`: checkpoint {info.checkpoint_sha256[:12]}, dataset {dataset}, "
            f"revision {info.git_revision[:12]}; {size}. Figures are in its card."
        )
    return "".join(f"{line}\n" for line in lines)


def _priced(info: BundleInfo) -> str:
    price = decode(Price, info.variant["price"])
    auroc, f1 = (price.figures[name].difference.value for name in ("auroc", "pixel_f1"))
    before, after = price.milliseconds["fp32"], price.milliseconds["variant"]
    return (
        f"AUROC {auroc:+.4f}, pixel F1 {f1:+.4f}, {price.changed} of {price.verdicts} verdicts changed, "
        f"{before / after:.2f} times as fast as fp32 on one thread"
    )


def with_entry(text: str, entry: str) -> str:
    """Returns the text of a changelog with an entry at the top of what is not released yet, under `MODELS`.

    An older entry of the same model, not released either, gives way to it.

    Raises:
        InvalidDataError: There is no heading for what is not released yet.
    """
    before, heading, after = text.partition(f"{UNRELEASED}\n")
    if not heading:
        raise InvalidDataError(f"expected {UNRELEASED} in CHANGELOG.md, got none; add it")
    unreleased, rest = _until_next(after, "\n## ")
    top, models, below = unreleased.partition(f"{MODELS}\n")
    if not models:
        return f"{before}{heading}\n{MODELS}\n\n{entry}{unreleased}{rest}"
    own, others = _until_next(below, "\n### ")
    kept = _without(own, entry.split("`")[1])
    return f"{before}{heading}{top}{models}\n{entry}{kept.lstrip(chr(10))}{others}{rest}"


def write_entry(path: Path, entry: str) -> None:
    """Writes an entry into a changelog.

    Raises:
        InvalidDataError: See `with_entry`; nothing was written.
    """
    write_atomic(path, with_entry(path.read_text(encoding="utf-8"), entry).encode())


def _until_next(text: str, heading: str) -> tuple[str, str]:
    """Splits a text before the next heading; all of it is the first part where there is none."""
    index = text.find(heading)
    return (text, "") if index < 0 else (text[:index], text[index:])


def _without(text: str, name: str) -> str:
    """Returns a list without the item of a model and what is below it."""
    kept, leaving_out = [], False
    for line in text.splitlines(keepends=True):
        if line.startswith("- "):
            leaving_out = line.startswith(f"- `{name}` ")
        if not (leaving_out and line.startswith(("- ", "  "))):
            kept.append(line)
    return "".join(kept)
