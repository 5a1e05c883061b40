"""Maps the batches with Ray: one set of networks an actor, on this machine or on a cluster.

Images and part files are written by the actors, straight into the dataset's folder; only rows come back.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import socket
import threading
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from falseflaw.dataset.folder import Part
from falseflaw.errors import ConfigurationError, InvalidDataError, MissingExtraError
from falseflaw.machine import return_freed_memory
from falseflaw.synthesis.batch import BatchMaker
from falseflaw.synthesis.engines.local import MakeBatches, check_at_least
from falseflaw.synthesis.plan import SetPlan

_IN_FLIGHT = 3
"""Batches of one actor at a time: one is prepared, one is at the networks, one is saved."""

_PATIENCE = 600.0
"""Seconds without any actor after which the build gives up."""

_KNOCK = 10.0
"""Seconds in which the head of a cluster must take a connection."""

_STORE_BYTES = 128 << 20
"""Ray's shared memory on this machine; plans and rows are small, networks go through it once."""


class RayEngine:
    """Hands batches to actors and gives those of an actor that died to another one.

    Args:
        actors: Processes with networks of their own; None for as many as the cluster has room for.
        cpus_per_actor: Cores that each takes.
        gpus_per_actor: GPUs that each takes, in parts too; None for one each where the cluster has any.
        threads: Of torch in each; None for its whole cores. The bytes of another engine need its number.
        attempts: Times that a batch may lose its actor before the build ends, 2 or more.
        address: Of a running cluster, `auto` for the one that this machine belongs to; None starts one
            here for the time of the build.

    Raises:
        MissingExtraError: Ray is not installed.
        ConfigurationError: A value is out of range.
    """

    def __init__(
        self,
        actors: int | None = None,
        cpus_per_actor: float = 1,
        gpus_per_actor: float | None = None,
        threads: int | None = None,
        attempts: int = 3,
        address: str | None = None,
    ) -> None:
        if importlib.util.find_spec("ray") is None:
            raise MissingExtraError(
                "expected the extra ray, which is not installed; install it: pip install 'falseflaw[ray]'"
            )
        check_at_least("actors", actors, 1)
        check_at_least("cpus_per_actor", cpus_per_actor, 0)
        check_at_least("gpus_per_actor", gpus_per_actor, 0)
        check_at_least("threads", threads, 1)
        check_at_least("attempts", attempts, 2)  # the first death may be a neighbor's fault
        self.actors, self.cpus_per_actor, self.gpus_per_actor = actors, cpus_per_actor, gpus_per_actor
        self.threads = threads or max(1, int(cpus_per_actor))
        self.attempts, self.address = attempts, address

    def run(self, batches: Mapping[int, Sequence[SetPlan]], load: MakeBatches) -> Iterator[Part]:
        """See `Engine.run`; parts come in the order in which they are done.

        Raises:
            ConfigurationError: The cluster cannot be reached or has no room for an actor, or an actor's
                machine does not see the dataset.
            InvalidDataError: A batch ended its actor again and again.
        """
        import ray

        with _cluster(self.address):
            nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
            gpus = self.gpus_per_actor
            if gpus is None:
                gpus = 1 if any(node.get("GPU") for node in nodes) else 0
            room = room_for(nodes, self.cpus_per_actor, gpus)
            if not room:
                raise ConfigurationError(
                    f"expected a machine with {self.cpus_per_actor:g} cores and {gpus:g} GPUs for an actor, "
                    "the Ray cluster has none; lower engine.cpus_per_actor or engine.gpus_per_actor"
                )
            actor = ray.remote(_Actor).options(
                num_cpus=self.cpus_per_actor,
                num_gpus=gpus,
                max_concurrency=_IN_FLIGHT,
                max_restarts=0,
                max_task_retries=0,
                scheduling_strategy="SPREAD",
            )
            count = min(self.actors or room, len(batches))
            crew = _Crew(actor, (ray.put(load), str(Path.cwd()), self.threads), batches, self.attempts)
            try:
                yield from crew.work(count)
            finally:
                crew.dismiss()


def room_for(nodes: Sequence[Mapping[str, float]], cpus: float, gpus: float) -> int:
    """Returns how many actors fit on machines with these resources, each on one machine.

    Args:
        nodes: Resources of each machine, as Ray names them.
        cpus: Cores an actor takes; with 0 and no GPUs, one actor a machine fits.
        gpus: GPUs an actor takes.
    """
    wants = {name: amount for name, amount in (("CPU", cpus), ("GPU", gpus)) if amount}
    if not wants:
        return len(nodes)
    return sum(
        min(int(node.get(name, 0) / amount + 1e-9) for name, amount in wants.items()) for node in nodes
    )


@contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    """Joins or starts a cluster, and leaves it; one that this process already belongs to is kept."""
    import ray

    if ray.is_initialized():
        yield
        return
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        options |= {"include_dashboard": False, "object_store_memory": _STORE_BYTES}
    try:
        _check_answers(address)
        ray.init(address=address or "local", **options)
    except OSError as error:  # ConnectionError and TimeoutError are such
        raise ConfigurationError(
            f"expected a Ray cluster at engine.address={address}, found none; start it with "
            "`ray start --head`, or leave engine.address out to start one here"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _check_answers(address: str | None) -> None:
    """Knocks at an address of host and port: Ray itself would wait there for minutes.

    Raises:
        OSError: Nothing answers.
    """
    match = re.fullmatch(r"([^/]+):(\d+)", address or "")
    if match:
        socket.create_connection((match[1], int(match[2])), timeout=_KNOCK).close()


class _Actor:
    """Runs the batch function in a process of its own; batches overlap, each stage does one at a time."""

    def __init__(self) -> None:
        self._preparing, self._writing, self._saving = (threading.Lock() for _ in range(3))
        self._maker: BatchMaker
        self._threads = 1

    def start(self, load: MakeBatches, directory: str, threads: int) -> None:
        """Loads the networks, in the working directory of the build where this machine has it.

        Not done when the actor is made: errors of that stage lose their type.
        """
        if Path(directory).is_dir():
            os.chdir(directory)
        self._threads = threads
        torch.set_num_threads(threads)
        self._maker = load()

    def make(self, number: int, plans: Sequence[SetPlan]) -> Part:
        """Prepares, writes and saves a batch."""
        with self._preparing:
            batch = self._maker.prepare(number, plans)
        with self._writing:
            torch.set_num_threads(self._threads)  # OpenMP keeps it per thread, and Ray calls from several
            batch = self._maker.write(batch)
        with self._saving:
            part = self._maker.save(batch)
            return_freed_memory()
            return part


@dataclass(eq=False)
class _Worker:
    """An actor as its build sees it."""

    handle: Any
    ready: bool = False
    batches: set[int] = field(default_factory=set)


class _Crew:
    """The actors of a build, what each of them works on, and what is still to do."""

    def __init__(
        self, actor: Any, start: tuple[Any, ...], batches: Mapping[int, Sequence[SetPlan]], attempts: int
    ) -> None:
        self._actor, self._start, self._batches, self._attempts = actor, start, batches, attempts
        self._todo = deque(batches)
        self._workers: list[_Worker] = []
        self._pending: dict[Any, tuple[_Worker, int | None]] = {}  # by reference; None: it starts
        self._deaths: Counter[int | None] = Counter()

    def work(self, count: int) -> Iterator[Part]:
        """Yields the parts of all batches, made by so many actors."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        for _ in range(count):
            self._hire()
        left = len(self._batches)
        while left:
            self._hand_out()
            done, _ = ray.wait(list(self._pending), num_returns=1, timeout=_PATIENCE)
            if not done and not any(worker.ready for worker in self._workers):
                raise ConfigurationError(
                    f"expected an actor to start within {_PATIENCE:g} s, none did; `ray status` says what "
                    "the cluster lacks"
                )
            for reference in done:
                worker, number = self._pending.pop(reference)
                try:
                    part = ray.get(reference)
                except RayTaskError as error:
                    if isinstance(error.cause, Exception):  # else it could not be sent
                        raise error.cause from error
                    raise
                except RayError as error:  # of every kind in which an actor, its machine or its memory ends
                    self._bury(worker, number, error)
                    continue
                if number is None:
                    worker.ready = True
                    del self._deaths[None]  # of those that start, only deaths in a row count
                    continue
                worker.batches.discard(number)
                left -= 1
                yield part

    def dismiss(self) -> None:
        """Ends all actors."""
        for worker in self._workers:
            self._end(worker)

    def _hire(self) -> None:
        worker = _Worker(self._actor.remote())
        self._workers.append(worker)
        self._pending[worker.handle.start.remote(*self._start)] = worker, None

    def _hand_out(self) -> None:
        """Gives batches to the actors with the fewest.

        A batch that has lost an actor gets one for itself: if that dies too, no other is to blame.
        """
        while self._todo:
            suspect = self._deaths[self._todo[0]] > 0
            free = [
                worker
                for worker in self._workers
                if worker.ready
                and len(worker.batches) < (1 if suspect else _IN_FLIGHT)
                and not any(self._deaths[number] for number in worker.batches)
            ]
            if not free:
                return
            worker = min(free, key=lambda candidate: len(candidate.batches))
            number = self._todo.popleft()
            worker.batches.add(number)
            self._pending[worker.handle.make.remote(number, self._batches[number])] = worker, number

    def _bury(self, worker: _Worker, number: int | None, error: Exception) -> None:
        """Puts the batch of a dead actor back and hires another; its other batches come here in turn."""
        self._deaths[number] += 1
        if self._deaths[number] >= self._attempts:
            raise InvalidDataError(self._blame(number, error)) from error
        if number is not None:
            self._todo.appendleft(number)
        if worker in self._workers:
            self._workers.remove(worker)
            self._end(worker)
            self._hire()

    def _blame(self, number: int | None, error: Exception) -> str:
        times, reason = self._deaths[number], " ".join(str(error).split())[:200]
        if number is None:
            return f"expected actors that load the networks, {times} died of it; {reason}"
        names = [plan.source_id for plan in self._batches[number]]
        shown = ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
        return (
            f"batch {number} ({shown}) ended its actor {times} times; see Ray's logs, by default in "
            f"/tmp/ray/session_latest/logs, and try a smaller synthesis.batch_size; {reason}"
        )

    @staticmethod
    def _end(worker: _Worker) -> None:
        import ray

        with suppress(Exception):  # the cluster may be gone already
            ray.kill(worker.handle)
