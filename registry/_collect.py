"""Load one plugin: collect its records, or the reason for the failure."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from inspect import getattr_static

from pluggy import PluginManager, PluginValidationError

from . import hookspecs
from ._component import Component
from ._errors import PluginError, own_traceback, reason_of
from ._packages import missing_package
from ._sources import PluginSource, location
from ._suggest import did_you_mean
from .hookspecs import KINDS

Records = Mapping[str, list[Component]]
"""Kind -> the components of that kind that one plugin offers."""


@dataclass(frozen=True)
class LoadFailure:
    """A plugin that failed to load; ``error`` is one line, ``notes`` add what else it says.

    ``traceback``: through the plugin's own code; empty if none of it raised, or if a package is
    missing.
    """

    provider: str
    error: str
    traceback: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"plugin {self.provider} ({self.error}) failed to load"


def load(source: PluginSource) -> tuple[Records, str]:
    """Import a plugin; return its records and the file of its code.

    Output that the plugin prints goes to stderr, because stdout belongs to the command.

    Raises: whatever the plugin raises, even SystemExit; PluginError if it breaks a rule.
    """
    with redirect_stdout(sys.stderr):
        plugin = source.load()
        return _collect(plugin), location(plugin)


def failure(provider: str, error: BaseException) -> LoadFailure:
    """Convert an exception to text; the exception would keep every frame's variables alive."""
    message, notes = reason_of(error)
    missing = missing_package(error, provider)
    traceback = "" if missing else own_traceback(error)
    return LoadFailure(provider, message, traceback, () if traceback else notes)


def _collect(plugin: object) -> Records:
    # One manager per plugin, because pluggy does not undo a registration that fails halfway.
    manager = PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(plugin)
    except PluginValidationError as error:
        raise PluginError(f"PluginValidationError: {' '.join(str(error).split())}") from error
    implemented = {caller.name: caller for caller in manager.get_hookcallers(plugin) or ()}
    _check_undecorated(plugin, implemented)
    records: dict[str, list[Component]] = {}
    for name, caller in implemented.items():
        for implementation in caller.get_hookimpls():
            if caller.has_spec():
                records[_KIND_OF[name]] = _checked(name, implementation.function())
            elif not implementation.optionalhook:  # an optional hook may be of a later version
                hint = did_you_mean(name, KINDS.values())
                raise PluginError(f"unknown hook {name!r}.{hint}")
    return records


_KIND_OF = {hook: kind for kind, hook in KINDS.items()}


def _check_undecorated(plugin: object, implemented: Mapping[str, object]) -> None:
    for name in KINDS.values():
        if name not in implemented and getattr_static(plugin, name, None) is not None:
            raise PluginError(f"{name} is not decorated with @hookimpl")
    if not implemented:
        raise PluginError(
            "it implements no hook: decorate a function such as pluxel_decoders with @hookimpl"
        )


def _checked(hook: str, returned: object) -> list[Component]:
    if not isinstance(returned, list):
        raise PluginError(f"{hook} returned a {type(returned).__name__}, not a list of Component")
    for record in returned:
        if not isinstance(record, Component):
            raise PluginError(
                f"{hook} returned a list that contains a {type(record).__name__}: "
                "every item must be a Component"
            )
    return returned
