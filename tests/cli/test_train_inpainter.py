from __future__ import annotations

import json
from pathlib import Path

import pytest

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
        ("recipe=nothing", "recipe/nothing"),
        ("recipe.denoiser.crop=36", "crops of the denoiser in multiples of"),
        ("recipe.held_out=0", "held_out in (0, 1)"),
        ("split.fractions={inpainter: 0.0, train: 1.0, val: 0.0, test: 0.0}", "fold inpainter"),
    ],
)
def test_a_wrong_value_is_one_line(tmp_path, capsys, override, words):
    assert call(tmp_path, override) == 1
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
