"""Every component by every name that it answers to, and what to say of a name that none has."""

from __future__ import annotations

from dataclasses import replace

from ._collect import Records
from ._component import Component
from ._errors import PluginError, PluxelError
from ._sources import normalize
from ._suggest import article, did_you_mean
from .hookspecs import KINDS

_LISTED = 12
"""The most names that an error lists; more are one command away."""


class Catalog:
    """Components of all kinds. A bare name may have several owners, a qualified one has one."""

    def __init__(self) -> None:
        self._owners: dict[str, dict[str, list[Component]]] = {kind: {} for kind in KINDS}
        self._taken: set[tuple[str, str, str]] = set()

    def add(self, provider: str, records: Records) -> None:
        """Take in all records of a plugin, or none: PluginError if it offers a name twice."""
        taken = set(self._taken)
        owned: list[tuple[str, str, Component]] = []
        for kind, offered in records.items():
            for component in (replace(record, provider=provider) for record in offered):
                for name in component.answers_to:
                    if (provider, kind, name) in taken:
                        raise PluginError(f"{provider} offers {kind} {name!r} twice")
                    taken.add((provider, kind, name))
                    owned.append((kind, name, component))
        self._taken = taken
        for kind, name, component in owned:
            self._owners[kind].setdefault(name, []).append(component)

    def components(self, kind: str) -> list[Component]:
        """Return all of a kind, sorted by name, then provider."""
        components = {component for owners in self._of(kind).values() for component in owners}
        return sorted(components, key=lambda component: (component.name, component.provider))

    def owners(self, kind: str, name: str) -> list[Component]:
        """Return all that answer to a bare or qualified name: none, one or, if bare, several."""
        provider, _, bare = name.rpartition("/")
        return [
            component
            for component in self._of(kind).get(bare, ())
            if not provider or normalize(component.provider) == normalize(provider)
        ]

    def unknown(self, kind: str, name: str) -> str:
        """Return the sentence for a name that nobody answers to, with the nearest right answer."""
        message = f"unknown {kind} {name!r}."
        for other in KINDS:
            if self.owners(other, name):
                return f"{message} There is {article(other)} of that name"
        if near := did_you_mean(name, self._spellings(kind, qualified="/" in name)):
            return message + near
        return f"{message} {self._listing(kind)}"

    def _of(self, kind: str) -> dict[str, list[Component]]:
        if kind not in self._owners:
            near = did_you_mean(kind, KINDS) or f" There are {', '.join(KINDS)}"
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
            return f"There are {len(names)}: run pluxel plugins list --kind {kind}"
        return f"There are {', '.join(names)}" if names else f"No {kind} is installed"
