"""What a budget of minutes leaves out: whole sources of the measured fold, and nothing else.

So every row of the tables is over the same photos, under every laundering, and thresholds rest on all that
they were meant to rest on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from falseflaw.evaluation.prediction.selection import Selection
from falseflaw.machine import FEWEST_SOURCES, Budget, left_out_text


class Cut:
    """Decides after which part predictions may stop, and takes out sources that are predicted in part.

    Args:
        selection: What is predicted.
        todo: Part to its sources, of the parts that are not predicted yet.
        budget: Minutes that it may take.
        tell: Gets a line when there is something to say.
    """

    def __init__(
        self,
        selection: Selection,
        todo: Mapping[int, set[str]],
        budget: Budget,
        tell: Callable[[str], object],
    ) -> None:
        rows, fold = selection.rows, selection.measured
        self._fold = fold
        self._others = sorted({*rows["fold"]} - {fold})
        self._measured = {*rows.loc[rows["fold"] == fold, "source_id"]}
        self._todo = dict(todo)
        self._budget = budget
        self._tell = tell
        self._told = False

    @property
    def left(self) -> set[str]:
        """Sources with a photo that is not predicted."""
        return set().union(*self._todo.values())

    def stops_after(self, part: int) -> bool:
        """Takes note that a part is predicted; says whether the minutes are over and what is there is enough.

        Enough are two sources of the measured fold, or as many as it has, and all of the other folds.
        """
        del self._todo[part]
        left = self.left
        if not left or not self._budget.over:
            return False
        fewest = min(FEWEST_SOURCES, len(self._measured))
        if left <= self._measured and len(self._measured - left) >= fewest:
            self._tell(left_out_text(len(left), len(self._measured)))
            return True
        if not self._told:
            needed = [f"fold {name}" for name in self._others] + [f"{fewest} sources of fold {self._fold}"]
            self._tell(f"the minutes are over: it still goes on until {' and '.join(needed)} are predicted")
            self._told = True
        return False

    def without_left(self, table: pa.Table) -> pa.Table:
        """Returns predictions without those of sources that are not predicted whole."""
        left = pa.array(sorted(self.left), pa.string())
        return table.filter(pc.invert(pc.is_in(table["source_id"], left))) if len(left) else table
