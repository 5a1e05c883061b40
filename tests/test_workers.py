import os
import signal
import struct
import sys
from pathlib import Path

import pytest

from falseflaw import workers
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


def die_in_the_middle_of_an_answer(number: int) -> int:
    """Sends the length of an answer and its first byte, as a worker does that is killed while it writes."""
    frame = sys._getframe()
    while frame is not None and "result_queue" not in frame.f_locals:
        frame = frame.f_back
    assert frame is not None
    os.write(frame.f_locals["result_queue"]._writer.fileno(), struct.pack("!i", 1000) + b"x")
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_half_an_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_GRACE", 0.1)
    with (
        pytest.raises(WorkerLostError, match="one that counts was ended"),
        lost_workers("counts"),
        WorkerPool(2) as pool,
    ):
        pool.submit(die_in_the_middle_of_an_answer, 1).result(timeout=100)


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
