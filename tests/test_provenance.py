import subprocess
from pathlib import Path

import pytest

from falseflaw.provenance import git_revision, package_versions


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_revision_tells_clean_from_dirty(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("x")
    assert git_revision(tmp_path) == "unknown"
    git(tmp_path, "init")
    assert git_revision(tmp_path) == "unknown"
    git(tmp_path, "add", "pyproject.toml")
    git(tmp_path, "commit", "-m", "first")
    head = git(tmp_path, "rev-parse", "HEAD")
    assert git_revision(tmp_path) == head
    (tmp_path / "untracked").write_text("runs and data come and go")
    assert git_revision(tmp_path) == head
    (tmp_path / "pyproject.toml").write_text("y")
    assert git_revision(tmp_path) == f"{head}-dirty"


def test_a_repository_around_an_installation_is_not_ours(tmp_path: Path) -> None:
    git(tmp_path, "init")
    git(tmp_path, "commit", "--allow-empty", "-m", "somebody's project")
    inside = tmp_path / "venv/lib"
    inside.mkdir(parents=True)
    assert git_revision(inside) == "unknown"


def test_no_git_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text("x")
    git(tmp_path, "init")
    monkeypatch.setenv("PATH", "")
    assert git_revision(tmp_path) == "unknown"


def test_versions_of_packages() -> None:
    versions = package_versions(["numpy", "no-such-package"])
    assert versions["numpy"][0].isdigit()
    assert versions["no-such-package"] == "absent"
