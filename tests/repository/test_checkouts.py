"""A checkout holds the committed bytes, also where git is told to turn line ends into Windows' own."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def git(*arguments: str | Path, folder: Path = ROOT) -> bytes:
    identity = ("-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false")
    command = ["git", *identity, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    """The repository's files, as they lie in its working tree."""
    if shutil.which("git") is None:
        pytest.skip("needs git")
    try:
        listed = git("ls-files", "-z").decode("utf-8", "surrogateescape").split("\0")
    except subprocess.CalledProcessError:
        pytest.skip("needs a clone")
    return [name for name in listed if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def checkout(tracked: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of these files with core.autocrlf=true, which gave text files other bytes."""
    origin = tmp_path_factory.mktemp("origin")
    for name in tracked:
        (origin / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, origin / name)
    git("init", "--quiet", folder=origin)
    git("-c", "core.autocrlf=false", "add", "--force", "--all", folder=origin)
    git("commit", "--quiet", "--no-verify", "--message=all", folder=origin)
    clone = tmp_path_factory.mktemp("clone") / "clone"
    git("clone", "--quiet", "--config", "core.autocrlf=true", origin, clone)
    return clone


@pytest.mark.slow
def test_every_file_comes_out_as_it_went_in(tracked: list[str], checkout: Path) -> None:
    changed = [name for name in tracked if (checkout / name).read_bytes() != (ROOT / name).read_bytes()]
    assert not changed, "expected .gitattributes to keep the bytes of these"
    assert git("status", "--porcelain", folder=checkout) == b""


def test_the_sums_of_every_bundle_hold(checkout: Path) -> None:
    lists = sorted((checkout / "checkpoints").rglob("SHA256SUMS"))
    assert lists
    for sums in lists:
        for line in sums.read_text(encoding="utf-8").splitlines():
            digest, name = line.split(maxsplit=1)
            assert hashlib.sha256((sums.parent / name).read_bytes()).hexdigest() == digest, name


def test_a_file_that_ends_its_lines_so_is_kept_too(tmp_path: Path, tracked: list[str]) -> None:
    text = b"a line\r\nanother\nlast\r\n"
    places = ["checkpoints/any/bundle.json", "notebooks/reference/summary.json"]
    shutil.copyfile(ROOT / ".gitattributes", tmp_path / ".gitattributes")
    git("init", "--quiet", folder=tmp_path)
    for place in places:
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_bytes(text)
    git("-c", "core.autocrlf=true", "add", ".", folder=tmp_path)
    for place in places:
        assert git("cat-file", "blob", f":{place}", folder=tmp_path) == text


def test_a_new_file_in_any_folder_of_the_project_is_not_ignored(tracked: list[str]) -> None:
    # A rule `build/` without its leading slash once kept conf/build/benchmark.yaml out of the repository.
    folders = {Path(name).parent for name in tracked if "/" in name}
    new = [str(folder / f"new.{ending}") for folder in sorted(folders) for ending in ("py", "yaml", "md")]
    found = subprocess.run(
        ["git", "check-ignore", "--no-index", "--stdin"],
        cwd=ROOT,
        input="\n".join(new),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stdout) == (1, "")
