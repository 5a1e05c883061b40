"""What the detector saves: fakes that are not paid, less the honest buyers that it turns away."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from falseflaw.errors import ConfigurationError
from falseflaw.evaluation.figures.groups import clusters_of
from falseflaw.statistics.bootstrap import Bootstrap, Estimate, Metric, rate
from falseflaw.statistics.metrics import mean
from falseflaw.types import OperatingPoint

CLAIMS = 1000
"""Claims that a saving is told for."""

THRESHOLDS = 50
"""Points of the curve, the threshold that ships among them."""

RULE = (
    "saved against paying every claim: 1,000 x (fraud_share x share of fakes refused x claim_value - "
    "(1 - fraud_share) x share of honest claims refused x wrong_refusal). Refused is what is called altered; "
    "inconclusive claims are paid"
)


@dataclass(frozen=True)
class CostAssumptions:
    """What a shop has to put in; nothing here can be measured on photos.

    Attributes:
        claim_value: What a claim is worth, in the shop's currency; at least 0.
        fraud_share: Share of the claims that are fakes, in [0, 1].
        wrong_refusal: What turning away an honest buyer costs beyond the claim, which is paid in the end: the
            dispute, the customer who does not come back; same currency, at least 0.

    Raises:
        ConfigurationError: A value is out of its range.
    """

    claim_value: float = 50.0
    fraud_share: float = 0.05
    wrong_refusal: float = 100.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            limit = 1.0 if name == "fraud_share" else math.inf
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not 0 <= value <= limit or math.isinf(value):
                wanted = "from 0 to 1" if name == "fraud_share" else "of at least 0"
                raise ConfigurationError(f"expected cost.{name} {wanted}, got {value!r}")

    def saving(self, fakes_refused: Any, honest_refused: Any) -> Any:
        """Returns the saving per 1,000 claims for shares refused, numbers or arrays of one shape."""
        gained = self.fraud_share * self.claim_value * fakes_refused
        lost = (1 - self.fraud_share) * self.wrong_refusal * honest_refused
        return CLAIMS * (gained - lost)

    def break_even(self, fakes_refused: Any, honest_refused: Any) -> Any:
        """Returns the share of fraud at which nothing is gained or lost; NaN where nothing is refused."""
        lost = self.wrong_refusal * honest_refused
        with np.errstate(invalid="ignore", divide="ignore"):
            return lost / (self.claim_value * fakes_refused + lost)


@dataclass(frozen=True)
class Curve:
    """Savings per 1,000 claims over the thresholds, (T,), each point at 95 % for itself; None: undefined."""

    saving: tuple[float | None, ...]
    lo: tuple[float | None, ...]
    hi: tuple[float | None, ...]


@dataclass(frozen=True)
class Saving:
    """What is saved under one laundering, or under all of them pooled.

    Attributes:
        saving: Per 1,000 claims at the shipped threshold.
        pessimistic: Per 1,000, if both shares lay at the bad ends of their own intervals. It keeps its
            distance where no honest claim was refused and resampling shows no spread.
        break_even_fraud_share: More fraud than that and the detector pays.
        curve: Over `Savings.thresholds`.
    """

    saving: Estimate
    pessimistic: float | None
    break_even_fraud_share: Estimate
    curve: Curve


@dataclass(frozen=True)
class Savings:
    """What the detector saves.

    Attributes:
        assumptions: Of the shop.
        rule: How the saving is reckoned.
        image_threshold: The shipped one.
        thresholds: Of all curves, rising, (T,).
        launderings: By name.
        pooled: All launderings.
    """

    assumptions: CostAssumptions
    rule: str
    image_threshold: float
    thresholds: tuple[float, ...]
    launderings: dict[str, Saving]
    pooled: Saving


def savings(
    rows: pd.DataFrame,
    point: OperatingPoint,
    assumptions: CostAssumptions,
    replicates: int = 1000,
    seed: int = 0,
) -> Savings:
    """Expected saving per 1,000 claims at the shipped threshold and over others, under each laundering.

    Args:
        rows: Of `measure.prepare`: fakes (label 1) and honest claims (label 0).
        point: Its image threshold is the shipped one. None is chosen here: the best point of a curve was
            found on the test photos and promises too much.
        assumptions: Of the shop.
        replicates: Of the bootstrap, clustered by source.
        seed: Of the bootstrap.
    """
    shipped = point.image_threshold
    thresholds = threshold_grid(rows["probability"].to_numpy(dtype=np.float64), shipped)

    def saving(chosen: pd.DataFrame) -> Saving:
        return _saving(chosen, assumptions, thresholds, shipped, replicates, seed)

    return Savings(
        assumptions,
        RULE,
        shipped,
        tuple(thresholds.tolist()),
        {name: saving(rows[rows["laundering"] == name]) for name in dict.fromkeys(rows["laundering"])},
        saving(rows),
    )


def threshold_grid(probabilities: NDArray[np.float64], shipped: float) -> NDArray[np.float64]:
    """Returns up to `THRESHOLDS` rising thresholds: quantiles of the probabilities, and the shipped one.

    Equal steps of rank rather than of probability: calibrated probabilities crowd at 0 and 1.
    """
    quantiles = np.quantile(probabilities, np.linspace(0, 1, THRESHOLDS - 1), method="higher")
    return np.unique(np.append(quantiles, shipped))


def _saving(
    rows: pd.DataFrame,
    assumptions: CostAssumptions,
    thresholds: NDArray[np.float64],
    shipped: float,
    replicates: int,
    seed: int,
) -> Saving:
    probability = rows["probability"].to_numpy(dtype=np.float64)
    # As in `verdict.verdicts`: only these are ever called altered.
    marked = rows["marked"].to_numpy(dtype=bool) & ~rows["too_small"].to_numpy(dtype=bool)
    fake = rows["label"].to_numpy() == 1
    clusters = clusters_of(rows)
    bootstrap = Bootstrap(clusters, replicates, seed)
    refused = ((probability[:, None] >= thresholds) & marked[:, None]).astype(np.float64)  # (N, T)
    now = (probability >= shipped) & marked
    said = now.astype(np.float64)

    def shares(weights: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[Any, Any]:
        return mean(values[fake], weights[:, fake]), mean(values[~fake], weights[:, ~fake])

    both: dict[str, Metric] = {
        "saving": lambda weights: assumptions.saving(*shares(weights, said)),
        "break_even": lambda weights: assumptions.break_even(*shares(weights, said)),
    }
    found = bootstrap.estimate(both)
    fakes, honest = (rate(now[side], clusters[side], replicates, seed) for side in (fake, ~fake))
    known = fakes.lo is not None and honest.hi is not None
    return Saving(
        found["saving"],
        assumptions.saving(fakes.lo, honest.hi) if known else None,
        found["break_even"],
        _curve(bootstrap, lambda weights: assumptions.saving(*shares(weights, refused))),
    )


def _curve(bootstrap: Bootstrap, metric: Metric) -> Curve:
    return Curve(
        *(
            tuple(round(float(value), 2) if np.isfinite(value) else None for value in values)
            for values in bootstrap.curve(metric)
        )
    )
