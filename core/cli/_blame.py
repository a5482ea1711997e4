"""Name the plugins whose code an error passes through, and the command that runs without them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from ...registry import ComponentImportError, PluxelError
from ._plugin_commands import owners_of

if TYPE_CHECKING:
    from ...registry import PluginFrame
    from ._session import Session


def name_plugins(error: BaseException, session: Session, arguments: Sequence[str] | None) -> None:
    """Add a note to an error that passes through plugins; Python shows it after the traceback.

    ``arguments``: of the command line; None for those of the process. A plugin that ends the
    process shows no traceback, so the note is printed.
    """
    if frames := _frames(error, session):
        given = sys.argv[1:] if arguments is None else arguments
        ended = isinstance(error, SystemExit)
        note = f"{_passes(frames, ended=ended)}\n{_way_out([*frames], session, given)}"
        if ended:
            click.echo(note, err=True)
        else:
            error.add_note(note)


def place_in_plugin(error: PluxelError, session: Session) -> str:
    """Return where a plugin raised what the text of an error reports; empty if none did.

    A plugin that raises a PluxelError itself has said what is wrong, and what cannot be imported
    names its plugin.
    """
    cause: BaseException | None = error
    while isinstance(cause, PluxelError):
        if isinstance(cause, ComponentImportError):
            return ""
        cause = cause.__cause__ or cause.__context__
    frames = _frames(cause, session) if cause and not isinstance(cause, ImportError) else {}
    if not frames:
        return ""
    name, frame = frames.popitem()
    return f"raised by plugin {name}: {_place(frame)}; --traceback shows more"


def _frames(error: BaseException, session: Session) -> dict[str, PluginFrame]:
    """Return plugin -> the innermost frame of an error in its code."""
    if "host" not in vars(session):  # no plugin was loaded
        return {}
    return {frame.provider: frame for frame in session.host.frames(error)}


def _place(frame: PluginFrame) -> str:
    return f"{frame.file}, line {frame.line}, in {frame.function}"


def _passes(frames: Mapping[str, PluginFrame], *, ended: bool) -> str:
    named = " and ".join(f"{name} ({_place(frame)})" for name, frame in frames.items())
    plural = "s" if len(frames) > 1 else ""
    if ended:
        return f"Plugin{plural} {named} ended the process with sys.exit."
    return f"The error passes through the code of plugin{plural} {named}."


def _way_out(providers: Sequence[str], session: Session, arguments: Sequence[str]) -> str:
    """Return the command that runs without these plugins, or that there is none."""
    host, left = session.host, _without(providers, arguments)
    needed = {one.provider for one in owners_of(host, session.command)}
    if session.command == "plugins":  # whose argument may be a plugin
        needed |= {found.name for word in arguments if (found := host.provider(word))}
    for name in providers:
        if name in needed:
            return f"pluxel {session.command} cannot run without plugin {name}."
    return f"To run without {'them' if providers[1:] else 'it'}: {shlex.join(['pluxel', *left])}"


def _without(providers: Sequence[str], arguments: Sequence[str]) -> list[str]:
    """Return the arguments of the command line that does not load these plugins."""
    left: list[str] = []
    words = iter(arguments)
    for word in words:
        option, separator, value = word.partition("=")
        if option == "--plugin":
            value = value if separator else next(words, "")
            if value.replace("\\", "/").rpartition("/")[2] not in providers:
                left += [option, value]
        else:
            left.append(word)
    installed = [name for name in providers if not name.endswith(".py")]
    return [*(part for name in installed for part in ("--deny-plugin", name)), *left]
