"""What Lightning says that nobody here needs to read."""

from __future__ import annotations

import logging
import warnings


def quieten() -> None:
    """Silences Lightning's hints and banners; its warnings about this code's deliberate choices too."""
    for name in ("lightning.pytorch", "lightning.fabric", "pytorch_lightning"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in (
        r".*does not have many workers.*",
        r".*logs directory .* exists and is not empty.*",
        r".*Checkpoint directory .* exists and is not empty.*",
        r".*is smaller than the logging interval.*",
        r".*You're resuming from a checkpoint that ended before the epoch ended.*",
        r".*is deprecated.*",
    ):
        warnings.filterwarnings("ignore", message=message)
