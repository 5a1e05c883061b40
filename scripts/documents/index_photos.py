"""Writes src/falseflaw/photos/index/{clothing,grocery}.csv from a local copy of the two public sets.

usage: scripts/run index-photos FOLDER      FOLDER holds clothing/ (with images.csv) and grocery/

Run it once per pinned commit; the result is committed and is what `falseflaw download` checks against.
"""

import csv
import hashlib
import sys
from pathlib import Path

INDEX = Path(__file__).resolve().parents[2] / "src/falseflaw/photos/index"


def clothing_facts(root: Path):
    """Yields (path, contributor, product): the contributor is the sender, the product is the folder."""
    with (root / "images.csv").open(newline="", encoding="utf-8") as file:
        senders = {row["image"]: row["sender_id"] for row in csv.DictReader(file)}
    for path in root.rglob("*.jpg"):
        yield path, senders[path.stem], path.parent.name


def grocery_facts(root: Path):
    """Yields (path, contributor, product): the product's own folder, and the second level as its word."""
    for path in root.rglob("*.jpg"):
        folder = path.relative_to(root).parent
        yield path, folder.as_posix(), folder.parts[1].lower()


def main() -> None:
    """Writes both indexes and the licenses beside them."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    for name, facts in (("clothing", clothing_facts), ("grocery", grocery_facts)):
        root = Path(sys.argv[1]) / name
        rows = []
        for path, contributor, product in facts(root):
            data = path.read_bytes()
            digest = hashlib.sha256(data).hexdigest()
            rows.append((path.relative_to(root).as_posix(), digest, len(data), contributor, product))
        with (INDEX / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("path", "sha256", "bytes", "contributor", "product"))
            writer.writerows(sorted(rows))
        (INDEX / f"{name}.LICENSE").write_bytes((root / "LICENSE").read_bytes())
        print(f"{name}: {len(rows)} photos, {len({row[3] for row in rows})} contributors")


if __name__ == "__main__":
    main()
