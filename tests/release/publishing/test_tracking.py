import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from tests.runtime.red import write_bundle

from falseflaw.errors import InvalidDataError
from falseflaw.release.publishing.tracking import log_bundles, wandb_settings

LOGGER = {"_target_": "lightning.pytorch.loggers.WandbLogger", "project": "mine", "offline": True}


def run_with(folder: Path, **loggers: object) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump({"logger": loggers}))
    return folder


def test_the_logger_of_a_run_is_found(tmp_path: Path) -> None:
    assert wandb_settings(tmp_path / "none") is None
    assert wandb_settings(run_with(tmp_path / "a", csv={"_target_": "x.CSVLogger"})) is None
    assert wandb_settings(run_with(tmp_path / "b", csv={"_target_": "x.CSVLogger"}, wandb=LOGGER)) == LOGGER
    (tmp_path / "a/config.yaml").write_text("logger:\n")
    assert wandb_settings(tmp_path / "a") is None
    (tmp_path / "a/config.yaml").write_text("{")
    with pytest.raises(InvalidDataError, match="cannot read"):
        wandb_settings(tmp_path / "a")


def test_bundles_are_logged_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple] = []

    class Artifact:
        def __init__(self, name: str, type: str, metadata: dict) -> None:
            self.told = [name, type, metadata["precision"]]

        def add_dir(self, folder: str) -> None:
            self.told.append(sorted(path.name for path in Path(folder).iterdir()))

    session = SimpleNamespace(
        log_artifact=lambda artifact: calls.append(("log", *artifact.told)),
        finish=lambda: calls.append(("finish",)),
    )

    def init(**options: object) -> SimpleNamespace:
        calls.append(("init", options["project"], options["mode"], options["job_type"]))
        return session

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init, Artifact=Artifact))
    bundle = write_bundle(tmp_path / "red")
    assert log_bundles(LOGGER, [bundle], tmp_path) == ["red"]
    files = ["MODEL_CARD.md", "SHA256SUMS", "bundle.json", "model.onnx", "model.safetensors"]
    assert calls == [
        ("init", "mine", "offline", "release"),
        ("log", "red", "model", "fp32", files),
        ("finish",),
    ]
