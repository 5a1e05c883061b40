import itertools

import pytest
from torch import nn

from falseflaw.errors import ConfigurationError
from falseflaw.models.detector import Detector
from falseflaw.training.optimization import OptimizerSettings, fix, parameter_groups


def test_schedule_warms_up_and_ends_at_its_final_fraction() -> None:
    settings = OptimizerSettings(warmup_steps=10, final_fraction=0.1)
    factors = [settings.factor(step, step / 100) for step in range(101)]
    assert factors[0] == pytest.approx(1 / 11, rel=0.01)
    assert all(first < second for first, second in itertools.pairwise(factors[:10]))
    assert max(factors) == pytest.approx(1.0, abs=0.05)
    assert all(first >= second for first, second in itertools.pairwise(factors[11:]))
    assert factors[100] == pytest.approx(0.1)
    assert settings.factor(500, 5.0) == pytest.approx(0.1)
    assert settings.factor(50, 0.5) == pytest.approx(0.55)


@pytest.mark.slow
def test_biases_norms_and_residual_filters_do_not_decay() -> None:
    detector = Detector("test_efficientnet", residual_filters=3, decoder_channels=8, head_channels=8)
    decayed, kept = parameter_groups(detector, 0.3)
    names = {id(parameter): name for name, parameter in detector.named_parameters()}
    assert decayed["weight_decay"] == 0.3
    assert kept["weight_decay"] == 0
    kept_names = {names[id(parameter)] for parameter in kept["params"]}
    assert "residual.free" in kept_names
    assert all(parameter.ndim > 1 for parameter in decayed["params"])
    assert len(decayed["params"]) + len(kept["params"]) == len(names)


@pytest.mark.parametrize(
    "arguments", [{"learning_rate": 0}, {"warmup_steps": -1}, {"beta1": 1}, {"schedule": "never"}]
)
def test_one_line_for_values_out_of_range(arguments: dict[str, float | str]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(arguments))):
        OptimizerSettings(**arguments)  # type: ignore[arg-type]


def test_fixed_parts_do_not_learn_and_unknown_ones_are_told() -> None:
    network = nn.ModuleDict({"body": nn.Linear(3, 2), "head": nn.Linear(2, 1)})
    fix(network, ["head"])
    learning = {id(parameter) for group in parameter_groups(network, 0.1) for parameter in group["params"]}
    assert learning == {id(parameter) for parameter in network["body"].parameters()}
    fix(network, [])
    with pytest.raises(ConfigurationError, match=r"parts of the network \(body, head\), got 'tail'"):
        fix(network, ["tail"])
