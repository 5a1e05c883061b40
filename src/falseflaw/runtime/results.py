"""What `predict` writes: a log that grows row by row and survives a kill, and the table made from it.

The log, `predictions.jsonl`, begins with the settings that the rows depend on. Each further line is the row
of one file; of several the last counts. A run that finds a log goes on from it.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from falseflaw.errors import ConfigurationError
from falseflaw.imaging import codec
from falseflaw.paths import readable, short_name
from falseflaw.types import Verdict

PREDICTIONS_NAME = "predictions.csv"
PARTIAL_NAME = "predictions.partial.csv"
LOG_NAME = "predictions.jsonl"
HEATMAPS_NAME = "heatmaps"
REPORTS_NAME = "reports"
REPORT_FORMS = ("html", "json", "pdf")
OWN_NAMES = frozenset({PREDICTIONS_NAME, PARTIAL_NAME, LOG_NAME})
COLUMNS = ("file", "probability", "verdict", "reason", "mask_area", "heat_map", "sha256")

FORMAT = 1
"""Of the log; raised when rows of before can no longer be gone on from."""

_FORMULA_BEGINNINGS = tuple("=+-@\t\r＝＋－＠")
_ADVICE = "pass another output=FOLDER, or overwrite=true to judge everything again"


@dataclass(frozen=True)
class Row:
    """What became of one file.

    Attributes:
        file: Relative to the input, with `/`; a folder that was left aside ends with one.
        verdict: One of the three, `error`, or `skipped` for what is no photo.
        reason: One line for the seller.
        probability: 0..1; None without a verdict of the three.
        mask_area: Share of the photo at or above the mask threshold, 0..1; None likewise.
        heat_map: Path below the output, with `/`; empty where there is none.
        sha256: Of the file's bytes; empty if they were not read.
    """

    file: str
    verdict: Verdict
    reason: str
    probability: float | None = None
    mask_area: float | None = None
    heat_map: str = ""
    sha256: str = ""

    @property
    def judged(self) -> bool:
        """Whether this is an answer of the detector."""
        return self.probability is not None

    def cells(self) -> list[str]:
        """Returns the texts of `COLUMNS`."""
        return [
            cell_text(self.file),
            _decimal(self.probability),
            str(self.verdict),
            readable(" ".join(self.reason.split())),
            _decimal(self.mask_area),
            readable(self.heat_map),
            self.sha256,
        ]


class ResultLog:
    """The rows of an output folder, on disk; only where each begins is held in memory."""

    def __init__(self, output: Path, settings: Mapping[str, object], overwrite: bool = False) -> None:
        """Opens the log of an output folder, or begins it.

        Args:
            output: The folder; made if missing.
            settings: What the rows depend on, of JSON's types.
            overwrite: Whether to begin anew, without the heat maps of the rows of before.

        Raises:
            ConfigurationError: The log there has other settings, or is something else.
            OSError: The folder cannot be written.
        """
        output.mkdir(parents=True, exist_ok=True)
        self._output, self._path = output, output / LOG_NAME
        self._starts: dict[str, int] = {}
        header = {"format": FORMAT, **settings}
        if overwrite and self._path.exists():
            self._discard()
        if not self._path.exists():
            codec.write_atomic(self._path, _line(header))
        self._stream = self._path.open("r+b")
        try:
            self._check(header)
            self._find_rows()
        except BaseException:
            self._stream.close()
            raise

    def __enter__(self) -> ResultLog:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def __getitem__(self, file: str) -> Row:
        self._stream.seek(self._starts[file])
        return _row(self._stream.readline())

    def get(self, file: str) -> Row | None:
        """Returns the last row of a file."""
        return self[file] if file in self._starts else None

    def append(self, row: Row) -> None:
        """Writes a row so that neither a kill nor a power cut takes it back; an equal one stays alone."""
        before = self.get(row.file)
        if before == row:
            return
        if before is not None and before.heat_map and before.heat_map != row.heat_map:
            self._remove(before.heat_map)
        start = self._stream.seek(0, os.SEEK_END)
        self._stream.write(_line(asdict(row)))
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._starts[row.file] = start

    def holds_heat_map(self, row: Row) -> bool:
        """Tells whether the heat map of a row is there."""
        try:
            return bool(row.heat_map) and (self._output / row.heat_map).stat().st_size > 0
        except OSError:
            return False

    def write_table(self, files: Iterable[str]) -> None:
        """Writes `predictions.csv`, whole or not at all: the last row of each file, in their order.

        UTF-8; names are written as by `cell_text`.
        """
        partial = self._output / PARTIAL_NAME
        with partial.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(COLUMNS)
            writer.writerows(self[file].cells() for file in files)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(self._output / PREDICTIONS_NAME)

    def _check(self, header: Mapping[str, object]) -> None:
        try:
            found = json.loads(self._stream.readline())
            found_format = found["format"]
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(
                f"expected {self._path} as the log of an earlier run, got something else; {_ADVICE}"
            ) from error
        if found_format != FORMAT:
            raise ConfigurationError(
                f"expected results of format {FORMAT} in {self._output}, got {found_format!r}; {_ADVICE}"
            )
        others = [
            f"{key} {_short(found.get(key))} and not {_short(header.get(key))}"
            for key in sorted({*found, *header})
            if found.get(key) != header.get(key)
        ]
        if others:
            raise ConfigurationError(
                f"expected the settings of the results in {self._output}, got others: these were judged with "
                f"{', '.join(others)}; {_ADVICE}"
            )

    def _find_rows(self) -> None:
        """Notes where the rows begin; damaged lines do not count, and one cut off at the end is removed."""
        start = self._stream.tell()
        for line in self._stream:
            if not line.endswith(b"\n"):
                break
            with contextlib.suppress(ValueError, KeyError, TypeError):
                self._starts[_row(line).file] = start
            start += len(line)
        self._stream.truncate(start)

    def _discard(self) -> None:
        with self._path.open("rb") as stream:
            for line in stream:
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    self._remove(_row(line).heat_map)
        self._path.unlink()

    def _remove(self, heat_map: str) -> None:
        parts = PurePosixPath(heat_map).parts
        if len(parts) > 1 and parts[0] == HEATMAPS_NAME and ".." not in parts:
            reports = (path for form in REPORT_FORMS for path in report_paths(heat_map, form))
            for path in (PurePosixPath(heat_map), *reports):
                with contextlib.suppress(OSError):
                    (self._output / path).unlink(missing_ok=True)


def report_paths(heat_map: str, form: str) -> tuple[PurePosixPath, PurePosixPath]:
    """Returns where a report lies below the output, and where if that name does not fit there.

    Args:
        heat_map: Of the row.
        form: One of `REPORT_FORMS`, the ending.
    """
    below = PurePosixPath(heat_map).relative_to(HEATMAPS_NAME)
    name = PurePosixPath(REPORTS_NAME) / below.with_suffix(f".{form}")  # the heat map's own ending is .png
    return name, PurePosixPath(REPORTS_NAME) / f"{short_name(Path(below))}.{form}"


def is_output(folder: Path) -> bool:
    """Tells whether a folder is the output of a finished or killed run: a file in it begins as ours do."""
    table = ",".join(COLUMNS[:5]).encode()  # the columns that it always had
    for name, begin in ((PREDICTIONS_NAME, table), (PARTIAL_NAME, table), (LOG_NAME, b'{"format": ')):
        try:
            with (folder / name).open("rb") as stream:
                if stream.read(len(begin)) == begin:
                    return True
        except OSError:
            continue
    return False


def cell_text(name: str) -> str:
    """Writes a file's name so that it can be read and a spreadsheet takes it for a text.

    What a spreadsheet would run as a formula begins with `./`, which names the same file.
    """
    text = readable(name)
    return f"./{text}" if text.startswith(_FORMULA_BEGINNINGS) else text


def _line(values: Mapping[str, object]) -> bytes:
    return (json.dumps(values) + "\n").encode("ascii")


def _row(line: bytes) -> Row:
    values = json.loads(line)
    return Row(**{**values, "verdict": Verdict(values["verdict"])})


def _short(value: object) -> str:
    text = "none" if value is None else str(value)
    return f"{text[:12]}…" if len(text) > 40 else text


def _decimal(value: float | None) -> str:
    """Writes a float32 with the digits that tell it from its neighbors, without exponent."""
    return "" if value is None else np.format_float_positional(np.float32(value), unique=True, trim="0")
