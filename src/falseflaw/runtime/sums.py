"""The checksums of a bundle folder: written at its export, held against the files whenever it is read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from falseflaw.errors import InvalidDataError, MissingDataError

SUMS_NAME = "SHA256SUMS"
SIGNATURE_NAME = "model.sig"
"""Covers all other files, the sums among them: the sums cannot list it."""

_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9][A-Za-z0-9._-]*)\n")
_AGAIN = "the bundle was changed or damaged; fetch or export it again"


def write_sums(folder: Path) -> None:
    """Writes the sums of all files of a folder, by name, as `sha256sum` does."""
    lines = [f"{digest}  {name}\n" for name, digest in sorted(_digests(folder))]
    (folder / SUMS_NAME).write_text("".join(lines), encoding="utf-8", newline="\n")


def read_sums(folder: Path) -> dict[str, str]:
    """Returns name to sha256 in hexadecimal; what is no line of sums, no file bears out.

    Raises:
        MissingDataError, InvalidDataError: There are no sums, or they cannot be read.
    """
    sums = {}
    for line in read_file(folder, SUMS_NAME).decode(errors="replace").splitlines():
        digest, _, name = line.partition("  ")
        sums[name.strip()] = digest.strip().lower()
    return sums


def read_checked(folder: Path, name: str, sums: Mapping[str, str]) -> bytes:
    """Returns the bytes of a file that has the sum which is listed.

    Raises:
        MissingDataError: There is no such file.
        InvalidDataError: It has another sum, or none is listed.
    """
    data = read_file(folder, name)
    _compare(folder, name, sums.get(name), hashlib.sha256(data).hexdigest())
    return data


def check_whole(folder: Path) -> None:
    """Checks that a folder holds what its sums list, byte for byte, and nothing else but a signature.

    Raises:
        MissingDataError: A listed file is not there.
        InvalidDataError: A file was changed or is not listed, or the sums are not as `write_sums` writes.
    """
    text = read_file(folder, SUMS_NAME).decode(errors="replace")
    listed = {name: digest for digest, name in _LINE.findall(text)}
    found = dict(_digests(folder))
    for name in listed:
        if name not in found:
            raise MissingDataError(
                f"expected {name} in the bundle {folder}, as {SUMS_NAME} lists it, found none; "
                "fetch or export the bundle again"
            )
        _compare(folder, name, listed[name], found[name])
    if extra := sorted(set(found) - set(listed)):
        raise InvalidDataError(
            f"expected nothing in the bundle {folder} that {SUMS_NAME} does not list, got {extra[0]!r}; "
            "remove it, or fetch or export the bundle again"
        )
    if text != "".join(f"{digest}  {name}\n" for name, digest in sorted(found.items())):
        raise InvalidDataError(
            f"expected one line a file, by name, in {folder / SUMS_NAME}, got others: {_AGAIN}"
        )


def read_file(folder: Path, name: str) -> bytes:
    """Returns the bytes of a file of a bundle.

    Raises:
        MissingDataError, InvalidDataError: It is not there, or cannot be read.
    """
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError as error:
        raise MissingDataError(
            f"expected {name} in the bundle {folder}, found none; fetch or export the bundle again"
        ) from error
    except OSError as error:
        raise InvalidDataError(f"cannot read {folder / name}: {error.strerror or error}") from error


def _digests(folder: Path) -> Iterator[tuple[str, str]]:
    """Yields name and sha256 of everything in a folder but sums and signature; of a folder, no sum."""
    for path in folder.iterdir():
        if path.name in (SUMS_NAME, SIGNATURE_NAME):
            continue
        try:
            with path.open("rb") as stream:
                yield path.name, hashlib.file_digest(stream, "sha256").hexdigest()
        except IsADirectoryError:
            yield f"{path.name}/", ""
        except OSError as error:
            raise InvalidDataError(f"cannot read {path}: {error.strerror or error}") from error


def _compare(folder: Path, name: str, expected: str | None, actual: str) -> None:
    if expected != actual:
        wanted = f"{expected[:12]}…" if expected else "an entry"
        raise InvalidDataError(
            f"expected {wanted} for {name} in {folder / SUMS_NAME}, got {actual[:12]}…: {_AGAIN}"
        )
