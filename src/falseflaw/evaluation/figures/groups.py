"""What predictions are broken down by, so that a positive and its simulated damage fall in one group."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from falseflaw.types import INPAINTED, Edit

HEADLINE_POSITIVES = tuple(sorted(str(edit) for edit in INPAINTED))
"""The positives of the headline; `types.POSITIVES` has what other networks wrote as well."""

MIXTURE = tuple(str(edit) for edit in Edit if edit in INPAINTED or edit.label == 0)
"""Edits that probabilities are calibrated on: the headline's positives and every negative."""

GROUPINGS = {"damage_kind": "kind of flaw", "product": "product", "mask_area_bin": "area of the flaw"}
"""Columns that figures are broken down by, with the words for them."""

AREA_EDGES = (0.002, 0.01, 0.03, 0.06, 0.15)
AREA_BINS = ("below 0.2 %", "0.2 to 1 %", "1 to 3 %", "3 to 6 %", "6 to 15 %", "15 % and more")
"""Bins of the mask's share of the photo before laundering; edges belong to the upper bin."""


def headline(edits: Iterable[str]) -> str:
    """Returns the words for what is compared, naming the inpainted edits that were measured."""
    measured = set(edits)
    names = [
        str(edit).removeprefix("inpainted_") for edit in Edit if edit in INPAINTED and str(edit) in measured
    ]
    words = " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
    return f"inpainted ({words}) against simulated damage"


def comparable(rows: pd.DataFrame) -> bool:
    """Whether there are both inpainted photos and simulated damage among manifest rows or predictions."""
    edits = set(rows["edit"])
    return bool(edits & set(HEADLINE_POSITIVES)) and str(Edit.SIMULATED_DAMAGE) in edits


def compared(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns the two sides of the headline."""
    sides: pd.DataFrame = rows[rows["edit"].isin([*HEADLINE_POSITIVES, str(Edit.SIMULATED_DAMAGE)])]
    return sides


def clusters_of(rows: pd.DataFrame) -> NDArray[np.str_]:
    """Returns what intervals are clustered by, (N,): the photos of one object stand or fall together."""
    return rows["group"].to_numpy(dtype=str)


def with_groups(rows: pd.DataFrame) -> pd.DataFrame:
    """Adds `mask_area_bin`: the bin of the source's region, which all its edits share.

    A source without any mask gets an empty word.
    """
    region = rows.groupby("source_id")["mask_area"].transform("max").to_numpy(dtype=np.float64)
    bins = np.array(AREA_BINS, dtype=object)[np.searchsorted(AREA_EDGES, region, side="right")]
    return rows.assign(mask_area_bin=np.where(region > 0, bins, ""))


def values_of(rows: pd.DataFrame, grouping: str) -> list[str]:
    """Returns the values of a grouping that occur, areas by size and the others by name."""
    present = {str(value) for value in rows[grouping]} - {""}
    if grouping == "mask_area_bin":
        return [name for name in AREA_BINS if name in present]
    return sorted(present)
