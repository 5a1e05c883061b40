import pytest

from falseflaw.cli.main import main
from falseflaw.cli.verbs.doctor import Finding


def told(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, str]:
    """Runs the doctor; returns what it says of each thing."""
    assert main(["doctor", *words]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    return {line.split()[1]: line for line in lines}


def test_tells_what_is_missing_and_the_command_that_brings_it(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("FALSEFLAW_PHOTOS", "FALSEFLAW_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FALSEFLAW_CHROMIUM", str(tmp_path / "none"))
    lines = told(capsys, "disk=1e9")
    assert lines["clothing"].split(maxsplit=2)[::2] == ["missing", "falseflaw download photos=clothing"]
    assert lines["taef2"].endswith("falseflaw download weights=[taef2]")
    assert "found no executable there" in lines["browser"]
    assert lines["disk"].endswith("a build of real size wants 1000000000.0 GB")
    assert not list(tmp_path.iterdir())


def test_counts_the_photos_that_are_there(tmp_path, monkeypatch, capsys) -> None:
    from falseflaw.photos.sets.clothing import CLOTHING

    first = CLOTHING.entries()[0]
    photo = tmp_path / "clothing" / first.path
    photo.parent.mkdir(parents=True)
    photo.write_bytes(b"")
    monkeypatch.setenv("FALSEFLAW_PHOTOS", str(tmp_path))
    line = told(capsys)["clothing"]
    assert f"1 of {len(CLOTHING.entries())} in {tmp_path}" in line
    assert line.endswith("falseflaw download photos=clothing")


def test_a_broken_bundle_is_told_with_its_reason(tmp_path, capsys) -> None:
    line = told(capsys, f"bundle={tmp_path}")["bundle"]
    assert line.split()[0] == "missing"
    assert str(tmp_path) in line


def test_extras_are_told_with_their_command(capsys, monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    lines = told(capsys)
    assert "pip install 'falseflaw[train]'" in lines["train"]
    assert "everything runs on a CPU" in lines["GPU"]


def test_a_line_says_state_name_and_advice() -> None:
    assert Finding("a", "1 of 2", "get the other").line() == f"ok       {'a':<22} 1 of 2; get the other"
    assert Finding("a", "", "get it").line() == f"missing  {'a':<22} get it"
