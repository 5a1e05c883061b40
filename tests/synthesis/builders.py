"""Stand-ins for the parts that a dataset is built from: small, seeded, strict about their calls."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import yaml
from tests.helpers import textured_photo

from falseflaw.damage.engine import DamageEngine
from falseflaw.errors import UnreadableImageError
from falseflaw.imaging.camera import CameraSampler
from falseflaw.inpainting.inpainter import Samples
from falseflaw.paths import config_dir
from falseflaw.photos.source import Photo
from falseflaw.seeding import derive_rng
from falseflaw.synthesis.build import synthesize
from falseflaw.synthesis.networks import Writers
from falseflaw.synthesis.plan import Networks, SynthesisSettings
from falseflaw.types import Fold

SIZE = (144, 176)
FOLDS = (Fold.TRAIN, Fold.INPAINTER, Fold.VAL, Fold.TEST, Fold.TRAIN)


class FakePhotos:
    """Photos of textured gradients with the product in the middle."""

    name = "fake"

    def __init__(self, count=10, broken=(), exact=True):
        self.count, self.broken, self.exact = count, set(broken), exact

    def photos(self):
        return [
            Photo(f"fake/{i:03d}", f"person-{i}", ("shirt", "hat", "shoes")[i % 3]) for i in range(self.count)
        ]

    def load(self, photo):
        if photo.photo_id in self.broken:
            raise UnreadableImageError(f"cannot read {photo.photo_id}: truncated")
        return textured_photo(derive_rng("fake", photo.photo_id), *SIZE)

    def product_mask(self, photo):
        return product(SIZE) if self.exact else None


def product(shape):
    mask = np.zeros(shape, bool)
    mask[12:-12, 16:-16] = True
    return mask


def folds_of(source):
    return {photo.photo_id: FOLDS[i % len(FOLDS)] for i, photo in enumerate(source.photos())}


@dataclass
class FakeInpainter:
    """Fills crops with noise of the image's own seed; raises in call number `fails_at`."""

    rewrites_all = True

    name: str = "fake-inpainter"
    grid: int = 16
    factor: int = 4
    steps: int = 7
    guidance: float = 2.5
    fails_at: int | None = None
    calls: list = field(default_factory=list)

    def sample(self, crops, masks, prompts, seeds):
        if self.fails_at == len(self.calls):
            raise RuntimeError("the power went out")
        self.calls.append((crops, masks, list(prompts), list(seeds)))
        assert crops.dtype == np.uint8
        assert masks.dtype == np.bool_
        assert masks.shape == crops.shape[:3]
        assert crops.shape[1] % self.grid == crops.shape[2] % self.grid == 0
        assert masks.any(axis=(1, 2)).all()
        assert len(prompts) == len(seeds) == len(crops)
        images = np.stack(
            [np.random.default_rng(seed).integers(0, 256, crops.shape[1:]).astype(np.uint8) for seed in seeds]
        )
        return Samples(images, images)

    def regenerate(self, photo, sample_latent, box, mask):
        assert box.top % self.factor == box.left % self.factor == 0
        assert sample_latent.shape == (box.height, box.width, 3)
        assert mask.shape == photo.shape[:2]
        outside = mask.copy()
        outside[box.slices] = False
        assert not outside.any(), "the crop's edge cuts the region"
        whole = np.clip(photo.astype(int) + 3, 0, 255).astype(np.uint8)
        inside = mask[box.slices]
        whole[box.slices][inside] = sample_latent[inside]
        return whole

    def round_trip(self, photo):
        return np.clip(photo.astype(int) + 3, 0, 255).astype(np.uint8)


@dataclass
class FakeAutoencoders:
    """Darkens photos, each by as much as its place among the names says."""

    names: tuple = ("twin", "other-twin", "kept-twin")
    reserved: frozenset = frozenset({"kept-twin"})
    slow: frozenset = frozenset()

    def takes_whole(self, name):
        return name not in self.slow

    def round_trip(self, name, photo, seed):
        assert 0 <= seed < 2**63
        assert photo.dtype == np.uint8
        assert photo.ndim == 3
        return np.clip(photo.astype(int) - 4 * (1 + self.names.index(name)), 0, 255).astype(np.uint8)


NETWORKS = Networks(("fake-inpainter",), ("twin", "other-twin"), ("kept-twin",))


def writers(*inpainters):
    return Writers({part.name: part for part in inpainters or (FakeInpainter(),)}, FakeAutoencoders())


def cameras():
    values = yaml.safe_load((config_dir() / "camera" / "default.yaml").read_text())
    return CameraSampler(**{key: value for key, value in values.items() if not key.startswith("_")})


def engine():
    return DamageEngine(area_min=0.004, area_max=0.03, strength_min=0.5, strength_max=1.0, max_extent=40)


def settings(**changes):
    values = {
        "batch_size": 2,
        "crop_sizes": (32, 48, 64, 80, 96),
        "crop_margin": 4,
        "resized_share": 0.4,
        "anywhere_share": 0.0,
    }
    return SynthesisSettings(**values | changes)


def build(output, source=None, inpainter=None, masker=None, **options):
    source = source or FakePhotos()
    changes = options.pop("settings", {})
    return synthesize(
        source,
        options.pop("folds", None) or folds_of(source),
        cameras(),
        engine(),
        masker or (lambda image: product(image.shape[:2])),
        options.pop("networks", NETWORKS),
        lambda: writers(*([inpainter] if inpainter else [])),
        settings(**changes),
        output,
        progress=False,
        **options,
    )
