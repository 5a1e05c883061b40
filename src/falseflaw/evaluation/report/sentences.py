"""What a reviewer asks first, answered in plain sentences with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from falseflaw.evaluation.answers import SCREENSHOT
from falseflaw.evaluation.report.beside import Beside, rates_of
from falseflaw.evaluation.report.severity import UNTOUCHED
from falseflaw.types import Edit, Verdict

Json = dict[str, Any]


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


def of_comparison(summary: Json, besides: Sequence[Beside] = ()) -> list[Answer]:
    """Answers from a summary of matched sets and the evaluations beside it.

    Args:
        summary: Of `summary.summarize`; its `answers` are taken where it has them.
        besides: Of other photos.
    """
    return [_refused(summary, besides), _survivors(summary, besides), _certainty(summary, besides)]


def of_rates(summary: Json) -> list[Answer]:
    """Answers from a summary of photos in no matched set."""
    found = []
    beside = [Beside("", summary)]
    for edit in reversed(Edit):  # damage and fakes before photos of nothing in particular
        for _, entry in rates_of(beside, edit):
            refused = entry["verdicts"][str(Verdict.ALTERED)]
            words = str(edit).replace("_", " ")
            scope = f"{entry['photos']} photos of {entry['groups']} objects, {_under(entry['laundering'])}"
            if entry["label"] == 0:
                question = f"How many of 1,000 unaltered photos ({words}) would be refused?"
                text = f"{refused['count']} of {refused['n']} were called altered: {scope}."
                found.append(Answer(question, _share(refused, 1000), _interval(refused, 1000), text))
            else:
                passed = entry["verdicts"][str(Verdict.NO_SIGN)]
                question = f"How many of 100 altered photos ({words}) would pass?"
                text = f"{passed['count']} of {passed['n']} showed no sign of alteration: {scope}."
                found.append(Answer(question, _share(passed, 100), _interval(passed, 100), text))
    text = (
        "Intervals are clustered by object, and exact where every object stands once. They hold for more "
        f"photos of {_photos(summary)}, and for no others."
    )
    figure = f"{summary['groups']} objects"
    return [*found, Answer("How sure are we?", figure, "what the intervals rest on", text)]


def complement(estimate: Json) -> Json:
    """Returns the estimate of the opposite share."""
    if estimate["value"] is None:
        return dict(estimate)
    ends = {"value": "value", "lo": "hi", "hi": "lo"}
    turned = {to: None if estimate[name] is None else 1 - estimate[name] for to, name in ends.items()}
    if "count" in estimate:
        turned["count"] = estimate["n"] - estimate["count"]
    return dict(estimate) | turned


def _refused(summary: Json, besides: Sequence[Beside]) -> Answer:
    first, pooled = summary["launderings"][0], summary["pooled"]
    damage, altered = str(Edit.SIMULATED_DAMAGE), str(Verdict.ALTERED)
    given = summary.get("answers", {}).get("honest_buyers")
    refused = _as_share(given["refused"]) if given else first["verdicts"][damage][altered]
    everywhere = pooled["verdicts"][damage][altered]
    rates = _refused_by_laundering(summary)
    worst = _worst(rates)
    text = (
        f"{refused['count']} of {refused['n']} photos of simulated damage are called altered, "
        f"{_under(given['laundering'] if given else first['name'])}. All {len(rates)} launderings pooled: "
        f"{_share(everywhere, 1000)} of 1,000 ({_interval(everywhere, 1000)}); at worst, {_under(worst)}, "
        f"{_share(rates[worst], 1000)} ({_interval(rates[worst], 1000)}). "
    )
    for beside in (beside for beside in besides if beside.compares):
        screens = _screens(_refused_by_laundering(beside.summary))
        if screens:
            hardest = _worst(screens)
            text += (
                f"Of other photos ({beside.folder}), at worst of {len(screens)} screenshots, "
                f"{_under(hardest)}, {_of(screens[hardest])} are, that is {_share(screens[hardest], 1000)} "
                f"of 1,000 ({_interval(screens[hardest], 1000)}). "
            )
    text += "Simulated damage stands in for real damage"
    real = rates_of(besides, Edit.REAL_DAMAGE)
    if not real:
        text += "; photos of really damaged products were not measured here"
    for beside, entry in real:
        rate = entry["verdicts"][altered]
        text += (
            f". Really damaged products ({beside.folder}, {beside.summary['fold']} fold, {entry['photos']} "
            f"photos, {_under(entry['laundering'])}): {_of(rate)} called altered, that is "
            f"{_share(rate, 1000)} of 1,000 ({_interval(rate, 1000)})"
        )
    question = "How many of 1,000 honest buyers would be refused?"
    return Answer(question, _share(refused, 1000), _interval(refused, 1000), text + ".")


def _refused_by_laundering(summary: Json) -> Json:
    damage, altered = str(Edit.SIMULATED_DAMAGE), str(Verdict.ALTERED)
    return {entry["name"]: entry["verdicts"][damage][altered] for entry in summary["launderings"]}


def _survivors(summary: Json, besides: Sequence[Beside]) -> Answer:
    question = "How many of 100 fakes survive a screenshot?"
    passed = _passed(summary)
    untouched = summary["launderings"][0]["name"]
    screens = _screens(passed)
    what = "pass" if "answers" in summary else "stay below the threshold"
    tail = ""
    if untouched not in screens:
        share = passed[untouched]
        tail = f" {_under(untouched).capitalize()}, {_of(share)} {what} ({_interval(share, 100)} of 100)."
    for beside in (beside for beside in besides if beside.compares):
        tail += _survivors_beside(beside)
    for beside, entry in rates_of(besides, Edit.BY_OTHERS):
        rate = entry["verdicts"][str(Verdict.NO_SIGN)]
        tail += (
            f" Of fakes by others ({beside.folder}), {_of(rate)} pass ({_interval(rate, 100)} of 100; "
            f"{_under(entry['laundering'])})."
        )
    if not screens:
        return Answer(question, "–", "", f"Not measured: no screenshot among the launderings.{tail}")
    worst = _worst(screens)
    share = screens[worst]
    unseen = {entry["name"] for entry in summary["launderings"] if entry["unseen"]}
    note = " (never in training)" if worst in unseen else ""
    text = f"{_under(worst).capitalize()}{note}, {_of(share)} inpainted photos {what}."
    if len(screens) > 1:
        others = "; ".join(f"{name} {_share(screens[name], 100)}" for name in screens if name != worst)
        text = f"The worst of {len(screens)} screenshots. {text} The others: {others}."
    return Answer(question, _share(share, 100), _interval(share, 100), text + tail)


def _survivors_beside(beside: Beside) -> str:
    """Says how many survive the screenshots of another evaluation of matched sets, if it has any."""
    screens = _screens(_passed(beside.summary))
    if not screens:
        return ""
    worst = _worst(screens)
    others = ", ".join(f"{name} {_share(screens[name], 100)}" for name in screens if name != worst)
    rest = f"; the others: {others}" if others else ""
    return (
        f" Of other photos ({beside.folder}), {_under(worst)}, {_of(screens[worst])} pass "
        f"({_share(screens[worst], 100)} of 100, {_interval(screens[worst], 100)}{rest})."
    )


def _worst(shares: Json) -> str:
    """Returns the laundering with the largest share."""
    return max(shares, key=lambda name: shares[name]["value"] or 0.0)


def _screens(passed: Json) -> Json:
    return {name: share for name, share in passed.items() if SCREENSHOT in name}


def _passed(summary: Json) -> dict[str, Json]:
    """Share of inpainted photos that pass, by laundering; those not flagged if the summary says no more."""
    if fakes := summary.get("answers", {}).get("fakes"):
        return {entry["laundering"]: _as_share(entry["passed"]) for entry in fakes}
    return {entry["name"]: complement(entry["headline"]["tpr"]) for entry in summary["launderings"]}


def _certainty(summary: Json, besides: Sequence[Beside]) -> Answer:
    networks = summary["provenance"].get("generators") or ["unnamed networks"]
    text = (
        f"Both intervals come from {summary['sources']} sources, all photos of a source drawn together. They "
        f"hold for more photos of {_photos(summary)} and fakes by {', '.join(networks)}; another generator, "
        "camera or product may give other figures."
    )
    if summary["fitted"].get("small"):
        text += " The threshold itself was fixed on few photos and may lie off."
    if not besides:
        text += " No other photos were measured beside them."
    figure = f"{summary['sources']} sources"
    return Answer("How sure are we of both?", figure, "what both intervals rest on", text)


def _under(laundering: str) -> str:
    return "untouched" if laundering == UNTOUCHED else f"under {laundering}"


def _photos(summary: Json) -> str:
    return ", ".join(summary["provenance"]["photo_sets"]).replace("_", " ")


def _as_share(answer: Json) -> Json:
    """Turns figures per 1,000 back into shares."""
    names = {"value": "per_1000", "lo": "lo", "hi": "hi"}
    shares = {to: None if answer[name] is None else answer[name] / 1000 for to, name in names.items()}
    return shares | {"n": answer["n"], "count": answer["count"]}


def _of(share: Json) -> str:
    return f"{share['count']} of {share['n']}"


def _share(estimate: Json, per: int) -> str:
    return "–" if estimate["value"] is None else _number(per * estimate["value"])


def _interval(estimate: Json, per: int) -> str:
    if estimate["lo"] is None:
        return "no interval"
    return f"95 % interval {_number(per * estimate['lo'])} to {_number(per * estimate['hi'])}"


def _number(value: float) -> str:
    """Whole numbers from 10 on, else one decimal; 0 is said only of what is 0."""
    if value == 0:
        return "0"
    return f"{value:.0f}" if value >= 9.95 else "below 0.1" if value < 0.05 else f"{value:.1f}"
