import pytest
from tests.runtime.red import info

from falseflaw.errors import InvalidDataError
from falseflaw.evidence.rates import Measured, Promise, Rates, out_of, rates_of
from falseflaw.runtime.bundle import BundleInfo

MEASURED = {"photos": 111, "altered": 1, "inconclusive": 35, "lo": 0.0, "hi": 0.0288}


def test_a_bundle_that_says_nothing() -> None:
    assert rates_of(info()) == Rates()


def test_of_several_promises_the_largest_counts() -> None:
    guarantees = [
        {"threshold": "image_threshold", "promised": 0.01, "sources": 120},
        {"threshold": "image_threshold", "promised": 0.032, "sources": 30},
        {"threshold": "clear_threshold", "promised": 0.1, "sources": 120},
    ]
    assert rates_of(info(guarantees=guarantees)).set_for == Promise(0.032, 30)


def test_what_was_measured_comes_through_bundle_json() -> None:
    written = info(measured={"real_damage": MEASURED, "of_later_versions": {}}).to_json()
    rates = rates_of(BundleInfo.from_json(written))
    assert rates == Rates(real_damage=Measured(111, 1, 35, 0.0, 0.0288))


@pytest.mark.parametrize(
    "changes",
    [
        {"measured": {"real_damage": MEASURED | {"altered": 112}}},
        {"measured": {"real_damage": MEASURED | {"photos": 0, "altered": 0, "inconclusive": 0}}},
        {"measured": {"real_damage": MEASURED | {"hi": 1.5}}},
        {"measured": {"real_damage": MEASURED | {"lo": float("nan")}}},
        {"measured": {"real_damage": {"photos": 3}}},
        {"measured": {"real_damage": "none"}},
        {"guarantees": [{"threshold": "image_threshold"}]},
        {"guarantees": ["image_threshold"]},
    ],
)
def test_what_is_no_rate_is_told(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidDataError, match=r"bundle\.json"):
        rates_of(info(**changes))


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (0.01, (1, 100)),
        (0.00995, (1, 100)),
        (0.0322, (33, 1000)),
        (0.002, (2, 1000)),
        (0.0, (0, 100)),
        (1.0, (100, 100)),
    ],
)
def test_frequencies_never_promise_too_much(rate: float, words: tuple[int, int]) -> None:
    assert out_of(rate) == words
    assert words[0] / words[1] >= rate - 1e-12
