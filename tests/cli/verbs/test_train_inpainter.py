from __future__ import annotations

import fcntl
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

from falseflaw.cli.main import main


def call(folder: Path, *overrides: str) -> int:
    return main([*arguments(folder), *overrides])


def arguments(folder: Path) -> list[str]:
    return [
        "train-inpainter",
        "photos=studio",
        "photos.count=16",
        "photos.width=96",
        "photos.height=112",
        "product_mask=classical",
        "recipe=tiny",
        "recipe.held_out=0.5",
        "recipe.autoencoder.max_steps=2",
        "recipe.denoiser.max_steps=2",
        "recipe.windows=2",
        "recipe.validation_windows=2",
        "split.fractions={inpainter: 1.0, train: 0.0, val: 0.0, test: 0.0}",
        "threads=1",
        "workers=0",
        "progress=false",
        f"run_dir={folder / 'run'}",
        f"cache={folder / 'cache'}",
    ]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")


def test_it_trains_on_rendered_photos_and_leaves_nothing_in_the_working_directory(tmp_path, capsys):
    assert call(tmp_path) == 0
    pipeline = tmp_path / "run/pipeline"
    assert capsys.readouterr().out.strip() == str(pipeline)
    facts = json.loads((pipeline / "training.json").read_text())
    assert facts["photo_set"] == "studio"
    assert facts["split"]["fractions"]["inpainter"] == 1.0
    assert facts["denoiser"]["step"] == 2
    assert facts["contributors"]
    assert not list((tmp_path / "cwd").iterdir())
    assert facts["camera"]["_target_"].endswith("CameraSampler")
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {
        *("config.yaml", "config_composed.yaml", "provenance.json", "history.json"),
        *("autoencoder", "decoder", "denoiser", "samples.png", "curve.png", "pipeline"),
    }
    learnt = json.loads((tmp_path / "run/provenance.json").read_text())["learnt_from"]
    assert learnt["contributors"] == facts["contributors"]
    assert (tmp_path / "run/denoiser/metrics.csv").is_file()


@pytest.mark.slow
def test_it_goes_on_and_tells_what_changed_or_must_not(tmp_path, capsys):
    assert call(tmp_path) == 0
    assert call(tmp_path, "recipe.denoiser.max_steps=3", "checkpoint_every=1") == 0
    history = json.loads((tmp_path / "run/history.json").read_text())
    assert [entry["step"] for entry in history] == [0, 2]
    assert history[1]["changed"]["recipe.denoiser.max_steps"] == {"from": 2, "to": 3}
    capsys.readouterr()
    for override, words in (
        ("recipe.denoiser.batch=3", "expected recipe.denoiser.batch=4 as in the training"),
        ("recipe.autoencoder.max_steps=3", "expected recipe.autoencoder.max_steps=2 as in the training"),
        ("trainer.gradient_clip_val=2", "expected trainer.gradient_clip_val=1.0 as in the training"),
        ("seed=5", "expected seed=0 as in the training"),
        ("resume=null", "resume=auto or choose another run_dir"),
        ("resume=nothing", "correct resume"),
    ):
        assert call(tmp_path, override) in {1, 2}, override
        assert words in capsys.readouterr().err
    assert len(json.loads((tmp_path / "run/history.json").read_text())) == 2


@pytest.mark.slow
def test_a_rank_in_the_environment_changes_nothing(tmp_path, monkeypatch, capsys):
    for name in ("RANK", "SLURM_PROCID"):
        monkeypatch.setenv(name, "1")
    assert call(tmp_path) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "run/pipeline")
    assert (tmp_path / "run/provenance.json").is_file()
    assert (tmp_path / "run/samples.png").is_file()
    assert (tmp_path / "run/denoiser/metrics.csv").is_file()


def test_a_folder_in_use_is_one_line(tmp_path, capsys):
    (tmp_path / "run").mkdir()
    descriptor = os.open(tmp_path / "run", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        assert call(tmp_path) == 2
    finally:
        os.close(descriptor)
    assert "no other process writes to" in capsys.readouterr().err
    assert not list((tmp_path / "run").iterdir())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_names_the_way_out(tmp_path, capsys):
    assert call(tmp_path, "trainer=gpu") == 2
    assert "pass trainer=cpu" in capsys.readouterr().err


def test_slurm_that_is_not_there_names_the_way_out(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("SLURM_NTASKS", raising=False)
    assert call(tmp_path, "trainer=slurm") == 2
    assert "expected a job of SLURM for trainer=slurm, found none" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    "chosen",
    [
        ["logger=both"],
        ["~logger"],
        ["trainer=gpu", "trainer.accelerator=cpu"],
        ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=1"],
        ["trainer=slurm", "trainer.accelerator=cpu"],
        ["recipe.denoiser.max_time=00:00:10:00", "batch_workers=1"],
    ],
    ids=" ".join,
)
def test_every_trainer_and_logger_runs(tmp_path, monkeypatch, chosen):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    if "trainer=slurm" in chosen:  # what `srun` leaves in the environment of a job's one process
        job = {
            "NODELIST": "localhost",
            "JOB_ID": "7",
            "JOB_NAME": "ours",
            "NTASKS": "1",
            "NTASKS_PER_NODE": "1",
        }
        for name, value in {**job, **dict.fromkeys(("PROCID", "LOCALID", "NODEID"), "0")}.items():
            monkeypatch.setenv(f"SLURM_{name}", value)
    assert call(tmp_path, *chosen) == 0
    assert (tmp_path / "run/pipeline/MODEL_CARD.md").is_file()
    assert (tmp_path / "run/denoiser/metrics.csv").is_file() == ("~logger" not in chosen)
    assert any((tmp_path / "run/denoiser").glob("wandb/offline-run-*")) == ("logger=both" in chosen)


@pytest.mark.slow
def test_two_processes_train_one_generator(tmp_path):
    words = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
    command = [sys.executable, "-m", "falseflaw.cli.main", *arguments(tmp_path), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=250)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == str(tmp_path / "run/pipeline")
    assert done.stdout.count("run/pipeline") == 1
    for stage in ("autoencoder", "decoder", "denoiser"):
        saved = torch.load(tmp_path / "run" / stage / "checkpoints/last.ckpt", weights_only=True)
        assert saved["global_step"] == 2


@pytest.mark.slow
def test_a_stopped_training_says_how_to_go_on_and_that_is_true(tmp_path):
    command = [sys.executable, "-m", "falseflaw.cli.main", *arguments(tmp_path)]
    command += ["recipe.denoiser.max_steps=200", "checkpoint_every=1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    state, deadline = tmp_path / "run/denoiser/checkpoints/last.ckpt", time.monotonic() + 200
    while not state.is_file() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=100)
    assert process.returncode == 143, told
    step = torch.load(state, weights_only=True)["global_step"]
    assert 0 < step < 200
    line = told.strip().splitlines()[-1]
    assert "stopped by SIGTERM" in line
    words = shlex.split(line.split("go on with: ")[1])
    assert words[:2] == ["falseflaw", "train-inpainter"]
    assert main([*words[1:], f"recipe.denoiser.max_steps={step + 1}"]) == 0
    assert torch.load(state, weights_only=True)["global_step"] == step + 1


@pytest.mark.slow
def test_the_latent_recipe_trains_at_its_full_width_for_a_step(tmp_path):
    counts = ["autoencoder.max_steps", "autoencoder.settle_steps", "denoiser.max_steps"]
    shrunk = ["recipe=latent", "photos.width=192", "photos.height=224", "recipe.sampling_steps=1"]
    shrunk += [f"recipe.{name}=1" for name in counts]
    shrunk += ["recipe.autoencoder.batch=2", "recipe.denoiser.batch=2"]
    assert call(tmp_path, *shrunk) == 0
    facts = json.loads((tmp_path / "run/pipeline/training.json").read_text())
    assert facts["recipe"]["sizes"]["unet_channels"] == [64, 128, 192]


def pixel(folder: Path, *overrides: str) -> int:
    """As `call`, with the recipe of the pixel generator."""
    shrunk = ["recipe=pixel", "recipe.held_out=0.5", "recipe.windows=2", "recipe.validation_windows=2"]
    shrunk += ["recipe.sampling_steps=1", "recipe.denoiser.max_steps=1", "recipe.denoiser.batch=2"]
    given = [text for text in arguments(folder) if not text.startswith("recipe")]
    return main([*given, *shrunk, "photos.width=192", "photos.height=224", *overrides])


@pytest.mark.slow
def test_the_pixel_recipe_trains_at_its_full_width_for_a_step_and_goes_on(tmp_path, capsys):
    assert pixel(tmp_path) == 0
    pipeline = tmp_path / "run/pipeline"
    assert capsys.readouterr().out.strip() == str(pipeline)
    assert pixel(tmp_path, "recipe.denoiser.max_steps=2") == 0
    facts = json.loads((pipeline / "training.json").read_text())
    assert facts["denoiser"]["step"] == 2
    assert facts["recipe"]["sizes"]["channels"] == [24, 48, 96, 144]
    assert (pipeline / "unet/diffusion_pytorch_model.safetensors").stat().st_size <= 9e6


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("outptu=x", "outptu"),
        ("recipe=nothing", "recipe=nothing"),
        ("recipe.denoiser.crop=36", "crops of the denoiser in multiples of"),
        ("recipe.held_out=0", "held_out in (0, 1)"),
        ("split.fractions={inpainter: 0.0, train: 1.0, val: 0.0, test: 0.0}", "fold inpainter"),
    ],
)
def test_a_wrong_value_is_one_line(tmp_path, capsys, override, words):
    assert call(tmp_path, override) in {1, 2}
    error = capsys.readouterr().err.strip()
    assert words in error.splitlines()[-1]
    assert error.splitlines()[-1].startswith("falseflaw train-inpainter: ")


def test_photos_that_are_not_there_are_one_line(tmp_path, capsys):
    assert main(["train-inpainter", f"photos.folder={tmp_path / 'none'}", f"cache={tmp_path / 'cache'}"]) == 1
    error = capsys.readouterr().err.strip()
    assert "none" in error.splitlines()[-1]
    assert "Traceback" not in error


def test_help_shows_groups_and_keys(capsys):
    assert main(["train-inpainter", "--help"]) == 0
    shown = capsys.readouterr().out
    for word in ("recipe", "latent*", "product_mask", "run_dir: runs/inpainter", "seed: 0"):
        assert word in shown
