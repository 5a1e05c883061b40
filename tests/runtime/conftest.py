from pathlib import Path

import pytest
from tests.runtime.red import write_bundle

from falseflaw.runtime.predictor import Predictor


@pytest.fixture(scope="session")
def red_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("red") / "bundle")


@pytest.fixture(scope="session")
def predictor(red_bundle: Path) -> Predictor:
    return Predictor(red_bundle, threads=1)
