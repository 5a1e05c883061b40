"""Minutes that a run may take, and memory that it frees and gives back to the system."""

import platform
import subprocess
import sys

import pytest

from falseflaw import machine
from falseflaw.errors import ConfigurationError

PROGRAM = """
from pathlib import Path
from falseflaw.machine import return_freed_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

blocks = [b"x" * 60_000 for _ in range(2000)]  # below the size that malloc maps by itself
last = blocks.pop()
full = resident()
blocks.clear()
freed = resident()
return_freed_memory()
print(full - freed, full - resident())
"""


@pytest.mark.skipif(
    sys.platform != "linux" or platform.libc_ver()[0] != "glibc", reason="glibc alone can do it"
)
def test_freed_memory_is_returned_behind_a_block_in_use() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert before < 60_000_000  # else there is nothing to return, and the test shows nothing
    assert after > 100_000_000


def test_it_does_nothing_where_the_library_cannot(monkeypatch) -> None:
    monkeypatch.setattr(machine.ctypes, "CDLL", lambda name: object())
    machine.return_freed_memory()


def test_a_budget_is_over_when_its_minutes_are() -> None:
    now = iter([100.0, 100.0 + 89.9, 100.0 + 90])
    budget = machine.Budget(1.5, lambda: next(now))
    assert not budget.over
    assert budget.over
    assert not machine.Budget(None).over


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), "ten"])
def test_no_minutes_are_no_budget(minutes: float) -> None:
    with pytest.raises(ConfigurationError, match="expected minutes above 0, or null") as raised:
        machine.Budget(minutes)
    assert "\n" not in str(raised.value)
