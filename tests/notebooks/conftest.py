"""A tiny evaluation with everything that a committed one may hold, in a home that Jupyter has never seen."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.evaluation.made import PROVENANCE, summarized
from tests.helpers import make_dataset

from falseflaw.audit.audit import GATES, PROBES, Audit, manifest_digest
from falseflaw.dataset.folder import AUDIT_NAME
from falseflaw.dataset.manifest import read_manifest
from falseflaw.evaluation.figures import rates
from falseflaw.evaluation.figures.calibration import fit, write_operating_point
from falseflaw.evaluation.figures.measure import Measure, prepare
from falseflaw.evaluation.figures.summary import write_summary
from falseflaw.evaluation.prediction.predict import predict
from falseflaw.evaluation.prediction.selection import Selection
from falseflaw.imaging.laundering.base import Identity
from falseflaw.imaging.laundering.recompress import Jpeg
from falseflaw.statistics.bootstrap import Estimate
from falseflaw.types import Edit

ROOT = Path(__file__).resolve().parents[2]


class Scorer:
    """Scores by mean brightness: cheap, and not perfect."""

    fingerprint = "0" * 64

    def describe(self) -> dict[str, str]:
        return {"kind": "checkpoint", "path": "best.ckpt", "sha256": self.fingerprint}

    def score(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        heat = 255 - images.max(axis=3)
        return heat.std(axis=(1, 2)) / 20, heat


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An audited dataset of 12 sets, 3 of them in the test fold."""
    folder = make_dataset(tmp_path_factory.mktemp("dataset") / "tiny", sources=12)
    chance = dict.fromkeys(PROBES, Estimate(0.5, 0.4, 0.6, 96)) | {"color": Estimate(0.7, 0.6, 0.8, 96)}
    audit = Audit({name: [] for name in GATES}, chance, {}, {}, manifest_digest(folder))
    (folder / AUDIT_NAME).write_text(json.dumps(audit.to_json()))
    return folder


@pytest.fixture(scope="session")
def evaluation(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An evaluation folder as `falseflaw evaluate` writes it."""
    output = tmp_path_factory.mktemp("run") / "evaluation"
    selection = Selection(dataset, read_manifest(dataset), (Identity(), Jpeg(40)))
    predictions = predict(selection, Scorer(), output, progress=False)
    point, fitted = fit(predictions, ["identity", "jpeg40"])
    provenance = replace(
        PROVENANCE,
        model=Scorer().describe(),
        command="falseflaw evaluate run=x",
        photo_sets=("tiny",),
        generators=("checker", "twin"),
        dataset=str(dataset),
        dataset_config_hash=("tiny",),
    )
    write_summary(output, summarized(predictions, point, 30, provenance=provenance, fitted=fitted))
    write_operating_point(output / "operating_point.json", point, fitted)
    return output


@pytest.fixture(scope="session")
def others(evaluation: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """An evaluation of real damage, and one under a real screenshot, by the same detector."""
    from falseflaw.evaluation.figures.calibration import read_operating_point
    from falseflaw.evaluation.figures.summary import read_summary
    from falseflaw.evaluation.prediction.predictions import read_predictions

    predictions = read_predictions(evaluation)
    point, _ = read_operating_point(evaluation / "operating_point.json")
    provenance = read_summary(evaluation).provenance
    damaged = predictions[predictions["edit"] == str(Edit.SIMULATED_DAMAGE)]
    real = damaged.assign(edit=str(Edit.REAL_DAMAGE), photo_set="real_damage")
    taken = predictions[predictions["laundering"] == "jpeg40"].assign(
        laundering="browser_screenshot_phone_x2"
    )
    folders = [tmp_path_factory.mktemp("others") / name for name in ("evaluation_real_damage", "browser")]
    test = real["fold"] == "test"
    summaries = (
        rates.summarize(
            prepare(real[test], point), Measure(point, 30), replace(provenance, photo_sets=("real_damage",))
        ),
        summarized(taken, point, 30, provenance=provenance),
    )
    for folder, summary in zip(folders, summaries, strict=True):
        folder.mkdir()
        write_summary(folder, summary)
    return folders


@pytest.fixture
def fresh_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    for name in [name for name in os.environ if name.startswith(("JUPYTER", "IPYTHON", "XDG"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """As much of the repository as scripts/run refresh-results touches, with one notebook of the four."""
    root = tmp_path / "clone"
    for name in ("scripts/documents", "notebooks"):
        (root / name).mkdir(parents=True)
    for name in (
        "scripts/documents/refresh_results.py",
        "scripts/documents/readme_blocks.py",
        "scripts/documents/targets_block.py",
        "notebooks/01_dataset.ipynb",
    ):
        shutil.copyfile(ROOT / name, root / name)
    blocks = [
        f"<!-- {name}:begin -->\nstale {name}\n<!-- {name}:end -->"
        for name in ("results", "targets", "figures")
    ]
    (root / "docs").mkdir()
    (root / "docs" / "results.md").write_text("\n".join(["# A", *blocks, "B", ""]))
    (root / "README.md").write_text("\n".join(["# A", blocks[0], "B", ""]))
    return root
