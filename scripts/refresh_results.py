"""Takes over an evaluation, runs the notebooks on it and writes its table into README.md.

usage: refresh_results.py [RUN or EVALUATION FOLDER]
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from falseflaw.errors import FalseFlawError, InvalidDataError
from falseflaw.evaluation.calibration import OPERATING_POINT_NAME
from falseflaw.evaluation.predictions import PREDICTIONS_NAME, read_predictions
from falseflaw.evaluation.summary import SUMMARY_NAME, read_summary
from falseflaw.evaluation.tables import markdown_table
from falseflaw.imaging import codec

ROOT = Path(__file__).resolve().parents[1]
COMMITTED = ROOT / "notebooks" / "reference"
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"


def take_over(given: Path) -> None:
    """Copies the files that figures come from; the report stays behind, for it holds photos."""
    source = given / "evaluation" if (given / "evaluation").is_dir() else given
    read_summary(source)
    read_predictions(source)
    if source.resolve() == COMMITTED.resolve():
        return
    COMMITTED.mkdir(parents=True, exist_ok=True)
    for name in (SUMMARY_NAME, OPERATING_POINT_NAME, PREDICTIONS_NAME):
        shutil.copyfile(source / name, COMMITTED / name)


def run_notebook(path: Path) -> None:
    """Executes a notebook in place, as seen from the root; nothing in it tells when or where it ran."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(ROOT)}},
    ).execute()
    notebook.metadata["language_info"] = {"name": "python"}
    codec.write_atomic(path, (nbformat.writes(notebook).rstrip() + "\n").encode("utf-8"))


def results_block(summary: dict[str, Any]) -> str:
    """Returns what stands between the markers: the table, what it compares, and where it comes from."""
    provenance = summary["provenance"]
    model = provenance["model"]
    return (
        f"{markdown_table(summary)}\n\n"
        f"From `{provenance['command']}` on {', '.join(provenance['photo_sets'])} photos; "
        f"{model['kind']} {model['sha256'][:12]}."
    )


def update_readme(path: Path, block: str) -> None:
    """Replaces what stands between the markers.

    Raises:
        InvalidDataError: The markers are not there once each, in order.
    """
    text = path.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise InvalidDataError(
            f"expected {BEGIN} and {END} once each in {path}, in this order; put them there"
        )
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    codec.write_atomic(path, f"{before}{BEGIN}\n{block}\n{END}{after}".encode())


def main(arguments: list[str]) -> int:
    """Does all of it; returns the exit code."""
    if len(arguments) > 1 or set(arguments) & {"-h", "--help"}:
        print(__doc__.strip())
        return 0 if set(arguments) & {"-h", "--help"} else 2
    try:
        take_over(Path(arguments[0]) if arguments else COMMITTED)
        for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
            run_notebook(notebook)
            print(f"executed {notebook.relative_to(ROOT)}")
        update_readme(ROOT / "README.md", results_block(read_summary(COMMITTED)))
        print("updated README.md")
    except FalseFlawError as error:
        print(f"refresh-results: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
