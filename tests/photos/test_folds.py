from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf
from PIL import Image as Pil
from tests.photos.scenes import scene

from falseflaw.errors import ConfigurationError, UnreadableImageError
from falseflaw.imaging import codec
from falseflaw.paths import config_dir
from falseflaw.photos import near_duplicates
from falseflaw.photos.folds import assign_folds
from falseflaw.photos.sets.folder import FolderPhotos
from falseflaw.photos.source import Photo
from falseflaw.types import Fold

FRACTIONS = {"inpainter": 0.3, "train": 0.4, "val": 0.1, "test": 0.2}


class ListedPhotos:
    """A source without files: photos that exist by name only."""

    name = "listed"

    def __init__(self, photos: list[Photo]) -> None:
        self._photos = photos

    def photos(self) -> list[Photo]:
        return self._photos

    def load(self, photo: Photo):
        raise UnreadableImageError("not a file")

    def product_mask(self, photo: Photo) -> None:
        return None


def _many(contributors: int = 900) -> list[Photo]:
    return [
        Photo(f"listed/{c:04d}-{i}", f"c{c}", "hat") for c in range(contributors) for i in range(1 + c % 3)
    ]


def test_contributor_lies_in_one_fold_and_fractions_hold():
    photos = _many()
    folds = assign_folds(ListedPhotos(photos), FRACTIONS, 3, None)
    of_contributor = {p.contributor: set() for p in photos}
    for photo in photos:
        of_contributor[photo.contributor].add(folds[photo.photo_id])
    assert all(len(found) == 1 for found in of_contributor.values())
    counts = Counter(next(iter(found)) for found in of_contributor.values())
    for name, share in FRACTIONS.items():
        assert counts[Fold(name)] / len(of_contributor) == pytest.approx(share, abs=0.05)


def test_removed_photos_move_nobody():
    photos = _many()
    whole = assign_folds(ListedPhotos(photos), FRACTIONS, 3, None)
    part = assign_folds(ListedPhotos(photos[::3]), FRACTIONS, 3, None)
    assert all(whole[photo_id] == fold for photo_id, fold in part.items())


def test_seed_moves_people_and_key_order_does_not():
    source = ListedPhotos(_many())
    one = assign_folds(source, FRACTIONS, 1, None)
    assert one == assign_folds(source, dict(reversed(FRACTIONS.items())), 1, None)
    assert one != assign_folds(source, FRACTIONS, 2, None)


def test_empty_fold_stays_empty():
    folds = assign_folds(ListedPhotos(_many()), {"train": 0.5, "test": 0.5}, 0, None)
    assert set(folds.values()) == {Fold.TRAIN, Fold.TEST}


@pytest.mark.parametrize(
    "fractions",
    [{"train": 0.5, "tset": 0.5}, {"train": 0.5}, {"train": 1.5, "val": -0.5}, {"train": np.nan}],
)
def test_impossible_fractions_are_refused(fractions):
    with pytest.raises(ConfigurationError, match="expected") as caught:
        assign_folds(ListedPhotos(_many(3)), fractions, 0, None)
    assert "\n" not in str(caught.value)


def _fold_of(folder: Path, cache: Path | None = None, seed: int = 0) -> dict[str, Fold]:
    return assign_folds(FolderPhotos(folder), FRACTIONS, seed, cache)


def test_recompressed_copy_of_another_contributor_shares_the_fold(write_photo, tmp_path):
    for index in range(24):
        write_photo(f"person-{index:02d}/a.jpg", scene(index))
    shrunk = np.asarray(Pil.fromarray(scene(5)).resize((90, 120), Pil.Resampling.LANCZOS))
    write_photo("zoe/copy.jpg", shrunk, quality=60)
    moved = 0
    for seed in range(12):  # whatever the seed says
        folds = _fold_of(tmp_path / "photos", seed=seed)
        assert folds["folder/zoe/copy.jpg"] == folds["folder/person-05/a.jpg"]
        moved += folds["folder/zoe/copy.jpg"] != folds["folder/person-06/a.jpg"]
    assert moved > 0


@pytest.mark.parametrize("progress", [True, False])
def test_many_photos_show_a_bar_unless_none_is_wanted(tmp_path, capsys, progress):
    small = Pil.fromarray(scene(0)).resize((8, 8))
    for index in range(200):
        small.save(tmp_path / f"{index:03d}.jpg")
    assign_folds(FolderPhotos(tmp_path), FRACTIONS, 0, None, progress)
    assert ("near-duplicates" in capsys.readouterr().err) is progress


def test_joining_chains_and_names_the_smallest():
    x, y, z = (near_duplicates.fingerprint(scene(seed)) for seed in (1, 2, 3))
    groups = near_duplicates.join([("c", x), ("b", x), ("b", y), ("a", y), ("d", z)])
    assert groups == {"a": "a", "b": "a", "c": "a", "d": "d"}


def test_flat_photos_do_not_join():
    white = np.full((100, 80, 3), 255, np.uint8)
    ramp = np.repeat(np.linspace(20, 220, 80, dtype=np.uint8)[None, :, None], 3, 2).repeat(100, 0)
    values = [near_duplicates.fingerprint(image) for image in (white, white, ramp, ramp)]
    assert near_duplicates.near_pairs(values) == []


def test_near_pairs_match_a_plain_count():
    rng = np.random.default_rng(0)
    base = rng.integers(0, 2, (12, 256), dtype=np.uint8)
    flips = base.copy()
    for row in range(12):
        flips[row, rng.choice(256, row * 2, replace=False)] ^= 1  # 0, 2 … 22 bits away
    bits = np.concatenate([base, flips])
    found = set(near_duplicates.near_pairs([np.packbits(row).tobytes() for row in bits]))
    expected = {(i, j) for i in range(24) for j in range(i + 1, 24) if (bits[i] != bits[j]).sum() <= 10}
    assert found == expected
    assert {(i, i + 12) for i in range(6)} <= found


def test_cache_is_used_renewed_and_survives_damage(write_photo, tmp_path, monkeypatch):
    folder, cache = tmp_path / "photos", tmp_path / "cache"
    for index in range(4):
        write_photo(f"p{index}/a.jpg", scene(index))
    first = _fold_of(folder, cache)
    (kept,) = cache.glob("*.json")
    loaded = []
    decode = codec.decode
    monkeypatch.setattr(codec, "decode", lambda *args: loaded.append(args[1]) or decode(*args))
    assert _fold_of(folder, cache) == first
    assert loaded == []
    write_photo("p2/a.jpg", scene(77, 200, 150))  # another file of the same name
    _fold_of(folder, cache)
    assert loaded == ["folder/p2/a.jpg"]
    for content in (b"", b"{", b"[1]", json.dumps({"folder/p0/a.jpg:1": 3, "x": "zz"}).encode()):
        kept.write_bytes(content)
        assert set(_fold_of(folder, cache)) == set(first)


def test_a_cache_that_cannot_be_written_to_costs_time_alone(write_photo, tmp_path):
    write_photo("a/a.jpg", scene(1))
    (tmp_path / "file").touch()
    assert set(_fold_of(tmp_path / "photos", tmp_path / "file" / "cache")) == {"folder/a/a.jpg"}


def test_unreadable_photo_still_gets_a_fold(write_photo, tmp_path):
    write_photo("a/good.jpg", scene(1))
    bad = tmp_path / "photos/b/bad.jpg"
    bad.parent.mkdir()
    bad.write_bytes(b"\xff\xd8broken")
    assert set(_fold_of(tmp_path / "photos", tmp_path / "cache")) == {"folder/a/good.jpg", "folder/b/bad.jpg"}


def test_shipped_split_fills_every_fold_of_the_default_studio():
    split = OmegaConf.load(config_dir() / "split/default.yaml")
    source = instantiate(OmegaConf.load(config_dir() / "photos/studio.yaml"))
    counts = Counter(assign_folds(source, split.fractions, split.seed, None).values())
    for name, share in split.fractions.items():
        assert counts[Fold(name)] / source.count == pytest.approx(share, abs=0.1)
