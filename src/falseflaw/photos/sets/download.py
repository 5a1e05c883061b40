"""Fetches the public photo sets file by file, at their pinned commits, and checks every byte."""

from __future__ import annotations

import hashlib
import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.imaging.codec import write_atomic
from falseflaw.photos.sets.indexed import IndexEntry, PublicSet

PERMANENT = frozenset({400, 401, 403, 404, 410, 451})
"""HTTP codes that another attempt would not change."""


@dataclass(frozen=True)
class Download:
    """How files are fetched.

    Attributes:
        base_url: Start of every address; the repository, commit and path follow.
        threads: Files under way at once, 1 to 32.
        attempts: Tries a file, 1 or more.
        pause: Seconds before the second try; doubled before each further one.
        timeout: Seconds without an answer after which a try counts as failed.
    """

    base_url: str = "https://raw.githubusercontent.com"
    threads: int = 8
    attempts: int = 4
    pause: float = 1.0
    timeout: float = 30.0

    def __post_init__(self) -> None:
        scheme = urllib.parse.urlsplit(self.base_url).scheme
        if scheme not in {"http", "https"}:
            raise ConfigurationError(f"expected an http or https base_url, got {self.base_url!r}")
        if not 1 <= self.threads <= 32:
            raise ConfigurationError(f"expected threads in 1..32, got {self.threads}")
        if self.attempts < 1 or self.pause < 0 or self.timeout <= 0:
            raise ConfigurationError(
                "expected attempts >= 1, pause >= 0 and timeout > 0, "
                f"got {self.attempts}, {self.pause} and {self.timeout}"
            )

    def fetch(self, public_set: PublicSet, entry: IndexEntry, folder: Path) -> None:
        """Fetches one file, checks it and writes it atomically.

        Raises:
            MissingDataError: The server did not deliver it in any attempt.
            InvalidDataError: The server has no such file, or what arrived is not the pinned one.
        """
        below = urllib.parse.quote(f"{public_set.prefix}{entry.path}")
        url = f"{self.base_url.rstrip('/')}/{public_set.repository}/{public_set.commit}/{below}"
        for attempt in range(1, self.attempts + 1):
            try:
                data = self._get(url, entry.bytes)
            except urllib.error.HTTPError as error:
                if error.code in PERMANENT:
                    raise InvalidDataError(f"cannot fetch {url}: HTTP {error.code} {error.reason}") from error
                reason = f"HTTP {error.code} {error.reason}"
            except (OSError, http.client.HTTPException) as error:
                reason = str(getattr(error, "reason", None) or error)
            else:
                _check(data, entry, url)
                write_atomic(folder / entry.path, data)
                return
            if attempt < self.attempts:
                time.sleep(self.pause * 2 ** (attempt - 1))
        raise MissingDataError(
            f"cannot fetch {url}: {reason}; tried {self.attempts} times, run the same command again to go on"
        )

    def _get(self, url: str, size: int) -> bytes:
        request = urllib.request.Request(url, headers={"User-Agent": "falseflaw"})
        with urllib.request.urlopen(request, timeout=self.timeout) as response:
            data = bytes(response.read(size + 1))  # one more than expected is enough to refuse
            announced = response.headers.get("Content-Length")
        if announced is not None and len(data) < min(int(announced), size + 1):
            raise http.client.IncompleteRead(data, int(announced) - len(data))
        return data


@dataclass(frozen=True)
class Report:
    """What a download or a check found.

    Attributes:
        kept: Files that were there already and are right.
        fetched: Files that were fetched now.
        total: Files that were asked for.
    """

    kept: int
    fetched: int
    total: int


def download(public_set: PublicSet, folder: Path, limit: int | None, how: Download) -> Report:
    """Completes a local copy of a public set; files that are there and right are kept.

    Args:
        public_set: Which set.
        folder: Where its files go; the license is written there too.
        limit: Only that many files, evenly spread over the index, or None for all.
        how: Address, threads and patience.

    Raises:
        MissingDataError: The server cannot be reached; nothing further is tried.
        InvalidDataError: Files were refused; all others have been fetched.
    """
    entries = _select(public_set.entries(), limit)
    missing = [entry for entry in entries if not _is_right(folder / entry.path, entry)]
    write_atomic(folder / "LICENSE", public_set.license_text())
    bar = tqdm(total=len(entries), initial=len(entries) - len(missing), desc=public_set.name, unit="file")
    with bar:
        refused = _run(missing, lambda entry: how.fetch(public_set, entry, folder), how.threads, bar.update)
    if refused:
        raise InvalidDataError(f"refused {len(refused)} of {len(entries)} files; the first: {refused[0]}")
    return Report(len(entries) - len(missing), len(missing), len(entries))


def verify(public_set: PublicSet, folder: Path, limit: int | None = None) -> Report:
    """Checks a copy that somebody else made; files that are absent are not an error.

    Raises:
        MissingDataError: The folder holds none of the files.
        InvalidDataError: A file is not the pinned one.
    """
    entries = _select(public_set.entries(), limit)
    right, wrong = 0, []
    for entry in tqdm(entries, public_set.name, unit="photo"):
        if _is_right(folder / entry.path, entry):
            right += 1
        elif (folder / entry.path).exists():
            wrong.append(entry.path)
    if wrong:
        raise InvalidDataError(
            f"expected the pinned files of {public_set.name} in {folder}, got {len(wrong)} that differ, "
            f"such as {wrong[0]}; restore them"
        )
    if not right:
        raise MissingDataError(
            f"expected the {public_set.name} photos in {folder}, found none of {len(entries)}; "
            "unset FALSEFLAW_PHOTOS to download them"
        )
    return Report(right, 0, len(entries))


def _run(
    entries: Sequence[IndexEntry],
    task: Callable[[IndexEntry], None],
    threads: int,
    tick: Callable[[], object],
) -> list[InvalidDataError]:
    """Runs the task for every entry, several at once, and returns what was refused.

    Any other failure stops the queue and is raised.
    """
    refused = []
    with ThreadPoolExecutor(threads) as pool:
        waiting: set[Future[None]] = {pool.submit(task, entry) for entry in entries}
        try:
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    try:
                        future.result()
                    except InvalidDataError as error:
                        refused.append(error)
                    tick()
        finally:
            for future in waiting:
                future.cancel()
    return sorted(refused, key=str)


def _select(entries: tuple[IndexEntry, ...], limit: int | None) -> list[IndexEntry]:
    if limit is None or limit >= len(entries):
        return list(entries)
    if limit < 1:
        raise ConfigurationError(f"expected limit >= 1 or null, got {limit}")
    return [entries[i * len(entries) // limit] for i in range(limit)]


def _is_right(path: Path, entry: IndexEntry) -> bool:
    try:
        return path.stat().st_size == entry.bytes and _digest(path.read_bytes()) == entry.sha256
    except OSError:
        return False


def _check(data: bytes, entry: IndexEntry, url: str) -> None:
    if len(data) != entry.bytes or _digest(data) != entry.sha256:
        raise InvalidDataError(
            f"expected sha256 {entry.sha256[:12]}… of {entry.path}, got {_digest(data)[:12]}… "
            f"({len(data)} bytes) from {url}; the file was not kept"
        )


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
