"""`falseflaw fit-head`: fits the image head of a trained detector on whole photos."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf

from falseflaw.claim import claim
from falseflaw.errors import ConfigurationError
from falseflaw.paths import find_existing
from falseflaw.provenance import file_sha256

EXTRAS: tuple[str, ...] = ("train",)


def run(config: DictConfig) -> None:
    """Collects what the head sees of whole photos, fits it, and writes a run of its own."""
    from tqdm import tqdm

    from falseflaw.dataset.lineage import read_learnt_from
    from falseflaw.machine import available_cores
    from falseflaw.models.checkpoint import (
        detector_arguments,
        load_mean_detector,
        read_checkpoint,
        save_detector_checkpoint,
    )
    from falseflaw.models.halving import halve
    from falseflaw.seeding import derive_seed
    from falseflaw.training.detector.composition import Composer
    from falseflaw.training.detector.head import check_has_head, collect_features, fit_head
    from falseflaw.training.detector.kept_features import KEPT_NAME, KeptFeatures
    from falseflaw.training.detector.whole_photos import WholePhotoPairs
    from falseflaw.training.recording import record_run

    if config.run is None:
        raise ConfigurationError("expected run=FOLDER, of a training run, got none")
    if config.pairs < 1 or config.workers < 0 or not config.strength > 0:
        raise ConfigurationError(
            "expected pairs and strength above 0 and workers of at least 0, "
            f"got {config.pairs}, {config.strength} and {config.workers}"
        )
    trained = find_existing(config.run, "a training run", "train one with `falseflaw train`")
    paths = [trained / "checkpoints" / f"{name}.ckpt" for name in config.checkpoints]
    if not paths:
        raise ConfigurationError("expected checkpoints=[best] or more of them, got none")
    detector = check_has_head(load_mean_detector(paths))
    if config.half:
        halve(detector)  # before anything is measured or fitted
    written = find_existing(trained / "config.yaml", "the run's configuration", "train it again")
    of_training = OmegaConf.load(written)
    data = instantiate(of_training.data)
    data.setup("fit")
    if data.composer is None or data.augment is None:
        raise ConfigurationError(
            f"expected {trained} as a training that composed pairs from layers and laundered them; "
            "train on a dataset with layers, see docs/dataset.md"
        )
    run_dir = Path(config.run_dir or f"{str(trained).rstrip('/')}_whole").expanduser().absolute()
    if (run_dir / "checkpoints").exists():
        raise ConfigurationError(
            f"expected run_dir as a folder without checkpoints, got {run_dir}; name another one"
        )
    claim(run_dir, "run_dir")
    settings = instantiate(config.whole_photos)
    composer = Composer(data.composer.sources, data.composition, derive_seed("head", config.seed) % 2**31)
    pairs = WholePhotoPairs(composer, data.augment, settings, config.pairs, config.seed)
    kept = KeptFeatures.at(run_dir / KEPT_NAME, _key(config, of_training, paths))
    seen = collect_features(
        detector,
        pairs,
        str(trained),
        available_cores(),
        config.workers,
        kept,
        lambda items, total: tqdm(items, total=total, desc="whole photos", disable=not config.progress),
    )
    fitted = fit_head(detector, seen, config.strength)
    arguments = detector_arguments(read_checkpoint(paths[0]))
    saved = save_detector_checkpoint(detector, run_dir / "checkpoints" / "best.ckpt", arguments)
    whole = OmegaConf.create({**of_training, "run_dir": str(run_dir), "head": config})
    record_run(run_dir, whole, config.seed, read_learnt_from(trained))
    kept.remove()
    print(
        f"AUROC on {fitted.pairs} pairs of whole photos that it was fitted on: "
        f"{fitted.auroc_before:.3f} before, {fitted.auroc:.3f} after"
    )
    print(f"checkpoint: {saved}")
    print(f"measure it: falseflaw evaluate run={config.run_dir or run_dir}")


def _key(config: DictConfig, of_training: DictConfig | ListConfig, checkpoints: Sequence[Path]) -> str:
    """Returns a digest of what features of pairs depend on: networks, data, laundering, settings and seed."""
    fixed = {
        "checkpoints": [file_sha256(path) for path in checkpoints],
        "data": OmegaConf.to_container(of_training.data),
        "whole_photos": OmegaConf.to_container(config.whole_photos),
        "seed": config.seed,
        "half": bool(config.half),
    }
    return hashlib.sha256(json.dumps(fixed, sort_keys=True).encode()).hexdigest()


def how_to_go_on(config: DictConfig) -> str:
    """Returns what is true of a fit that was stopped."""
    return "what was looked at is kept; the same command goes on"
