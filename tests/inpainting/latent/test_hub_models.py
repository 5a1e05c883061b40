"""The pipelines of the hub configurations, on tiny random weights of the very classes they name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import httpx
import numpy as np
import pytest
import torch
from huggingface_hub import errors as hub_errors
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from tests.helpers import textured_photo
from tests.inpainting.hub import save_tiny

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.imaging.crop import Box
from falseflaw.inpainting.latent.families import family_of
from falseflaw.inpainting.latent.inpainter import LatentInpainter
from falseflaw.inpainting.latent.sampling import decode_latents, encode_images
from falseflaw.paths import config_dir

HUB_MODELS = ("sd15", "sdxl", "flux_fill")
PROMPTS = ["a coffee stain on a shirt", "a hole, a hat"]
SEEDS = [11, 22]


def config_of(name: str) -> DictConfig:
    return OmegaConf.load(config_dir() / "inpainter" / f"{name}.yaml")  # type: ignore[return-value]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {}
    for name in HUB_MODELS:
        config = config_of(name)
        folder = tmp_path_factory.mktemp(name)
        made[name] = save_tiny(config.pipeline_class, folder, config.load.get("variant"))
    return made


def from_config(name: str, folder: Path, **changes: Any) -> LatentInpainter:
    local = {"path": str(folder), "local": True, "device": "cpu", "dtype": "float32"}
    return instantiate(OmegaConf.merge(config_of(name), local, changes))


@pytest.fixture(scope="module", params=HUB_MODELS)
def inpainter(request: pytest.FixtureRequest, folders: dict[str, Path]) -> LatentInpainter:
    return from_config(request.param, folders[request.param])


def batch() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    crops = np.stack([textured_photo(rng, 32, 48) for _ in range(2)])
    masks = np.zeros((2, 32, 48), bool)
    masks[0, 8:20, 8:24] = True
    masks[1, 4:12, 20:30] = True
    return crops, masks


@pytest.mark.slow
def test_it_samples_what_the_plain_pipeline_samples(inpainter, folders):
    config = config_of(inpainter.name)
    plain = getattr(diffusers, config.pipeline_class).from_pretrained(
        folders[inpainter.name], torch_dtype=torch.float32, **config.load
    )
    plain.set_progress_bar_config(disable=True)
    crops, masks = batch()
    samples = inpainter.sample(crops, masks, PROMPTS, SEEDS)
    negative = [config.negative_prompt] if config.negative_prompt else None
    for index in range(2):
        expected = plain(
            prompt=[config.prompt.replace("{prompt}", PROMPTS[index])],
            **({"negative_prompt": negative} if negative else {}),
            image=torch.from_numpy(crops[index : index + 1]).permute(0, 3, 1, 2) / 255,
            mask_image=torch.from_numpy(masks[index : index + 1])[:, None].float(),
            height=32,
            width=48,
            num_inference_steps=config.steps,
            guidance_scale=config.guidance,
            generator=[torch.Generator().manual_seed(SEEDS[index])],
            output_type="np",
            **config.call,
        ).images[0]
        assert np.abs(samples.images[index] / 255 - expected).max() < 2 / 255


def test_latents_are_an_unpacked_batch_that_decodes_to_the_images(inpainter):
    samples = inpainter.sample(*batch(), PROMPTS, SEEDS)
    assert samples.latents.shape == (2, 4, 8, 12)
    decoded = decode_latents(inpainter.pipeline, samples.latents)
    assert np.abs(decoded.astype(int) - samples.images).max() <= 1


@pytest.mark.slow
def test_prompt_and_seed_matter(inpainter):
    crops, masks = batch()
    first = inpainter.sample(crops, masks, PROMPTS, SEEDS).latents
    assert torch.equal(first, inpainter.sample(crops, masks, PROMPTS, SEEDS).latents)
    assert not torch.allclose(first, inpainter.sample(crops, masks, PROMPTS[::-1], SEEDS).latents, atol=1e-4)
    assert not torch.allclose(first, inpainter.sample(crops, masks, PROMPTS, SEEDS[::-1]).latents, atol=1e-2)


def test_encoding_undoes_what_decoding_does_to_latents(inpainter):
    """A decoder that copies latents shows whether scale and shift are undone; random weights cannot."""
    photo = textured_photo(np.random.default_rng(1), 32, 32)
    vae = inpainter.pipeline.vae
    pixels = torch.from_numpy(photo).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.inference_mode():
        raw = vae.encode(pixels).latent_dist.mode()
        expected = vae.decode(raw, return_dict=False)[0][0]
    scaled = encode_images(inpainter.pipeline, photo[None])
    shift = vae.config.shift_factor or 0.0
    torch.testing.assert_close(scaled, (raw - shift) * vae.config.scaling_factor)
    levels = expected.permute(1, 2, 0).add(1).mul(127.5).clamp(0, 255).numpy()
    assert np.abs(inpainter.round_trip(photo) - levels).max() <= 1


def test_regenerating_with_the_photos_own_latents_is_the_round_trip(inpainter):
    photo = textured_photo(np.random.default_rng(1), 75, 61)
    padded = np.pad(photo, ((0, 5), (0, 3), (0, 0)), mode="edge")
    latents = encode_images(inpainter.pipeline, padded[None])
    mask = np.zeros((75, 61), bool)
    mask[16:30, 12:26] = True
    result = inpainter.regenerate(photo, latents[0, :, 2:10, 1:9].clone(), Box(8, 4, 32, 32), mask)
    assert np.abs(result.astype(int) - inpainter.round_trip(photo)).max() <= 1
    changed = inpainter.regenerate(photo, latents[0, :, 2:10, 1:9] + 3, Box(8, 4, 32, 32), mask)
    change = np.abs(changed.astype(int) - result).max(axis=2)
    assert change[mask].mean() > 1.5 * change[~mask].mean()


@pytest.mark.parametrize(("factor", "grids"), [(4, (8, 8, 8)), (8, (8, 8, 16))])
def test_crop_sides_are_what_latents_and_patches_need(factor, grids, folders):
    for name, grid in zip(HUB_MODELS, grids, strict=True):
        family = family_of(from_config(name, folders[name]).pipeline)
        assert family.grid(factor) == grid


def test_prompts_are_worded_as_the_configuration_says_and_encoded_once(folders, monkeypatch):
    inpainter = from_config(
        "sdxl", folders["sdxl"], steps=2, prompt="photo of {prompt}!", negative_prompt="text"
    )
    heard = []
    encode = type(inpainter.pipeline).encode_prompt

    def listen(self, prompt=None, *arguments, **options):
        if prompt is not None:
            heard.append((prompt, options.get("negative_prompt")))
        return encode(self, prompt, *arguments, **options)

    monkeypatch.setattr(type(inpainter.pipeline), "encode_prompt", listen)
    for _ in range(2):
        inpainter.sample(*batch(), ["a hole", "a hole"], SEEDS)
    assert heard == [("photo of a hole!", None), ("", "text")]


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("flux_fill", {"negative_prompt": "text"}, "FluxFillPipeline takes none"),
        ("sd15", {"prompt": "a photo"}, r"\{prompt\} in inpainter.prompt"),
        ("flux_fill", {"call": {"eta": 1.0}}, "eta: FluxFillPipeline does not know it"),
        ("sd15", {"call": {"height": 64}}, "height: the wrapper sets it"),
        ("sd15", {"offload": "disk"}, "none, model, sequential, got 'disk'"),
    ],
)
def test_what_a_pipeline_cannot_do_is_refused(folders, name, changes, words):
    config = OmegaConf.to_container(config_of(name))
    assert isinstance(config, dict)
    del config["_target_"]
    local = {"path": str(folders[name]), "local": True, "device": "cpu", "dtype": "float32"}
    with pytest.raises(ConfigurationError, match=words) as caught:
        LatentInpainter(**{**config, **local, **changes})
    assert "\n" not in str(caught.value)


def test_a_pipeline_of_no_known_family_is_refused(folders):
    with pytest.raises(ConfigurationError, match="got StableDiffusionPipeline"):
        LatentInpainter("x", str(folders["sd15"]), "StableDiffusionPipeline", load={"variant": "fp16"})


def test_the_large_autoencoder_never_computes_in_half_precision(folders):
    assert from_config("sdxl", folders["sdxl"], dtype="float16").pipeline.vae.dtype == torch.float32
    assert from_config("sdxl", folders["sdxl"], dtype="float16").pipeline.unet.dtype == torch.float16


@pytest.mark.parametrize("offload", ["none", "model", "sequential"])
def test_offloading_is_asked_of_diffusers(folders, monkeypatch, offload):
    asked = []
    kind = diffusers.StableDiffusionInpaintPipeline
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(kind, "to", lambda self, device: asked.append(("none", str(device))))
    for name in ("model", "sequential"):
        monkeypatch.setattr(
            kind,
            f"enable_{name}_cpu_offload",
            lambda self, device, name=name: asked.append((name, str(device))),
        )
    from_config("sd15", folders["sd15"], device="cuda", offload=offload)
    assert asked == [(offload, "cuda")]


def gated() -> Exception:
    response = httpx.Response(403, request=httpx.Request("GET", "https://huggingface.co/x"))
    try:
        gate = hub_errors.GatedRepoError("403 Client Error", response=response)
    except TypeError:  # older versions of huggingface_hub
        gate = hub_errors.GatedRepoError("403 Client Error", response)
    outer = OSError("Cannot load model: is not cached locally")
    outer.__cause__ = gate
    return outer


@pytest.mark.parametrize(
    ("name", "error", "kind", "words"),
    [
        ("flux_fill", gated(), MissingDataError, r"huggingface\.co/black-forest-labs/FLUX.*`hf auth login`"),
        (
            "sdxl",
            OSError("no such\nfile"),
            MissingDataError,
            "download diffusers/stable-diffusion-xl.*no such file",
        ),
        (
            "sd15",
            torch.OutOfMemoryError("CUDA out of memory. Tried"),
            ConfigurationError,
            "inpainter.offload=model",
        ),
        ("flux_fill", RuntimeError("CUDA out of memory"), ConfigurationError, "inpainter.offload=sequential"),
        ("sd15", MemoryError(), ConfigurationError, "weights of sd15 to fit the memory of cuda"),
    ],
)
def test_why_weights_cannot_be_had_is_said_in_one_line(monkeypatch, name, error, kind, words):
    config = config_of(name)

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(getattr(diffusers, config.pipeline_class), "from_pretrained", fail)
    values = OmegaConf.to_container(config)
    assert isinstance(values, dict)
    del values["_target_"]
    with pytest.raises(kind, match=words) as caught:
        LatentInpainter(**values)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "changes", "words"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), {}, "bfloat16 or synthesis.batch_size=1"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), {}, "batch of 2 crops of 32x48"),
        (MemoryError(), {"dtype": "bfloat16"}, "set synthesis.batch_size=1$"),
    ],
)
def test_running_out_of_memory_while_sampling_names_what_to_change(
    folders, monkeypatch, error, changes, words
):
    inpainter = from_config("sd15", folders["sd15"], **changes)

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(type(inpainter.pipeline), "__call__", fail)
    with pytest.raises(ConfigurationError, match=words):
        inpainter.sample(*batch(), PROMPTS, SEEDS)
    monkeypatch.setattr(type(inpainter.pipeline.vae), "encode", fail)
    with pytest.raises(ConfigurationError, match="a whole photo of 32x48"):
        inpainter.round_trip(batch()[0][0])


def test_other_errors_of_sampling_are_left_alone(folders, monkeypatch):
    inpainter = from_config("sd15", folders["sd15"])

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(type(inpainter.pipeline), "__call__", fail)
    with pytest.raises(RuntimeError, match="shapes"):
        inpainter.sample(*batch(), PROMPTS, SEEDS)


def test_crops_off_the_grid_are_refused(folders):
    crops, masks = batch()
    with pytest.raises(InvalidDataError, match="multiples of 8"):
        from_config("flux_fill", folders["flux_fill"]).sample(
            crops[:, :, :44], masks[:, :, :44], PROMPTS, SEEDS
        )


@pytest.mark.parametrize(
    ("name", "preset"), [("sd15", "native512"), ("sdxl", "native1024"), ("flux_fill", "native1024")]
)
def test_the_preset_a_configuration_names_fits_its_grid(name, preset):
    assert f"synthesis={preset}" in (config_dir() / "inpainter" / f"{name}.yaml").read_text()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        for more in ([], ["synthesis.resized_share=0"]):
            config = compose("synthesize", [f"inpainter={name}", f"synthesis={preset}", *more])
            assert all(size % 16 == 0 for size in instantiate(config.synthesis).crop_sizes)
