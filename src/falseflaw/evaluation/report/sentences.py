"""What a reviewer asks first, answered in plain sentences with intervals.

How many honest buyers of a thousand would be refused, how many fakes survive a screenshot, and how sure are
we of this?
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from falseflaw.evaluation.figures.cost import Savings
from falseflaw.evaluation.figures.parity import Gap, Parity
from falseflaw.evaluation.figures.summary import ComparisonSummary, Rate, RatesSummary, Summary, Undecided
from falseflaw.evaluation.report.other_evaluations import OtherEvaluation, rates_of
from falseflaw.evaluation.report.severity import UNTOUCHED
from falseflaw.statistics.bootstrap import Estimate, Share
from falseflaw.types import Edit, Verdict

SCREENSHOT = "screenshot"
"""Part of the name of every laundering that takes one."""


@dataclass(frozen=True)
class Answer:
    """One question with its answer.

    Attributes:
        question: In the reader's words.
        figure: The number alone.
        interval: Its 95 % interval, or what it is; empty where there is nothing to say.
        text: Of what photos it is, and what it leaves open.
    """

    question: str
    figure: str
    interval: str
    text: str


def of_comparison(summary: ComparisonSummary, others: Sequence[OtherEvaluation] = ()) -> list[Answer]:
    """Answers from a summary of matched sets and other evaluations."""
    return [
        _refused(summary, others),
        _survivors(summary, others),
        *_left(summary, others),
        _certainty(summary, others),
    ]


def of_rates(summary: RatesSummary) -> list[Answer]:
    """Answers from a summary of photos in no matched set."""
    found = []
    this = [OtherEvaluation("", summary)]
    for edit in reversed(Edit):  # damage and fakes before photos of nothing in particular
        for _, entry in rates_of(this, edit):
            refused = entry.verdicts[str(Verdict.ALTERED)]
            words = str(edit).replace("_", " ")
            scope = f"{entry.photos} photos of {entry.groups} objects, {_under(entry.laundering)}"
            if entry.label == 0:
                question = f"How many of 1,000 unaltered photos ({words}) would be refused?"
                text = f"{_of(refused)} were called altered: {scope}."
                found.append(Answer(question, _share(refused, 1000), _interval(refused, 1000), text))
            else:
                passed = entry.verdicts[str(Verdict.NO_SIGN)]
                question = f"How many of 100 altered photos ({words}) would pass?"
                text = f"{_of(passed)} showed no sign of alteration: {scope}."
                found.append(Answer(question, _share(passed, 100), _interval(passed, 100), text))
    text = (
        "Intervals are clustered by object, and exact where every object stands once. They hold for more "
        f"photos of {_photos(summary)}, and for no others."
    )
    figure = f"{summary.objects} objects"
    return [*found, *_left(summary), Answer("How sure are we?", figure, "what the intervals rest on", text)]


def answer_lines(summary: ComparisonSummary | RatesSummary) -> list[str]:
    """Says how many honest buyers would be refused, how many fakes survive, and how sure we are of both."""
    if isinstance(summary, RatesSummary):
        this = [OtherEvaluation("", summary)]
        damaged, fakes = rates_of(this, Edit.REAL_DAMAGE), _overall(summary, Edit.BY_OTHERS)
        lines = [_honest_line(entry.edit, entry.laundering, entry.verdicts) for _, entry in damaged]
        lines += [_fakes_line(name, fakes[name].verdicts) for name in _asked(list(fakes))]
        return [*lines, *_left_lines(summary), *_gap_lines(summary.parity)]
    damage, first = str(Edit.SIMULATED_DAMAGE), summary.launderings[0]
    entries = {entry.name: entry for entry in summary.launderings}
    return [
        _honest_line(damage, first.name, first.verdicts[damage]),
        *(_fakes_line(name, entries[name].inpainted_verdicts) for name in _asked(list(entries))),
        _saving_line(summary.cost),
        *_left_lines(summary),
        *_gap_lines(summary.parity),
    ]


def complement(share: Share) -> Share:
    """Returns the opposite share."""
    value, lo, hi = (None if end is None else 1 - end for end in (share.value, share.hi, share.lo))
    return Share(value, lo, hi, share.n, share.n - share.count if share.value is not None else share.count)


def _asked(launderings: Sequence[str]) -> list[str]:
    """Returns the launderings that the answers are about: the first one and every screenshot."""
    return [name for index, name in enumerate(launderings) if index == 0 or SCREENSHOT in name]


def _overall(summary: RatesSummary, edit: Edit) -> dict[str, Rate]:
    """Returns the rate of an edit over all products by laundering; where there is one product, over that."""
    return {entry.laundering: entry for entry in summary.rates if entry.edit == edit}  # all stand last


def _honest_line(edit: str, laundering: str, verdicts: Mapping[str, Share]) -> str:
    refused, left = verdicts[str(Verdict.ALTERED)], verdicts[str(Verdict.INCONCLUSIVE)]
    return (
        f"Of 1,000 honest buyers, {_amount(refused, 1000)} would be refused and "
        f"{_amount(left, 1000)} left to a person ({edit.replace('_', ' ')}, {laundering})."
    )


def _left_lines(summary: Summary) -> list[str]:
    """Says of each kind of honest photos how many are left to a person, and how many as unlike any."""
    return [
        f"Of 1,000 honest photos, {_amount(entry.inconclusive, 1000)} are inconclusive, "
        f"{_amount(entry.unlike, 1000)} for being unlike anything that was measured"
        + (f", and {_amount(entry.altered, 1000)} called altered" if entry.altered else "")
        + f" ({entry.population}, {entry.laundering})."
        for entry in _first_undecided(summary)
    ]


def _first_undecided(summary: Summary) -> list[Undecided]:
    """Returns the figures of each kind of honest photos under the first laundering that it went through."""
    found: dict[str, Undecided] = {}
    for entry in summary.undecided:
        found.setdefault(entry.population, entry)
    return list(found.values())


def _fakes_line(laundering: str, verdicts: Mapping[str, Share]) -> str:
    passed, left = verdicts[str(Verdict.NO_SIGN)], verdicts[str(Verdict.INCONCLUSIVE)]
    return (
        f"Of 1,000 fakes, {_amount(passed, 1000)} pass and {_amount(left, 1000)} are left to a person "
        f"({laundering})."
    )


def _saving_line(cost: Savings) -> str:
    name, entry = next(iter(cost.launderings.items()))
    given = cost.assumptions
    text = f"Saved per 1,000 claims against paying every one: {_amount(entry.saving)}"
    if entry.pessimistic is not None:
        text += f", {entry.pessimistic:,.0f} if both shares of refused lay at the bad ends of their intervals"
    return (
        f"{text} ({name}; {100 * given.fraud_share:g} % fraud, a claim of {given.claim_value:g}, a wrong "
        f"refusal of {given.wrong_refusal:g}; inconclusive claims are paid)."
    )


def _gap_lines(parity: Sequence[Parity]) -> list[str]:
    gaps = [(entry.laundering, entry.gap) for entry in parity]
    return [_gap_line(name, gap) for name, gap in gaps if gap and gap.difference.value]


def _gap_line(laundering: str, gap: Gap) -> str:
    value, lo, hi = (
        "–" if end is None else f"{100 * end:.1f}"
        for end in (gap.difference.value, gap.difference.lo, gap.difference.hi)
    )
    return (
        f"Largest gap in false alarms, {laundering}: {gap.highest} over {gap.lowest} by {value} points "
        f"[{lo}, {hi}]; were all products alike, it would stay below {100 * gap.by_chance:.1f} in 95 of 100 "
        "cases."
    )


def _refused(summary: ComparisonSummary, others: Sequence[OtherEvaluation]) -> Answer:
    damage, altered = str(Edit.SIMULATED_DAMAGE), str(Verdict.ALTERED)
    first = summary.launderings[0]
    refused, everywhere = first.verdicts[damage][altered], summary.pooled.verdicts[damage][altered]
    shares = _refused_by_laundering(summary)
    worst = _worst(shares)
    text = (
        f"{_of(refused)} photos of simulated damage are called altered, {_under(first.name)}. "
        f"All {len(shares)} launderings pooled: "
        f"{_share(everywhere, 1000)} of 1,000 ({_interval(everywhere, 1000)}); at worst, {_under(worst)}, "
        f"{_share(shares[worst], 1000)} ({_interval(shares[worst], 1000)}). "
    )
    for other, compared in _comparisons(others):
        screens = _screens(_refused_by_laundering(compared))
        if screens:
            hardest = _worst(screens)
            text += (
                f"Of other photos ({other.folder}), at worst of {len(screens)} screenshots, "
                f"{_under(hardest)}, {_of(screens[hardest])} are, that is {_share(screens[hardest], 1000)} "
                f"of 1,000 ({_interval(screens[hardest], 1000)}). "
            )
    text += "Simulated damage stands in for real damage"
    real = rates_of(others, Edit.REAL_DAMAGE)
    if not real:
        text += "; photos of really damaged products were not measured here"
    for other, entry in real:
        rate = entry.verdicts[altered]
        text += (
            f". Really damaged products ({other.folder}, {other.summary.fold} fold, {entry.photos} "
            f"photos, {_under(entry.laundering)}): {_of(rate)} called altered, that is "
            f"{_share(rate, 1000)} of 1,000 ({_interval(rate, 1000)})"
        )
    question = "How many of 1,000 honest buyers would be refused?"
    return Answer(question, _share(refused, 1000), _interval(refused, 1000), text + ".")


def _left(summary: Summary, others: Sequence[OtherEvaluation] = ()) -> list[Answer]:
    """Answers how many honest photos get no answer: `inconclusive` is no place to hide errors in."""
    own = _first_undecided(summary)
    if not own:
        return []
    elsewhere = [(other, entry) for other in others for entry in _first_undecided(other.summary)]
    parts = [("", entry) for entry in own] + [(f", {other.folder}", entry) for other, entry in elsewhere]
    texts = [
        f"{_of(entry.inconclusive)} ({entry.population}{where}, {_under(entry.laundering)}; "
        f"{_interval(entry.inconclusive, 100)} of 100; {entry.unlike.count} for being unlike anything that "
        "was measured)"
        for where, entry in parts
    ]
    main = own[0].inconclusive
    text = f"They are inconclusive: {'; '.join(texts)}."
    question = "How many of 100 honest photos are left to a person?"
    return [Answer(question, _share(main, 100), _interval(main, 100), text)]


def _survivors(summary: ComparisonSummary, others: Sequence[OtherEvaluation]) -> Answer:
    question = "How many of 100 fakes survive a screenshot?"
    passed = _passed(summary)
    untouched = summary.launderings[0].name
    screens = _screens(passed)
    tail = ""
    if untouched not in screens:
        share = passed[untouched]
        tail = f" {_under(untouched).capitalize()}, {_of(share)} pass ({_interval(share, 100)} of 100)."
    for other, compared in _comparisons(others):
        tail += _survivors_elsewhere(other.folder, _screens(_passed(compared)))
    for other, entry in rates_of(others, Edit.BY_OTHERS):
        rate = entry.verdicts[str(Verdict.NO_SIGN)]
        tail += (
            f" Of fakes by others ({other.folder}), {_of(rate)} pass ({_interval(rate, 100)} of 100; "
            f"{_under(entry.laundering)})."
        )
    if not screens:
        return Answer(question, "–", "", f"Not measured: no screenshot among the launderings.{tail}")
    worst = _worst(screens)
    share = screens[worst]
    unseen = {entry.name for entry in summary.launderings if entry.unseen}
    note = " (never in training)" if worst in unseen else ""
    text = f"{_under(worst).capitalize()}{note}, {_of(share)} inpainted photos pass."
    if len(screens) > 1:
        rest = "; ".join(f"{name} {_share(screens[name], 100)}" for name in screens if name != worst)
        text = f"The worst of {len(screens)} screenshots. {text} The others: {rest}."
    return Answer(question, _share(share, 100), _interval(share, 100), text + tail)


def _survivors_elsewhere(folder: str, screens: Mapping[str, Share]) -> str:
    """Says how many survive the screenshots of another evaluation of matched sets, if it has any."""
    if not screens:
        return ""
    worst = _worst(screens)
    rest = ", ".join(f"{name} {_share(screens[name], 100)}" for name in screens if name != worst)
    rest = f"; the others: {rest}" if rest else ""
    return (
        f" Of other photos ({folder}), {_under(worst)}, {_of(screens[worst])} pass "
        f"({_share(screens[worst], 100)} of 100, {_interval(screens[worst], 100)}{rest})."
    )


def _certainty(summary: ComparisonSummary, others: Sequence[OtherEvaluation]) -> Answer:
    networks = summary.provenance.generators or ("unnamed networks",)
    text = (
        f"The intervals come from {summary.sources} sources, all photos of a source drawn together. They "
        f"hold for more photos of {_photos(summary)} and fakes by {', '.join(networks)}; another generator, "
        "camera or product may give other figures."
    )
    if summary.fitted and summary.fitted.small:
        text += " The threshold itself was fixed on few photos and may lie off."
    if not others:
        text += " No other photos were measured beside them."
    figure = f"{summary.sources} sources"
    return Answer("How sure are we of this?", figure, "what the intervals rest on", text)


def _comparisons(
    others: Sequence[OtherEvaluation],
) -> list[tuple[OtherEvaluation, ComparisonSummary]]:
    return [(other, other.summary) for other in others if isinstance(other.summary, ComparisonSummary)]


def _refused_by_laundering(summary: ComparisonSummary) -> dict[str, Share]:
    damage, altered = str(Edit.SIMULATED_DAMAGE), str(Verdict.ALTERED)
    return {entry.name: entry.verdicts[damage][altered] for entry in summary.launderings}


def _passed(summary: ComparisonSummary) -> dict[str, Share]:
    """Share of inpainted photos that show no sign of alteration, by laundering."""
    return {entry.name: entry.inpainted_verdicts[str(Verdict.NO_SIGN)] for entry in summary.launderings}


def _worst(shares: Mapping[str, Share]) -> str:
    """Returns the laundering with the largest share."""
    return max(shares, key=lambda name: shares[name].value or 0.0)


def _screens(shares: Mapping[str, Share]) -> dict[str, Share]:
    return {name: share for name, share in shares.items() if SCREENSHOT in name}


def _under(laundering: str) -> str:
    return "untouched" if laundering == UNTOUCHED else f"under {laundering}"


def _photos(summary: Summary) -> str:
    return ", ".join(summary.provenance.photo_sets).replace("_", " ")


def _of(share: Share) -> str:
    return f"{share.count} of {share.n}"


def _share(share: Share, per: int) -> str:
    return "–" if share.value is None else _number(per * share.value)


def _interval(share: Share, per: int) -> str:
    if share.lo is None or share.hi is None:
        return "no interval"
    return f"95 % interval {_number(per * share.lo)} to {_number(per * share.hi)}"


def _amount(estimate: Estimate, per: int = 1) -> str:
    """Returns `1,234 [1,100, 1,300]`: an amount, or so many of 1,000."""
    if estimate.value is None:
        return "–"
    text = f"{per * estimate.value:,.0f}"
    if estimate.lo is None or estimate.hi is None:
        return text
    return f"{text} [{per * estimate.lo:,.0f}, {per * estimate.hi:,.0f}]"


def _number(value: float) -> str:
    """Whole numbers from 10 on, else one decimal; 0 is said only of what is 0."""
    if value == 0:
        return "0"
    return f"{value:.0f}" if value >= 9.95 else "below 0.1" if value < 0.05 else f"{value:.1f}"
