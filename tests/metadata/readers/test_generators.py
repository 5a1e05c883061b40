import json

import pytest
from tests.metadata.files import (
    CAMERA,
    SHOWN,
    UNDEFINED,
    ascii_entry,
    exif,
    exif_segment,
    facts,
    jpeg,
    only,
    png,
    saved,
    text_chunk,
)

from falseflaw.metadata.parts import exif as tags

PARAMETERS = (
    "a torn shirt\nNegative prompt: clean\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 12, Model: sd_xl"
)
NODES = json.dumps(
    {"4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "flux1-dev.safetensors"}}}
)


@pytest.mark.parametrize(
    ("keyword", "text", "generator"),
    [
        ("parameters", PARAMETERS, "Automatic1111"),
        ("prompt", NODES, "ComfyUI"),
        ("workflow", '{"last_node_id": 9, "nodes": []}', "ComfyUI"),
        ("invokeai_metadata", '{"app_version": "5.0"}', "InvokeAI"),
        ("sd-metadata", "{}", "InvokeAI"),
        ("Software", "NovelAI", "NovelAI"),
        ("Source", "NovelAI Diffusion V4 37442FCA", "NovelAI"),
        ("parameters", '{"base_model": "juggernautXL", "prompt": "a stain"}', "Fooocus"),
        ("Description", "a hole --v 6 Job ID: 01234567-89ab-cdef-0123-456789abcdef", "Midjourney"),
    ],
)
def test_texts_of_a_png_name_their_generator(keyword: str, text: str, generator: str) -> None:
    fact = only(png(text_chunk(keyword, text)), "png_generator_text")
    assert (fact.source, fact.weight, fact.values["field"]) == ("png", "declares_ai", keyword)
    assert fact.values["generator"] == generator


def test_what_was_set_is_quoted() -> None:
    values = only(png(text_chunk("parameters", PARAMETERS)), "png_generator_text").values
    assert (values["model"], values["steps"], values["seed"]) == ("sd_xl", "20", "12")
    assert values["text"].startswith("a torn shirt Negative prompt")
    assert (
        only(png(text_chunk("prompt", NODES)), "png_generator_text").values["model"]
        == "flux1-dev.safetensors"
    )


@pytest.mark.parametrize(
    "comment",
    [
        b"UNICODE\0" + PARAMETERS.encode("utf-16-be"),
        b"UNICODE\0" + PARAMETERS.encode("utf-16-le"),
        b"UNICODE\0" + PARAMETERS.encode("utf-16"),
        b"ASCII\0\0\0" + PARAMETERS.encode(),
        bytes(8) + PARAMETERS.encode(),
        PARAMETERS.encode(),
    ],
)
@pytest.mark.parametrize("container", ["jpeg", "webp"])
def test_the_comment_of_exif_data_counts_in_whatever_encoding(comment: bytes, container: str) -> None:
    data = exif(camera=[(tags.USER_COMMENT, UNDEFINED, comment)])
    photo = jpeg(exif_segment(data)) if container == "jpeg" else saved("WEBP", exif=b"Exif\0\0" + data)
    fact = only(photo, "png_generator_text")
    assert (fact.source, fact.values["generator"], fact.values["steps"]) == ("exif", "Automatic1111", "20")


def test_comfyui_writes_where_the_camera_would() -> None:
    data = exif(
        shown=[ascii_entry(tags.MAKE, f"workflow:{NODES}"), ascii_entry(tags.MODEL, f"prompt:{NODES}")]
    )
    photo = saved("WEBP", exif=b"Exif\0\0" + data)
    assert only(photo, "png_generator_text").values["generator"] == "ComfyUI"
    assert facts(photo, "camera") == []


def test_each_generator_is_told_once() -> None:
    photo = png(
        text_chunk("prompt", NODES), text_chunk("workflow", NODES), text_chunk("parameters", PARAMETERS)
    )
    named = [fact.values["generator"] for fact in facts(photo, "png_generator_text")]
    assert named == ["ComfyUI", "Automatic1111"]


@pytest.mark.parametrize(
    "text", ["", "Steps: go to the shop", "Seed: 4", '{"nodes": 3}', "a NovelAI fan", "Job ID: 12"]
)
def test_other_texts_are_nobodys(text: str) -> None:
    assert facts(png(text_chunk("Comment", text)), "png_generator_text") == []
    described = exif(**{SHOWN: [ascii_entry(tags.DESCRIPTION, text)], CAMERA: []})
    assert facts(jpeg(exif_segment(described)), "png_generator_text") == []
