from pathlib import Path

from tests.runtime.red import info

from falseflaw.evaluation.figures.summary import read_any_summary, read_summary
from falseflaw.evaluation.report.other_evaluations import OtherEvaluation
from falseflaw.evidence.rates import rates_of
from falseflaw.release.rates import measured_rates
from falseflaw.types import Edit

COMMITTED = Path(__file__).parents[2] / "notebooks/reference"


def test_the_committed_evaluation_reaches_a_report() -> None:
    folders = sorted((COMMITTED / "other_evaluations").iterdir())
    others = [OtherEvaluation(folder.name, read_any_summary(folder)) for folder in folders]
    summary = read_summary(COMMITTED)
    rates = rates_of(info(measured=measured_rates(summary, others)))
    real = read_any_summary(COMMITTED / "other_evaluations/real_damage")
    assert rates.real_damage is not None
    assert rates.inpainted is not None
    assert rates.real_damage.photos == real.photos[Edit.REAL_DAMAGE]
    inpainted = sum(count for edit, count in summary.photos.items() if edit.startswith("inpainted_"))
    assert rates.inpainted.photos == inpainted
    assert (
        0
        <= rates.real_damage.lo
        <= rates.real_damage.altered / rates.real_damage.photos
        <= rates.real_damage.hi
    )


def test_without_real_damage_nothing_is_said_of_it() -> None:
    assert set(measured_rates(read_summary(COMMITTED))) == {"inpainted"}
