"""The host: what is installed, by name."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from ._catalog import Catalog
from ._collect import LoadFailure, failure, load
from ._component import Component
from ._errors import AmbiguousComponent, PluginError, UnknownComponent
from ._files import file_source
from ._policy import Policy
from ._sources import PluginSource, Provider, given, installed
from ._target import load_target

_log = logging.getLogger("pluxel")


class Host:
    """The components of all plugins that could be loaded, and the reasons for those that could not.

    Without ``plugins``, every installed distribution with an entry point in the group ``pluxel`` is
    asked, but for those that ``allow`` leaves out or ``deny`` names: distribution names, to which
    the environment variables PLUXEL_PLUGINS_ALLOW and PLUXEL_PLUGINS_DENY add theirs; the built-in
    components need no allowing. With ``plugins``, objects or provider -> object, only those are
    asked. ``files``: single-file plugins, in addition.

    Raises PluxelError for a file that cannot be a plugin and for a misspelled name in ``allow`` or
    ``deny``; a plugin that fails lands in ``failures`` instead.
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
        self._providers: dict[str, Provider] = {}
        self._failures: list[LoadFailure] = []
        self._excluded: dict[str, str] = {}
        self._renames: set[tuple[str, str]] = set()
        sources = self._permitted(allow, deny) if plugins is None else given(plugins)
        for source in sources:
            self._register(source)
        for file in files:  # one by one: each may hide nothing that came before it
            self._register(file_source(file))

    @property
    def providers(self) -> Mapping[str, Provider]:
        """Those that registered, by name."""
        return MappingProxyType(self._providers)

    @property
    def failures(self) -> Sequence[LoadFailure]:
        """The plugins that could not be loaded."""
        return tuple(self._failures)

    @property
    def excluded(self) -> Mapping[str, str]:
        """The plugins that were not to be loaded, and by whose word."""
        return MappingProxyType(self._excluded)

    def components(self, kind: str) -> list[Component]:
        """Return all components of a kind, sorted by name."""
        return self._catalog.components(kind)

    def owners(self, kind: str, name: str) -> list[Component]:
        """Return all that answer to a name; several, where a bare name is ambiguous."""
        return self._catalog.owners(kind, name)

    def get(self, kind: str, name: str) -> Component:
        """Return the component that a bare or qualified name, an alias or a former name means.

        Raises UnknownComponent with the nearest name, and AmbiguousComponent with the spellings to
        choose from.
        """
        owners = self._catalog.owners(kind, name)
        if not owners:
            raise UnknownComponent(self._catalog.unknown(kind, name), self._absent())
        if len(owners) > 1:
            spellings = " or ".join(repr(component.qualified) for component in owners)
            raise AmbiguousComponent(
                f"{kind} {name!r} is offered by {len(owners)} plugins. Write {spellings}"
            )
        self._warn_if_renamed(kind, name, owners[0])
        return owners[0]

    def load(self, component: Component) -> type:
        """Import the class of a component.

        Raises ComponentImportError that names the provider, and the extra to install where the
        component has one.
        """
        return load_target(component)

    def _permitted(self, allow: Iterable[str] | None, deny: Iterable[str]) -> list[PluginSource]:
        sources = installed()
        policy = Policy.of(allow, deny, {source.provider for source in sources})
        for source in sources:
            if objection := policy.objection(source.provider):
                self._excluded[source.provider] = objection
        return [source for source in sources if source.provider not in self._excluded]

    def _register(self, source: PluginSource) -> None:
        loaded = load(source)
        if isinstance(loaded, LoadFailure):
            self._failures.append(loaded)
            return
        try:
            self._catalog.add(source.provider, loaded.records)
        except PluginError as error:
            self._failures.append(failure(source.provider, error))
            return
        new = Provider(source.provider, source.version, (), loaded.location)
        provider = self._providers.get(source.provider, new)
        points = (*provider.entry_points, *filter(None, [source.entry_point]))
        self._providers[source.provider] = replace(provider, entry_points=points)

    def _absent(self) -> list[str]:
        """Return a note for each plugin that is not there to answer."""
        failed = [f"{failed} and may provide it" for failed in self._failures]
        return failed + [
            f"plugin {name} is {reason} and may provide it"
            for name, reason in self._excluded.items()
        ]

    def _warn_if_renamed(self, kind: str, name: str, component: Component) -> None:
        if name.rpartition("/")[2] not in component.renamed_from or (kind, name) in self._renames:
            return
        self._renames.add((kind, name))  # once: a file is read in several passes
        _log.warning("%s %r is now called %r", kind, name, component.name)
