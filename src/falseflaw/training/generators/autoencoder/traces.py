"""How easily what an autoencoder writes is told from what a camera wrote."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional

from falseflaw.inpainting.tensors import reconstruct, to_tensor
from falseflaw.training.generators.autoencoder.finishing import BANDS, build_critic, fine_detail
from falseflaw.training.generators.recipe import TrainingWindows
from falseflaw.types import Image

_LEARNING = 256
"""Windows that the classifier learns from."""

_STEPS = 150
_BATCH = 16
_CROP = 64


def traces(model: nn.Module, windows: TrainingWindows) -> dict[str, float]:
    """Returns what tells an autoencoder's output from its input.

    Args:
        model: The autoencoder.
        windows: The classifier learns from the first of those to learn from, and is tested on the others.

    Returns:
        energy_kept: Median ratio of the standard deviations of fine detail (sigma 1.2) after and before.
        patch_auroc: AUROC, on photos of other contributors, of a small classifier of patches that is
            trained for this. 1 where it tells all apart; .5 would be an output like a camera's.
    """
    learning = np.asarray(windows.learning.damaged[:_LEARNING])
    validation = np.asarray(windows.validation.damaged)
    learnt, tested = ((photos, _rewritten(model, photos)) for photos in (learning, validation))
    return {"energy_kept": _energy_kept(*tested), "patch_auroc": _patch_auroc(learnt, tested, windows.seed)}


def _rewritten(model: nn.Module, photos: Image) -> Image:
    side = photos.shape[1] // 32 * 32
    parts = [
        reconstruct(model, photos[start : start + 8, :side, :side]) for start in range(0, len(photos), 8)
    ]
    return np.concatenate(parts)


def _energy_kept(photos: Image, rewritten: Image) -> float:
    before, after = (
        fine_detail(to_tensor(images[:, : rewritten.shape[1], : rewritten.shape[2]]))
        .unflatten(1, (len(BANDS), 3))[:, 1]
        .flatten(1)
        .std(dim=1)
        for images in (photos, rewritten)
    )
    return float((after / before.clamp_min(1e-6)).median())


def _patch_auroc(learning: tuple[Image, Image], validation: tuple[Image, Image], seed: int) -> float:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = build_critic(24)
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=2e-3)
    rng = np.random.default_rng(seed)
    with torch.enable_grad():
        for _ in range(_STEPS):
            chosen = rng.integers(len(learning[0]), size=_BATCH)
            crops = _crops(learning, chosen, rng)
            logits = _logits(classifier, crops)
            loss = functional.softplus(torch.cat([logits[:_BATCH], -logits[_BATCH:]])).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    classifier.eval()
    with torch.no_grad():
        crops = _crops(validation, np.arange(len(validation[0])), rng)
        scores = np.concatenate([_logits(classifier, part).numpy() for part in torch.split(crops, 32)])
    labels = np.repeat([0, 1], len(validation[0]))
    return float(roc_auc_score(labels, scores))


def _logits(classifier: nn.Module, crops: Tensor) -> Tensor:
    """Returns one logit a crop, high for what was rewritten."""
    answers: Tensor = classifier(torch.cat([crops, fine_detail(crops)], dim=1))
    return answers.mean(dim=(1, 2, 3))


def _crops(pair: tuple[Image, Image], chosen: np.ndarray, rng: np.random.Generator) -> Tensor:
    """Returns crops of photos and, behind them, of the same places rewritten, (2 B, 3, S, S)."""
    side = min(_CROP, pair[1].shape[1])
    places = rng.integers(pair[1].shape[1] - side + 1, size=(len(chosen), 2))
    return torch.cat(
        [
            to_tensor(
                np.stack(
                    [
                        images[index, top : top + side, left : left + side]
                        for index, (top, left) in zip(chosen, places, strict=True)
                    ]
                )
            )
            for images in pair
        ]
    )
