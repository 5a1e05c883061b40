"""Judged photos in one picture."""

import numpy as np
import pytest

from falseflaw.evidence.overview import Case, overview
from falseflaw.evidence.pictures import ACCENT

LONG = (
    "traces of alteration: probability 95.1%, the limit is 63.6%; the marked region covers 2.1% of the photo"
)


def case(verdict="no sign of alteration", evidence=LONG, size=(80, 60)):
    photo = np.full((*size, 3), 200, np.uint8)
    heat = np.zeros(size, np.uint8)
    heat[10:30, 10:30] = 255 if verdict == "altered" else 0
    return Case("A photo", photo, heat, 128, verdict, evidence)


def violet(picture):
    return int((np.abs(picture.astype(int) - ACCENT).max(axis=2) < 8).sum())


@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_case_is_there_and_nothing_is_cut_off(count):
    picture = overview([case("altered"), *[case()] * (count - 1)])
    assert picture.dtype == np.uint8
    for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        assert (edge == 255).all()
    grays = (picture == 200).all(axis=2).any(axis=0).sum()
    assert grays >= 600 + (336 if count > 1 else 0)


def test_only_an_alteration_has_the_color():
    assert violet(overview([case("altered"), case()])) > 100
    assert violet(overview([case("inconclusive"), case()])) == 0


@pytest.mark.parametrize("evidence", ["", "short", "word " * 60, "x" * 200])
def test_any_sentence_is_wrapped(evidence):
    assert overview([case(evidence=evidence)]).shape[1] == 2 * 300 + 8 + 8
