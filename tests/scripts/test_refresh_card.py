"""scripts/run refresh-card: what it is called with; `tests/release/test_refresh.py` has what it does."""

from pathlib import Path
from types import ModuleType

import pytest
from tests.helpers import load_script
from tests.runtime.red import write_bundle

from falseflaw.errors import ConfigurationError


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("documents/refresh_card.py")


def test_without_arguments_it_is_the_committed_bundle(script: ModuleType) -> None:
    assert script.parse([]) == (Path("checkpoints/detectors/reference"), Path("notebooks/reference"), None)
    named = script.parse(["mine", "evaluation=runs/a", "sign.key=key.pem"])
    assert named == (Path("mine"), Path("runs/a"), Path("key.pem"))


@pytest.mark.parametrize("arguments", [["a", "b"], ["bundle=a"], ["a", "card=b"]])
def test_wrong_calls_are_refused(script: ModuleType, arguments: list[str]) -> None:
    with pytest.raises(ConfigurationError):
        script.parse(arguments)
    assert script.main(arguments) == 2


def test_what_is_missing_is_one_line(script: ModuleType, tmp_path: Path, capsys) -> None:
    bundle = write_bundle(tmp_path / "red")
    assert script.main([str(bundle), f"evaluation={tmp_path / 'none'}"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("refresh-card: expected an evaluation")
    assert error.count("\n") == 1
