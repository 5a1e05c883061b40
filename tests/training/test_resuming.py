import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.training.resuming import add_to_history, check_unchanged, find_resume

CONFIG: dict[str, Any] = {
    "seed": 0,
    "ema_decay": 0.99,
    "dataset": "a",
    "model": {"backbone": "x"},
    "optimizer": {"learning_rate": 1e-3},
    "augment": None,
    "data": {"dataset": "a", "workers": 0, "batch_size": 24, "leave_out": []},
    "trainer": {"max_steps": 40, "precision": "32-true", "profiler": None, "devices": 1},
    "logger": {"csv": {"name": ""}},
}


def changed(key: str, value: Any) -> dict[str, Any]:
    config = json.loads(json.dumps(CONFIG))
    part = config
    *above, last = key.split(".")
    for name in above:
        part = part[name]
    part[last] = value
    return config


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    path = tmp_path / "checkpoints" / "last.ckpt"
    path.touch()
    return path


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("seed", 1, "expected seed=0 as in the training that resume= goes on with, got 1"),
        ("ema_decay", None, "ema_decay=0.99 .* got null"),
        ("model.backbone", "y", "model.backbone=x .* got y"),
        ("optimizer.learning_rate", 0.01, "optimizer.learning_rate=0.001 .* got 0.01"),
        ("augment", {"jpeg": 1}, "augment=null .* got "),
        ("data.batch_size", 12, "data.batch_size=24 .* got 12"),
        ("data.leave_out", ["pixel"], r"data.leave_out=\[\] .* got \['pixel'\]"),
        ("trainer.precision", "bf16-mixed", "trainer.precision=32-true .* got bf16-mixed"),
        ("trainer.limit_train_batches", 0.5, "trainer.limit_train_batches=absent"),
    ],
)
def test_what_decides_what_is_learnt_is_refused_by_name(
    checkpoint: Path, key: str, value: Any, shown: str
) -> None:
    with pytest.raises(ConfigurationError, match=shown) as raised:
        check_unchanged(checkpoint, changed(key, value))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("trainer.max_steps", 80),
        ("trainer.devices", 2),
        ("data.workers", 2),
        ("data.dataset", "elsewhere"),
        ("trainer.profiler", {"dirpath": "x"}),
    ],
)
def test_how_long_and_where_it_runs_may_change(checkpoint: Path, key: str, value: Any) -> None:
    assert check_unchanged(checkpoint, CONFIG) == []
    names = [name for name, _, _ in check_unchanged(checkpoint, changed(key, value))]
    assert names
    assert all(name.startswith(key) for name in names)
    assert check_unchanged(checkpoint, changed("logger", None))


def test_a_broken_configuration_is_told_and_a_missing_one_compares_nothing(checkpoint: Path) -> None:
    config = checkpoint.parent.parent / "config.yaml"
    config.write_text("a: [")
    with pytest.raises(InvalidDataError, match=r"cannot read .*config\.yaml"):
        check_unchanged(checkpoint, CONFIG)
    config.unlink()
    assert check_unchanged(checkpoint, changed("seed", 1)) == []


def test_every_start_is_kept_also_one_from_before_there_was_a_history(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    add_to_history(tmp_path, {"step": 3, "config": changed("seed", 1)})
    add_to_history(tmp_path, {"step": 5, "config": CONFIG})
    history = json.loads((tmp_path / "history.json").read_text())
    assert [entry["config"]["seed"] for entry in history] == [0, 1, 0]
    (tmp_path / "history.json").write_text("{")
    with pytest.raises(InvalidDataError, match=r"cannot read .*history\.json"):
        add_to_history(tmp_path, {})


def test_another_runs_checkpoint_never_goes_on_in_a_used_folder(checkpoint: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "checkpoints"
    other.mkdir(parents=True)
    assert find_resume(tmp_path, other) == checkpoint
    (other / "last.ckpt").touch()
    with pytest.raises(ConfigurationError, match="expected an unused run_dir"):
        find_resume(tmp_path, other)
    assert find_resume(other.parent, other) == other / "last.ckpt"


def test_other_settings_than_the_checkpoint_holds_are_refused(
    train_tiny: Callable[..., Any], tmp_path: Path
) -> None:
    train_tiny(tmp_path, trainer={"max_steps": 2})
    for changes, message in (
        ({"optimizer": {"warmup_steps": 1, "learning_rate": 0.5}}, "optimizer.learning_rate=absent"),
        ({"loss": {"label_smoothing": 0.3}}, "loss.label_smoothing"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            train_tiny(tmp_path, trainer={"max_steps": 4}, resume="auto", **changes)
    assert torch.load(tmp_path / "checkpoints/last.ckpt", weights_only=True)["global_step"] == 2


def test_more_steps_stretch_the_schedule_from_the_first_step_on(
    train_tiny: Callable[..., Any], tmp_path: Path
) -> None:
    def rates(run_dir: Path) -> list[str]:
        lines = (run_dir / "metrics.csv").read_text().splitlines()
        column = lines[0].split(",").index("lr-AdamW/pg1")
        return [cells[column] for line in lines[1:] if (cells := line.split(","))[column]]

    settings = {"warmup_steps": 0, "learning_rate": 1e-3}
    train_tiny(tmp_path / "cut", trainer={"max_steps": 3}, optimizer=settings)
    train_tiny(tmp_path / "cut", trainer={"max_steps": 6}, optimizer=settings, resume="auto")
    train_tiny(tmp_path / "whole", trainer={"max_steps": 6}, optimizer=settings)
    assert rates(tmp_path / "cut")[3:] == rates(tmp_path / "whole")[3:]
