import csv
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.runtime.red import gray_photo, write_bundle

from falseflaw.cli.main import VERBS
from falseflaw.cli.process.streams import robust_streams
from falseflaw.imaging import codec

COMMAND = [sys.executable, "-m", "falseflaw.cli.main"]
NAME = "hü dä.png"
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
CLOSED = [">&-", "2>&-", "<&-", "<&- >&- 2>&-"]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")


def shell(
    redirections: str, *arguments: str | Path, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Runs the command with its streams redirected by the shell."""
    command = ["sh", "-c", f'"$@" {redirections}', "sh", *COMMAND, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, env=os.environ | environment, check=False)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What `predict` needs, but for its output."""
    folder = tmp_path_factory.mktemp("streams")
    write_bundle(folder / "bundle")
    codec.write_atomic(folder / NAME, codec.encode_png(gray_photo(64, 64)))
    return ["predict", f"input={folder / NAME}", f"bundle={folder / 'bundle'}", "threads=1"]


def files_judged(output: Path) -> list[str]:
    with (output / "predictions.csv").open(newline="", encoding="utf-8") as stream:
        return [row["file"] for row in csv.DictReader(stream)]


@pytest.mark.parametrize(
    "redirections", [*CLOSED, "| head -n 0", "2>/dev/full", "2>&1 | head -c 1", ">/dev/null 2>&1"]
)
def test_photos_are_judged_whatever_the_streams_are(
    redirections: str, given: list[str], tmp_path: Path
) -> None:
    done = shell(redirections, *given, f"output={tmp_path / 'out'}")
    assert done.returncode == 0, done.stderr
    assert files_judged(tmp_path / "out") == [NAME]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "predictions.csv",
        "predictions.jsonl",
        "heatmaps",
    }


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_starts_without_streams(verb: str) -> None:
    if verb == "chat":
        pytest.importorskip("gradio")
    done = shell("<&- >&- 2>&-", verb, "--cfg", "job")
    assert done.returncode == 0, done.stderr


def test_a_full_disk_is_told_of(given: list[str], tmp_path: Path) -> None:
    done = shell(">/dev/full", *given, f"output={tmp_path / 'out'}")
    assert done.returncode == 1
    assert "No space left" in done.stderr.decode().splitlines()[-1]


@pytest.mark.parametrize("environment", [ASCII, {"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii:strict"}])
def test_names_stay_whole_in_every_locale(
    environment: dict[str, str], given: list[str], tmp_path: Path
) -> None:
    output = tmp_path / "öut"
    done = shell("", *given, f"output={output}", **environment)
    assert done.returncode == 0, done.stderr
    assert files_judged(output) == [NAME]
    assert [path.name for path in (output / "heatmaps").iterdir()] == [f"{NAME}.png"]
    assert b"ut/predictions.csv" in done.stdout


def test_no_file_gets_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    program = (
        "import os, sys\nfrom falseflaw.cli.process.streams import robust_streams\n"
        "with robust_streams():\n"
        "    file = open(sys.argv[1], 'w', encoding='utf-8')\n"
        "    print('printed', flush=True); print('told', file=sys.stderr)\n"
        "    os.write(1, b'low'); os.write(2, b'low')\n"
        "    file.write('written'); file.close()\n"
    )
    place = tmp_path / "file"
    command = ["sh", "-c", '"$@" <&- >&- 2>&-', "sh", sys.executable, "-c", program, str(place)]
    assert subprocess.run(command, check=False).returncode == 0
    assert place.read_text(encoding="utf-8") == "written"


def test_streams_put_in_place_by_others_stay(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr
    with robust_streams():
        assert (sys.stdout, sys.stderr) == before
        sys.stdout.write("seen\n")
    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr().out == "seen\n"


def test_other_failures_of_a_file_are_no_closed_reader(tmp_path: Path) -> None:
    program = (
        "import os, sys\nfrom falseflaw.cli.process.streams import robust_streams\n"
        "with robust_streams():\n"
        "    try: print('x' * 100000, flush=True)\n"
        "    except OSError as error: sys.exit(error.errno)\n"
    )
    command = ["sh", "-c", '"$@" >/dev/full', "sh", sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == errno.ENOSPC
