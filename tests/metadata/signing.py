"""Signs photos with Content Credentials and a certificate made on the spot; needs the extra `c2pa`."""

from __future__ import annotations

import datetime
import io
import json
from functools import cache

import pytest

CODES = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def signed(photo: bytes, kind: str, *actions: tuple[str, str]) -> bytes:
    """The photo with a manifest of these actions, each with its digital source type or none."""
    c2pa = pytest.importorskip("c2pa")
    certificates, key = _certificate()
    signer = c2pa.Signer.from_info(
        c2pa.C2paSignerInfo(alg=b"es256", sign_cert=certificates, private_key=key, ta_url=None)
    )
    declared = [
        {"action": action} | ({"digitalSourceType": CODES + term} if term else {}) for action, term in actions
    ]
    manifest = {
        "claim_generator_info": [{"name": "Test camera", "version": "1.2"}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": declared}}],
    }
    written = io.BytesIO()
    settings = c2pa.Settings.from_dict({"builder": {"thumbnail": {"enabled": False}}})
    builder = c2pa.Builder(json.dumps(manifest), context=c2pa.Context(settings))
    builder.sign(signer, kind, io.BytesIO(photo), written)
    return written.getvalue()


@cache
def _certificate() -> tuple[bytes, bytes]:
    """Certificate chain and key, PEM; C2PA refuses self-signed ones."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now = datetime.datetime.now(datetime.UTC)
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

    def certificate(name: str, public: ec.EllipticCurvePublicKey, authority: bool) -> bytes:
        names = x509.oid.NameOID
        subject, issuer = (
            x509.Name(
                [
                    x509.NameAttribute(names.ORGANIZATION_NAME, "FalseFlaw tests"),
                    x509.NameAttribute(names.COMMON_NAME, common),
                ]
            )
            for common in (name, "root")
        )
        others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
        usage = dict.fromkeys((*others, "encipher_only", "decipher_only"), False)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(authority, None), True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, **usage
                ),
                True,
            )
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        )
        if not authority:
            purpose = x509.oid.ExtendedKeyUsageOID.EMAIL_PROTECTION
            builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), False)
        made = builder.sign(root_key, hashes.SHA256())
        return bytes(made.public_bytes(serialization.Encoding.PEM))

    chain = certificate("signer", key.public_key(), False) + certificate("root", root_key.public_key(), True)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return chain, private
