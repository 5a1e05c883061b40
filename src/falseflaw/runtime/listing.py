"""Finds what lies below an input: every file, and why some are left aside unopened."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from falseflaw.errors import ConfigurationError, MissingDataError
from falseflaw.runtime.results import HEATMAPS_NAME, OWN_NAMES, REPORTS_NAME, is_output
from falseflaw.types import Verdict


class Aside(NamedTuple):
    """Why a file or a whole folder is not opened: its row says so.

    Attributes:
        verdict: `Verdict.SKIPPED`, or `Verdict.ERROR` where there may well be photos.
        reason: One line.
        folder: Whether it is a folder; one row stands for all that is in it.
    """

    verdict: Verdict
    reason: str
    folder: bool = False


@dataclass
class Listing:
    """All that lies below an input.

    Attributes:
        root: What the names are relative to.
        files: Relative paths, sorted; of a file as input its name alone.
        aside: Those among them that are not to be opened.
        single: Whether one file was the input, which then counts as a photo whatever it holds.
    """

    root: Path
    files: list[Path]
    aside: dict[Path, Aside] = field(default_factory=dict)
    single: bool = False

    def __iter__(self) -> Iterator[Path]:
        return iter(self.files)


def list_files(source: Path, output: Path) -> Listing:
    """Finds the files to look at: all below a folder, whatever their names, or the one that is given.

    Not opened, but listed, are hidden files, hidden folders, folders that cannot be read, and links to
    folders, which are not followed. Left out are the results of this run and of earlier ones.

    Raises:
        MissingDataError: There is nothing at `source`, or it is a folder that is empty or cannot be read.
        ConfigurationError: The source lies in the folder that the heat maps go to.
    """
    if not source.is_dir():
        if not os.path.lexists(source):
            raise MissingDataError(f"expected a photo or a folder of photos at {source}, found nothing there")
        return Listing(source.parent, [Path(source.name)], single=True)
    own = output.resolve()
    own_heat_maps = own / HEATMAPS_NAME
    if source.resolve().is_relative_to(own_heat_maps):
        raise ConfigurationError(f"expected an output whose heat maps are not the input, got {output}")
    listing = Listing(source, [])

    def put_aside(path: Path, verdict: Verdict, reason: str, folder: bool = True) -> None:
        below = path.relative_to(source)
        listing.files.append(below)
        listing.aside[below] = Aside(verdict, reason, folder)

    def note(error: OSError) -> None:
        if Path(error.filename) == source:
            raise MissingDataError(f"cannot read the folder {source}: {error.strerror}") from error
        put_aside(Path(error.filename), Verdict.ERROR, f"cannot read the folder: {error.strerror}")

    for name, folders, files in os.walk(source, onerror=note):
        folder = Path(name)
        results = is_output(folder) or folder.resolve() == own
        entered = []
        for child in folders:
            path = folder / child
            if child in {HEATMAPS_NAME, REPORTS_NAME} and (results or path.resolve().parent == own):
                continue
            if path.is_symlink():
                put_aside(path, Verdict.SKIPPED, "a link to a folder, which is not followed")
            elif child.startswith("."):
                put_aside(path, Verdict.SKIPPED, "a hidden folder, which is not searched")
            else:
                entered.append(child)
        folders[:] = sorted(entered)
        for file in files:
            hidden = file.startswith(".")
            if results and (file in OWN_NAMES or (hidden and file.endswith(".partial"))):
                continue
            if hidden:
                put_aside(folder / file, Verdict.SKIPPED, "a hidden file, which is not opened", folder=False)
            else:
                listing.files.append((folder / file).relative_to(source))
    if not listing.files:
        raise MissingDataError(f"expected photos in {source}, found no file")
    listing.files.sort()
    return listing
