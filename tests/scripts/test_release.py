"""scripts/run release: what is done in which order, what stands against it. Its commands are stand-ins."""

import json
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from tests.evaluation.made import made_predictions, summarized, write_evaluation
from tests.helpers import load_script
from tests.runtime.red import POINT, write_bundle

from falseflaw.errors import ConfigurationError
from falseflaw.evaluation.figures.summary import write_summary

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with one commit, and a run that was evaluated."""
    root = tmp_path / "clone"
    root.mkdir()
    (root / "pyproject.toml").touch()
    (root / ".gitignore").write_text("runs/\n")
    (root / "CHANGELOG.md").write_text("# Changelog\n\n## [Unreleased]\n")
    git = ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "All"]):
        subprocess.run([*git, *words], check=True)
    run = root / "runs/best"
    (run / "checkpoints").mkdir(parents=True)
    (run / "checkpoints/best.ckpt").touch()
    (run / "config.yaml").write_text(yaml.safe_dump({"logger": {"csv": {"_target_": "x.CSVLogger"}}}))
    write_evaluation(run / "evaluation", made_predictions(2), POINT)
    write_summary(run / "evaluation", summarized(made_predictions(2), POINT))
    return root


@pytest.fixture
def script(clone: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, in that repository; `calls` are its commands, `fail` the words that make one fail."""
    module = load_script("documents/release.py")
    monkeypatch.setattr(module, "ROOT", clone)
    monkeypatch.chdir(clone)
    module.calls, module.fail = [], []

    def falseflaw(words: list[str]) -> int:
        module.calls.append(words)
        if module.fail and module.fail[0] in " ".join(words):
            return 1
        if words[0] == "export":
            values = dict(word.split("=", 1) for word in words[1:])
            write_bundle(Path(values["output"]))
        return 0

    monkeypatch.setattr(module, "falseflaw", falseflaw)
    return module


def told(script: ModuleType) -> list[str]:
    return [" ".join(words) for words in script.calls]


def test_a_run_becomes_a_bundle_with_an_entry(script: ModuleType, clone: Path) -> None:
    assert script.main(["runs/best", "name=mine", "parity_photos=3"]) == 0
    export, verify = told(script)
    assert export.startswith("export run=runs/best name=mine output=checkpoints/detectors/.release.")
    assert export.endswith("/mine parity_photos=3")
    assert verify.startswith("verify bundle=checkpoints/detectors/.release.")
    assert "parity_photos=3" in verify
    assert [path.name for path in (clone / "checkpoints/detectors").iterdir()] == ["mine"]
    assert "- `mine` from `runs/best`: checkpoint 000000000000" in (clone / "CHANGELOG.md").read_text()


def test_variants_are_made_of_the_new_bundle_and_verified(script: ModuleType, clone: Path) -> None:
    assert script.main(["runs/best", "variants=fp16,int8", "variant.sources=9"]) == 0
    calls = told(script)
    assert [call.split()[0] for call in calls] == ["export", "verify"] * 3
    assert "/reference precision=fp16 " in calls[2]
    assert "variant.sources=9 variant.dataset=data/datasets/made" in calls[2]
    names = sorted(path.name for path in (clone / "checkpoints/detectors").iterdir())
    assert names == ["reference", "reference-fp16", "reference-int8"]


@pytest.mark.parametrize("fail", ["verify bundle", "precision=fp16"])
def test_what_fails_leaves_everything_as_it_was(script: ModuleType, clone: Path, fail: str, capsys) -> None:
    old = write_bundle(clone / "checkpoints/detectors/reference", name="old")
    before = {path.name: path.read_bytes() for path in old.iterdir()}
    script.fail.append(fail)
    assert script.main(["runs/best", "variants=fp16"]) == 1
    assert "nothing was put in place" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in old.iterdir()} == before
    assert [path.name for path in old.parent.iterdir()] == ["reference"]
    assert (clone / "CHANGELOG.md").read_text() == "# Changelog\n\n## [Unreleased]\n"


def test_a_dirty_tree_is_refused(script: ModuleType, clone: Path, capsys) -> None:
    (clone / "pyproject.toml").write_text("changed")
    assert script.main(["runs/best"]) == 1
    assert "expected a tree without changes" in capsys.readouterr().err
    assert script.calls == []


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("runs/best/checkpoints/best.ckpt", "expected a checkpoint"),
        ("runs/best/evaluation/summary.json", "run `falseflaw evaluate` first"),
    ],
)
def test_a_run_that_is_not_ready_is_told(
    script: ModuleType, clone: Path, missing: str, words: str, capsys
) -> None:
    (clone / missing).unlink()
    assert script.main(["runs/best"]) == 1
    assert words in capsys.readouterr().err
    assert script.calls == []


def test_a_dry_run_shows_the_steps_and_does_nothing(script: ModuleType, clone: Path, capsys) -> None:
    before = sorted(clone.rglob("*"))
    assert script.main(["runs/best", "variants=int8", "dry_run=true"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(". ")[0] for line in lines] == [str(number) for number in range(1, 9)]
    assert "falseflaw export run=runs/best name=reference" in lines[0]
    assert lines[4] == "5. put checkpoints/detectors/reference in place"
    assert lines[7] == "8. no W&B artifact: the run had no such logger"
    assert script.calls == []
    assert sorted(clone.rglob("*")) == before
    (clone / "pyproject.toml").write_text("changed")
    assert script.main(["runs/best", "dry_run=true"]) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith("1. falseflaw export")
    assert "expected a tree without changes" in captured.err


def test_artifacts_are_logged_where_the_run_had_such_a_logger(
    script: ModuleType, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = {"_target_": "lightning.pytorch.loggers.WandbLogger", "project": "mine", "offline": True}
    (clone / "runs/best/config.yaml").write_text(json.dumps({"logger": {"wandb": logger}}))
    logged = []
    monkeypatch.setattr(script, "log_bundles", lambda *arguments: logged.append(arguments))
    assert script.main(["runs/best"]) == 0
    assert logged == [(logger, [Path("checkpoints/detectors/reference")], Path("runs/best"))]


@pytest.mark.parametrize(
    "arguments",
    [[], ["a", "b"], ["a", "variants=fp8"], ["a", "dry_run=1"], ["a", "output=b"], ["a", "sweep=b"]],
)
def test_wrong_calls_are_one_line(script: ModuleType, arguments: list[str], capsys) -> None:
    with pytest.raises(ConfigurationError):
        script.parse(arguments)
    assert script.main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1
