"""Pairs by many large generators, listed in a table with fold, generator and license: for evaluation alone.

Pairs of fold val may be looked at while a detector is developed; those of fold test are for figures.
"""

from __future__ import annotations

import csv
from pathlib import Path

from falseflaw.errors import InvalidDataError, MissingDataError
from falseflaw.imaging import codec
from falseflaw.photos.evaluation_only.items import EvaluationItem, ItemPixels, root_of
from falseflaw.photos.evaluation_only.pairs import read_pair
from falseflaw.photos.source import Photo
from falseflaw.types import Edit, Fold

NAME = "inpainted_by_others_2"
TABLE = "pairs.csv"
_COLUMNS = ("stem", "fold", "group", "generator")
_FOLDS = frozenset({str(Fold.VAL), str(Fold.TEST)})


class IndexedPairs:
    """The pairs of `pairs.csv`: `original/STEM.*`, `inpainted/STEM.*` and, for some, `mask/STEM.*`."""

    name = NAME

    def __init__(self, folder: str | Path | None = None) -> None:
        """Keeps the place of the photos; nothing is read before `items`.

        Args:
            folder: The set's folder; by default `$FALSEFLAW_PHOTOS/<name>`, else `data/photos/<name>`.
        """
        self._folder = folder

    def items(self) -> list[EvaluationItem]:
        """Returns every pair of the table, sorted by `photo_id`.

        Raises:
            MissingDataError: The folder or its table is missing, or names no pair.
            InvalidDataError: A row of the table cannot be used.
        """
        root = root_of(self.name, self._folder)
        files = {
            part: {path.stem: path for path in codec.find_images(root / part)}
            for part in ("original", "inpainted", "mask")
        }
        items = [
            EvaluationItem(
                Photo(
                    f"{self.name}/{row['stem']}",
                    f"{self.name}/{row['group']}",
                    "photo",
                    row["group"],
                    Fold(row["fold"]),
                ),
                {
                    Edit.AUTHENTIC: files["original"].get(row["stem"], root / f"original/{row['stem']}.png"),
                    Edit.BY_OTHERS: files["inpainted"].get(
                        row["stem"], root / f"inpainted/{row['stem']}.png"
                    ),
                },
                files["mask"].get(row["stem"]),
                row["generator"],
            )
            for row in _read_table(root / TABLE)
        ]
        return sorted(items, key=lambda item: item.photo.photo_id)

    def read(self, item: EvaluationItem) -> ItemPixels:
        """See `pairs.read_pair`."""
        return read_pair(item)


def _read_table(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError as error:
        raise MissingDataError(f"expected the list of pairs at {path}, found none") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidDataError(f"cannot read {path}: {error}") from error
    if not rows:
        raise MissingDataError(f"expected pairs in {path}, found none")
    for number, row in enumerate(rows, start=2):
        if lacking := [name for name in _COLUMNS if not row.get(name)]:
            raise InvalidDataError(f"expected {lacking[0]} in line {number} of {path}, found none")
        if row["fold"] not in _FOLDS:
            raise InvalidDataError(
                f"expected fold val or test in line {number} of {path}, got {row['fold']!r}"
            )
    return rows
