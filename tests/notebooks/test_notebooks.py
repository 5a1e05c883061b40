"""Every notebook runs from top to bottom, and what is committed of it is what running it gives."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from falseflaw.evaluation.committed.committed import take_over, take_over_dataset, take_over_other

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LARGEST = 400_000
TOUR = "00_tour"
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
every_question = pytest.mark.parametrize(
    "path", [path for path in NOTEBOOKS if path.stem != TOUR], ids=lambda path: path.stem
)


def text_of(cell: nbformat.NotebookNode) -> str:
    return "".join(item.get("text", "") for item in cell.outputs)


def answer_of(notebook: nbformat.NotebookNode) -> str:
    return text_of([cell for cell in notebook.cells if cell.cell_type == "code"][-1])


def executed(path: Path, where: Path) -> tuple[nbformat.NotebookNode, bool]:
    """Runs a notebook, and says whether its kernel holds torch afterwards."""
    notebook = nbformat.read(path, as_version=4)
    check = nbformat.v4.new_code_cell("import sys\nprint('torch' in sys.modules)")
    notebook.cells.append(check)
    resources = {"metadata": {"path": str(where)}}
    NotebookClient(notebook, timeout=250, kernel_name="python3", resources=resources).execute()
    loaded = text_of(notebook.cells.pop()).strip()
    assert loaded in {"True", "False"}
    return notebook, loaded == "True"


def test_there_are_the_five_that_the_readme_names() -> None:
    names = [path.stem for path in NOTEBOOKS]
    assert names == [TOUR, "01_dataset", "02_detection", "03_robustness", "04_errors"]
    readme = (ROOT / "README.md").read_text()
    assert all(f"`{name}`" in readme for name in names)


@pytest.mark.slow
@every_notebook
def test_the_committed_answer_is_the_one_that_execution_gives(path, fresh_home, monkeypatch) -> None:
    monkeypatch.delenv("FALSEFLAW_EVALUATION", raising=False)
    notebook, torch_loaded = executed(path, ROOT)
    answer = answer_of(notebook)
    assert answer.strip()
    assert answer == answer_of(nbformat.read(path, as_version=4)), "run scripts/run refresh-results"
    assert not torch_loaded


@every_notebook
def test_what_is_committed_is_small_asks_first_and_tells_nothing_of_the_machine(path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.splitlines()[0].endswith("?")
    assert notebook.cells[-2].source == "## Answer"
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in codes] == list(range(1, len(codes) + 1))
    assert all("execution" not in cell.metadata for cell in codes)
    assert not [item for cell in codes for item in cell.outputs if item.get("name") == "stderr"]
    assert path.stat().st_size < LARGEST
    text = path.read_text()
    assert str(ROOT) not in text
    assert not re.search(r"(?<![\w.])/(home|root|tmp|Users|work)/", text)
    assert not re.search(r"20\d\d-\d\d-\d\dT\d\d:", text)


def test_the_tour_has_about_ten_steps_with_pictures_and_three_decisive_verdicts() -> None:
    notebook = nbformat.read(ROOT / "notebooks" / f"{TOUR}.ipynb", as_version=4)
    assert 8 <= sum(cell.cell_type == "code" for cell in notebook.cells) <= 12
    pictures = [item for cell in notebook.cells for item in cell.get("outputs", []) if "image" in str(item)]
    assert len(pictures) >= 5
    said = answer_of(notebook)
    assert "wrote: altered." in said
    assert said.count("no sign of alteration.") == 2


@every_notebook
def test_it_opens_with_the_picture_of_the_answer(path) -> None:
    notebook = nbformat.read(path, as_version=4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert any(kind.startswith("image/") for kind in first.outputs[0].get("data", {}))


@pytest.fixture
def whole(evaluation, dataset, others, tmp_path) -> Path:
    """A committed evaluation that has everything."""
    folder = tmp_path / "committed"
    take_over(evaluation, folder)
    take_over_dataset(dataset, folder)
    for other in others:
        take_over_other(other, folder, other.name.removeprefix("evaluation_"))
    return folder


SAID = {
    "01_dataset": (
        "Something, though no gate found anything: color tell more than chance.",
        "Container facts alone tell positives from negatives with an AUROC of 0.500 [0.400, 0.600]",
    ),
    "02_detection": ("9 inpainted photos are found", "All of this holds for fakes by checker, twin on tiny"),
    "03_robustness": (
        "No simulated screenshot was measured.",
        "The only real screenshot, browser_screenshot_phone_x2",
    ),
    "04_errors": ("Of 1,000 honest buyers,", "Measured on real damage (real_damage, untouched): "),
}


@pytest.mark.slow
@every_question
def test_runs_on_another_evaluation_with_dataset_and_others(path, whole, fresh_home, monkeypatch) -> None:
    monkeypatch.setenv("FALSEFLAW_EVALUATION", str(whole))
    notebook, torch_loaded = executed(path, path.parent)
    assert not torch_loaded
    for words in SAID[path.stem]:
        assert words in answer_of(notebook)
    if path.stem != "01_dataset":
        assert "9 against 3 photos of 3 unseen sources" in "".join(
            text_of(cell) for cell in notebook.cells if cell.cell_type == "code"
        )
