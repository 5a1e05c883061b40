"""Sweeps of Hydra's own: launchers of extras, a failed job, W&B's group."""

import importlib.util
import json
import os
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from tests.helpers import make_dataset

from falseflaw.cli.main import main
from falseflaw.paths import config_dir


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FALSEFLAW_DEBUG", raising=False)


def jobs(dataset: Path, *more: str) -> list[str]:
    return [
        "train",
        "-m",
        "experiment=smoke",
        f"dataset={dataset}",
        "trainer.max_steps=1",
        "run_dir=out",
        *more,
    ]


@pytest.mark.parametrize(
    ("option", "plugin"),
    [
        ("ray", "hydra_ray_launcher"),
        ("submitit_slurm", "hydra_submitit_launcher"),
        ("submitit_local", "hydra_submitit_launcher"),
    ],
)
def test_launchers_of_the_extra_compose(option: str, plugin: str) -> None:
    pytest.importorskip(f"hydra_plugins.{plugin}")
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = compose("train", [f"hydra/launcher={option}"], return_hydra_config=True)
    assert plugin in config.hydra.launcher._target_


def test_a_launcher_that_is_not_installed_is_one_line(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(jobs(dataset, "seed=1,2", "hydra/launcher=joblib")) == 2
    assert "pip install 'falseflaw[launchers]'" in capsys.readouterr().err


@pytest.mark.slow
def test_a_failed_job_loses_no_other_one(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(jobs(dataset, "model.residual_filters=3,4,0")) != 0
    assert "multiple of 3, got 4" in capsys.readouterr().err
    assert [Path(f"out/{job}/checkpoints/best.ckpt").is_file() for job in range(3)] == [True, False, True]


@pytest.mark.slow
def test_ray_runs_the_jobs(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("hydra_plugins.hydra_ray_launcher")
    source = str(Path(importlib.util.find_spec("falseflaw").origin).parents[1])  # type: ignore[union-attr,arg-type]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([source, os.environ.get("PYTHONPATH", "")]))
    assert main(jobs(dataset, "seed=1,2", "hydra/launcher=ray", "+hydra.launcher.ray.init.num_cpus=1")) == 0
    seeds = [json.loads(Path(f"out/{job}/provenance.json").read_text())["seed"] for job in range(2)]
    assert seeds == [1, 2]


@pytest.mark.slow
def test_wandb_shows_the_runs_of_a_sweep_together(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    words = jobs(dataset, "seed=1,2", "logger=wandb", "logger.wandb.tags=[pilot]")
    assert main([word.replace("run_dir=out", "run_dir=grid7") for word in words]) == 0
    for job in range(2):
        (file,) = Path(f"grid7/{job}").glob("wandb/offline-run-*/run-*.wandb")
        written = file.read_bytes()  # protocol buffers: text stands in them as it is
        for text in (b"grid7", b"pilot", b"val/score", b"val_crop_size", b"residual_filters"):
            assert text in written, text
