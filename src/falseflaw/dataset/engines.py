"""Engines map the batches of a plan: here on this machine, in `ray_engine` on many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from falseflaw.dataset.batch import BatchMaker
from falseflaw.dataset.folder import Part
from falseflaw.dataset.plan import SetPlan

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
    """Works in this process: the next batch is painted and the last is saved while the networks write."""

    def run(self, batches: Mapping[int, Sequence[SetPlan]], load: MakeBatches) -> Iterator[Part]:
        """See `Engine.run`; parts come in the order of the batches."""
        maker = load()
        numbers = list(batches)
        with ThreadPoolExecutor(1, "prepare") as preparing, ThreadPoolExecutor(1, "save") as saving:
            ahead = [preparing.submit(maker.prepare, number, batches[number]) for number in numbers[:1]]
            behind: list[Future[Part]] = []
            for index in range(len(numbers)):
                batch = ahead.pop().result()
                for following in numbers[index + 1 : index + 2]:
                    ahead.append(preparing.submit(maker.prepare, following, batches[following]))
                written = maker.write(batch)
                while behind:
                    yield behind.pop().result()
                behind.append(saving.submit(maker.save, written))
            while behind:
                yield behind.pop().result()
