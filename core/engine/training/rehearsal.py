"""Call each part of a training, to find those that violate their contract when called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ....registry import PluxelError, article, reason_of
from ...config._config import Config
from ...config.tree.problems import ConfigError, Problem
from ...contracts.kinds import Loss
from ...data.augmentation import Augmentation, TransformProblem, check_transforms
from ...data.samples import EvaluationData
from ...geometry.grid import FeatureSpec, Grid
from ...geometry.scores import Scores
from ...model.objective import Objective
from ...model.strips import resampled_loss, terms_of
from ..preparation import Prepared
from .optimizer import frozen_norms
from .single_values import SingleValue, explained

SIZE = 64, 64
"""Height and width of the images, which streams pad to a size that their backbones accept."""


@dataclass(frozen=True)
class Rehearsal:
    """Runs the streams, then the heads, of a model without memory for weights, and its losses.

    Streams and heads that cannot run without data are not checked. ``size``: (height, width) of
    the images. ``passed``: the places of the parts without an error.
    """

    prepared: Prepared
    training: bool = False
    batch_size: int = 2
    size: tuple[int, int] = SIZE
    images: dict[str, Tensor] = field(default_factory=dict)
    maps: dict[str, Sequence[Tensor]] = field(default_factory=dict)
    passed: set[tuple[str, str]] = field(default_factory=set)

    def in_training(self, size: tuple[int, int] | None) -> Rehearsal:
        """Return a rehearsal in training mode with batches of images (height, width).

        If the size is unknown, norms always see more than a single value.
        """
        count = self.prepared.config.pipeline.training.batch_size
        return Rehearsal(self.prepared, True, count if size else self.batch_size, size or self.size)

    def check_stream(self, name: str) -> None:
        """Raise ConfigError if the maps of a backbone do not match its ``feature_specs``."""
        stream, channels = self.prepared.model.streams[name], self.prepared.blueprint.channels
        shape = self.batch_size, *self.size
        raw = {
            one: torch.zeros(shape[0], channels[one], *shape[1:], dtype=torch.uint8, device="meta")
            for one in stream.inputs
        }
        with self.prepared.config.at("streams", name, "backbone"):
            self.images[name] = stream.prepare(raw, None)
            component = self.prepared.config.pipeline.streams[name].backbone
            with torch.no_grad():
                maps = self._run(component, stream.backbone, self.images[name])
            if maps is not None:
                _check_maps(str(component), maps, stream.backbone.feature_specs)
                self.maps[name] = maps
        self.passed.add(("streams", name))

    def check_head(self, name: str) -> None:
        """Raise ConfigError if a head does not return scores of its classes that fit their grid.

        In training mode, the scores must have a gradient.
        """
        head, config = self.prepared.model.heads[name], self.prepared.config
        if not self.maps.keys() >= {*head.decoders}:
            return
        backbones = {one: stream.backbone for one, stream in self.prepared.model.streams.items()}
        count = self.prepared.blueprint.label_spaces()[name].num_classes
        with config.at("heads", name, "decoder"):
            component = config.pipeline.heads[name].decoder
            scores: Scores | None
            with torch.set_grad_enabled(self.training):
                images = {one: _differentiable(image) for one, image in self.images.items()}
                maps = {one: [*map(_differentiable, found)] for one, found in self.maps.items()}
                inputs = (images, backbones) if head.on_images else (maps,)
                scores = self._run(component, head, *inputs)
            shape = (0, count, 0, 0) if scores is None else tuple(scores.tensor.shape)
            if len(shape) != 4 or shape[1] != count:
                raise PluxelError(
                    f"{component} returned scores {shape}; "
                    f"they must be (N, {count}, h, w) for {count} classes"
                )
            if scores is not None and self.training and not scores.tensor.requires_grad:
                raise PluxelError(
                    f"{component} returned scores that have no gradient: it cannot be trained"
                )
        self.passed.add(("heads", name))

    def _run(self, component: object, module: Any, *arguments: Any) -> Any:
        """Return the result of a module on meta tensors, or None if it needs their values.

        Raises: ConfigError at ``batch_size`` if a norm cannot train on such batches; PluxelError
        that names the component for any other error.
        """

        def call(*arguments: Any) -> Any:
            with explained(self.prepared.model):
                return module(*arguments)

        try:
            with self._mode():
                return _run_without_data(component, call, *arguments)
        except SingleValue:
            with self.prepared.config.at("training", "batch_size"):
                raise

    @contextmanager
    def _mode(self) -> Iterator[None]:
        """Put the model in the mode of the rehearsal while the block runs."""
        model = self.prepared.model
        before = [(module, module.training) for module in model.modules()]
        model.train(self.training)
        for norm in frozen_norms(model):
            norm.eval()
        try:
            yield
        finally:
            for module, training in before:
                module.training = training

    def check_transforms(self) -> tuple[int, int] | None:
        """Apply each transform to the first training sample; return the smallest (height, width).

        Returns None if the data are missing, or if training would skip the sample.

        Raises: ConfigError if the sample cannot be read, and with the place of each transform that
        fails.
        """
        config, spaces = self.prepared.config, self.prepared.blueprint.label_spaces()
        transforms = config.pipeline.augment.get("train", [])
        specs = self.prepared.model.input_specs
        if transforms and self.prepared.datasets:
            _raise_at(config, check_transforms(transforms, specs))
        if config.pipeline.splits.get("train") in (None, *self.prepared.missing):
            return None
        try:
            data = EvaluationData(
                self.prepared.dataset("train"),
                spaces,
                inputs=self.prepared.model.input_names,
                sources=self.prepared.blueprint.targets,
            )
            sample = data[0]
        except PluxelError:
            if config.pipeline.training.on_bad_sample == "skip":
                return None
            with config.at("dataset"):
                raise
        if not transforms:
            return sample.size
        augmentation = Augmentation(transforms, ignore_index=sample.ignore_index, specs=specs)
        attempt = augmentation.attempt(sample.inputs, sample.targets)
        _raise_at(config, attempt.problems)
        return attempt.size

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


def _raise_at(config: Config, found: Iterable[TransformProblem]) -> None:
    """Raise ConfigError with the place of each problem of a transform, if there are any."""
    problems: list[Problem] = []
    for place, message in found:
        try:
            with config.at("augment", "train", *place):
                raise PluxelError(message)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)


def _differentiable(tensor: Tensor) -> Tensor:
    """Return a copy that has a gradient, if gradients are enabled and its type can have one."""
    if not (torch.is_grad_enabled() and tensor.is_floating_point()):
        return tensor
    return tensor.detach().requires_grad_().clone()  # operations in place forbid leaves


def _run_without_data(component: object, module: Any, *arguments: Any) -> Any:
    """Return the result on meta tensors, or None if it depends on values, which these lack.

    Raises: PluxelError that names the component for any other error.
    """
    try:
        return module(*arguments)
    except PluxelError:
        raise
    except Exception as error:
        if _needs_values(error):
            return None
        reason, notes = reason_of(error)
        raise PluxelError(f"{component} fails when it is called ({reason})", notes) from error


def _needs_values(error: BaseException | None) -> bool:
    """Return whether torch raised an error, or one that it replaced, for the lack of values."""
    while error is not None:
        if _NO_VALUES.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


_NO_VALUES = re.compile(
    r"\bmeta (\w+ )?tensors?\b|\bmeta (device|kernel)\b|\bregister_meta\b|'meta' (device|backend)"
    r"|\bdevices?,? (cpu(,| and) )?meta\b|\bit's on meta\b|\btensor at meta\b",
    re.IGNORECASE,
)
"""What torch says of operations on meta tensors, and of those that also receive other tensors."""


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
        reason, notes = reason_of(error)
        raise PluxelError(
            f"{component} fails for logits {tuple(logits.shape)} and target "
            f"{tuple(target.shape)} int64: {reason}",
            notes,
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
