import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from falseflaw.errors import ConfigurationError, WorkerLostError
from falseflaw.workers import WorkerPool, lost_workers


def work(number: int) -> int:
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_killed_worker_is_one_line() -> None:
    with (
        pytest.raises(WorkerLostError, match=r"one that counts was ended.*again to go on") as raised,
        lost_workers("counts"),
        WorkerPool(2) as pool,
    ):
        assert list(pool.map(work, range(4)))
    assert "\n" not in str(raised.value)


def die_while_writing(number: int) -> bytes:
    """Returns more than a pipe holds; the worker that has number 2 is killed in the middle of it."""
    if number == 2:

        def write_half(connection: Connection, data: memoryview) -> None:
            os.write(connection.fileno(), data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)

        Connection._send = write_half  # type: ignore[attr-defined]
    return bytes(100_000)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_killed_in_the_middle_of_a_result_is_one_line(workers: int) -> None:
    with pytest.raises(WorkerLostError), lost_workers("counts"), WorkerPool(workers) as pool:
        assert list(pool.map(die_while_writing, range(4)))


def test_a_system_without_room_for_queues_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from concurrent.futures import process

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(process, "_SafeQueue", full)
    with pytest.raises(ConfigurationError, match="No space left on device; pass workers=0"):
        WorkerPool(1)


def test_no_pool_of_processes_is_made_in_another_way() -> None:
    root = Path(__file__).parents[1] / "src" / "falseflaw"
    made = [path.name for path in root.rglob("*.py") if "ProcessPoolExecutor" in path.read_text()]
    assert made == ["workers.py"]
