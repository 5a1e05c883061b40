"""The datasheet beside gathered photos, after "Datasheets for Datasets" (Gebru et al. 2021), in short."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from falseflaw.dataset.folder import CONFIG_NAME, SHEET_NAME, Skipped, skipped_text
from falseflaw.photos.licenses import license_or_owner
from falseflaw.statistics.text import markdown_table

_TEMPLATE = """# Datasheet: {name}

{images} photos of {groups} objects or scenes; configuration hash `{config_hash}`. A look: `{sheet}`.

**Never train on this, and never tune on fold `test`.** These photos are for evaluation alone: real damage
speaks for honest buyers, and other people's fakes for generators that nobody here trained.

## Composition

{table}

`region_origin` says how a region is known: people outlined the damage (annotated mask) or boxed it
(annotated box), or an altered photo differs there from its original (difference), or nobody knows (none).
Boxes are looser than the damage. A region by difference misses what was rewritten to look the same, and its
edge is good to a few pixels: pixel figures on it are worth less than those on planned regions. Real damage
is a negative, so its region is in `region_path` and never in `mask_path`.

`group` joins photos of one object, shot several times or altered twice; intervals are clustered by it. A
photo and what others made of it are one source.

Skipped photos: {skipped}

## Collection

{licenses}.

## Preprocessing

Decoded, turned upright, and saved once as every upload of the other datasets is: JPEG Q2 {q2},
{subsampling}, drawn per group and never per class; files carry no metadata. There is no camera step, since
a real camera took the photos; what was done to them before they were published is not known
(`first_quality` 0).

## Folds

Fold `val` is for development, fold `test` for final figures: `falseflaw evaluate fold=val` shows the former
only.

## Rebuild

```
{command}
```

gives the same bytes with the same packages. The resolved configuration is in `{config}`.
"""


def gathered_datasheet(
    rows: pd.DataFrame, skipped: Sequence[Skipped], config: Mapping[str, Any], command: Sequence[str]
) -> str:
    """Returns the datasheet as Markdown.

    Args:
        rows: Manifest rows.
        skipped: Photos that were left out.
        config: What `config.yaml` holds.
        command: Overrides of the command line that gathered it.
    """
    names = sorted(set(rows["photo_set"]))
    keys = ["fold", "product", "edit", "region_origin"]
    sizes = rows["width"].astype(str) + "x" + rows["height"].astype(str)
    lowest, highest = rows["upload_quality"].min(), rows["upload_quality"].max()
    return _TEMPLATE.format(
        name=" and ".join(names),
        images=len(rows),
        groups=rows["group"].nunique(),
        config_hash=config["config_hash"],
        sheet=SHEET_NAME,
        config=CONFIG_NAME,
        table=markdown_table(
            (*keys, "photos", "groups", "pixels"),
            (
                (*key, len(part), part["group"].nunique(), ", ".join(sorted(set(sizes[part.index]))))
                for key, part in rows.groupby(keys)
            ),
        ),
        skipped=skipped_text(skipped),
        licenses="; ".join(f"`{name}`: {license_or_owner(name)}" for name in names),
        q2=f"{lowest}" if lowest == highest else f"{lowest} to {highest}",
        subsampling=" or ".join(sorted(set(rows["subsampling"]))),
        command=shlex.join(["falseflaw", "gather", *command]),
    )
