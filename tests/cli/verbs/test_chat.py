import importlib.util
from pathlib import Path

import pytest
from tests.runtime.red import write_bundle

from falseflaw.cli.main import main


def test_without_gradio_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "gradio" else find(name, *rest)
    )
    assert main(["chat"]) == 1
    assert "pip install 'falseflaw[chat]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("language=de", "expected language as one of en, zh"),
        ("port=0", "expected port of 1 to 65535 or null"),
        ("megabytes=0", "expected megabytes of 1 to 1000"),
        ("bundle=nothing", "falseflaw export"),
    ],
)
def test_what_goes_wrong_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], word: str, told: str
) -> None:
    monkeypatch.setattr("falseflaw.cli.verbs.chat.EXTRAS", ())
    bundle = write_bundle(tmp_path / "bundle")
    assert main(["chat", f"bundle={bundle}", word]) in {1, 2}
    assert told in capsys.readouterr().err.splitlines()[-1]
