import hashlib
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from tests.synthesis.builders import (
    NETWORKS,
    FakeAutoencoders,
    FakeInpainter,
    FakePhotos,
    build,
    cameras,
    engine,
    folds_of,
    product,
    settings,
    writers,
)

from falseflaw.dataset.layers import LAYERS_NAME, Base, Content, read_layers
from falseflaw.dataset.manifest import read_manifest
from falseflaw.errors import ConfigurationError
from falseflaw.imaging.codec import read_mask
from falseflaw.imaging.lossless import decode_lossless
from falseflaw.machine import StageTimer
from falseflaw.photos.product.masks import ProductMasks
from falseflaw.synthesis.batch import Batch, BatchMaker
from falseflaw.synthesis.layers import crop_box, make_layers
from falseflaw.synthesis.plan import make_plan
from falseflaw.synthesis.prepare import SetMaker
from falseflaw.types import Fold

LAYERS = {"layers": True, "layers_writers": 2, "layers_authentic_share": 0.5, "resized_share": 0.0}
CHANGES = LAYERS | {"limit_sources": 5, "layers_only_sources": None, "layers_inpainted_share": 0.5}


def digests(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def prepared(count=10, **changes):
    source = FakePhotos(count)
    options = settings(**LAYERS | changes)
    plans = make_plan(source.photos(), folds_of(source), cameras(), options, NETWORKS)
    maker = SetMaker(source, ProductMasks(source, product, None), engine(), options, 16, 4)
    return maker, [maker.prepare(plan, StageTimer()) for plan in plans if plan.rewriters]


def made(**changes):
    maker, sets = prepared(**changes)
    batches = BatchMaker(maker, writers(), None, None, StageTimer())
    return sets, batches.write(Batch(0, sets, [], [])).layers


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    path = tmp_path_factory.mktemp("datasets") / "fake"
    return path, build(path, FakePhotos(20), settings=CHANGES)


def test_layers_show_the_photos_and_what_networks_made_of_them():
    sets, layers = made()
    seen = set()
    for entry, found in zip(sets, layers, strict=True):
        photos = {Base.AUTHENTIC: entry.authentic, Base.DAMAGED: entry.damaged}
        for layer in found.layers:
            seen.add((layer.base, layer.content, layer.writer))
            expected = layer.box.cut(photos[layer.base])
            if layer.content is Content.REWRITTEN:
                darker = 4 * (1 + FakeAutoencoders().names.index(layer.writer))
                assert np.array_equal(layer.pixels, np.clip(expected.astype(int) - darker, 0, 255))
            elif layer.content is Content.PHOTO:
                assert np.array_equal(layer.pixels, expected)
            else:
                seed = entry.plan.sampling_seed
                seed = seed if layer.content is Content.INPAINTED else entry.plan.refill_seed
                crop = np.random.default_rng(seed).integers(0, 256, entry.crop.shape)
                assert np.array_equal(layer.pixels, crop)
                assert (layer.box.top, layer.box.left) == (entry.box.top, entry.box.left)
    assert {(base, content) for base, content, _ in seen} == {
        (Base.AUTHENTIC, Content.PHOTO),
        (Base.DAMAGED, Content.PHOTO),
        (Base.AUTHENTIC, Content.REWRITTEN),
        (Base.DAMAGED, Content.REWRITTEN),
        (Base.AUTHENTIC, Content.INPAINTED),
        (Base.AUTHENTIC, Content.REFILLED),
    }


def test_a_slow_writer_rewrites_the_crop_at_the_flaw_alone():
    maker, sets = prepared(layers_whole=48, layers_window=32)
    autoencoders = FakeAutoencoders(slow=frozenset({"twin", "other-twin"}))
    for entry in sets:
        found = make_layers(entry, maker.settings, autoencoders, None, None)
        rewritten = [layer for layer in found.layers if layer.content is Content.REWRITTEN]
        assert {layer.window for layer in rewritten} == {0}
        for layer in rewritten:
            there = found.windows[0]
            top, left = there.top + layer.box.top, there.left + layer.box.left
            assert (top, left) == (crop_box(entry).top, crop_box(entry).left)
            photo = entry.authentic if layer.base is Base.AUTHENTIC else entry.damaged
            darker = 4 * (1 + autoencoders.names.index(layer.writer))
            expected = np.clip(crop_box(entry).cut(photo).astype(int) - darker, 0, 255)
            assert np.array_equal(layer.pixels, expected)


def test_the_damaged_photo_is_the_authentic_one_with_its_layer():
    sets, layers = made()
    for entry, found in zip(sets, layers, strict=True):
        whole, part = (
            next(x for x in found.layers if (x.base, x.content) == (base, Content.PHOTO)) for base in Base
        )
        photo = whole.pixels.copy()
        photo[part.box.slices] = part.pixels
        assert np.array_equal(photo, entry.damaged)


def test_a_crop_that_was_resized_comes_back_at_the_photos_scale():
    sets, layers = made(resized_share=1.0)
    for entry, found in zip(sets, layers, strict=True):
        layer = next(layer for layer in found.layers if layer.content is Content.INPAINTED)
        crop = np.random.default_rng(entry.plan.sampling_seed).integers(0, 256, entry.crop.shape)
        written = entry.write(entry.authentic, crop.astype(np.uint8))
        inside = layer.box.cut(entry.region)
        assert inside.sum() == entry.region.sum()
        assert np.array_equal(layer.pixels[inside], layer.box.cut(written)[inside])


def test_large_photos_have_windows_at_the_flaw_and_elsewhere():
    sets, layers = made(layers_whole=112, layers_window=96)
    for entry, found in zip(sets, layers, strict=True):
        at_flaw, elsewhere = found.windows
        assert at_flaw.cut(entry.region).sum() == entry.region.sum()
        for box in found.windows:
            assert box.top % 16 == box.left % 16 == 0
            assert max(box.height, box.width) < 144
        for layer in found.layers:
            window = found.windows[layer.window]
            assert layer.box.top + layer.box.height <= window.height
            assert layer.box.left + layer.box.width <= window.width
        rewritten = {layer.window for layer in found.layers if layer.content is Content.REWRITTEN}
        assert rewritten == {0, 1}
        photo = next(layer for layer in found.layers if layer.window == 1)
        assert np.array_equal(photo.pixels, elsewhere.cut(entry.authentic))


def test_files_are_what_the_list_of_layers_says(built):
    path, report = built
    rows = read_layers(path)
    assert len(rows) == report.layers > 0
    for row in rows.itertuples():
        assert hashlib.sha256((path / row.path).read_bytes()).hexdigest() == row.sha256
        assert decode_lossless(path / row.path).shape == (row.height, row.width, 3)
        flaw, region = read_mask(path / row.flaw_path), read_mask(path / row.region_path)
        assert flaw.shape == region.shape == (row.window_height, row.window_width)
        assert region[flaw].all()
        assert flaw.any()
    listed = {*rows["path"], *rows["flaw_path"], *rows["region_path"]}
    assert {name for name in digests(path) if name.startswith("layers/")} == listed


def test_layers_are_of_fold_train_and_of_no_reserved_writer(built):
    path, report = built
    layers, manifest = read_layers(path), read_manifest(path)
    folds = {source: fold for source, fold in folds_of(FakePhotos(20)).items() if fold is Fold.TRAIN}
    assert set(layers["source_id"]) == set(folds)
    assert set(layers["fold"]) == {str(Fold.TRAIN)}
    assert "kept-twin" not in set(layers["writer"])
    assert {"twin", "other-twin", "fake-inpainter"} <= set(layers["writer"])
    assert manifest["source_id"].nunique() == 5
    assert report.sources == len({*layers["source_id"], *manifest["source_id"]})
    alone = set(folds) - set(manifest["source_id"])
    inpainted = set(layers.loc[layers["content"] == Content.INPAINTED, "source_id"])
    assert set(folds) - alone <= inpainted
    assert 0 < len(alone & inpainted) < len(alone)


def test_layers_leave_the_members_as_they_are(built, tmp_path):
    path, _ = built
    build(tmp_path / "d", FakePhotos(20), settings={"limit_sources": 5, "resized_share": 0.0})
    plain, with_layers = digests(tmp_path / "d"), digests(path)
    assert {name: plain[name] for name in plain if name.startswith(("images/", "masks/"))} == {
        name: with_layers[name] for name in with_layers if name.startswith(("images/", "masks/"))
    }


def test_a_stopped_build_goes_on_to_the_same_bytes(tmp_path, built):
    path, _ = built
    with pytest.raises(RuntimeError, match="the power went out"):
        build(tmp_path / "d", FakePhotos(20), FakeInpainter(fails_at=3), settings=CHANGES)
    part = min((tmp_path / "d" / "parts").glob("layers-*.parquet"))
    part.unlink()  # a batch whose layers are lost is made anew
    report = build(tmp_path / "d", FakePhotos(20), settings=CHANGES)
    assert report.built > 0
    assert digests(tmp_path / "d") == digests(path)
    assert build(tmp_path / "d", FakePhotos(20), settings=CHANGES).layers == report.layers


@pytest.mark.parametrize("victim", ["layers/fake__", "parts/layers-00003", "layers.parquet"])
def test_goes_on_after_kill_9(built, tmp_path, victim):
    """Killed with the file written under another name, just before it takes its place."""
    path, _ = built
    output = tmp_path / "d"
    script = textwrap.dedent(
        f"""
        import os, signal, sys
        from pathlib import Path
        sys.path[:0] = {[str(Path(__file__).parents[2])]!r}
        replace, seen = Path.replace, []
        def kill(self, target):
            if Path(target).relative_to({str(output)!r}).as_posix().startswith({victim!r}):
                seen.append(target)
                if len(seen) == (3 if "/fake" in {victim!r} else 1):
                    os.kill(os.getpid(), signal.SIGKILL)
            return replace(self, target)
        Path.replace = kill
        from tests.synthesis.builders import FakePhotos, build
        build(Path({str(output)!r}), FakePhotos(20), settings={CHANGES!r})
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    build(output, FakePhotos(20), settings=CHANGES)
    assert digests(output) == digests(path)


def test_a_dataset_without_layers_has_an_empty_list(tmp_path):
    build(tmp_path / "d", FakePhotos(5))
    assert not (tmp_path / "d" / LAYERS_NAME).exists()
    assert read_layers(tmp_path / "d").empty


@pytest.mark.parametrize(
    "wrong",
    [
        {"layers_writers": 0},
        {"layers_authentic_share": 1.5},
        {"layers_only_sources": -1},
        {"layers_window": 100},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        settings(**wrong)
