from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from falseflaw.errors import InvalidDataError
from falseflaw.evaluation.prediction.predictions import PREDICTIONS_NAME, SCHEMA
from falseflaw.statistics.bootstrap import Estimate
from falseflaw.studies.ablations import PIXELS, POOLED, measure
from falseflaw.types import Edit

EDITS = (Edit.SPLICED, Edit.AUTOENCODED, Edit.SIMULATED_DAMAGE, Edit.LOCAL_EDIT)


def write(folder: Path, gap: float, sources: int = 12, writers: Sequence[str] = ("",)) -> Path:
    """Predictions of a detector whose fakes lie `gap` above its negatives, in a spread that all share.

    The fakes of one source after another are by one of `writers`.
    """
    rows = []
    for source in range(sources):
        for laundering in ("identity", "jpeg60"):
            for edit in EDITS:
                noise = np.random.default_rng([source, EDITS.index(edit), len(laundering)]).normal()
                inside, outside = np.zeros(256, np.int64), np.zeros(256, np.int64)
                inside[200 if edit.label else 0] = outside[0] = 10 if edit.label else 0
                row: dict[str, Any] = dict.fromkeys(SCHEMA.names, "")
                row |= {"sha256": f"{source}{edit}", "source_id": str(source), "group": str(source)}
                row |= {"edit": str(edit), "label": edit.label, "laundering": laundering, "fold": "val"}
                row["generator"] = writers[source % len(writers)] if edit.label else ""
                row |= {"logit": gap * edit.label + noise, "mask_area": 0.1, "photo_set": "fake"}
                row |= {"unseen": False, "too_small": False}
                row |= {"positive_histogram": inside, "negative_histogram": outside}
                rows.append(row)
    folder.mkdir(parents=True)
    pd.DataFrame(rows).sample(frac=1, random_state=len(folder.name)).to_parquet(folder / PREDICTIONS_NAME)
    return folder


def value(estimate: Estimate) -> float:
    assert estimate.value is not None
    return estimate.value


def test_figures_are_means_over_seeds_with_paired_differences(tmp_path: Path) -> None:
    runs = {
        "full": [write(tmp_path / "a", 9), write(tmp_path / "bb", 1.0)],
        "same": [write(tmp_path / "c", 1.0), write(tmp_path / "dd", 9)],
        "worse": [write(tmp_path / "e", 0.5)],
    }
    found = measure(runs, replicates=100)
    alone = measure({"one": [tmp_path / "bb"]}, replicates=100)["one"]
    full = found["full"]
    assert value(full["AUROC, untouched"]) == pytest.approx((1 + value(alone["AUROC, untouched"])) / 2)
    assert full["against local edits"].value is not None
    assert full["×0.5"].value is None  # not among the launderings
    assert full["camera originals"].value is None  # nor among the photos
    assert full[PIXELS].value == 1.0
    assert "difference" not in full
    same, worse = found["same"]["difference"], found["worse"]["difference"]
    assert (same.value, same.lo, same.hi) == pytest.approx((0, 0, 0), abs=1e-9)
    assert value(worse) == pytest.approx(value(found["worse"][POOLED]) - value(full[POOLED]))
    assert worse.hi is not None
    assert worse.hi < 0


def test_other_photos_are_refused(tmp_path: Path) -> None:
    runs = {"full": [write(tmp_path / "a", 1)], "less": [write(tmp_path / "b", 1, sources=11)]}
    with pytest.raises(InvalidDataError, match="same photos"):
        measure(runs)
