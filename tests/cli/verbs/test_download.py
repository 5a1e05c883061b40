from __future__ import annotations

import hashlib
import http.server
import os
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from falseflaw.cli.main import main
from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.inpainting.rewriters.public_weights import PUBLIC_WEIGHTS, PublicWeights
from falseflaw.photos.sets import download as module
from falseflaw.photos.sets.clothing import CLOTHING
from falseflaw.photos.sets.download import Download, download, verify
from falseflaw.photos.sets.indexed import IndexEntry, PublicSet

FILES = {f"train/hat/{n:02d} ü.jpg": bytes([n]) * (5000 + n) for n in range(9)}
SET = PublicSet("tiny", "owner/repo", "c" * 40, "below/")


def _entries(self=None) -> tuple[IndexEntry, ...]:
    return tuple(
        IndexEntry(path, hashlib.sha256(data).hexdigest(), len(data), "p", "hat")
        for path, data in FILES.items()
    )


class Server:
    """A loopback web server whose answers a test can spoil per path; it counts requests."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.spoiled: dict[str, list[str]] = {}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                from urllib.parse import unquote

                path = unquote(self.path).removeprefix(f"/{SET.repository}/{SET.commit}/{SET.prefix}")
                outer.requests[path] += 1
                data = FILES.get(path)
                queue = outer.spoiled.get(path, [])
                mode = (queue.pop(0) if len(queue) > 1 else queue[0]) if queue else "good"
                if data is None or mode == "absent":
                    return self.send_error(404)
                if mode == "busy":
                    return self.send_error(503)
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                if mode == "cut":
                    self.wfile.write(data[:100])
                    self.close_connection = True
                else:
                    self.wfile.write(data if mode == "good" else b"x" * len(data))
                return None

            def log_message(self, *args: object) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(PublicSet, "entries", _entries)
    monkeypatch.setattr(PublicSet, "license_text", lambda self: b"free")
    running = Server()
    yield running
    running.http.shutdown()
    running.http.server_close()


def _how(server: Server, **changes: object) -> Download:
    quick = {"base_url": server.url, "threads": 3, "attempts": 3, "pause": 0.0, "timeout": 5.0}
    return Download(**quick | changes)


def _complete(folder: Path) -> bool:
    return all((folder / path).read_bytes() == data for path, data in FILES.items())


def test_fetches_all_then_keeps_all(server, tmp_path):
    report = download(SET, tmp_path, None, _how(server))
    assert (report.fetched, report.kept, report.total) == (9, 0, 9)
    assert _complete(tmp_path)
    assert (tmp_path / "LICENSE").read_bytes() == b"free"
    again = download(SET, tmp_path, None, _how(server))
    assert (again.fetched, again.kept) == (0, 9)
    assert sum(server.requests.values()) == 9
    assert verify(SET, tmp_path).kept == 9


def test_resumes_after_a_partial_or_damaged_copy(server, tmp_path):
    download(SET, tmp_path, 4, _how(server))
    first, second, *_ = [path for path in FILES if (tmp_path / path).exists()]
    (tmp_path / first).write_bytes(b"")
    data = (tmp_path / second).read_bytes()
    (tmp_path / second).write_bytes(bytes([data[0] ^ 1]) + data[1:])  # right size, wrong content
    report = download(SET, tmp_path, None, _how(server))
    assert (report.fetched, report.kept) == (7, 2)
    assert _complete(tmp_path)


def test_interrupted_and_busy_answers_are_tried_again(server, tmp_path):
    one, two, three, *_ = FILES
    server.spoiled = {one: ["cut", "good"], two: ["busy", "cut", "good"], three: ["good"]}
    assert download(SET, tmp_path, None, _how(server)).fetched == 9
    assert (server.requests[one], server.requests[two], server.requests[three]) == (2, 3, 1)
    assert _complete(tmp_path)


def test_corrupt_and_absent_files_are_refused_and_the_rest_is_fetched(server, tmp_path):
    one, two, *_ = FILES
    server.spoiled = {one: ["corrupt"], two: ["absent"]}
    with pytest.raises(InvalidDataError, match="refused 2 of 9 files") as caught:
        download(SET, tmp_path, None, _how(server))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / one).exists()
    assert sum((tmp_path / path).exists() for path in FILES) == 7
    assert server.requests[one] == server.requests[two] == 1  # another try would bring the same
    assert not list(tmp_path.rglob("*.partial"))


def test_a_dead_connection_ends_in_one_line_and_stops(server, tmp_path):
    server.spoiled = {path: ["cut"] for path in FILES}
    with pytest.raises(MissingDataError, match="run the same command again") as caught:
        download(SET, tmp_path, None, _how(server, threads=1, attempts=2))
    assert "\n" not in str(caught.value)
    assert sum(server.requests.values()) < 2 * len(FILES)
    assert not list(tmp_path.rglob("*.jpg"))


def test_unreachable_server(tmp_path, server):
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(MissingDataError, match="cannot fetch"):
        download(SET, tmp_path, 1, _how(server))


def test_waits_longer_before_each_try(server, tmp_path, monkeypatch):
    pauses: list[float] = []
    monkeypatch.setattr(module.time, "sleep", pauses.append)
    path = next(iter(FILES))
    server.spoiled = {path: ["busy"]}
    with pytest.raises(MissingDataError, match="HTTP 503"):
        _how(server, attempts=4, pause=0.5).fetch(SET, SET.entries()[0], tmp_path)
    assert pauses == [0.5, 1.0, 2.0]


def test_limit_spreads_over_the_set(server, tmp_path):
    assert download(SET, tmp_path, 3, _how(server)).total == 3
    assert [path for path in FILES if (tmp_path / path).exists()] == list(FILES)[::3]
    with pytest.raises(ConfigurationError, match="limit"):
        download(SET, tmp_path, 0, _how(server))


@pytest.mark.parametrize(
    "values",
    [
        {"base_url": "ftp://x"},
        {"base_url": ""},
        {"threads": 0},
        {"attempts": 0},
        {"pause": -1},
        {"timeout": 0},
    ],
)
def test_impossible_settings_are_refused(values):
    with pytest.raises(ConfigurationError, match="expected"):
        Download(**values)


def test_verify_names_what_differs(server, tmp_path):
    with pytest.raises(MissingDataError, match="none of 9"):
        verify(SET, tmp_path)
    download(SET, tmp_path, 3, _how(server))
    assert (verify(SET, tmp_path).kept, verify(SET, tmp_path).total) == (3, 9)
    path = next(iter(FILES))
    (tmp_path / path).write_bytes(b"other")
    with pytest.raises(InvalidDataError, match="1 that differ"):
        verify(SET, tmp_path)


def _command(*overrides: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if key != "FALSEFLAW_PHOTOS"}
    return subprocess.run(
        [sys.executable, "-m", "falseflaw.cli.main", "download", *overrides],
        capture_output=True, text=True, timeout=60, env=clean | environment,
    )  # fmt: skip


def test_verb_downloads_the_pinned_address(server, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("FALSEFLAW_PHOTOS", raising=False)
    monkeypatch.chdir(tmp_path)
    address = f"base_url={server.url}"
    code = main(["download", "photos=clothing", address, "output=out", "attempts=1", "limit=2"])
    assert code == 1  # the tiny server has no such repository, and says so
    assert f"{CLOTHING.repository}/{CLOTHING.commit}/train/hat/" in capsys.readouterr().err


def test_verb_has_nothing_to_download_for_studio(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["download", "photos=studio"]) == 0
    assert "studio: nothing to download" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_verb_checks_the_folder_that_the_variable_names(server, tmp_path, monkeypatch, capsys):
    download(SET, tmp_path / "shared/clothing", None, _how(server))
    before = sum(server.requests.values())
    monkeypatch.setenv("FALSEFLAW_PHOTOS", str(tmp_path / "shared"))
    monkeypatch.chdir(tmp_path)
    assert main(["download", "photos=clothing", f"base_url={server.url}"]) == 0
    assert "9 of 9 photos" in capsys.readouterr().out
    assert sum(server.requests.values()) == before


def test_verb_takes_every_set_of_joined_photos(server, tmp_path, monkeypatch, capsys):
    for name in ("clothing", "grocery"):
        download(SET, tmp_path / "shared" / name, None, _how(server))
    monkeypatch.setenv("FALSEFLAW_PHOTOS", str(tmp_path / "shared"))
    monkeypatch.chdir(tmp_path)
    assert main(["download", "photos=clothing_and_grocery"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["clothing", "grocery"]
    assert all("9 of 9 photos" in line for line in lines)


def test_verb_ends_in_one_line_when_the_server_is_away(tmp_path):
    done = _command("base_url=http://127.0.0.1:9", "attempts=1", "limit=1", f"output={tmp_path}")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .startswith("falseflaw download: cannot fetch http://127.0.0.1:9/")
    )


@pytest.fixture
def weights(server, monkeypatch):
    """Public weights that the tiny server has: two of its files."""
    some = tuple(_entries()[:2])
    tiny = PublicWeights("taef2", SET.repository, SET.commit, SET.prefix, some, "MIT")
    monkeypatch.setattr(PublicWeights, "entries", lambda self: some)
    monkeypatch.setitem(PUBLIC_WEIGHTS, "taef2", tiny)  # type: ignore[arg-type]
    monkeypatch.delenv("FALSEFLAW_WEIGHTS", raising=False)
    return tiny


def _fetch_weights(server, name="taef2"):
    return main(["download", f"weights={name}", f"base_url={server.url}", "attempts=1"])


def test_verb_fetches_weights_alone_and_keeps_what_is_right(server, weights, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert _fetch_weights(server) == 0
    assert "taef2: 2 files fetched, 0 kept" in capsys.readouterr().out
    folder = tmp_path / "data/weights/taef2"
    assert b"MIT" in (folder / "LICENSE").read_bytes()
    assert dict(weights.read()) == dict(list(FILES.items())[:2])
    cut = folder / weights.files[0].path
    cut.write_bytes(cut.read_bytes()[:7])
    assert _fetch_weights(server) == 0
    assert "1 files fetched, 1 kept" in capsys.readouterr().out
    assert len(weights.read()) == 2
    assert sum(server.requests.values()) == 3  # and no photo


def test_verb_refuses_altered_weights_in_one_line(server, weights, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    server.spoiled = {weights.files[0].path: ["corrupt"]}
    assert _fetch_weights(server) == 1
    assert "expected sha256" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "data/weights/taef2" / weights.files[0].path).exists()
    assert _fetch_weights(server, "taef9") == 2
    assert "expected weights of taef2, got 'taef9'" in capsys.readouterr().err


def test_verb_checks_weights_that_the_variable_names(server, weights, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert _fetch_weights(server) == 0
    monkeypatch.setenv("FALSEFLAW_WEIGHTS", str(tmp_path / "data/weights"))
    before = sum(server.requests.values())
    assert _fetch_weights(server) == 0
    assert "2 files in" in capsys.readouterr().out.splitlines()[-1]
    (tmp_path / "data/weights/taef2" / weights.files[1].path).write_bytes(b"")
    assert _fetch_weights(server) == 1
    assert "(0 bytes); remove the file and run" in capsys.readouterr().err
    assert sum(server.requests.values()) == before


def test_pinned_weights_name_a_commit_and_come_with_their_license():
    for name, pinned in PUBLIC_WEIGHTS.items():
        assert name == pinned.name
        assert len(pinned.commit) == 40
        assert all(len(entry.sha256) == 64 and entry.bytes > 0 for entry in pinned.files)
        assert b"Permission" in pinned.license_text()
