import contextlib
import errno
import hashlib
import io
import json
import signal
import subprocess
import sys
import textwrap
from dataclasses import astuple, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pil
from tests.synthesis.builders import (
    NETWORKS,
    SIZE,
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

from falseflaw.damage.prompts import CLEAN_PROMPT
from falseflaw.dataset import folder as folder_module
from falseflaw.dataset import upload as upload_module
from falseflaw.dataset.manifest import read_manifest
from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.imaging import codec
from falseflaw.imaging.local_edits import NAMES
from falseflaw.machine import StageTimer
from falseflaw.photos.product.masks import ProductMasks
from falseflaw.photos.source import Photo
from falseflaw.synthesis.batch import Batch, BatchMaker
from falseflaw.synthesis.build import synthesize
from falseflaw.synthesis.members import assemble
from falseflaw.synthesis.plan import Networks, make_plan
from falseflaw.synthesis.prepare import SetMaker
from falseflaw.types import HAND_EDITED, INPAINTED, MATCHED, POSITIVES, ROUND_TRIPS, Edit, Fold, Placement


def digests(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    path = tmp_path_factory.mktemp("datasets") / "fake"
    report = build(path)
    return path, report


def prepared_sets(count=16, skip=False, **changes):
    source = FakePhotos(count)
    options = settings(**changes)
    plans = make_plan(source.photos(), folds_of(source), cameras(), options, NETWORKS)
    maker = SetMaker(source, ProductMasks(source, product, None), engine(), options, 16, 4)
    sets = []
    for plan in plans:
        with contextlib.suppress(*([InvalidDataError] if skip else [])):
            sets.append(maker.prepare(plan, StageTimer()))
    return sets


def members_of(sets):
    """The members of prepared sets as the build makes them of the stand-ins' pixels."""
    maker = BatchMaker(None, writers(), None, None, StageTimer())
    batch = maker.write(Batch(0, list(sets), [], []))
    return [assemble(entry, outputs) for entry, outputs in zip(batch.prepared, batch.outputs, strict=True)]


def test_every_source_is_a_whole_matched_set(built):
    path, report = built
    rows = read_manifest(path)
    assert (report.sources, report.images, report.skipped) == (8, 8 * len(MATCHED), [])
    assert set(rows.groupby("source_id")["edit"].agg(frozenset)) == {frozenset(map(str, MATCHED))}
    assert set(rows["fold"]) == {Fold.TRAIN, Fold.VAL, Fold.TEST}
    assert rows["config_hash"].nunique() == 1
    flawless = (Edit.AUTHENTIC, Edit.NULL_EDIT, Edit.REFILLED, Edit.ROUND_TRIP_AUTHENTIC)
    assert ((rows["damage_kind"] == "") == rows["edit"].isin(flawless)).all()
    asked = rows["edit"].isin([*INPAINTED, Edit.REFILLED])
    assert set(rows.loc[asked, "generator"]) == {"fake-inpainter"}
    assert set(rows.loc[asked, "steps"]) == {7}
    assert set(rows.loc[asked, "guidance"]) == {2.5}
    assert set(rows.loc[~asked, "steps"]) == {0}
    edited = rows["edit"] == Edit.LOCAL_EDIT
    assert ((rows["prompt"] != "") == asked | edited).all()
    named = {name for prompt in rows.loc[edited, "prompt"] for name in prompt.split("+")}
    assert named <= {*NAMES, "grain"}
    refilled = rows["edit"] == Edit.REFILLED
    assert set(rows.loc[refilled, "prompt"]) == {CLEAN_PROMPT}
    assert CLEAN_PROMPT not in set(rows.loc[~refilled, "prompt"])
    passed = rows["edit"].isin([Edit.AUTOENCODED, *ROUND_TRIPS])
    assert set(rows.loc[passed, "generator"]) <= set(FakeAutoencoders().names)
    assert set(rows[passed].groupby("source_id")["generator"].nunique()) == {1}
    assert set(rows.loc[~asked & ~passed, "generator"]) == {""}


def test_a_reserved_autoencoder_is_of_no_training_set(tmp_path):
    build(tmp_path / "d", FakePhotos(40))
    rows = read_manifest(tmp_path / "d")
    assert set(rows.loc[rows["generator"] == "kept-twin", "fold"]) == {Fold.TEST}


def test_files_are_what_the_manifest_says(built):
    path, _ = built
    rows = read_manifest(path)
    for row in rows.itertuples():
        data = (path / row.path).read_bytes()
        assert hashlib.sha256(data).hexdigest() == row.sha256
        with Pil.open(io.BytesIO(data)) as opened:
            assert opened.format == "JPEG"
            assert opened.size == (row.width, row.height)
            assert not opened.getexif()
            assert set(opened.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        region = codec.read_mask(path / row.region_path)
        assert region.shape == (row.height, row.width)
        altered = Edit(row.edit) in POSITIVES | HAND_EDITED
        assert row.mask_path == (row.region_path if altered else "")
        assert row.mask_area == pytest.approx(region.mean() if altered else 0)
    listed = {*rows["path"], *rows["region_path"]}
    extra = {"manifest.parquet", "DATASHEET.md", "croissant.json", "contact_sheet.png", "config.yaml"}
    assert set(digests(path)) == listed | extra


def test_members_share_their_quantization_tables(built):
    """The container must not tell the classes apart."""
    path, _ = built
    for _, members in read_manifest(path).groupby("source_id"):
        tables = set()
        for name in members["path"]:
            with Pil.open(path / name) as opened:
                tables.add((str(opened.quantization), str(opened.layer)))
        assert len(tables) == 1


def test_altered_members_differ_from_what_they_were_made_of_inside_the_region_only():
    seen, changed = set(), 0
    sets = prepared_sets()
    for prepared, members in zip(sets, members_of(sets), strict=True):
        assert tuple(members) == MATCHED
        authentic, damaged, region = members[Edit.AUTHENTIC], members[Edit.SIMULATED_DAMAGE], prepared.region
        of_authentic = {Edit.NULL_EDIT, Edit.SPLICED, Edit.FEATHERED, Edit.REFILLED} | HAND_EDITED
        for edit in of_authentic:
            assert np.array_equal(members[edit][~region], authentic[~region]), edit
        for edit in (Edit.AUTOENCODED, Edit.LOCAL_EDIT):
            assert np.array_equal(members[edit][~region], damaged[~region]), edit
        changed += not np.array_equal(members[Edit.LOCAL_EDIT], damaged)
        for edit in of_authentic - {Edit.NULL_EDIT, *HAND_EDITED}:
            assert (members[edit][region] != authentic[region]).any(axis=-1).mean() > 0.8, edit
        for edit in HAND_EDITED:
            assert (members[edit][region] != authentic[region]).any(), edit
        assert not np.array_equal(members[Edit.SPLICED], members[Edit.REFILLED])
        assert not np.array_equal(members[Edit.SPLICED], members[Edit.FEATHERED])
        resized = prepared.plan.crop_scale != 1
        seen.add(resized)
        assert np.array_equal(members[Edit.NULL_EDIT], authentic) != resized
        darker = 4 * (1 + FakeAutoencoders().names.index(prepared.plan.autoencoder))
        for edit, photo in ((Edit.ROUND_TRIP_AUTHENTIC, authentic), (Edit.ROUND_TRIP_DAMAGED, damaged)):
            assert np.array_equal(members[edit], np.clip(photo.astype(int) - darker, 0, 255))
        if not resized:  # the flaw's pixels are the sample's, and the flaw stays in the autoencoded region
            sample = np.random.default_rng(prepared.plan.sampling_seed).integers(0, 256, prepared.crop.shape)
            assert np.array_equal(members[Edit.SPLICED][region], sample[prepared.crop_region])
            clean = np.random.default_rng(prepared.plan.refill_seed).integers(0, 256, prepared.crop.shape)
            assert np.array_equal(members[Edit.REFILLED][region], clean[prepared.crop_region])
            expected = np.clip(damaged.astype(int) - darker, 0, 255)
            assert np.array_equal(members[Edit.AUTOENCODED][region], expected[region])
    assert seen == {True, False}
    assert changed > len(sets) / 2  # a median may leave a flat place as it is


def test_a_network_that_returns_another_size_is_named():
    prepared = prepared_sets(2)[0]
    with pytest.raises(InvalidDataError, match="expected a crop of"):
        prepared.write(prepared.authentic, prepared.crop[1:])
    maker = BatchMaker(None, writers(), None, None, StageTimer())
    (outputs,) = maker.write(Batch(0, [prepared], [], [])).outputs
    with pytest.raises(InvalidDataError, match="as round_trip_authentic, got"):
        assemble(prepared, replace(outputs, round_trip_authentic=prepared.authentic[1:]))


def test_no_member_is_resized_outside_the_region(tmp_path):
    """Resizing is no alteration: a whole photo that was resized would give the positives away."""
    build(tmp_path / "d", settings={"resized_share": 1.0})
    rows = read_manifest(tmp_path / "d")
    assert (rows["crop_scale"] > 1).all()
    for _, members in rows.groupby("source_id"):
        pixels = {
            row.edit: codec.decode(tmp_path / "d" / row.path).astype(int) for row in members.itertuples()
        }
        region = codec.read_mask(tmp_path / "d" / members["region_path"].iloc[0])
        far = cv2.dilate(region.astype(np.uint8), np.ones((33, 33))) == 0  # JPEG blocks and chroma apart
        for edit in set(MATCHED) - {Edit.REGENERATED, *ROUND_TRIPS}:
            assert np.array_equal(pixels[edit][far], pixels[Edit.AUTHENTIC][far])
        # the stand-in's autoencoder adds 3 levels to every pixel, and nothing else happened to the photo
        change = pixels[Edit.REGENERATED][far] - pixels[Edit.AUTHENTIC][far]
        assert np.median(change) == 3
        assert change.std() < 2.5


def test_simulated_damage_lies_inside_the_region():
    for prepared in prepared_sets():
        assert prepared.flaw.any()
        assert prepared.region[prepared.flaw].all()
        change = np.abs(prepared.damaged.astype(int) - prepared.authentic).max(axis=-1)
        assert change[prepared.flaw].mean() > 4 * change[~prepared.region].mean()


def test_a_flaw_may_lie_off_the_product_only_where_the_plan_says_so():
    """The product is all but a frame of the photo here."""
    inner = product(SIZE)

    def reach(share):
        """Largest share of a flaw that lies off the product, of those that a crop can be had for."""
        offside = []
        for entry in prepared_sets(40, skip=True, anywhere_share=share, resized_share=0.0):
            assert entry.plan.placement is (Placement.ANYWHERE if share else Placement.PRODUCT)
            height, width = entry.flaw.shape
            away = cv2.resize(inner.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) == 0
            offside.append((entry.flaw & away).sum() / entry.flaw.sum())
        return max(offside)

    assert reach(0.0) < 0.1  # the camera blurs the flaw's edge
    assert reach(1.0) > 0.3


def test_crops_hold_the_region_on_the_grid():
    for prepared in prepared_sets(24):
        box = prepared.box
        assert prepared.crop_region.sum() == prepared.canvas_region.sum()
        assert box.height % 16 == box.width % 16 == box.top % 4 == box.left % 4 == 0
        assert prepared.crop.shape == (box.height, box.width, 3)
        assert prepared.crop_size == round(box.height * prepared.plan.crop_scale)


def test_one_sampling_per_crop_size_with_the_planned_seeds(tmp_path):
    """Of every set the flaw and, behind all flaws, the clean material."""
    inpainter = FakeInpainter()
    build(tmp_path / "d", FakePhotos(20), inpainter, settings={"batch_size": 4})
    rows = read_manifest(tmp_path / "d").query("edit == 'inpainted_spliced'")
    by_seed = rows.set_index("seed")
    flawed, clean = [], []
    for crops, masks, prompts, seeds in inpainter.calls:
        count = len(seeds) // 2
        assert count <= 4
        assert np.array_equal(crops[:count], crops[count:])
        assert np.array_equal(masks[:count], masks[count:])
        assert prompts[count:] == [CLEAN_PROMPT] * count
        ours = seeds[:count]
        assert by_seed.loc[ours, "batch"].nunique() == 1
        assert list(by_seed.loc[ours, "prompt"]) == prompts[:count]
        sides = by_seed.loc[ours, "crop_size"] / by_seed.loc[ours, "crop_scale"]
        assert set(sides.round()) == {crops.shape[1]}
        flawed += ours
        clean += seeds[count:]
    assert sorted(flawed) == sorted(rows["seed"])
    assert len({*flawed, *clean}) == 2 * len(rows)


def test_each_set_is_written_by_the_generator_of_its_plan_whoever_else_is_there(tmp_path):
    """One fills with its seed's noise; so the pixels of two tell which of them was asked with which seed."""
    one, other = FakeInpainter("one"), FakeInpainter("other", steps=3, guidance=1.0)
    networks = Networks(("one", "other"), NETWORKS.autoencoders)
    source = FakePhotos(20)
    output = tmp_path / "d"
    synthesize(
        source,
        folds_of(source),
        cameras(),
        engine(),
        None,
        networks,
        lambda: writers(one, other),
        settings(batch_size=8),
        output,
        progress=False,
    )
    rows = read_manifest(output).query("edit == 'inpainted_spliced'")
    asked = {part.name: {seed for call in part.calls for seed in call[3]} for part in (one, other)}
    for name, steps, guidance in (("one", 7, 2.5), ("other", 3, 1.0)):
        mine = rows[rows["generator"] == name]
        assert len(mine) > 3
        assert set(mine["seed"]) <= asked[name]
        assert set(zip(mine["steps"], mine["guidance"], strict=True)) == {(steps, guidance)}
    assert not asked["one"] & asked["other"]


def test_networks_that_were_not_loaded_or_are_reserved_are_named(tmp_path):
    with pytest.raises(ConfigurationError, match="expected the network another, it was not loaded"):
        build(tmp_path / "a", networks=Networks(("another",), ("twin",)))
    with pytest.raises(ConfigurationError, match="kept-twin is reserved for tests"):
        build(tmp_path / "b", networks=Networks(("fake-inpainter",), ("twin", "kept-twin")))
    assert not list(tmp_path.rglob("*.jpg"))


def test_same_configuration_same_bytes(built, tmp_path):
    build(tmp_path / "again")
    assert digests(tmp_path / "again") == digests(built[0])


def test_another_seed_gives_other_images(built, tmp_path):
    build(tmp_path / "other", settings={"seed": 1})
    first, other = read_manifest(built[0]), read_manifest(tmp_path / "other")
    assert not set(first["sha256"]) & set(other["sha256"])


def test_goes_on_where_an_error_stopped_it(built, tmp_path):
    output = tmp_path / "d"
    with pytest.raises(RuntimeError, match="power"):
        build(output, inpainter=FakeInpainter(fails_at=3))
    assert not (output / "manifest.parquet").exists()
    finished = len(list((output / "parts").iterdir()))
    assert finished >= 1
    inpainter = FakeInpainter()
    report = build(output, inpainter=inpainter)
    assert report.built == 8 - 2 * finished
    assert sum(len(call[3]) for call in inpainter.calls) == 2 * report.built  # a flaw and clean material
    assert digests(output) == digests(built[0])


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["images/fake__004", "masks/fake__007", "parts/batch-00002", "manifest"])
def test_goes_on_after_kill_9(built, tmp_path, victim):
    """Killed with the file written under another name, just before it takes its place."""
    output = tmp_path / "d"
    script = textwrap.dedent(
        f"""
        import os, signal, sys
        from pathlib import Path
        sys.path[:0] = {[str(Path(__file__).parents[2])]!r}
        replace = Path.replace
        def kill(self, target):
            if Path(target).relative_to({str(output)!r}).as_posix().startswith({victim!r}):
                os.kill(os.getpid(), signal.SIGKILL)
            return replace(self, target)
        Path.replace = kill
        from tests.synthesis.builders import build
        build(Path({str(output)!r}))
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert list(output.rglob(".*.partial"))
    build(output)
    assert digests(output) == digests(built[0])


def test_a_torn_part_or_a_lost_image_is_built_again(built, tmp_path):
    output = tmp_path / "d"
    with pytest.raises(RuntimeError):
        build(output, inpainter=FakeInpainter(fails_at=4))
    parts = sorted((output / "parts").iterdir())
    parts[0].write_bytes(parts[0].read_bytes()[:100])
    next((output / "images").glob("fake__003*")).unlink()
    build(output)
    assert digests(output) == digests(built[0])


def test_a_finished_dataset_is_left_alone(built, tmp_path):
    output = tmp_path / "d"
    build(output)
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    inpainter = FakeInpainter()
    report = build(output, inpainter=inpainter)
    assert (report.sources, report.built, inpainter.calls) == (8, 0, [])
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*")} == before


def test_another_configuration_is_refused_and_named(tmp_path):
    output = tmp_path / "d"
    build(output, config={"damage": {"area_max": 0.1}})
    with pytest.raises(ConfigurationError, match=r"damage.area_max: 0.1 then, 0.2 now") as caught:
        build(output, config={"damage": {"area_max": 0.2}})
    assert "\n" not in str(caught.value)
    assert "overwrite=true" in str(caught.value)
    with pytest.raises(
        ConfigurationError, match="another configuration"
    ):  # other sources under the same keys
        build(output, source=FakePhotos(12), config={"damage": {"area_max": 0.1}})
    (output / "notes.txt").write_text("mine")
    build(output, config={"damage": {"area_max": 0.2}}, overwrite=True)
    assert (output / "notes.txt").read_text() == "mine"
    assert "0.2" in (output / "config.yaml").read_text()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_run_folder_is_no_dataset(tmp_path, overwrite):
    """It has a config.yaml too."""
    (tmp_path / "config.yaml").write_text("trainer: {max_steps: 3}")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "mine.jpg").write_text("")
    with pytest.raises(ConfigurationError, match="expected an empty folder or a dataset"):
        build(tmp_path, overwrite=overwrite)
    assert (tmp_path / "images" / "mine.jpg").exists()
    assert "max_steps" in (tmp_path / "config.yaml").read_text()


@pytest.mark.parametrize("overwrite", [False, True])
def test_somebody_elses_folder_is_never_touched(tmp_path, overwrite):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ConfigurationError, match=r"thesis\.tex"):
        build(tmp_path, overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_output_that_cannot_be_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="expected a folder"):
        build(tmp_path / "file")
    with pytest.raises(ConfigurationError, match="cannot write the dataset"):
        build(tmp_path / "file" / "below")


def test_a_full_disk_is_one_line_and_no_loss(built, tmp_path, monkeypatch):
    output = tmp_path / "d"
    write, written = codec.write_atomic, []

    def full(path, data):
        if len(written) == 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(path)
        write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(upload_module, "write_atomic", full)
        patch.setattr(folder_module, "write_atomic", full)
        with pytest.raises(ConfigurationError, match="No space left on device") as caught:
            build(output)
    assert "\n" not in str(caught.value)
    build(output)
    assert digests(output) == digests(built[0])


def test_a_broken_photo_is_skipped_counted_and_harms_nobody(built, tmp_path):
    output = tmp_path / "d"
    report = build(output, FakePhotos(broken=["fake/004"]))
    assert [entry.source_id for entry in report.skipped] == ["fake/004"]
    sheet = (output / "DATASHEET.md").read_text()
    assert "Skipped sources: 1." in sheet
    assert "`fake/004`: cannot read fake/004: truncated" in sheet
    rows, whole = read_manifest(output), read_manifest(built[0])
    assert set(whole["source_id"]) - set(rows["source_id"]) == {"fake/004"}
    kept = whole[whole["source_id"] != "fake/004"]
    assert list(rows["sha256"]) == list(kept["sha256"])
    assert list(rows["batch"]) == list(kept["batch"])


def test_skips_survive_a_stop(tmp_path):
    output, source = tmp_path / "d", FakePhotos(broken=["fake/000", "fake/002"])
    with pytest.raises(RuntimeError):
        build(output, source, FakeInpainter(fails_at=2))
    report = build(output, source)
    assert [entry.source_id for entry in report.skipped] == ["fake/000", "fake/002"]
    assert "Skipped sources: 2." in (output / "DATASHEET.md").read_text()


def test_nothing_usable_is_one_line(tmp_path):
    source = FakePhotos(5, broken=[f"fake/{i:03d}" for i in range(5)])
    with pytest.raises(InvalidDataError, match="all 4 were skipped; fake/000: cannot read") as caught:
        build(tmp_path / "d", source)
    assert "\n" not in str(caught.value)


def test_photos_of_the_inpainter_are_not_even_read(tmp_path):
    class Spy(FakePhotos):
        loaded = ()

        def load(self, photo):
            self.loaded += (photo.photo_id,)
            return super().load(photo)

    source = Spy(10)
    build(tmp_path / "d", source)
    folds = folds_of(source)
    assert sorted(source.loaded) == [name for name, fold in folds.items() if fold != Fold.INPAINTER]


def test_names_that_no_member_can_bear_are_skipped(tmp_path):
    class Named(FakePhotos):
        names = ("fake/" + "a" * 250, "fake/caf\udce9", "fake/short")

        def photos(self):
            return [Photo(name, f"person-{i}", "shirt") for i, name in enumerate(sorted(self.names))]

    source = Named()
    folds = dict.fromkeys(source.names, Fold.TRAIN)
    report = build(tmp_path / "d", source, folds=folds)
    assert report.sources == 1
    assert sorted(reason.split(",")[0] for _, reason in map(astuple, report.skipped)) == [
        "expected a file name in UTF-8",
        "expected a path of at most 200 bytes below the folder",
    ]
    assert "fake/caf?" in (tmp_path / "d/DATASHEET.md").read_text()


def test_other_photos_of_the_same_names_are_another_dataset(tmp_path):
    class Files(FakePhotos):
        def __init__(self, name, content):
            super().__init__()
            self.folder = tmp_path / name
            self.folder.mkdir()
            for index, photo in enumerate(self.photos()):
                self.path(photo).write_bytes(f"{content} {index}".encode())

        def path(self, photo):
            return self.folder / photo.photo_id.replace("/", "-")

    assert build(tmp_path / "d", Files("one", "a")).built == 8
    assert build(tmp_path / "d", Files("moved", "a")).built == 0
    with pytest.raises(ConfigurationError, match=r"sources\.sha256"):
        build(tmp_path / "d", Files("two", "b"))


def test_a_build_stopped_while_it_began_goes_on(tmp_path, monkeypatch):
    real = Path.mkdir

    def full(self, *arguments, **options):
        if self.name == "images":
            raise OSError(errno.ENOSPC, "No space left on device")
        real(self, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(ConfigurationError, match="run the same command again"):
        build(tmp_path / "d")
    monkeypatch.undo()
    assert build(tmp_path / "d").built == 8


def test_product_masks_are_made_once(tmp_path):
    calls = []

    def masker(image):
        calls.append(image.shape)
        return product(image.shape[:2])

    source = FakePhotos(exact=False)
    cache = tmp_path / "masks"
    build(tmp_path / "a", source, masker=masker, mask_cache=cache)
    assert len(calls) == 8
    torn = next(cache.rglob("*.png"))
    torn.write_bytes(b"")
    build(tmp_path / "b", source, masker=masker, mask_cache=cache)
    assert len(calls) == 9
    assert codec.read_mask(torn).shape == SIZE
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_crop_sizes_must_suit_the_inpainter(tmp_path):
    with pytest.raises(ConfigurationError, match="multiples of 16, got 40"):
        build(tmp_path / "d", settings={"crop_sizes": (32, 40)}, config={"crop_sizes": [32, 40]})
    build(tmp_path / "d", config={"crop_sizes": [32]})  # nothing was built, so nothing stands in the way


def test_croissant_json_names_the_manifest_that_came_after_it(built):
    path, _ = built
    told = json.loads((path / "croissant.json").read_text())
    (table,) = [entry for entry in told["distribution"] if entry["@type"] == "cr:FileObject"]
    assert table["sha256"] == hashlib.sha256((path / "manifest.parquet").read_bytes()).hexdigest()
    assert told["rai:dataUseCases"] == ["Training and evaluation of detectors of AI-faked product damage."]


def test_datasheet_and_contact_sheet(built):
    path, _ = built
    sheet = (path / "DATASHEET.md").read_text()
    assert f"8 matched sets, {8 * len(MATCHED)} images" in sheet
    assert f"| train | 4 | 4 | {4 * len(MATCHED)} |" in sheet
    picture = codec.decode(path / "contact_sheet.png")
    assert picture.shape[1] > 5 * 200
    assert picture.std() > 20


def test_when_the_minutes_are_over_what_is_made_becomes_a_dataset_with_every_fold(tmp_path):
    source = FakePhotos(24)
    report = build(tmp_path / "cut", source, settings={"batch_size": 1}, minutes=1e-9)
    rows = read_manifest(tmp_path / "cut")
    made = rows.drop_duplicates("source_id")["fold"].value_counts()
    assert (made[[Fold.TRAIN, Fold.VAL, Fold.TEST]] >= 2).all()
    assert made.min() == 2
    assert 0 < report.sources < 20
    assert {entry.reason for entry in report.skipped} == {"the minutes of the build were over"}
    whole = build(tmp_path / "whole", source, settings={"batch_size": 1})
    assert report.sources + len(report.skipped) == whole.sources
    same = read_manifest(tmp_path / "whole")
    assert set(rows["sha256"]) < set(same["sha256"])
    again = build(tmp_path / "cut", source, settings={"batch_size": 1})
    assert (again.sources, again.built) == (report.sources, 0)
    with pytest.raises(ConfigurationError, match="expected minutes above 0"):
        build(tmp_path / "none", source, minutes=0)
