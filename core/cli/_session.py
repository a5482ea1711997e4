"""State shared by all commands: the global options and the plugin host."""

from __future__ import annotations

import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...registry import Host


class Session:  # no dataclass, whose module the help does not need
    """The global options; click passes this object as ``ctx.obj``."""

    def __init__(self) -> None:
        self.plugins: tuple[Path, ...] = ()
        self.allow: tuple[str, ...] | None = None
        self.deny: tuple[str, ...] = ()
        self.traceback = False
        self.command = ""

    @cached_property
    def host(self) -> Host:
        """The plugin host, created on first use."""
        from ...registry import Host

        return Host(files=self.plugins, allow=self.allow, deny=self.deny)

    def add_plugin(self, file: Path) -> None:
        """Load a plugin from a single file, too, as ``--plugin`` does."""
        if file not in self.plugins:
            self.plugins = (*self.plugins, file)
            vars(self).pop("host", None)

    @property
    def options(self) -> list[str]:
        """The global options as on the command line."""
        allow = [] if self.allow is None else _each("--allow-plugin", self.allow)
        return [
            *_each("--plugin", map(str, self.plugins)),
            *(["--no-plugins"] if self.allow == () else allow),
            *_each("--deny-plugin", self.deny),
            *(["--traceback"] if self.traceback else []),
        ]

    def process(self, *arguments: str) -> list[str]:
        """Return the command of a process that runs pluxel with the same global options.

        As ``pluxel`` itself, it imports nothing from the working folder.
        """
        return [sys.executable, "-P", "-m", "pluxel", *self.options, *arguments]


def _each(option: str, values: Iterable[str]) -> list[str]:
    return [part for value in values for part in (option, value)]


def configured(ctx: click.Context) -> Session:
    """Return the session with the global options of the outermost context.

    The help and the completion may ask before the group runs.

    Raises: UsageError if two of them contradict each other.
    """
    session, given = ctx.ensure_object(Session), ctx.params
    session.plugins, session.deny = given.get("plugins", ()), given.get("deny", ())
    allow, no_plugins = given.get("allow", ()), given.get("no_plugins", False)
    if no_plugins and allow:
        raise click.UsageError("--no-plugins excludes what --allow-plugin permits: give only one.")
    session.allow = allow if allow or no_plugins else None
    return session
