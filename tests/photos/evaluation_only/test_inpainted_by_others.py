from __future__ import annotations

import pytest
from tests.photos.layouts import photo, spot, write_pairs

from falseflaw.errors import InvalidDataError, MissingDataError, UnreadableImageError
from falseflaw.imaging import codec
from falseflaw.photos.evaluation_only.inpainted_by_others import InpaintedByOthers
from falseflaw.types import Edit, Fold


@pytest.fixture
def root(tmp_path):
    return write_pairs(tmp_path / "inpainted_by_others")


def test_pairs_share_a_source_and_originals_altered_twice_a_group(root):
    items = InpaintedByOthers(root).items()
    assert [item.photo.photo_id.split("/")[1] for item in items] == ["fill_1", "fill_2", "replace_a"]
    assert [item.photo.group.split("/")[1] for item in items] == ["fill_1", "fill_2", "fill_1"]
    assert {item.photo.fold for item in items} == {Fold.TEST}
    assert {item.photo.product for item in items} == {"object filled", "surroundings replaced"}
    assert all(list(item.files) == [Edit.AUTHENTIC, Edit.BY_OTHERS] for item in items)


def test_the_region_is_where_the_pair_differs(root):
    source = InpaintedByOthers(root)
    for item in source.items():
        pixels = source.read(item)
        truth = spot() ^ ("replace" in item.photo.photo_id)
        assert pixels.origin == "difference"
        assert (pixels.region == truth).mean() > 0.93


def test_what_is_no_pair_is_told(root):
    source = InpaintedByOthers(root)
    (root / "original/fill_1.jpeg").unlink()
    codec.write_atomic(root / "original/fill_2.jpeg", codec.encode_jpeg(photo(1)[:-8], 90))
    codec.write_atomic(root / "inpainted/replace_a.png", (root / "original/replace_a.jpeg").read_bytes())
    first, second, third = source.items()
    with pytest.raises(UnreadableImageError, match=r"fill_1 \(authentic\): No such file"):
        source.read(first)
    with pytest.raises(InvalidDataError, match="one size, got 96x64 and 96x72"):
        source.read(second)
    with pytest.raises(InvalidDataError, match=r"differ .* got the same twice"):
        source.read(third)


def test_missing_and_empty_folders_are_one_line(tmp_path):
    with pytest.raises(MissingDataError, match="the inpainted_by_others photos at"):
        InpaintedByOthers(tmp_path / "nowhere").items()
    with pytest.raises(MissingDataError, match=r"inpainted/fill_1\.png"):
        InpaintedByOthers(tmp_path).items()
