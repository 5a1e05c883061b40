"""Trainings of a study: done once, gone on with after a stop, never taken for another."""

from pathlib import Path

import pytest

from falseflaw.errors import ConfigurationError
from falseflaw.studies import trainings


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    monkeypatch.setattr(trainings, "falseflaw", lambda *words: found.append(words))
    return found


def test_a_training_is_done_once_and_never_taken_for_another(
    tmp_path: Path, calls: list[tuple[str, ...]]
) -> None:
    run = tmp_path / "run"
    for _ in range(2):
        trainings.train(run, ["seed=0"])
    assert calls == [("train", "seed=0", f"run_dir={run}", "resume=auto")]
    with pytest.raises(ConfigurationError, match=r"called as before, got seed=1; name another"):
        trainings.train(run, ["seed=1"])


def test_a_training_that_failed_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*words: str) -> None:
        raise SystemExit(1)

    monkeypatch.setattr(trainings, "falseflaw", fail)
    with pytest.raises(SystemExit):
        trainings.train(tmp_path, ["seed=0"])
    found: list[tuple[str, ...]] = []
    monkeypatch.setattr(trainings, "falseflaw", lambda *words: found.append(words))
    trainings.train(tmp_path, ["seed=0"])
    assert len(found) == 1


def test_a_verb_that_fails_ends_the_study_with_its_exit_code(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        trainings.falseflaw("no-such-verb")
    assert caught.value.code == 2
    assert "no-such-verb" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("minutes", "time"), [(0.5, "00:00:00:30"), (90, "00:01:30:00"), (60 * 24 * 3 + 1, "03:00:01:00")]
)
def test_minutes_become_a_budget(minutes: float, time: str) -> None:
    assert trainings.minutes_of(minutes)[0] == f"trainer.max_time='{time}'"
    assert "optimizer.schedule=time" in trainings.minutes_of(minutes)


@pytest.mark.parametrize("minutes", [0, -1, 0.001])
def test_no_time_is_no_training(minutes: float) -> None:
    with pytest.raises(ConfigurationError, match="above 0"):
        trainings.minutes_of(minutes)


def test_the_last_dataset_named_counts() -> None:
    assert trainings.dataset_of(["dataset=a", "seed=1", "dataset=b"]) == "b"
    assert trainings.dataset_of(["data.workers=1"]) is None
