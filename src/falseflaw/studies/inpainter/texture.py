"""Color noise and sharpness inside inpainted regions, against simulated damage in the same place."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from falseflaw.audit.flaws import Flaws
from falseflaw.statistics.bootstrap import Bootstrap, Estimate, Metric
from falseflaw.statistics.metrics import mean

_SIGMA = 1.5  # of the low pass whose rest counts as high frequency, pixels
_LEAST = 0.01  # energy added to both sides of a ratio, squared 8-bit levels: flat regions have none
_STEEP = 95  # percentile of the gradient that stands for edges


def texture_ratios(fakes: Flaws, simulated: Flaws) -> dict[str, Estimate]:
    """Returns geometric means over pairs of inpainted against simulated, with intervals by source; ideal 1.

    Args:
        fakes: Inpainted flaws.
        simulated: Painted flaws of the same sources and regions, in the same order.

    Returns:
        `chroma_energy` and `luma_energy`: energy above the low pass inside the region; `edge_sharpness`:
        95th percentile of the gradient of luma there.
    """
    ratios = np.log(_measure(fakes) + _LEAST) - np.log(_measure(simulated) + _LEAST)  # (N, 3)

    def geometric(column: int) -> Metric:
        return lambda weights: np.exp(mean(ratios[:, column], weights))

    names = ("chroma_energy", "luma_energy", "edge_sharpness")
    return Bootstrap(fakes.sources).estimate({name: geometric(at) for at, name in enumerate(names)})


def _measure(flaws: Flaws) -> NDArray[np.float64]:
    rows = []
    for image, region in zip(flaws.images, flaws.regions, strict=True):
        planes = cv2.cvtColor(image.astype(np.float32), cv2.COLOR_RGB2YCrCb)  # (S, S, 3)
        rest = (planes - cv2.GaussianBlur(planes, (0, 0), _SIGMA))[region]  # (pixels, 3)
        energy = (rest**2).mean(axis=0)
        luma = planes[..., 0]
        slope = np.hypot(cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1))
        rows.append([energy[1:].mean(), energy[0], np.percentile(slope[region], _STEEP)])
    return np.array(rows, np.float64)
