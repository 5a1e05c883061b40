from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.utilities import rank_zero_only

from falseflaw.errors import ConfigurationError
from falseflaw.training.ranks import World, find_world

LEFTOVERS = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "NODE_RANK", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT")


def maker(**options: Any) -> Any:
    return lambda **given: pl.Trainer(
        **{"accelerator": "cpu", "devices": 1, "enable_progress_bar": False, **options, **given}
    )


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LEFTOVERS:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "environment",
    [
        {"RANK": "1"},
        {"LOCAL_RANK": "1"},
        {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "3"},
        {"SLURM_PROCID": "2", "SLURM_JOB_ID": "7"},
    ],
)
def test_one_device_is_one_world_whatever_the_environment_says(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(rank_zero_only, "rank", 1)  # as Lightning sets it when it is imported
    assert find_world(maker()) == World(1, 0)
    assert rank_zero_only.rank == 0


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"LOCAL_RANK": "0"}, "unset LOCAL_RANK"),
        (
            {"LOCAL_RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"},
            "devices and trainer.num_nodes say, 2, got WORLD_SIZE=4",
        ),
        ({"NODE_RANK": "3"}, "one of 2, got number 6"),
    ],
)
def test_processes_that_would_wait_for_ever_are_refused(
    environment: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=message):
        find_world(maker(devices=2, strategy="ddp"))


def test_a_process_of_several_knows_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rank_zero_only, "rank", 0)
    for name, value in (("LOCAL_RANK", "1"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "x"), ("MASTER_PORT", "1")):
        monkeypatch.setenv(name, value)
    world = find_world(maker(devices=2, strategy="ddp"))
    assert (world, world.is_first) == (World(2, 1), False)


def test_a_scheduler_that_lightning_does_not_take_is_told_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SLURM_NTASKS", "4")
    monkeypatch.delenv("SLURM_NTASKS_PER_NODE", raising=False)
    with pytest.raises(ConfigurationError, match="unset SLURM_NTASKS") as raised:
        find_world(maker())
    assert "\n" not in str(raised.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
@pytest.mark.parametrize("accelerator", ["gpu", "cuda", "mps"])
def test_a_device_that_is_not_there_names_the_cpu(accelerator: str) -> None:
    with pytest.raises(ConfigurationError, match="pass trainer=cpu"):
        find_world(maker(accelerator=accelerator))
