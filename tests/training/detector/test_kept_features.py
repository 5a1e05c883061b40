"""Features survive a kill, and never become those of another fit."""

from pathlib import Path

import numpy as np
import pytest

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.training.detector.kept_features import KeptFeatures


def look(kept: KeptFeatures, numbers: range) -> None:
    for number in numbers:
        shows = number % 3
        photo = np.array([number], np.float32), np.full((1, 4), number, np.float32)
        kept.add([photo, photo] if shows else [])


def test_what_was_written_last_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "kept.npz"
    stopped = KeptFeatures.at(path, "key")
    look(stopped, range(250))
    gone_on = KeptFeatures.at(path, "key")
    assert gone_on.looked == 200
    look(gone_on, range(200, 250))
    assert gone_on.looked == stopped.looked
    assert np.array_equal(np.stack(gone_on.features), np.stack(stopped.features))
    assert np.array_equal(np.concatenate(gone_on.logits), np.concatenate(stopped.logits))
    gone_on.remove()
    assert not path.exists()
    assert KeptFeatures.at(path, "another").looked == 0


def test_another_fit_or_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "kept.npz"
    look(KeptFeatures.at(path, "key"), range(100))
    with pytest.raises(ConfigurationError, match="got those of another fit"):
        KeptFeatures.at(path, "another")
    for content in (path.read_bytes()[:90], b"", b"text", b"PK\x03\x04"):
        path.write_bytes(content)
        with pytest.raises(InvalidDataError, match="remove it to begin anew"):
            KeptFeatures.at(path, "key")
