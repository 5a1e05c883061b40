"""The datasheet beside a dataset, after "Datasheets for Datasets" (Gebru et al. 2021), in short."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from falseflaw.dataset.folder import CONFIG_NAME, SHEET_NAME, Skipped, skipped_text
from falseflaw.dataset.layers import LAYERS_FOLDER
from falseflaw.dataset.shards import SHARDS_FOLDER
from falseflaw.imaging.camera import Camera
from falseflaw.photos.licenses import license_or_owner
from falseflaw.statistics.text import markdown_table
from falseflaw.synthesis.plan import ORIGINAL
from falseflaw.types import MATCHED, UNLABELLED, Edit, Fold

_LABELS = {1: "positive", 0: "negative", UNLABELLED: "neither"}
_HOW = {
    Edit.AUTHENTIC: "the source after the camera",
    Edit.NULL_EDIT: "its region resized for the model and back where the set's is, and pasted; no network",
    Edit.SIMULATED_DAMAGE: "a flaw painted before the camera",
    Edit.LOCAL_EDIT: "simulated damage whose region was smoothed, sharpened, toned, resampled …; no network",
    Edit.SPLICED: "the inpainter's flaw pasted into the region",
    Edit.FEATHERED: "the same sample with a soft seam inside the region",
    Edit.REGENERATED: "the whole photo as it leaves the generator with the same sample in it",
    Edit.REFILLED: "the inpainter asked for clean material",
    Edit.AUTOENCODED: "simulated damage whose region went through an autoencoder",
    Edit.HAND_CLONED: "the flaw of another save, resized, cloned in without a seam (OpenCV)",
    Edit.HAND_PASTED: "the same pasted with a soft edge",
    Edit.ROUND_TRIP_AUTHENTIC: "the whole authentic photo through an autoencoder",
    Edit.ROUND_TRIP_DAMAGED: "the whole photo of simulated damage through it",
}

_TRAINING = "Training and evaluation of detectors."
_EVALUATION = "Evaluation of detectors alone: **never train on this**."

_TEMPLATE = """# Datasheet: {name}

{sets} matched sets, {images} images; configuration hash `{config_hash}`. A look: `{sheet}`.

## Motivation

To train and measure detectors of flaws that an AI inpainter painted into photos of intact products, so that
nothing but the trace of the alteration can be learnt. The comparison to make is inpainted against
simulated damage, never against authentic alone.

## Composition

One matched set per source; every member passed through the same camera and the same upload save:

{edit_table}

`manifest.parquet` has a row per image; `masks/` holds each set's region, which is what an inpainter might
rewrite, holds the simulated flaw, and is the truth of every photo that was altered.

{fold_table}

{kind_table}

{product_table}

{area_table}

{shape_table}

{placement_table}

{network_table}

{resized} of {sets} sets had their crop resized for the model and back, the null edit alike. At crop scale 1
the null edit has the pixels of the authentic photo: the network is skipped and nothing is resized.

{layers}Skipped sources: {skipped}

## Collection

Clean photos and their licenses: {photo_sets}. No photo of this dataset belongs to the fold
`inpainter`, the only one that generators and autoencoders learnt from; contributors never cross folds.

## Preprocessing

{camera} Every member of a set passed the same upload save (JPEG Q2 {q2}, {subsampling}), with
parameters drawn per source. Files carry no metadata.

## Uses

{uses} Not for claims about real damage: simulated flaws are painted by a
program, and only photos of really damaged products speak for honest buyers. A generator teaches itself:
measure a detector on one that it did not learn from (`data.leave_out`). Autoencoders in fold test that no
other fold has are reserved for that.

## Limits

Sources that cannot be decoded or offer no place for a flaw are left out, which favors photos with a clearly
visible product. Sizes are those of the sources after the camera ({widths} pixels wide). Where the crop was
resized, the regenerated photo is the spliced one after the autoencoder, at the photo's own size.

Of a photo that the pixel generator regenerated, the sampled square is new up to its own borders, a little
beyond the mask; of one that an autoencoder regenerated, every pixel (`rewritten` in the manifest).

## Distribution and maintenance

Images are not distributed: the command below rebuilds them from the photos, whose licenses hold for what is
made from them. Errors are reported to the maintainers of FalseFlaw; a dataset of another configuration or
other code has another hash. `audit.json` holds the audit that ended the build.

## Rebuild

```
{command}
```

gives the same bytes on the same machine with the same packages and weights. The resolved configuration is
in `{config}`.
"""


def datasheet(
    rows: pd.DataFrame,
    layers: pd.DataFrame,
    skipped: Sequence[Skipped],
    config: Mapping[str, Any],
    command: Sequence[str],
    packed: bool = False,
) -> str:
    """Returns the datasheet as Markdown.

    Args:
        rows: Manifest rows.
        layers: Rows of the list of layers, which may be empty.
        skipped: Sources that were left out.
        config: What `config.yaml` holds.
        command: Overrides of the command line that built it.
        packed: Whether the layers are in shards.
    """
    sources = rows[rows["edit"] == str(Edit.AUTHENTIC)]
    fakes = rows[rows["edit"] == str(Edit.SPLICED)]
    photo_sets = sorted(set(rows["photo_set"]))
    areas = fakes.groupby("fold")["mask_area"].describe(percentiles=[0.1, 0.5, 0.9])
    return _TEMPLATE.format(
        name=" and ".join(photo_sets),
        sets=len(sources),
        images=len(rows),
        config_hash=config["config_hash"],
        sheet=SHEET_NAME,
        config=CONFIG_NAME,
        fold_table=markdown_table(
            ("fold", "sources", "contributors", "images"),
            (
                (fold, group["source_id"].nunique(), group["contributor"].nunique(), len(group))
                for fold, group in rows.groupby("fold")
            ),
        ),
        kind_table=_crosstab(fakes, "damage_kind", "kind of damage"),
        product_table=_crosstab(sources, "product", "product"),
        area_table=markdown_table(
            ("region's share of the photo", "10 %", "median", "90 %", "largest"),
            (
                (fold, *(f"{100 * values[name]:.2f} %" for name in ("10%", "50%", "90%", "max")))
                for fold, values in areas.iterrows()
            ),
        ),
        edit_table=markdown_table(
            ("edit", "label", "images", "how it came about"),
            (
                (edit, _LABELS[edit.label], int((rows["edit"] == str(edit)).sum()), _HOW[edit])
                for edit in MATCHED
            ),
        ),
        shape_table=_crosstab(fakes, "region_shape", "region drawn as"),
        placement_table=_crosstab(fakes, "placement", "flaw lies on"),
        network_table=_networks(rows),
        resized=int((sources["crop_scale"] != 1).sum()),
        layers=_layers(rows, layers, packed),
        skipped=skipped_text(skipped),
        photo_sets="; ".join(f"`{name}`, {license_or_owner(name)}" for name in photo_sets),
        camera=_camera(sources),
        uses=_TRAINING if str(Fold.TRAIN) in set(rows["fold"]) else _EVALUATION,
        q2=_span(sources.loc[sources["upload_quality"] > 0, "upload_quality"]),
        subsampling=" or ".join(sorted(set(sources["subsampling"]))),
        widths=_span(sources["width"]),
        command=shlex.join(["falseflaw", "synthesize", *command]),
    )


def _camera(sources: pd.DataFrame) -> str:
    """What the photos went through before the edit."""
    cameras = [Camera.from_json(text) for text in sources["camera"]]
    taken = [camera for camera in cameras if camera.profile != ORIGINAL.profile]
    originals, single = len(cameras) - len(taken), sum(not camera.quality for camera in taken)
    parts = []
    if {replace(camera, subsampling="4:4:4") for camera in taken} == {Camera()}:  # no JPEG, no subsampling
        parts.append(
            "There is no camera step: the photos are as their own cameras left them. Simulated damage was\n"
            "painted after those, so that it is no fair negative here."
        )
    elif taken:
        first = sources["first_quality"]
        parts.append(
            "Every member of a set passed the same camera step (downscaling, lens, sensor noise, denoising\n"
            f"or sharpening, JPEG Q1 {_span(first[first > 0])})."
        )
        if 0 < single < len(taken):
            parts.append(f"In {single} sets its JPEG is the upload save: their members are saved once.")
    if originals:
        parts.append(
            f"{originals} sets are camera originals: no camera step; members were decoded, edited and saved\n"
            "again with the quantization tables and chroma of their own file (`upload_quality` 0). Of some\n"
            "the authentic photo keeps its camera's save. Simulated damage was painted after the camera."
        )
    return "\n".join(parts)


def _layers(rows: pd.DataFrame, layers: pd.DataFrame, packed: bool) -> str:
    """What the folder of layers, or of shards, holds; nothing where there is none."""
    if layers.empty:
        return ""
    folder = SHARDS_FOLDER if packed else LAYERS_FOLDER
    alone = set(layers["source_id"]) - set(rows["source_id"])
    written = Counter(layers.loc[layers["writer"] != "", "writer"])
    return (
        f"`{folder}/` holds what training composes pairs from, {len(layers)} layers of "
        f"{layers['source_id'].nunique()} sources of fold train, {len(alone)} of them\n"
        "without finished members: photos after the camera, and the same as networks wrote them, without\n"
        "loss and before any upload save. `layers.parquet` has a row per layer. Writers: "
        f"{', '.join(f'{name} ({count})' for name, count in sorted(written.items()))}.\n\n"
    )


def _networks(rows: pd.DataFrame) -> str:
    """Sets by network and fold; steps and guidance where it is an inpainter."""
    chosen = rows[rows["edit"].isin([str(Edit.SPLICED), str(Edit.AUTOENCODED)])]
    named = [
        f"{name} ({steps} steps, guidance {guidance:g})" if steps else f"{name} (autoencoder)"
        for name, steps, guidance in zip(
            chosen["generator"], chosen["steps"], chosen["guidance"], strict=True
        )
    ]
    return _crosstab(chosen.assign(generator=named), "generator", "network")


def _span(values: pd.Series) -> str:
    if values.empty:
        return "of its own"
    low, high = values.min(), values.max()
    return f"{low}" if low == high else f"{low} to {high}"


def _crosstab(sources: pd.DataFrame, column: str, title: str) -> str:
    folds = sorted(set(sources["fold"]))
    counts = Counter(zip(sources[column], sources["fold"], strict=True))
    words = sorted(set(sources[column]))
    return markdown_table(
        (title, *(f"{fold}" for fold in folds)),
        ((word, *(counts[word, fold] for fold in folds)) for word in words),
    )
