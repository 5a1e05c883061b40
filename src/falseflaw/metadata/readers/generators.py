"""What generators of images write about their own work: prompts, parameters, workflows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from falseflaw.metadata.facts import Fact, make_fact
from falseflaw.metadata.opened import Opened
from falseflaw.metadata.parts import exif as tags

MAX_SEARCHED = 200_000
"""Of one text, characters that are searched."""

_SETTINGS = ("Sampler: ", "CFG scale: ", "Seed: ")
_COMFY_NODE = re.compile(r'"class_type" {0,3}: {0,3}"([^"]{1,80})"')
_COMFY_MODEL = re.compile(r'"(?:ckpt_name|unet_name|model_name)" {0,3}: {0,3}"([^"]{1,120})"')
_INVOKE_AI = frozenset({"invokeai_metadata", "invokeai_graph", "invokeai_workflow", "sd-metadata", "Dream"})
_JOB = re.compile(r"\bJob ID: {0,3}[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def read_generators(photo: Opened) -> Iterator[Fact]:
    """Tells texts in which a generator of images names itself or its settings: they declare AI.

    Texts of this form can be written by hand or copied from another file; most sites remove them, so that
    their absence says nothing. The same programs also work on photos (img2img, inpainting, upscaling).
    """
    seen: set[str] = set()
    for source, field, text in _texts(photo):
        values = _recognize(field, text[:MAX_SEARCHED])
        if values is not None and values["generator"] not in seen:
            seen.add(values["generator"])
            yield make_fact(
                "png_generator_text", source, "declares_ai", {**values, "field": field, "text": text[:1000]}
            )


def _texts(photo: Opened) -> Iterator[tuple[str, str, str]]:
    """Yields source, field and text of whatever may hold a generator's text."""
    for keyword, text in photo.blocks.texts:
        yield "png", keyword, text
    yield "exif", "UserComment", photo.exif.user_comment()
    for name, tag in {"ImageDescription": tags.DESCRIPTION, "Make": tags.MAKE, "Model": tags.MODEL}.items():
        text = photo.exif.text(tags.SHOWN, tag)
        found = re.match(r"(prompt|workflow): ?(?=\{)", text)  # ComfyUI in WebP: its field, then the text
        yield "exif", found[1] if found else name, text[found.end() :] if found else text


def _recognize(field: str, text: str) -> dict[str, str] | None:
    if field in _INVOKE_AI:
        return {"generator": "InvokeAI"}
    line = text[text.rfind("Steps: ") :][:2000] if "Steps: " in text else ""
    if any(setting in line for setting in _SETTINGS):
        return {"generator": "Automatic1111", **_parameters(line)}
    if _COMFY_NODE.search(text) or (field == "workflow" and '"nodes"' in text):
        model = _COMFY_MODEL.search(text)
        return {"generator": "ComfyUI", "model": model[1] if model else ""}
    if text.startswith("NovelAI"):
        return {"generator": "NovelAI"}
    if field == "fooocus_scheme" or (field == "parameters" and '"base_model"' in text):
        return {"generator": "Fooocus"}
    if _JOB.search(text[:5000]):
        return {"generator": "Midjourney"}
    return None


def _parameters(line: str) -> dict[str, str]:
    """Returns those of the settings that say most."""
    keys = ("Model", "Steps", "Seed")
    found = {key: re.search(rf"\b{key}: {{0,3}}([^,\n]{{1,120}})", line) for key in keys}
    return {key.lower(): match[1] for key, match in found.items() if match}
