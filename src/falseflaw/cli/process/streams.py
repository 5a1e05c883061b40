"""Standard streams that no verb can fail on: closed ones, a reader that went away, a locale without UTF-8."""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

_GONE = frozenset({errno.EPIPE, errno.EIO, errno.EBADF})
"""Nobody reads any more: a closed pipe, a terminal that hung up. A full disk is another matter."""


@contextmanager
def robust_streams() -> Iterator[None]:
    """Lets everything inside print and draw bars, whatever the standard streams are.

    Descriptors 0 to 2 that are closed lead to the null device: the next file opened would else get one of
    them, and with it whatever a library or a child process prints. What cannot be encoded is written as an
    escape. When a reader goes away, work goes on in silence. Streams that a test or a notebook put in place
    stay as they are.
    """
    _fill_descriptors()
    before = sys.stdin, sys.stdout, sys.stderr
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 - as long as the process
    sys.stdout, sys.stderr = _robust(sys.stdout, 1), _robust(sys.stderr, 2)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        sys.stdin, sys.stdout, sys.stderr = before


def restart_in_utf8() -> None:
    """Starts this process anew in Python's UTF-8 mode where the locale knows ASCII alone (`LC_ALL=C`).

    Names of files would else come apart into single bytes, and libraries would write ASCII files. Python does
    the same by itself unless PYTHONCOERCECLOCALE and PYTHONUTF8 forbid it. Worker processes inherit the mode.
    """
    names_are_ascii = codecs.lookup(sys.getfilesystemencoding()).name == "ascii"
    if not names_are_ascii or os.environ.get("PYTHONUTF8") == "1" or not sys.orig_argv:
        return
    os.environ["PYTHONUTF8"] = "1"
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def _fill_descriptors() -> None:
    """Opens the null device at each of the descriptors 0 to 2 that is closed."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest that is free: this one
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
            os.set_inheritable(descriptor, True)


def _robust(stream: TextIO | None, descriptor: int) -> TextIO:
    if stream is None:  # closed when Python started
        return Path(os.devnull).open("w", encoding="utf-8")
    if type(stream) is not io.TextIOWrapper:
        return stream
    try:
        if stream.fileno() != descriptor:
            return stream
        stream.flush()
    except (OSError, ValueError):
        pass
    buffer = io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False))
    return _RobustStream(
        buffer,
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering or stream.isatty(),
        write_through=stream.write_through,
    )


class _RobustStream(io.TextIOWrapper):
    """A stream that turns silent when its reader is gone."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            self._turn_silent(error)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._turn_silent(error)

    def _turn_silent(self, error: OSError) -> None:
        descriptor = self.fileno()
        if error.errno not in _GONE and descriptor == 1:
            raise error
        # What the buffer still holds goes there too, and so does what libraries and children write.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, descriptor)
        os.close(null)
