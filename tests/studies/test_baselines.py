import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from tests.evaluation.made import made_predictions, summarized

from falseflaw.errors import InvalidDataError, MissingDataError
from falseflaw.provenance import file_sha256
from falseflaw.studies.baselines import Entry, baselines_table, committed_bundle
from falseflaw.types import OperatingPoint


def entry(name: str, strength: float, **changes: object) -> Entry:
    predictions = made_predictions(strength=strength, **changes)
    return Entry(name, "none", summarized(predictions, OperatingPoint(), replicates=10))


def test_a_line_holds_an_entrys_own_figures() -> None:
    strong, weak = entry("strong", 9.0), entry("weak | small", 0.5)
    table = baselines_table([strong, weak])
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert rows[0].startswith("| detector | training | AUROC, identity | AUROC, pooled |")
    auroc = strong.summary.launderings[0].headline.auroc.value
    assert rows[2].startswith(f"| strong | none | {auroc:.3f} [")
    assert rows[3].startswith("| weak \\| small | none |")
    assert "Pooled: identity, jpeg80." in table
    assert strong.summary.pooled.headline.tpr.value != weak.summary.pooled.headline.tpr.value


def test_other_photos_or_launderings_are_refused() -> None:
    first = entry("first", 2.0)
    for other in (entry("other", 2.0, sources=6), entry("other", 2.0, launderings=("identity",))):
        with pytest.raises(InvalidDataError, match="others of first and other"):
            baselines_table([first, other])
    with pytest.raises(InvalidDataError, match="got others of first and val"):
        baselines_table([first, Entry("val", "none", replace(first.summary, fold="val"))])


def test_a_bundle_comes_out_of_the_history(tmp_path: Path) -> None:
    repository, target = tmp_path / "clone", tmp_path / "bundle"
    files = {"bundle.json": b"{}", "MODEL_CARD.md": b"#", "SHA256SUMS": b"s", "model.onnx": b"\x00\r\nfirst"}

    def git(*words: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
        command = ["git", "-C", str(repository), *identity, *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    (repository / "ours").mkdir(parents=True)
    git("init", "-q")
    for name, data in files.items():
        (repository / "ours" / name).write_bytes(data)
    git("add", ".")
    git("commit", "-qm", "first")
    first = git("rev-parse", "HEAD")
    sha256 = file_sha256(repository / "ours/model.onnx")
    (repository / "ours/model.onnx").write_bytes(b"second")
    git("commit", "-qam", "second")

    assert committed_bundle(repository, first, "ours", sha256, target) == target
    assert {path.name: path.read_bytes() for path in target.iterdir()} == files
    (target / "bundle.json").write_text("kept")
    committed_bundle(tmp_path / "none", first, "ours", sha256, target)  # it is there: no history is needed
    assert (target / "bundle.json").read_text() == "kept"
    with pytest.raises(InvalidDataError, match=r"expected model\.onnx with sha256"):
        committed_bundle(repository, "HEAD", "ours", sha256, tmp_path / "other")
    with pytest.raises(MissingDataError, match="git fetch --unshallow"):
        committed_bundle(repository, "0" * 40, "ours", sha256, tmp_path / "third")
