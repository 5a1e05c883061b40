"""What the ring probes tell of composed pairs: the files of a dataset are not what training sees of it."""

from __future__ import annotations

import pandas as pd

from falseflaw.audit.gates import Progress
from falseflaw.audit.ring import Rings
from falseflaw.imaging.ring import RingStatistics, ring_statistics
from falseflaw.training.detector.composition import Composer
from falseflaw.types import Fold


def measure_pairs(composer: Composer, pairs: int, side: int, progress: Progress) -> Rings:
    """Measures both members of composed pairs in the place that the positive's writer rewrote.

    Pairs count as sources of their own: up to `len(composer)` of them, they are. A photo that was rewritten
    as a whole is looked at in its region, as the audit does.

    Args:
        composer: Composes them.
        pairs: How many, from the first on.
        side: Longest side of their windows, pixels.
        progress: Wraps the pairs that are gone through.
    """
    rows: list[dict[str, object]] = []
    found: list[RingStatistics | None] = []
    for number in progress(range(pairs), pairs, "pairs"):
        pair = composer.compose(number, side, around=True)
        name = f"pair {number}"
        shared = {"source_id": name, "group": name, "fold": str(Fold.TRAIN)}
        for image, edit, writer in (
            (pair.negative, pair.negative_edit, ""),
            (pair.positive, pair.positive_edit, pair.writer),
        ):
            rows.append(shared | {"edit": str(edit), "label": edit.label, "generator": writer})
            found.append(ring_statistics(image, pair.region))
    return Rings.of(pd.DataFrame(rows), found)
