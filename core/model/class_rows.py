"""Copy the rows of each class by its name, from weights for other classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..config._config import Config
from ..contracts.offers import offers
from ..contracts.optional import AdaptsState
from .build import build_decoders
from .network import Head, SegmentationModel
from .weights import StateDict, first_names

Axes = Mapping[str, tuple[int, ...]]
"""Name of a tensor -> its axes that count classes."""


@dataclass(frozen=True)
class ClassChange:
    """The classes of a head, before and now."""

    before: Sequence[str]
    now: Sequence[str]

    @property
    def common(self) -> list[str]:
        """The classes that both have."""
        return [name for name in self.now if name in self.before]

    def rows(self, classes: Sequence[str]) -> Tensor:
        """Return the index of each common class in ``classes``."""
        return torch.tensor([list(classes).index(name) for name in self.common])

    def __str__(self) -> str:
        lost = [name for name in self.before if name not in self.now]
        new = [name for name in self.now if name not in self.before]
        parts = {"copied": self.common, "new": new, "left out": lost}
        return ", ".join(f"{what} {first_names(names)}" for what, names in parts.items() if names)


def with_rows_by_name(
    config: Config,
    model: SegmentationModel,
    state: Mapping[str, Tensor],
    changes: Mapping[str, ClassChange],
) -> StateDict:
    """Return the weights with the rows of each head's classes in their new order.

    ``changes``: by head. Rows of new classes are those of ``model``. Tensors without a row for a
    common class are left out.
    """
    found, own = dict(state), model.state_dict()
    for head, change in changes.items():
        for name, axes in class_axes(config, model, head, change.now).items():
            if name not in state or not _fits(state[name], own[name], axes, change):
                continue
            if change.common:
                found[name] = _moved(state[name], own[name], axes, change)
            else:
                del found[name]
    return found


def class_axes(config: Config, model: SegmentationModel, head: str, classes: Sequence[str]) -> Axes:
    """Return the axes that differ in a model with one class less.

    Empty for a single class, and for decoders that adapt their weights to the names of classes.
    """
    if len(classes) < 2:
        return {}
    with torch.device("meta"):
        fewer = Head(build_decoders(config, head, model.streams, classes[:-1]), "sum")
    if any(offers(one, AdaptsState) for one in fewer.decoders.values()):
        return {}
    prefix, own = f"heads.{head}.", model.state_dict()
    return {
        prefix + name: axes
        for name, value in fewer.state_dict().items()
        if value.ndim == own[prefix + name].ndim
        and (axes := _different(value.shape, own[prefix + name].shape))
    }


def _different(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    return tuple(i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b)


def _fits(saved: Tensor, own: Tensor, axes: Sequence[int], change: ClassChange) -> bool:
    """Return whether tensors differ at most in the number of classes."""
    expected = [len(change.before) if i in axes else size for i, size in enumerate(own.shape)]
    return [*saved.shape] == expected


def _moved(saved: Tensor, own: Tensor, axes: Sequence[int], change: ClassChange) -> Tensor:
    """Return ``own`` with the values of the common classes from ``saved``."""
    before, now = (change.rows(names) for names in (change.before, change.now))
    for axis in axes:
        saved = saved.index_select(axis, before)
    return _put(own.detach().cpu(), saved.to("cpu", own.dtype), axes, now)


def _put(into: Tensor, values: Tensor, axes: Sequence[int], rows: Tensor) -> Tensor:
    if not axes:
        return values
    first, *others = axes
    part = _put(into.index_select(first, rows), values, others, rows)
    return into.index_copy(first, rows, part)
