from dataclasses import replace
from pathlib import Path

import pytest
from tests.evidence.stand_ins import made_up
from tests.runtime.red import write_bundle

from falseflaw.chat.session import Desk
from falseflaw.evidence.look import Examiner
from falseflaw.runtime.predictor import Predictor

FACT = made_up("camera", "exif", {"make": "[A](http://b)"}, "camera")


@pytest.fixture(scope="session")
def chat_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("chat") / "bundle")


@pytest.fixture(scope="session")
def chat_predictor(chat_bundle: Path) -> Predictor:
    return Predictor(chat_bundle, threads=1)


@pytest.fixture
def desk(chat_bundle: Path, chat_predictor: Predictor, tmp_path: Path) -> Desk:
    root = tmp_path / "root"
    root.mkdir()
    return Desk(
        chat_predictor,
        replace(Examiner.of(chat_bundle, chat_predictor.info), read_facts=lambda data: [FACT]),
        root,
        most=3,
    )
