"""Judges a photo or a folder of photos and writes `predictions.csv` and the heat maps."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from falseflaw.errors import ConfigurationError, UnreadableImageError
from falseflaw.imaging import codec
from falseflaw.paths import short_name
from falseflaw.runtime.listing import Listing, list_files
from falseflaw.runtime.results import HEATMAPS_NAME, ResultLog, Row
from falseflaw.runtime.tiling import Tiling
from falseflaw.runtime.verdict import decide
from falseflaw.types import HeatMap, Image, OperatingPoint, Prediction, Verdict


class Judge(Protocol):
    """What of `Predictor` is used here."""

    @property
    def operating_point(self) -> OperatingPoint:
        """Calibration and thresholds."""

    @property
    def settings(self) -> Mapping[str, object]:
        """What its answers depend on, of JSON's types."""

    def predict_batch(self, images: Sequence[Image]) -> list[Prediction]:
        """Judges photos of one size."""

    def tiling(self, height: int, width: int) -> Tiling:
        """How a photo of this size is cut."""


class Reporter(Protocol):
    """Writes more of a judged photo than its row, such as `evidence.reports.Reports`."""

    def holds(self, row: Row) -> bool:
        """Whether what it wrote of a row of before is there."""

    def write(self, row: Row, data: bytes, image: Image, prediction: Prediction, tiles: int) -> None:
        """Writes it; `data` is the photo's file."""


@dataclass
class Summary:
    """What became of the files.

    Attributes:
        verdicts: How many files got each verdict.
        before: How many of them an earlier run had judged already.
        first_error: Reason of the first photo that could not be judged, else of the first file that is no
            photo, "" if there are none.
    """

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    before: int = 0
    first_error: str = ""

    @property
    def judged(self) -> int:
        """Photos that have a probability."""
        return self.photos - self.verdicts[Verdict.ERROR]

    @property
    def photos(self) -> int:
        """Files that are photos, or may be."""
        return self.verdicts.total() - self.verdicts[Verdict.SKIPPED]

    def add(self, row: Row, before: bool) -> None:
        """Counts a row."""
        worse = row.verdict is Verdict.ERROR and not self.verdicts[Verdict.ERROR]
        if worse or (row.verdict is Verdict.SKIPPED and not self.first_error):
            self.first_error = row.reason
        self.verdicts[row.verdict] += 1
        self.before += before

    def describe(self) -> str:
        """Returns one line with the counts."""
        parts = [
            f"{self.verdicts[verdict]} {verdict}"
            for verdict in Verdict
            if self.verdicts[verdict] and verdict is not Verdict.SKIPPED
        ]
        text = f"{self.photos} photos{': ' if parts else ''}{', '.join(parts)}"
        if self.before:
            text += f"; {self.before} judged before"
        if self.verdicts[Verdict.SKIPPED]:
            text += f"; skipped {self.verdicts[Verdict.SKIPPED]} others (their rows say why)"
        return text


class _Photo(NamedTuple):
    file: Path
    sha256: str
    image: Image
    data: bytes


def judge_folder(
    judge: Judge,
    source: Path,
    output: Path,
    batch_size: int = 1,
    progress: Callable[[Iterable[Path], int], Iterable[Path]] = lambda files, total: files,
    overwrite: bool = False,
    reporter: Reporter | None = None,
) -> Summary:
    r"""Judges a photo, or every photo of a folder and its subfolders, and writes the results.

    `output/predictions.csv` has one row a file, in the order of the names: `file` relative to the source
    (UTF-8; bytes that are not UTF-8 appear as escapes such as `\xe9`, what looks like a formula begins with
    `./`), `probability` 0..1, `verdict`, `reason`, `mask_area` 0..1, `heat_map`, its path below the output,
    and `sha256` of the file. A photo that cannot be judged has the verdict `error`, and what is no photo
    `skipped`, with a reason and without numbers. What is a photo, the content says; an ending of
    `codec.IMAGE_SUFFIXES` claims it. A folder that is not searched (hidden, linked, unreadable) has one row.
    `output/heatmaps/<file>.png` are the heat maps, 8-bit gray, of the photo's size once upright; a name
    that is too long or does not fit for another reason is replaced by a short one.

    Every row is on disk in `output/predictions.jsonl` before the next photo is judged. A run that is
    stopped, however, is gone on with by the next one into the same output: a photo with the same name and
    the same bytes keeps its row. `predictions.csv` is made at the end, all at once.

    Args:
        judge: The predictor.
        source: An image file of any ending, or a folder (see `list_files`).
        output: Made if missing. Heat maps in it are never taken for photos.
        batch_size: Most photos of one size that go through the network together.
        progress: Wraps the iteration over files, given their number.
        overwrite: Whether rows of earlier runs are thrown away first.
        reporter: Writes reports; a photo whose report is not there is judged again.

    Raises:
        MissingDataError: No such source, or no file in it.
        ConfigurationError: `batch_size` is below 1, `overwrite` is no bool, or the output cannot be written
            or holds results of other settings.
    """
    if not (isinstance(batch_size, int) and batch_size >= 1):
        raise ConfigurationError(f"expected batch_size of at least 1, got {batch_size!r}")
    if not isinstance(overwrite, bool):  # `no` is a word to Hydra, and would count as yes
        raise ConfigurationError(f"expected overwrite=true or overwrite=false, got {overwrite!r}")
    listing = list_files(source, output)
    summary = Summary()
    try:
        with ResultLog(output, judge.settings, overwrite) as log:
            run = _Run(judge, listing, output, log, batch_size, reporter)
            for row, before in run.rows(progress):
                log.append(row)
                summary.add(row, before)
            log.write_table(_name(listing, file) for file in listing)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write the results to {output}: {error.strerror or error}; pass another output"
        ) from error
    return summary


def _name(listing: Listing, file: Path) -> str:
    """Returns what a file is called in the log; a folder ends with `/`."""
    aside = listing.aside.get(file)
    return f"{file.as_posix()}/" if aside and aside.folder else file.as_posix()


class _Run:
    """One pass over a listing."""

    def __init__(
        self,
        judge: Judge,
        listing: Listing,
        output: Path,
        log: ResultLog,
        batch_size: int,
        reporter: Reporter | None = None,
    ) -> None:
        self._judge, self._listing, self._output, self._log = judge, listing, output, log
        self._batch_size, self._reporter = batch_size, reporter
        alike = Counter(_folded(file) for file in listing)
        self._alike = {name for name, count in alike.items() if count > 1}

    def rows(self, progress: Callable[[Iterable[Path], int], Iterable[Path]]) -> Iterator[tuple[Row, bool]]:
        """Yields each file's row and whether it was there before; neighbors of one size go together."""
        waiting: list[_Photo] = []
        for file in progress(self._listing.files, len(self._listing.files)):
            found = self._look(file)
            if isinstance(found, Row):
                yield found, found.judged
                continue
            if waiting and waiting[0].image.shape != found.image.shape:
                yield from ((row, False) for row in self._judge_batch(waiting))
                waiting = []
            waiting.append(found)
            if len(waiting) == self._batch_size:
                yield from ((row, False) for row in self._judge_batch(waiting))
                waiting = []
        yield from ((row, False) for row in self._judge_batch(waiting))

    def _look(self, file: Path) -> Row | _Photo:
        """Returns the photo to judge, or the row of a file that is judged already or cannot be."""
        name, path = _name(self._listing, file), self._listing.root / file
        aside = self._listing.aside.get(file)
        if aside:
            return Row(name, aside.verdict, aside.reason)
        claims = file.suffix.lower() in codec.IMAGE_SUFFIXES or self._listing.single
        try:
            if not claims:
                content = codec.look_at(path, str(file))
                if not content.photo:
                    return Row(name, Verdict.SKIPPED, f"{content.what}, no photo")
            data = codec.read_file(path, str(file))
        except UnreadableImageError as error:
            return Row(name, Verdict.ERROR, str(error))
        sha256 = hashlib.sha256(data).hexdigest()
        before = self._log.get(name)
        if before and before.judged and before.sha256 == sha256 and self._holds_all(before):
            return before
        try:
            image = codec.decode(data, str(file))
            return _Photo(file, sha256, image, data if self._reporter else b"")
        except UnreadableImageError as error:
            return Row(name, Verdict.ERROR, str(error), sha256=sha256)

    def _holds_all(self, row: Row) -> bool:
        """Tells whether all that was written of a row is there."""
        return self._log.holds_heat_map(row) and (self._reporter is None or self._reporter.holds(row))

    def _judge_batch(self, batch: list[_Photo]) -> Iterator[Row]:
        if not batch:
            return
        try:
            predictions = self._judge.predict_batch([photo.image for photo in batch])
        except Exception as error:  # out of memory, or whatever onnxruntime meets in one photo
            if len(batch) > 1:  # one photo must not spoil the others
                for photo in batch:
                    yield from self._judge_batch([photo])
                return
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            name, sha256 = batch[0].file.as_posix(), batch[0].sha256
            yield Row(name, Verdict.ERROR, f"the network failed: {reason[:200]}", sha256=sha256)
            return
        tiles = self._judge.tiling(*batch[0].image.shape[:2]).count
        for (file, sha256, image, data), prediction in zip(batch, predictions, strict=True):
            heat_map = self._write_heat_map(file, prediction.heat_map)
            verdict, reason, area = decide(prediction, self._judge.operating_point, tiles)
            row = Row(file.as_posix(), verdict, reason, prediction.probability, area, heat_map, sha256)
            if self._reporter:
                self._reporter.write(row, data, image, prediction, tiles)
            yield row

    def _write_heat_map(self, file: Path, heat_map: HeatMap) -> str:
        """Writes a heat map under the photo's name, or a short one, and returns its path below the output.

        Names can be too long, be refused by the output's file system, or be those of a folder there.
        """
        data = codec.encode_png(heat_map)
        if _folded(file) not in self._alike:
            try:
                path = Path(HEATMAPS_NAME) / file.with_name(f"{file.name}.png")
                codec.write_atomic(self._output / path, data)
            except OSError:
                pass  # whatever the reason, the other name tells whether it was the name
            else:
                return path.as_posix()
        path = Path(HEATMAPS_NAME) / f"{short_name(file)}.png"
        codec.write_atomic(self._output / path, data)
        return path.as_posix()


def _folded(file: Path) -> str:
    """Returns what names share that are one file where case or the way of writing accents do not count."""
    return unicodedata.normalize("NFC", file.as_posix()).casefold()
