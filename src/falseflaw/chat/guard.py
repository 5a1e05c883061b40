"""What stands between the network and the page: refuses to read anything that was not uploaded.

gradio checks paths itself. It also fetches addresses that a request names, and answers whatever host name a
request was sent to; both are refused here, before it sees the request.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Message, _Receive, _Send], Awaitable[None]]

_MOST_BODY = 1_000_000  # bytes of a request that is no upload
_LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})


class Guard:
    """ASGI middleware around gradio's app."""

    def __init__(self, app: _App, root: Path, local: bool) -> None:
        """Wraps an app.

        Args:
            app: Of gradio.
            root: Folder of uploads and of what was made for visitors.
            local: Whether the page is for this machine alone: other host names are then refused, so that no
                page of another site reaches it under a name of its own (DNS rebinding).
        """
        self._app, self._root, self._local = app, root.resolve(), local

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Passes a request on, or answers 403 or 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = str(scope["path"])
        elsewhere = self._is_refused(path) or self._is_refused(unquote(path))  # whichever the app reads
        if elsewhere or (self._local and _host(scope) not in _LOCAL_NAMES):
            await _answer(send, 403)
            return
        if scope["method"] != "POST" or path.endswith("/upload"):
            await self._app(scope, receive, send)
            return
        body = await _body(receive)
        if body is None:
            await _answer(send, 413)
        elif not all(map(self._is_own, _paths(body))):
            await _answer(send, 403)
        else:
            await self._app(scope, _again(body, receive), send)

    def _is_refused(self, path: str) -> bool:
        if "/proxy=" in path:
            return True
        _, named, file = path.partition("/file=")
        if not named:
            _, named, file = path.partition("/file/")
        return bool(named) and not self._is_own(file)

    def _is_own(self, path: str) -> bool:
        """Tells whether a path is one below the root, once every link and `..` is followed."""
        try:
            return Path(path).is_absolute() and Path(path).resolve().is_relative_to(self._root)
        except (OSError, ValueError, RuntimeError):
            return False


def _host(scope: _Message) -> str:
    """Returns the host name that a request was sent to, without its port."""
    given = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
    name, _, port = given.rpartition(":")
    return name if name and port.isdigit() else given


def _paths(body: bytes) -> Iterator[str]:
    """Yields every file that a request names: texts under `path` or `url`, at any depth."""
    try:
        waiting = [json.loads(body)] if body.strip() else []
    except (ValueError, RecursionError):
        return  # gradio reads JSON only, and refuses it as well
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield from (text for text in [value.get("path")] if isinstance(text, str))
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


async def _body(receive: _Receive) -> bytes | None:
    """Returns the body of a request, None where it is too large."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message["type"] == "http.request" and message.get("more_body", False)
        if size > _MOST_BODY:
            return None
    return b"".join(parts)


def _again(body: bytes, receive: _Receive) -> _Receive:
    """Returns what gives a body once more, then whatever comes."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> _Message:
        return waiting.pop() if waiting else await receive()

    return receive_again


async def _answer(send: _Send, status: int) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"refused"})
