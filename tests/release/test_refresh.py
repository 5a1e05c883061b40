import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tests.evaluation.made import PROVENANCE, made_predictions, summarized, write_evaluation
from tests.release.test_card import PARITY
from tests.runtime.red import POINT, info, write_bundle

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.evaluation.figures.summary import write_summary
from falseflaw.release.card import model_card
from falseflaw.release.refresh import find_differing, refresh_card
from falseflaw.runtime.bundle import read_bundle
from falseflaw.runtime.sums import write_sums


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle as an export leaves it: its card tells no figures."""
    folder = write_bundle(tmp_path / "bundle", parity=PARITY)
    (folder / "MODEL_CARD.md").write_text(model_card(info(parity=PARITY), None))
    write_sums(folder)
    return folder


@pytest.fixture
def evaluation(tmp_path: Path, bundle: Path) -> Path:
    """Of that bundle's network."""
    folder = tmp_path / "evaluation"
    sha256 = hashlib.sha256((bundle / "model.onnx").read_bytes()).hexdigest()
    model = {"kind": "bundle", "path": "x", "sha256": sha256}
    summary = summarized(made_predictions(4), POINT, provenance=replace(PROVENANCE, model=model))
    write_evaluation(folder, made_predictions(4), POINT)
    write_summary(folder, summary)
    return folder


def test_the_figures_come_once_there_is_an_evaluation(bundle: Path, evaluation: Path) -> None:
    before = {name: (bundle / name).read_bytes() for name in ("model.onnx", "bundle.json")}
    assert find_differing(bundle, evaluation)
    assert refresh_card(bundle, evaluation)
    assert "Not evaluated yet" not in (bundle / "MODEL_CARD.md").read_text()
    assert find_differing(bundle, evaluation) == []
    assert {name: (bundle / name).read_bytes() for name in before} == before
    read_bundle(bundle)
    assert not refresh_card(bundle, evaluation)


def test_one_digit_is_told(bundle: Path, evaluation: Path) -> None:
    refresh_card(bundle, evaluation)
    path = bundle / "MODEL_CARD.md"
    text = path.read_text()
    index = text.index("| untouched | 0.") + len("| untouched | 0.")
    path.write_text(f"{text[:index]}{(int(text[index]) + 1) % 10}{text[index + 1 :]}")
    found = find_differing(bundle, evaluation)
    assert any(line.startswith("MODEL_CARD.md, line ") for line in found)
    assert "SHA256SUMS: MODEL_CARD.md has another sum" in found


def test_an_evaluation_of_another_bundle_writes_nothing(bundle: Path, evaluation: Path) -> None:
    before = {path.name: path.read_bytes() for path in bundle.iterdir()}
    text = (evaluation / "summary.json").read_text()
    sha256 = hashlib.sha256(before["model.onnx"]).hexdigest()
    (evaluation / "summary.json").write_text(text.replace(sha256, "e" * 64))
    with pytest.raises(InvalidDataError, match="of another model"):
        refresh_card(bundle, evaluation)
    assert {path.name: path.read_bytes() for path in bundle.iterdir()} == before


def test_sums_without_a_card_are_refused(bundle: Path, evaluation: Path) -> None:
    sums = bundle / "SHA256SUMS"
    sums.write_text("".join(line for line in sums.read_text().splitlines(True) if "CARD" not in line))
    with pytest.raises(MissingDataError, match=r"expected MODEL_CARD.md"):
        refresh_card(bundle, evaluation)


def test_a_changed_bundle_gets_no_new_card(tmp_path: Path, bundle: Path, evaluation: Path) -> None:
    other = Path(shutil.copytree(bundle, tmp_path / "other"))
    (other / "bundle.json").write_text((other / "bundle.json").read_text().replace("0.9", "0.8"))
    with pytest.raises(InvalidDataError, match="changed or damaged"):
        refresh_card(other, evaluation)


class KnownSigner:
    """Signs with a word."""

    facts = {"public_key_sha256": "1" * 64}  # noqa: RUF012

    def sign(self, folder: Path) -> None:
        (folder / "model.sig").write_text((folder / "SHA256SUMS").read_text())


def test_a_signed_bundle_is_signed_again_or_left_alone(tmp_path: Path, evaluation: Path) -> None:
    signer = KnownSigner()
    folder = write_bundle(tmp_path / "signed", parity=PARITY, signature=signer.facts)
    signer.sign(folder)
    summary = evaluation / "summary.json"
    sha256 = hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()
    before = hashlib.sha256((tmp_path / "bundle/model.onnx").read_bytes()).hexdigest()
    summary.write_text(summary.read_text().replace(before, sha256))
    card = (folder / "MODEL_CARD.md").read_text()
    with pytest.raises(ConfigurationError, match="expected the key 111111111111… to sign"):
        refresh_card(folder, evaluation)
    assert (folder / "MODEL_CARD.md").read_text() == card
    assert refresh_card(folder, evaluation, signer)  # type: ignore[arg-type]
    assert (folder / "model.sig").read_text() == (folder / "SHA256SUMS").read_text()


def test_an_unsigned_bundle_is_not_signed_by_the_way(bundle: Path, evaluation: Path) -> None:
    with pytest.raises(ConfigurationError, match="expected no key to sign"):
        refresh_card(bundle, evaluation, KnownSigner())  # type: ignore[arg-type]
