import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.release.tiny import RedDetector, make_bundle
from tests.runtime.red import POINT, gray_photo, spotted_photo

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.imaging import codec
from falseflaw.release import bundle
from falseflaw.release.bundle import Release
from falseflaw.release.verify import ParityError
from falseflaw.runtime.predictor import Predictor


@pytest.fixture
def quick_export(monkeypatch: pytest.MonkeyPatch, release: Release) -> None:
    """Takes the network that is exported already: the same for every detector."""

    def copy(detector: object, temperature: float, path: Path, *others: object) -> None:
        shutil.copy(release.folder / "model.onnx", path)

    monkeypatch.setattr(bundle, "export_onnx", copy)


@pytest.mark.slow
def test_a_bundle_says_what_it_is(release: Release) -> None:
    files = {path.name for path in release.folder.iterdir()}
    assert files == {"model.onnx", "model.safetensors", "bundle.json", "MODEL_CARD.md", "SHA256SUMS"}
    info = json.loads((release.folder / "bundle.json").read_text())
    assert info["operating_point"]["mask_threshold"] == POINT.mask_threshold
    assert info["parity"]["probability"] <= 1e-4
    assert info["parity"]["verdicts"] == 0
    assert Predictor(release.folder).operating_point == POINT
    assert release.size == sum(path.stat().st_size for path in release.folder.iterdir())
    assert release.onnx_seconds > 0


def test_sums_are_those_of_sha256sum(release: Release) -> None:
    lines = (release.folder / "SHA256SUMS").read_text().splitlines()
    assert len(lines) == 4
    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256((release.folder / name).read_bytes()).hexdigest() == digest


def test_the_card_sees_the_final_parity(tmp_path: Path, quick_export: None) -> None:
    made = make_bundle(tmp_path / "b", card=lambda info: f"{info.parity['batches']} batches")
    assert (made.folder / "MODEL_CARD.md").read_text() == f"{len(made.parity)} batches"


def test_a_changed_bundle_is_refused(tmp_path: Path, release: Release) -> None:
    folder = Path(shutil.copytree(release.folder, tmp_path / "b"))
    data = bytearray((folder / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "model.onnx").write_bytes(data)
    with pytest.raises(InvalidDataError, match="changed or damaged"):
        Predictor(folder)


@pytest.mark.parametrize("older", [False, True])
def test_a_failed_parity_leaves_nothing_behind(tmp_path: Path, quick_export: None, older: bool) -> None:
    target = tmp_path / "bundles/b"
    if older:
        make_bundle(target)
    before = {path.name: path.read_bytes() for path in target.iterdir()} if older else {}
    shown: list[str] = []
    with pytest.raises(ParityError):
        make_bundle(target, detector=RedDetector(gain=19.0), show=shown.append)
    assert any("torch against onnxruntime" in text for text in shown)
    assert target.exists() == older
    assert [path.name for path in target.parent.iterdir()] == (["b"] if older else [])
    if older:
        assert {path.name: path.read_bytes() for path in target.iterdir()} == before


def test_an_older_bundle_is_replaced(tmp_path: Path, quick_export: None) -> None:
    make_bundle(tmp_path / "b", name="old")
    make_bundle(tmp_path / "b", name="new")
    assert Predictor(tmp_path / "b").info.name == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_target_with_other_things_in_it_is_refused(tmp_path: Path, quick_export: None) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b/thesis.tex").write_text("years of work")
    with pytest.raises(ConfigurationError, match=r"thesis\.tex"):
        make_bundle(tmp_path / "b")
    assert (tmp_path / "b/thesis.tex").read_text() == "years of work"
    (tmp_path / "file").write_text("x")
    for target in ("file", "file/below"):
        with pytest.raises(ConfigurationError):
            make_bundle(tmp_path / target)


WITHOUT_TRAINING_PACKAGES = """
import sys

BLOCKED = {
    "torch", "torchvision", "lightning", "diffusers", "transformers", "timm", "cv2", "pandas", "pyarrow",
    "scipy", "sklearn", "matplotlib", "albumentations", "onnx", "onnxscript", "jinja2",
}

class Absent:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.split(".")[0] in BLOCKED else self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Absent(finder) for finder in sys.meta_path]
from falseflaw.cli.main import main
code = main(sys.argv[1:])
assert not BLOCKED & set(sys.modules), BLOCKED & set(sys.modules)
sys.exit(code)
"""


def without_training_packages(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_TRAINING_PACKAGES, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_predict_runs_where_torch_is_absent(tmp_path: Path, release: Release) -> None:
    codec.write_atomic(tmp_path / "in/fake.png", codec.encode_png(spotted_photo(90, 70, 5, 5)))
    codec.write_atomic(tmp_path / "in/fine.png", codec.encode_png(gray_photo(90, 70)))
    done = without_training_packages(
        "predict", f"input={tmp_path / 'in'}", f"output={tmp_path / 'out'}", f"bundle={release.folder}"
    )
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "out/predictions.csv").read_text().splitlines()
    assert [line.split(",")[2] for line in lines[1:]] == ["altered", "no sign of alteration"]


def test_export_without_its_extra_is_one_line(tmp_path: Path) -> None:
    done = without_training_packages("export", f"checkpoint={tmp_path / 'x.ckpt'}")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "falseflaw export: expected the extra train, which is not installed; "
        "install it: pip install 'falseflaw[train]'"
    ]
