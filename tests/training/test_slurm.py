from pathlib import Path

import pytest

from falseflaw.errors import ConfigurationError
from falseflaw.training.slurm import RequeuedJob

JOB = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "1", "SLURM_JOB_NAME": "falseflaw"}


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> RequeuedJob:
    for name, value in JOB.items():
        monkeypatch.setenv(name, value)
    return RequeuedJob()


def scontrol(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "scontrol"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_outside_of_a_job_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_NTASKS", raising=False)
    with pytest.raises(ConfigurationError, match="expected a job of SLURM for trainer=slurm, found none"):
        RequeuedJob()


@pytest.mark.parametrize(
    ("more", "named"), [({}, "7"), ({"SLURM_ARRAY_JOB_ID": "40", "SLURM_ARRAY_TASK_ID": "3"}, "40_3")]
)
def test_the_job_or_its_place_in_an_array_is_put_back(
    job: RequeuedJob, more: dict[str, str], named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scontrol(tmp_path, f'echo "$@" > {tmp_path}/told', monkeypatch)
    assert job.requeue({**JOB, **more}) == f"job {named} is put back"
    assert (tmp_path / "told").read_text() == f"requeue {named}\n"


@pytest.mark.parametrize(
    ("script", "reason"), [("echo Access denied >&2; exit 1", "Access denied"), ("exit 3", "exit code 3")]
)
def test_a_cluster_that_refuses_is_told_in_one_line(
    job: RequeuedJob, script: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scontrol(tmp_path, script, monkeypatch)
    assert job.requeue(JOB) == f"cannot put job 7 back ({reason})"


def test_a_machine_without_the_program_is_told_too(
    job: RequeuedJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert job.requeue(JOB).startswith("cannot put job 7 back (")


@pytest.mark.parametrize(
    ("resume", "run_dir"), [(None, "runs/a"), ("auto", "runs/${now:%Y}"), ("runs/b", "runs/a")]
)
def test_a_command_that_would_not_go_on_is_refused(resume: str | None, run_dir: str) -> None:
    with pytest.raises(ConfigurationError, match="expected resume=auto and a run_dir without the time"):
        RequeuedJob.check_same_again(resume, run_dir)
    RequeuedJob.check_same_again("auto", "runs/a")
