"""State shared by all commands: the global options and the plugin host."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...registry import Host


class Session:  # no dataclass, whose module the help does not need
    """The global options; click passes this object as ``ctx.obj``."""

    def __init__(self) -> None:
        self.plugins: tuple[Path, ...] = ()
        self.allow: tuple[str, ...] = ()
        self.deny: tuple[str, ...] = ()
        self.traceback = False
        self.command = ""

    @cached_property
    def host(self) -> Host:
        """The plugin host, created on first use."""
        from ...registry import Host

        return Host(files=self.plugins, allow=self.allow or None, deny=self.deny)
