"""Short trainings of autoencoders of every architecture; as a script it is what the kill test kills."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.inpainting.members import TINY
from tests.training.generators.runs import train

from falseflaw.training.generators.autoencoder.recipe import FamilyLearning, FamilyRecipe

STEPS = 6


def recipe_of(architecture: str, steps: int = STEPS) -> FamilyRecipe:
    return FamilyRecipe(
        name=f"small-{architecture}",
        architecture=architecture,
        options=TINY[architecture],
        reserved=architecture == "shuffle",
        learning=FamilyLearning(
            max_steps=steps, max_time=None, batch=4, crop=16, learning_rate=3e-3, warmup=2
        ),
        windows=12,
        validation_windows=9,
        window=48,
        held_out=0.2,
    )


def train_all(folders: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: train(folders.mktemp(name), recipe_of(name)) for name in TINY}


if __name__ == "__main__":
    train(Path(sys.argv[1]), recipe_of("kl", int(sys.argv[2])))
