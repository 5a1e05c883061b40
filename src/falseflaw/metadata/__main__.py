"""`python -m falseflaw.metadata PHOTO …`: prints the facts of photos as JSON lines."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

from falseflaw.errors import FalseFlawError
from falseflaw.imaging.codec import read_file
from falseflaw.metadata import read_facts


def main(paths: list[str]) -> int:
    """Prints a line a fact; returns 1 if a file could not be read, 2 without files."""
    if not paths:
        sys.stderr.write("usage: python -m falseflaw.metadata PHOTO ...\n")
        return 2
    failed = False
    for path in paths:
        try:
            facts = read_facts(read_file(Path(path)))
        except FalseFlawError as error:
            sys.stderr.write(f"{error}\n")
            failed = True
            continue
        for fact in facts:
            sys.stdout.write(
                json.dumps({"file": path, **dataclasses.asdict(fact)}, ensure_ascii=False) + "\n"
            )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
