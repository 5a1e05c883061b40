"""Writes the card of a bundle anew once its evaluation is there: an export comes before that."""

from __future__ import annotations

import hashlib
from pathlib import Path

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.imaging.codec import write_atomic
from falseflaw.provenance import file_sha256
from falseflaw.release.card import model_card
from falseflaw.release.measured import Measured, check_measured, read_measured
from falseflaw.release.rates import measured_rates
from falseflaw.release.signing import Signer
from falseflaw.runtime.bundle import CARD_NAME, INFO_NAME, MODEL_NAME, BundleInfo, read_info
from falseflaw.runtime.sums import SUMS_NAME, read_checked, read_file, read_sums


def card_of(bundle: Path, evaluation: Path | None) -> str:
    """Returns what the card of a bundle has to say.

    Args:
        bundle: Its folder.
        evaluation: Of that bundle; None: there is none yet.

    Raises:
        MissingDataError, InvalidDataError: One of both cannot be read, or they do not belong together.
    """
    info = _info(bundle)
    measured: Measured | None = None
    if evaluation is not None:
        measured = read_measured(evaluation)
        check_measured(measured, info, networks_of(info, bundle / MODEL_NAME), evaluation)
    return model_card(info, measured)


def refresh_card(bundle: Path, evaluation: Path, signer: Signer | None = None) -> bool:
    """Writes `MODEL_CARD.md` from an evaluation of the bundle, and its line in `SHA256SUMS`.

    Args:
        bundle: Its folder.
        evaluation: Of that bundle.
        signer: Of a signed bundle, with the key that it was signed with.

    Returns:
        Whether anything changed.

    Raises:
        MissingDataError, InvalidDataError: See `card_of`; nothing was written.
        ConfigurationError: The bundle is signed and the signer is none, or has another key.
    """
    _check_signer(_info(bundle), signer)
    text = card_of(bundle, evaluation).encode()
    path = bundle / CARD_NAME
    sums = read_file(bundle, SUMS_NAME).decode()
    wanted = _with_sum(sums, CARD_NAME, hashlib.sha256(text).hexdigest())
    if path.is_file() and path.read_bytes() == text and sums == wanted:
        return False
    write_atomic(path, text)
    write_atomic(bundle / SUMS_NAME, wanted.encode())
    if signer is not None:
        signer.sign(bundle)
    return True


def find_differing(bundle: Path, evaluation: Path) -> list[str]:
    """Says in a line each what the card and the sums of a bundle tell otherwise than its evaluation.

    Raises:
        MissingDataError, InvalidDataError: See `card_of`.
    """
    wanted = card_of(bundle, evaluation).splitlines()
    path = bundle / CARD_NAME
    got = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    found = [
        f"{CARD_NAME}, line {number}: expected {theirs!r}, got {ours!r}"
        for number, (theirs, ours) in enumerate(zip(wanted, got, strict=False), start=1)
        if theirs != ours
    ]
    if len(got) != len(wanted):
        found.append(f"{CARD_NAME}: expected {len(wanted)} lines, got {len(got)}")
    found += _other_rates(_info(bundle), read_measured(evaluation))
    for name, digest in read_sums(bundle).items():
        if not (bundle / name).is_file() or file_sha256(bundle / name) != digest:
            found.append(f"{SUMS_NAME}: {name} has another sum")
    return found


def _other_rates(info: BundleInfo, measured: Measured) -> list[str]:
    """Compares what reports of single photos will tell with the evaluation; a bundle may tell nothing yet."""
    expected = measured_rates(measured.summary, measured.others)
    if not info.measured or info.measured == expected:
        return []
    return [f"{INFO_NAME}: measured is {info.measured}, expected {expected}; export it again"]


def networks_of(info: BundleInfo, network: Path) -> list[str]:
    """Returns the sha256 of the networks whose evaluation a bundle's card tells: a variant's original too."""
    return [file_sha256(network), *filter(None, [info.variant.get("fp32_sha256")])]


def _info(bundle: Path) -> BundleInfo:
    """Reads what a bundle says of itself; its card alone may be any."""
    sums = read_sums(bundle)
    contents = {name: read_checked(bundle, name, sums) for name in (MODEL_NAME, INFO_NAME)}
    return read_info(bundle, contents[INFO_NAME])


def _check_signer(info: BundleInfo, signer: Signer | None) -> None:
    given = signer.facts if signer else {}
    if given != info.signature:
        wanted = f"the key {info.signature['public_key_sha256'][:12]}…" if info.signature else "no key"
        got = f"{given['public_key_sha256'][:12]}…" if given else "none"
        raise ConfigurationError(
            f"expected {wanted} to sign the bundle {info.name} again, got {got}; "
            "pass sign.key= as at its export"
        )


def _with_sum(sums: str, name: str, digest: str) -> str:
    """Returns the text of `SHA256SUMS` with another sum for one file.

    Raises:
        InvalidDataError: It has no line for it.
    """
    lines = sums.splitlines()
    named = [index for index, line in enumerate(lines) if line.partition("  ")[2].strip() == name]
    if len(named) != 1:
        raise InvalidDataError(f"expected one line for {name} in {SUMS_NAME}, got {len(named)}; export again")
    lines[named[0]] = f"{digest}  {name}"
    return "".join(f"{line}\n" for line in lines)
