"""Tiny random weights that stand for published ones."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from falseflaw.inpainting.rewriters import public_weights
from falseflaw.inpainting.rewriters.taef2 import Taef2Network
from falseflaw.photos.sets.indexed import IndexEntry


def publish_taef2(
    folder: Path, monkeypatch: pytest.MonkeyPatch, encoder: Mapping[str, Tensor] | None = None
) -> Path:
    """Saves a tiny TAEF2, pins it instead of the published one, and returns its folder."""
    torch.manual_seed(0)
    network = Taef2Network(channels=8, latent_channels=4, pooled=8)
    folder.mkdir(parents=True, exist_ok=True)
    parts = {
        "taef2_encoder.pth": encoder or network.encoder.state_dict(),
        "taef2_decoder.pth": network.decoder.state_dict(),
    }
    files = []
    for name, tensors in parts.items():
        torch.save({key: tensor.half() for key, tensor in tensors.items()}, folder / name)
        data = (folder / name).read_bytes()
        files.append(IndexEntry(name, hashlib.sha256(data).hexdigest(), len(data), "", ""))
    pinned = replace(public_weights.TAEF2, files=tuple(files))
    monkeypatch.setattr(public_weights, "TAEF2", pinned)
    monkeypatch.setitem(public_weights.PUBLIC_WEIGHTS, "taef2", pinned)  # type: ignore[arg-type]
    return folder
