"""Load weights into modules with a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

import torch
from torch import Tensor, nn

from ...registry import PluxelError
from ..common.numerics import not_finite
from ..contracts.offers import offers
from ..contracts.optional import AdaptsState
from ..contracts.options import InputChannels
from .weight_reading import StateDict


@dataclass(frozen=True)
class LoadReport:
    """Names of parameters and buffers, grouped by outcome.

    ``missing``: only in the module. ``unexpected``: only in the file. ``mismatched``: of different
    shapes in the two; the module's values are unchanged.
    """

    loaded: Sequence[str] = field(default=())
    missing: Sequence[str] = field(default=())
    unexpected: Sequence[str] = field(default=())
    mismatched: Sequence[str] = field(default=())

    def __str__(self) -> str:
        kinds = ("missing", "unexpected", "mismatched")
        return ", ".join(
            [f"{len(self.loaded)} loaded", *(_count(getattr(self, kind), kind) for kind in kinds)]
        )


def first_names(names: Sequence[str]) -> str:
    """Return the first three names, and an ellipsis if there are more."""
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


def _count(names: Sequence[str], kind: str) -> str:
    return f"{len(names)} {kind}" + (f" ({first_names(names)})" if names else "")


def copy_matching(
    module: nn.Module, state: Mapping[str, Tensor], source: object = "the state dict"
) -> LoadReport:
    """Copy every tensor whose name and shape match into the module, from any type and device.

    Raises: PluxelError for values that are not finite; the module is then unchanged. ``source``
    names their origin in it.
    """
    report = fitting(module, state, source)
    own = module.state_dict(keep_vars=True)
    with torch.no_grad():
        for name in report.loaded:
            own[name].copy_(state[name])
    return report


def fitting(
    module: nn.Module, state: Mapping[str, Tensor], source: object = "the state dict"
) -> LoadReport:
    """Return what `copy_matching` would copy into the module, which needs no memory for it.

    Raises: PluxelError, as `copy_matching` does.
    """
    report = compared(module.state_dict(), state)
    parameters = {name for name, _ in module.named_parameters()}
    name = not_finite({name: state[name] for name in report.loaded}, parameters)
    if name is not None:
        raise PluxelError(f"{source}: the values of {name} are not finite")
    return report


def loaded_share(module: nn.Module, report: LoadReport) -> float:
    """Return the share of a module's parameters that was loaded: 0 to 1, by number of elements."""
    sizes = {name: value.numel() for name, value in module.named_parameters()}
    return sum(sizes.get(name, 0) for name in report.loaded) / max(1, sum(sizes.values()))


def check_any_fits(model: nn.Module, state: Mapping[str, Tensor], source: object) -> None:
    """Raise PluxelError if no parameter of the model has a name and shape in the state.

    Buffers do not count: constants of the normalization always fit.
    """
    fitting = {*compared(model.state_dict(), state).loaded}
    if fitting.isdisjoint(name for name, _ in model.named_parameters()):
        given, own = (", ".join([*names][:3]) for names in (state, model.state_dict()))
        raise PluxelError(
            f"{source}: no weights fit the model: it needs {own}, …; the file has {given}, …"
        )


def load_weights(model: nn.Module, state: Mapping[str, Tensor], source: object) -> None:
    """Load exactly these weights into the model. ``source`` names their origin in errors.

    A module that offers ``adapt_state`` first adapts the weights under its name.

    Raises: PluxelError if names or shapes differ; the model is then unchanged.
    """
    state = adapted(model, state)
    report = compared(model.state_dict(), state)
    different = {
        "missing": report.missing,
        "unexpected": report.unexpected,
        "of another shape": report.mismatched,
    }
    if any(different.values()):
        counts = ", ".join(_count(names, kind) for kind, names in different.items() if names)
        parts = dict.fromkeys(
            ".".join(name.split(".")[:2]) for names in different.values() for name in names
        )
        raise PluxelError(
            f"{source} does not fit the model of the configuration: {counts}",
            [
                f"they differ in {', '.join(parts)}: weights only fit the backbone, the decoder, "
                "the inputs and the classes that they were trained with",
                "to copy the weights that do fit, train a new model with init_from",
            ],
        )
    copy_matching(model, state, source)


def adapted(model: nn.Module, state: Mapping[str, Tensor]) -> StateDict:
    """Return the weights as the modules that offer ``adapt_state`` adapt them."""
    found = dict(state)
    for name, module in model.named_modules():
        if offers(module, AdaptsState):
            prefix = f"{name}." if name else ""
            own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            found |= {prefix + key: value for key, value in module.adapt_state(own).items()}
    return found


def compared(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> LoadReport:
    """Return which tensors of a state would be loaded into a module's own; load nothing."""
    same = {name for name in own if name in state and own[name].shape == state[name].shape}
    return LoadReport(
        loaded=[name for name in own if name in same],
        # Old files lack these counters; batch norm with a fixed momentum does not read them.
        missing=[n for n in own if n not in state and not n.endswith("num_batches_tracked")],
        unexpected=[name for name in state if name not in own],
        mismatched=[name for name in own if name in state and name not in same],
    )


def adapt_input_channels(weight: Tensor, in_channels: int, method: InputChannels) -> Tensor:
    """Return filters (O, in_channels, h, w), adapted from filters for other channels.

    Existing filters are copied. Each extra channel gets, by ``method``, their ``mean`` (FCN's RGB-D
    network, PAMI section 5), ``zero``, the existing filters in turn (``repeat``), or ``random``
    filters (He et al. 2015). With fewer channels, each gets the mean, scaled so that an image with
    equal channels gives the same response: gray then equals gray as RGB.
    """
    if method not in get_args(InputChannels):
        raise ValueError(f"unknown method {method!r}")
    existing = weight.shape[1]
    mean = weight.mean(dim=1, keepdim=True)
    if in_channels == existing:
        return weight
    if in_channels < existing:
        return (mean * existing / in_channels).expand(-1, in_channels, -1, -1).clone()
    count = in_channels - existing
    if method == "mean":
        extra = mean.expand(-1, count, -1, -1)
    elif method == "repeat":
        extra = weight[:, [i % existing for i in range(count)]]
    else:
        extra = weight.new_zeros(len(weight), count, *weight.shape[2:])
        if method == "random":
            fan_in = in_channels * weight[0, 0].numel()
            nn.init.normal_(extra, std=(2 / fan_in) ** 0.5)
    return torch.cat([weight, extra], dim=1)


def adapt_input_layers(
    state: Mapping[str, Tensor], module: nn.Module, in_channels: int, method: InputChannels
) -> StateDict:
    """Return the state with the filters of input layers adapted to the module's channels."""
    own = module.state_dict()
    adapted = dict(state)
    for name, weight in state.items():
        shape = own[name].shape if name in own else weight.shape
        rest = slice(2, None)
        if (
            weight.shape != shape
            and weight.ndim == len(shape) == 4
            and shape[1] == in_channels
            and (weight.shape[0], weight.shape[rest]) == (shape[0], shape[rest])
        ):
            adapted[name] = adapt_input_channels(weight, in_channels, method)
    return adapted
