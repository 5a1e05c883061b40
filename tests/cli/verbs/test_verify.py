import shutil
from pathlib import Path

import pytest
from tests.release.test_bundle import without_training_packages
from tests.runtime.red import write_bundle

from falseflaw.cli.main import main


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "bundle")


def test_a_mismatch_ends_with_the_line_that_says_what(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (bundle / "MODEL_CARD.md").write_text("# another")
    assert main(["verify", f"bundle={bundle}"]) == 1
    told = capsys.readouterr()
    assert told.out.startswith("FAIL     sums       expected ")
    assert told.out.count("SKIPPED") == 7
    (error,) = told.err.splitlines()
    assert error.startswith(f"falseflaw verify: {bundle} does not hold, sums: expected ")
    assert "MODEL_CARD.md" in error


def test_what_torch_is_needed_for_is_skipped_where_it_is_absent(tmp_path: Path, bundle: Path) -> None:
    shutil.rmtree(bundle)
    from tests.release.tiny import make_bundle

    folder = make_bundle(bundle).folder
    done = without_training_packages("verify", f"bundle={folder}")
    assert done.returncode == 0, done.stderr
    lines = {line.split()[1]: line for line in done.stdout.splitlines()[:-1]}
    assert {name: line.split()[0] for name, line in lines.items()} == {
        "sums": "PASS",
        "schema": "PASS",
        "signature": "SKIPPED",
        "checker": "SKIPPED",
        "properties": "PASS",
        "weights": "PASS",
        "parity": "SKIPPED",
        "figures": "SKIPPED",
    }
    assert "torch is not installed" in lines["parity"]
    assert "the package onnx is not installed" in lines["checker"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bundle=nothing"], "falseflaw export"),
        (["parity_photos=1"], "parity_photos of at least 2"),
        (["sources=0"], "sources of at least 1"),
        (["dataset=."], "expected evaluation=FOLDER beside dataset="),
        (["evaluation=."], "expected dataset=FOLDER beside evaluation="),
        (["dataset=nothing", "evaluation=."], "the dataset that was evaluated"),
    ],
)
def test_what_goes_wrong_is_one_line(
    arguments: list[str],
    words: str,
    bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(bundle.parent)
    given = ["bundle=bundle", *arguments] if "bundle=" not in arguments[0] else arguments
    assert main(["verify", *given]) in {1, 2}
    (error,) = capsys.readouterr().err.splitlines()
    assert words in error


@pytest.mark.parametrize("verb", ["verify", "predict"])
def test_a_key_that_is_asked_for_is_never_passed_over(
    verb: str, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [f"input={tmp_path}", f"output={tmp_path / 'out'}"] if verb == "predict" else []
    assert main([verb, *given, f"bundle={bundle}", f"verify.key={tmp_path / 'public.pem'}"]) == 1
    assert "sign" in capsys.readouterr().err  # not signed, or without the extra: refused in both cases
