"""Errors that reach the user as one line: what was expected, what came, what to do."""

from __future__ import annotations

from collections.abc import Iterable


class FalseFlawError(Exception):
    """Base of every error a user can cause or mend; its message is a single line."""


class UnreadableImageError(FalseFlawError):
    """A file that should be a photo cannot be decoded."""


class MissingExtraError(FalseFlawError):
    """A verb needs packages of an optional extra that is not installed."""


class MissingDataError(FalseFlawError):
    """A dataset, photo folder, checkpoint or bundle is not where the config says."""


class InvalidDataError(FalseFlawError):
    """A dataset, photo folder, checkpoint or bundle is there, but is not what is expected."""


class ConfigurationError(FalseFlawError):
    """A value of the configuration is out of its range or contradicts another one."""


class WorkerLostError(FalseFlawError):
    """A process that worked for this one was ended from outside; what was done before is kept."""


class UsageError(ConfigurationError):
    """The words of a call are no overrides, or name keys and options that the verb does not have."""


def check_shares(settings: object, names: Iterable[str], where: str = "") -> None:
    """Checks attributes that are shares or probabilities.

    Args:
        settings: Has the attributes.
        names: Of the attributes.
        where: What they belong to, as the message says it.

    Raises:
        ConfigurationError: One is not in [0, 1].
    """
    for name in names:
        if not 0 <= getattr(settings, name) <= 1:
            raise ConfigurationError(f"expected {where}{name} in [0, 1], got {getattr(settings, name)}")
