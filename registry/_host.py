"""The host: all installed components by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ._blame import PluginFrame, frames_of, own_modules
from ._catalog import Catalog
from ._collect import Collector, LoadFailure, checked, failure
from ._component import Component, Subcommand
from ._errors import AmbiguousComponent, UnknownComponent
from ._files import file_source
from ._known import remedy
from ._lifecycle import HealthCheck, Listener, failed
from ._policy import exclusions
from ._sources import BUILT_IN, PluginSource, Provider, given, installed, normalize
from ._target import load_object, load_target
from .hookspecs import KINDS, RENAMED


class Host:
    """The components of all plugins that loaded, and the reasons why the others failed.

    Without ``plugins``, the host loads every installed distribution that has an entry point in the
    group ``pluxel``. ``allow`` restricts this to the named distributions and the built-in
    components; ``deny`` excludes distributions. The environment variable PLUXEL_PLUGINS does the
    same: ``a,b`` allows, if ``allow`` is None, and ``-a,-b`` denies, in addition to ``deny``; an
    empty value allows none. With ``plugins``, which are objects or provider -> object, the host
    loads only those. ``files``: single-file plugins to load in addition.

    Raises: PluxelError for a file that cannot be a plugin, and for a misspelled name in ``allow``
    or ``deny``. A plugin that fails to load is listed in ``failures`` instead.
    """

    def __init__(
        self,
        plugins: Iterable[object] | Mapping[str, object] | None = None,
        *,
        files: Iterable[str | Path] = (),
        allow: Iterable[str] | None = None,
        deny: Iterable[str] = (),
    ) -> None:
        self._catalog = Catalog()
        self._collector = Collector()
        self._commands: list[Subcommand] = []
        self._listeners: list[Listener] = []
        self._modules: dict[str, str] = {}  # that registered -> provider
        self._providers: dict[str, Provider] = {}
        self._failures: list[LoadFailure] = []
        self._excluded: dict[str, str] = {}
        self._renames: set[tuple[str, str]] = set()
        sources = self._permitted(allow, deny) if plugins is None else given(plugins)
        for source in sources:
            self._register(source)
        for file in files:  # in turn, because none may hide a module of an earlier one
            self._register(file_source(file))

    @property
    def providers(self) -> Mapping[str, Provider]:
        """The providers that registered, by name."""
        return MappingProxyType(self._providers)

    @property
    def failures(self) -> Sequence[LoadFailure]:
        """The plugins that could not be loaded."""
        return tuple(self._failures)

    @property
    def excluded(self) -> Mapping[str, str]:
        """The plugins that are excluded by name, each with the rule that excludes it."""
        return MappingProxyType(self._excluded)

    def components(self, kind: str) -> list[Component]:
        """Return all components of a kind, sorted by name."""
        return self._catalog.components(kind)

    def owners(self, kind: str, name: str) -> list[Component]:
        """Return the components with a name; several if a bare name is ambiguous."""
        return self._catalog.owners(kind, name)

    def get(self, kind: str, name: str) -> Component:
        """Return the component with a bare or qualified name, an alias or a former name.

        Raises: UnknownComponent with the nearest name; AmbiguousComponent with the spellings to
        choose from.
        """
        owners = self._catalog.owners(kind, name)
        if not owners:
            raise UnknownComponent(self._unknown(kind, name), self.absent())
        if len(owners) > 1:
            spellings = " or ".join(repr(component.qualified) for component in owners)
            raise AmbiguousComponent(
                f"{kind} {name!r} is offered by {len(owners)} plugins. Write {spellings}"
            )
        self._warn_if_renamed(kind, name, owners[0])
        return owners[0]

    def load(self, component: Component) -> type:
        """Import the class of a component.

        Raises: MissingPackage that names what to install; ComponentImportError for any other
        failure.
        """
        return load_target(component)

    def _unknown(self, kind: str, name: str) -> str:
        """Return the message for a name that no component has."""
        provider = name.rpartition("/")[0]
        if reason := self.absence(provider):
            return f"unknown {kind} {name!r}: plugin {provider} {reason}"
        failed = (one.provider for one in self._failures)
        if known := remedy(kind, name, [*self._providers, *failed, *self._excluded]):
            return f"unknown {kind} {name!r}.{known}"
        return self._catalog.unknown(kind, name)

    # -- what plugins do besides offering components ---------------------------------------------

    @property
    def commands(self) -> Sequence[Subcommand]:
        """The commands of plugins, sorted by name."""
        return sorted(self._commands, key=lambda one: (one.name, one.provider))

    def load_command(self, command: Subcommand) -> object:
        """Import what a command names. Raises: the errors of ``load``."""
        return load_object(command)

    def listens(self, hook: str) -> bool:
        """Return whether a plugin implements a hook that Pluxel calls while it works."""
        return any(one.hook == hook for one in self._listeners)

    def notify(self, hook: str, **arguments: Any) -> None:
        """Call a hook of all plugins.

        An implementation that raises is reported by a warning, and not called again.
        """
        for listener in [one for one in self._listeners if one.hook == hook]:
            try:
                listener(arguments)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 - a plugin may even call sys.exit
                self._listeners.remove(listener)
                _warn("%s; it is not called again", listener.failed(error))

    def health_checks(self) -> list[tuple[str, HealthCheck]]:
        """Return what plugins check of their surroundings, each with its provider.

        A check that raises is a problem of its plugin.
        """
        found: list[tuple[str, HealthCheck]] = []
        for one in self._listeners:
            if one.hook != "pluxel_doctor":
                continue
            try:
                checks = checked(one.hook, one({}), HealthCheck)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 - as above
                checks = [HealthCheck(one.hook, failed(error))]
            found += [(one.provider, check) for check in checks]
        return found

    def frames(self, error: BaseException) -> list[PluginFrame]:
        """Return the frames of an error, and of its causes, in the code of third parties.

        The innermost one comes last.
        """
        components = [one for kind in KINDS for one in self.components(kind)]
        records = [*components, *self._commands]
        targets = {one.target.partition(":")[0]: one.provider for one in records}
        return frames_of(error, own_modules(self._modules, targets))

    def absent(self) -> list[str]:
        """Return a note for each plugin that was not loaded, and may offer what is unknown."""
        failed = [f"{failed} and may provide it" for failed in self._failures]
        return failed + [
            f"plugin {name} may provide it, but is {reason}"
            for name, reason in self._excluded.items()
        ]

    def provider(self, name: str) -> Provider | None:
        """Return the provider with a present or former name, in any spelling, if it registered."""
        spelled = normalize(name)
        for one in self.providers.values():
            if spelled in (normalize(one.name), *one.former_names):
                return one
        return None

    def failure(self, name: str) -> LoadFailure | None:
        """Return why the plugin with this name, in any spelling, failed to load, if it did."""
        spelled = normalize(name)
        return next((one for one in self.failures if normalize(one.provider) == spelled), None)

    def absence(self, name: str) -> str | None:
        """Return a clause that says why an installed plugin, in any spelling, is not loaded.

        None if it is loaded, or not installed.
        """
        if self.failure(name):
            return "failed to load: run pluxel plugins doctor"
        excluded = {normalize(other): f"is {why}" for other, why in self._excluded.items()}
        return excluded.get(normalize(name))

    def _permitted(self, allow: Iterable[str] | None, deny: Iterable[str]) -> list[PluginSource]:
        sources = installed()
        self._excluded = exclusions(allow, deny, [source.provider for source in sources])
        if reason := self._excluded.get(BUILT_IN):
            _warn("the built-in components are not available: plugin pluxel is %s", reason)
        return [source for source in sources if source.provider not in self._excluded]

    def _register(self, source: PluginSource) -> None:
        try:
            offered = self._collector.load(source)
            self._catalog.add(source.provider, offered.records, offered.former_names)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a plugin may even call sys.exit on import
            self._failures.append(failure(source, error))
            return
        self._commands += (replace(one, provider=source.provider) for one in offered.commands)
        self._listeners += offered.listeners
        self._modules[offered.module] = source.provider
        for name in offered.renamed:
            _warn("plugin %s: hook %s is now called %s", source.provider, name, RENAMED[name])
        new = Provider(source.provider, source.version, (), offered.location)
        provider = self._providers.get(source.provider, new)
        points = (*provider.entry_points, *filter(None, [source.entry_point]))
        former = (*provider.former_names, *offered.former_names)
        self._providers[source.provider] = replace(
            provider, entry_points=points, former_names=former
        )

    def _warn_if_renamed(self, kind: str, name: str, component: Component) -> None:
        provider, _, bare = name.rpartition("/")
        moved = self._catalog.renamed(provider) == component.provider
        if (kind, name) in self._renames or not (moved or bare in component.renamed_from):
            return
        self._renames.add((kind, name))  # warn once, though a file is read in several passes
        present = component.qualified if moved else component.name
        _warn("%s %r is now called %r", kind, name, present)


def _warn(message: str, *arguments: object) -> None:
    import logging  # noqa: PLC0415 - most hosts have nothing to warn about

    logging.getLogger("pluxel").warning(message, *arguments)
