"""What the detector sees of a dataset: matched crops of a set's members, laundered alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from falseflaw.errors import InvalidDataError
from falseflaw.imaging import codec
from falseflaw.seeding import derive_rng, derive_seed
from falseflaw.types import INPAINTED, POSITIVES, Edit, Fold, Image, Mask

EDITS = tuple(Edit)
"""Codes of edits in a batch: positions in this tuple."""

_GRID = 16
"""Pixels by which a laundered window exceeds the crop, so that the crop's place on the JPEG grid varies."""


class Launder(Protocol):
    """Seeded laundering, such as `falseflaw.imaging.laundering.augmentation.RandomLaundering`."""

    smallest_factor: float

    def __call__(self, image: Image, mask: Mask, seed: int) -> tuple[Image, Mask]:
        """Returns the laundered photo and its mask in the new geometry."""


@dataclass(frozen=True)
class MatchedSet:
    """The derivatives of one source.

    Attributes:
        source_id: The clean photo they derive from.
        region: Mask file of the place where the set's flaw lies, relative to the dataset.
        paths: Image file of each member, relative to the dataset.
        rewritten: Members without any original pixel.
    """

    source_id: str
    region: str
    paths: Mapping[Edit, str]
    rewritten: frozenset[Edit] = frozenset()

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
        return [edit for edit in (Edit.AUTHENTIC, Edit.NULL_EDIT) if edit in self.paths]


@dataclass(frozen=True, eq=False)
class Sample:
    """One crop.

    Attributes:
        image: uint8 (S, S, 3).
        valid: bool (S, S), False where a photo smaller than the crop was padded.
        mask: bool (S, S), True where AI wrote; empty for negatives.
        label: 1 or 0.
        edit: What the photo went through.
        number: Position in the stream of training pairs, or in the validation set.
        laundered: Whether the laundered copy of a validation photo is meant.
    """

    image: Image
    valid: Mask
    mask: Mask
    label: int
    edit: Edit
    number: int
    laundered: bool = False


def without_networks(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Returns the rows that hold no pixel of the named generators and autoencoders.

    Raises:
        InvalidDataError: The dataset knows no such network.
    """
    known = set(rows["generator"]) - {""}  # no network wrote the others' pixels
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
        paths = {Edit(edit): str(path) for edit, path in zip(members["edit"], members["path"], strict=True)}
        rewritten = frozenset(Edit(edit) for edit in members.loc[members["rewritten"], "edit"])
        found = MatchedSet(str(source_id), str(members["region_path"].iloc[0]), paths, rewritten)
        if Edit.SIMULATED_DAMAGE in paths and found.flawed:
            sets.append(found)
    if not sets:
        raise InvalidDataError(
            f"expected matched sets of simulated damage and inpainting in fold {fold}, found none; "
            "build a larger dataset with `falseflaw synthesize`"
        )
    return sets


class PhotoReader:
    """Reads the photos and regions of a dataset; keeps the pixels when told to."""

    def __init__(self, dataset: Path, cache: bool = False) -> None:
        """Reads below `dataset`; with `cache`, each process keeps all it decoded (3 bytes a pixel)."""
        self.dataset = dataset
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
        file = self.dataset / path
        pixels = codec.read_mask(file) if mask else codec.decode(file)
        if self.kept is not None:
            self.kept[path] = pixels
        return pixels


class TrainPairs:
    """The endless stream of training pairs; pair number n depends on the seed and on n alone.

    A pair is simulated damage and a positive with a flaw of one set: an inpainted one or, with probability
    `autoencoded_share`, the autoencoded one. With probability `flawless_share` it is the refilled photo, and
    the authentic one or its null edit. So negatives and positives come 1:1, with a flaw and without. Both
    members go through the same crop, laundering and turn. Since numbers and not workers or epochs own the
    randomness, a resumed training sees what an uninterrupted one would have seen.
    """

    def __init__(
        self,
        sets: Sequence[MatchedSet],
        reader: PhotoReader,
        crop_size: int,
        region_share: float,
        flawless_share: float,
        autoencoded_share: float,
        launder: Launder | None,
        seed: int,
        shuffle_labels: bool = False,
    ) -> None:
        """Sets the stream up; see `DetectorData` for the arguments."""
        self.sets = sets
        self.reader = reader
        self.crop_size = crop_size
        self.region_share = region_share
        self.flawless_share = flawless_share
        self.autoencoded_share = autoencoded_share
        self.launder = launder
        self.seed = seed
        self.shuffle_labels = shuffle_labels

    def __getitem__(self, number: int) -> list[Sample]:
        """Returns the two crops of pair `number`, 0 or above without bound."""
        rng = derive_rng(self.seed, "pair", number)
        chosen = self.sets[self._order(number // len(self.sets))[number % len(self.sets)]]
        edits = self._edits(chosen, rng)
        region = self.reader.region(chosen.region)
        # Beside its region a crop has label 0 in any case: shuffled labels would still teach to see flaws.
        around = bool(rng.random() < self.region_share) or self.shuffle_labels
        side = self.crop_size + _GRID
        if self.launder is not None:
            side = int(np.ceil(self.crop_size / min(1.0, self.launder.smallest_factor))) + _GRID
        box = _place(region, side, around, rng)
        seed, quarter, mirrored = int(rng.integers(2**62)), int(rng.integers(4)), bool(rng.integers(2))
        samples = []
        for edit in edits:
            image, inside = _window(self.reader.photo(chosen.paths[edit]), region, box, chosen.paths[edit])
            if self.launder is not None:
                image, inside = self.launder(image, inside, seed)
            place = _place(inside, self.crop_size, around, derive_rng(seed, "crop"))
            crop = [_turn(part, quarter, mirrored) for part in _crop(image, inside, place, self.crop_size)]
            samples.append(_sample(crop, edit, number, edit in chosen.rewritten))
        if self.shuffle_labels and self._swapped(number):
            samples = [
                replace(sample, label=other.label, mask=other.mask)
                for sample, other in zip(samples, reversed(samples), strict=True)
            ]
        return samples

    def _swapped(self, number: int) -> bool:
        """Says whether a pair's labels are swapped: those of one drawn out of every two pairs.

        A coin for each pair would leave a share of, say, 51 % unswapped. The ranking by a detector's logits
        has no scale, so that even so faint a hint comes out as an AUROC far from .5.
        """
        first = derive_rng(self.seed, "shuffled", number // 2).random() < 0.5
        return first == (number % 2 == 0)

    def _edits(self, chosen: MatchedSet, rng: np.random.Generator) -> tuple[Edit, Edit]:
        """Draws the negative and the positive of a pair."""
        flawless, autoencoded, negative, positive = rng.random(4).tolist()
        if flawless < self.flawless_share and Edit.REFILLED in chosen.paths and chosen.flawless:
            return chosen.flawless[int(negative * len(chosen.flawless))], Edit.REFILLED
        positives = chosen.inpainted
        if Edit.AUTOENCODED in chosen.paths and (autoencoded < self.autoencoded_share or not positives):
            positives = [Edit.AUTOENCODED]
        return Edit.SIMULATED_DAMAGE, positives[int(positive * len(positives))]

    def _order(self, turn: int) -> np.ndarray:
        """Returns the order of sets in pass number `turn` over them."""
        return derive_rng(self.seed, "order", turn).permutation(len(self.sets))


class ValidationCrops:
    """Every labelled member of each set, cropped around the region, untouched and laundered; fixed."""

    def __init__(
        self,
        sets: Sequence[MatchedSet],
        reader: PhotoReader,
        crop_size: int,
        launder: Launder | None,
        seed: int,
    ) -> None:
        """Lists the crops set by set; without `launder` there are no laundered copies."""
        self.reader = reader
        self.crop_size = crop_size
        self.launder = launder
        self.seed = seed
        copies = (False,) if launder is None else (False, True)
        self.items = [
            (matched, edit, copy)
            for matched in sets
            for copy in copies
            for edit in EDITS
            if edit in matched.paths and edit.label >= 0
        ]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, number: int) -> list[Sample]:
        """Returns crop `number`, a list of one."""
        matched, edit, laundered = self.items[number]
        region = self.reader.region(matched.region)
        whole = (0, 0, *region.shape)
        image, inside = _window(self.reader.photo(matched.paths[edit]), region, whole, matched.paths[edit])
        if laundered and self.launder is not None:
            image, inside = self.launder(image, inside, derive_seed(self.seed, "val", matched.source_id))
        rows, columns = np.nonzero(inside if inside.any() else np.ones_like(inside))
        center = ((rows.min() + rows.max()) // 2, (columns.min() + columns.max()) // 2)
        top, left = (
            int(np.clip(middle - self.crop_size // 2, 0, max(0, length - self.crop_size)))
            for middle, length in zip(center, inside.shape, strict=True)
        )
        crop = _crop(image, inside, (top, left, self.crop_size, self.crop_size), self.crop_size)
        return [_sample(crop, edit, number, edit in matched.rewritten, laundered)]


def _place(region: Mask, side: int, around: bool, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Draws a square (top, left, height, width), cut to the photo: over a region pixel, or anywhere."""
    height, width = min(side, region.shape[0]), min(side, region.shape[1])
    spots = np.flatnonzero(region) if around else np.empty(0, dtype=np.intp)
    index = int(rng.integers(len(spots) or region.size))
    row, column = divmod(int(spots[index]) if len(spots) else index, region.shape[1])
    top = int(np.clip(row - rng.integers(height), 0, region.shape[0] - height))
    left = int(np.clip(column - rng.integers(width), 0, region.shape[1] - width))
    return top, left, height, width


def _window(image: Image, region: Mask, box: tuple[int, int, int, int], name: str) -> tuple[Image, Mask]:
    if image.shape[:2] != region.shape:
        raise InvalidDataError(
            f"expected {name} of {region.shape[1]}x{region.shape[0]} pixels like its region, "
            f"got {image.shape[1]}x{image.shape[0]}; build the dataset again"
        )
    top, left, height, width = box
    part = slice(top, top + height), slice(left, left + width)
    return np.ascontiguousarray(image[part]), np.ascontiguousarray(region[part])


def _crop(image: Image, region: Mask, box: tuple[int, int, int, int], size: int) -> list[np.ndarray]:
    """Cuts photo, region and validity; mirrors the photo at its edges where it is smaller than `size`."""
    pixels, inside = _window(image, region, box, "crop")
    below, behind = size - pixels.shape[0], size - pixels.shape[1]
    valid = np.pad(np.ones_like(inside), ((0, below), (0, behind)))
    inside = np.pad(inside, ((0, below), (0, behind)))
    if below or behind:
        pixels = np.pad(pixels, ((0, below), (0, behind), (0, 0)), mode="reflect")
    return [pixels, valid, inside]


def _turn(array: np.ndarray, quarter: int, mirrored: bool) -> np.ndarray:
    """Turns (H, W, ...) by quarter turns counterclockwise after mirroring left to right."""
    return np.ascontiguousarray(np.rot90(array[:, ::-1] if mirrored else array, quarter))


def _sample(
    crop: Sequence[np.ndarray], edit: Edit, number: int, rewritten: bool, laundered: bool = False
) -> Sample:
    """Labels a crop: a positive is altered where it shows a pixel of the mask, or if all is rewritten."""
    pixels, valid, inside = crop
    mask = inside if edit in POSITIVES else np.zeros_like(inside)
    label = int(edit in POSITIVES and (rewritten or bool(mask.any())))
    return Sample(pixels, valid, mask, label, edit, number, laundered)
