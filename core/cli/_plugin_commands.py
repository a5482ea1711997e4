"""The commands that plugins add to ``pluxel``."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click

    from ...registry import Host, Subcommand
    from ._session import Session


def may_exist(session: Session) -> bool:
    """Return whether a plugin may add commands.

    Most installations have no plugin, and then the help needs neither the host nor the modules that
    find plugins.
    """
    if session.plugins:
        return True
    if session.allow is not None:
        return bool(session.allow)
    return os.environ.get("PLUXEL_PLUGINS") != "" and declares_plugins(sys.path)


def declares_plugins(path: Iterable[str]) -> bool:
    """Return whether a distribution other than Pluxel on a path may declare a plugin.

    Only reads the names of files and entry points. What is in archives is unknown, so it may.
    """
    for folder in path:
        try:
            names = os.listdir(folder or ".")  # noqa: PTH208 - pathlib takes longer
        except NotADirectoryError:
            return True
        except OSError:
            continue
        for name in names:
            stem, suffix = os.path.splitext(name)  # noqa: PTH122 - as above
            if suffix not in (".dist-info", ".egg-info") or stem.partition("-")[0] == "pluxel":
                continue
            file = os.path.join(folder, name, "entry_points.txt")  # noqa: PTH118 - as above
            try:
                if b"pluxel" in Path(file).read_bytes().lower():
                    return True
            except OSError:
                continue
    return False


def listed(host: Host, built_in: Collection[str]) -> dict[str, Subcommand]:
    """Return the commands of plugins by the name that calls them.

    It is qualified if Pluxel or another plugin has the short name.
    """
    commands = host.commands
    names = [*built_in, *(one.name for one in commands)]
    return {one.name if names.count(one.name) == 1 else one.qualified: one for one in commands}


def find(host: Host, name: str) -> click.Command | None:
    """Import the command of a plugin; return None if there is no such command.

    Raises: PluxelError if it cannot be imported, is not a click command, or is ambiguous.
    """
    from ...registry import PluxelError

    owners = owners_of(host, name)
    if len(owners) > 1:
        spellings = " or ".join(f"pluxel {one.qualified}" for one in owners)
        raise PluxelError(f"command {name!r} is offered by {len(owners)} plugins. Run {spellings}")
    if not owners:
        return None
    return load_command(host, owners[0])


def owners_of(host: Host, name: str) -> list[Subcommand]:
    """Return the commands of plugins with a bare or qualified name."""
    return [one for one in host.commands if name in (one.name, one.qualified)]


def load_command(host: Host, command: Subcommand) -> click.Command:
    """Import a command. Raises: PluxelError if that fails, or if it is not a click command."""
    import click

    from ...registry import PluxelError

    found = host.load_command(command)
    if not isinstance(found, click.Command):
        raise PluxelError(
            f"{command.qualified} is registered as {command.target}, but that is not a click "
            "command: decorate it with @click.command()"
        )
    return found
