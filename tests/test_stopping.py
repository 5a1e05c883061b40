import signal
import subprocess
import sys

import pytest
from tests.helpers import heed_interrupts

WAITING = """
import signal, socket, sys, time
from falseflaw import stopping
from falseflaw.cli import main as entry

def run(verb, module, overrides):
    {work}

entry._run = run
sys.exit(entry.main(["predict"]))
"""

STUBBORN = """
    with stopping.deferred():
        bell, hammer = socket.socketpair()
        hammer.setblocking(False)
        signal.set_wakeup_fd(hammer.fileno())
        print("working", flush=True)
        while bell.recv(1):
            print("noted", flush=True)
"""


def begun(work: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING.format(work=work)],
        preexec_fn=heed_interrupts,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_each_signal_ends_a_verb_with_one_line_and_its_code(number: signal.Signals) -> None:
    process = begun('print("working", flush=True); signal.pause()')
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert error.count("\n") == 1
    assert error.startswith(f"falseflaw predict: stopped by {number.name}; ")


def test_a_second_signal_ends_at_once_but_an_echo_of_the_first_does_not() -> None:
    process = begun(STUBBORN.strip())
    assert process.stdout is not None
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "noted\n"
    process.send_signal(signal.SIGTERM)  # as `timeout` does, to the group as well
    assert process.stdout.readline() == "noted\n"
    while process.poll() is None:  # goes on until the echo's time is over
        process.send_signal(signal.SIGINT)
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
    assert process.returncode == -signal.SIGINT
    process.communicate()


def test_what_was_deferred_is_raised_at_the_end() -> None:
    work = """
    print("working", flush=True)
    with stopping.deferred():
        signal.raise_signal(signal.SIGTERM)
        print("done", flush=True)
"""
    process = begun(work.strip())
    assert process.stdout is not None
    assert process.stdout.read() == "done\n"  # what `begun` read ahead included
    _, error = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "stopped by SIGTERM" in error
