"""Versions of the formats of files, and what to say about a file of another version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...registry import PluxelError


@dataclass(frozen=True)
class FileFormat:
    """A format of files, whose versions are whole numbers.

    ``name``: what the files hold, such as ``run``. ``current``: the version that this release
    writes; it increases when older releases cannot read it. ``ended``: each version that this
    release no longer opens -> the last release that does, or an empty string if none ever did.
    """

    name: str
    current: int
    ended: Mapping[int, str] = field(default_factory=dict)

    def check(self, version: int, path: Path) -> None:
        """Raise PluxelError for a file of a version that this release does not open."""
        if version > self.current:
            raise PluxelError(
                f"{path} was written by a newer Pluxel (version {version} of the {self.name} "
                f"format; this one opens version {self.current}): pip install --upgrade pluxel"
            )
        if (release := self.ended.get(version)) is None:
            return
        remedy = f"pip install 'pluxel=={release}' opens it" if release else "make it again"
        raise PluxelError(
            f"{path} was written by an older Pluxel (version {version} of the {self.name} format), "
            f"and this one no longer opens it: {remedy}"
        )
