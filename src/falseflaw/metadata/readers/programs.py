"""Names of programs by what they write of themselves: editors, and generators of images."""

from __future__ import annotations

import re

_EDITORS = (
    ("Adobe Photoshop Lightroom", r"lightroom"),
    ("Adobe Photoshop", r"photoshop"),
    ("Adobe Camera Raw", r"camera raw"),
    ("Adobe Express", r"adobe express|adobe spark"),
    ("GIMP", r"\bgimp\b"),
    ("Snapseed", r"snapseed"),
    ("Meitu", r"meitu|\bmtxx\b|美图"),
    ("BeautyPlus", r"beautyplus|beautycam|美颜相机"),
    ("Xingtu", r"xingtu|hypic|醒图"),
    ("CapCut", r"capcut|jianying|剪映"),
    ("Canva", r"\bcanva\b"),
    ("Picsart", r"picsart"),
    ("Facetune", r"facetune|lightricks"),
    ("VSCO", r"\bvsco\b"),
    ("Remini", r"\bremini\b"),
    ("B612", r"\bb612\b"),
    ("Fotor", r"\bfotor\b"),
    ("Pixlr", r"\bpixlr\b"),
    ("PhotoScape", r"photoscape"),
    ("Polarr", r"polarr"),
    ("Photopea", r"photopea"),
    ("Pixelmator", r"pixelmator"),
    ("Affinity Photo", r"affinity"),
    ("Paint.NET", r"paint\.net"),
    ("Paint", r"microsoft paint|\bmspaint\b"),
    ("Windows Photos", r"windows photo editor|microsoft windows photo gallery"),
    ("Krita", r"\bkrita\b"),
    ("Inkscape", r"inkscape"),
    ("darktable", r"darktable"),
    ("RawTherapee", r"rawtherapee"),
    ("Capture One", r"capture one"),
    ("DxO PhotoLab", r"\bdxo\b"),
    ("Luminar", r"luminar|skylum"),
    ("Topaz", r"\btopaz\b"),
    ("ACDSee", r"acdsee"),
    ("Corel PaintShop", r"paint ?shop|corel"),
    ("IrfanView", r"irfanview"),
    ("XnView", r"xnview"),
    ("Picasa", r"picasa"),
    ("Figma", r"\bfigma\b"),
    ("ImageMagick", r"imagemagick"),
)
_GENERATORS = (
    ("Adobe Firefly", r"firefly"),
    ("Midjourney", r"midjourney"),
    ("DALL-E", r"dall[-·• ]?e\b"),
    ("ChatGPT", r"chatgpt|\bopenai\b|gpt-4o|gpt-image"),
    ("Stable Diffusion", r"stable[ -]?diffusion|stability ?ai|\bsdxl\b"),
    ("ComfyUI", r"comfyui"),
    ("InvokeAI", r"invokeai"),
    ("NovelAI", r"novelai"),
    ("Draw Things", r"draw things"),
    ("FLUX", r"black forest labs|\bflux\.[12]"),
    ("Google AI", r"google ai|\bgemini\b|\bimagen ?[2-9]|nano banana"),
    ("Bing Image Creator", r"bing image creator|microsoft designer"),
    ("Leonardo", r"leonardo\.?ai"),
    ("Ideogram", r"ideogram"),
    ("Recraft", r"recraft"),
    ("Jimeng", r"jimeng|dreamina|seedream|即梦"),
    ("Doubao", r"doubao|豆包"),
    ("Kling", r"\bkling\b|可灵"),
    ("Tongyi Wanxiang", r"wanxiang|tongyi|通义"),
    ("ERNIE", r"\bernie bot|文心"),
    ("Hunyuan", r"hunyuan|混元"),
)


def _compile(names: tuple[tuple[str, str], ...]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in names)


_COMPILED_EDITORS, _COMPILED_GENERATORS = _compile(_EDITORS), _compile(_GENERATORS)


def editor_in(text: str) -> str | None:
    """Returns the editor that a text names; the first of the list counts."""
    return next((name for name, pattern in _COMPILED_EDITORS if pattern.search(text[:300])), None)


def generator_in(text: str) -> str | None:
    """Returns the generator of images that a text names; the first of the list counts."""
    return next((name for name, pattern in _COMPILED_GENERATORS if pattern.search(text[:300])), None)
