"""A component under test, and how the checks build it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache, cached_property, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import create_model

from ...registry import Component, Host, PluxelError
from ..common.randomness import seeded
from ..config._load import validate
from ..config.sections.factory import Factory
from ..config.sections.plain import to_plain
from ..config.sections.section import Section
from ..config.tree.nodes import Location, MapNode
from ..config.tree.parse import parse
from ..config.tree.problems import ConfigError, Problems
from ..contracts.kinds import Dataset, Embedding, Loss, Metric, Tracker
from ..contracts.table import CONTRACTS
from ..geometry.tracing import Measurement, measure

Parameters = Mapping[str, Any] | Callable[[Path], Mapping[str, Any]]
"""Parameters as in a YAML file, or a function that writes files into an empty folder and returns
them. The key ``split`` of a dataset names the split to open; by default ``train``."""

NUM_CLASSES = 4
"""Classes of the decoders, losses and metrics that the checks build."""

IGNORE_INDEX = 255


class Subject:
    """One component of a plugin.

    ``given``: its parameters, or a function that makes them in ``folder``, which is empty.
    """

    def __init__(
        self,
        host: Host,
        kind: str,
        component: Component,
        given: Parameters = MappingProxyType({}),
        folder: Path | None = None,
        built: dict[str, Any] | None = None,
    ) -> None:
        self.host = host
        self.kind = kind
        self.component = component
        self.given = given
        self.folder = folder
        self._built = {} if built is None else built  # what all folders share, by name

    def __str__(self) -> str:
        return f"{self.kind}/{self.component.name}"

    def within(self, folder: Path) -> Subject:
        """Return the subject with a folder for its files, empty the first time."""
        return Subject(self.host, self.kind, self.component, self.given, folder, self._built)

    @cached_property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters, as a YAML file would give them; ``split`` is not one of them."""
        return {key: value for key, value in self._given.items() if key != "split"}

    @property
    def split(self) -> str:
        """The split of a dataset to open."""
        return self._given.get("split", "train")

    @cached_property
    def _given(self) -> Mapping[str, Any]:
        if not callable(self.given):
            return self.given
        if self.folder is None:
            raise RuntimeError(f"{self} needs a folder for its files: use subject.within(folder)")
        key = f"parameters in {self.folder}"
        if key not in self._built:  # checks leave the files as they are
            self.folder.mkdir(parents=True, exist_ok=True)
            self._built[key] = self.given(self.folder)
        return self._built[key]

    def factory(self, **changed: Any) -> Factory[Any]:
        """Return the factory that a YAML file with these parameters gives.

        Raises: PluxelError for missing or invalid parameters.
        """
        section = {"type": self.component.qualified, **self.parameters, **changed}
        text = json.dumps({self.kind: to_plain(section, absolute=False)})
        problems = Problems()
        tree = parse(text, lambda _line, _column: Location("", override=str(self)), problems)
        assert isinstance(tree, MapNode)
        try:
            settings = validate(tree, _section(self.kind), self.host, problems)
            problems.stop_if_any()
        except ConfigError as error:
            raise PluxelError(str(error), [self._how_to_set]) from error
        return getattr(settings, self.kind)

    @property
    def _how_to_set(self) -> str:
        return (
            f'conformance(…, parameters={{"{self}": {{…}}}}) sets parameters; on the command line, '
            f"--parameter {self}.KEY=VALUE"
        )

    def backbone(self, in_channels: int = 3, *, seed: int | None = 0, **changed: Any) -> Any:
        """Return the backbone, in evaluation mode, with random weights from a seed.

        ``seed``: None to draw them from PyTorch's generator as it is.
        """
        with _from(seed):
            return self.factory(**changed)(in_channels=in_channels).eval()

    def usual_backbone(self) -> Any:
        """Return a copy of the backbone for three channels, which is built once: that takes long.

        If it cannot be copied, which is a fault of its own, each is built.
        """
        if "backbone" not in self._built:
            self._built["backbone"] = self.backbone()
        try:
            return copy.deepcopy(self._built["backbone"])
        except Exception:  # noqa: BLE001 - its own code may raise anything
            return self.backbone()

    def measurement(self) -> Measurement:
        """Return the measurement of the backbone for three channels."""
        if "measurement" not in self._built:
            self._built["measurement"] = measure(self.usual_backbone(), 3)
        return self._built["measurement"]

    def decoder(
        self, backbone: Any, num_classes: int = NUM_CLASSES, *, seed: int | None = 0
    ) -> Any:
        """Return the decoder for a backbone's maps, in evaluation mode; ``seed``: as above."""
        with _from(seed):
            built = self.factory()(
                features=backbone.feature_specs,
                num_classes=num_classes,
                class_names=names(num_classes),
                backbone=backbone,
                in_channels=3,
            )
        return built.eval()

    def loss(
        self,
        num_classes: int = NUM_CLASSES,
        ignore_index: int = IGNORE_INDEX,
        order: list[int] | None = None,
    ) -> Loss:
        """Return the loss; ``order``: of the classes, by default 0 … ``num_classes`` − 1."""
        order = order or [*range(num_classes)]
        counts = [1000 // 4**number for number in order]
        return self.factory()(
            num_classes=num_classes,
            ignore_index=ignore_index,
            class_names=[names(num_classes)[number] for number in order],
            class_frequencies=partial(tuple, counts),
        )

    def dataset(self, **changed: Any) -> Dataset:
        """Return the dataset, opened at `split`."""
        return self.factory(**changed)(split=self.split)

    def embedding(self, **changed: Any) -> Embedding:
        """Return the embedding."""
        return self.factory(**changed)()

    def metric(
        self,
        num_classes: int = NUM_CLASSES,
        ignore_index: int = IGNORE_INDEX,
        order: list[int] | None = None,
    ) -> Metric:
        """Return the metric; ``order``: of the classes, by default 0 … ``num_classes`` − 1."""
        order = order or [*range(num_classes)]
        return self.factory()(
            num_classes=num_classes,
            ignore_index=ignore_index,
            class_names=[names(num_classes)[number] for number in order],
        )

    def tracker(self, **changed: Any) -> Tracker:
        """Return the tracker, before its start."""
        return self.factory(**changed)()


def _from(seed: int | None) -> AbstractContextManager[None]:
    return nullcontext() if seed is None else seeded(seed)


@cache
def _section(kind: str) -> type[Section]:
    """Return a section of YAML whose only key is a component of this kind."""
    factory: Any = Factory
    fields: dict[str, Any] = {kind: (factory[CONTRACTS[kind].required], ...)}
    return create_model("Tested", __base__=Section, **fields)


def names(num_classes: int) -> list[str]:
    """Return names of classes: ``class0``, ``class1``, …."""
    return [f"class{number}" for number in range(num_classes)]
