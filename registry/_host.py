"""The host: all installed components by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from ._catalog import Catalog
from ._collect import LoadFailure, failure, load
from ._component import Component
from ._errors import AmbiguousComponent, UnknownComponent
from ._files import file_source
from ._policy import exclusions
from ._sources import BUILT_IN, PluginSource, Provider, given, installed
from ._target import load_target


class Host:
    """The components of all plugins that loaded, and the reasons why the others failed.

    Without ``plugins``, the host loads every installed distribution that has an entry point in the
    group ``pluxel``. ``allow`` restricts this to the named distributions and the built-in
    components; ``deny`` excludes distributions. The environment variables PLUXEL_PLUGINS_ALLOW,
    if ``allow`` is None, and PLUXEL_PLUGINS_DENY, in addition to ``deny``, do the same. With
    ``plugins``, which are objects or provider -> object, the host loads only those. ``files``:
    single-file plugins to load in addition.

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

        Raises: MissingPackage that names what to install; ComponentImportError for any other
        failure.
        """
        return load_target(component)

    def _permitted(self, allow: Iterable[str] | None, deny: Iterable[str]) -> list[PluginSource]:
        sources = installed()
        self._excluded = exclusions(allow, deny, [source.provider for source in sources])
        if reason := self._excluded.get(BUILT_IN):
            _warn("the built-in components are not available: plugin pluxel is %s", reason)
        return [source for source in sources if source.provider not in self._excluded]

    def _register(self, source: PluginSource) -> None:
        try:
            records, location = load(source)
            self._catalog.add(source.provider, records)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a plugin may even call sys.exit on import
            self._failures.append(failure(source.provider, error))
            return
        new = Provider(source.provider, source.version, (), location)
        provider = self._providers.get(source.provider, new)
        points = (*provider.entry_points, *filter(None, [source.entry_point]))
        self._providers[source.provider] = replace(provider, entry_points=points)

    def _absent(self) -> list[str]:
        """Return a note for each plugin that was not loaded."""
        failed = [f"{failed} and may provide it" for failed in self._failures]
        return failed + [
            f"plugin {name} may provide it, but is {reason}"
            for name, reason in self._excluded.items()
        ]

    def _warn_if_renamed(self, kind: str, name: str, component: Component) -> None:
        if name.rpartition("/")[2] not in component.renamed_from or (kind, name) in self._renames:
            return
        self._renames.add((kind, name))  # warn once, though a file is read in several passes
        _warn("%s %r is now called %r", kind, name, component.name)


def _warn(message: str, *arguments: object) -> None:
    import logging  # noqa: PLC0415 - most hosts have nothing to warn about

    logging.getLogger("pluxel").warning(message, *arguments)
