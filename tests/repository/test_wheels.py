"""What somebody gets who installs the wheels outside a clone: the base install, and no torch."""

import importlib.util
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from tests.base_install import base_distributions
from tests.runtime.red import spotted_photo

from falseflaw.imaging import codec

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("hatchling") is None, reason="hatchling is not installed"),
]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The three wheels by their package, built without a network."""
    folder = tmp_path_factory.mktemp("wheels")
    places = [ROOT, ROOT / "packages/reference", ROOT / "packages/generators"]
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, *map(str, places)], check=True)
    return {path.name.split("-")[0]: path for path in folder.glob("*.whl")}


def install(wheel: Path, site: Path) -> None:
    """Unpacks a wheel, as pip does with one of plain Python."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)


def parts_of(distribution: importlib.metadata.Distribution) -> dict[str, Path]:
    """What a distribution has in `site-packages`, by name."""
    parts: dict[str, Path] = {}
    for file in distribution.files or ():
        place = Path(str(file.locate())).resolve()
        if place.exists() and file.parts[0] not in {"..", "__pycache__"}:
            parts[file.parts[0]] = Path(*place.parts[: len(place.parts) - len(file.parts) + 1])
    if not parts:  # installed by setup.py: its list is of the source tree
        folder = Path(str(distribution.locate_file(""))).resolve()
        for top in (distribution.read_text("top_level.txt") or "").split():
            parts |= {place.name: place for place in folder.glob(f"{top}*")}
    return parts


@pytest.fixture
def site(tmp_path: Path, wheels: dict[str, Path]) -> Path:
    """`site-packages` of a fresh environment that holds the base install alone."""
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    for name in base_distributions():
        for top, place in parts_of(importlib.metadata.distribution(name)).items():
            if not (site / top).exists():
                (site / top).symlink_to(place)
    install(wheels["falseflaw"], site)
    (tmp_path / "empty").mkdir()
    return site


def falseflaw(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command in an empty folder with nothing but the fresh environment."""
    return python(tmp_path, "-m", "falseflaw.cli.main", *arguments)


def python(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Python in an empty folder with nothing but the fresh environment."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "FALSEFLAW"))}
    return subprocess.run(
        [tmp_path / "venv/bin/python", *arguments],
        cwd=tmp_path / "empty",
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_wheels_hold_what_the_configuration_names(wheels: dict[str, Path]) -> None:
    held = {name: set(zipfile.ZipFile(path).namelist()) for name, path in wheels.items()}
    assert "falseflaw/conf/predict.yaml" in held["falseflaw"]
    assert not any(file.startswith(("checkpoints/", "tests/")) for file in held["falseflaw"])
    assert any(file.endswith("reference/model.onnx") for file in held["falseflaw_reference"])
    assert any(file.endswith("reference/SHA256SUMS") for file in held["falseflaw_reference"])
    assert sum(file.endswith("model_index.json") for file in held["falseflaw_generators"]) == 2


def test_predict_with_and_without_the_reference_package(
    tmp_path: Path, site: Path, wheels: dict[str, Path]
) -> None:
    photo = tmp_path / "empty/photo.jpg"
    codec.write_atomic(photo, codec.encode_jpeg(spotted_photo(96, 128, 10, 20), 90))
    without = falseflaw(tmp_path, "predict", "input=photo.jpg", "output=out")
    assert without.returncode == 1
    (line,) = without.stderr.splitlines()
    assert "the package falseflaw-reference (in a clone: pip install ./packages/reference)" in line
    install(wheels["falseflaw_reference"], site)
    done = falseflaw(tmp_path, "predict", "input=photo.jpg", "output=out")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 photos: 1 ")
    assert not (site / "torch").exists()
    code = (
        "from falseflaw.runtime import Predictor\n"
        "result = Predictor('checkpoints/detectors/reference').judge('photo.jpg')\n"
        "print(result.verdict, result.heat_map.shape)"
    )
    judged = python(tmp_path, "-c", code)
    assert judged.returncode == 0, judged.stderr
    assert judged.stdout.endswith(" (96, 128)\n")


def test_synthesize_names_the_extra_that_is_missing(tmp_path: Path, site: Path) -> None:
    done = falseflaw(tmp_path, "synthesize", "output=out")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "falseflaw synthesize: expected the extra synthesis, which is not installed; "
        "install it: pip install 'falseflaw[synthesis]'"
    ]
    assert list((tmp_path / "empty").iterdir()) == []


@pytest.mark.slow
def test_synthesize_outside_a_clone_names_the_package_of_the_weights(
    tmp_path: Path, wheels: dict[str, Path]
) -> None:
    """With all extras: this environment's packages, but the wheel instead of the clone."""
    install(wheels["falseflaw"], tmp_path / "site")
    (tmp_path / "empty").mkdir()
    arguments = ["synthesize", "photos=studio", "photos.count=2", "output=out"]
    done = subprocess.run(
        [sys.executable, "-m", "falseflaw.cli.main", *arguments],
        cwd=tmp_path / "empty",
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("falseflaw synthesize: expected an autoencoder at checkpoints/autoencoders/")
    assert "the package falseflaw-generators (in a clone: pip install ./packages/generators)" in last
