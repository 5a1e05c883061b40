"""The questions of those who use the detector, answered from the figures of an evaluation.

How many honest buyers of a thousand would be refused, how many fakes survive a screenshot, and how sure are
we of both?
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from falseflaw.types import Verdict

SCREENSHOT = "screenshot"
"""Part of the name of every laundering that takes one."""

_OUTCOMES = {
    "refused": Verdict.ALTERED,
    "inconclusive": Verdict.INCONCLUSIVE,
    "passed": Verdict.NO_SIGN,
}

Json = dict[str, Any]


def asked(launderings: Sequence[str]) -> list[str]:
    """Returns the launderings that the answers are about: the first one and every screenshot."""
    return [name for index, name in enumerate(launderings) if index == 0 or SCREENSHOT in name]


def honest_buyers(edit: str, laundering: str, flagged: Json, verdicts: Json) -> Json:
    """Answers for photos that nobody altered.

    Args:
        edit: Where they come from: simulated damage, or real damage.
        laundering: That they went through.
        flagged: Share at or above image_threshold (the false-positive rate).
        verdicts: Share of each verdict.

    Returns:
        edit and laundering; refused, inconclusive and passed by verdict, and at_image_threshold: each with
        per_1000, lo, hi (95 %), n and count. A photo at the threshold without a marked region is
        inconclusive, so that refused is at most at_image_threshold.
    """
    return {
        "edit": edit,
        "laundering": laundering,
        **_outcomes(verdicts),
        "at_image_threshold": _per_thousand(flagged),
    }


def fakes(laundering: str, verdicts: Json) -> Json:
    """Answers for fakes after a laundering: those that passed have survived it."""
    return {"laundering": laundering, **_outcomes(verdicts)}


def _outcomes(verdicts: Json) -> Json:
    return {name: _per_thousand(verdicts[str(verdict)]) for name, verdict in _OUTCOMES.items()}


def _per_thousand(share: Json) -> Json:
    scaled = {name: None if share[name] is None else 1000 * share[name] for name in ("value", "lo", "hi")}
    return {"per_1000": scaled.pop("value"), **scaled, "n": share["n"], "count": share["count"]}
