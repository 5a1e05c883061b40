"""What a training leaves behind: a folder with weights, record and model card that appears whole."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from falseflaw.imaging.codec import write_atomic
from falseflaw.training.generators.samples import draw_curves

if TYPE_CHECKING:
    from falseflaw.training.generators.stages import Stages


def save_result(
    stages: Stages, facts: Mapping[str, Any], card: str, save_weights: Callable[[Path], None]
) -> Path:
    """Writes `pipeline` into the run's folder, under another name first, and returns it.

    One from before is replaced; of several processes one writes.

    Args:
        stages: Of the training.
        facts: For `training.json`.
        card: For `MODEL_CARD.md`.
        save_weights: Writes the weights into the folder it gets.
    """
    target, partial = stages.run_dir / "pipeline", stages.run_dir / ".pipeline.partial"
    if not stages.speaks:
        return target
    draw_curves(stages.run_dir / "curve.png", stages.run_dir)
    shutil.rmtree(partial, ignore_errors=True)
    save_weights(partial)
    write_atomic(partial / "training.json", (json.dumps(facts, indent=2) + "\n").encode())
    write_atomic(partial / "MODEL_CARD.md", card.encode())
    if target.exists():
        shutil.rmtree(target)
    partial.rename(target)
    return target


def halved(module: nn.Module) -> Any:
    """Returns a copy of a module in float16 on the CPU; diffusers' own `to` warns of nothing."""
    copied = copy.deepcopy(module)
    nn.Module.to(copied, "cpu", torch.float16)
    return copied
