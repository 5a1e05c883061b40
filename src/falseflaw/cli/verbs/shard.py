"""`falseflaw shard`: packs a dataset's files into shards that training streams."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from falseflaw.paths import find_existing

EXTRAS: tuple[str, ...] = ("train", "streaming")


def run(config: DictConfig) -> None:
    """Packs `dataset` and prints what came of it."""
    from tqdm import tqdm

    from falseflaw.dataset.packing import pack
    from falseflaw.dataset.shards import SHARDS_FOLDER

    dataset = find_existing(config.dataset, "a dataset", "build one with `falseflaw synthesize`")
    output = Path(config.output).expanduser() if config.output is not None else dataset / SHARDS_FOLDER
    packed = pack(
        dataset,
        output,
        config.shard_megabytes,
        config.overwrite,
        lambda batches: tqdm(batches, desc="packing", unit="batch", disable=not config.progress),
    )
    done = "packed" if packed.anew else "there already:"
    print(
        f"{done} {packed.files} files in {packed.items} items, {packed.shards} shards of "
        f"{packed.bytes / 1e6:.1f} MB in all: {output}"
    )
    shown = "" if config.output is None else f" data.shards={output}"
    print(f"train from them: falseflaw train data=streaming dataset={config.dataset}{shown}")


def how_to_go_on(config: DictConfig) -> str:
    """Returns what is true of a packing that was stopped."""
    return "batches that were packed are kept; run the same command again to go on"
