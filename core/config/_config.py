"""Valid configurations that keep the source location of every value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...registry import Host, PluxelError
from ._dump import is_phase_name, of_phase, pipelines_tree
from ._provenance import provenance
from .sections.pipeline import PipelineConfig
from .tree.emit import emit
from .tree.nodes import (
    Location,
    MapNode,
    Node,
    Segment,
    anchor,
    child,
    descend,
    is_whole,
)
from .tree.paths import expand, format_path
from .tree.problems import ConfigError, Problem

DEFAULT = "default"
"""The origin of a value that is not in any file or override."""


@dataclass(frozen=True)
class Written:
    """The merged ``tree`` of a configuration, with source locations.

    ``locate``, ``at`` and ``origin`` take paths in the long or the short form, such as
    ``("decoder", "dropout")``.
    """

    tree: MapNode = field(repr=False, compare=False)
    host: Host = field(repr=False, compare=False)

    def locate(self, path: tuple[Segment, ...]) -> Location | None:
        """Return the location of a value, or of its nearest ancestor in the source."""
        *_, node = descend(self.tree, expand(path))
        return anchor(node)

    @contextmanager
    def at(self, *path: Segment) -> Iterator[None]:
        """Add the location of a part of the configuration to errors raised in the block.

        Raises: ConfigError in place of any other PluxelError.
        """
        try:
            yield
        except ConfigError:
            raise
        except PluxelError as error:
            problem = Problem(self.locate(path), error.message, error.notes, error)
            raise ConfigError([problem]) from error

    def origin(self, *path: Segment) -> str:
        """Return ``file:line:column``, ``override '…'`` or ``default`` for one value."""
        long = expand(path)
        node: Node = self.tree
        for step, segment in enumerate(long, start=1):
            following = child(node, segment)
            if following is None and not is_whole(node, long[step - 1 :]):
                return DEFAULT
            node = following or node
        return str(node.location)


@dataclass(frozen=True)
class Config(Written):
    """A valid ``pipeline``, with defaults, from the file ``source``, its bases and overrides.

    If training has phases, this is the last one, called ``phase``; ``earlier``: those before it.
    """

    pipeline: PipelineConfig
    source: Path
    phase: str = ""
    earlier: tuple[Config, ...] = ()

    @property
    def phases(self) -> tuple[Config, ...]:
        """All phases of the training, each a configuration of its own; without phases, itself."""
        return (*self.earlier, replace(self, earlier=()) if self.earlier else self)

    def with_pipelines(self, change: Callable[[PipelineConfig], PipelineConfig]) -> Config:
        """Return the configuration with the pipelines of all phases changed alike."""
        earlier = tuple(each.with_pipelines(change) for each in self.earlier)
        return replace(self, pipeline=change(self.pipeline), earlier=earlier)

    def show(self, *, origin: bool = False) -> str:
        """Return the configuration as YAML; ``origin`` appends the origin of each value."""
        return emit(self._written(absolute=False), self._origin_in if origin else None)

    def dump(self) -> str:
        """Return portable YAML: absolute paths, qualified names, versions."""
        written = self._written(absolute=True)
        trees = {each.phase: each.tree for each in self.phases}
        pipelines = [each.pipeline for each in self.phases]
        record = provenance(pipelines, written, trees, self.host)
        header = f"# Written by Pluxel {record['version']}, with all defaults.\n"
        return header + emit({"pluxel": record, **written})

    def plain(self) -> dict[str, Any]:
        """Return what `dump` writes as plain values, without the versions."""
        return self._written(absolute=True)

    def origins(self) -> dict[str, str]:
        """Return dotted key -> origin of each value that a file or an override sets."""
        found = {
            format_path(path): self._origin_in(path)
            for path in _leaves(self._written(absolute=False))
        }
        return {key: origin for key, origin in found.items() if origin not in ("", DEFAULT)}

    def _written(self, *, absolute: bool) -> dict[str, Any]:
        pipelines = {each.phase: each.pipeline for each in self.phases}
        return pipelines_tree(pipelines, absolute=absolute)

    def _origin_in(self, path: tuple[Segment, ...]) -> str:
        if is_phase_name(path):
            return ""  # the number of the phase, unless the line says something else
        index, inner = of_phase(path)
        return self.phases[-1 if index is None else index].origin(*inner)


def _leaves(value: Any, path: tuple[Segment, ...] = ()) -> Iterator[tuple[Segment, ...]]:
    """Yield the paths of all values that are not mappings with entries."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    else:
        yield path
