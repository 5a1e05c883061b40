"""What an evaluation found of a bundle's verdicts, in the form of `bundle.json`'s `measured`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from falseflaw.evaluation.figures.summary import ComparisonSummary
from falseflaw.evaluation.report.other_evaluations import OtherEvaluation, rates_of
from falseflaw.statistics.bootstrap import Share
from falseflaw.types import Edit, Verdict


def measured_rates(
    summary: ComparisonSummary, others: Sequence[OtherEvaluation] = ()
) -> dict[str, dict[str, float]]:
    """Returns how often photos got each verdict, for reports; see `evidence.rates.Measured`.

    All of it is of the first laundering, so every photo counts once.

    Args:
        summary: Of matched sets: photos altered with AI.
        others: Evaluations of other photos by the same model; the largest of real damage counts.
    """
    found = {"inpainted": summary.launderings[0].inpainted_verdicts}
    real = [rate.verdicts for _, rate in rates_of(others, Edit.REAL_DAMAGE)]
    if real:
        found["real_damage"] = max(real, key=lambda verdicts: verdicts[Verdict.ALTERED].n)
    entries = {name: _entry(verdicts) for name, verdicts in found.items()}
    return {name: entry for name, entry in sorted(entries.items()) if entry["photos"]}


def _entry(verdicts: Mapping[str, Share]) -> dict[str, float]:
    altered, inconclusive = verdicts[Verdict.ALTERED], verdicts[Verdict.INCONCLUSIVE]
    return {
        "photos": altered.n,
        "altered": altered.count,
        "inconclusive": inconclusive.count,
        "lo": 0.0 if altered.lo is None else altered.lo,
        "hi": 1.0 if altered.hi is None else altered.hi,
    }
