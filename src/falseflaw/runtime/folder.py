"""Judges a photo or a folder of photos and writes `predictions.csv` and the heat maps."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from falseflaw.errors import ConfigurationError, MissingDataError, UnreadableImageError
from falseflaw.imaging import codec
from falseflaw.runtime.tiling import Tiling
from falseflaw.runtime.verdict import decide
from falseflaw.types import Image, OperatingPoint, Prediction, Verdict

PREDICTIONS_NAME = "predictions.csv"
PARTIAL_NAME = "predictions.partial.csv"
HEATMAPS_NAME = "heatmaps"
COLUMNS = ("file", "probability", "verdict", "reason", "mask_area")


class Judge(Protocol):
    """What of `Predictor` is used here."""

    @property
    def operating_point(self) -> OperatingPoint:
        """Calibration and thresholds."""

    def predict_batch(self, images: Sequence[Image]) -> list[Prediction]:
        """Judges photos of one size."""

    def tiling(self, height: int, width: int) -> Tiling:
        """How a photo of this size is cut."""


@dataclass
class Listing:
    """The photos below an input.

    Attributes:
        root: What the photos' names are relative to.
        files: Relative paths, sorted; of a file as input its name alone.
        ignored: How many files have no ending of an image, by ending.
        unlisted: Folders that could not be read, and links to folders, which are not followed.
    """

    root: Path
    files: list[Path]
    ignored: Counter[str] = field(default_factory=Counter)
    unlisted: list[Path] = field(default_factory=list)


@dataclass
class Summary:
    """What became of the photos.

    Attributes:
        verdicts: How many photos got each verdict.
        listing: What was judged.
        first_error: Reason of the first photo that could not be judged, "" if none.
    """

    verdicts: Counter[Verdict]
    listing: Listing
    first_error: str = ""

    @property
    def judged(self) -> int:
        """Photos that have a probability."""
        return self.verdicts.total() - self.verdicts[Verdict.ERROR]

    def describe(self) -> str:
        """Returns one line with the counts."""
        parts = [f"{self.verdicts[verdict]} {verdict}" for verdict in Verdict if self.verdicts[verdict]]
        text = f"{self.verdicts.total()} photos: {', '.join(parts)}"
        if self.listing.ignored:
            endings = ", ".join(f"{count} {name}" for name, count in self.listing.ignored.most_common(5))
            text += f"; ignored {self.listing.ignored.total()} files that are no photos by name ({endings})"
        if self.listing.unlisted:
            text += f"; left out {len(self.listing.unlisted)} folders (unreadable or linked)"
        return text


@dataclass(frozen=True)
class _Row:
    file: Path
    verdict: Verdict
    reason: str
    probability: float | None = None
    mask_area: float | None = None


def judge_folder(
    judge: Judge,
    source: Path,
    output: Path,
    batch_size: int = 1,
    progress: Callable[[Iterable[Path], int], Iterable[Path]] = lambda files, total: files,
) -> Summary:
    """Judges a photo, or every photo of a folder and its subfolders, and writes the results.

    `output/predictions.csv` has one row a photo, in the order of the names: `file` relative to the source
    (UTF-8; bytes that are not UTF-8 appear as backslash escapes), `probability` 0..1, `verdict`, `reason`,
    `mask_area` 0..1. A photo that cannot be judged has the verdict `error`, a reason, and neither number.
    `output/heatmaps/<file>.png` are the heat maps, 8-bit gray, of the photo's size once upright.

    Rows are appended to `output/predictions.partial.csv` as they come, which becomes `predictions.csv` at the
    end: a killed run leaves its rows there and an older `predictions.csv` as it was. A new run starts over.

    Args:
        judge: The predictor.
        source: An image file of any ending, or a folder (see `list_photos`).
        output: Made if missing. Heat maps in it are never taken for photos.
        batch_size: Most photos of one size that go through the network together.
        progress: Wraps the iteration over files, given their number.

    Raises:
        MissingDataError: No such source, or no photo in it.
        ConfigurationError: `batch_size` is below 1, or the output cannot be written.
    """
    if not (isinstance(batch_size, int) and batch_size >= 1):
        raise ConfigurationError(f"expected batch_size of at least 1, got {batch_size!r}")
    listing = list_photos(source, output)
    if not listing.files:
        ignored = f" ({listing.ignored.total()} other files)" if listing.ignored else ""
        raise MissingDataError(
            f"expected photos ({', '.join(sorted(codec.IMAGE_SUFFIXES))}) in {source}, found none{ignored}"
        )
    summary = Summary(Counter(), listing)
    try:
        output.mkdir(parents=True, exist_ok=True)
        partial = output / PARTIAL_NAME
        with partial.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(COLUMNS)
            for row in _judge_all(judge, listing, output, batch_size, progress):
                writer.writerow(_cells(row))
                stream.flush()
                summary.verdicts[row.verdict] += 1
                if row.verdict is Verdict.ERROR and not summary.first_error:
                    summary.first_error = row.reason
        partial.replace(output / PREDICTIONS_NAME)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write the results to {output}: {error.strerror or error}; pass another output"
        ) from error
    return summary


def list_photos(source: Path, output: Path) -> Listing:
    """Finds the photos to judge.

    Of a folder: every file with an ending of `codec.IMAGE_SUFFIXES` in it and its subfolders. Hidden
    files and folders are left out, as are links to folders and the heat maps of this run and of earlier ones.

    Raises:
        MissingDataError: There is nothing at `source`, or it is a folder that cannot be read.
        ConfigurationError: The source lies in the folder that the heat maps go to.
    """
    if not source.is_dir():
        if not os.path.lexists(source):
            raise MissingDataError(f"expected a photo or a folder of photos at {source}, found nothing there")
        return Listing(source.parent, [Path(source.name)])
    listing = Listing(source, [])
    own_heat_maps = (output / HEATMAPS_NAME).resolve()
    if source.resolve().is_relative_to(own_heat_maps):
        raise ConfigurationError(f"expected an output whose heat maps are not the input, got {output}")

    def note(error: OSError) -> None:
        if Path(error.filename) == source:
            raise MissingDataError(f"cannot read the folder {source}: {error.strerror}") from error
        listing.unlisted.append(Path(error.filename))

    for name, folders, files in os.walk(source, onerror=note):
        folder = Path(name)
        visible = [folder / child for child in folders if not child.startswith(".")]
        listing.unlisted += [child for child in visible if child.is_symlink()]
        folders[:] = sorted(
            child.name
            for child in visible
            if not child.is_symlink() and not _holds_heat_maps(child, own_heat_maps)
        )
        results = {PREDICTIONS_NAME, PARTIAL_NAME} if _is_output(folder) else set()
        for file in files:
            if file.startswith(".") or file in results:
                continue
            suffix = Path(file).suffix.lower()
            if suffix in codec.IMAGE_SUFFIXES:
                listing.files.append((folder / file).relative_to(source))
            else:
                listing.ignored[suffix or "without ending"] += 1
    listing.files.sort()
    return listing


def _holds_heat_maps(folder: Path, own: Path) -> bool:
    return folder.name == HEATMAPS_NAME and (folder.resolve() == own or _is_output(folder.parent))


def _is_output(folder: Path) -> bool:
    """Tells whether a folder is the output of a finished or killed run: its CSV begins with our header."""
    header = ",".join(COLUMNS).encode()
    for name in (PREDICTIONS_NAME, PARTIAL_NAME):
        try:
            with (folder / name).open("rb") as stream:
                if stream.read(len(header)) == header:
                    return True
        except OSError:
            continue
    return False


def _judge_all(
    judge: Judge,
    listing: Listing,
    output: Path,
    batch_size: int,
    progress: Callable[[Iterable[Path], int], Iterable[Path]],
) -> Iterator[_Row]:
    """Yields one row a photo, in order; neighbors of one size go through the network together."""
    waiting: list[tuple[Path, Image]] = []
    for file in progress(listing.files, len(listing.files)):
        try:
            image = codec.decode(listing.root / file, str(file))
        except UnreadableImageError as error:
            yield from _judge_batch(judge, waiting, output)
            waiting = []
            yield _Row(file, Verdict.ERROR, str(error))
            continue
        if waiting and waiting[0][1].shape != image.shape:
            yield from _judge_batch(judge, waiting, output)
            waiting = []
        waiting.append((file, image))
        if len(waiting) == batch_size:
            yield from _judge_batch(judge, waiting, output)
            waiting = []
    yield from _judge_batch(judge, waiting, output)


def _judge_batch(judge: Judge, batch: list[tuple[Path, Image]], output: Path) -> Iterator[_Row]:
    if not batch:
        return
    try:
        predictions = judge.predict_batch([image for _, image in batch])
    except Exception as error:  # out of memory, or whatever onnxruntime meets in one photo
        if len(batch) > 1:  # one photo must not spoil the others
            for item in batch:
                yield from _judge_batch(judge, [item], output)
            return
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        yield _Row(batch[0][0], Verdict.ERROR, f"the network failed: {reason[:200]}")
        return
    tiles = judge.tiling(*batch[0][1].shape[:2]).count
    for (file, _), prediction in zip(batch, predictions, strict=True):
        heat_map = output / HEATMAPS_NAME / file.with_name(f"{file.name}.png")
        try:
            codec.write_atomic(heat_map, codec.encode_png(prediction.heat_map))
        except OSError as error:
            yield _Row(file, Verdict.ERROR, f"cannot write its heat map: {error.strerror or error}")
            continue
        verdict, reason, area = decide(prediction, judge.operating_point, tiles)
        yield _Row(file, verdict, reason, prediction.probability, area)


def _cells(row: _Row) -> list[str]:
    return [
        row.file.as_posix(),
        _decimal(row.probability),
        str(row.verdict),
        " ".join(row.reason.split()),
        _decimal(row.mask_area),
    ]


def _decimal(value: float | None) -> str:
    """Writes a float32 with the digits that tell it from its neighbors, without exponent."""
    return "" if value is None else np.format_float_positional(np.float32(value), unique=True, trim="0")
