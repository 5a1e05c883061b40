from dataclasses import replace
from pathlib import Path

import pytest
from tests.release.tiny import make_bundle, make_detector_bundle
from tests.runtime.red import POINT, write_bundle

from falseflaw.release.bundle import Release


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A real export of the tiny detector."""
    return make_bundle(tmp_path_factory.mktemp("release") / "bundle", git_revision="abc", name="tiny")


@pytest.fixture(scope="session")
def small_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real export of the real network, small and untrained."""
    folder = tmp_path_factory.mktemp("small") / "bundle"
    calm = replace(POINT, image_threshold=0.97, clear_threshold=0.94)  # its verdict is none of doubt
    return make_detector_bundle(folder, operating_point=calm).folder


@pytest.fixture(scope="session")
def red_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same network made by hand."""
    return write_bundle(tmp_path_factory.mktemp("red") / "bundle")
