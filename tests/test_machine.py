"""Memory that was freed goes back to the system, though something at its end is still in use."""

import platform
import subprocess
import sys

import pytest

from falseflaw import machine

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
