import importlib
import re
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.utils import get_object

from falseflaw.cli.configuration import renamed
from falseflaw.cli.configuration.schema import VerbSchema, options
from falseflaw.cli.main import VERBS, main
from falseflaw.paths import config_dir


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Entries of the tests' own: those of the real table come and go."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FALSEFLAW_DEBUG", raising=False)
    entries = (
        ("predict", "photo=", "input="),
        (None, "photos=everything", "photos=studio"),
        ("train", "trainer.*.steps=", "trainer.max_*="),
        ("gather", "sources=", "photos="),
        ("train", "experiment=old", "experiment=reference data.leave_out=[pixel]"),
    )
    monkeypatch.setattr(renamed, "RENAMED", entries)
    monkeypatch.setattr(
        renamed, "TARGETS", (("old.place.*", "photos.studio.*"), ("older.Thing", "new.Named"))
    )
    monkeypatch.setattr(renamed, "FOLDERS", (("checkpoints/old", "checkpoints/new"),))


@pytest.mark.parametrize(
    ("given", "code", "line"),
    [
        ("predict photo=a.jpg output=b", 2, "photo=a.jpg is now input=a.jpg"),
        ("synthesize photos=everything", 2, "photos=everything is now photos=studio"),
        ("gather sources=real_damage", 2, "sources=real_damage is now photos=real_damage"),
        (
            "train experiment=old seed=1",
            2,
            "experiment=old is now experiment=reference data.leave_out=[pixel]",
        ),
        ("train trainer.any.steps=3", 2, "trainer.any.steps=3 is now trainer.max_any=3"),
        ("train -m seed=1,2 trainer.any.steps=3", 2, "trainer.any.steps=3 is now trainer.max_any=3"),
        (
            "synthesize photos._target_=falseflaw.old.place.Studio output=x",
            2,
            "falseflaw.old.place.Studio is now falseflaw.photos.studio.Studio",
        ),
        (
            "predict input=x output=y bundle=checkpoints/old/",
            1,
            "bundle=checkpoints/old/ is now bundle=checkpoints/new",
        ),
    ],
)
@pytest.mark.usefixtures("table")
def test_an_old_name_gets_one_line_with_the_new_one(
    given: str, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(given.split()) == code
    assert capsys.readouterr().err == f"falseflaw {given.split()[0]}: {line}\n"


@pytest.mark.usefixtures("table")
def test_an_old_option_in_a_file_of_the_users_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own" / "experiment").mkdir(parents=True)
    text = "# @package _global_\ndefaults:\n  - override /photos: everything\n"
    (tmp_path / "own" / "split").mkdir()
    (tmp_path / "own" / "split" / "mine.yaml").write_text(text, encoding="utf-8")
    assert main(["synthesize", "--config-dir", "own", "split=mine", "output=x"]) == 2
    assert "photos=everything is now photos=studio" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verb", "override"),
    [("predict", "photo"), ("train", "photo=a"), ("predict", "photos=b"), ("train", "+seed=1")],
)
@pytest.mark.usefixtures("table")
def test_other_names_are_not_touched(verb: str, override: str) -> None:
    assert renamed.renamed_override(verb, override) is None


def test_what_lies_in_a_folder_that_moved_is_found_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renamed, "FOLDERS", (("checkpoints/old", "checkpoints/new"),))
    assert renamed.renamed_folder("./checkpoints/old/model.onnx") == "checkpoints/new/model.onnx"
    assert renamed.renamed_folder("checkpoints/older") is None


def exists(verb: str, override: str) -> bool:
    """Whether today's configuration of a verb has what an override names."""
    key, _, value = override.partition("=")
    schema = VerbSchema(verb)
    if key in {name for name, _, _ in schema.groups}:
        return not value or value in options(key)
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = compose(verb.replace("-", "_"))
    part = config
    for name in key.partition("*")[0].rstrip(".").split("."):
        if name not in part:
            return False
        part = part[name]
    return True


@pytest.mark.parametrize(("of_verb", "old", "new"), renamed.RENAMED)
def test_every_entry_leads_to_what_there_is(of_verb: str | None, old: str, new: str) -> None:
    verbs = [of_verb] if of_verb is not None else list(VERBS)
    assert set(verbs) <= set(VERBS)
    assert any(all(exists(verb, part) for part in new.split()) for verb in verbs)


@pytest.mark.parametrize(("old", "new"), renamed.TARGETS)
def test_every_target_leads_to_what_there_is(old: str, new: str) -> None:
    assert "*" not in old[:-1]
    module, _, name = f"falseflaw.{new}".rpartition(".")
    name = old.rpartition(".")[2] if name == "*" else name
    found = importlib.import_module(module)
    assert name == "*" or hasattr(found, name)


def test_shipped_targets_are_names_of_today() -> None:
    for path in sorted(config_dir().rglob("*.yaml")):
        for target in re.findall(r"_target_:\s*(falseflaw[\w.]+)", path.read_text(encoding="utf-8")):
            get_object(target)
    assert yaml.safe_load((config_dir() / "predict.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("old", "new"), renamed.FOLDERS)
def test_every_folder_leads_to_what_there_is(old: str, new: str) -> None:
    root = config_dir().parent
    assert (root / new).is_dir()
    assert not (root / old).exists()


def test_minutes_become_a_duration() -> None:
    given = "recipe.denoiser.minutes=1500.5"
    assert renamed.renamed_override("train-inpainter", given) == "recipe.denoiser.max_time=01:01:00:30"
