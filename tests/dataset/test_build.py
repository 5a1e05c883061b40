import errno
import hashlib
import io
import signal
import subprocess
import sys
import textwrap
from dataclasses import astuple
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pil
from tests.dataset.builders import (
    SIZE,
    FakeInpainter,
    FakePhotos,
    build,
    cameras,
    engine,
    folds_of,
    product,
    settings,
)

from falseflaw.dataset import folder as folder_module
from falseflaw.dataset import upload as upload_module
from falseflaw.dataset.manifest import read_manifest
from falseflaw.dataset.members import SetMaker, assemble, splice_sample
from falseflaw.dataset.plan import make_plan
from falseflaw.dataset.timing import StageTimer
from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.imaging import codec
from falseflaw.inpainting.product_masks import ProductMasks
from falseflaw.photos.source import Photo
from falseflaw.types import Edit, Fold


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


def prepared_sets(count=16, **changes):
    source = FakePhotos(count)
    options = settings(**changes)
    plans = make_plan(source.photos(), folds_of(source), cameras(), options)
    maker = SetMaker(source, ProductMasks(source, product, None), engine(), options, 16, 4)
    return [maker.prepare(plan, StageTimer()) for plan in plans]


def test_every_source_is_a_whole_matched_set(built):
    path, report = built
    rows = read_manifest(path)
    assert (report.sources, report.images, report.skipped) == (8, 40, [])
    assert set(rows.groupby("source_id")["edit"].agg(frozenset)) == {frozenset(map(str, Edit))}
    assert set(rows["fold"]) == {Fold.TRAIN, Fold.VAL, Fold.TEST}
    assert rows["config_hash"].nunique() == 1
    flawed = ~rows["edit"].isin([Edit.AUTHENTIC, Edit.NULL_EDIT])
    assert ((rows["damage_kind"] != "") == flawed).all()
    fakes = rows["label"] == 1
    assert set(rows.loc[fakes, "generator"]) == {"fake-inpainter"}
    assert set(rows.loc[~fakes, "generator"]) == {""}
    assert set(rows.loc[fakes, "steps"]) == {7}
    assert (rows.loc[fakes, "prompt"] != "").all()


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
        if row.label:
            assert row.mask_area == pytest.approx(region.mean())
    listed = {*rows["path"], *rows["region_path"]}
    extra = {"manifest.parquet", "DATASHEET.md", "contact_sheet.png", "config.yaml"}
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


def test_paste_changes_nothing_outside_the_region():
    seen = set()
    for prepared in prepared_sets():
        rng = np.random.default_rng(prepared.plan.seed)
        sample = rng.integers(0, 256, prepared.crop.shape).astype(np.uint8)
        members = assemble(prepared, splice_sample(prepared, sample), prepared.authentic)
        authentic, region = members[Edit.AUTHENTIC], prepared.region
        for edit in (Edit.SPLICED, Edit.NULL_EDIT):
            assert np.array_equal(members[edit][~region], authentic[~region])
        assert (members[Edit.SPLICED][region] != authentic[region]).any(axis=-1).mean() > 0.9
        resized = prepared.plan.crop_scale != 1
        seen.add(resized)
        assert np.array_equal(members[Edit.NULL_EDIT], authentic) != resized
        if not resized:
            assert np.array_equal(members[Edit.SPLICED][region], sample[prepared.crop_region])
    assert seen == {True, False}


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
        for edit in set(Edit) - {Edit.REGENERATED}:
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


def test_crops_hold_the_region_on_the_grid():
    for prepared in prepared_sets(24):
        box = prepared.box
        assert prepared.crop_region.sum() == prepared.canvas_region.sum()
        assert box.height % 16 == box.width % 16 == box.top % 4 == box.left % 4 == 0
        assert prepared.crop.shape == (box.height, box.width, 3)
        assert prepared.crop_size == round(box.height * prepared.plan.crop_scale)


def test_one_sampling_per_crop_size_with_the_planned_seeds(tmp_path):
    inpainter = FakeInpainter()
    build(tmp_path / "d", FakePhotos(20), inpainter, settings={"batch_size": 4})
    rows = read_manifest(tmp_path / "d").query("edit == 'inpainted_spliced'")
    sampled = [seed for call in inpainter.calls for seed in call[3]]
    assert sorted(sampled) == sorted(rows["seed"])
    by_seed = rows.set_index("seed")
    for crops, _, prompts, seeds in inpainter.calls:
        assert len(seeds) <= 4
        assert by_seed.loc[seeds, "batch"].nunique() == 1
        assert list(by_seed.loc[seeds, "prompt"]) == prompts
        sides = by_seed.loc[seeds, "crop_size"] / by_seed.loc[seeds, "crop_scale"]
        assert set(sides.round()) == {crops.shape[1]}


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
    assert sum(len(call[3]) for call in inpainter.calls) == report.built
    assert digests(output) == digests(built[0])


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
        from tests.dataset.builders import build
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


def test_datasheet_and_contact_sheet(built):
    path, _ = built
    sheet = (path / "DATASHEET.md").read_text()
    assert "8 matched sets, 40 images" in sheet
    assert "| train | 4 | 4 | 20 |" in sheet
    picture = codec.decode(path / "contact_sheet.png")
    assert picture.shape[1] > 5 * 200
    assert picture.std() > 20
