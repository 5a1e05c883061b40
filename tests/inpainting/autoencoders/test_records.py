from falseflaw.inpainting.autoencoders.autoencoder import Autoencoder
from falseflaw.inpainting.autoencoders.records import recipes, reserved
from falseflaw.paths import find_existing


def test_records_say_of_the_bundled_autoencoders_what_their_loaders_say():
    folder = find_existing("checkpoints/autoencoders", "autoencoders", "run it in a clone")
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    assert sorted(recipes(folder)) == names
    assert reserved(folder) == [name for name in names if Autoencoder(name, str(folder / name)).reserved]
    assert reserved(folder)
    assert any(recipe.get("finish") for recipe in recipes(folder).values())


def test_where_nothing_was_trained_nothing_is_said(tmp_path):
    assert recipes(tmp_path) == {}
