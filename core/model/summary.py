"""Describe a model layer by layer without data: grids, parameters, multiply-adds, memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ..common.memory import peak_bytes, saved_bytes
from ..geometry.regions import Size
from ..geometry.tracing import Located, on_meta, positions, replica
from .network import ScoringNetwork, SegmentationModel

ROWS = 40
"""Most rows of a part by default: then its layers are grouped to blocks."""


@dataclass
class ModuleCall:
    """One call of a module: what it returned and what it cost.

    ``located``: where the cells of its result lie, if that is known. ``parameters``: of the
    module's first call, else 0; ``trained``: those that are not frozen.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    located: Located | None = None
    parameters: int = 0
    trained: int = 0
    multiply_adds: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class PartSummary:
    """A backbone or a decoder: its calls in order, and its totals.

    The totals also contain what happens outside of the listed modules. A decoder that runs the
    backbone itself has no calls and no costs of its own.
    """

    title: str
    calls: Sequence[ModuleCall]
    parameters: int
    trained: int
    multiply_adds: int


@dataclass(frozen=True)
class ModelSummary:
    """A model for one image of ``size``.

    ``prediction_bytes``: the largest number of bytes of activations that exist at once.
    ``training_bytes``: what a training keeps for its backward pass. Both without weights.
    """

    size: Size
    parts: Sequence[PartSummary]
    parameters: int
    trained: int
    multiply_adds: int
    prediction_bytes: int
    training_bytes: int


def summarize(
    model: SegmentationModel,
    channels: Mapping[str, int],
    size: Size,
    depth: int | None = None,
) -> ModelSummary:
    """Describe a model for one image of (height, width).

    ``channels``: of each input. ``depth``: how many levels of modules to open; by default as many
    as give at most `ROWS` rows.

    Raises: any error that the model raises for this size.
    """
    copy = _without_data(model)
    inputs = {
        name: torch.zeros(1, channels[name], *size, device="meta") for name in copy.input_names
    }
    with torch.inference_mode():
        images = {name: stream.prepare(inputs, None) for name, stream in copy.streams.items()}
    parts = [
        _part(f"backbone {name}", stream.backbone, stream.backbone, images[name], depth)
        for name, stream in copy.streams.items()
    ]
    for name, head in copy.heads.items():
        for stream, decoder in head.decoders.items():
            title = f"decoder {name}" + (f" of {stream}" if len(head.decoders) > 1 else "")
            if head.on_images:
                parts.append(PartSummary(title, (), *_counted(decoder), 0))
            else:
                network = ScoringNetwork(copy.streams[stream].backbone, decoder)
                parts.append(_part(title, network, decoder, images[stream], depth))
    parameters, trained = _counted(copy)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        copy(inputs)
    given = [*copy.parameters(), *copy.buffers(), *inputs.values()]
    prediction = peak_bytes(lambda: copy(inputs))
    copy.train()
    # Two images, because batch norm cannot train on the single value that pooling leaves of one.
    batch = {name: image.expand(2, *image.shape[1:]) for name, image in inputs.items()}
    return ModelSummary(
        size,
        parts,
        parameters,
        trained,
        counter.get_total_flops() // 2,
        prediction,
        saved_bytes(lambda: copy(batch), [*given, *batch.values()]) // 2,
    )


def _without_data(model: SegmentationModel) -> SegmentationModel:
    copy: Any = replica(model, on_meta)
    for own, parameter in zip(model.parameters(), copy.parameters(), strict=True):
        parameter.requires_grad_(own.requires_grad)
    return copy


def _counted(module: nn.Module) -> tuple[int, int]:
    """Return the number of parameters, and of those that are trained."""
    sizes = [(one.numel(), one.requires_grad) for one in module.parameters()]
    return sum(size for size, _ in sizes), sum(size for size, trained in sizes if trained)


def _part(title: str, network: Any, part: Any, image: Tensor, depth: int | None) -> PartSummary:
    """Describe ``part`` of a network that takes a normalized image (1, channels, H, W)."""
    everything = dict(part.named_modules())
    with torch.inference_mode():
        called = {call.name for call in _recorded(network, image, everything)}
    shown = {name: everything[name] for name in _opened(part, called, depth)}
    with torch.inference_mode():
        calls = _recorded(network, image, shown)
    located = positions(_ModuleResults(network, shown), image.shape[1])
    if len(located) == len(calls):
        for call, place in zip(calls, located, strict=True):
            call.located = place
    seen: set[str] = set()
    for call in calls:
        if call.name not in seen:
            seen.add(call.name)
            call.parameters, call.trained = _counted(shown[call.name])
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        maps = _maps_for(network, part, image)
        before = counter.get_total_flops()
        part(maps)
        total = (counter.get_total_flops() - before) // 2
    return PartSummary(title, calls, *_counted(part), total)


def _maps_for(network: Any, part: nn.Module, image: Tensor) -> Any:
    """Return what a part of a network receives: maps for a decoder."""
    return image if network is part else network.backbone(image)


def _opened(part: nn.Module, called: set[str], depth: int | None) -> list[str]:
    """Return the names of the modules to show, in which no module contains another."""
    shown = [""]
    for level in range(1, 100):
        finer = [name for one in shown for name in (_inside(part, one, called) or [one])]
        if finer == shown or (depth is not None and level > depth):
            break
        if depth is None and level > 1 and len(finer) > ROWS:
            break
        shown = finer
    return [name for name in shown if name in called]


def _inside(part: nn.Module, name: str, called: set[str]) -> list[str]:
    """Return the nearest modules inside of a module that are called."""
    found = []
    prefix = f"{name}." if name else ""
    for child, module in part.get_submodule(name).named_children():
        own = prefix + child
        within = own in called or not any(True for _ in module.children())
        found += [own] if within else _inside(part, own, called)
    return [one for one in found if one in called]


class _ModuleResults(nn.Module):
    """A network that returns what some of its modules return, in the order of their calls."""

    def __init__(self, network: nn.Module, modules: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.network = network
        names = {module: name for name, module in network.named_modules()}
        self.names = [names[module] for module in modules.values()]

    def forward(self, image: Tensor) -> list[Tensor]:
        results: list[Tensor] = []
        modules = [self.network.get_submodule(name) for name in self.names]
        with _calling(modules, lambda _, result: results.append(result)):
            self.network(image)
        return results


def _recorded(
    network: nn.Module, image: Tensor, modules: Mapping[str, nn.Module]
) -> list[ModuleCall]:
    """Run a network, and return the calls of modules that give one tensor, in order."""
    names = {module: name for name, module in modules.items()}
    calls: list[ModuleCall] = []
    started: dict[nn.Module, list[int]] = {}
    with FlopCounterMode(display=False) as counter:

        def start(module: nn.Module) -> None:
            started.setdefault(module, []).append(counter.get_total_flops())

        def finish(module: nn.Module, result: Tensor) -> None:
            cost = (counter.get_total_flops() - started[module].pop()) // 2
            size = result.numel() * result.element_size()
            shape = tuple(result.shape)
            name, kind = names[module], type(module).__name__
            calls.append(ModuleCall(name, kind, shape, multiply_adds=cost, bytes=size))

        with _calling([*modules.values()], finish, start):
            network(image)
    return calls


@contextmanager
def _calling(modules: Sequence[nn.Module], finish: Any, start: Any = None) -> Iterator[None]:
    """Call ``start(module)`` and ``finish(module, tensor)`` around modules that give a tensor."""

    def after(module: nn.Module, _: object, result: object) -> None:
        if isinstance(result := getattr(result, "tensor", result), Tensor):
            finish(module, result)

    hooks = [module.register_forward_hook(after) for module in modules]
    if start is not None:
        hooks += [
            module.register_forward_pre_hook(lambda module, _: start(module)) for module in modules
        ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
