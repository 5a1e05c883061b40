"""Trainings without one family of networks: the figures, and the command that makes them."""

from pathlib import Path

import pandas as pd
import pytest
from tests.helpers import load_script, make_dataset
from tests.studies.test_ablations import value, write

from falseflaw.dataset.manifest import MANIFEST_NAME
from falseflaw.studies.families import families, measure

WRITERS = ("latent", "kl4", "kl4_sharp_perturbed")


def test_copies_belong_to_what_they_are_copies_of():
    names = ["latent_sharp_perturbed", "kl4", "", "latent", "kl4_sharp", "taef2"]
    expected = {
        "kl4": ["kl4", "kl4_sharp"],
        "latent": ["latent", "latent_sharp_perturbed"],
        "taef2": ["taef2"],
    }
    assert families(names) == expected


def test_each_family_is_measured_on_its_own_fakes(tmp_path):
    full = [write(tmp_path / "a", 9, writers=WRITERS), write(tmp_path / "bb", 9, writers=WRITERS)]
    blind = write(tmp_path / "c", 0, writers=WRITERS)
    found = measure(full, {"kl4": [blind], "latent": full}, families(WRITERS), replicates=100)
    assert list(found) == ["kl4", "latent", "mean"]
    assert (found["kl4"].fakes, found["latent"].fakes) == (16, 8)  # two fakes a source of twelve
    assert value(found["kl4"].trained) == 1
    assert 0.2 < value(found["kl4"].unseen) < 0.8
    assert value(found["kl4"].difference) == pytest.approx(value(found["kl4"].unseen) - 1)
    assert value(found["latent"].difference) == 0
    assert value(found["mean"].difference) == pytest.approx(value(found["kl4"].difference) / 2)
    assert found["mean"].fakes == 24
    nobody = measure(full, {"latent": full, "gan": full}, families([*WRITERS, "gan"]), replicates=10)
    assert nobody["gan"].trained.value is None
    assert value(nobody["mean"].trained) == 1
    assert list(measure(full, {"latent": full}, families(WRITERS), replicates=10)) == ["latent"]


@pytest.fixture
def leave_one_out(monkeypatch, tmp_path):
    """The script, its verbs replaced by ones that write what they would."""
    module = load_script("studies/leave_one_out.py")
    module.calls = []

    def call(*words):
        module.calls.append(words)
        if words[0] == "evaluate":
            folder = Path(dict(word.split("=", 1) for word in words[1:])["output"])
            write(folder, gap=0.0 if "without_kl4" in str(folder) else 9.0, writers=WRITERS)
            (folder / "summary.json").touch()

    monkeypatch.setattr("falseflaw.studies.trainings.falseflaw", call)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    dataset = make_dataset(tmp_path / "data", sources=6)
    manifest = pd.read_parquet(dataset / MANIFEST_NAME)
    manifest["generator"] = [WRITERS[index % 3] for index in range(len(manifest))]
    manifest.to_parquet(dataset / MANIFEST_NAME)
    return module


def test_every_family_is_left_out_whole_in_equal_minutes_and_nothing_is_done_twice(leave_one_out, capsys):
    words = ["--minutes=2", "--seeds=2", "--jobs=2", "--limit=7", "dataset=data", "x=1"]
    assert leave_one_out.main(words) == 0
    told = capsys.readouterr().out
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in told.splitlines() if "|" in line]
    assert [line[:2] for line in lines[2:]] == [["kl4 (2)", "16"], ["latent (1)", "8"], ["**mean**", "24"]]
    assert lines[2][-1].startswith("-")
    assert lines[3][-1].startswith("+0.000")
    trained = {
        Path(run.split("=", 1)[1]).parent.name: set(call)
        for call in leave_one_out.calls
        if call[0] == "train"
        for run in call
        if run.startswith("run_dir=")
    }
    assert set(trained) == {"full", "without_kl4", "without_latent"}
    assert "data.leave_out=[kl4,kl4_sharp_perturbed]" in trained["without_kl4"]
    assert all({"trainer.max_time='00:00:02:00'", "dataset=data", "x=1"} <= call for call in trained.values())
    assert not any("leave_out" in word for word in trained["full"])
    assert len(leave_one_out.calls) == 2 * 2 * 3
    leave_one_out.calls.clear()
    assert leave_one_out.main([*words, "--families=latent"]) == 0
    assert leave_one_out.calls == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["dataset=data", "--families=gan"], "expected --families of kl4, latent, got gan"),
        (["dataset=data", "--seeds=0"], "--seeds of at least 1, got 0"),
        (["dataset=nowhere"], "nowhere"),
    ],
)
def test_one_line_for_what_cannot_be(leave_one_out, capsys, words, told):
    assert leave_one_out.main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert leave_one_out.calls == []
