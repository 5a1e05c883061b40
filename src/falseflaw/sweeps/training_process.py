"""The training of one trial: `falseflaw train` in a process of its own.

A process of its own because a training that runs out of memory or crashes must not take the sweep along,
because the memory of a finished one is really free, and because Lightning starts further processes of a
distributed training by the command line.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from falseflaw.sweeps.protocol import GO_ON, PIPES, PRUNE

LOG_NAME = "trial.log"
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG, linux/prctl.h
_BEAT = 5.0


@dataclass(frozen=True)
class Ended:
    """How a training ended.

    Attributes:
        code: Exit code; 0 also where it was pruned.
        pruned: Whether it was told to end.
        error: Its last words where it failed.
        missed: Whether it would have gone on without the validation of the step that was saved.
    """

    code: int
    pruned: bool
    error: str = ""
    missed: bool = False


def run_training(
    words: Sequence[str],
    run_dir: Path,
    on_report: Callable[[int, float], bool],
    on_beat: Callable[[], None] = lambda: None,
) -> Ended:
    """Trains and returns how that ended.

    Args:
        words: Of `falseflaw train`, without the callback that reports.
        run_dir: Of the training; what it prints goes into its `trial.log`.
        on_report: Called with the optimizer step and the score of every validation; returns whether to prune.
        on_beat: Called every few seconds.

    Raises:
        KeyboardInterrupt: This process was asked to stop; the training was, too, and has saved its state.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    to_read, child_writes = os.pipe()
    child_reads, to_write = os.pipe()
    command = [sys.executable, "-m", "falseflaw.cli.main", "train", *words]
    command.append("+callbacks.report={_target_: falseflaw.sweeps.reporting.ReportToSweep}")
    pruned = missed = False
    try:
        with (run_dir / LOG_NAME).open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, PIPES: f"{child_reads},{child_writes}"},
                pass_fds=(child_reads, child_writes),
                start_new_session=True,  # Ctrl+C reaches the sweep, which hands it on
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        os.close(child_writes)
        os.close(child_reads)
        child_writes = child_reads = -1
        try:
            pruned, missed = _listen(to_read, to_write, on_report, on_beat)
            code = process.wait()
        except BaseException:
            process.send_signal(signal.SIGTERM)
            process.wait()
            raise
    finally:
        for pipe in (to_read, to_write, child_reads, child_writes):
            if pipe >= 0:
                os.close(pipe)
    error = "" if code == 0 else _last_words(run_dir / LOG_NAME, code)
    return Ended(code, pruned and code == 0, error, missed)


def _listen(
    to_read: int, to_write: int, on_report: Callable[[int, float], bool], on_beat: Callable[[], None]
) -> tuple[bool, bool]:
    """Answers reports until the training closes its end; returns whether it was pruned or missed a report."""
    held, pruned, missed = b"", False, False
    while True:
        ready, _, _ = select.select([to_read], [], [], _BEAT)
        if not ready:
            on_beat()
            continue
        part = os.read(to_read, 4096)
        if not part:
            return pruned, missed
        held += part
        while b"\n" in held:
            line, _, held = held.partition(b"\n")
            report = json.loads(line)
            if report["score"] is None:
                missed = True
            else:
                pruned = on_report(int(report["step"]), float(report["score"])) or pruned
            os.write(to_write, f"{PRUNE if pruned or missed else GO_ON}\n".encode())


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGTERM)


def _last_words(log: Path, code: int) -> str:
    """Returns the line in which the training told what was wrong."""
    if code < 0:
        return f"ended by {signal.Signals(-code).name}; see {log}"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    told = [line for line in lines if line.startswith("falseflaw train: ")]
    return told[-1].removeprefix("falseflaw train: ") if told else f"exit code {code}; see {log}"
