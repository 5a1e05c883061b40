"""Every shipped configuration composes, and none lies about unused. The verbs' own tests run them."""

from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from falseflaw.cli.configuration.help import describe
from falseflaw.cli.main import VERBS
from falseflaw.paths import config_dir
from falseflaw.training.changes import differences
from falseflaw.training.detector.composition_settings import CompositionSettings
from falseflaw.training.detector.pairs import PairSettings

ROOT = config_dir()


def groups_of(verb: str) -> list[str]:
    defaults = yaml.safe_load((ROOT / f"{verb.replace('-', '_')}.yaml").read_text())["defaults"]
    named = [str(key) for entry in defaults if isinstance(entry, dict) for key in entry]
    named = [key.removeprefix("optional ") for key in named if not key.startswith("override ")]
    return [key for key in named if key != "hydra"]  # no group of the verb: Hydra's own settings


def options_of(group: str) -> list[str]:
    folder = ROOT / group.split("@")[0]
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml"))


CASES = [(verb, group, option) for verb in VERBS for group in groups_of(verb) for option in options_of(group)]


@pytest.mark.parametrize(("verb", "group", "option"), CASES)
def test_composes(verb: str, group: str, option: str) -> None:
    with initialize_config_dir(str(ROOT), version_base="1.3"):
        config = compose(verb.replace("-", "_"), overrides=[f"{group}={option}"])
    package = group.split("@")[-1]
    if group not in {"experiment", "debug", "build"}:  # these have no node of their own
        assert package in OmegaConf.to_container(config, resolve=False)


def test_every_file_belongs_to_a_verb() -> None:
    primary = {f"{verb.replace('-', '_')}.yaml" for verb in VERBS} | {"hydra/default.yaml"}
    reached = {f"{group.split('@')[0]}/{option}.yaml" for _, group, option in CASES}
    present = {str(path.relative_to(ROOT)) for path in Path(ROOT).rglob("*.yaml")}
    assert present == primary | reached


def test_no_group_hides_a_key_of_another_verb() -> None:
    """Hydra takes `dataset=PATH` for the choice of an option wherever there is a group of that name."""
    groups = {path.name for path in Path(ROOT).iterdir() if path.is_dir()}
    for verb in VERBS:
        own = {group.split("@")[-1] for group in groups_of(verb)}
        keys = set(yaml.safe_load((ROOT / f"{verb.replace('-', '_')}.yaml").read_text())) - {
            "defaults",
            "hydra",
        }
        assert not (keys - own) & groups, verb


@pytest.mark.parametrize("verb", VERBS)
def test_help_names_every_group_and_option(verb: str) -> None:
    text = describe(verb, VERBS[verb])
    for group in groups_of(verb):
        assert group.split("@")[0] in text
        for option in options_of(group):
            assert option in text


@pytest.mark.parametrize("verb", VERBS)
def test_own_defaults_come_last(verb: str) -> None:
    defaults = yaml.safe_load((ROOT / f"{verb.replace('-', '_')}.yaml").read_text())["defaults"]
    after = defaults[defaults.index("_self_") + 1 :]
    # Experiments and named builds are deltas to the verb's own values and therefore stand below them.
    allowed = ("experiment", "optional experiment", "debug", "optional debug", "build", "override ")
    assert all(isinstance(entry, dict) and next(iter(entry)).startswith(allowed) for entry in after)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_takes_hydras_settings_from_one_place(verb: str) -> None:
    with initialize_config_dir(str(ROOT), version_base="1.3"):
        config = compose(verb.replace("-", "_"), overrides=["hydra.job.num=0"], return_hydra_config=True)
    assert config.hydra.output_subdir is None
    assert OmegaConf.to_container(config.hydra.hydra_logging)["root"] is None
    assert config.hydra.sweep.dir.startswith("runs/multirun/")
    assert not config.hydra.job.chdir


ABLATIONS = [name for name in options_of("experiment") if name.startswith("ablation/")]


def test_ablations_get_the_same_time_and_differ_from_the_whole_in_what_they_say() -> None:
    def composed(name: str) -> DictConfig:
        with initialize_config_dir(str(ROOT), version_base="1.3"):
            return compose("train", overrides=[f"experiment={name}", "run_dir=r"])

    full = OmegaConf.to_container(composed("ablation/full"))
    assert full["trainer"]["max_time"] == "00:00:40:00"
    assert len(ABLATIONS) == 8
    seen = {}
    for name in ABLATIONS:
        ablated = OmegaConf.to_container(composed(name))
        assert ablated["trainer"] == full["trainer"]
        assert ablated["optimizer"] == full["optimizer"]
        seen[name.removeprefix("ablation/")] = {key for key, _, _ in differences(full, ablated)}
    assert seen == {
        "full": set(),
        "rgb_only": {"model.residual_filters"},
        "without_camera_originals": {"data.leave_out_photo_sets"},
        "without_consistency": {"data.pairs.consistency_share", "loss.consistency_weight"},
        "without_layers": {"data.pairs.composed_share"},
        "without_ranking": {"loss.ranking_weight"},
        "without_sharp_writers": {"data.leave_out"},
        "without_smoothing_negatives": {
            "data.leave_out_edits",
            "data.composition.local_edit_share",
            "data.composition.edited_both_share",
            "data.composition.edited_elsewhere_share",
        },
    }


@pytest.mark.parametrize(("key", "settings"), [("pairs", PairSettings), ("composition", CompositionSettings)])
def test_the_data_configuration_names_every_setting(key: str, settings: type) -> None:
    with initialize_config_dir(str(ROOT), version_base="1.3"):
        config = compose("train")
    assert set(config.data[key]) - {"_target_"} == {field.name for field in fields(settings)}
