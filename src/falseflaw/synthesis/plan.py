"""The plan of a dataset: which sources, and all that is drawn for each of them, before a pixel is read.

All draws come from generators derived from the seed and the source's name, so that a source gets the
same draws whoever else is in the dataset, and a rebuild gets the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from falseflaw.damage.prompts import prompt
from falseflaw.dataset.upload import UploadSave, UploadSettings
from falseflaw.errors import ConfigurationError, check_shares
from falseflaw.imaging.camera import Camera, CameraSampler
from falseflaw.photos.source import Photo
from falseflaw.seeding import derive_rng, derive_seed, unit_interval
from falseflaw.synthesis.layer_plan import LayerSettings, draw_rewriters
from falseflaw.synthesis.selection import layers_alone, select_sources
from falseflaw.types import DamageKind, Fold, Placement

_RESERVED_SHARE = 0.5
"""Share of fold test whose autoencoder is a reserved one, where there is one."""

ORIGINAL = Camera(profile="original")
"""The camera of a photo that stays as its own left it."""

_Word = TypeVar("_Word", Fold, DamageKind)

BUILDABLE = (Fold.TRAIN, Fold.VAL, Fold.TEST)
"""Folds that a dataset may hold: what the inpainter learnt from must not be in it."""


@dataclass(frozen=True)
class SynthesisSettings(UploadSettings, LayerSettings):
    """What is drawn for a source and how sources are batched.

    Attributes:
        folds: Folds to build, of train, val and test.
        limit_sources: Number of sources, spread over the folds in proportion; None for all.
        limit_folds: Fold → most of its sources; folds without an entry get their share of `limit_sources`.
        batch_size: Sources of one planned batch; those whose crops have one size are sampled together.
        kinds: Kinds of flaw, drawn with equal weight; empty for all.
        crop_sizes: Sides of the crops that the model sees, pixels; the smallest that fits is taken.
        crop_limit: Longest side of a crop, model pixels, and no less than the largest of `crop_sizes`: the
            crop of a larger region is shrunk for the model and comes back.
        crop_margin: Context around the region inside a crop, model pixels.
        anywhere_share: Share of sources whose flaw lies anywhere in the photo instead of on the product, so
            that a detector that learnt where flaws lie shows itself.
        resized_share: Share of sources whose crop is resized for the model and back.
        resized_scales: Photo pixels per model pixel of those, drawn with equal weight: above 1 the crop is
            shrunk for the model and grown back, below 1 grown and shrunk back; never 1.
        single_save_share: Share of sources whose camera saves without loss and whose upload save has the
            camera's JPEG settings: their members are saved once.
        kept_share: Share of camera originals whose authentic photo keeps its camera's save; the others are
            saved again like all members, with the camera's own tables.
    """

    folds: tuple[Fold, ...] = BUILDABLE
    limit_sources: int | None = None
    limit_folds: Mapping[Fold, int] = field(default_factory=dict)
    batch_size: int = 8
    kinds: tuple[DamageKind, ...] = ()
    crop_sizes: tuple[int, ...] = (128, 192, 256)
    crop_limit: int = 384
    crop_margin: int = 8
    anywhere_share: float = 0.1
    resized_share: float = 0.25
    resized_scales: tuple[float, ...] = (1.25, 1.5)
    single_save_share: float = 0.0
    kept_share: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_layers()
        object.__setattr__(self, "folds", tuple(_word(Fold, name, "fold") for name in self.folds))
        kinds = tuple(_word(DamageKind, name, "kind of damage") for name in self.kinds)
        object.__setattr__(self, "kinds", kinds or tuple(DamageKind))
        for name in ("crop_sizes", "resized_scales"):  # Hydra passes lists
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not self.folds or not set(self.folds) <= set(BUILDABLE):
            raise ConfigurationError(
                f"expected folds of {', '.join(BUILDABLE)}, got {', '.join(self.folds) or 'none'}; "
                "the inpainter has seen its own fold"
            )
        if self.limit_sources is not None and self.limit_sources < 1:
            raise ConfigurationError(f"expected limit_sources >= 1 or null, got {self.limit_sources}")
        limits = {_word(Fold, name, "fold"): limit for name, limit in self.limit_folds.items()}
        object.__setattr__(self, "limit_folds", limits)
        if wrong := [fold for fold, limit in limits.items() if limit < 1]:
            raise ConfigurationError(f"expected limit_folds >= 1, got {limits[wrong[0]]} for {wrong[0]}")
        if self.batch_size < 1:
            raise ConfigurationError(f"expected batch_size >= 1, got {self.batch_size}")
        check_shares(self, ("anywhere_share", "resized_share", "single_save_share", "kept_share"))
        if not self.crop_sizes or min(self.crop_sizes) < 8:
            raise ConfigurationError(f"expected crop_sizes of at least 8 pixels, got {list(self.crop_sizes)}")
        if self.crop_margin < 0:
            raise ConfigurationError(f"expected crop_margin >= 0, got {self.crop_margin}")
        if self.crop_limit < (least := 2 * self.crop_margin + 32):
            raise ConfigurationError(
                f"expected crop_limit of at least {least} pixels, 32 and crop_margin on both sides, "
                f"got {self.crop_limit}"
            )
        if (self.resized_share > 0 and not self.resized_scales) or any(
            s <= 0 or s == 1 for s in self.resized_scales
        ):
            raise ConfigurationError(
                f"expected resized_scales above 0 and other than 1, got {list(self.resized_scales)}"
            )


@dataclass(frozen=True)
class SetPlan:
    """Everything that is drawn for one source and shared by the members of its matched set.

    Attributes:
        photo: The source.
        fold: Its fold.
        batch: Number of its planned batch, from 0.
        seed: Of this source; damage, region, noise, crop and sampling derive theirs from it.
        placement: Where the flaw may lie.
        kind: Kind of flaw.
        generator: Name of the inpainter.
        autoencoder: Name of the autoencoder of the members that have one; a reserved one in fold test only.
        prompt: Text for the inpainter.
        camera: The camera step, with Q1.
        crop_scale: Photo pixels per model pixel; 1 for a crop at the photo's own scale.
        save: The upload save; None for a camera original, whose members take over its own file's.
        kept: Whether the authentic photo keeps the bytes of its camera's save.
        members: Whether the set's finished members are made.
        inpainted: Whether the inpainter works for it; it does where members are made.
        rewriters: Autoencoders that make layers of it, each with whether of the authentic photo instead of
            the damaged one; none where no layers are made.
    """

    photo: Photo
    fold: Fold
    batch: int
    seed: int
    placement: Placement
    kind: DamageKind
    generator: str
    autoencoder: str
    prompt: str
    camera: Camera
    crop_scale: float
    save: UploadSave | None
    kept: bool = False
    members: bool = True
    inpainted: bool = True
    rewriters: tuple[tuple[str, bool], ...] = ()

    @property
    def source_id(self) -> str:
        """Name of the source in the manifest."""
        return self.photo.photo_id

    @property
    def stem(self) -> str:
        """Start of the names of the set's files."""
        return self.photo.photo_id.replace("/", "__")

    @property
    def refill_seed(self) -> int:
        """Seed of the sampling of clean material, 63 bits."""
        return derive_seed("refill", self.seed)

    @property
    def decoder_seed(self) -> int:
        """Seed of the decoder of a perturbed autoencoder, 63 bits."""
        return derive_seed("decoder", self.seed)

    @property
    def sampling_seed(self) -> int:
        """Seed of the diffusion sampling, 63 bits."""
        return derive_seed("sampling", self.seed)


def _word(words: type[_Word], name: str, what: str) -> _Word:
    try:
        return words(name)
    except ValueError:
        raise ConfigurationError(f"expected a {what} of {', '.join(words)}; got {name!r}") from None


@dataclass(frozen=True)
class Networks:
    """Names of the networks that a plan shares out.

    Attributes:
        generators: Inpainters, drawn with equal weight.
        autoencoders: Drawn with equal weight.
        reserved: Autoencoders for fold test alone, where half of the sources get one of them.

    Raises:
        ConfigurationError: No generator or no autoencoder, or names that stand twice.
    """

    generators: tuple[str, ...]
    autoencoders: tuple[str, ...]
    reserved: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.generators or not self.autoencoders:
            raise ConfigurationError(
                "expected at least one inpainter and one autoencoder that is not reserved, "
                f"got {list(self.generators)} and {list(self.autoencoders)}"
            )
        names = [*self.generators, *self.autoencoders, *self.reserved]
        if twice := [name for name, count in Counter(names).items() if count > 1]:
            raise ConfigurationError(
                f"expected inpainters and autoencoders of different names, got {twice[0]} twice"
            )


def make_plan(
    photos: Sequence[Photo],
    folds: Mapping[str, Fold],
    cameras: CameraSampler,
    settings: SynthesisSettings,
    networks: Networks,
) -> list[SetPlan]:
    """Returns one plan per selected source, in the order of their names, batch by batch.

    Sources that get layers alone come last, in batches of their own.

    Args:
        photos: All photos of the source.
        folds: photo_id → fold.
        cameras: Draws a camera.
        settings: Ranges.
        networks: Whose pixels the members hold.

    Raises:
        MissingDataError: No photo lies in the folds.
    """
    selected = select_sources(photos, folds, settings)
    further = layers_alone(photos, folds, settings, selected)
    size = settings.batch_size
    batches = [*(index // size for index in range(len(selected)))]
    batches += [1 + batches[-1] + index // size for index in range(len(further))]
    return [
        _draw(photo, folds[photo.photo_id], batch, cameras, settings, networks, index < len(selected))
        for index, (photo, batch) in enumerate(zip([*selected, *further], batches, strict=True))
    ]


def _draw(
    photo: Photo,
    fold: Fold,
    batch: int,
    cameras: CameraSampler,
    settings: SynthesisSettings,
    networks: Networks,
    members: bool,
) -> SetPlan:
    source = photo.photo_id
    rng = derive_rng("plan", settings.seed, source)
    resized, anywhere, unknown = rng.random(3).tolist()
    kind = settings.kinds[int(rng.integers(len(settings.kinds)))]
    scale = 1.0
    if resized < settings.resized_share:
        scale = float(rng.choice(settings.resized_scales))
    others = networks.reserved if fold is Fold.TEST and unknown < _RESERVED_SHARE else ()
    camera = cameras.draw(derive_rng("camera", settings.seed, source))
    save: UploadSave | None = settings.draw(derive_rng("upload", settings.seed, source))
    single, kept = derive_rng("saves", settings.seed, source).random(2).tolist()
    if photo.original:
        camera, save = ORIGINAL, None
    elif single < settings.single_save_share and camera.quality:
        camera, save = replace(camera, quality=0), UploadSave(camera.quality, camera.subsampling)
    generator = str(rng.choice(networks.generators))
    autoencoder = str(rng.choice(others or networks.autoencoders))
    anywhere_share = settings.anywhere_share if members else settings.layers_anywhere_share
    rewriters: tuple[tuple[str, bool], ...] = ()
    if settings.layers and fold is Fold.TRAIN:
        first = autoencoder if members else None
        rewriters = draw_rewriters(source, settings.seed, settings, networks.autoencoders, first)
    return SetPlan(
        photo=photo,
        fold=fold,
        batch=batch,
        seed=derive_seed("set", settings.seed, source),
        placement=Placement.ANYWHERE if anywhere < anywhere_share else Placement.PRODUCT,
        kind=kind,
        generator=generator,
        autoencoder=autoencoder,
        prompt=prompt(kind, photo.product, derive_rng("prompt", settings.seed, source)),
        camera=camera,
        crop_scale=scale,
        save=save,
        kept=photo.original and kept < settings.kept_share,
        members=members,
        inpainted=members
        or unit_interval("inpainted", settings.seed, source) < settings.layers_inpainted_share,
        rewriters=rewriters,
    )
