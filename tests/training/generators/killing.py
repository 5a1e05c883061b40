"""Kills a training in another process, in the middle and without warning."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

ROOT = Path(__file__).parents[3]


def kill_midway(module: str, output: Path, steps: int, stage: str = "denoiser") -> None:
    """Starts `python -m module output steps`, kills it after its first checkpoint and sees what it left."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", module, str(output), str(steps)]
    process = subprocess.Popen(command, env=environment, cwd=ROOT)
    state, deadline = output / stage / "checkpoints/last.ckpt", time.monotonic() + 200
    while not state.is_file() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 0 < torch.load(state, weights_only=True)["global_step"] < steps
    assert not (output / "pipeline").exists()
