import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from falseflaw.damage.engine import DamageEngine
from falseflaw.paths import config_dir
from falseflaw.seeding import derive_rng
from falseflaw.types import DamageKind


@pytest.mark.parametrize("path", sorted((config_dir() / "damage").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_damage_config_paints(path, light_cloth, product):
    engine = instantiate(OmegaConf.load(path))
    assert isinstance(engine, DamageEngine)
    assert engine.paint(light_cloth, product, DamageKind.WINE, derive_rng(0)).mask.any()


def test_the_default_config_is_the_constructor_s_default():
    assert vars(instantiate(OmegaConf.load(config_dir() / "damage/small.yaml"))) == vars(DamageEngine())


@pytest.mark.parametrize(
    "path", sorted((config_dir() / "product_mask").glob("*.yaml")), ids=lambda path: path.stem
)
def test_every_product_mask_config_finds_a_product(path):
    image = np.full((160, 120, 3), 200, np.uint8)
    image[40:120, 30:90] = (30, 60, 160)
    found = instantiate(OmegaConf.load(path))(image)
    assert found[80, 60]
    assert not found[2, 2]
