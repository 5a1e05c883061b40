import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from tests.helpers import make_dataset

from falseflaw.cli.main import main
from falseflaw.dataset.manifest import MANIFEST_NAME, read_manifest, write_manifest
from falseflaw.models.checkpoint import load_detector
from falseflaw.paths import config_dir

GROUPS = ("model", "data", "augment", "loss", "optimizer", "trainer", "logger", "experiment", "debug")
OPTIONS = [(group, path.stem) for group in GROUPS for path in sorted((config_dir() / group).glob("*.yaml"))]
COMMAND = [sys.executable, "-m", "falseflaw.cli.main", "train"]


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FALSEFLAW_DEBUG", raising=False)


def tiny(dataset: Path, run_dir: str = "out") -> list[str]:
    return ["experiment=smoke", f"dataset={dataset}", f"run_dir={run_dir}", "trainer.max_steps=2"]


def errors_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("falseflaw")]


def test_a_run_folder_tells_all(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *tiny(dataset), "seed=5"]) == 0
    assert {path.name for path in Path().iterdir()} == {"out"}  # no log files, no outputs/ beside it
    names = {str(path.relative_to("out")) for path in Path("out").rglob("*") if path.is_file()}
    wanted = {"config.yaml", "config_composed.yaml", "provenance.json", "history.json", "metrics.csv"}
    assert names - {"hparams.yaml"} == wanted | {"checkpoints/best.ckpt", "checkpoints/last.ckpt"}
    resolved = yaml.safe_load(Path("out/config.yaml").read_text())
    assert (resolved["dataset"], resolved["data"]["dataset"]) == (str(dataset), str(dataset))
    assert Path(resolved["run_dir"]).resolve() == Path("out").resolve()
    assert "${seed}" in Path("out/config_composed.yaml").read_text()
    assert "${" not in Path("out/config.yaml").read_text()
    provenance = json.loads(Path("out/provenance.json").read_text())
    assert provenance["seed"] == 5
    assert provenance["packages"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    printed = capsys.readouterr().out
    assert "out/checkpoints/best.ckpt" in printed
    assert "auroc" in printed
    checkpoint = torch.load("out/checkpoints/best.ckpt", weights_only=True)
    assert checkpoint["hyper_parameters"]["detector"] == resolved["model"]
    assert load_detector("out/checkpoints/best.ckpt").stride_multiple == 32


def test_a_run_goes_on_with_its_own_dataset_only(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *tiny(dataset)]) == 0
    learnt = json.loads(Path("out/provenance.json").read_text())["learnt_from"]
    assert learnt["config_hash"] == "tiny"
    assert learnt["contributors"]
    other = make_dataset(tmp_path / "other", sources=8, seed=3)
    rows = read_manifest(other).assign(config_hash="another")
    write_manifest(rows, other / MANIFEST_NAME)
    capsys.readouterr()
    assert main(["train", *tiny(other), "resume=auto"]) == 2
    assert "began with (configuration tiny)" in errors_of(capsys)[-1]


def overrides_for(group: str, option: str) -> list[str]:
    """What makes one option run in seconds on a machine without its hardware."""
    if (group, option) == ("debug", "overfit"):
        return ["trainer.max_steps=2"]
    if group == "experiment":
        small = ["model=tiny", "data.batch_size=4", "data.pairs.crop_size=64", "data.val_crop_size=96"]
        left_out = ["data.leave_out=[twin]"] if "without" in option else []  # a network of the tiny dataset
        small += ["start=null"] if option == "quickstart" else []  # weights of the large network
        return [*small, *left_out, "data.workers=0", "trainer.val_check_interval=2"]
    if group == "trainer" and option != "cpu":
        outside = ["trainer.plugins=null"] if option == "slurm" else []
        return ["trainer.accelerator=cpu", "trainer.precision=32-true", "trainer.devices=1", *outside]
    return []


@pytest.mark.slow
@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_configuration_runs(
    group: str,
    option: str,
    dataset: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    chosen = [f"experiment={option}"] if group == "experiment" else ["experiment=smoke", f"{group}={option}"]
    if group == "data":
        chosen += ["data.workers=0"]
    if option == "streaming":
        pytest.importorskip("litdata")
        assert main(["shard", f"dataset={dataset}", "output=shards", "progress=false"]) == 0
        chosen += ["data.shards=shards"]
    arguments = [*chosen, f"dataset={dataset}", "run_dir=out", "trainer.max_steps=2"]
    code = main(["train", *arguments, *overrides_for(group, option)])
    assert code == 0, capsys.readouterr().err
    assert "LOCAL_RANK" not in os.environ  # what a distributed training leaves would confuse the next one
    assert not torch.distributed.is_initialized()
    assert Path("out/checkpoints/best.ckpt").is_file()
    assert Path("out/metrics.csv").is_file() == (option != "wandb")
    assert any(Path("out").glob("wandb/offline-run-*")) == (option in {"wandb", "both"})
    if option == "profiler":
        assert any("training_step" in path.read_text() for path in Path("out").glob("*profile*"))


@pytest.mark.slow
def test_a_sweep_trains_one_run_per_seed(dataset: Path) -> None:
    arguments = [argument for argument in tiny(dataset) if not argument.startswith("run_dir")]
    assert main(["train", "-m", *arguments, "seed=1,2", "trainer.max_steps=1"]) == 0
    runs = sorted(path.parent for path in Path("runs/multirun").rglob("provenance.json"))
    assert [run.name for run in runs] == ["0", "1"]
    seeds = [json.loads((run / "provenance.json").read_text())["seed"] for run in runs]
    assert seeds == [1, 2]
    first, second = (load_detector(run / "checkpoints/last.ckpt").state_dict() for run in runs)
    assert any((first[name] != second[name]).any() for name in first)


@pytest.mark.slow
def test_mistakes_are_one_line_and_leave_nothing(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, message in (
        (["dataset=nothing"], "falseflaw synthesize"),
        (["data.pairs.crop_size=100"], "multiple of 32, got 100"),
        (["data.batchsize=4"], "batchsize"),
        (["model=huge"], "huge"),
        (["model.backbone=no_net"], "no_net"),
        (["resume=nothing"], "correct resume"),
        (["augment.jpeg_quality=[0,90]"], "jpeg_quality"),
        (["optimizer.learning_rate=-1"], "learning_rate"),
    ):
        assert main(["train", *tiny(dataset), *arguments]) != 0, arguments
        lines = errors_of(capsys)
        assert len(lines) == 1, (arguments, lines)
        assert message in lines[0]
        assert not Path("out/checkpoints").exists()


@pytest.mark.slow
def test_a_used_run_folder_is_not_overwritten_but_gone_on_with(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *tiny(dataset)]) == 0
    before = Path("out/checkpoints/last.ckpt").read_bytes()
    capsys.readouterr()
    assert main(["train", *tiny(dataset)]) == 2
    assert "resume=auto" in errors_of(capsys)[0]
    assert Path("out/checkpoints/last.ckpt").read_bytes() == before
    assert main(["train", *tiny(dataset), "trainer.max_steps=3", "resume=auto"]) == 0
    assert torch.load("out/checkpoints/last.ckpt", weights_only=True)["global_step"] == 3
    assert main(["train", *tiny(dataset, "other"), "resume=out", "model.residual_filters=6"]) == 2
    assert "expected model.residual_filters=3 as in the training" in errors_of(capsys)[0]


def test_missing_wandb_is_one_line(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import importlib.util

    real = importlib.util.find_spec
    hide = lambda name, *rest: None if name == "wandb" else real(name, *rest)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", hide)
    assert main(["train", *tiny(dataset), "logger=wandb"]) == 1
    assert "pip install 'falseflaw[wandb]'" in errors_of(capsys)[0]


@pytest.mark.slow
def test_killed_training_goes_on(dataset: Path) -> None:
    command = [*COMMAND, *tiny(dataset), "trainer.max_steps=40", "trainer.val_check_interval=20"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    last = Path("out/checkpoints/last.ckpt")
    deadline = time.monotonic() + 200
    while not last.is_file() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert last.is_file()
    step = torch.load(last, weights_only=True)["global_step"]
    assert 0 < step < 40
    done = subprocess.run(
        [*command, "resume=auto"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert torch.load(last, weights_only=True)["global_step"] == 40
    whole = [word if word != "run_dir=out" else "run_dir=whole" for word in command]
    subprocess.run(whole, env=environment, capture_output=True, check=True)
    for name, tensor in load_detector("whole/checkpoints/last.ckpt").state_dict().items():
        torch.testing.assert_close(load_detector(last).state_dict()[name], tensor, atol=0, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["r/lr=0.001,seed=0", "my runs, (1)", "$HOME {a} [b] é"])
def test_run_folders_and_datasets_of_any_name(dataset: Path, name: str) -> None:
    (Path(name) / "data").parent.mkdir(parents=True)
    (Path(name) / "data").symlink_to(dataset, target_is_directory=True)
    run_dir = f"{name}/run"
    assert main(["train", *tiny(Path(name) / "data", run_dir)]) == 0
    assert (Path(run_dir) / "checkpoints" / "best.ckpt").is_file()
    recorded = yaml.safe_load((Path(run_dir) / "config.yaml").read_text(encoding="utf-8"))
    assert Path(recorded["run_dir"]).resolve() == Path(run_dir).resolve()
    assert main(["train", *tiny(Path(name) / "data", f"{name}/next"), f"resume={run_dir}"]) == 0


def test_a_sweep_over_run_folders(dataset: Path) -> None:
    assert main(["train", "-m", *tiny(dataset, "r/lr=1,r/b"), "model=tiny"]) == 0
    assert sorted(str(path.parent.parent) for path in Path().rglob("best.ckpt")) == ["r/b", "r/lr=1"]


@pytest.mark.slow
@pytest.mark.parametrize("sweep", [False, True])
def test_two_processes_train_one_detector(dataset: Path, sweep: bool) -> None:
    name = 'lr=0.1, "ü" (2)'  # the second process is told it by Lightning, which knows nothing of quoting
    words = [word for word in tiny(dataset, name) if not (sweep and word.startswith("run_dir"))]
    words += ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
    words = ["-m", *words, "seed=1,2"] if sweep else [*words, "seed=1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*COMMAND, *words], env=environment, capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("best checkpoint") == (2 if sweep else 1)
    found = sorted(Path().rglob("last.ckpt"))
    assert len(found) == (2 if sweep else 1)
    assert [torch.load(path, weights_only=True)["global_step"] for path in found] == [2] * len(found)
    assert len(list(Path().rglob("provenance.json"))) == len(found)
    assert {path.name for path in Path().iterdir()} == {"runs" if sweep else name}
    assert {path.name for path in Path("runs").glob("*")} == ({"multirun"} if sweep else set())
