"""The finished members of a dataset's matched sets: read from its files, and drawn as pairs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from falseflaw.dataset.files import DatasetFiles, FolderFiles
from falseflaw.errors import InvalidDataError
from falseflaw.imaging import codec
from falseflaw.seeding import derive_rng
from falseflaw.training.detector.composition import Composed
from falseflaw.training.detector.crops import EDITS, place, window
from falseflaw.types import INPAINTED, POSITIVES, Edit, Fold, Image, Mask

CAMERA_ORIGINALS = "camera_originals"
"""The photo set whose photos keep the pixels that a camera saved."""


@dataclass(frozen=True)
class MatchedSet:
    """The derivatives of one source.

    Attributes:
        source_id: The clean photo they derive from.
        region: Mask file of the place where the set's flaw lies, relative to the dataset.
        paths: Image file of each member, relative to the dataset.
        rewritten: Members without any original pixel.
        writers: Network that wrote each member's altered pixels, "" for none.
        camera_original: Whether the source has the pixels that a camera saved.
    """

    source_id: str
    region: str
    paths: Mapping[Edit, str]
    rewritten: frozenset[Edit] = frozenset()
    writers: Mapping[Edit, str] = field(default_factory=dict)
    camera_original: bool = False

    @property
    def inpainted(self) -> list[Edit]:
        """The positives that an inpainter wrote a flaw into."""
        return [edit for edit in EDITS if edit in INPAINTED and edit in self.paths]

    @property
    def flawed(self) -> list[Edit]:
        """The positives that show a flaw, as simulated damage does."""
        return [edit for edit in EDITS if edit in POSITIVES and edit.flawed and edit in self.paths]

    @property
    def flawless(self) -> list[Edit]:
        """The negatives that show no flaw, as the refilled photo does."""
        return [edit for edit in EDITS if edit.label == 0 and not edit.flawed and edit in self.paths]


def without_networks(rows: pd.DataFrame, names: Sequence[str], others: Collection[str] = ()) -> pd.DataFrame:
    """Returns the rows that hold no pixel of the named generators and autoencoders.

    Args:
        rows: Of a manifest.
        names: Networks to leave out.
        others: Networks that the dataset knows besides those of its rows.

    Raises:
        InvalidDataError: The dataset knows no such network.
    """
    known = set(rows["generator"]).union(others) - {""}  # no network wrote the others' pixels
    if unknown := sorted(set(names) - known):
        raise InvalidDataError(
            f"expected networks of the dataset in leave_out ({', '.join(sorted(known))}), got {unknown[0]!r}"
        )
    return rows[~rows["generator"].isin(names)]


def matched_sets(rows: pd.DataFrame, fold: Fold) -> list[MatchedSet]:
    """Returns the sets of a fold that have simulated damage and a positive with a flaw, sorted by source.

    Raises:
        InvalidDataError: There is none.
    """
    sets = []
    for source_id, members in rows[rows["fold"] == str(fold)].groupby("source_id", sort=True):
        edits = [Edit(edit) for edit in members["edit"]]
        found = MatchedSet(
            str(source_id),
            str(members["region_path"].iloc[0]),
            dict(zip(edits, map(str, members["path"]), strict=True)),
            frozenset(Edit(edit) for edit in members.loc[members["rewritten"], "edit"]),
            dict(zip(edits, map(str, members["generator"]), strict=True)),
            bool((members["photo_set"] == CAMERA_ORIGINALS).any()),
        )
        if Edit.SIMULATED_DAMAGE in found.paths and found.flawed:
            sets.append(found)
    if not sets:
        raise InvalidDataError(
            f"expected matched sets of simulated damage and inpainting in fold {fold}, found none; "
            "build a larger dataset with `falseflaw synthesize`"
        )
    return sets


class PhotoReader:
    """Reads the photos and regions of a dataset; keeps the pixels when told to."""

    def __init__(self, dataset: Path | DatasetFiles, cache: bool = False) -> None:
        """Reads of a folder or of other files; with `cache`, each process keeps the pixels (3 bytes each)."""
        self.files: DatasetFiles = FolderFiles(dataset) if isinstance(dataset, Path) else dataset
        self.kept: dict[str, np.ndarray] | None = {} if cache else None

    def photo(self, path: str) -> Image:
        """Returns the pixels of an image, uint8 (H, W, 3)."""
        return self._read(path, mask=False)

    def region(self, path: str) -> Mask:
        """Returns a region, bool (H, W)."""
        return self._read(path, mask=True)

    def _read(self, path: str, mask: bool) -> np.ndarray:
        if self.kept is not None and path in self.kept:
            return self.kept[path]
        data = self.files.read(path)
        pixels = codec.read_mask(data, path) if mask else codec.decode(data, path)
        if self.kept is not None:
            self.kept[path] = pixels
        return pixels


class FinishedPairs:
    """Pairs of finished members: number n depends on the seed and on n alone.

    A pair is simulated damage and a positive with a flaw of one set: an inpainted one or, with probability
    `autoencoded_share`, the autoencoded one; with probability `local_edit_share` its local edit stands in for
    simulated damage. With probability `flawless_share` the pair is the refilled photo, and
    a negative without a flaw. So negatives and positives come 1:1, with a flaw and without.
    """

    def __init__(
        self,
        sets: Sequence[MatchedSet],
        reader: PhotoReader,
        flawless_share: float,
        autoencoded_share: float,
        local_edit_share: float,
        seed: int,
    ) -> None:
        """Draws from `sets`; the shares are those of `PairSettings`."""
        self.sets = sets
        self.reader = reader
        self.flawless_share = flawless_share
        self.autoencoded_share = autoencoded_share
        self.local_edit_share = local_edit_share
        self.seed = seed

    def __len__(self) -> int:
        return len(self.sets)

    def compose(self, number: int, side: int, around: bool) -> Composed:
        """Returns windows of at most `side` pixels of pair `number`, over the set's region if `around`."""
        rng = derive_rng(self.seed, "finished", number)
        chosen = self.sets[self._order(number // len(self.sets))[number % len(self.sets)]]
        negative, positive = self._edits(chosen, rng)
        region = self.reader.region(chosen.region)
        box = place(region, side, around, rng)
        (before, inside), (after, _) = (
            window(self.reader.photo(chosen.paths[edit]), region, box, chosen.paths[edit])
            for edit in (negative, positive)
        )
        rewritten = positive in chosen.rewritten
        ignored = ~inside if rewritten else np.zeros_like(inside)
        writer = chosen.writers.get(positive, "")
        return Composed(before, after, inside, ignored, inside, positive, negative, writer, rewritten)

    def _edits(self, chosen: MatchedSet, rng: np.random.Generator) -> tuple[Edit, Edit]:
        """Draws the negative and the positive of a pair."""
        flawless, autoencoded, negative, positive = rng.random(4).tolist()
        if flawless < self.flawless_share and Edit.REFILLED in chosen.paths and chosen.flawless:
            return chosen.flawless[int(negative * len(chosen.flawless))], Edit.REFILLED
        positives = chosen.inpainted
        if Edit.AUTOENCODED in chosen.paths and (autoencoded < self.autoencoded_share or not positives):
            positives = [Edit.AUTOENCODED]
        edited = negative < self.local_edit_share and Edit.LOCAL_EDIT in chosen.paths  # not in old datasets
        damaged = Edit.LOCAL_EDIT if edited else Edit.SIMULATED_DAMAGE
        return damaged, positives[int(positive * len(positives))]

    def _order(self, turn: int) -> np.ndarray:
        """Returns the order of sets in pass number `turn` over them."""
        return derive_rng(self.seed, "order", turn).permutation(len(self.sets))
