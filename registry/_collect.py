"""Load one plugin: collect its records and hooks, or the reason for the failure."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from inspect import getattr_static
from typing import NamedTuple, TypeVar

from pluggy import HookImpl, PluginManager, PluginValidationError

from . import hookspecs
from ._api import API_VERSION, check_api_version, former_names
from ._component import Component, Subcommand
from ._errors import PluginError, own_traceback, reason_of
from ._lifecycle import Listener
from ._packages import missing_package
from ._sources import PluginSource, location
from ._suggest import did_you_mean
from .hookspecs import KINDS, RENAMED

Records = Mapping[str, list[Component]]
"""Kind -> the components of that kind that one plugin offers."""

Record = TypeVar("Record")

COMMANDS = "pluxel_commands"
HOOKS = tuple(name for name in vars(hookspecs) if name.startswith("pluxel_"))
_KIND_OF = {hook: kind for kind, hook in KINDS.items()}


class Offer(NamedTuple):
    """What a plugin offers.

    ``former_names``: of its distribution. ``location``, ``module``: of the code that registered.
    ``renamed``: former names of hooks that it implements.
    """

    records: Records
    commands: Sequence[Subcommand]
    listeners: Sequence[Listener]
    former_names: Sequence[str]
    location: str
    module: str
    renamed: Sequence[str]


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


class Collector:
    """Imports plugins and collects what they offer."""

    def __init__(self) -> None:
        self._manager: PluginManager | None = None

    def load(self, source: PluginSource) -> Offer:
        """Import a plugin and return what it offers.

        Output that the plugin prints goes to stderr, because stdout belongs to the command.

        Raises: whatever the plugin raises, even SystemExit; PluginError if it breaks a rule.
        """
        with redirect_stdout(sys.stderr):
            plugin = source.load()
            check_api_version(plugin, source.provider)
            former = former_names(plugin)
            found = self._implementations(plugin)
            records: dict[str, list[Component]] = {}
            commands: list[Subcommand] = []
            listeners: list[Listener] = []
            for written, implementation in found.items():
                name = RENAMED.get(written, written)
                if name in _KIND_OF:
                    records[_KIND_OF[name]] = _returned(name, implementation, Component)
                elif name == COMMANDS:
                    commands = _returned(name, implementation, Subcommand)
                else:
                    function, arguments = implementation.function, implementation.argnames
                    listeners.append(Listener(source.provider, name, function, tuple(arguments)))
            renamed = [name for name in found if name in RENAMED]
            module = getattr(plugin, "__module__", getattr(plugin, "__name__", ""))
            place = location(plugin)
        return Offer(records, commands, listeners, former, place, str(module), renamed)

    def _implementations(self, plugin: object) -> dict[str, HookImpl]:
        """Return the hooks that a plugin implements, by the name that it wrote."""
        manager = self._manager or _manager()
        # pluggy does not undo a registration that fails halfway: the next plugin gets a new one.
        self._manager = None
        try:
            manager.register(plugin)
        except PluginValidationError as error:
            raise PluginError(f"PluginValidationError: {' '.join(str(error).split())}") from error
        callers = manager.get_hookcallers(plugin) or ()
        _check_undecorated(plugin, {caller.name for caller in callers})
        found: dict[str, HookImpl] = {}
        for caller in callers:
            for one in caller.get_hookimpls():
                if caller.has_spec():
                    found[caller.name] = one
                elif not one.optionalhook:  # an optional hook may be of a later version
                    hint = did_you_mean(caller.name, HOOKS)
                    raise PluginError(f"unknown hook {caller.name!r}.{hint}")
        manager.unregister(plugin)
        self._manager = manager
        for name, one in found.items():
            if one.wrapper or one.hookwrapper:
                raise PluginError(f"{name} cannot be a wrapper: it runs on its own")
        return found


def _manager() -> PluginManager:
    manager = PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    former = {old: getattr(hookspecs, new) for old, new in RENAMED.items()}
    if former:  # pluggy rejects a namespace without hooks
        manager.add_hookspecs(type("Former", (), former))
    return manager


def failure(source: PluginSource, error: BaseException) -> LoadFailure:
    """Convert an exception to text; the exception would keep every frame's variables alive."""
    provider = source.provider
    message, notes = reason_of(error)
    missing = missing_package(error, provider)
    traceback = "" if missing else own_traceback(error)
    if remedy := _remedy(source, error):
        message = f"{message}; {remedy}"
    return LoadFailure(provider, message, traceback, () if traceback else notes)


def _remedy(source: PluginSource, error: BaseException) -> str:
    """Return what to do about an import that fails for a reason that its message does not name."""
    if not isinstance(error, ImportError):
        return ""
    name, module = error.name or "", source.entry_point.partition("= ")[2].partition(":")[0]
    if isinstance(error, ModuleNotFoundError) and name and f"{module}.".startswith(f"{name}."):
        remove = f"remove it: pip uninstall {source.provider}"
        if not source.version:  # not even metadata, so it is named by its folder
            remove = "delete what is left of it in this folder"
        return f"the module of its entry point does not exist. Reinstall it, or {remove}"
    if name.partition(".")[0] == "pluxel":
        return (
            f"this Pluxel has version {API_VERSION} of the plugin API; "
            "pip install --upgrade pluxel may help"
        )
    return ""


def _check_undecorated(plugin: object, implemented: Collection[str]) -> None:
    for name in HOOKS:
        if name not in implemented and getattr_static(plugin, name, None) is not None:
            raise PluginError(f"{name} is not decorated with @hookimpl")
    if not implemented:
        raise PluginError(
            "it implements no hook: decorate a function such as pluxel_decoders with @hookimpl"
        )


def _returned(hook: str, implementation: HookImpl, kind: type[Record]) -> list[Record]:
    """Call a hook and return its records."""
    return checked(hook, implementation.function(), kind)


def checked(hook: str, returned: object, kind: type[Record]) -> list[Record]:
    """Return what a hook returned. Raises: PluginError for anything but a list of records."""
    if not isinstance(returned, list):
        raise PluginError(
            f"{hook} returned a {type(returned).__name__}, not a list of {kind.__name__}"
        )
    for record in returned:
        if not isinstance(record, kind):
            raise PluginError(
                f"{hook} returned a list that contains a {type(record).__name__}: "
                f"every item must be a {kind.__name__}"
            )
    return returned
