"""Two processes at once into one folder: the second one says so at the start, whatever the verb."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from falseflaw.cli.main import VERBS, main

HOLD = """
import sys
from pathlib import Path
from falseflaw.claim import claim
claim(Path("held"))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield tmp_path / "held"
    process.communicate("")


@pytest.mark.parametrize(
    "words",
    [
        ["predict", "input=photos"],
        ["synthesize"],
        ["gather"],
        ["train-inpainter", "photos=studio"],
    ],
)
def test_a_folder_in_use_is_refused(
    words: list[str], held: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from falseflaw.paths import find_existing

    Path("photos").mkdir()
    if words[0] == "predict":
        words = [*words, f"bundle={find_existing('checkpoints/detectors/reference', 'a bundle', '')}"]
    key = "run_dir" if words[0] == "train-inpainter" else "output"
    assert main([*words, f"{key}=held"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(
        f"falseflaw {words[0]}: expected {key} as a folder that no other process writes to"
    )
    assert list(held.iterdir()) == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_says_what_a_stop_leaves(verb: str) -> None:
    from omegaconf import OmegaConf

    module = importlib.import_module(f"falseflaw.cli.verbs.{verb.replace('-', '_')}")
    text = module.how_to_go_on(OmegaConf.create({"output": "out", "overwrite": True, "run_dir": "out"}))
    assert text
    assert "\n" not in text
    if verb == "synthesize":
        assert "without overwrite=true" in text
