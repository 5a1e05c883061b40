"""What differs between two configurations of a training, and what of it changes nothing that is learnt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MAY_CHANGE = (
    *("run_dir", "resume", "logger", "checkpoint_every", "callbacks"),
    *("dataset", "data.dataset"),  # another place; `dataset.lineage.check_same` sees to what is in it
    *("data.workers", "data.cache", "data.val_batch_size", "data.shards"),
    *("trainer.max_steps", "trainer.max_epochs", "trainer.max_time"),
    *("trainer.accelerator", "trainer.devices", "trainer.num_nodes", "trainer.strategy", "trainer.plugins"),
    *("trainer.val_check_interval", "trainer.check_val_every_n_epoch", "trainer.num_sanity_val_steps"),
    *("trainer.log_every_n_steps", "trainer.enable_model_summary", "trainer.enable_progress_bar"),
    *("trainer.detect_anomaly", "trainer.profiler"),
)
"""Keys, with all below them, that a resumed training may have other values of: they say how long it takes,
where it runs and what is told. All others decide what is learnt, or which checkpoint counts as the best."""

Change = tuple[str, Any, Any]
"""A key with its old and its new value; `absent` where there is none."""

ABSENT = "absent"
"""Stands for the value of a key that is not there."""


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """Returns every key whose value differs, in the order of `now`; keys of nested values joined by dots."""
    old, new = dict(_flat(before)), dict(_flat(now))
    return [
        (key, old.get(key, ABSENT), new.get(key, ABSENT))
        for key in dict.fromkeys([*new, *old])
        if old.get(key, ABSENT) != new.get(key, ABSENT)
    ]


def is_below(key: str, names: Sequence[str]) -> bool:
    """Returns whether a key is one of some names, or below one."""
    return any(key == name or key.startswith(f"{name}.") for name in names)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", list(value) if isinstance(value, tuple) else value
