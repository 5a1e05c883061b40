"""Evidence of made-up photos and models, without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from tests.runtime.red import POINT

from falseflaw.evidence.evidence import Evidence, ModelIdentity, identify
from falseflaw.evidence.finding import find
from falseflaw.evidence.rates import Measured, Promise, Rates
from falseflaw.imaging import codec
from falseflaw.metadata import Fact
from falseflaw.types import Image, OperatingPoint, Prediction

MODEL = ModelIdentity(
    name="red",
    sha256="a" * 64,
    bundle="b" * 64,
    git_revision="c" * 40,
    falseflaw="0.1.0",
    operating_point=POINT,
    code_revision="d" * 40,
    code_version="0.1.0",
)
RATES = Rates(Promise(0.01, 120), Measured(111, 1, 35, 0.0, 0.0288), Measured(450, 207, 90, 0.41, 0.51))


def made_up(code: str, source: str, values: Mapping[str, str] | None = None, weight: Any = "neutral") -> Fact:
    return Fact(code, source, values or {}, weight)


def prediction(
    probability: float, marked: bool = True, side: int = 96, distance: float | None = None
) -> Prediction:
    heat = np.zeros((side, side), np.uint8)
    if marked:
        heat[: side // 8, : side // 8] = 255
    return Prediction(probability, heat, distance)


def photo_file(image: Image | None = None) -> bytes:
    return codec.encode_png(np.full((96, 96, 3), 90, np.uint8) if image is None else image)


def evidence(
    told: Prediction,
    rates: Rates = RATES,
    facts: Sequence[Fact] = (),
    point: OperatingPoint = POINT,
    tiles: int = 1,
) -> Evidence:
    height, width = told.heat_map.shape
    model = replace(MODEL, operating_point=point)
    return Evidence(identify(photo_file(), width, height), model, find(told, point, tiles), rates, facts)
