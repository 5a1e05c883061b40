"""Inference without torch: onnxruntime, NumPy and Pillow.

Four lines judge a photo with the base install:

    from falseflaw.runtime import Predictor

    predictor = Predictor("checkpoints/detectors/reference")
    result = predictor.judge("claim.jpg")
    print(result.verdict, result.probability, result.reason)

`docs/runtime.md` says what comes in and out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from falseflaw.runtime.predictor import Predictor
    from falseflaw.runtime.result import Result

__all__ = ["Predictor", "Result"]

_PLACES = {"Predictor": "falseflaw.runtime.predictor", "Result": "falseflaw.runtime.result"}


def __getattr__(name: str) -> Any:
    """Loads onnxruntime with the first use of it: `--help` and the verbs that judge nothing do without."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PLACES[name]), name)
