"""The LightningDataModule: a dataset folder in, batches for training and validation out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from math import ceil
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from falseflaw.dataset.files import DatasetFiles, FolderFiles
from falseflaw.dataset.layers import read_layers
from falseflaw.dataset.lineage import contributors_of
from falseflaw.dataset.manifest import read_manifest
from falseflaw.dataset.shards import open_files
from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.paths import find_existing
from falseflaw.training.detector.composition import Composer
from falseflaw.training.detector.composition_settings import CompositionSettings
from falseflaw.training.detector.crops import EDITS, Launder, Sample
from falseflaw.training.detector.layer_windows import layer_windows
from falseflaw.training.detector.matched_sets import (
    FinishedPairs,
    MatchedSet,
    PhotoReader,
    matched_sets,
    without_networks,
)
from falseflaw.training.detector.pairs import PairSettings, TrainPairs
from falseflaw.training.detector.validation import ValidationCrops, chosen_sets
from falseflaw.training.loader_workers import PREFETCH, check_shared_memory, prepare_worker, share
from falseflaw.types import MATCHED, Edit, Fold, Mask

Batch = dict[str, Any]
"""See `collate`."""


def collate(groups: list[list[Sample]]) -> Batch:
    """Joins the samples of several groups.

    Returns:
        `image` uint8 (B, 3, S, S) in channels-last memory; `valid`, `mask` and `ignored` uint8 (B, 1, S, S);
        `label` float (B,); `edit` int64 (B,) as positions in `crops.EDITS`; `number` int64 (B,); `pair`
        int64 (B,), the same for the members of a pair, -1 for none; `clean` int64 (B,), the place in the
        batch of the same crop without laundering, -1 for none; of validation crops `laundered` bool (B,),
        `scale` float (B,) and `camera_original` bool (B,); `writer`, a list of names.
    """
    samples = list(chain.from_iterable(groups))
    image = np.stack([sample.image for sample in samples])  # (B, S, S, 3)
    pair: list[int] = []
    clean: list[int] = []
    for group in groups:
        first_pair, first = max(pair, default=-1) + 1, len(clean)
        pair += [first_pair + sample.pair if sample.pair >= 0 else -1 for sample in group]
        clean += [first + sample.clean if sample.clean >= 0 else -1 for sample in group]
    batch = {
        "image": torch.from_numpy(image).permute(0, 3, 1, 2),
        "valid": _stacked([sample.valid for sample in samples]),
        "mask": _stacked([sample.mask for sample in samples]),
        "ignored": _stacked([sample.ignored for sample in samples]),
        "label": torch.tensor([float(sample.label) for sample in samples]),
        "edit": torch.tensor([EDITS.index(sample.edit) for sample in samples]),
        "number": torch.tensor([sample.number for sample in samples]),
        "pair": torch.tensor(pair),
        "clean": torch.tensor(clean),
        "laundered": torch.tensor([sample.laundered for sample in samples]),
        "scale": torch.tensor([sample.scale for sample in samples]),
        "camera_original": torch.tensor([sample.camera_original for sample in samples]),
    }
    return {**share(batch), "writer": [sample.writer for sample in samples]}


def _stacked(masks: list[Mask]) -> Tensor:
    return torch.from_numpy(np.stack(masks).astype(np.uint8)).unsqueeze(1)  # (B, 1, S, S)


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
        pairs: PairSettings | None = None,
        composition: CompositionSettings | None = None,
        val_crop_size: int = 320,
        val_batch_size: int = 16,
        val_sources: int | None = 64,
        val_scales: Sequence[float] = (0.5, 2.0),
        leave_out: Sequence[str] = (),
        leave_out_photo_sets: Sequence[str] = (),
        leave_out_edits: Sequence[str] = (),
        augment: Launder | None = None,
        workers: int = 0,
        cache: bool = False,
        repeat_batches: int | None = None,
        seed: int = 0,
        shards: str | None = None,
        further_layers: Sequence[str] = (),
    ) -> None:
        """Sets the module up.

        Args:
            dataset: Folder with a manifest.
            batch_size: Training crops in a batch of one process, without the second copies of the pairs for
                consistency; even, since crops come in pairs.
            pairs: What training pairs are made of; None for the defaults.
            composition: How pairs are composed from layers, where there are any; None for the defaults.
            val_crop_size: Side of validation crops, a multiple of 32.
            val_batch_size: Validation crops in a batch.
            val_sources: Sources of fold `val` that validation uses, a fixed choice; None for all.
            val_scales: Factors of which each of them is dealt one, for resized copies; empty for none.
            leave_out: Generators and autoencoders whose pixels are neither trained nor validated on.
            leave_out_photo_sets: Photo sets that are not trained on.
            leave_out_edits: Edits that are not trained on.
            augment: Laundering of training crops and of the laundered validation copies; None for none.
            workers: Loader processes.
            cache: Keep decoded photos in memory, in each process that decodes them.
            repeat_batches: Train on this many batches again and again, to see whether they can be
                learnt by heart; None for the endless stream.
            seed: Of the stream of crops and their laundering.
            shards: Folder or URL of the shards that the dataset's files are read from, see `dataset.shards`;
                None for the dataset's own files, see `open_files`.
            further_layers: Folders of datasets whose layers are trained on as well; nothing else of them is
                used.

        Raises:
            ConfigurationError: A value is out of its range.
        """
        super().__init__()
        if batch_size < 2 or batch_size % 2 or val_batch_size < 1:
            raise ConfigurationError(
                "expected an even batch_size and a val_batch_size above 0, "
                f"got {batch_size} and {val_batch_size}"
            )
        if val_crop_size <= 0 or val_crop_size % 32:
            raise ConfigurationError(
                f"expected val_crop_size as a positive multiple of 32, got {val_crop_size}"
            )
        if wrong_scales := [scale for scale in val_scales if not 0.1 <= scale <= 8]:
            raise ConfigurationError(f"expected val_scales from 0.1 to 8, got {wrong_scales[0]}")
        if wrong_edits := sorted(set(leave_out_edits) - set(Edit)):
            raise ConfigurationError(
                f"expected edits in leave_out_edits ({', '.join(MATCHED)}), got {wrong_edits[0]!r}"
            )
        counts = {"val_sources": val_sources, "repeat_batches": repeat_batches}
        if wrong := [name for name, count in counts.items() if count is not None and count < 1]:
            raise ConfigurationError(f"expected {wrong[0]} above 0, or null, got {counts[wrong[0]]}")
        if workers < 0:
            raise ConfigurationError(f"expected workers of at least 0, got {workers}")
        self.dataset = Path(dataset)
        self.batch_size = batch_size
        self.pairs = pairs or PairSettings()
        self.composition = composition or CompositionSettings()
        self.val_crop_size = val_crop_size
        self.val_batch_size = val_batch_size
        self.val_sources = val_sources
        self.val_scales = tuple(val_scales)
        self.leave_out = tuple(leave_out)
        self.leave_out_photo_sets = tuple(leave_out_photo_sets)
        self.leave_out_edits = tuple(leave_out_edits)
        self.augment = augment
        self.workers = workers
        self.cache = cache
        self.repeat_batches = repeat_batches
        self.seed = seed
        self.shards = shards
        self.further_layers = tuple(Path(folder) for folder in further_layers)
        self.files: DatasetFiles = FolderFiles(self.dataset)
        self.train_sets: list[MatchedSet] = []
        self.val_sets: list[MatchedSet] = []
        self.composer: Composer | None = None

    def setup(self, stage: str | None = None) -> None:
        """Reads the manifest.

        Raises:
            MissingDataError: No dataset there, or no shards.
            InvalidDataError: Not a dataset, or no matched sets in a fold, or no layers of the writers wanted,
                or shards that are broken or another dataset's.
            MissingExtraError: There are `shards`, but not the extra `streaming`.
        """
        if self.train_sets:
            return
        self.dataset = find_existing(self.dataset, "a dataset", "build one with `falseflaw synthesize`")
        self.files = open_files(self.dataset, self.shards)
        layers = read_layers(self.dataset)
        manifest = read_manifest(self.dataset)
        further = self._find_further(manifest)
        rows = without_networks(manifest, self.leave_out, set(layers["writer"]))
        trained = rows[
            ~rows["photo_set"].isin(self.leave_out_photo_sets) & ~rows["edit"].isin(self.leave_out_edits)
        ]
        train = matched_sets(trained, Fold.TRAIN)
        self.val_sets = chosen_sets(matched_sets(rows, Fold.VAL), self.val_sources)
        layered = [(self.dataset, self.files)] if len(layers) else []
        layered += [(folder, open_files(folder)) for folder in further]
        if layered and self.pairs.composed_share:
            left_out = self.leave_out, self.leave_out_photo_sets
            windows = [layer_windows(folder, *left_out, files) for folder, files in layered]
            self.composer = Composer([*chain.from_iterable(windows)], self.composition, self.seed)
        self.train_sets = train

    def _find_further(self, manifest: pd.DataFrame) -> list[Path]:
        """Returns the folders of further layers, none of people whose photos are kept from training.

        Raises:
            MissingDataError: A folder is not there.
            InvalidDataError: It shows photos of somebody in fold `val` or `test` of the dataset.
        """
        kept = contributors_of(manifest[manifest["fold"] != str(Fold.TRAIN)])
        found = [
            find_existing(folder, "a dataset", "build one with `falseflaw synthesize`")
            for folder in self.further_layers
        ]
        for folder in found:
            if both := sorted(kept & contributors_of(read_layers(folder))):
                raise InvalidDataError(
                    f"expected layers in {folder} of people whose photos {self.dataset} does not keep for "
                    f"validation or tests, got {both[0]}; build both with the same split and seed"
                )
        return found

    def position(self) -> tuple[int, int, int]:
        """Returns the training batches done so far, this process's rank and the number of processes."""
        trainer = self.trainer
        if trainer is None:
            return 0, 0, 1
        return trainer.global_step * trainer.accumulate_grad_batches, trainer.global_rank, trainer.world_size

    def train_dataloader(self) -> DataLoader[Any]:
        """Returns one epoch: all of `max_steps`, or each source in about one pair where epochs count."""
        settings = self.pairs
        finished = FinishedPairs(
            self.train_sets,
            PhotoReader(self.files, self.cache),
            settings.flawless_share,
            settings.autoencoded_share,
            settings.local_edit_share,
            self.seed,
        )
        pairs = TrainPairs(finished, settings, self.augment, self.seed, self.composer)
        per_batch = self.batch_size // 2
        batches = -(-len(self.train_sets) // (per_batch * self.position()[2]))
        if self.trainer is not None and self.trainer.max_steps > 0 and (self.trainer.max_epochs or -1) < 0:
            batches = self.trainer.max_steps * self.trainer.accumulate_grad_batches
        # Workers of both loaders live to the end, each with three channels and three masks of its batches.
        crops = ceil(self.batch_size * (1 + settings.consistency_share))
        pixels = crops * settings.crop_size**2 + self.val_batch_size * self.val_crop_size**2
        check_shared_memory(6 * pixels, self.workers)
        return self._loader(pairs, StreamSampler(batches, per_batch, self), per_batch)

    def val_dataloader(self) -> DataLoader[Any]:
        """Returns all validation crops, the last batch included."""
        reader = PhotoReader(self.files, self.cache)
        crops = ValidationCrops(
            self.val_sets, reader, self.val_crop_size, self.augment, self.seed, self.val_scales
        )
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
