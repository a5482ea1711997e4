"""Parameter groups after the paper: biases at twice the rate, without decay; some parts frozen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ....registry import PluxelError
from ...config.sections.training import GroupConfig, OptimizerConfig, SGDConfig


def group_of(name: str, groups: Sequence[GroupConfig]) -> GroupConfig:
    """Return the last group that matches a parameter's name, or one that changes nothing."""
    found = (group for group in reversed(groups) if re.search(group.match, name))
    return next(found, GroupConfig(match=""))


def freeze(model: nn.Module, groups: Sequence[GroupConfig]) -> None:
    """Switch off the gradient of every parameter whose group is frozen.

    Raises: PluxelError if a group's pattern matches no parameter at all.
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
    """Return the norms with running statistics within parts whose parameters are all frozen.

    In training mode they would go on averaging, and what is frozen would compute something else.
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
    wanted = [parameter.requires_grad for parameter in module.parameters()]
    return bool(wanted) and not any(wanted)


def build_optimizer(
    model: nn.Module, config: OptimizerConfig, groups: Sequence[GroupConfig]
) -> torch.optim.Optimizer:
    """Return the optimizer over every parameter that is not frozen.

    Each parameter group carries ``initial_lr``, which the schedule's factor multiplies.
    """
    parameter_groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = _rates(name, parameter, config, group_of(name, groups))
            parameter_groups.setdefault(key, []).append(parameter)
    if not parameter_groups:
        raise PluxelError("training.groups freezes every parameter: there is nothing to train")
    described = [
        {"params": parameters, "lr": lr, "initial_lr": lr, "weight_decay": decay}
        for (lr, decay), parameters in parameter_groups.items()
    ]
    return _create(config, described)


def _rates(
    name: str, parameter: nn.Parameter, config: OptimizerConfig, group: GroupConfig
) -> tuple[float, float]:
    """Return (learning rate, weight decay) of one parameter."""
    lr = config.lr * group.lr_factor
    decay = config.weight_decay if group.weight_decay is None else group.weight_decay
    if name.endswith("bias"):
        lr *= config.bias_lr_factor
    if parameter.ndim <= 1 and not config.bias_decay:  # biases, and the scales of norms
        decay = 0.0
    return lr, decay


def _create(config: OptimizerConfig, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    if isinstance(config, SGDConfig):
        return torch.optim.SGD(
            groups, lr=config.lr, momentum=config.momentum, nesterov=config.nesterov
        )
    return torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, eps=config.eps)
