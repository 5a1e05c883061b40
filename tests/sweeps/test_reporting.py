"""What a training tells its sweep, and that it ends where it is told to."""

import json
import os
from pathlib import Path

import pytest
import torch
from tests.helpers import make_dataset

from falseflaw.cli.main import main
from falseflaw.sweeps.protocol import GO_ON, PIPES, PRUNE

CALLBACK = "+callbacks.report={_target_: falseflaw.sweeps.reporting.ReportToSweep}"


def test_a_pruned_training_ends_after_the_validation_with_its_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    dataset = make_dataset(tmp_path / "dataset")
    reads, answers = os.pipe()
    hears, writes = os.pipe()
    os.write(answers, f"{GO_ON}\n".encode())
    monkeypatch.setenv(PIPES, f"{reads},{writes}")
    tiny = ["train", "experiment=smoke", f"dataset={dataset}", "run_dir=out", "trainer.val_check_interval=1"]

    asked = 0
    real = os.read

    def read(descriptor: int, count: int) -> bytes:
        nonlocal asked
        if descriptor == reads:
            asked += 1
            if asked == 2:
                os.write(answers, f"{PRUNE}\n".encode())
        return real(descriptor, count)

    monkeypatch.setattr(os, "read", read)
    assert main([*tiny, CALLBACK]) == 0, capsys.readouterr().err
    reports = [json.loads(line) for line in real(hears, 4096).decode().splitlines()]
    assert [report["step"] for report in reports] == [1, 2]
    assert torch.load("out/checkpoints/last.ckpt", weights_only=True)["global_step"] == 2
    best = torch.load("out/checkpoints/best.ckpt", weights_only=True)["figures"]["val/score"]
    assert best == pytest.approx(max(report["score"] for report in reports))


def test_a_training_of_its_own_has_nobody_to_report_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(PIPES, raising=False)
    dataset = make_dataset(tmp_path / "dataset")
    call = ["train", "experiment=smoke", f"dataset={dataset}", f"run_dir={tmp_path / 'out'}", CALLBACK]
    assert main(call) == 2
    assert "leave callbacks.report out" in capsys.readouterr().err
