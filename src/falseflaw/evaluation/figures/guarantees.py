"""What the thresholds promise of new photos, and how many that rests on."""

from __future__ import annotations

from dataclasses import dataclass

from falseflaw.statistics.conformal import ConformalQuantile, clusters_needed


@dataclass(frozen=True)
class Guarantee:
    """A promise that holds for finite samples, as long as new photos are like those that were fitted on.

    Attributes:
        threshold: Field of the operating point.
        of: Photos that it is about, in words.
        event: What happens to few of them, in words.
        sources: Number that it rests on.
        rate: That was asked for.
        promised: Largest probability of the event; above `rate` where there were too few sources.
    """

    threshold: str
    of: str
    event: str
    sources: int
    rate: float
    promised: float

    @property
    def enough(self) -> bool:
        """Whether there were sources enough for the rate that was asked for."""
        return self.promised <= self.rate

    @property
    def text(self) -> str:
        """All of this in a sentence without a full stop."""
        text = f"{self.of} {self.event} with a probability of at most {_percent(self.promised)}"
        if self.enough:
            return f"{text} (n={self.sources} sources)"
        return (
            f"{text}: that is all that n={self.sources} sources can promise, {_percent(self.rate)} takes "
            f"{clusters_needed(self.rate)}"
        )


def guarantee(quantile: ConformalQuantile, threshold: str, of: str, event: str) -> Guarantee:
    """Returns what a quantile promises."""
    return Guarantee(threshold, of, event, quantile.clusters, quantile.rate, quantile.promised)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
