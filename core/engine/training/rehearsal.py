"""Call each part of a training once, to find those that violate their contract when called."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ....registry import PluxelError, article
from ...config.tree.problems import ConfigError, Problem
from ...contracts.kinds import Loss
from ...data.augmentation import Augmentation
from ...data.raw import raw_input, raw_labels, read_sample
from ...geometry.grid import FeatureSpec, Grid
from ...geometry.scores import Scores
from ...model.objective import Objective
from ...model.strips import resampled_loss, terms_of
from ..preparation import Prepared
from .optimizer import frozen_norms
from .single_values import SingleValue, explained

SIZE = 64
"""Height and width of the image, which streams pad to a size that their backbones accept."""


@dataclass(frozen=True)
class Rehearsal:
    """Runs the streams, then the heads, of a model without memory for weights, and its losses.

    Streams and heads that cannot run without data are not checked.
    """

    prepared: Prepared
    images: dict[str, Tensor] = field(default_factory=dict)
    maps: dict[str, Sequence[Tensor]] = field(default_factory=dict)

    def check_stream(self, name: str) -> None:
        """Raise ConfigError if the maps of a backbone do not match its ``feature_specs``."""
        stream, channels = self.prepared.model.streams[name], self.prepared.blueprint.channels
        raw = {
            one: torch.zeros(2, channels[one], SIZE, SIZE, dtype=torch.uint8, device="meta")
            for one in stream.inputs
        }
        with self.prepared.config.at("streams", name, "backbone"):
            self.images[name] = stream.prepare(raw, None)
            component = self.prepared.config.pipeline.streams[name].backbone
            maps = _run_without_data(component, stream.backbone, self.images[name])
            if maps is not None:
                _check_maps(str(component), maps, stream.backbone.feature_specs)
                self.maps[name] = maps

    def check_head(self, name: str) -> None:
        """Raise ConfigError if a head does not return scores of its classes."""
        head, config = self.prepared.model.heads[name], self.prepared.config
        if not self.maps.keys() >= {*head.decoders}:
            return
        backbones = {one: stream.backbone for one, stream in self.prepared.model.streams.items()}
        count = self.prepared.blueprint.label_spaces()[name].num_classes
        with config.at("heads", name, "decoder"):
            inputs = (self.images, backbones) if head.on_images else (self.maps,)
            component = config.pipeline.heads[name].decoder
            scores: Scores | None = _run_without_data(component, head, *inputs)
            shape = (0, count, 0, 0) if scores is None else tuple(scores.tensor.shape)
            if len(shape) != 4 or shape[1] != count:
                raise PluxelError(
                    f"{component} returned scores {shape}; "
                    f"they must be (N, {count}, h, w) for {count} classes"
                )
            if scores is not None and not isinstance(scores.grid, Grid):
                found = article(type(scores.grid).__name__)
                raise PluxelError(f"{component} returned scores on {found}; they need a Grid")

    def check_transforms(self) -> tuple[int, int] | None:
        """Apply each transform to the first training sample; return the smallest (height, width).

        Returns None if the data are missing, or if training would skip the sample.

        Raises: ConfigError if the sample cannot be read, and with the place of each transform that
        fails.
        """
        config, spaces = self.prepared.config, self.prepared.blueprint.label_spaces()
        names, sources = self.prepared.model.input_names, self.prepared.blueprint.targets
        if config.pipeline.splits.get("train") in (None, *self.prepared.missing):
            return None
        try:
            dataset = self.prepared.dataset("train")
            sample = read_sample(dataset, 0)
            inputs = {name: raw_input(dataset, sample, name) for name in names}
            targets = {
                head: spaces[head].encode(raw_labels(dataset, sample, source))
                for head, source in sources.items()
            }
        except PluxelError:
            if config.pipeline.training.on_bad_sample == "skip":
                return None
            with config.at("dataset"):
                raise
        transforms = config.pipeline.augment.get("train", [])
        if not transforms:
            height, width = next(iter(inputs.values())).shape[:2]
            return height, width
        ignored = {head: space.ignore_index for head, space in spaces.items()}
        attempt = Augmentation(transforms, ignore_index=ignored).attempt(inputs, targets)
        problems: list[Problem] = []
        for place, message in attempt.problems:
            try:
                with config.at("augment", "train", *place):
                    raise PluxelError(message)
            except ConfigError as error:
                problems += error.problems
        if problems:
            raise ConfigError(problems)
        return attempt.size

    def check_norms(self, size: tuple[int, int]) -> None:
        """Raise ConfigError if a norm cannot train on batches of images (height, width)."""
        model, channels = self.prepared.model, self.prepared.blueprint.channels
        count = self.prepared.config.pipeline.training.batch_size
        images = {
            name: torch.zeros(count, channels[name], *size, dtype=torch.uint8, device="meta")
            for name in model.input_names
        }
        training = model.train()
        for norm in frozen_norms(training):
            norm.eval()
        with self.prepared.config.at("training", "batch_size"):
            _train_without_data(training, images)

    def check_loss(self, name: str, objective: Objective) -> None:
        """Raise ConfigError if a head's loss fails or does not return a scalar."""
        space, seen = self.prepared.blueprint.label_spaces()[name], objective.seen.get(name)
        count = len(seen.select(space.class_names)) if seen else space.num_classes
        logits = torch.linspace(-1, 1, 2 * count * 64).view(2, count, 8, 8)
        target = torch.arange(128).view(2, 8, 8) % count
        target[0, 0] = space.ignore_index
        component = self.prepared.config.pipeline.heads[name].loss
        with self.prepared.config.at("heads", name, "loss"):
            for term, _, loss in terms_of(objective.losses[name]):
                _check_loss(f"{component}{term and f', term {term}'}", loss, logits, target)


def _run_without_data(component: object, module: Any, *arguments: Any) -> Any:
    """Return the result on meta tensors, or None if it depends on values, which these lack.

    Raises: PluxelError that names the component for any other error.
    """
    try:
        with torch.no_grad():
            return module(*arguments)
    except PluxelError:
        raise
    except Exception as error:
        if isinstance(error, NotImplementedError) or _NEEDS_VALUES.search(str(error)):
            return None
        reason = f"{type(error).__name__}: {error}"
        raise PluxelError(f"{component} fails when it is called ({reason})") from error


_NEEDS_VALUES = re.compile(r"\bmeta\b|Meta|data-dependent|DataDependent|FakeTensor|^$")
"""Errors of operations that need values. Modules may raise empty errors in place of them."""


def _train_without_data(model: nn.Module, images: Mapping[str, Tensor]) -> None:
    """Run a model in training mode on meta tensors. Raises: SingleValue."""
    try:
        with torch.no_grad(), explained(model):
            model(images)
    except SingleValue:
        raise
    except Exception:  # noqa: BLE001 - as above
        return


def _check_maps(component: str, maps: Any, specs: Sequence[FeatureSpec]) -> None:
    if not isinstance(maps, list | tuple):
        raise PluxelError(
            f"{component} returned {article(type(maps).__name__)}; it must return a list of maps"
        )
    if len(maps) != len(specs):
        raise PluxelError(
            f"{component} must return the {len(specs)} maps that its feature_specs describe, "
            f"not {len(maps)}"
        )
    for one, spec in zip(maps, specs, strict=True):
        found = tuple(one.shape) if isinstance(one, Tensor) else article(type(one).__name__)
        if not isinstance(one, Tensor) or one.ndim != 4 or one.shape[1] != spec.channels:
            raise PluxelError(
                f"{component} returned {found} as map '{spec.name}'; "
                f"by its feature_specs, it must be a tensor (N, {spec.channels}, h, w)"
            )


def _check_loss(component: str, loss: Loss, logits: Tensor, target: Tensor) -> None:
    scores = Scores(logits.clone().requires_grad_(), Grid(1))
    try:
        value = resampled_loss(loss, scores, target)
    except Exception as error:
        text = str(error) if isinstance(error, PluxelError) else f"{type(error).__name__}: {error}"
        raise PluxelError(
            f"{component} fails for logits {tuple(logits.shape)} and target "
            f"{tuple(target.shape)} int64: {text}"
        ) from error
    if not isinstance(value, Tensor) or value.ndim:
        found = article(type(value).__name__)
        found = f"{found} {tuple(value.shape)}" if isinstance(value, Tensor) else found
        raise PluxelError(
            f"{component} returned {found}; a loss must return the loss of a batch, a tensor ()"
        )
    if not value.requires_grad:
        raise PluxelError(
            f"{component} returned a value that has no gradient: it cannot be trained"
        )
