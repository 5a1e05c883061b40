import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.helpers import make_dataset
from torch.utils.data import DataLoader, Dataset

from falseflaw.errors import ConfigurationError, InvalidDataError, WorkerLostError
from falseflaw.training import loader_workers
from falseflaw.training.detector.data import DetectorData
from falseflaw.training.loader_workers import check_shared_memory, prepare_worker, share, worded


class Odd(Dataset[Any]):
    """Fails in one of several ways while a worker loads its second batch."""

    def __init__(self, how: str) -> None:
        self.how = how

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> torch.Tensor:
        if index == 3 and self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if index == 3 and self.how == "photo":
            raise InvalidDataError("cannot read photo.jpg; build it again")
        if index == 3 and self.how == "full":
            torch.Tensor.share_memory_ = no_room  # type: ignore[method-assign]
        return torch.zeros(4)


def no_room(self: torch.Tensor) -> torch.Tensor:
    raise RuntimeError(
        "unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)\nmore"
    )


def collate(items: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    return share({"image": torch.stack(items)})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "kind", "message"),
    [
        ("kill", WorkerLostError, "resume=auto and this run_dir, with fewer data.workers"),
        ("photo", InvalidDataError, "^cannot read photo.jpg; build it again$"),
        (
            "full",
            ConfigurationError,
            "No space left on device.*pass data.workers=0, or give the container more",
        ),
    ],
)
def test_a_worker_that_fails_is_one_line_and_no_wait(how: str, kind: type[Exception], message: str) -> None:
    loader = DataLoader(Odd(how), 2, num_workers=1, collate_fn=collate, worker_init_fn=prepare_worker)
    with pytest.raises((RuntimeError, ConfigurationError, InvalidDataError)) as raised:
        list(loader)
    told = worded(raised.value)
    assert type(told) is kind
    with pytest.raises(kind, match=message):
        raise told
    assert "\n" not in str(told)


def test_other_errors_keep_their_words() -> None:
    assert worded(RuntimeError("shapes differ")) is None
    assert worded(ConfigurationError("expected a")) is None
    full = RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that ...")
    assert "--shm-size" in str(worded(full))


def test_too_little_shared_memory_is_told_before_a_batch_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader_workers, "_free_bytes", lambda folder: 300_000)
    check_shared_memory(10**9, 0)
    data = DetectorData(make_dataset(tmp_path), batch_size=24, workers=2)
    data.setup()
    with pytest.raises(ConfigurationError, match=r"of shared memory .* for 2 workers, got 0\.3 MB"):
        data.train_dataloader()
    monkeypatch.setattr(loader_workers, "SHARED_MEMORY", tmp_path / "none")
    monkeypatch.undo()
    check_shared_memory(1, 1)


def test_in_this_process_nothing_is_shared() -> None:
    assert not share({"image": torch.zeros(2)})["image"].is_shared()
