"""Two commands for every verb, as its help shows them; a test composes each."""

from __future__ import annotations

EXAMPLES = {
    "download": ("photos=clothing", "weights=[taef2]"),
    "train-inpainter": (
        "photos=clothing run_dir=runs/inpainter",
        "recipe=autoencoder/kl4_sharp photos=clothing run_dir=runs/kl4_sharp",
    ),
    "synthesize": (
        "photos=clothing limit_sources=400 output=data/datasets/clothing",
        "build=reference",
    ),
    "gather": ("others=real_damage", "others=inpainted_by_others"),
    "audit": ("dataset=data/datasets/clothing", "dataset=data/datasets/reference"),
    "shard": ("dataset=data/datasets/clothing", "dataset=data/datasets/clothing output=/large/shards"),
    "train": (
        "dataset=data/datasets/clothing run_dir=runs/mine resume=auto",
        "experiment=reference dataset=data/datasets/reference start=checkpoints/detectors/reference",
    ),
    "fit-head": ("run=runs/mine", "run=runs/mine run_dir=runs/mine_whole pairs=2000"),
    "sweep": (
        "run_dir=runs/sweeps/first trials=20 trainer.max_steps=300 trainer.val_check_interval=50",
        "experiment=quickstart run_dir=runs/sweeps/second sampler=random pruner=hyperband seed=1",
    ),
    "evaluate": (
        "run=runs/mine",
        "bundle=checkpoints/detectors/reference dataset=data/datasets/benchmark laundering=standard",
    ),
    "compare": (
        "evaluations=[runs/a/evaluation,runs/b/evaluation]",
        "evaluations=[runs/a/evaluation,runs/b/evaluation] output=runs/comparison",
    ),
    "export": ("run=runs/mine", "run=runs/mine name=mine output=checkpoints/detectors/mine"),
    "verify": ("bundle=checkpoints/detectors/reference", "bundle=checkpoints/detectors/mine parity_photos=8"),
    "predict": (
        "input=photo.jpg output=result",
        "input=claims output=result report=[html,json] language=zh",
    ),
    "chat": ("", "language=zh"),
    "doctor": ("", "bundle=checkpoints/detectors/mine"),
}
