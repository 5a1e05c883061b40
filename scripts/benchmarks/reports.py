"""What every benchmark ends with: the figures in a file and a table to read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from falseflaw.imaging.codec import write_atomic


def tell(report: Mapping[str, Any], table: str, path: Path) -> int:
    """Writes a report as JSON, prints its table, and returns the exit code of success."""
    write_atomic(path, (json.dumps(report, indent=2) + "\n").encode())
    print(table)
    print(f"written to {path}")
    return 0
