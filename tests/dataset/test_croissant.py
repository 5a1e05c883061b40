import hashlib
import json
import re

import pandas as pd
import pytest
from tests.helpers import make_dataset

from falseflaw.dataset.croissant import write_croissant
from falseflaw.dataset.layers import LAYER_SCHEMA, LAYERS_NAME, LayerRow, write_layers
from falseflaw.dataset.manifest import MANIFEST_NAME, SCHEMA, read_manifest
from falseflaw.imaging.codec import encode_png
from falseflaw.types import Fold

CONFIG = {"config_hash": "0123456789abcdef", "falseflaw": "0.1.0"}


def layer(path, **changes):
    values = {
        **{"path": path, "sha256": "0" * 64, "photo_set": "tiny", "product": "shirt", "fold": Fold.TRAIN},
        **dict.fromkeys(("source_id", "group", "contributor"), "far/000"),
        **{"window": 0, "base": "authentic", "content": "photo"},
        **dict.fromkeys(("top", "left", "window_top", "window_left"), 0),
        **dict.fromkeys(("height", "window_height", "photo_height"), 40),
        **dict.fromkeys(("width", "window_width", "photo_width"), 50),
    }
    return LayerRow(**values | changes).columns()


@pytest.fixture
def dataset(tmp_path):
    return make_dataset(tmp_path / "dataset", sources=4)


def describe(dataset, layers=None, packed=False):
    rows = read_manifest(dataset)
    layers = pd.DataFrame(layers or [], columns=LAYER_SCHEMA.names)
    if len(layers):
        write_layers(layers, rows, dataset)
    write_croissant(dataset, rows, layers, CONFIG, (dataset / MANIFEST_NAME).read_bytes(), packed)
    return json.loads((dataset / "croissant.json").read_text(encoding="utf-8"))


LAYERS = [layer("layers/a.webp"), layer("layers/b.webp", content="rewritten", writer="twin")]


def test_it_tells_files_columns_and_counts_of_the_dataset(dataset):
    told = describe(dataset, LAYERS)
    files = {entry["@id"]: entry for entry in told["distribution"]}
    for name in (MANIFEST_NAME, LAYERS_NAME):
        assert files[name]["sha256"] == hashlib.sha256((dataset / name).read_bytes()).hexdigest()
    sets = {entry["@id"]: [column["name"] for column in entry["field"]] for entry in told["recordSet"]}
    assert sets == {"manifest": SCHEMA.names, "layers": LAYER_SCHEMA.names}
    assert re.search(r"52 images and 2 layers of 5 sources", told["description"])
    assert told["license"] == ["tiny: that of the photos' owner"]
    images = files["image-files"]["includes"]
    assert {path.relative_to(dataset).as_posix() for path in dataset.glob(images)} == set(
        read_manifest(dataset)["path"]
    )


def test_without_layers_nothing_speaks_of_them(dataset):
    told = describe(dataset)
    assert {entry["@id"] for entry in told["distribution"]} == {MANIFEST_NAME, "image-files", "mask-files"}
    assert [entry["@id"] for entry in told["recordSet"]] == ["manifest"]


def test_the_same_layers_in_another_order_give_the_same_bytes(dataset):
    describe(dataset, LAYERS)
    before = (dataset / "croissant.json").read_bytes()
    describe(dataset, LAYERS[::-1])
    assert (dataset / "croissant.json").read_bytes() == before


@pytest.mark.parametrize(("layers", "packed"), [([], False), (LAYERS, False), (LAYERS, True)])
def test_the_tools_of_the_format_take_it_and_read_the_rows(dataset, layers, packed, caplog):
    mlcroissant = pytest.importorskip("mlcroissant")
    (dataset / "layers").mkdir()
    (dataset / "layers" / "a.png").write_bytes(encode_png(pd.DataFrame([[True]]).to_numpy()))
    describe(dataset, layers, packed)
    found = mlcroissant.Dataset(jsonld=dataset / "croissant.json")  # raises where it is not valid
    assert not found.metadata.ctx.issues.errors
    assert "not standard" not in caplog.text
    rows = read_manifest(dataset).to_dict("records")
    records = list(found.records("manifest"))
    assert len(records) == len(rows)
    for record, row in zip(records, rows, strict=True):
        assert record["manifest/path"].decode() == row["path"]
        assert record["manifest/label"] == row["label"]
        assert record["manifest/fold"].decode() == row["fold"]
    if layers:
        assert [record["layers/window"] for record in found.records("layers")] == [0, 0]
