"""Every notebook runs from top to bottom on a tiny evaluation, in a home that Jupyter has never seen."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from tests.helpers import make_dataset

from falseflaw.dataset.manifest import read_manifest
from falseflaw.evaluation.calibration import fit, write_operating_point
from falseflaw.evaluation.predict import predict
from falseflaw.evaluation.summary import summarize, write_summary
from falseflaw.imaging.laundering.base import Identity
from falseflaw.imaging.laundering.recompress import Jpeg

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


class Scorer:
    """Scores by mean brightness: cheap, and not perfect."""

    fingerprint = "0" * 64

    def describe(self) -> dict[str, str]:
        return {"kind": "checkpoint", "path": "best.ckpt", "sha256": self.fingerprint}

    def score(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        heat = 255 - images.max(axis=3)
        return heat.std(axis=(1, 2)) / 20, heat


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluation")
    dataset = make_dataset(folder / "data", sources=12)
    output = folder / "evaluation"
    predictions = predict(
        dataset, read_manifest(dataset), (Identity(), Jpeg(40)), Scorer(), output, progress=False
    )
    point, fitted = fit(predictions, ["identity", "jpeg40"])
    provenance = {"model": Scorer().describe(), "command": "falseflaw evaluate run=x", "photo_sets": ["tiny"]}
    write_summary(output, summarize(predictions, point, provenance, fitted=fitted, replicates=30))
    write_operating_point(output / "operating_point.json", point, fitted)
    return output


@pytest.fixture
def fresh_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    for name in [name for name in os.environ if name.startswith(("JUPYTER", "IPYTHON", "XDG"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    return home


def outputs(notebook: nbformat.NotebookNode) -> str:
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return "".join(item.get("text", "") for cell in cells for item in cell.outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_on_another_evaluation_without_torch(path, evaluation, fresh_home, monkeypatch) -> None:
    monkeypatch.setenv("FALSEFLAW_EVALUATION", str(evaluation))
    notebook = nbformat.read(path, as_version=4)
    check = "import sys\nprint('torch loaded:', 'torch' in sys.modules)"
    notebook.cells.append(nbformat.v4.new_code_cell(check))
    where = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=200, kernel_name="python3", resources=where).execute()
    text = outputs(notebook)
    assert "9 against 3 photos of 3 unseen sources" in text
    assert "torch loaded: False" in text
    assert "Before any laundering the AUROC is" in text


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_a_valid_notebook_that_opens_with_a_question(path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.splitlines()[0].endswith("?")
    assert str(Path.home()) not in path.read_text()


def refresh(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "scripts" / "refresh_results.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False, cwd=root)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """As much of the repository as the script touches."""
    root = tmp_path / "clone"
    for name in ("scripts", "notebooks"):
        (root / name).mkdir(parents=True)
    shutil.copyfile(ROOT / "scripts" / "refresh_results.py", root / "scripts" / "refresh_results.py")
    shutil.copyfile(ROOT / "notebooks" / "robustness.ipynb", root / "notebooks" / "robustness.ipynb")
    (root / "README.md").write_text("# A\n<!-- results:begin -->\nstale figures\n<!-- results:end -->\nB\n")
    return root


def test_refresh_takes_over_executes_and_rewrites_the_readme(clone, evaluation, fresh_home) -> None:
    done = refresh(clone, str(evaluation.parent))
    assert done.returncode == 0, done.stderr
    committed = clone / "notebooks" / "reference"
    names = {"summary.json", "operating_point.json", "predictions.parquet"}
    assert {path.name for path in committed.iterdir()} == names
    for name in names:
        assert (committed / name).read_bytes() == (evaluation / name).read_bytes()
    text = (clone / "README.md").read_text()
    assert text.startswith("# A\n<!-- results:begin -->\n| laundering | AUROC |")
    assert text.endswith("<!-- results:end -->\nB\n")
    assert "stale figures" not in text
    assert "`falseflaw evaluate run=x` on tiny photos" in text
    notebook = nbformat.read(clone / "notebooks" / "robustness.ipynb", as_version=4)
    assert "9 against 3 photos" in outputs(notebook)
    assert all("execution" not in cell.metadata for cell in notebook.cells)


def test_refresh_refuses_what_it_cannot_use(clone, evaluation, tmp_path) -> None:
    done = refresh(clone, str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("refresh-results: cannot read")
    assert refresh(clone, "one", "two").returncode == 2
    assert "stale figures" in (clone / "README.md").read_text()
