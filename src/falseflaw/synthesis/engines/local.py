"""Engines map the batches of a plan: here in this process, in `engines.ray` on many machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol

import torch

from falseflaw.dataset.folder import Part
from falseflaw.errors import ConfigurationError
from falseflaw.machine import return_freed_memory
from falseflaw.synthesis.batch import BatchMaker
from falseflaw.synthesis.plan import SetPlan

MakeBatches = Callable[[], BatchMaker]
"""Loads what a batch needs, in the process that works on it."""


class Engine(Protocol):
    """Works on planned batches."""

    def run(self, batches: Mapping[int, Sequence[SetPlan]], load: MakeBatches) -> Iterator[Part]:
        """Yields the part of every batch once its images and its part file are written, in any order.

        Args:
            batches: Number to plans.
            load: Loads networks and all else; can be pickled by cloudpickle.
        """
        ...


class LocalEngine:
    """Works in this process: the next batch is painted and the last is saved while the networks write.

    Args:
        threads: Of torch while the networks write; None for what torch takes by itself. Convolutions may
            round in another way with another number, so the same bytes need the same number.

    Raises:
        ConfigurationError: Fewer threads than one.
    """

    def __init__(self, threads: int | None = None) -> None:
        check_at_least("threads", threads, 1)
        self.threads = threads

    def run(self, batches: Mapping[int, Sequence[SetPlan]], load: MakeBatches) -> Iterator[Part]:
        """See `Engine.run`; parts come in the order of the batches."""
        maker = load()
        numbers = list(batches)
        with (
            torch_threads(self.threads),
            ThreadPoolExecutor(1, "prepare") as preparing,
            ThreadPoolExecutor(1, "save") as saving,
        ):
            ahead = [preparing.submit(maker.prepare, number, batches[number]) for number in numbers[:1]]
            behind: list[Future[Part]] = []
            for index in range(len(numbers)):
                batch = ahead.pop().result()
                for following in numbers[index + 1 : index + 2]:
                    ahead.append(preparing.submit(maker.prepare, following, batches[following]))
                outputs = maker.write(batch)
                while behind:
                    yield behind.pop().result()
                behind.append(saving.submit(maker.save, outputs))
                return_freed_memory()
            while behind:
                yield behind.pop().result()


@contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Has torch use so many threads inside the `with` block; None changes nothing."""
    if count is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def check_at_least(name: str, value: float | None, least: float) -> None:
    """Checks an option of an engine; None is always allowed.

    Raises:
        ConfigurationError: The value is smaller.
    """
    if value is not None and value < least:
        raise ConfigurationError(f"expected engine.{name} >= {least:g} or null, got {value}")
