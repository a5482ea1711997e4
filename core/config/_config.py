"""Configurations that are valid, and still know where every value in them was written."""

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
from .tree.nodes import Location, MapNode, Segment, anchor, descend
from .tree.paths import expand
from .tree.problems import ConfigError, Problem

DEFAULT = "default"
"""The origin of what nobody wrote."""


@dataclass(frozen=True)
class Written:
    """Where the values of a configuration were written: its merged ``tree``.

    Paths into it, as ``locate``, ``at`` and ``origin`` take them, are those of the long form or of
    the short one: ``("decoder", "dropout")``.
    """

    tree: MapNode = field(repr=False, compare=False)
    host: Host = field(repr=False, compare=False)

    def locate(self, path: tuple[Segment, ...]) -> Location | None:
        """Return where a value is written, or the nearest part of the file that holds it."""
        *_, node = descend(self.tree, expand(path))
        return anchor(node)

    @contextmanager
    def at(self, *path: Segment) -> Iterator[None]:
        """Give errors that are raised in the block the place of a part of the configuration.

        Raises: ConfigError instead of any PluxelError that is not one already.
        """
        try:
            yield
        except ConfigError:
            raise
        except PluxelError as error:
            problem = Problem(self.locate(path), error.message, error.notes)
            raise ConfigError([problem]) from error

    def origin(self, *path: Segment) -> str:
        """Return ``file:line:column``, ``command line: …`` or ``default`` for one value."""
        long = expand(path)
        nodes = list(descend(self.tree, long))
        # `decoder: fcn8s` is where its type is written too.
        is_name = long[-1:] == ("type",) and len(nodes) == len(long)
        if len(nodes) == len(long) + 1 or (is_name and not isinstance(nodes[-1], MapNode)):
            return str(nodes[-1].location)
        return DEFAULT


@dataclass(frozen=True)
class Config(Written):
    """``pipeline``: what the file ``source``, its bases and the command line say, with defaults."""

    pipeline: PipelineConfig
    source: Path

    def show(self, *, origin: bool = False) -> str:
        """Return the configuration as YAML, each value's origin behind it if asked for."""
        tree = pipeline_tree(self.pipeline, absolute=False)
        return emit(tree, (lambda path: self.origin(*path)) if origin else None)

    def dump(self) -> str:
        """Return YAML that means the same anywhere: absolute paths, qualified names, versions."""
        written = provenance(self.pipeline, self.host)
        header = f"# Written by Pluxel {written['version']}, with all defaults.\n"
        return header + emit({"pluxel": written, **pipeline_tree(self.pipeline, absolute=True)})
