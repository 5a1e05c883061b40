"""Photo sets, flaws, inpainters, launderings, metrics and verbs come in through configuration alone.

The code is that of `tests.strangers`; no file of the package knows of it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.helpers import make_dataset
from tests.runtime.red import write_bundle

from falseflaw.cli.main import main
from falseflaw.dataset.manifest import read_manifest
from falseflaw.evaluation.figures.summary import read_summary
from falseflaw.evaluation.prediction.predictions import read_predictions
from falseflaw.imaging import codec
from falseflaw.types import Edit

CONFIGURATIONS = {
    "photos/towels.yaml": "{_target_: tests.strangers.Towels, count: 8}",
    "damage/squares.yaml": """
defaults: [wide, _self_]
painters:
  ink: {_target_: tests.strangers.black_square, _partial_: true}
""",
    "inpainter/flat.yaml": "{_target_: tests.strangers.Flat, name: flat, local: false, tone: 200}",
    "laundering/darkroom.yaml": """
name: darkroom
launderings:
  - {_target_: falseflaw.imaging.laundering.base.Identity}
  - {_target_: tests.strangers.Negative}
calibration: [identity]
""",
    "metrics/gap.yaml": "{gap: {_target_: tests.strangers.gap, _partial_: true}}",
    "greet.yaml": """
defaults: [{hydra: default}, _self_]
module: tests.strangers
whom: nobody  # who is greeted
""",
}


@pytest.fixture
def own(tmp_path: Path) -> str:
    """The override that names the folder of the stranger's configurations."""
    for name, text in CONFIGURATIONS.items():
        path = tmp_path / "own" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return f"--config-dir={tmp_path / 'own'}"


def test_a_photo_set_a_flaw_and_an_inpainter(own, tmp_path, capsys) -> None:
    output = tmp_path / "dataset"
    code = main(
        [
            *("synthesize", own, "photos=towels", "damage=squares", "inpainter=flat", "synthesis=tiny"),
            *("synthesis.kinds=[ink]", "synthesis.resized_share=0", "limit_sources=2", "folds=[train]"),
            *("audit=false", "progress=false", "engine.threads=1"),
            *(f"output={output}", f"cache={tmp_path / 'cache'}"),
        ]
    )
    assert code == 0, capsys.readouterr().err
    rows = read_manifest(output)
    assert set(rows["photo_set"]) == {"towels"}
    assert set(rows.loc[rows["edit"] == Edit.SPLICED, "generator"]) == {"flat"}
    for _, source in rows.groupby("source_id"):
        paths = {row.edit: output / row.path for row in source.itertuples()}
        mask = codec.read_mask(output / source.loc[source["edit"] == Edit.SPLICED, "mask_path"].iloc[0])
        painted = codec.decode(paths[str(Edit.SIMULATED_DAMAGE)])
        written = codec.decode(paths[str(Edit.SPLICED)])
        # Neither is like anything that the package paints: pure black, and one light tone.
        assert np.percentile(painted[mask], 5) < 30
        assert abs(float(np.median(written[mask])) - 200) < 10


def test_a_laundering_and_a_metric(own, tmp_path, capsys) -> None:
    dataset = make_dataset(tmp_path / "data", sources=8)
    bundle = write_bundle(tmp_path / "bundle")
    output = tmp_path / "evaluation"
    code = main(
        [
            *("evaluate", own, f"bundle={bundle}", f"dataset={dataset}", f"output={output}"),
            *("laundering=darkroom", "metrics=gap", "replicates=20", "examples=0", "progress=false"),
            *("workers=0", "threads=1"),
        ]
    )
    captured = capsys.readouterr()
    assert code == 0, captured.err
    summary = read_summary(output)
    assert [entry.name for entry in summary.launderings] == ["identity", "negative"]
    rows = read_predictions(output)
    rows = rows[rows["laundering"] == "negative"]
    positive = rows[rows["edit"].isin([str(Edit.SPLICED), str(Edit.FEATHERED), str(Edit.REGENERATED)])]
    negative = rows[rows["edit"] == Edit.SIMULATED_DAMAGE]
    expected = positive["logit"].mean() - negative["logit"].mean()
    assert summary.launderings[1].further["gap"].value == pytest.approx(expected)
    assert any(line.split() == ["laundering", "gap"] for line in captured.out.splitlines())
    assert "<th>gap</th>" in (output / "report.html").read_text(encoding="utf-8")


def test_a_verb(own, capsys) -> None:
    assert main(["greet", own, "whom=you"]) == 0
    assert capsys.readouterr().out == "greetings to you\n"
    assert main(["greet", own, "--help"]) == 0
    assert "whom: nobody  # who is greeted" in capsys.readouterr().out
    assert main(["greet", own, "whim=you"]) == 2
    assert "whom" in capsys.readouterr().err
    assert main(["greet"]) == 2
    assert "unknown verb 'greet'" in capsys.readouterr().err
