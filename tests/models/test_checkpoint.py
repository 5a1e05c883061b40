from pathlib import Path

import pytest
import torch

from falseflaw.errors import InvalidDataError, MissingDataError
from falseflaw.models.checkpoint import load_detector, save_detector_checkpoint
from falseflaw.models.detector import Detector

TINY = {"backbone": "test_efficientnet", "residual_filters": 3, "decoder_channels": 8, "head_channels": 8}


@torch.inference_mode()
def test_a_saved_detector_comes_back(detector: Detector, tmp_path: Path) -> None:
    path = save_detector_checkpoint(detector, tmp_path / "deep/er/best.ckpt", TINY)
    loaded = load_detector(path)
    assert not loaded.training
    image = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    valid = torch.ones(2, 1, 64, 64)
    for first, second in zip(detector(image, valid), loaded(image, valid), strict=True):
        torch.testing.assert_close(first, second, atol=0, rtol=0)


def test_pretrained_weights_are_not_needed_to_load(
    detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_detector_checkpoint(detector, tmp_path / "a.ckpt", {**TINY, "pretrained": "imagenet"})
    assert load_detector(path).state_dict().keys() == detector.state_dict().keys()


def test_another_architecture_is_one_line(detector: Detector, tmp_path: Path) -> None:
    for arguments in (
        {**TINY, "decoder_channels": 16},
        {**TINY, "residual_filters": 0},
        {**TINY, "backbone": "test_byobnet"},
        {**TINY, "depth": 3},
    ):
        path = save_detector_checkpoint(detector, tmp_path / "other.ckpt", arguments)
        with pytest.raises(InvalidDataError, match="of another architecture") as caught:
            load_detector(path)
        assert "\n" not in str(caught.value)


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.path,)  # type: ignore[return-value]


def test_hostile_files_are_one_line_and_run_no_code(detector: Detector, tmp_path: Path) -> None:
    good = save_detector_checkpoint(detector, tmp_path / "good.ckpt", TINY).read_bytes()
    files = {
        "empty.ckpt": b"",
        "text.ckpt": b"hello",
        "half.ckpt": good[: len(good) // 2],
        "flipped.ckpt": good[:2000] + bytes(200) + good[2200:],
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    torch.save({"weights": torch.ones(2)}, tmp_path / "another.ckpt")
    torch.save([1, 2], tmp_path / "list.ckpt")
    torch.save({"hyper_parameters": Trap(tmp_path / "sprung"), "state_dict": {}}, tmp_path / "trap.ckpt")
    for name in [*files, "another.ckpt", "list.ckpt", "trap.ckpt"]:
        with pytest.raises(InvalidDataError) as caught:
            load_detector(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert name in str(caught.value)
    assert not (tmp_path / "sprung").exists()
    with pytest.raises(MissingDataError, match="falseflaw train"):
        load_detector(tmp_path / "nothing.ckpt")
