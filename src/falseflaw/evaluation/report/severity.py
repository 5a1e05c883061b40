"""How figures fall with the severity of a laundering, family by family."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from falseflaw.evaluation.report.plotting import COLORS, DASHES, Drawn, canvas, png
from falseflaw.statistics.bootstrap import Estimate

UNTOUCHED = "identity"

_TITLES = {
    "jpeg": ("JPEG", "JPEG quality", "high to low quality"),
    "double_jpeg": ("JPEG, twice", "first and second JPEG quality", "high to low quality"),
    "webp": ("WebP", "WebP quality", "high to low quality"),
    "avif": ("AVIF", "AVIF quality", "high to low quality"),
    "resize": ("Resizing", "factor of both sides", "large to small"),
    "screenshot": ("Screenshot", "device pixels per CSS pixel", "high to low pixel ratio"),
    "browser_screenshot": (
        "Screenshot by a browser",
        "device pixels per CSS pixel",
        "high to low pixel ratio",
    ),
    "crop": ("Cropping", "share of each side that stays", "large to small"),
    "rotate": ("Turning", "degrees", "little to much"),
    "chain": ("Chains", "number of operations", "few to many"),
}
"""Families that the report knows by name: title, axis, and the order along it. Others go by their word."""

_RISING = frozenset({"rotate", "chain"})
"""Families that get harsher as their number grows; all others as it falls."""

_NAME = re.compile(
    rf"(?P<family>{'|'.join(_TITLES)}|[a-z]+(?:_[a-z]+)*?)"
    r"_?(?P<number>\d+(?:\.\d+)?)?(?:_(?P<variant>[\w.-]+))?"
)
_RATIO = re.compile(r"x\d+(\.\d+)?")
"""Pixel ratio in the name of a screenshot, whose severity says it already."""

_UNCHANGED_FACTOR = 1.0  # of a resizing, where the photo as it lies stands


@dataclass(frozen=True)
class Step:
    """One laundering on the axis of its family.

    Attributes:
        name: Of the laundering.
        severity: Number that grades it, in the family's own unit; None for the photo as it lies, and for
            launderings whose severity is a word (a screenshot of a pixel ratio drawn anew for each photo).
        label: For the axis.
        unseen: Whether training never showed it.
        joined: Whether a line may connect it to its neighbors: it differs from them in severity alone.
    """

    name: str
    severity: float | None
    label: str
    unseen: bool
    joined: bool


def families(launderings: Iterable[tuple[str, str, bool]]) -> dict[str, list[Step]]:
    """Sorts a suite into families of one operation at several severities.

    Args:
        launderings: Name, severity and whether it is unseen. A chain of several operations
            (`jpeg80+resize_0.5`) has no one severity and is left out.

    Returns:
        By family, in the suite's order, its steps from mild to harsh (falling numbers, such as quality,
        factor and pixel ratio; rising ones of turns and chains). The photo as it lies comes first, for
        resizing at factor 1; steps without a number come last. An operation that nothing grades makes a
        family only if the report knows its name.
    """
    suite = list(launderings)
    untouched = any(name == UNTOUCHED for name, _, _ in suite)
    found: dict[str, list[Step]] = {}
    for name, severity, unseen in suite:
        match = _NAME.fullmatch(name)
        if name == UNTOUCHED or match is None:
            continue
        number = _number(severity, match["number"])
        word = f"{number:g}" if number is not None else severity or name
        words = (match["variant"] or "").split("_")
        variant = " ".join(part for part in words if not _RATIO.fullmatch(part))
        step = Step(name, number, f"{word} {variant}".strip(), unseen, number is not None and not variant)
        found.setdefault(match["family"], []).append(step)
    return {
        family: _ordered(family, steps, untouched)
        for family, steps in found.items()
        if family in _TITLES or any(step.severity is not None for step in steps)
    }


def title_of(family: str) -> str:
    """Returns the words for a family."""
    return _TITLES[family][0] if family in _TITLES else family.replace("_", " ").capitalize()


def draw(
    family: str, steps: Sequence[Step], series: Mapping[str, Mapping[str, Estimate]], threshold_text: str
) -> Drawn:
    """Draws figures with 95 % intervals over the severities of one family.

    Args:
        family: Of `families`.
        steps: Of the family, mild to harsh.
        series: By name of the figure and of the laundering, in [0, 1] or undefined.
        threshold_text: For the caption: what holds of every point.
    """
    figure, axes = canvas(5.4, 4.0)
    for index, (name, estimates) in enumerate(series.items()):
        color, dash = COLORS[index % len(COLORS)], DASHES[index % len(DASHES)]
        shift = (index - (len(series) - 1) / 2) * 0.07
        values = np.array([_value(estimates[step.name]) for step in steps])
        places = np.arange(len(steps)) + shift
        joined = [at for at, step in enumerate(steps) if step.joined or step.name == UNTOUCHED]
        axes.plot(places[joined], values[joined], dash, color=color, lw=1.8, zorder=2)
        low, high = (np.array([_value(estimates[step.name], end) for step in steps]) for end in ("lo", "hi"))
        # a percentile interval need not hold the value
        bars = np.nan_to_num(np.maximum(np.stack([values - low, high - values]), 0))
        axes.errorbar(places, values, yerr=bars, fmt="none", ecolor=color, elinewidth=1.3, capsize=2.5)
        for at, step in enumerate(steps):
            face = "white" if step.unseen else color
            axes.plot(
                places[at], values[at], "o", color=color, mfc=face, ms=6, mew=1.6, zorder=4, clip_on=False
            )
        axes.plot([], [], dash, marker="o", color=color, lw=1.8, ms=6, label=name)
    # A word a line: names of chains would overlap.
    labels = [step.label.replace(" ", "\n") + ("\n(unseen)" if step.unseen else "") for step in steps]
    axes.set_xticks(range(len(steps)), labels)
    axes.set(xlim=(-0.4, len(steps) - 0.6), ylim=(-0.02, 1.02))
    title, unit, order = _TITLES.get(family, (title_of(family), "severity", "high to low"))
    if any(step.severity is not None for step in steps):
        axes.set_xlabel(f"{unit}, {order}")
    axes.legend(
        ncols=2 if len(series) == 4 else 3, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False
    )
    spoken = "; ".join(
        f"{name} " + ", ".join(f"{_spoken(estimates[step.name])} at {step.label}" for step in steps)
        for name, estimates in series.items()
    )
    unseen = " Hollow points: never in training." if any(step.unseen for step in steps) else ""
    return Drawn(png(figure), title, threshold_text + unseen, f"{title}: {spoken}.")


def _ordered(family: str, steps: Sequence[Step], untouched: bool) -> list[Step]:
    sign = 1 if family in _RISING else -1
    graded = sorted(
        (step for step in steps if step.severity is not None), key=lambda step: sign * (step.severity or 0)
    )
    if untouched:
        before = [s for s in graded if family == "resize" and (s.severity or 0) > _UNCHANGED_FACTOR]
        origin = Step(UNTOUCHED, None, "untouched", False, True)
        graded = [*before, origin, *graded[len(before) :]]
    return [*graded, *(step for step in steps if step.severity is None)]


def _number(severity: str, from_name: str | None) -> float | None:
    """Returns the severity if it is a number, else the number in the name."""
    for given in (severity, from_name):
        try:
            return float(str(given))
        except ValueError:
            continue
    return None


def _value(estimate: Estimate, end: str = "value") -> float:
    number = getattr(estimate, end)
    return float("nan") if number is None else float(number)


def _spoken(estimate: Estimate) -> str:
    return "undefined" if estimate.value is None else f"{estimate.value:.2f}"
