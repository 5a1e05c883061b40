"""Signatures of bundles. With the extra `sign` but for the tests that say what happens without it."""

import datetime
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.release.tiny import PHOTOS, make_bundle

from falseflaw.cli.main import main
from falseflaw.errors import ConfigurationError, FalseFlawError, InvalidDataError, MissingExtraError
from falseflaw.release.bundle import Release
from falseflaw.release.checks import Check, Material, State, run_checks
from falseflaw.runtime.predictor import Predictor
from falseflaw.runtime.sums import write_sums


@pytest.fixture
def without_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("model_signing", *(name for name in sys.modules if name.startswith("model_signing."))):
        monkeypatch.setitem(sys.modules, name, None)


def checked(folder: Path, key: Path | None) -> dict[str, Check]:
    material = Material(photos=lambda: (PHOTOS, "drawn photos"), key=key)
    return {check.name: check for check in run_checks(folder, material)}


def test_without_the_extra_a_key_is_an_error_and_never_passed_over(
    without_extra: None, release: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from falseflaw.release.signing import Signer

    with pytest.raises(MissingExtraError, match=r"pip install 'falseflaw\[sign\]'"):
        Signer(tmp_path / "any")
    with pytest.raises(MissingExtraError, match=r"falseflaw\[sign\]"):
        Predictor(release.folder, key=tmp_path / "any")
    found = checked(release.folder, tmp_path / "any")
    assert found["signature"].state is State.FAIL
    assert "falseflaw[sign]" in found["signature"].text
    assert [check.name for check in found.values() if check.state is State.FAIL] == ["signature"]
    Predictor(release.folder)  # nobody asked for a signature
    assert main(["verify", f"bundle={release.folder}", f"verify.key={tmp_path / 'any'}"]) == 1
    error = capsys.readouterr().err.splitlines()
    assert len(error) == 1
    assert "falseflaw[sign]" in error[0]


Keys = Callable[..., Path]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Makes a key pair and a certificate by name; returns the private one; `.pub` and `.crt` lie beside."""
    pytest.importorskip("model_signing")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    folder = tmp_path_factory.mktemp("keys")

    def make(name: str, curve: ec.EllipticCurve | None = None, password: bytes | None = None) -> Path:
        path = folder / name
        if path.exists():
            return path
        key = ec.generate_private_key(curve or ec.SECP256R1())
        encryption = (
            serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        )
        pem = serialization.Encoding.PEM
        path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, encryption))
        public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
        path.with_suffix(".pub").write_bytes(public)
        who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        begin = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
        certificate = x509.CertificateBuilder(
            issuer_name=who,
            subject_name=who,
            public_key=key.public_key(),
            serial_number=1,
            not_valid_before=begin,
            not_valid_after=begin + datetime.timedelta(days=1),
        ).sign(key, hashes.SHA256())
        path.with_suffix(".crt").write_bytes(certificate.public_bytes(pem))
        return path

    return make


@pytest.fixture(scope="module")
def signed(keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from falseflaw.release.signing import Signer

    folder = tmp_path_factory.mktemp("signed") / "bundle"
    return make_bundle(folder, signer=Signer(keys("ours")), name="signed").folder


@pytest.fixture
def folder(signed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(signed, tmp_path / "another name"))


def test_a_signed_bundle_passes_wherever_it_lies(folder: Path, keys: Keys) -> None:
    public = keys("ours").with_suffix(".pub")
    assert checked(folder, public)["signature"].state is State.PASS
    Predictor(folder, key=public)
    Predictor(folder, key=keys("ours").with_suffix(".crt"))  # the certificate stands for its key
    assert checked(folder, None)["signature"].state is State.SKIPPED
    assert "verify.key=PUBLIC_KEY" in checked(folder, None)["signature"].text


def test_the_package_s_own_command_agrees(folder: Path, keys: Keys) -> None:
    command = [sys.executable, "-m", "model_signing", "verify", "key", str(folder)]
    options = [
        "--signature",
        str(folder / "model.sig"),
        "--public_key",
        str(keys("ours").with_suffix(".pub")),
    ]
    done = subprocess.run(
        [*command, *options], capture_output=True, text=True, check=False, env={**os.environ}
    )
    assert done.returncode == 0, done.stderr


def card(folder: Path) -> None:
    """Changes a file that nothing but the signature protects from whoever writes the sums anew."""
    (folder / "MODEL_CARD.md").write_text("# Never wrong\n")
    write_sums(folder)


def statement(folder: Path) -> None:
    import base64

    values = json.loads((folder / "model.sig").read_text())
    text = base64.b64decode(values["dsseEnvelope"]["payload"]).replace(b'"sha256"', b'"SHA256"', 1)
    values["dsseEnvelope"]["payload"] = base64.b64encode(text).decode()
    (folder / "model.sig").write_text(json.dumps(values))


TAMPERED: dict[str, Callable[[Path], object]] = {
    "the card and its sum": card,
    "the statement that is signed": statement,
    "no signature": lambda folder: (folder / "model.sig").unlink(),
    "an empty signature": lambda folder: (folder / "model.sig").write_bytes(b""),
    "a signature cut short": lambda folder: (folder / "model.sig").write_bytes(
        (folder / "model.sig").read_bytes()[:-20]
    ),
    "an object": lambda folder: (folder / "model.sig").write_text("{}"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_signature_that_does_not_hold_is_refused(name: str, folder: Path, keys: Keys) -> None:
    TAMPERED[name](folder)
    public = keys("ours").with_suffix(".pub")
    with pytest.raises(FalseFlawError, match=r"model\.sig") as caught:
        Predictor(folder, key=public)
    assert "\n" not in str(caught.value)
    failed = [check for check in checked(folder, public).values() if check.state is State.FAIL]
    assert "model.sig" in failed[0].text


def test_a_signature_taken_away_is_missed_without_a_key(folder: Path) -> None:
    (folder / "model.sig").unlink()
    with pytest.raises(FalseFlawError, match="says that the bundle is signed"):
        Predictor(folder)


@pytest.mark.parametrize(
    ("name", "words"), [("theirs.pub", "Key mismatch"), ("ours", "public key"), ("none", "found none")]
)
def test_another_key_is_refused(name: str, words: str, folder: Path, keys: Keys) -> None:
    keys("theirs")
    with pytest.raises(FalseFlawError, match=words):
        Predictor(folder, key=keys("ours").with_name(name))


def test_a_bundle_that_should_be_signed_and_is_not(release: Release, keys: Keys) -> None:
    public = keys("ours").with_suffix(".pub")
    with pytest.raises(FalseFlawError, match="to be signed"):
        Predictor(release.folder, key=public)
    assert checked(release.folder, public)["signature"].state is State.FAIL


def test_a_key_with_a_password_signs(keys: Keys, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    from falseflaw.release.signing import Signer

    path = keys("locked", ec.SECP384R1(), b"open sesame")
    with pytest.raises(ConfigurationError, match="FALSEFLAW_SIGN_PASSWORD"):
        Signer(path)
    monkeypatch.setenv("FALSEFLAW_SIGN_PASSWORD", "open sesame")
    Signer(path).sign(folder)
    Predictor(folder, key=path.with_suffix(".pub"))
    with pytest.raises(InvalidDataError):
        Predictor(folder, key=keys("ours").with_suffix(".pub"))


@pytest.mark.parametrize("name", ["nothing", "ours.pub", "ours.crt"])
def test_what_is_no_private_key_is_told_before_anything_is_exported(name: str, keys: Keys) -> None:
    from falseflaw.release.signing import Signer

    with pytest.raises(ConfigurationError, match=r"sign\.key") as caught:
        Signer(keys("ours").with_name(name))
    assert "\n" not in str(caught.value)
