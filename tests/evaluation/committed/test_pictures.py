"""The pictures that notebooks open with."""

import pandas as pd
import pytest

from falseflaw.evaluation.committed import pictures
from falseflaw.evaluation.committed.committed import DatasetAudit
from falseflaw.statistics.bootstrap import Estimate


def test_probes_are_drawn_with_or_without_an_interval() -> None:
    told = {"container": Estimate(0.5, 0.4, 0.6, 96), "blur": Estimate(0.7, None, None, 96)}
    audit = DatasetAudit(True, "", {}, told)
    drawn = pictures.probes(audit)
    assert drawn.png.startswith(b"\x89PNG")
    assert "container 0.50, blur 0.70" in drawn.alt


@pytest.mark.parametrize("words", [["altered", "inconclusive"], ["no sign of alteration", "altered"]])
def test_shares_of_verdicts_are_those_of_the_rows(words) -> None:
    rows = pd.DataFrame(
        {"edit": ["authentic", "authentic", "inpainted_spliced"], "verdict": [*words, "altered"]}
    )
    drawn = pictures.verdicts(rows, "Photos as uploaded")
    assert "authentic 0.50; inpainted spliced 1.00" in drawn.alt
    assert drawn.caption.startswith("Photos as uploaded. ")
