from pathlib import Path

import pytest
import torch
import yaml
from tests.helpers import make_dataset
from tests.synthesis.builders import FakePhotos, build

from falseflaw.cli.main import main
from falseflaw.dataset.lineage import read_learnt_from
from falseflaw.models.checkpoint import load_detector
from falseflaw.models.halving import as_half


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


def tiny(dataset: Path) -> list[str]:
    return [
        "experiment=smoke",
        f"dataset={dataset}",
        "run_dir=out",
        "trainer.max_steps=2",
        "augment=laundering",
    ]


@pytest.mark.slow
def test_only_the_head_is_another_and_the_run_can_be_measured(tmp_path, capsys) -> None:
    layers = {"layers": True, "layers_writers": 2, "layers_only_sources": None}
    build(tmp_path / "data", FakePhotos(20), settings={**layers, "limit_sources": 12})
    assert main(["train", *tiny(tmp_path / "data")]) == 0
    words = ["fit-head", "run=out", "checkpoints=[best,last]", "pairs=90", "workers=0", "progress=false"]
    assert main(words) == 0
    assert "AUROC on" in capsys.readouterr().out
    fitted = load_detector("out_whole/checkpoints/best.ckpt").state_dict()
    best, last = (load_detector(f"out/checkpoints/{name}.ckpt").state_dict() for name in ("best", "last"))
    for name, value in fitted.items():
        if not name.startswith("head.") and value.is_floating_point():
            assert torch.allclose(value, (best[name] + last[name]) / 2), name
    assert not torch.equal(fitted["head.0.weight"], best["head.0.weight"])
    written = yaml.safe_load(Path("out_whole/config.yaml").read_text())
    assert written["data"]["dataset"] == str(tmp_path / "data")
    assert written["head"]["pairs"] == 90
    assert read_learnt_from(Path("out_whole")) == read_learnt_from(Path("out"))
    assert main([*words, "half=true", "run_dir=halved"]) == 0
    halved = load_detector("halved/checkpoints/best.ckpt").state_dict()
    for name, value in halved.items():
        if not name.startswith("head.") and value.ndim > 1 and value.numel() >= 256:
            assert as_half(value).dtype == torch.float16, name
    assert main(words) == 2
    assert "expected run_dir as a folder without checkpoints" in capsys.readouterr().err


@pytest.mark.slow
def test_what_cannot_be_fitted_is_told_in_one_line(tmp_path, capsys) -> None:
    assert main(["train", *tiny(make_dataset(tmp_path / "data"))]) == 0
    capsys.readouterr()
    for words, told in (
        (["run=out"], "composed pairs from layers"),
        (["run=nowhere"], "expected a training run"),
        ([], "expected run=FOLDER"),
        (["run=out", "pairs=0"], "expected pairs and strength above 0"),
        (["run=out", "checkpoints=[none]"], "found none"),
    ):
        assert main(["fit-head", *words]) != 0
        error = capsys.readouterr().err.strip()
        assert told in error
        assert len(error.splitlines()) == 1
        assert not Path("out_whole/checkpoints").exists()
