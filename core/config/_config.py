"""Valid configurations that keep the source location of every value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ...registry import Host, PluxelError
from ._dump import pipeline_tree
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
from .tree.paths import expand
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
            problem = Problem(self.locate(path), error.message, error.notes)
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
    """A valid ``pipeline``, with defaults, from the file ``source``, its bases and overrides."""

    pipeline: PipelineConfig
    source: Path

    def show(self, *, origin: bool = False) -> str:
        """Return the configuration as YAML; ``origin`` appends the origin of each value."""
        tree = pipeline_tree(self.pipeline, absolute=False)
        return emit(tree, (lambda path: self.origin(*path)) if origin else None)

    def dump(self) -> str:
        """Return portable YAML: absolute paths, qualified names, versions."""
        written = pipeline_tree(self.pipeline, absolute=True)
        record = provenance(self.pipeline, written, self.tree, self.host)
        header = f"# Written by Pluxel {record['version']}, with all defaults.\n"
        return header + emit({"pluxel": record, **written})
