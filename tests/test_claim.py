import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from falseflaw.claim import claim, claim_new, release
from falseflaw.errors import ConfigurationError

HOLD = """
import sys
from pathlib import Path
from falseflaw.claim import claim
claim(Path(sys.argv[1]))
print("claimed", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def give_up() -> Iterator[None]:
    yield
    release()


def holder(folder: Path) -> subprocess.Popen[str]:
    """Another process that has claimed a folder and waits."""
    command = [sys.executable, "-c", HOLD, str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "claimed\n"
    return process


def test_a_folder_has_one_owner_and_a_kill_leaves_no_claim(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "run"
    other = holder(folder)
    with pytest.raises(ConfigurationError, match="expected run_dir as a folder that no other") as raised:
        claim(folder, "run_dir")
    assert "\n" not in str(raised.value)
    assert "choose another run_dir" in str(raised.value)
    other.send_signal(signal.SIGKILL)
    other.communicate()
    assert list(folder.iterdir()) == []  # no lock file that could be stale
    claim(folder, "run_dir")
    claim(folder, "run_dir")  # one's own


def test_what_was_made_for_a_claim_and_stayed_empty_goes(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    claim(tmp_path / "there")
    claim(tmp_path / "a" / "b")
    claim(tmp_path / "used")
    (tmp_path / "used" / "file").touch()
    release()
    assert {path.name for path in tmp_path.iterdir()} == {"there", "used"}


def test_a_new_folder_takes_another_name_where_one_is_there(tmp_path: Path) -> None:
    names = []
    for _ in range(3):
        names.append(claim_new(tmp_path / "runs" / "now").name)
        (tmp_path / "runs" / names[-1] / "file").touch()
    assert names == ["now", "now-2", "now-3"]
    with pytest.raises(ConfigurationError, match="cannot make the folder"):
        claim_new(tmp_path / "runs" / "now" / "file" / "below")


def test_a_folder_that_cannot_be_written_to_is_told_at_the_start(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"cannot write to .*file.*choose another run_dir"):
        claim(tmp_path / "file", "run_dir")


def test_a_claim_is_not_passed_on_to_a_forked_worker(tmp_path: Path) -> None:
    claim(tmp_path)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # waits until its parent has given up the folder, as a worker that outlives a kill
        os.read(reading, 1)
        os._exit(0)
    release()
    other = holder(tmp_path)
    os.write(writing, b"x")
    os.waitpid(child, 0)
    other.communicate("")


def test_a_folder_that_its_owner_replaces_is_claimed_as_it_is_then(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    claim(folder)
    folder.rename(tmp_path / "old")
    folder.mkdir()
    (folder / "model").touch()
    release()
    other = holder(folder)
    with pytest.raises(ConfigurationError, match="one is at work"):
        claim(folder)
    other.communicate("")
