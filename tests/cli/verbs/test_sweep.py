"""`falseflaw sweep` by the command itself, with trainings of seconds."""

import csv
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from tests.helpers import make_dataset

pytest.importorskip("optuna")

from falseflaw.cli.main import main
from falseflaw.dataset.manifest import read_manifest
from falseflaw.types import Fold

COMMAND = [sys.executable, "-m", "falseflaw.cli.main"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of which every file of fold test is gone: what reads one ends with an error."""
    folder = make_dataset(tmp_path_factory.mktemp("dataset"))
    rows = read_manifest(folder)
    tested = rows[rows["fold"] == Fold.TEST]
    assert len(tested)
    for path in {*tested["path"], *tested["mask_path"].dropna()} - {""}:
        (folder / path).unlink(missing_ok=True)
    return folder


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def call(dataset: Path, *more: str) -> list[str]:
    return ["sweep", "experiment=smoke", "space=smoke", f"dataset={dataset}", "run_dir=out", *more]


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open(newline="") as file:
        return [{key: cell for key, cell in row.items() if key != "seconds"} for row in csv.DictReader(file)]


@pytest.mark.slow
def test_a_killed_sweep_goes_on_without_fold_test_and_its_best_trains_to_the_same_score(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = call(dataset, "trials=2", "pruner=none", "progress=false")
    process = subprocess.Popen([*COMMAND, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    saved = Path("out/trials/1/checkpoints/last.ckpt")
    deadline = time.monotonic() + 280
    while not saved.is_file() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert saved.is_file()
    assert main(words) == 0, capsys.readouterr().err
    out = capsys.readouterr().out
    assert main([word.replace("run_dir=out", "run_dir=whole") for word in words]) == 0
    assert rows_of(Path("out")) == rows_of(Path("whole"))
    best = rows_of(Path("out"))[0]
    assert f"best: trial {best['trial']}" in out
    written = yaml.safe_load(Path("out/experiment/best.yaml").read_text(encoding="utf-8"))
    assert "dataset" not in written["data"]  # another dataset= stands for both
    call_again = shlex.split(out.partition("train it again: ")[2].splitlines()[0])
    assert main([*call_again[1:], "run_dir=again"]) == 0
    figures = torch.load("again/checkpoints/best.ckpt", weights_only=True)["figures"]
    assert figures["val/score"] == pytest.approx(float(best["val/score"]), abs=1e-12)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-m", "seed=1,2"], "trials=N says how many trainings"),
        (["resume=auto"], "goes on by itself"),
        (["trials=0"], "trials of at least 1"),
        (["space.optimizer.learning_rate.high=1e-9"], "space.optimizer.learning_rate"),
        (["dataset=nothing"], "falseflaw synthesize"),
        (["data.batchsize=4"], "did you mean data.batch_size=4"),
    ],
)
def test_mistakes_are_one_line(
    dataset: Path, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(call(dataset, *words)) != 0
    (line,) = [text for text in capsys.readouterr().err.splitlines() if text.startswith("falseflaw")]
    assert told in line
    assert not Path("out/study.db").exists()
