"""What code and which packages made a file: recorded next to every dataset, run and bundle."""

from __future__ import annotations

import hashlib
import importlib.metadata
import subprocess
from collections.abc import Iterable
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parents[2]


def git_revision(repository: Path = _REPOSITORY) -> str:
    """Returns the commit hash of the code, with `-dirty` when tracked files differ from it.

    `unknown` without git, without a commit, and for an installed wheel: a repository that merely
    surrounds the installation says nothing about the package.
    """
    if not (repository / "pyproject.toml").is_file() or not (repository / ".git").exists():
        return "unknown"
    revision = _git(repository, "rev-parse", "--verify", "--quiet", "HEAD")
    if revision is None:
        return "unknown"
    changes = _git(repository, "status", "--porcelain", "--untracked-files=no")
    return f"{revision}-dirty" if changes else revision


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """Returns the installed version of each distribution; `absent` where it is not installed."""
    versions = {}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "absent"
    return versions


def file_sha256(path: Path) -> str:
    """Returns the sha256 of a file in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def readable_sha256(path: Path) -> str:
    """Returns the same, `unreadable` where the file cannot be read: that is told when its photo is."""
    try:
        return file_sha256(path)
    except OSError:
        return "unreadable"


def code_digest(entries: Iterable[str]) -> str:
    """Returns a digest of source files of this package, so that results of older code are told apart.

    Args:
        entries: Files and folders below the package, such as `imaging` or `types.py`.
    """
    root = Path(__file__).resolve().parent
    code = hashlib.sha256()
    for entry in entries:
        path = root / entry
        files = (
            [file for ending in ("*.py", "*.html") for file in path.rglob(ending)]
            if path.is_dir()
            else [path]
        )
        for file in sorted(files):
            code.update(file.read_bytes())
    return code.hexdigest()


def _git(repository: Path, *arguments: str) -> str | None:
    """Returns the trimmed output of a git command, None when it cannot run or fails."""
    command = ["git", "--no-optional-locks", "-C", str(repository), *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
