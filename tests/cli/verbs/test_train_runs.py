"""Run folders, resumes and signals of `falseflaw train`, by the command itself."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from tests.helpers import heed_interrupts, make_dataset

from falseflaw.cli.main import main
from falseflaw.models.checkpoint import load_detector

COMMAND = [sys.executable, "-m", "falseflaw.cli.main"]
RECORDS = {
    "config.yaml",
    "config_composed.yaml",
    "provenance.json",
    "history.json",
    "metrics.csv",
    "checkpoints",
}


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FALSEFLAW_DEBUG", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def tiny(dataset: Path, *more: str) -> list[str]:
    return ["experiment=smoke", f"dataset={dataset}", "trainer.max_steps=2", *more]


def errors_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("falseflaw")]


def seed_of(run: Path) -> int:
    return int(json.loads((run / "provenance.json").read_text())["seed"])


@pytest.mark.slow
def test_trainings_and_sweeps_of_one_moment_have_folders_of_their_own(dataset: Path) -> None:
    for seed in (1, 2):
        assert main(["train", *tiny(dataset, "run_dir=runs/${now:%Y}", f"seed={seed}")]) == 0
    assert [seed_of(run) for run in sorted(Path("runs").iterdir())] == [1, 2]
    for seed in (3, 4):
        sweep = ["hydra.sweep.dir=sweeps/${now:%Y}", "trainer.max_steps=1", f"seed={seed}"]
        assert main(["train", "-m", *tiny(dataset, *sweep)]) == 0
    assert [seed_of(run / "0") for run in sorted(Path("sweeps").iterdir())] == [3, 4]


def test_a_folder_that_another_process_trains_in_is_refused_at_the_start(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hold = "import sys; from pathlib import Path; from falseflaw.claim import claim; claim(Path('out'))"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{hold}; print('held', flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    assert main(["train", *tiny(dataset, "run_dir=out", "resume=auto")]) == 2
    (line,) = errors_of(capsys)
    assert "one is at work in" in line
    assert list(Path("out").iterdir()) == []
    process.communicate("")


def test_a_resume_keeps_a_history_and_hides_no_change(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *tiny(dataset, "run_dir=out")]) == 0
    before = {name: Path("out", name).read_bytes() for name in ("config.yaml", "history.json", "metrics.csv")}
    capsys.readouterr()
    for changes, message in (
        (["optimizer.learning_rate=0.5"], "expected optimizer.learning_rate=0.001 as in"),
        (
            ["seed=3"],
            "expected seed=0 as in the training that resume= goes on with, got 3 (and 1 more: data.seed",
        ),
        (["augment=none"], "expected augment"),
        (["ema_decay=null", "run_dir=new", "resume=out"], "expected ema_decay=0.999"),
    ):
        resumed = ["run_dir=out", "resume=auto", "trainer.max_steps=4", *changes]
        assert main(["train", *tiny(dataset, *resumed)]) == 2
        (line,) = errors_of(capsys)
        assert message in line
    assert before == {name: Path("out", name).read_bytes() for name in before}
    assert not Path("new").exists()
    resumed = ["run_dir=out", "resume=auto", "trainer.max_steps=3", "checkpoint_every=1"]
    assert main(["train", *tiny(dataset, *resumed)]) == 0
    first, second = json.loads(Path("out/history.json").read_text())
    assert first["config"] == yaml.safe_load(before["config.yaml"])
    assert (first["step"], first["resumed_from"], first["changed"]) == (0, None, {})
    assert (second["step"], Path(second["resumed_from"]).name) == (2, "last.ckpt")
    assert second["changed"] == {
        "resume": {"from": None, "to": "auto"},
        "checkpoint_every": {"from": 2, "to": 1},
        "trainer.max_steps": {"from": 2, "to": 3},
    }
    assert second["git_revision"]
    assert second["config"] == yaml.safe_load(Path("out/config.yaml").read_text())


@pytest.mark.slow
@pytest.mark.parametrize(
    "leftover", [{"RANK": "1"}, {"LOCAL_RANK": "1", "WORLD_SIZE": "2", "SLURM_PROCID": "1"}]
)
def test_what_a_scheduler_left_in_the_environment_costs_no_record(
    dataset: Path, leftover: dict[str, str]
) -> None:
    words = tiny(dataset, "run_dir=out", "trainer.max_steps=1")
    done = subprocess.run(
        [*COMMAND, "train", *words],
        env={**os.environ, **leftover},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {path.name for path in Path("out").iterdir()} - {"hparams.yaml"} == RECORDS
    assert "best checkpoint" in done.stdout


def stopped(
    words: list[str], sign: Path, number: signal.Signals, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Starts a training and sends it a signal once a file is there."""
    process = subprocess.Popen(
        [*COMMAND, *words],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed_interrupts,
    )
    deadline = time.monotonic() + 200
    while not sign.is_file() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    out, error = process.communicate(timeout=200)  # returns once no process of it holds the pipes any more
    return subprocess.CompletedProcess(words, process.returncode, out, error)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "more"),
    [
        (signal.SIGTERM, []),
        (signal.SIGTERM, ["data.workers=1"]),
        (signal.SIGINT, ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]),
    ],
)
def test_a_signal_saves_the_step_and_the_line_it_prints_goes_on(
    dataset: Path, number: signal.Signals, more: list[str]
) -> None:
    words = ["train", *tiny(dataset, "trainer.max_steps=90", "trainer.val_check_interval=30", *more)]
    last = Path("out/checkpoints/last.ckpt")
    done = stopped([*words, "run_dir=out", "checkpoint_every=1000"], Path("out/metrics.csv"), number)
    assert done.returncode == 128 + number, done.stderr
    (line,) = [text for text in done.stderr.splitlines() if text.startswith("falseflaw")]
    assert f"stopped by {number.name}; the last step is saved; go on with: " in line
    step = torch.load(last, weights_only=True)["global_step"]
    assert 0 < step < 90
    call = shlex.split(line.partition("go on with: ")[2])
    assert call[:2] == ["falseflaw", "train"]
    resumed = subprocess.run([*COMMAND, *call[1:]], capture_output=True, text=True, check=False)
    assert resumed.returncode == 0, resumed.stderr
    assert torch.load(last, weights_only=True)["global_step"] == 90
    history = json.loads(Path("out/history.json").read_text())
    assert [entry["step"] for entry in history] == [0, step]
    if more:  # that the weights are the same is tried once
        return
    subprocess.run([*COMMAND, *words, "run_dir=whole"], capture_output=True, check=True)
    whole = load_detector("whole/checkpoints/last.ckpt").state_dict()
    for name, tensor in load_detector(last).state_dict().items():
        torch.testing.assert_close(tensor, whole[name], atol=0, rtol=0)
    assert Path("out/metrics.csv").read_text() == Path("whole/metrics.csv").read_text()


@pytest.mark.slow
def test_the_line_that_goes_on_and_further_processes_know_a_folder_of_own_configurations(
    dataset: Path,
) -> None:
    own = Path("my own")
    (own / "experiment").mkdir(parents=True)
    (own / "experiment/mine.yaml").write_text("# @package _global_\ndefaults: [smoke]\nema_decay: 0.5\n")
    two = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
    words = tiny(dataset, "experiment=mine", "run_dir=out", "trainer.max_steps=90", *two)
    words = [word for word in words if word != "experiment=smoke"]
    done = stopped(["train", "--config-dir", str(own), *words], Path("out/metrics.csv"), signal.SIGTERM)
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    call = shlex.split(done.stderr.strip().splitlines()[-1].partition("go on with: ")[2])
    resumed = subprocess.run([*COMMAND, *call[1:]], capture_output=True, text=True, check=False)
    assert resumed.returncode == 0, resumed.stderr


@pytest.mark.slow
def test_two_processes_measure_what_one_measures(dataset: Path) -> None:
    """After one step that learns next to nothing, in which the first process sees what one alone sees.

    The normalizations of all processes are the first one's, so that the networks are the same.
    """
    still = ["optimizer.learning_rate=1e-9", "ema_decay=null", "trainer.max_steps=1", "data.val_sources=null"]
    words = [word for word in tiny(dataset, *still) if word != "trainer.max_steps=2"]
    two = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
    found = []
    for more in (["run_dir=one"], ["run_dir=two", *two]):
        call = [*COMMAND, "train", *words, *more]
        done = subprocess.run(call, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        checkpoint = torch.load(Path(more[0].split("=")[1], "checkpoints/last.ckpt"), weights_only=True)
        found.append(checkpoint["figures"])
    one, both = found
    loss = one.pop("val/loss")  # a mean over batches, which hold other crops
    assert both.pop("val/loss") == pytest.approx(loss, rel=0.01)
    assert len(one) > 5
    assert both == pytest.approx(one, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_a_job_of_slurm_that_is_preempted_is_put_back_and_goes_on(
    dataset: Path, number: signal.Signals, tmp_path: Path
) -> None:
    program = tmp_path / "bin" / "scontrol"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    program.chmod(0o755)
    job = {
        **{"PATH": f"{program.parent}:{os.environ['PATH']}", "SLURM_NODELIST": "localhost"},
        **{"SLURM_JOB_ID": "7", "SLURM_NTASKS": "1", "SLURM_NTASKS_PER_NODE": "1", "SLURM_JOB_NAME": "ours"},
        **dict.fromkeys(("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID"), "0"),
    }
    words = tiny(dataset, "trainer=slurm", "trainer.accelerator=cpu", "run_dir=out", "resume=auto")
    words = ["train", *words, "trainer.max_steps=60", "trainer.val_check_interval=30", "data.workers=1"]
    done = stopped(words, Path("out/metrics.csv"), number, **job)
    assert done.returncode == 128 + number, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("falseflaw")]
    assert lines[0] == "falseflaw: job 7 is put back"
    assert f"stopped by {number.name}; the last step is saved" in lines[1]
    assert Path("asked").read_text() == "requeue 7\n"
    last = Path("out/checkpoints/last.ckpt")
    assert 0 < torch.load(last, weights_only=True)["global_step"] < 60
    again = [*COMMAND, *words]
    done = subprocess.run(again, env={**os.environ, **job}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert torch.load(last, weights_only=True)["global_step"] == 60
    assert Path("asked").read_text() == "requeue 7\n"


def test_a_trainer_for_slurm_says_what_it_lacks(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SLURM_NTASKS", raising=False)
    assert main(["train", *tiny(dataset, "trainer=slurm", "run_dir=out", "resume=auto")]) == 2
    (line,) = errors_of(capsys)
    assert "expected a job of SLURM for trainer=slurm, found none" in line
    assert not Path("out").exists()


def test_before_anything_is_saved_the_line_says_so(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from falseflaw.training.detector import run

    def interrupt(*_: object, **__: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(run, "DetectorTask", interrupt)
    assert main(["train", *tiny(dataset, "run_dir=out")]) == 143
    assert "nothing was saved yet; run the same command again" in errors_of(capsys)[0]
    assert not Path("out").exists()
