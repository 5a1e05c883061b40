"""The command that sets the detector beside baselines, from start to table, at tiny size."""

import shutil

import pytest
from tests.helpers import load_script, make_dataset
from tests.runtime.red import write_bundle

from falseflaw.cli.main import main

TINY = (
    "experiment=smoke",
    "model.backbone=test_efficientnet",
    "model.pretrained=none",
    "trainer.max_steps=2",
)


@pytest.fixture
def baselines(monkeypatch, tmp_path):
    """The script, its verbs called in this process, without bars and pictures."""
    monkeypatch.setattr("falseflaw.evaluation.run.make_report", lambda *arguments: None)
    monkeypatch.chdir(tmp_path)
    module = load_script("studies/baselines.py")
    module.calls = []

    def call(*words):
        module.calls.append(words)
        quick = ["progress=false", "workers=0"] if words[0] == "evaluate" else []
        assert main([*words, *quick]) == 0

    monkeypatch.setattr("falseflaw.studies.trainings.falseflaw", call)
    return module


@pytest.mark.slow
def test_all_stand_in_one_table_and_finished_trainings_are_kept(baselines, tmp_path, capsys):
    dataset = make_dataset(tmp_path / "data", sources=8)
    measured = shutil.copytree(dataset, tmp_path / "measured")
    words = [f"dataset={dataset}", f"--detector={write_bundle(tmp_path / 'red')}", *TINY]
    words += [f"--measured={measured}", "--only", "detector", "whole_image", *baselines.TRAINING_FREE]
    words += [f"--output={tmp_path / 'out'}", "--laundering=smoke", "--minutes=1", "--replicates=20"]
    assert baselines.main(words) == 0
    table = (tmp_path / "out/baselines.md").read_text()
    lines = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("|")]
    names = ["detector", "whole image", "error level analysis", "noise residual variance"]
    assert lines == ["detector", "---", *names]
    assert "1 min, 2 steps" in table
    assert "whole_image - detector" in (tmp_path / "out/compare.md").read_text()
    assert [call[0] for call in baselines.calls] == ["train"] + ["evaluate"] * 4 + ["compare"]
    assert f"dataset={dataset}" in baselines.calls[0]
    assert all(f"dataset={measured}" in call for call in baselines.calls if call[0] == "evaluate")
    capsys.readouterr()
    assert baselines.main([*words, "seed=1"]) == 2  # other weights would stand under the old name
    assert "called as before" in capsys.readouterr().err
    baselines.calls.clear()
    assert baselines.main(words) == 0
    assert {call[0] for call in baselines.calls} == {"evaluate", "compare"}
    baselines.calls.clear()
    alone = [word for word in words if word not in {"whole_image", *baselines.TRAINING_FREE}]
    assert baselines.main([*alone, f"--output={tmp_path / 'alone'}"]) == 0
    assert [call[0] for call in baselines.calls] == ["evaluate"]  # nothing to compare with
    assert "| detector |" in (tmp_path / "alone/baselines.md").read_text()


def test_a_call_without_a_dataset_is_refused(baselines, capsys):
    for words in (["seed=1"], ["dataset=a", "dataset=b"], ["a"]):
        with pytest.raises(SystemExit, match="2"):
            baselines.main(words)
        assert "dataset=FOLDER" in capsys.readouterr().err
    assert baselines.main(["dataset=a", "--minutes=0"]) == 2
    assert "above 0, got 0" in capsys.readouterr().err
