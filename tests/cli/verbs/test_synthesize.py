import hashlib
import json

import pytest
import torch
from omegaconf import OmegaConf
from tests.helpers import textured_photo
from tests.inpainting.autoencoders.test_family import TINY as TINY_FAMILY
from tests.inpainting.tiny import TINY, TINY_PIXELS

from falseflaw.cli.main import main
from falseflaw.damage.prompts import all_prompts
from falseflaw.dataset.manifest import read_manifest
from falseflaw.imaging import codec
from falseflaw.inpainting.autoencoders.networks import build_member
from falseflaw.inpainting.latent.networks import build_pipeline
from falseflaw.inpainting.pixel.networks import build_pixel_pipeline
from falseflaw.paths import config_dir
from falseflaw.photos.studio.source import StudioPhotos
from falseflaw.seeding import derive_rng
from falseflaw.types import INPAINTED, MATCHED, Edit


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    """A pipeline of the bundled one's classes, tiny and untrained."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("inpainter")
    build_pipeline(TINY, all_prompts()).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def pixels(tmp_path_factory):
    """A pixel generator, tiny and untrained, for squares of 16 pixels."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("pixels")
    build_pixel_pipeline(TINY_PIXELS).save_pretrained(folder)
    return folder


RECIPES = {
    name: OmegaConf.load(config_dir() / f"recipe/autoencoder/{name}.yaml")
    for name in OmegaConf.load(config_dir() / "autoencoders/bundled.yaml").members
}
MEMBERS = {name: recipe.architecture for name, recipe in RECIPES.items()}
RESERVED = {name for name, recipe in RECIPES.items() if recipe.reserved}


@pytest.fixture(scope="module")
def autoencoders(tmp_path_factory):
    """A family of the shipped members' names, tiny and untrained; some are reserved."""
    torch.manual_seed(1)  # none is the autoencoder of `pipeline`
    folder = tmp_path_factory.mktemp("autoencoders")
    for name, architecture in MEMBERS.items():
        build_member(architecture, TINY_FAMILY[architecture]).save_pretrained(folder / name)
        recipe = {"architecture": architecture, "reserved": name in RESERVED}
        record = {"photo_set": "elsewhere", "contributors": [], "recipe": recipe}
        (folder / name / "training.json").write_text(json.dumps(record))
    return folder


@pytest.fixture(scope="module", autouse=True)
def _family(autoencoders):
    """Every build here takes it."""
    FAMILY[:] = [f"autoencoders.folder={autoencoders}"]


FAMILY = []


def call(output, pipeline, *overrides):
    return main(
        [
            "synthesize",
            "photos.count=16",
            "photos.width=128",
            "photos.height=160",
            "synthesis=tiny",
            f"inpainter.path={pipeline}",
            "inpainter.steps=2",
            f"output={output}",
            f"cache={output.parent / 'cache'}",
            "progress=false",
            *FAMILY,
            *overrides,
        ]
    )


def only_line(error):
    """The error's one line, below what libraries say while they load."""
    lines = error.strip().splitlines()
    assert [line for line in lines if line.startswith("falseflaw synthesize: ")] == lines[-1:]
    assert "Traceback" not in error
    return lines[-1]


def digests(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.slow
def test_builds_a_dataset_and_builds_it_again_alike(tmp_path, pipeline, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = tmp_path / "first", tmp_path / "second one"
    assert call(first, pipeline, "limit_sources=5") == 0
    out = capsys.readouterr().out
    assert f"{5 * len(MATCHED)} images of 5 sources" in out
    assert "seconds a source: load " in out
    rows = read_manifest(first)
    inpainted = rows["edit"].isin(list(map(str, INPAINTED)))
    assert set(rows.loc[inpainted, "generator"]) == {"latent"}
    assert set(rows["photo_set"]) == {"studio"}
    assert set(rows.loc[inpainted, "steps"]) == {2}
    assert call(second, pipeline, "limit_sources=5") == 0
    assert digests(first) == digests(second)
    assert "falseflaw synthesize photos.count=16" in (first / "DATASHEET.md").read_text()
    assert call(first, pipeline, "limit_sources=5") == 0
    assert "5 of them there before" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} <= {"first", "second one", "cache"}, "wrote elsewhere"


@pytest.mark.slow
def test_it_packs_and_says_how_to_pack_what_stands(tmp_path, pipeline, capsys):
    pytest.importorskip("litdata")
    packed = ("limit_sources=3", "audit=false", "synthesis.layers=true", "pack=true")
    assert call(tmp_path / "d", pipeline, *packed) == 0
    assert "falseflaw shard" not in capsys.readouterr().out
    assert not (tmp_path / "d/layers").exists()
    assert (tmp_path / "d/shards/index.json").is_file()
    assert call(tmp_path / "plain", pipeline, *packed[:2]) == 0
    capsys.readouterr()
    assert call(tmp_path / "plain", pipeline, *packed[:2], "pack=true") == 0
    assert f"to pack it: falseflaw shard dataset={tmp_path / 'plain'}" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("group", "option"),
    [
        (group, path.stem)
        for group in ("synthesis", "camera", "damage", "product_mask", "split")
        for path in sorted((config_dir() / group).glob("*.yaml"))
    ],
)
def test_every_option_of_every_group_builds(tmp_path, pipeline, group, option):
    size = ["photos.width=240", "photos.height=320"]
    assert call(tmp_path / "d", pipeline, *size, f"{group}={option}", "limit_sources=2") == 0
    # So small a photo may have no room for a crop of native size; its source is then skipped as a whole.
    rows = len(read_manifest(tmp_path / "d"))
    assert rows == 2 * len(MATCHED) or (rows == len(MATCHED) and option.startswith("native"))


@pytest.mark.slow
def test_inpainted_pixels_are_in_the_region_only(tmp_path, pipeline):
    """The untrained network writes noise, which no JPEG table hides."""
    assert call(tmp_path / "d", pipeline, "limit_sources=3") == 0
    for _, members in read_manifest(tmp_path / "d").set_index("edit").groupby("source_id"):
        image = {
            edit: codec.decode(tmp_path / "d" / members.loc[edit, "path"]).astype(int) for edit in MATCHED
        }
        region = codec.read_mask(tmp_path / "d" / members["region_path"].iloc[0])
        change = abs(image[Edit.SPLICED] - image[Edit.AUTHENTIC]).mean(axis=-1)
        assert change[region].mean() > 5 * change[~region].mean()
        everywhere = abs(image[Edit.REGENERATED] - image[Edit.AUTHENTIC]).mean(axis=-1)
        assert everywhere[~region].mean() > 5


@pytest.mark.slow
def test_the_pixel_generator_builds_a_dataset_and_builds_it_again_alike(tmp_path, pixels):
    """Its whole square is regenerated where the crop was not resized; nothing outside of it changes."""
    first, second = tmp_path / "first", tmp_path / "second"
    for output in (first, second):
        assert call(output, pixels, "inpainter=pixel", "synthesis.resized_share=0.5", "limit_sources=6") == 0
    assert digests(first) == digests(second)
    rows = read_manifest(first)
    assert len(rows) == 6 * len(MATCHED)
    assert set(rows.loc[rows["edit"] == Edit.SPLICED, "generator"]) == {"pixel"}
    assert rows["crop_scale"].nunique() > 1
    for _, members in rows.set_index("edit").groupby("source_id"):
        image = {edit: codec.decode(first / members.loc[edit, "path"]).astype(int) for edit in MATCHED}
        region = codec.read_mask(first / members["region_path"].iloc[0])
        spliced, regenerated = (
            abs(image[edit] - image[Edit.AUTHENTIC]).mean(axis=-1)
            for edit in (Edit.SPLICED, Edit.REGENERATED)
        )
        assert spliced[region].mean() > 5 * spliced[~region].mean()
        if members["crop_scale"].max() == 1:
            assert regenerated[~region].mean() > spliced[~region].mean()
        else:
            assert (image[Edit.REGENERATED] == image[Edit.SPLICED]).all()


@pytest.mark.slow
def test_two_generators_and_the_family_share_the_sources_out(tmp_path, pipeline, pixels):
    given = (
        "inpainter=latent_and_pixel",
        f"inpainter.inpainters.latent.path={pipeline}",
        "inpainter.inpainters.latent.steps=2",
        f"inpainter.inpainters.pixel.path={pixels}",
        "inpainter.inpainters.pixel.steps=1",
        "photos.count=16",
        "photos.width=128",
        "photos.height=160",
        "synthesis=tiny",
        "progress=false",
        f"cache={tmp_path / 'cache'}",
        *FAMILY,
    )
    first, second = tmp_path / "first", tmp_path / "second"
    for output in (first, second):
        assert main(["synthesize", *given, f"output={output}"]) == 0
    assert digests(first) == digests(second)
    rows = read_manifest(first)
    fakes = rows[rows["edit"].isin([*map(str, INPAINTED), str(Edit.REFILLED)])]
    assert set(zip(fakes["generator"], fakes["steps"], strict=True)) == {("latent", 2), ("pixel", 1)}
    assert set(fakes.groupby("source_id")["generator"].nunique()) == {1}
    passed = rows[rows["edit"] == Edit.AUTOENCODED]
    trained = set(MEMBERS) - RESERVED
    assert set(passed["generator"]) <= {*MEMBERS, *(f"{name}_perturbed" for name in trained)}
    assert passed["generator"].nunique() > 1
    assert set(passed.loc[passed["generator"].isin(RESERVED), "fold"]) <= {"test"}
    recorded = (first / "config.yaml").read_text()
    assert str(pipeline) not in recorded  # weights are known by their digest, wherever they lie
    assert str(pixels) not in recorded


def test_weights_of_another_generator_are_named_in_one_line(tmp_path, pipeline, pixels, capsys):
    assert call(tmp_path / "d", pipeline, "inpainter=pixel") == 1
    assert "a pipeline of another kind" in only_line(capsys.readouterr().err)
    assert call(tmp_path / "d", tmp_path / "nowhere", "inpainter=pixel") == 1
    assert "expected weights at" in only_line(capsys.readouterr().err)


@pytest.mark.slow
def test_a_dataset_of_other_weights_is_refused(tmp_path, pipeline, capsys):
    output = tmp_path / "d"
    other = tmp_path / "other"
    other.mkdir()
    for path in pipeline.rglob("*"):
        if path.is_file():
            target = other / path.relative_to(pipeline)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    assert call(output, other, "limit_sources=2") == 0
    (other / "MODEL_CARD.md").write_text("prose changes no pixel")
    assert call(output, other, "limit_sources=2") == 0
    path = other / "scheduler/scheduler_config.json"
    path.write_text(path.read_text() + "\n")
    assert call(output, other, "limit_sources=2") == 2
    assert "another configuration (weights.latent: " in only_line(capsys.readouterr().err)


@pytest.mark.slow
def test_an_inpainter_that_learnt_from_the_sources_is_refused(tmp_path, pipeline, capsys):
    everyone = sorted({photo.contributor for photo in StudioPhotos(16, 128, 160, 0).photos()})
    listed = ", ".join(f'"{name}"' for name in everyone)
    record = pipeline / "training.json"
    try:
        record.write_text(f'{{"photo_set": "studio", "contributors": [{listed}]}}')
        assert call(tmp_path / "d", pipeline, "limit_sources=2") == 1
        assert "learnt from" in capsys.readouterr().err
        record.write_text(f'{{"photo_set": "clothing", "contributors": [{listed}]}}')
        assert call(tmp_path / "d", pipeline, "limit_sources=2") == 0
        record.write_text("{}")
        assert call(tmp_path / "e", pipeline, "limit_sources=2") == 1
        assert "training.json" in capsys.readouterr().err
    finally:
        record.unlink()


@pytest.mark.slow
def test_own_photos_without_masks(tmp_path, pipeline, capsys):
    photos = tmp_path / "photos"
    for index in range(6):
        data = codec.encode_jpeg(textured_photo(derive_rng("own", index), 120, 100), 92)
        codec.write_atomic(photos / f"person{index}" / "shirt.jpg", data)
    codec.write_atomic(photos / "person0" / "broken.jpg", b"\xff\xd8 nothing")
    code = main(
        [
            "synthesize",
            "photos=folder",
            f"photos.folder={photos}",
            "synthesis=tiny",
            "product_mask=classical",
            "synthesis.anywhere_share=0",  # at the edge of so small a photo there may be no crop
            f"inpainter.path={pipeline}",
            "inpainter.steps=1",
            f"output={tmp_path / 'd'}",
            f"cache={tmp_path / 'cache'}",
            *FAMILY,
            "split.fractions={train: 0.5, val: 0.2, test: 0.3, inpainter: 0}",
            "progress=false",
        ]
    )
    captured = capsys.readouterr()
    assert code == 0, captured.err
    assert f"{6 * len(MATCHED)} images of 6 sources, 1 sources skipped" in captured.out


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("folds=[inpainter]", "the inpainter has seen its own fold"),
        ("synthesis.batch_size=0", "expected batch_size >= 1"),
        ("synthesis.crop_sizes=[33]", "multiples of"),
        ("synthesis.crop_size=[32]", "crop_size"),
        ("camera.scale=[0.5,2]", "camera scale"),
        ("inpainter.path=nowhere", "expected weights at nowhere"),
        ("limit=3", "limit"),
        ("photos=polaroids", "polaroids"),
        ("device=cuda:99", "set device=cpu"),
        ("device=abacus", "expected device such as cpu or cuda, got 'abacus'"),
    ],
)
def test_mistakes_are_one_line(tmp_path, pipeline, capsys, override, message):
    assert call(tmp_path / "d", pipeline, override) in {1, 2}
    error = only_line(capsys.readouterr().err)
    assert message in error
    assert not list((tmp_path / "d").rglob("*.jpg"))


def test_help_names_groups_and_keys(capsys):
    assert main(["synthesize", "--help"]) == 0
    out = capsys.readouterr().out
    for word in ("photos", "camera", "inpainter", "synthesis", "limit_sources: null  # number of sources"):
        assert word in out
