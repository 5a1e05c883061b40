from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.photos.scenes import scene

from falseflaw.errors import ConfigurationError, MissingDataError, UnreadableImageError
from falseflaw.imaging import codec
from falseflaw.photos.folds import assign_folds
from falseflaw.photos.licenses import license_of
from falseflaw.photos.sets.folder import FolderPhotos
from falseflaw.photos.sets.joined import JoinedPhotos
from falseflaw.photos.source import FileSource, Photo, file_of
from falseflaw.photos.studio.source import StudioPhotos

FRACTIONS = {"inpainter": 0.3, "train": 0.3, "val": 0.2, "test": 0.2}


class NamedPhotos:
    """Photos below a folder, a subfolder a person; the same people's names stand in every set."""

    def __init__(self, folder: Path, name: str, people: int = 24, seed: int = 0) -> None:
        self.folder, self.name, self.people, self.seed = folder / name, name, people, seed
        for index, photo in enumerate(self.photos()):
            codec.write_atomic(self.path(photo), codec.encode_jpeg(scene(seed + index, 80, 60), 90))

    def photos(self):
        return [
            Photo(f"{self.name}/{i:02d}", f"person-{i % (self.people // 2)}", "hat")
            for i in range(self.people)
        ]

    def path(self, photo):
        return self.folder / f"{photo.photo_id.split('/')[1]}.jpg"

    def load(self, photo):
        return codec.decode(self.path(photo))

    def product_mask(self, photo):
        return np.full((80, 60), self.name == "clothing")


@pytest.fixture
def sets(tmp_path):
    return NamedPhotos(tmp_path, "grocery", seed=1000), NamedPhotos(tmp_path, "clothing", 30)


def test_every_set_keeps_the_folds_that_it_has_alone(sets):
    joined = assign_folds(JoinedPhotos(sets), FRACTIONS, 3, None)
    alone = [assign_folds(part, FRACTIONS, 3, None) for part in sets]
    assert joined == alone[0] | alone[1]
    assert len(joined) == 24 + 30
    one, other = ({i.split("/")[1]: fold for i, fold in folds.items()} for folds in alone)
    assert any(one[name] != other[name] for name in one), "people of one name are no one person"


def test_people_of_two_sets_who_share_a_shot_share_a_fold(tmp_path):
    one, other = NamedPhotos(tmp_path, "grocery", seed=1000), NamedPhotos(tmp_path, "clothing")
    twin, original = other.photos()[5], one.photos()[0]
    other.path(twin).write_bytes(one.path(original).read_bytes())
    for seed in range(6):
        folds = assign_folds(JoinedPhotos([one, other]), FRACTIONS, seed, None)
        people = {photo.photo_id: photo.contributor for photo in (*one.photos(), *other.photos())}
        theirs = {
            folds[name]
            for name, person in people.items()
            if (name.startswith("grocery"), person)
            in {(True, original.contributor), (False, twin.contributor)}
        }
        assert len(theirs) == 1


def test_photos_stand_in_order_and_come_from_their_own_set(sets):
    joined = JoinedPhotos(sets)
    assert isinstance(joined, FileSource)
    assert joined.name == "grocery+clothing"
    photos = joined.photos()
    assert [photo.photo_id for photo in photos] == sorted(photo.photo_id for photo in photos)
    assert {photo.photo_set for photo in photos} == {"grocery", "clothing"}
    for part in sets:
        photo = part.photos()[3]
        assert photo.photo_set == part.name
        assert joined.path(photo) == part.path(photo)
        assert np.array_equal(joined.load(photo), part.load(photo))
        assert np.array_equal(joined.product_mask(photo), part.product_mask(photo))
        assert license_of(photo.photo_set)
    with pytest.raises(UnreadableImageError, match="expected a photo of grocery or clothing"):
        joined.load(Photo("studio/0", "x", "hat"))


def test_sets_need_names_of_their_own(sets, tmp_path):
    with pytest.raises(ConfigurationError, match=r"photos\.sets of different names, got none"):
        JoinedPhotos([])
    with pytest.raises(ConfigurationError, match="got grocery, grocery"):
        JoinedPhotos([sets[0], sets[0]])
    with pytest.raises(MissingDataError):
        JoinedPhotos([sets[0], FolderPhotos(tmp_path / "nowhere")]).photos()


def test_rendered_photos_join_files_and_keep_their_folds(sets):
    studio = StudioPhotos(6, 64, 96, 0)
    joined = JoinedPhotos([sets[0], studio])
    folds = assign_folds(joined, FRACTIONS, 3, None)
    assert folds == assign_folds(sets[0], FRACTIONS, 3, None) | assign_folds(studio, FRACTIONS, 3, None)
    photo = studio.photos()[0]
    assert np.array_equal(joined.load(photo), studio.load(photo))
    assert np.array_equal(joined.product_mask(photo), studio.product_mask(photo))
    assert file_of(joined, photo) is None
    assert file_of(joined, sets[0].photos()[0]) == sets[0].path(sets[0].photos()[0])
