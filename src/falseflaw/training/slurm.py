"""A training as a job of SLURM: preempted, it is put back into the queue, and goes on when it runs again."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping

from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

from falseflaw.errors import ConfigurationError

PREEMPTING = (signal.SIGTERM, signal.SIGUSR1)
"""Signals after which a job is put back: preemption and the end of its time send the first, `sbatch
--signal=USR1@300` the second. Ctrl+C, which is `scancel --signal=INT`, ends a training for good."""

_SUBMIT = 60
"""Seconds that SLURM's controller may take to answer."""


class RequeuedJob(SLURMEnvironment):
    """The processes that `srun` started; the first of them puts the job back where it was preempted.

    Lightning's own way of doing so is off: it saves in the middle of a step, under a name of its own, and
    goes on until it is killed.

    Raises:
        ConfigurationError: This is no job of SLURM.
    """

    def __init__(self) -> None:
        if not SLURMEnvironment.detect():
            raise ConfigurationError(
                "expected a job of SLURM for trainer=slurm, found none; start it with `srun` in a script for "
                "`sbatch`, or pass trainer=gpu or trainer=ddp"
            )
        super().__init__(auto_requeue=False)

    @staticmethod
    def check_same_again(resume: object, run_dir: str) -> None:
        """Checks that the same command, given again, goes on with this training.

        Args:
            resume: The key of that name.
            run_dir: The key of that name, before what it names was filled in.

        Raises:
            ConfigurationError: It would not.
        """
        if str(resume) != "auto" or "${now:" in run_dir:
            raise ConfigurationError(
                "expected resume=auto and a run_dir without the time for trainer=slurm, since a job that is "
                f"put back runs the same command again, got resume={resume} and run_dir={run_dir}"
            )

    def requeue(self, environment: Mapping[str, str]) -> str:
        """Puts the job back into the queue; returns in a few words what came of it.

        Args:
            environment: Variables that SLURM gave the job.
        """
        job = environment["SLURM_JOB_ID"]
        if "SLURM_ARRAY_JOB_ID" in environment:
            job = f"{environment['SLURM_ARRAY_JOB_ID']}_{environment['SLURM_ARRAY_TASK_ID']}"
        try:
            call = ["scontrol", "requeue", job]
            done = subprocess.run(
                call,
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
                timeout=_SUBMIT,
                check=False,
            )
            told = "" if done.returncode == 0 else done.stderr.strip() or f"exit code {done.returncode}"
        except (OSError, subprocess.TimeoutExpired) as error:
            told = str(error)
        return f"cannot put job {job} back ({' '.join(told.split())})" if told else f"job {job} is put back"
