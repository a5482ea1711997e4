import pytest
import torch
from pluxel.core.config.sections.training import AdamWConfig, GroupConfig, SGDConfig
from pluxel.core.engine.training.optimizer import build_optimizer, freeze, frozen_norms
from pluxel.registry import PluxelError
from torch import nn


@pytest.fixture
def model():
    return nn.ModuleDict(
        {
            "trunk": nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)),
            "score": nn.Conv2d(4, 2, 1),
            "upsample": nn.ConvTranspose2d(2, 2, 4, 2, bias=False),
        }
    )


def rates(optimizer, model):
    names = {id(p): name for name, p in model.named_parameters()}
    return {
        names[id(p)]: (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for p in group["params"]
    }


def test_biases_have_twice_the_rate_and_no_decay(model):
    config = SGDConfig(lr=1e-3, weight_decay=5e-4)
    found = rates(build_optimizer(model, config, []), model)
    assert found["score.weight"] == (1e-3, 5e-4)
    assert found["score.bias"] == (2e-3, 0.0)


def test_norm_scales_have_no_decay_by_default(model):
    assert rates(build_optimizer(model, AdamWConfig(), []), model)["trunk.1.weight"][1] == 0
    decayed = build_optimizer(model, AdamWConfig(bias_decay=True), [])
    assert rates(decayed, model)["trunk.1.weight"][1] == 0.01


def test_last_matching_group_wins(model):
    groups = [
        GroupConfig(match="score", lr_factor=10),
        GroupConfig(match=r"score\.weight", lr_factor=5, weight_decay=0.5),
    ]
    found = rates(build_optimizer(model, SGDConfig(lr=1.0), groups), model)
    assert found["score.weight"] == (5.0, 0.5)
    assert found["score.bias"] == (20.0, 0.0)
    assert found["trunk.0.weight"] == (1.0, 5e-4)


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_weight_decay_of_a_group_holds_for_all_it_matches(model, decay):
    groups = [GroupConfig(match="score|trunk.1", weight_decay=decay)]
    found = rates(build_optimizer(model, AdamWConfig(bias_decay=not decay), groups), model)
    matching = {name for name in found if name.startswith(("score", "trunk.1"))}
    assert {name for name in matching if found[name][1] != decay} == set()
    assert found["trunk.0.bias"][1] == (0.0 if decay else 0.01)


def test_frozen_group_has_no_gradient_and_no_updates(model):
    freeze(model, groups := [GroupConfig(match="^upsample", frozen=True)])
    assert not model["upsample"].weight.requires_grad
    assert "upsample.weight" not in rates(build_optimizer(model, SGDConfig(lr=1.0), groups), model)


def test_last_matching_group_decides_freezing(model):
    groups = [
        GroupConfig(match="", frozen=True),
        GroupConfig(match="^score", lr_factor=10),
        GroupConfig(match=r"score\.bias", frozen=True),
    ]
    freeze(model, groups)
    assert rates(build_optimizer(model, SGDConfig(lr=1.0), groups), model) == {
        "score.weight": (10.0, 5e-4)
    }


@pytest.mark.parametrize(("match", "frozen"), [("^trunk", True), ("^trunk.1", True), ("0", False)])
def test_norms_are_frozen_with_all_their_parameters(model, match, frozen):
    freeze(model, [GroupConfig(match=match, frozen=True)])
    assert frozen_norms(model) == ([model["trunk"][1]] if frozen else [])


def test_norms_without_parameters_freeze_with_their_module():
    norm = nn.BatchNorm2d(4, affine=False)
    trunk = nn.Sequential(nn.Conv2d(3, 4, 3), norm)
    assert frozen_norms(trunk) == []
    freeze(trunk, [GroupConfig(match="", frozen=True)])
    assert frozen_norms(trunk) == [norm]


def test_pattern_without_a_match_raises_with_module_names(model):
    with pytest.raises(PluxelError, match=r"no parameter matches 'scoer'.*score, .*trunk"):
        freeze(model, [GroupConfig(match="scoer")])


def test_freezing_everything_raises(model):
    freeze(model, groups := [GroupConfig(match="", frozen=True)])
    with pytest.raises(PluxelError, match="nothing to train"):
        build_optimizer(model, SGDConfig(lr=1.0), groups)


def test_sgd_matches_the_update_of_the_paper():
    """v ← μ·v + g + λ·w, then w ← w − η·v: Caffe's update for a constant rate."""
    weight = nn.Parameter(torch.tensor([[1.0, -2.0]]))
    module = nn.Module()
    module.weight = weight
    optimizer = build_optimizer(module, SGDConfig(lr=0.1, momentum=0.9, weight_decay=0.01), [])
    expected, velocity = weight.detach().clone(), torch.zeros(1, 2)
    for _ in range(3):
        gradient = weight.detach() * 3
        velocity = 0.9 * velocity + gradient + 0.01 * expected
        expected = expected - 0.1 * velocity
        weight.grad = gradient
        optimizer.step()
    torch.testing.assert_close(weight.detach(), expected)
