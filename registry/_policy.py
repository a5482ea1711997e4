"""Decide by name which installed plugins may load, before any of their code runs."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ._errors import PluxelError
from ._sources import normalize
from ._suggest import did_you_mean

BUILT_IN = "pluxel"
ALLOW = "PLUXEL_PLUGINS_ALLOW"
DENY = "PLUXEL_PLUGINS_DENY"


@dataclass(frozen=True)
class Policy:
    """Names to exclude; if ``allow`` is not None, only those names and the built-ins may load."""

    allow: frozenset[str] | None
    deny: frozenset[str]

    @classmethod
    def of(cls, allow: Iterable[str] | None, deny: Iterable[str], known: Collection[str]) -> Policy:
        """Combine the arguments with the comma-separated lists of the environment.

        Raises: PluxelError for an argument that is not in ``known``, because a misspelled name
        would admit the plugin that it should exclude. The environment may name plugins that are
        installed elsewhere only.
        """
        denied = _checked("deny", deny, known) | _environment(DENY)
        if allow is None:
            return cls(_environment(ALLOW) or None, denied)
        return cls(_checked("allow", allow, known), denied)

    def objection(self, provider: str) -> str | None:
        """Return why a plugin may not load, or None if it may."""
        if provider in self.deny:
            return f"denied (--deny-plugin or {DENY})"
        if self.allow is None or provider in self.allow or provider == BUILT_IN:
            return None
        return f"not on the allow list (--allow-plugin or {ALLOW})"


def _checked(verb: str, names: Iterable[str], known: Collection[str]) -> frozenset[str]:
    checked = {normalize(name) for name in names}
    for name in sorted(checked.difference(known)):
        raise PluxelError(
            f"cannot {verb} plugin {name!r}: no installed distribution with that name offers one."
            + did_you_mean(name, known)
        )
    return frozenset(checked)


def _environment(variable: str) -> frozenset[str]:
    names = os.environ.get(variable, "").split(",")
    return frozenset(normalize(name.strip()) for name in names if name.strip())
