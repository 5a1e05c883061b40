"""A stream of batches that are drawn by number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import lightning.pytorch as pl
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from falseflaw.training.loader_workers import prepare_worker


class NumberedBatches(pl.LightningDataModule):
    """Batches by number: what one holds depends on its number alone, and not on who draws it when."""

    def __init__(self, draw: Callable[[int], Any], workers: int = 0) -> None:
        """Sets the module up.

        Args:
            draw: Returns a training batch by its number.
            workers: Processes that draw training batches; 0 draws in this one.
        """
        super().__init__()
        self.draw = draw
        self.workers = workers

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Leaves the batch as it is: 8-bit images are brought to the device by the losses."""
        return batch

    def train_dataloader(self) -> DataLoader[Any]:
        """Returns the batches that this process takes, from where the training stands."""
        return _loader(_Drawn(self.draw), _Numbers(self), self.workers)


class ValidatedBatches(NumberedBatches):
    """The same, with some to validate on."""

    def __init__(
        self,
        draw: Callable[[int], Any],
        draw_validation: Callable[[int], Any],
        validation_batches: int = 1,
        workers: int = 0,
    ) -> None:
        """Sets the module up.

        Args:
            draw: Returns a training batch by its number.
            draw_validation: Returns a validation batch by its number.
            validation_batches: How many there are.
            workers: Processes that draw training batches; 0 draws in this one.
        """
        super().__init__(draw, workers)
        self.draw_validation = draw_validation
        self.validation_batches = validation_batches

    def val_dataloader(self) -> DataLoader[Any]:
        """Returns the validation batches, the same for every process."""
        return _loader(_Drawn(self.draw_validation), range(self.validation_batches), 0)


class _Drawn(Dataset[Any]):
    def __init__(self, draw: Callable[[int], Any]) -> None:
        self._draw = draw

    def __getitem__(self, number: int) -> Any:
        return self._draw(number)


class _Numbers(Sampler[int]):
    def __init__(self, data: NumberedBatches) -> None:
        self._data = data

    def __len__(self) -> int:
        trainer = self._trainer
        return trainer.max_steps * trainer.accumulate_grad_batches

    def __iter__(self) -> Iterator[int]:
        trainer = self._trainer
        done = trainer.global_step * trainer.accumulate_grad_batches
        for batch in range(done, done + len(self)):
            yield batch * trainer.world_size + trainer.global_rank

    @property
    def _trainer(self) -> pl.Trainer:
        trainer = self._data.trainer
        assert trainer is not None
        return trainer


def _loader(source: Dataset[Any], numbers: Any, workers: int) -> DataLoader[Any]:
    return DataLoader(
        source,
        batch_size=None,
        sampler=numbers,
        num_workers=workers,
        collate_fn=_as_it_is,
        worker_init_fn=prepare_worker if workers else None,
    )


def _as_it_is(batch: Any) -> Any:
    return batch
