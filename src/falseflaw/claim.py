"""Who may write into a folder: one process at a time, told by a lock that dies with it.

The lock lies on the folder itself: nothing is left in it, not even by a kill. On a network file system it
holds among the processes of each machine; `claim_new` holds among all, since a folder is made by one process
only.
"""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from falseflaw.errors import ConfigurationError

if sys.platform != "win32":
    import fcntl


@dataclass(frozen=True)
class _Held:
    """A claim: the open folder, and what was made for it, innermost first."""

    descriptor: int
    made: tuple[Path, ...]


_held: dict[Path, _Held] = {}


def claim(folder: Path, key: str = "output") -> None:
    """Makes a folder where there is none and keeps every other process from claiming it.

    It stays claimed until `release` or until this process ends, whatever ends it; processes that it starts
    do not hold it on. Claimed already by this process, it stays so. On a file system without locks nothing
    is kept from anyone.

    Args:
        folder: The folder.
        key: The option that names it, for the error.

    Raises:
        ConfigurationError: Another process has claimed it, or no file can be written to it.
    """
    made = _missing(folder)
    while True:
        check_writable(folder, key)
        try:
            name = folder.resolve()
            descriptor = None if name in _held else _open(folder)
        except OSError:
            return
        if name in _held:
            return
        if descriptor is None or not _lock(descriptor):
            raise ConfigurationError(
                f"expected {key} as a folder that no other process writes to, but one is at work in "
                f"{folder}; wait for its end or choose another {key}"
            )
        if _same(descriptor, folder):  # else its last owner has removed or replaced it meanwhile
            _held[name] = _Held(descriptor, made)
            return
        os.close(descriptor)


def is_claimed(folder: Path, keep: bool = False) -> bool:
    """Returns whether another process of this machine has claimed a folder.

    Args:
        folder: The folder; what is not there is not claimed.
        keep: Whether to claim it where it is free, so that one process alone finds it so.
    """
    try:
        name = folder.resolve()
        if name in _held:
            return False
        descriptor = _open(folder)
    except OSError:
        return False
    if not _lock(descriptor):
        return True
    if keep:
        _held[name] = _Held(descriptor, ())
    else:
        os.close(descriptor)
    return False


def check_writable(folder: Path, key: str = "output") -> None:
    """Makes a folder where there is none and checks that files can be written to it, before long work.

    Args:
        folder: The folder.
        key: The option that names it, for the error.

    Raises:
        ConfigurationError: They cannot: it lies on a read-only mount, is another user's, or the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"x")
            probe.flush()
    except OSError as error:
        raise ConfigurationError(
            f"cannot write to {folder}: {error.strerror or error}; choose another {key}"
        ) from error


def claim_new(folder: Path) -> Path:
    """Makes a folder that no process has had before, and claims it.

    Args:
        folder: How it should be called; where something is called so, `-2`, `-3` ... is appended.

    Returns:
        The folder.

    Raises:
        ConfigurationError: It cannot be made.
    """
    name, number, made = folder, 1, _missing(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        while not _make(name):
            number += 1
            name = folder.with_name(f"{folder.name}-{number}")
            made = (name, *made[1:])
    except OSError as error:
        raise ConfigurationError(
            f"cannot make the folder {name}: {error.strerror or error}; choose another one"
        ) from error
    claim(name)
    if held := _held.get(name.resolve()):
        _held[name.resolve()] = _Held(held.descriptor, made)
    return name


def release() -> None:
    """Gives up all that this process has claimed; what was made for it and stayed empty goes."""
    while _held:
        _, held = _held.popitem()
        for folder in held.made:
            with suppress(OSError):  # holds something by now
                folder.rmdir()
        os.close(held.descriptor)


def _make(folder: Path) -> bool:
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True


def _missing(folder: Path) -> tuple[Path, ...]:
    """Returns the folder and those above it that are not there, innermost first."""
    return tuple(path for path in (folder, *folder.parents) if not os.path.lexists(path))


def _open(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))


def _lock(descriptor: int) -> bool:
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    except OSError:  # no locks here
        return True
    return True


def _same(descriptor: int, folder: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), folder.stat())
    except OSError:
        return False


def _forget() -> None:
    """Closes what a forked child got from its parent: it must not hold a claim that the parent lost."""
    while _held:
        os.close(_held.popitem()[1].descriptor)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
