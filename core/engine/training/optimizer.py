"""Parameter groups as in the paper: biases at twice the rate, without decay; frozen parts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ....registry import PluxelError
from ...config.sections.training import GroupConfig, OptimizerConfig, SGDConfig


def group_of(name: str, groups: Sequence[GroupConfig]) -> GroupConfig:
    """Return the last group that matches a parameter's name, or a neutral group."""
    found = (group for group in reversed(groups) if re.search(group.match, name))
    return next(found, GroupConfig(match=""))


def freeze(model: nn.Module, groups: Sequence[GroupConfig]) -> None:
    """Disable the gradient of every parameter in a frozen group.

    Raises: PluxelError if the pattern of a group matches no parameter.
    """
    parameters = dict(model.named_parameters())
    for group in groups:
        if not any(re.search(group.match, name) for name in parameters):
            names = sorted({name.rsplit(".", 2)[0] for name in parameters})
            raise PluxelError(
                f"training.groups: no parameter matches {group.match!r}; "
                f"the modules are {', '.join(names[:12])} …"
            )
    for name, parameter in parameters.items():
        if group_of(name, groups).frozen:
            parameter.requires_grad_(False)


def frozen_norms(model: nn.Module) -> list[nn.Module]:
    """Return the norms with running statistics in modules whose parameters are all frozen.

    In training mode, these statistics would change, and with them the output of a frozen module.
    """
    norms = (
        norm
        for part in model.modules()
        if _is_frozen(part)
        for norm in part.modules()
        if getattr(norm, "running_mean", None) is not None
    )
    return list(dict.fromkeys(norms))


def _is_frozen(module: nn.Module) -> bool:
    trainable = [parameter.requires_grad for parameter in module.parameters()]
    return bool(trainable) and not any(trainable)


def build_optimizer(
    model: nn.Module, config: OptimizerConfig, groups: Sequence[GroupConfig]
) -> torch.optim.Optimizer:
    """Freeze the parameters of frozen groups, and return an optimizer of all others.

    The schedule multiplies ``initial_lr`` of each parameter group by its factor.
    """
    freeze(model, groups)
    parameter_groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = _rates(name, parameter, config, group_of(name, groups))
            parameter_groups.setdefault(key, []).append(parameter)
    if not parameter_groups:
        raise PluxelError("training.groups freezes every parameter, which leaves nothing to train")
    if not any(lr for lr, _ in parameter_groups):
        raise PluxelError(
            "the factors on the learning rate are 0 for every parameter, so nothing is trained"
        )
    described = [
        {"params": parameters, "lr": lr, "initial_lr": lr, "weight_decay": decay}
        for (lr, decay), parameters in parameter_groups.items()
    ]
    return _create(config, described)


def _rates(
    name: str, parameter: nn.Parameter, config: OptimizerConfig, group: GroupConfig
) -> tuple[float, float]:
    """Return the learning rate and the weight decay of a parameter."""
    lr = config.lr * group.lr_factor
    if name.endswith("bias"):
        lr *= config.bias_lr_factor
    if group.weight_decay is not None:
        return lr, group.weight_decay
    decays = parameter.ndim > 1 or config.bias_decay  # not biases and the scales of norms
    return lr, config.weight_decay if decays else 0.0


def _create(config: OptimizerConfig, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    if isinstance(config, SGDConfig):
        return torch.optim.SGD(
            groups, lr=config.lr, momentum=config.momentum, nesterov=config.nesterov
        )
    return torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, eps=config.eps)
