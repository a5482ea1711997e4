"""What every command shares: the global options, and the host that they describe."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...registry import Host


@dataclass
class Session:
    """The object of the click context: ``ctx.obj.host``."""

    plugins: tuple[Path, ...] = ()
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    traceback: bool = False

    @cached_property
    def host(self) -> Host:
        """The installed plugins; looked for when a command first asks."""
        from ...registry import Host

        return Host(files=self.plugins, allow=self.allow or None, deny=self.deny)
