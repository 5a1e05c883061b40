import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from falseflaw.chat.guard import Guard

PATH = "/gradio_api/queue/join"


class Inner:
    """Reads a request like any app, and notes its body."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        parts, more = [], scope["method"] == "POST"
        while more:
            message = await receive()
            parts.append(message["body"])
            more = message.get("more_body", False)
        self.bodies.append(b"".join(parts))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "photo.png").write_bytes(b"a")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "secret.png").write_bytes(b"b")
    return folder


def ask(
    root: Path,
    path: str,
    body: bytes | None = None,
    host: str = "127.0.0.1:7860",
    local: bool = True,
    part: int = 10**9,
) -> tuple[int, list[bytes]]:
    """Returns status and what the inner app got."""
    inner = Inner()
    parts = [(body or b"")[start : start + part] for start in range(0, max(1, len(body or b"")), part)]
    messages = [
        {"type": "http.request", "body": piece, "more_body": number < len(parts) - 1}
        for number, piece in enumerate(parts)
    ]
    answers: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        answers.append(message)

    method = "GET" if body is None else "POST"
    scope = {"type": "http", "method": method, "path": path, "headers": [(b"host", host.encode())]}
    asyncio.run(Guard(inner, root, local)(scope, receive, send))
    return answers[0]["status"], inner.bodies


def message(path: object) -> bytes:
    return json.dumps(
        {"data": [{"text": "", "files": [{"path": path, "meta": {"_type": "gradio.FileData"}}]}]}
    ).encode()


def test_uploads_pass(root: Path) -> None:
    body = message(str(root / "photo.png"))
    assert ask(root, PATH, body) == (200, [body])
    assert ask(root, PATH, body, part=7) == (200, [body])
    assert ask(root, f"/gradio_api/file={root / 'photo.png'}") == (200, [b""])
    assert ask(root, "/gradio_api/upload", b"\x00binary") == (200, [b"\x00binary"])
    assert ask(root, "/")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "{root}/../secret.png",
        "{root}/link.png",
        "http://169.254.169.254/latest",
        "https://example.org/a.png",
        "file:///etc/passwd",
        "secret.png",
        "",
        "{root}/a\0b",
    ],
)
def test_other_paths_do_not(root: Path, path: str) -> None:
    assert ask(root, PATH, message(path.replace("{root}", str(root)))) == (403, [])


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=http://example.org/a",
        "/gradio_api/file=%2Fetc%2Fpasswd",
        "/file=/etc/passwd",
        "/gradio_api/file/etc/passwd",
        "/gradio_api/proxy=https://example.org",
        "/gradio_api/file={root}/../secret.png",
    ],
)
def test_nor_are_they_served(root: Path, path: str) -> None:
    assert ask(root, path.replace("{root}", str(root))) == (403, [])


@pytest.mark.parametrize(
    ("host", "local", "status"),
    [
        ("localhost:7860", True, 200),
        ("127.0.0.1", True, 200),
        ("[::1]:7860", True, 200),
        ("evil.example:7860", True, 403),
        ("127.0.0.1.evil.example", True, 403),
        ("", True, 403),
        ("shop.example", False, 200),
    ],
)
def test_other_hosts_are_refused_on_a_page_for_this_machine(
    root: Path, host: str, local: bool, status: int
) -> None:
    assert ask(root, "/", host=host, local=local)[0] == status


def test_bodies_are_limited(root: Path) -> None:
    assert ask(root, PATH, b'"' + b"x" * 1_000_001 + b'"', part=100_000) == (413, [])


def test_deep_and_broken_bodies_are_the_apps_affair(root: Path) -> None:
    for body in (b"", b"{", b"[" * 100_000):
        assert ask(root, PATH, body) == (200, [body])
