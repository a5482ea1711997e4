"""Parameter groups after the paper: biases at twice the rate, without decay; some parts frozen."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from ...registry import PluxelError
from ..config import GroupConfig, OptimizerConfig, SGDConfig


def freeze(model: nn.Module, groups: Iterable[GroupConfig]) -> None:
    """Switch off the gradient of every parameter that a frozen group matches.

    Raises: PluxelError if a group's pattern matches no parameter at all.
    """
    for group in groups:
        matched = [p for name, p in model.named_parameters() if re.search(group.match, name)]
        if not matched:
            names = sorted({name.rsplit(".", 2)[0] for name, _ in model.named_parameters()})
            raise PluxelError(
                f"training.groups: no parameter matches {group.match!r}; "
                f"the modules are {', '.join(names[:12])} …"
            )
        if group.frozen:
            for parameter in matched:
                parameter.requires_grad_(False)


def build_optimizer(
    model: nn.Module, config: OptimizerConfig, groups: Iterable[GroupConfig]
) -> torch.optim.Optimizer:
    """Return the optimiser over every parameter that is not frozen.

    Each parameter group carries ``initial_lr``, which the schedule's factor multiplies. The last
    matching entry of ``groups`` counts.
    """
    parameter_groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    rules = list(groups)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = _rates(name, parameter, config, rules)
            parameter_groups.setdefault(key, []).append(parameter)
    if not parameter_groups:
        raise PluxelError("training.groups freezes every parameter: there is nothing to train")
    described = [
        {"params": parameters, "lr": lr, "initial_lr": lr, "weight_decay": decay}
        for (lr, decay), parameters in parameter_groups.items()
    ]
    return _create(config, described)


def _rates(
    name: str, parameter: nn.Parameter, config: OptimizerConfig, rules: list[GroupConfig]
) -> tuple[float, float]:
    """Return (learning rate, weight decay) of one parameter."""
    lr, decay = config.lr, config.weight_decay
    for rule in (rule for rule in rules if re.search(rule.match, name)):
        lr = config.lr * rule.lr_factor
        decay = config.weight_decay if rule.weight_decay is None else rule.weight_decay
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
