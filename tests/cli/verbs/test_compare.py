import json
from pathlib import Path

import pytest
from tests.evaluation.made import made_predictions, write_evaluation

from falseflaw.cli.main import main


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs as far as the verb looks at them; the last was measured on other photos."""
    folder = tmp_path_factory.mktemp("runs")
    for seed, (name, sources) in enumerate((("first", 8), ("second", 8), ("other", 5))):
        predictions = made_predictions(sources, strength=2.0 + seed, seed=seed)
        write_evaluation(folder / name / "evaluation", predictions)
    return folder


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["compare", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_two_runs_side_by_side(runs, capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    given = f"evaluations=[{runs}/first/evaluation,{runs}/second/evaluation]"
    code, out, err = call(capsys, given, "output=compared", "replicates=50")
    assert code == 0, err
    comparison = json.loads(Path("compared/compare.json").read_text())
    assert list(comparison["evaluations"]) == ["first", "second"]
    figures = comparison["launderings"][0]["metrics"]["auroc"]
    lines = out.splitlines()
    assert lines[0].split()[:2] == ["laundering", "metric"]
    assert lines[0].rstrip().endswith("second - first")
    auroc = next(line for line in lines if line.startswith("identity") and "AUROC" in line)
    for value in figures["values"]:
        assert f"{value['value']:.3f} [{value['lo']:.3f}, {value['hi']:.3f}]" in auroc
    step = figures["differences"][1]
    assert auroc.endswith(f"{step['value']:+.3f} [{step['lo']:+.3f}, {step['hi']:+.3f}]")
    markdown = Path("compared/compare.md").read_text()
    table = [line for line in markdown.splitlines() if line.startswith("|")]
    assert len(table) == 2 + 3 * 7  # two launderings and all pooled, seven metrics
    assert [cell.strip() for cell in table[2].strip("|").split("|")][:2] == ["identity", "AUROC"]
    assert "resampled in pairs" in markdown.splitlines()[-1]
    assert {path.name for path in tmp_path.iterdir()} == {"compared"}


def test_names_may_be_given_and_nothing_is_written_unasked(runs, capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    given = f"evaluations={{base:{runs}/first/evaluation,new:{runs}/second/evaluation}}"
    code, out, err = call(capsys, given, "replicates=20")
    assert code == 0, err
    assert "new - base" in out.splitlines()[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected evaluations=[FOLDER,FOLDER,...] of at least two, got none"),
        (["evaluations=[{runs}/first/evaluation]"], "of at least two, got 1"),
        (["evaluations={runs}/first/evaluation"], "of at least two, got 1"),
        (["evaluations=[{runs}/first/evaluation,{runs}/first/evaluation]"], "got one of them twice"),
        (["evaluations=[{runs}/first/evaluation,{runs}/none/evaluation]"], "falseflaw evaluate"),
        (["evaluations=[{runs}/first/evaluation,{runs}/first]"], "cannot read"),
        (["evaluations=[{runs}/first/evaluation,{runs}/other/evaluation]"], "predictions of the same photos"),
        (["evaluations=[{runs}/first/evaluation,{runs}/second/evaluation]", "fold=val"], "of the val fold"),
        (["evaluations=[{runs}/first/evaluation,{runs}/second/evaluation]", "fold=last"], "got 'last'"),
        (["evaluations=[{runs}/first/evaluation,{runs}/second/evaluation]", "replicates=0"], "got 0"),
    ],
)
def test_errors_are_one_line(runs, arguments, message, capsys) -> None:
    code, _, err = call(capsys, *(text.replace("{runs}", str(runs)) for text in arguments))
    assert code in {1, 2}
    assert err.count("\n") == 1
    assert err.startswith("falseflaw compare: ")
    assert message in err


def test_a_sweeps_folder_stands_for_the_evaluations_of_its_runs(runs, capsys, tmp_path) -> None:
    for number, name in (("2", "first"), ("10", "second")):
        run = tmp_path / "sweep" / "trials" / number
        run.mkdir(parents=True)
        (run / "evaluation").symlink_to(runs / name / "evaluation", target_is_directory=True)
    code, out, err = call(capsys, f"evaluations=[{tmp_path}/sweep]", "replicates=20")
    assert code == 0, err
    assert out.splitlines()[0].rstrip().endswith("10 - 2")
