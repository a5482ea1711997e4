"""Look up components by any of their names, and explain names that no component has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ._collect import Records
from ._component import Component
from ._errors import PluginError, PluxelError
from ._sources import normalize
from ._suggest import article, did_you_mean
from .hookspecs import KINDS

_LISTED = 12
"""An error lists at most this many names; beyond that, it gives the command that lists them."""


class Catalog:
    """Components of all kinds. A bare name may have several owners, a qualified name only one."""

    def __init__(self) -> None:
        self._owners: dict[str, dict[str, list[Component]]] = {kind: {} for kind in KINDS}
        self._renamed: dict[str, str] = {}

    def add(self, provider: str, records: Records, former_names: Iterable[str] = ()) -> None:
        """Add all records of a plugin, or none of them.

        ``former_names``: of the provider; names that begin with them stay valid.

        Raises: PluginError if the plugin offers a name twice.
        """
        owned: dict[tuple[str, str], Component] = {}
        for kind, offered in records.items():
            for component in (replace(record, provider=provider) for record in offered):
                for name in component.answers_to:
                    providers = [one.provider for one in self._owners[kind].get(name, ())]
                    if (kind, name) in owned or provider in providers:
                        raise PluginError(f"{provider} offers {kind} {name!r} twice")
                    owned[kind, name] = component
        for (kind, name), component in owned.items():
            self._owners[kind].setdefault(name, []).append(component)
        self._renamed |= dict.fromkeys(former_names, provider)

    def components(self, kind: str) -> list[Component]:
        """Return all components of a kind, sorted by name, then provider."""
        components = {component for owners in self._of(kind).values() for component in owners}
        return sorted(components, key=lambda component: (component.name, component.provider))

    def owners(self, kind: str, name: str) -> list[Component]:
        """Return the components with a bare or qualified name; a bare name may have several."""
        provider, _, bare = name.rpartition("/")
        named = self._of(kind).get(bare, ())
        own = [one for one in named if normalize(one.provider) == normalize(provider)]
        if provider and not own and (present := self.renamed(provider)):
            own = [one for one in named if one.provider == present]
        return own if provider else [*named]

    def renamed(self, provider: str) -> str | None:
        """Return the present name of a provider that had another name, or None."""
        return self._renamed.get(normalize(provider))

    def unknown(self, kind: str, name: str) -> str:
        """Return the message for a name that no component has, with the nearest existing name."""
        message = f"unknown {kind} {name!r}."
        for other in KINDS:
            if self.owners(other, name):
                return f"{message} There is {article(other)} with that name"
        if near := did_you_mean(name, self._spellings(kind, qualified="/" in name)):
            return message + near
        return f"{message} {self._listing(kind)}"

    def _of(self, kind: str) -> dict[str, list[Component]]:
        if kind not in self._owners:
            near = did_you_mean(kind, KINDS) or f" Available: {', '.join(KINDS)}"
            raise PluxelError(f"unknown kind {kind!r}.{near}")
        return self._owners[kind]

    def _spellings(self, kind: str, *, qualified: bool) -> list[str]:
        return [
            f"{component.provider}/{name}" if qualified else name
            for name, components in self._of(kind).items()
            for component in components
        ]

    def _listing(self, kind: str) -> str:
        names = list(dict.fromkeys(component.name for component in self.components(kind)))
        if len(names) > _LISTED:
            return f"{len(names)} are available: run pluxel plugins list --kind {kind}"
        return f"Available: {', '.join(names)}" if names else f"No {kind} is available"
