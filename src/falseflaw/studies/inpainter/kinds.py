"""A small network that names the kind of a flaw, taught on painted ones: does an inpainter do as asked?"""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from falseflaw.seeding import derive_rng, derive_seed
from falseflaw.statistics.bootstrap import Estimate, rate
from falseflaw.studies.inpainter.flaws import KINDS, SIDE, Flaws

_WIDTHS = (24, 48, 72, 96)
_BATCH = 32
_RATE = 3e-3
_INNER = 80  # side of what the network sees of a window; in training its place is drawn
_RING = 8  # pixels at the border that stand for the material around the flaw
_GAIN = 0.15  # largest change of brightness in training


class KindNet(nn.Module):
    """Four strided convolutions, pooled about the middle, where the flaw is.

    It sees colors, and colors against those at the border. It is not told the region: an inpainter that
    ignores its prompt must not look obedient because regions of tears are long.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((6, *_WIDTHS), _WIDTHS, strict=False):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * _WIDTHS[-1], len(KINDS)))
        place = torch.linspace(-1, 1, _INNER // 16)
        weight = torch.exp(-2 * (place[:, None] ** 2 + place**2))
        self.register_buffer("weight", weight)

    def forward(self, windows: Tensor) -> Tensor:
        """Returns logits (N, kinds) of windows, float (N, 3, 80, 80), -1 to 1."""
        ring = torch.ones(windows.shape[-2:], dtype=torch.bool)
        ring[_RING:-_RING, _RING:-_RING] = False
        border = windows[..., ring].mean(-1)[..., None, None]  # (N, 3, 1, 1)
        maps = self.features(torch.cat([windows, windows - border], dim=1)) * self.weight  # (N, C, 5, 5)
        logits: Tensor = self.head(torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1))
        return logits


def train_kinds(painted: Flaws, epochs: int, seed: int, progress: bool = True) -> KindNet:
    """Returns a network taught on painted flaws; the same seed and threads give the same network.

    Args:
        painted: Flaws of the train fold.
        epochs: Passes over them; windows are turned, mirrored, moved and made brighter or darker.
        seed: Of weights and order.
        progress: Whether to show a bar.
    """
    rng = derive_rng("kind classifier", seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed("kind classifier", seed))
        return _fit(KindNet(), painted, epochs, rng, progress)


def _fit(network: KindNet, painted: Flaws, epochs: int, rng: np.random.Generator, progress: bool) -> KindNet:
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=0.02)
    steps = epochs * -(-len(painted) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps)
    windows, kinds = _windows(painted.images), torch.from_numpy(painted.kinds)
    average = copy.deepcopy(network)
    network.train()
    for epoch in tqdm(range(epochs), desc="kind classifier", unit="epoch", disable=not progress):
        order = torch.from_numpy(rng.permutation(len(painted)))
        for indices in torch.split(order, _BATCH):
            batch = torch.stack([_vary(windows[index], rng) for index in indices.tolist()])
            loss = functional.cross_entropy(network(batch), kinds[indices], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            if epoch >= epochs // 2:  # the mean of late weights judges more steadily than the last ones
                with torch.no_grad():
                    for weight, late in zip(average.parameters(), network.parameters(), strict=True):
                        weight.lerp_(late, 0.05)
                    for mean, now in zip(average.buffers(), network.buffers(), strict=True):
                        mean.copy_(now)
            else:
                average.load_state_dict(network.state_dict())
    return average.eval()


@torch.inference_mode()
def name_kinds(network: KindNet, flaws: Flaws) -> NDArray[np.int64]:
    """Returns the kind that the network sees in each window, positions in `KINDS`, (N,)."""
    start = (SIDE - _INNER) // 2
    windows = _windows(flaws.images)[..., start : start + _INNER, start : start + _INNER]
    logits = [network(part) for part in torch.split(windows, 256)]
    return np.asarray(torch.cat(logits).argmax(1).numpy(), np.int64)


def accuracy(named: NDArray[np.int64], flaws: Flaws) -> Estimate:
    """Returns the share of rightly named flaws, with its interval by source."""
    return rate(named == flaws.kinds, flaws.sources)


def by_kind(named: NDArray[np.int64], flaws: Flaws) -> dict[str, dict[str, float]]:
    """Returns, for each kind asked for, the share of each kind seen."""
    table = {}
    for index, kind in enumerate(KINDS):
        seen = named[flaws.kinds == index]
        if len(seen):
            shares = np.bincount(seen, minlength=len(KINDS)) / len(seen)
            table[str(kind)] = {str(other): float(shares[at]) for at, other in enumerate(KINDS)}
    return table


def _windows(images: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1  # (N, 3, S, S)


def _vary(window: Tensor, rng: np.random.Generator) -> Tensor:
    """Returns a moved, turned, perhaps mirrored and brighter or darker part of a window, (3, 80, 80)."""
    top, left = rng.integers(SIDE - _INNER, size=2, endpoint=True).tolist()
    part = torch.rot90(window[:, top : top + _INNER, left : left + _INNER], int(rng.integers(4)), (1, 2))
    part = part.flip(2) if rng.integers(2) else part
    return (part + 1) * (1 + rng.uniform(-_GAIN, _GAIN)) - 1
