"""Opens the chat on an address of this machine and closes it without a trace."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from falseflaw.chat.uploads import Limits
from falseflaw.errors import ConfigurationError
from falseflaw.evidence.look import Examiner
from falseflaw.runtime.predictor import Predictor

LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})

# Read by gradio when it is imported: no telemetry, no look for news, nothing fetched from a hub.
_QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "GRADIO_SHARE": "False",
}


@dataclass(frozen=True)
class Address:
    """Where the chat listens.

    Attributes:
        host: Name or number of an interface.
        port: None: the first free one from 7860 on.
    """

    host: str = "127.0.0.1"
    port: int | None = None

    def __post_init__(self) -> None:
        if self.port is not None and not (isinstance(self.port, int) and 1 <= self.port <= 65535):
            raise ConfigurationError(f"expected port of 1 to 65535 or null, got {self.port!r}")

    @property
    def local(self) -> bool:
        """Whether this machine alone reaches it."""
        return self.host in LOCAL


@contextlib.contextmanager
def serving(
    predictor: Predictor, examiner: Examiner, limits: Limits, address: Address, language: str
) -> Iterator[str]:
    """Serves the chat and gives its URL; when the block ends, so does the chat, and all files are gone.

    Args:
        predictor: Of the bundle.
        examiner: Of the same bundle.
        limits: Of a session.
        address: Where to listen.
        language: In which the page opens.

    Raises:
        ConfigurationError: Nothing can listen there.
    """
    with tempfile.TemporaryDirectory(prefix="falseflaw-chat-", ignore_cleanup_errors=True) as name:
        root = Path(name).resolve()
        os.environ.update(_QUIET | {"GRADIO_TEMP_DIR": str(root)})
        from starlette.middleware import Middleware

        from falseflaw.chat import app, look
        from falseflaw.chat.guard import Guard
        from falseflaw.chat.session import Desk

        blocks = app.build(Desk(predictor, examiner, root), limits, language)
        try:
            _, url, _ = blocks.queue(default_concurrency_limit=1).launch(
                server_name=address.host,
                server_port=address.port,
                share=False,
                inbrowser=False,
                prevent_thread_lock=True,
                quiet=True,
                show_error=False,
                allowed_paths=[],
                max_file_size=f"{limits.megabytes}mb",
                footer_links=[],
                enable_monitoring=False,
                ssr_mode=False,
                pwa=False,
                mcp_server=False,
                strict_cors=True,
                app_kwargs={"middleware": [Middleware(Guard, root=root, local=address.local)]},
                theme=app.theme(),
                css=look.CSS,
                head=look.HEAD,
            )
        except OSError as error:
            raise ConfigurationError(
                f"expected host={address.host} port={address.port or 'null'} to listen on, got: "
                f"{' '.join(str(error).split())}; pass another port, or port=null for a free one"
            ) from error
        try:
            yield str(url)
        finally:
            blocks.close(verbose=False)


def wait() -> None:
    """Waits until the process is stopped."""
    threading.Event().wait()
