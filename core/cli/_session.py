"""State shared by all commands: the global options and the plugin host."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...registry import Host


@dataclass
class Session:
    """The global options; click passes this object as ``ctx.obj``."""

    plugins: tuple[Path, ...] = ()
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    traceback: bool = False
    command: str = ""

    @cached_property
    def host(self) -> Host:
        """The plugin host, created on first use."""
        from ...registry import Host

        return Host(files=self.plugins, allow=self.allow or None, deny=self.deny)
