"""Photos that other people inpainted, each with its original: for evaluation alone.

`fill_*`: an object replaced by text inside a mask; `replace_*`: everything around an object drawn anew. The
masks were not published, so what was altered is where the pair differs.
"""

from __future__ import annotations

from pathlib import Path

from falseflaw.errors import MissingDataError, UnreadableImageError
from falseflaw.imaging import codec
from falseflaw.photos.evaluation_only.items import EvaluationItem, ItemPixels, root_of
from falseflaw.photos.evaluation_only.pairs import read_pair
from falseflaw.photos.near_duplicates import fingerprint, join
from falseflaw.photos.source import Photo
from falseflaw.types import Edit, Fold

NAME = "inpainted_by_others"


class InpaintedByOthers:
    """The pairs of `original/` and `inpainted/` with the same file stem.

    Pairs whose originals are near-duplicates share a scene: the same photo was altered twice.
    """

    name = NAME

    def __init__(self, folder: str | Path | None = None) -> None:
        """Keeps the place of the photos; nothing is read before `items`.

        Args:
            folder: The set's folder; by default `$FALSEFLAW_PHOTOS/<name>`, else `data/photos/<name>`.
        """
        self._folder = folder

    def items(self) -> list[EvaluationItem]:
        """Returns every pair, sorted by `photo_id`; a file without its other half belongs to a pair too.

        Raises:
            MissingDataError: The folder is missing or holds no inpainted photo.
        """
        root = root_of(self.name, self._folder)
        originals, inpainted = (
            {path.stem: path for path in codec.find_images(root / part)} for part in ("original", "inpainted")
        )
        if not inpainted:
            raise MissingDataError(
                f"expected photos such as inpainted/fill_1.png in {root}, found none; "
                "name the set's folder with others.folder=PATH"
            )
        scenes = _scenes(originals)
        return [
            EvaluationItem(
                Photo(f"{self.name}/{stem}", self.name, _kind(stem), scenes.get(stem, ""), Fold.TEST),
                {
                    Edit.AUTHENTIC: originals.get(stem, root / "original" / f"{stem}.png"),
                    Edit.BY_OTHERS: inpainted.get(stem, root / "inpainted" / f"{stem}.png"),
                },
            )
            for stem in sorted({*originals, *inpainted})
        ]

    def read(self, item: EvaluationItem) -> ItemPixels:
        """See `pairs.read_pair`."""
        return read_pair(item)


def _kind(stem: str) -> str:
    """What stands for the product: what was asked of the tool."""
    return {"fill": "object filled", "replace": "surroundings replaced"}.get(stem.split("_")[0], "photo")


def _scenes(originals: dict[str, Path]) -> dict[str, str]:
    """Returns stem → smallest stem among pairs of the same original, for those that have company."""
    prints = []
    for stem, path in originals.items():
        try:
            prints.append((stem, fingerprint(codec.decode(path))))
        except UnreadableImageError:  # told where it is read
            continue
    groups = join(prints)
    shared = [group for stem, group in groups.items() if stem != group]
    return {stem: group for stem, group in groups.items() if group in shared}
