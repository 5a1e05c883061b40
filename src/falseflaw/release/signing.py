"""Signs a bundle with a private key, by the package `model-signing` (extra `sign`)."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from falseflaw.errors import ConfigurationError
from falseflaw.runtime.signature import first_line, hashing_config, model_signing
from falseflaw.runtime.sums import SIGNATURE_NAME

PASSWORD_VARIABLE = "FALSEFLAW_SIGN_PASSWORD"
"""Of an encrypted key; an environment variable, for configurations are printed and saved."""


class Signer:
    """Signs bundles with one private key."""

    def __init__(self, key: Path) -> None:
        """Reads the key, so that a wrong one is told of before anything is exported.

        Args:
            key: Private key on the curve P-256, P-384 or P-521, PEM.

        Raises:
            MissingExtraError: The extra `sign` is not installed.
            ConfigurationError: There is no such key.
        """
        package = model_signing()
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            PublicFormat,
            load_pem_private_key,
        )

        password = os.environ.get(PASSWORD_VARIABLE, "").encode() or None
        try:
            self._config = package.signing.Config().use_elliptic_key_signer(
                private_key=key, password=password
            )
            public = load_pem_private_key(key.read_bytes(), password).public_key()
        except Exception as error:  # cryptography raises many kinds
            reason = error.strerror if isinstance(error, OSError) else first_line(error)
            raise ConfigurationError(
                f"expected sign.key as an elliptic-curve private key (PEM; {PASSWORD_VARIABLE} holds its "
                f"password), got {key}: {reason}"
            ) from error
        text = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.facts = {"public_key_sha256": hashlib.sha256(text).hexdigest()}

    def sign(self, folder: Path) -> None:
        """Writes the signature of all other files of a folder."""
        self._config.set_hashing_config(hashing_config()).sign(folder, folder / SIGNATURE_NAME)
