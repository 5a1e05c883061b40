"""Trainings of a study: done once, gone on with after a stop, never taken for another."""

import threading
from functools import partial
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


def test_another_clock_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="wall, processor"):
        trainings.minutes_of(1, "sun")


def test_calls_at_once_keep_their_order_and_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    meeting = threading.Barrier(2, timeout=20)  # passed only where two wait there at the same time

    def meet(number: int) -> int:
        meeting.wait()
        return number

    found = trainings.at_once(2, {name: partial(meet, number) for number, name in enumerate("dcba")})
    assert list(found.items()) == [("d", 0), ("c", 1), ("b", 2), ("a", 3)]
    with pytest.raises(ConfigurationError, match="at least 1, got 0"):
        trainings.at_once(0, {})


def test_a_call_that_fails_ends_the_study_and_begins_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    begun: list[str] = []

    def call(name: str) -> None:
        begun.append(name)
        if name == "bad":
            raise SystemExit(3)

    with pytest.raises(SystemExit) as caught:
        trainings.at_once(1, {name: partial(call, name) for name in ("good", "bad", "never")})
    assert caught.value.code == 3
    assert begun == ["good", "bad"]
