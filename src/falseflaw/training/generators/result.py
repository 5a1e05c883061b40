"""What a training leaves behind: a folder with weights, record and model card that appears whole."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from falseflaw.imaging.codec import write_atomic


def save_result(
    output: Path, facts: Mapping[str, Any], card: str, save_weights: Callable[[Path], None]
) -> Path:
    """Writes `output/pipeline`, under another name first, and returns it; one from before is replaced.

    Args:
        output: Run folder.
        facts: For `training.json`.
        card: For `MODEL_CARD.md`.
        save_weights: Writes the weights into the folder it gets.
    """
    target, partial = output / "pipeline", output / ".pipeline.partial"
    shutil.rmtree(partial, ignore_errors=True)
    save_weights(partial)
    write_atomic(partial / "training.json", (json.dumps(facts, indent=2) + "\n").encode())
    write_atomic(partial / "MODEL_CARD.md", card.encode())
    if target.exists():
        shutil.rmtree(target)
    partial.rename(target)
    return target


def halved(module: nn.Module) -> Any:
    """Returns a copy of a module in float16; diffusers' own `to` warns of nothing."""
    copied = copy.deepcopy(module)
    nn.Module.to(copied, torch.float16)
    return copied
