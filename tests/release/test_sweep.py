from pathlib import Path

import pytest
import torch
import yaml

from falseflaw.errors import InvalidDataError, MissingDataError
from falseflaw.release.sweep import choose, differing


def finished(folder: Path, score: float | None, **settings: object) -> Path:
    """A run's folder as training leaves it, as far as its score and its settings go."""
    (folder / "checkpoints").mkdir(parents=True)
    config = {"run_dir": str(folder), "data": {"dataset": "data/one", "workers": 2}, "seed": 0} | settings
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    checkpoint = {
        "hyper_parameters": {"detector": {}},
        "state_dict": {},
        "callbacks": {"Other": {}, "BestAndLast": {"best_score": score}},
    }
    torch.save(checkpoint, folder / "checkpoints/best.ckpt")
    return folder


def test_the_best_run_is_taken_and_told_why(tmp_path: Path) -> None:
    for index, score in enumerate((0.71, 0.83, 0.82)):
        finished(tmp_path / str(index), score, optimizer={"lr": 10.0**-index})
    choice = choose(tmp_path)
    assert choice.best.folder == tmp_path / "1"
    lines = choice.text.splitlines()
    assert lines[0] == f"best run: {tmp_path / '1'} (val/score 0.8300, 0.0100 above the next)"
    assert lines[1].split() == ["run", "val/score", "optimizer.lr"]
    assert [line.split() for line in lines[2:]] == [
        ["1", "0.8300", "0.1"],
        ["2", "0.8200", "0.01"],
        ["0", "0.7100", "1.0"],
    ]


def test_unfinished_runs_are_left_out_and_told(tmp_path: Path) -> None:
    finished(tmp_path / "0", 0.5)
    finished(tmp_path / "1", None)
    (finished(tmp_path / "2", 0.9) / "checkpoints/best.ckpt").unlink()
    (finished(tmp_path / "3", 0.9) / "checkpoints/best.ckpt").write_bytes(b"")
    choice = choose(tmp_path)
    assert choice.best.folder.name == "0"
    assert "the only one" in choice.text
    assert list(choice.left_out) == ["1", "2", "3"]
    assert "never validated" in choice.left_out["1"]


def test_equal_scores_go_by_name(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        finished(tmp_path / name, 0.5)
    assert choose(tmp_path).best.folder.name == "a"


def test_many_runners_up_are_counted(tmp_path: Path) -> None:
    for index in range(13):
        finished(tmp_path / f"{index:02}", index / 100)
    assert choose(tmp_path).text.splitlines()[-1] == "and 2 below"


def test_jobs_in_deeper_folders_are_found(tmp_path: Path) -> None:
    finished(tmp_path / "lr=1/seed=2", 0.5)
    assert choose(tmp_path).best.folder == tmp_path / "lr=1/seed=2"


def test_scores_on_different_datasets_are_not_compared(tmp_path: Path) -> None:
    finished(tmp_path / "0", 0.5)
    finished(tmp_path / "1", 0.6, data={"dataset": "data/two"})
    with pytest.raises(InvalidDataError, match="data/one and data/two"):
        choose(tmp_path)


def test_nothing_to_export_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"falseflaw train -m") as caught:
        choose(tmp_path)
    assert "\n" not in str(caught.value)
    finished(tmp_path / "0", None)
    with pytest.raises(MissingDataError, match="never validated"):
        choose(tmp_path)


def test_what_differs_leaves_out_where_runs_lie() -> None:
    runs = [{"run_dir": "a", "lr": 1, "only": 2}, {"run_dir": "b", "lr": 1}]
    assert differing(runs) == ["only"]
