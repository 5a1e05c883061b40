"""Whether a bundle was signed with a key: OpenSSF model signing, by `model-signing` (extra `sign`).

The signature is a Sigstore bundle with an in-toto statement of the sha256 of every file of the folder, see
https://github.com/sigstore/model-transparency; the package's own command can check it as well.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from falseflaw.errors import InvalidDataError, MissingDataError, MissingExtraError
from falseflaw.runtime.sums import SIGNATURE_NAME

_BEGINS_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"


def model_signing() -> Any:
    """Returns the package; it takes a second to import, and nothing else here needs it.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import model_signing.hashing
        import model_signing.signing
        import model_signing.verifying
    except ImportError as error:
        raise MissingExtraError(
            "expected the extra sign, to make or check a signature, which is not installed; "
            "install it: pip install 'falseflaw[sign]'"
        ) from error
    return model_signing


def hashing_config() -> Any:
    """Returns what is signed: every file but the signature, `.gitattributes` and the like included."""
    return model_signing().hashing.Config().set_ignored_paths(paths=[SIGNATURE_NAME], ignore_git_paths=False)


def check_signature(folder: Path, key: Path) -> None:
    """Checks that a bundle, exactly as it lies there, was signed with the private half of a key.

    Args:
        folder: Of the bundle.
        key: Public key, PEM. Of a certificate its key is taken; neither its dates nor its issuer count.

    Raises:
        MissingExtraError: The extra `sign` is not installed: what cannot be checked does not pass.
        MissingDataError: There is no key, or no signature.
        InvalidDataError: The key cannot be read, or the signature does not hold.
    """
    package = model_signing()
    if not (folder / SIGNATURE_NAME).is_file():
        raise MissingDataError(
            f"expected the bundle {folder} to be signed, as verify.key={key} asks, found no "
            f"{SIGNATURE_NAME}; fetch a signed one"
        )
    verifying = package.verifying.Config().set_hashing_config(hashing_config())
    with tempfile.TemporaryDirectory() as scratch:
        try:
            verifying.use_elliptic_key_verifier(public_key=_public_key(key, Path(scratch)))
        except FileNotFoundError as error:
            raise MissingDataError(
                f"expected a public key at {key}, found none; correct verify.key"
            ) from error
        except Exception as error:  # cryptography raises many kinds
            raise InvalidDataError(
                f"expected verify.key as an elliptic-curve public key or certificate (PEM), got {key}: "
                f"{first_line(error)}"
            ) from error
    try:
        verifying.verify(folder, folder / SIGNATURE_NAME)
    except Exception as error:  # json, protobuf, cryptography and model_signing raise many kinds
        raise InvalidDataError(
            f"expected {folder / SIGNATURE_NAME} to hold for the bundle and the key {key}, but it does not: "
            f"{first_line(error)}; fetch the bundle again from whom you trust"
        ) from error


def first_line(error: Exception) -> str:
    """Returns what an error of a package says, cut short."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(". ")[:160] if lines else type(error).__name__


def _public_key(key: Path, scratch: Path) -> Path:
    """Returns a file with the public key alone."""
    data = key.read_bytes()
    if _BEGINS_CERTIFICATE not in data:
        return key
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = x509.load_pem_x509_certificate(data).public_key()
    path = scratch / "key.pem"
    path.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path
