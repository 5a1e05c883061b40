"""Processes that load batches: room for what they hand over, and one line where one of them ends."""

from __future__ import annotations

import os
import re
from pathlib import Path

from lightning.fabric.utilities.seed import pl_worker_init_function
from torch import Tensor
from torch.utils.data import get_worker_info

from falseflaw import stopping
from falseflaw.errors import ConfigurationError, FalseFlawError, WorkerLostError

SHARED_MEMORY = Path("/dev/shm")

PREFETCH = 2
"""Batches that each worker has ready or under way."""

_WAY_OUT = "pass data.workers=0, or give the container more (docker run --shm-size=1g)"
_WRAPPED = re.compile(
    r"Caught (\w+) in DataLoader worker process \d+\.\s.*^[\w.]*\1: (.*)", re.DOTALL | re.MULTILINE
)
_LOST = re.compile(r"DataLoader worker \(pid.*(exited unexpectedly|killed by signal)")


def check_shared_memory(batch_bytes: int, workers: int) -> None:
    """Checks that the batches of all workers fit into shared memory, where they are handed over.

    Args:
        batch_bytes: Of all tensors of a batch.
        workers: Processes; 0 needs none.

    Raises:
        ConfigurationError: They do not.
    """
    needed, free = workers * PREFETCH * batch_bytes, _free_bytes(SHARED_MEMORY)
    if free is not None and needed > free:
        raise ConfigurationError(
            f"expected {_size(needed)} of shared memory in {SHARED_MEMORY} for {workers} workers, "
            f"got {_size(free)}; {_WAY_OUT}"
        )


def share(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Moves a batch into shared memory, in a worker; elsewhere it stays where it is.

    torch would do it in a thread of the queue, where a failure is printed and the batch lost: the training
    would wait for it for ever.

    Raises:
        ConfigurationError: There is no room.
    """
    if get_worker_info() is None:
        return batch
    try:
        for tensor in batch.values():
            tensor.share_memory_()
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigurationError(
            f"expected room for a batch in the shared memory {SHARED_MEMORY}, found none ({reason}); "
            f"{_WAY_OUT}"
        ) from error
    return batch


def prepare_worker(number: int) -> None:
    """Prepares a worker: seeds it as Lightning does, and lets a step under way be finished on a signal."""
    pl_worker_init_function(number)
    stopping.outlive_signals()


def worded(error: Exception) -> FalseFlawError | None:
    """Returns what went wrong with a worker as an error of one line; None where it was something else."""
    text = str(error)
    if isinstance(error, FalseFlawError):  # raised in a worker, it comes with the traceback in its text
        match = _WRAPPED.search(text)
        return None if match is None else type(error)(" ".join(match[2].split()))
    if not isinstance(error, RuntimeError) or not _LOST.search(" ".join(text.split())):
        return None
    if "Bus error" in text:
        return WorkerLostError(
            f"expected room in {SHARED_MEMORY} for the batches of all workers, got none; {_WAY_OUT}"
        )
    return WorkerLostError(
        "expected every worker to live, but one that loads batches was ended, perhaps for want of memory; "
        "go on with resume=auto and this run_dir, with fewer data.workers (train-inpainter: batch_workers) "
        "if it happens again"
    )


def _free_bytes(folder: Path) -> int | None:
    try:
        stats = os.statvfs(folder)
    except (OSError, AttributeError):  # other systems hand batches over in another way
        return None
    return stats.f_bavail * stats.f_frsize


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
