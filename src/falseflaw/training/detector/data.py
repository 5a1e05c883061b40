"""The LightningDataModule: a dataset folder in, batches for training and validation out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from falseflaw.dataset.manifest import read_manifest
from falseflaw.errors import ConfigurationError
from falseflaw.paths import find_existing
from falseflaw.seeding import derive_seed
from falseflaw.training.detector.crops import (
    EDITS,
    Launder,
    MatchedSet,
    PhotoReader,
    Sample,
    TrainPairs,
    ValidationCrops,
    matched_sets,
    without_networks,
)
from falseflaw.training.loader_workers import PREFETCH, check_shared_memory, prepare_worker, share
from falseflaw.types import Fold

Batch = dict[str, Tensor]
"""See `collate`."""


def collate(groups: list[list[Sample]]) -> Batch:
    """Joins the samples of several groups.

    Returns:
        `image` uint8 (B, 3, S, S) in channels-last memory, `valid` and `mask` uint8 (B, 1, S, S), `label`
        float (B,), `edit` int64 (B,) as positions in `samples.EDITS`, `number` int64 (B,), `laundered`
        bool (B,).
    """
    samples = list(chain.from_iterable(groups))
    image = np.stack([sample.image for sample in samples])  # (B, S, S, 3)
    valid = np.stack([sample.valid for sample in samples]).astype(np.uint8)  # (B, S, S)
    mask = np.stack([sample.mask for sample in samples]).astype(np.uint8)  # (B, S, S)
    batch = {
        "image": torch.from_numpy(image).permute(0, 3, 1, 2),
        "valid": torch.from_numpy(valid).unsqueeze(1),
        "mask": torch.from_numpy(mask).unsqueeze(1),
        "label": torch.tensor([float(sample.label) for sample in samples]),
        "edit": torch.tensor([EDITS.index(sample.edit) for sample in samples]),
        "number": torch.tensor([sample.number for sample in samples]),
        "laundered": torch.tensor([sample.laundered for sample in samples]),
    }
    return share(batch)


class StreamSampler(Sampler[int]):
    """Numbers of the training pairs of one epoch, going on where the training stands."""

    def __init__(self, batches: int, pairs: int, data: DetectorData) -> None:
        """Yields `batches` times `pairs` numbers each time it is iterated."""
        self.batches = batches
        self.pairs = pairs
        self.data = data

    def __len__(self) -> int:
        return self.batches * self.pairs

    def __iter__(self) -> Iterator[int]:
        done, rank, ranks = self.data.position()
        for batch in range(done, done + self.batches):
            if self.data.repeat_batches is not None:
                batch %= self.data.repeat_batches
            start = (batch * ranks + rank) * self.pairs
            yield from range(start, start + self.pairs)


class RankSampler(Sampler[int]):
    """Every n-th crop for each of n processes; the first ones twice where the counts would differ."""

    def __init__(self, length: int, data: DetectorData) -> None:
        """Shares 0 to `length` - 1 out over the processes of the trainer."""
        self.length = length
        self.data = data

    def __len__(self) -> int:
        _, _, ranks = self.data.position()
        return -(-self.length // ranks)

    def __iter__(self) -> Iterator[int]:
        _, rank, ranks = self.data.position()
        for turn in range(len(self)):
            yield (turn * ranks + rank) % self.length


class DetectorData(pl.LightningDataModule):
    """Native-resolution crops of folds `train` and `val`; no fold `test` can be had here."""

    def __init__(
        self,
        dataset: str | Path,
        batch_size: int = 24,
        crop_size: int = 224,
        val_crop_size: int = 320,
        val_batch_size: int = 16,
        val_sources: int | None = 64,
        region_share: float = 0.8,
        flawless_share: float = 0.2,
        autoencoded_share: float = 0.3,
        leave_out: Sequence[str] = (),
        augment: Launder | None = None,
        workers: int = 0,
        cache: bool = False,
        repeat_batches: int | None = None,
        shuffle_labels: bool = False,
        seed: int = 0,
    ) -> None:
        """Sets the module up.

        Args:
            dataset: Folder with a manifest.
            batch_size: Training crops in a batch of one process; even, since crops come in pairs.
            crop_size: Side of training crops, a multiple of 32.
            val_crop_size: Side of validation crops, a multiple of 32.
            val_batch_size: Validation crops in a batch.
            val_sources: Sources of fold `val` that validation uses, a fixed choice; None for all.
            region_share: Probability in [0, 1] that a pair's crop lies over the set's region.
            flawless_share: Probability in [0, 1] that a pair shows no flaw: the refilled photo, and the
                authentic one or its null edit.
            autoencoded_share: Probability in [0, 1] that another pair's positive is the autoencoded photo.
            leave_out: Generators and autoencoders whose pixels are neither trained nor validated on.
            augment: Laundering of training crops and of the laundered validation copies; None for none.
            workers: Loader processes.
            cache: Keep decoded photos in memory, in each process that decodes them.
            repeat_batches: Train on this many batches again and again, to see whether they can be
                learnt by heart; None for the endless stream.
            shuffle_labels: Shuffle label and mask within every training pair, every crop over its region: a
                detector that then still tells positives from negatives has found a leak.
            seed: Of the stream of crops and their laundering.

        Raises:
            ConfigurationError: A value is out of its range.
        """
        super().__init__()
        if batch_size < 2 or batch_size % 2 or val_batch_size < 1:
            raise ConfigurationError(
                "expected an even batch_size and a val_batch_size above 0, "
                f"got {batch_size} and {val_batch_size}"
            )
        for name, side in (("crop_size", crop_size), ("val_crop_size", val_crop_size)):
            if side <= 0 or side % 32:
                raise ConfigurationError(f"expected {name} as a positive multiple of 32, got {side}")
        shares = {
            "region_share": region_share,
            "flawless_share": flawless_share,
            "autoencoded_share": autoencoded_share,
        }
        if wrong := [name for name, share in shares.items() if not 0 <= share <= 1]:
            raise ConfigurationError(f"expected {wrong[0]} in [0, 1], got {shares[wrong[0]]}")
        counts = {"val_sources": val_sources, "repeat_batches": repeat_batches}
        if wrong := [name for name, count in counts.items() if count is not None and count < 1]:
            raise ConfigurationError(f"expected {wrong[0]} above 0, or null, got {counts[wrong[0]]}")
        if workers < 0:
            raise ConfigurationError(f"expected workers of at least 0, got {workers}")
        self.dataset = Path(dataset)
        self.batch_size = batch_size
        self.crop_size = crop_size
        self.val_crop_size = val_crop_size
        self.val_batch_size = val_batch_size
        self.val_sources = val_sources
        self.region_share = region_share
        self.flawless_share = flawless_share
        self.autoencoded_share = autoencoded_share
        self.leave_out = tuple(leave_out)
        self.augment = augment
        self.workers = workers
        self.cache = cache
        self.repeat_batches = repeat_batches
        self.shuffle_labels = shuffle_labels
        self.seed = seed
        self.train_sets: list[MatchedSet] = []
        self.val_sets: list[MatchedSet] = []

    def setup(self, stage: str | None = None) -> None:
        """Reads the manifest.

        Raises:
            MissingDataError: No dataset there.
            InvalidDataError: Not a dataset, or no matched sets in a fold.
        """
        if self.train_sets:
            return
        self.dataset = find_existing(self.dataset, "a dataset", "build one with `falseflaw synthesize`")
        rows = without_networks(read_manifest(self.dataset), self.leave_out)
        train = matched_sets(rows, Fold.TRAIN)
        val = sorted(matched_sets(rows, Fold.VAL), key=lambda matched: derive_seed("val", matched.source_id))
        self.val_sets = val[: self.val_sources]
        self.train_sets = train

    def position(self) -> tuple[int, int, int]:
        """Returns the training batches done so far, this process's rank and the number of processes."""
        trainer = self.trainer
        if trainer is None:
            return 0, 0, 1
        return trainer.global_step * trainer.accumulate_grad_batches, trainer.global_rank, trainer.world_size

    def train_dataloader(self) -> DataLoader[Any]:
        """Returns one epoch: all of `max_steps`, or each source in about one pair where epochs count."""
        reader = PhotoReader(self.dataset, self.cache)
        pairs = TrainPairs(
            self.train_sets,
            reader,
            self.crop_size,
            self.region_share,
            self.flawless_share,
            self.autoencoded_share,
            self.augment,
            self.seed,
            self.shuffle_labels,
        )
        per_batch = self.batch_size // 2
        batches = -(-len(self.train_sets) // (per_batch * self.position()[2]))
        if self.trainer is not None and self.trainer.max_steps > 0 and (self.trainer.max_epochs or -1) < 0:
            batches = self.trainer.max_steps * self.trainer.accumulate_grad_batches
        # Workers of both loaders live to the end, each with three channels, validity and mask of its batches.
        pixels = self.batch_size * self.crop_size**2 + self.val_batch_size * self.val_crop_size**2
        check_shared_memory(5 * pixels, self.workers)
        return self._loader(pairs, StreamSampler(batches, per_batch, self), per_batch)

    def val_dataloader(self) -> DataLoader[Any]:
        """Returns all validation crops, the last batch included."""
        reader = PhotoReader(self.dataset, self.cache)
        crops = ValidationCrops(self.val_sets, reader, self.val_crop_size, self.augment, self.seed)
        return self._loader(crops, RankSampler(len(crops), self), self.val_batch_size)

    def _loader(self, source: Any, sampler: Sampler[int], batch_size: int) -> DataLoader[Any]:
        return DataLoader(
            source,
            batch_size=batch_size,
            sampler=sampler,
            num_workers=self.workers,
            collate_fn=collate,
            persistent_workers=self.workers > 0,
            prefetch_factor=PREFETCH if self.workers else None,
            worker_init_fn=prepare_worker if self.workers else None,
            pin_memory=torch.cuda.is_available(),
        )
