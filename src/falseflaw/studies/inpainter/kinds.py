"""A small network that names the kind of a flaw, taught on painted ones: does an inpainter do as asked?"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from falseflaw.seeding import derive_rng, derive_seed
from falseflaw.statistics.bootstrap import Estimate, rate
from falseflaw.studies.inpainter.flaws import KINDS, SIDE, Flaws
from falseflaw.training.batches import NumberedBatches
from falseflaw.training.callbacks import BestAndLast
from falseflaw.training.fitting import fit
from falseflaw.training.optimization import OptimizerSettings, parameter_groups, progress_of

_WIDTHS = (24, 48, 72, 96)
_BATCH = 32
_RATE = 3e-3
_WARMUP = 0.3  # share of the steps in which the learning rate rises
_AVERAGE = 0.95  # decay of the averaged weights
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
        self.weight: Tensor
        self.register_buffer("weight", weight)

    def forward(self, windows: Tensor) -> Tensor:
        """Returns logits (N, kinds) of windows, float (N, 3, 80, 80), -1 to 1."""
        ring = torch.ones(windows.shape[-2:], dtype=torch.bool, device=windows.device)
        ring[_RING:-_RING, _RING:-_RING] = False
        border = windows[..., ring].mean(-1)[..., None, None]  # (N, 3, 1, 1)
        maps = self.features(torch.cat([windows, windows - border], dim=1)) * self.weight  # (N, C, 5, 5)
        logits: Tensor = self.head(torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1))
        return logits


class KindTask(pl.LightningModule):
    """Teaches a `KindNet`."""

    def __init__(self, steps: int) -> None:
        """Builds the network; `steps` is the length of the training."""
        super().__init__()
        self.network = KindNet()
        self.settings = OptimizerSettings(
            learning_rate=_RATE, weight_decay=0.02, warmup_steps=round(_WARMUP * steps), final_fraction=0.0
        )

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        """Returns the loss of windows and their kinds."""
        windows, kinds = (part.to(self.device) for part in batch)
        return functional.cross_entropy(self.network(windows), kinds, label_smoothing=0.05)

    def configure_optimizers(self) -> Any:
        """Returns AdamW and a schedule that is asked after every step."""
        settings = self.settings
        weights = parameter_groups(self.network, settings.weight_decay)
        optimizer = torch.optim.AdamW(weights, lr=settings.learning_rate)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: settings.factor(step, progress_of(self.trainer, settings.schedule, step))
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def train_kinds(
    painted: Flaws, epochs: int, seed: int, progress: bool = True, accelerator: str = "cpu"
) -> KindNet:
    """Returns a network taught on painted flaws; the same seed, device and threads give the same network.

    The weights are averaged, which judges more steadily than the last ones.

    Args:
        painted: Flaws of the train fold.
        epochs: Passes over them; windows are turned, mirrored, moved and made brighter or darker.
        seed: Of weights and order.
        progress: Whether to show a bar.
        accelerator: Where it learns, as Lightning calls it: `cpu`, `gpu` or `auto`.

    Raises:
        ConfigurationError: This machine has no such device.
    """
    windows, kinds = _windows(painted.images), torch.from_numpy(painted.kinds)
    per_epoch = -(-len(painted) // _BATCH)
    steps = epochs * per_epoch

    def draw(number: int) -> tuple[Tensor, Tensor]:
        epoch, at = divmod(number, per_epoch)
        order = derive_rng("kind order", seed, epoch).permutation(len(painted))
        chosen, rng = order[at * _BATCH : (at + 1) * _BATCH], derive_rng("kind crops", seed, number)
        return torch.stack([_vary(windows[index], rng) for index in chosen.tolist()]), kinds[chosen]

    with torch.random.fork_rng(devices=[]), tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(derive_seed("kind classifier", seed))  # of weights and dropout
        task, checkpoints = KindTask(steps), BestAndLast(Path(folder), steps, monitor=None)
        trainer = fit(
            task,
            NumberedBatches(draw),
            make_trainer=partial(
                pl.Trainer,
                accelerator=accelerator,
                devices=1,
                max_steps=steps,
                max_epochs=-1,
                limit_val_batches=0,
                enable_model_summary=False,
            ),
            checkpoints=checkpoints,
            run_dir=Path(folder),
            ema_decay=_AVERAGE,
            progress=progress,
        )
        task.load_state_dict(torch.load(checkpoints.last, weights_only=True)["state_dict"])
    return task.network.to(trainer.strategy.root_device).eval()


@torch.inference_mode()
def name_kinds(network: KindNet, flaws: Flaws) -> NDArray[np.int64]:
    """Returns the kind that the network sees in each window, positions in `KINDS`, (N,)."""
    start = (SIDE - _INNER) // 2
    windows = _windows(flaws.images)[..., start : start + _INNER, start : start + _INNER]
    device = network.weight.device
    named = [network(part.to(device)).argmax(1).cpu() for part in torch.split(windows, 256)]
    return np.asarray(torch.cat(named).numpy(), np.int64)


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
