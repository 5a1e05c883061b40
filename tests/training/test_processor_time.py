"""Time by the processor: it counts work, not waiting, and over the parts of a training."""

import time

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from falseflaw.errors import ConfigurationError
from falseflaw.paths import config_dir
from falseflaw.studies.trainings import minutes_of
from falseflaw.training.processor_time import ProcessorTimer


def begun(minutes: float = 1.0) -> ProcessorTimer:
    timer = ProcessorTimer(minutes)
    timer.on_train_start(None, None)  # type: ignore[arg-type]
    return timer


def test_work_counts_and_waiting_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    processor, wall = [100.0], [0.0]
    monkeypatch.setattr(time, "process_time", lambda: processor[0])
    monkeypatch.setattr(time, "monotonic", lambda: wall[0])
    timer = begun()
    assert timer.time_elapsed() == 0
    wall[0] += 1000
    assert timer.time_elapsed() == 0
    processor[0] += 7
    assert timer.time_elapsed() == 7
    assert timer.time_remaining() == 53


def test_a_training_that_goes_on_has_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    processor = [100.0]
    monkeypatch.setattr(time, "process_time", lambda: processor[0])
    first = begun()
    processor[0] += 40
    second = ProcessorTimer(1)
    second.load_state_dict(first.state_dict())
    assert second.time_elapsed() == 40  # before its first step the schedule asks already
    processor[0] = 3.0  # another process
    second.on_train_start(None, None)  # type: ignore[arg-type]
    processor[0] += 15
    assert second.time_elapsed() == 55
    assert second.state_dict()["time_elapsed"]["train"] == 55


@pytest.mark.parametrize("minutes", [0, -1, float("nan")])
def test_no_time_is_no_training(minutes: float) -> None:
    with pytest.raises(ConfigurationError, match="above 0"):
        ProcessorTimer(minutes)


def test_a_study_asks_for_it_by_overrides() -> None:
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = compose("train", ["experiment=ablation/full", *minutes_of(1.5, "processor")])
    (timer,) = [instantiate(callback) for callback in config.callbacks.values()]
    assert isinstance(timer, ProcessorTimer)
    assert timer.time_remaining() == 90
    assert config.trainer.max_time is None
    assert config.optimizer.schedule == "time"
