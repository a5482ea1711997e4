"""Try one network: build it, run it forward and backward under every decoder, check its grids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ....registry import Host, PluxelError, reason_of
from ...config.sections.factory import Factory
from ...contracts.kinds import Decoder
from ...contracts.offers import minimum_size, offers, pad_multiple
from ...contracts.optional import HasOwnSize, HasTiles
from ...geometry.fit import check_maps
from ...geometry.grid import StrideError
from ...geometry.regions import Size, padded_size
from ...model.network import Head
from .isolated import is_out_of_memory
from .located import grid_problem
from .record import ON_MAPS, NetworkRecord, component_of

NUM_CLASSES = 3
ODD: Size = (97, 131)
DESIGNED: Size = (224, 224)
"""The own size of a network that does not declare one."""

NEEDS_DATA = "on meta tensors"
"""Part of PyTorch's error for networks that decide by the values of a tensor."""

TOKEN = 16
"""Pixels per side for which each weight is used about once."""


@dataclass(frozen=True)
class Trial:
    """How a network is tried.

    ``decoders``: by name. ``budget``: a network computes values if a pass forward at its own size
    takes at most this many operations, in 10⁹, estimated from its weights and pixels; a larger one
    computes shapes. 0 computes shapes only.
    """

    decoders: Mapping[str, Factory[Decoder]]
    budget: float


def check(host: Host, record: NetworkRecord, trial: Trial) -> NetworkRecord:
    """Return the record of a network: which decoders run on it at both sizes, or why not."""
    target: Any = host.load(component_of(host, "backbone", record.backbone))

    def build(device: str) -> Any:
        torch.manual_seed(0)
        with torch.device(device):
            return target(in_channels=3, model=record.model)

    try:
        backbone = build("meta")
    except PluxelError as error:
        return replace(record, kind="refused", reason=_sentence(error))
    if _operations(backbone) <= trial.budget * 1e9:
        return _tried(record, build("cpu"), trial, with_data=True)
    shapes = _tried(record, backbone, trial, with_data=False)
    if needs_data(shapes) and trial.budget:
        return _tried(record, build("cpu"), trial, with_data=True)
    return shapes


def needs_data(record: NetworkRecord) -> bool:
    """Return whether a network failed because it had no values to decide by."""
    return NEEDS_DATA in record.own.get(ON_MAPS, "")


def _tried(record: NetworkRecord, backbone: Any, trial: Trial, *, with_data: bool) -> NetworkRecord:
    heads, refused = _heads(backbone, trial.decoders)
    own_size = _own_size(backbone)
    sizes = {"own": own_size, "odd": ODD}
    return replace(
        record,
        strides=tuple(str(spec.grid.stride[0]) for spec in backbone.feature_specs),
        multiple=pad_multiple(backbone),
        tile=_tile_size(backbone),
        own_size=own_size,
        refused=refused,
        with_data=with_data,
        **{
            name: _problems(backbone, heads, size, training=name == "odd")
            for name, size in sizes.items()
        },
    )


def _tile_size(backbone: object) -> Size | None:
    return backbone.tile_size if offers(backbone, HasTiles) else None


def _own_size(backbone: object) -> Size:
    designed = backbone.own_size if offers(backbone, HasOwnSize) else None
    return designed or DESIGNED


def _operations(backbone: Any) -> float:
    """Estimate the operations of a pass forward: two per weight and token."""
    size = _own_size(backbone)
    weights = sum(parameter.numel() for parameter in backbone.parameters())
    return 2 * weights * size[0] * size[1] / TOKEN**2


def _heads(
    backbone: Any, decoders: Mapping[str, Factory[Decoder]]
) -> tuple[dict[str, nn.Module], dict[str, str]]:
    """Return a head for each decoder that accepts the maps, and why others do not."""
    heads, refused = {}, {}
    device = next(backbone.parameters()).device
    for name, decoder in decoders.items():
        try:
            with torch.device(device):
                built = decoder(
                    features=backbone.feature_specs,
                    num_classes=NUM_CLASSES,
                    class_names=[f"class{index}" for index in range(NUM_CLASSES)],
                    backbone=backbone,
                    in_channels=3,
                )
        except StrideError as error:
            refused[name] = f"needs {error.needed}"
            continue
        except PluxelError as error:
            refused[name] = _sentence(error)
            continue
        _randomize(built)
        heads[name] = Head({"image": built}, "mean", on_images=decoder.wants("backbone"))
    return heads, refused


def _randomize(decoder: Any) -> None:
    """Replace zeros, through which no gradient flows back to the maps."""
    for parameter in decoder.parameters():
        if parameter.device.type != "meta" and not parameter.any():
            nn.init.normal_(parameter)


def _problems(
    backbone: Any, heads: Mapping[str, nn.Module], size: Size, *, training: bool
) -> dict[str, str]:
    """Return what is wrong at a size: forward, in the grids, backward.

    ``training``: run two images in training mode, and compare the grids with the pixels that cells
    depend on, if there are values; otherwise run one image in evaluation mode.
    """
    fitted = padded_size(size, pad_multiple(backbone), minimum_size(backbone))
    device = next(backbone.parameters()).device
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(2 if training else 1, 3, *fitted, generator=generator).to(device)
    problems: dict[str, str] = {}
    with _recorded(problems, ON_MAPS):
        backbone.train(training)
        maps = backbone(image)
        check_maps(backbone.feature_specs, maps, image)
        gradients = [torch.zeros_like(one) for one in maps]
        for name, head in heads.items():
            with _recorded(problems, name):
                _add_gradients(head, backbone, image, maps, gradients)
        _backward(maps, gradients)
        _check_gradients(backbone)
        if training and device.type == "cpu" and (wrong := grid_problem(backbone, image[:1])):
            problems[ON_MAPS] = wrong
    return problems


def _backward(maps: Sequence[Tensor], gradients: Sequence[Tensor]) -> None:
    learned = [index for index, one in enumerate(maps) if one.requires_grad]
    if not learned:
        raise PluxelError("no weight of the backbone receives a gradient")
    torch.autograd.backward([maps[i] for i in learned], [gradients[i] for i in learned])


def _trained(module: nn.Module) -> list[Tensor]:
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


def _add_gradients(
    head: nn.Module, backbone: Any, image: Tensor, maps: Sequence[Tensor], total: list[Tensor]
) -> None:
    """Run a decoder forward and backward, and add the gradients that the maps receive."""
    leaves = [one.detach().requires_grad_() for one in maps]
    scores = head({"image": image if head.on_images else leaves}, {"image": backbone})
    if head.on_images:
        scores.tensor.square().mean().backward()
        return
    received = torch.autograd.grad(
        scores.tensor.square().sum(), [*leaves, *_trained(head)], allow_unused=True
    )
    if not any(one is not None for one in received[: len(leaves)]):
        raise PluxelError("no gradient reaches the maps")
    for index, one in enumerate(received[: len(leaves)]):
        if one is not None:
            total[index] = total[index] + one


def _check_gradients(backbone: nn.Module) -> None:
    """Raise PluxelError if no weight receives a gradient, or one is not finite."""
    gradients = [p.grad for p in backbone.parameters() if p.grad is not None]
    backbone.zero_grad()
    if not gradients:
        raise PluxelError("no weight of the backbone receives a gradient")
    if gradients[0].device.type == "meta":
        return
    if not all(gradient.isfinite().all() for gradient in gradients):
        raise PluxelError("gradients are not finite")
    if not any(gradient.any() for gradient in gradients):
        raise PluxelError("all gradients are zero")


@contextmanager
def _recorded(problems: dict[str, str], name: str) -> Iterator[None]:
    """Record an error of the block instead of raising it, unless it is a lack of memory."""
    try:
        yield
    except Exception as error:
        if is_out_of_memory(error):
            raise
        problems[name] = _sentence(error)


def _sentence(error: Exception) -> str:
    """Return what an error says, in one line of at most 300 characters."""
    line, notes = reason_of(error)
    text = "; ".join([line, *notes])
    return " ".join(text.split())[:300]
