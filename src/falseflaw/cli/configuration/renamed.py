"""Names of before: whoever still writes one is told today's in one line.

The tables are read only where a call has failed: a name that is valid today is never looked up here. To add
an entry is all there is to do when something gets another name.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

RENAMED: tuple[tuple[str | None, str, str], ...] = (
    ("synthesize", "datasets=", "build="),
    (None, "photos=both", "photos=clothing_and_grocery"),
    (None, "inpainter=bundled", "inpainter=latent"),
    (None, "inpainter=both", "inpainter=latent_and_pixel"),
    ("train-inpainter", "recipe=bundled", "recipe=latent"),
    *(
        ("train-inpainter", f"recipe=autoencoder_{name}", f"recipe=autoencoder/{name}")
        for name in ("kl4", "shuffle8", "tiny8", "transposed4")
    ),
    ("synthesize", "autoencoders=family", "autoencoders=bundled"),
    (None, "damage=default", "damage=small"),
    ("gather", "photos=", "others="),
    ("gather", "photos.*=", "others.*="),
    ("train-inpainter", "output=", "run_dir="),
    ("train", "experiment=reference_without_bundled", "experiment=reference data.leave_out=[latent]"),
    ("train", "experiment=reference_without_pixel", "experiment=reference data.leave_out=[pixel]"),
    ("evaluate", "beside=", "other_evaluations="),
    ("train-inpainter", "recipe.checkpoint_seconds=", "checkpoint_every=STEPS"),
    ("train-inpainter", "recipe.*.steps=", "recipe.*.max_steps="),
    ("train-inpainter", "recipe.*.minutes=", "recipe.*.max_time="),
    *(
        ("train", f"data.{name}=", f"data.pairs.{name}=")
        for name in ("crop_size", "region_share", "flawless_share", "autoencoded_share", "shuffle_labels")
    ),
)
"""Verb (None: any that knows the group), what was written, what to write.

`key=option` stands for that one option; `key=` for any value, which is carried over; a `*` in the key for the
same text on both sides. Minutes become days:hours:minutes:seconds.
"""

TARGETS: tuple[tuple[str, str], ...] = (
    ("imaging.augment.Laundering", "imaging.laundering.augmentation.RandomLaundering"),
    ("imaging.laundering.screenshot.SimulatedScreenshot", "imaging.laundering.screenshot.simulated.*"),
    ("imaging.laundering.browser.*", "imaging.laundering.screenshot.browser.*"),
    ("imaging.laundering.device.*", "imaging.laundering.screenshot.device.*"),
    ("imaging.laundering.chat.*", "imaging.laundering.screenshot.chat.*"),
    ("inpainting.pipelines.Inpainter", "inpainting.latent.inpainter.LatentInpainter"),
    ("inpainting.pixel_inpainter.*", "inpainting.pixel.inpainter.*"),
    ("inpainting.pixel_networks.*", "inpainting.pixel.networks.*"),
    ("inpainting.pixel_recipe.*", "training.generators.pixel.recipe.*"),
    ("inpainting.pixel_training.*", "training.generators.pixel.task.*"),
    ("inpainting.autoencoder_family.*", "inpainting.autoencoders.family.*"),
    ("inpainting.autoencoder_training.AutoencoderRecipe", "training.generators.latent.autoencoder.*"),
    ("inpainting.family_recipe.*", "training.generators.autoencoder.recipe.*"),
    ("inpainting.latent.Recipe", "training.generators.latent.recipe.LatentRecipe"),
    ("inpainting.networks.*", "inpainting.latent.networks.*"),
    ("inpainting.training.*", "training.generators.latent.task.*"),
    ("damage.product.*", "photos.product.segmentation.*"),
    ("dataset.engines.*", "synthesis.engines.local.*"),
    ("dataset.ray_engine.*", "synthesis.engines.ray.*"),
    ("dataset.plan.*", "synthesis.plan.*"),
    ("dataset.module.*", "training.detector.data.*"),
    *(
        (f"photos.{name}.*", f"photos.sets.{name}.*")
        for name in ("clothing", "grocery", "folder", "joined", "indexed")
    ),
    ("photos.studio.StudioPhotos", "photos.studio.source.*"),
    ("photos.real_damage.*", "photos.evaluation_only.real_damage.*"),
    ("photos.inpainted_by_others.*", "photos.evaluation_only.inpainted_by_others.*"),
)
"""Values of `_target_` in a user's own files, without `falseflaw.` in front; `*` stands for the class."""

FOLDERS: tuple[tuple[str, str], ...] = (
    ("checkpoints/reference", "checkpoints/detectors/reference"),
    ("checkpoints/inpainter", "checkpoints/inpainters/latent"),
    ("checkpoints/pixel", "checkpoints/inpainters/pixel"),
)
"""Folders of the repository that moved."""


def renamed_override(verb: str, override: str) -> str | None:
    """Returns what to write today instead of `key=value`, None if this was never a name."""
    key, equals, value = override.lstrip("+").partition("=")
    if not equals:
        return None
    for of_verb, old, new in RENAMED:
        old_key, _, old_value = old.partition("=")
        match = re.fullmatch(re.escape(old_key).replace(r"\*", "(.+)"), key)
        if match is None or of_verb not in (None, verb) or old_value not in ("", value):
            continue
        if old_value or not new.endswith("="):
            return new
        for part in match.groups():
            new = new.replace("*", part)
        if old.endswith(".minutes=") and re.fullmatch(r"\d+(\.\d*)?", value):
            value = _duration(float(value))
        return f"{new.removesuffix('=')}={value}"
    return None


def _duration(minutes: float) -> str:
    """Returns minutes as Lightning takes them: days, hours, minutes and seconds."""
    seconds = round(60 * minutes)
    return ":".join(
        f"{part:02d}" for part in (seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60, seconds % 60)
    )


def renamed_target(text: str) -> tuple[str, str] | None:
    """Returns the dotted path of before that `text` speaks of, with today's, None if there is none."""
    for path in re.findall(r"\bfalseflaw\.([\w.]*\w)", text):
        for old, new in TARGETS:
            if fnmatchcase(path, old):
                name = path.rpartition(".")[2]
                return f"falseflaw.{path}", f"falseflaw.{new.replace('*', name)}"
    return None


def renamed_folder(path: str) -> str | None:
    """Returns where a folder of the repository, or what lay in it, is now; None if it did not move."""
    plain = path.removeprefix("./").rstrip("/")
    for old, new in FOLDERS:
        if plain == old or plain.startswith(f"{old}/"):
            return new + plain[len(old) :]
    return None
