"""The digest of code that guards a resumed build covers every module that the images go through."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import falseflaw
from falseflaw.gathering import gather
from falseflaw.synthesis import build

PACKAGE = Path(falseflaw.__file__).parent
NO_PIXELS = {"__init__.py", "devices.py", "errors.py", "machine.py", "paths.py", "provenance.py"}
"""What says where things lie, how long they take and what went wrong."""

LOADED = """
import sys
from pathlib import Path
import falseflaw, {modules}
root = Path(falseflaw.__file__).parent
for name, module in sys.modules.items():
    if name.startswith("falseflaw") and getattr(module, "__file__", None):
        print(Path(module.__file__).relative_to(root).as_posix())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("modules", "code"),
    [
        (
            "falseflaw.synthesis.build, falseflaw.synthesis.engines.ray, "
            "falseflaw.inpainting.latent.inpainter, falseflaw.inpainting.pixel.inpainter, "
            "falseflaw.inpainting.autoencoders.family, "
            "falseflaw.photos.sets.joined, falseflaw.photos.sets.clothing, falseflaw.photos.studio.source, "
            "falseflaw.damage.engine",
            build.CODE,
        ),
        (
            "falseflaw.gathering.gather, falseflaw.photos.evaluation_only.real_damage, "
            "falseflaw.photos.evaluation_only.inpainted_by_others",
            gather.CODE,
        ),
    ],
    ids=["build", "gather"],
)
def test_no_module_that_pixels_go_through_is_forgotten(modules: str, code: tuple[str, ...]) -> None:
    program = LOADED.format(modules=modules)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert len(loaded) > 15
    assert not {path for path in loaded - NO_PIXELS if path.split("/")[0] not in {*code, "statistics"}}
    assert all((PACKAGE / entry).exists() for entry in code)
