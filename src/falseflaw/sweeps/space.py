"""The search space of a sweep: keys of `falseflaw train`, and how the value of each is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import Trial

from falseflaw.errors import ConfigurationError

Space = Mapping[str, BaseDistribution]
"""Dotted key → distribution."""

_RANGE = frozenset({"low", "high", "log", "step"})


def read_space(section: Mapping[str, Any]) -> dict[str, BaseDistribution]:
    """Returns what a configuration of the group `space` says, nested as the keys of `falseflaw train` are.

    Args:
        section: Leaves are `{low: L, high: H}`, with `log: true` or `step: S`, or `{choices: [A, B]}`. Of
            whole numbers come whole numbers. A name without a dot may be a group, its choices options.

    Raises:
        ConfigurationError: A leaf is none of these, or there is none.
    """
    space = {key: _distribution(key, leaf) for key, leaf in _leaves(section, "")}
    if not space:
        raise ConfigurationError(
            "expected at least one key in the search space, got none; see space=detector"
        )
    return space


def draw(trial: Trial, space: Space) -> dict[str, Any]:
    """Returns the values of a trial; those that it has already stay."""
    return {key: _suggest(trial, key, distribution) for key, distribution in space.items()}


def _suggest(trial: Trial, key: str, distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(key, distribution.choices)
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(
            key, distribution.low, distribution.high, step=distribution.step, log=distribution.log
        )
    assert isinstance(distribution, FloatDistribution)
    return trial.suggest_float(
        key, distribution.low, distribution.high, step=distribution.step, log=distribution.log
    )


def _leaves(section: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, value in section.items():
        key = f"{prefix}{name}"
        if not isinstance(value, Mapping):
            raise ConfigurationError(
                f"expected {{low: L, high: H}} or {{choices: [A, B]}} for space.{key}, got {value!r}"
            )
        if {"low", "high", "choices"} & set(value):
            yield key, value
        else:
            yield from _leaves(value, f"{key}.")


def _distribution(key: str, leaf: Mapping[str, Any]) -> BaseDistribution:
    try:
        if set(leaf) == {"choices"}:
            return CategoricalDistribution(tuple(leaf["choices"]))
        if not {"low", "high"} <= set(leaf) <= _RANGE:
            raise ValueError(f"got {', '.join(map(str, leaf))}")
        low, high, step, log = leaf["low"], leaf["high"], leaf.get("step"), bool(leaf.get("log", False))
        if all(isinstance(number, int) for number in (low, high, 1 if step is None else step)):
            return IntDistribution(low, high, log=log, step=1 if step is None else step)
        return FloatDistribution(float(low), float(high), log=log, step=step)
    except (TypeError, ValueError) as error:
        told = " ".join(str(error).split()).rstrip(".")
        raise ConfigurationError(
            f"expected {{low: L, high: H}}, maybe with log or step, or {{choices: [A, B]}} for space.{key}: "
            f"{told}"
        ) from error
