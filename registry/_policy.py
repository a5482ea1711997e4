"""Decide by name which installed plugins may load, before any of their code runs."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable

from ._errors import PluxelError
from ._sources import BUILT_IN, normalize
from ._suggest import did_you_mean

ALLOW = "PLUXEL_PLUGINS_ALLOW"
DENY = "PLUXEL_PLUGINS_DENY"


def exclusions(
    allow: Iterable[str] | None, deny: Iterable[str], known: Collection[str]
) -> dict[str, str]:
    """Return which of the ``known`` plugins may not load, each with the reason.

    Combines the arguments with the comma-separated lists of the environment. If ``allow`` is not
    None, only those names and the built-ins may load.

    Raises: PluxelError for an argument that is not in ``known``, because a misspelled name would
    admit the plugin that it should exclude. The environment may name plugins that are installed
    elsewhere only.
    """
    denied = _checked("deny", deny, known) | _environment(DENY)
    allowed = _environment(ALLOW) if allow is None else _checked("allow", allow, known)
    reasons: dict[str, str] = {}
    if allow is not None or allowed:
        reason = f"not on the allow list (--allow-plugin or {ALLOW})"
        reasons = dict.fromkeys((one for one in known if one not in {*allowed, BUILT_IN}), reason)
    reason = f"denied (--deny-plugin or {DENY})"
    return reasons | dict.fromkeys((one for one in known if one in denied), reason)


def _checked(verb: str, names: Iterable[str], known: Collection[str]) -> set[str]:
    checked = {normalize(name) for name in names}
    for name in sorted(checked.difference(known)):
        raise PluxelError(
            f"cannot {verb} plugin {name!r}: no installed distribution with that name offers one."
            + did_you_mean(name, known)
        )
    return checked


def _environment(variable: str) -> set[str]:
    names = os.environ.get(variable, "").split(",")
    return {normalize(name.strip()) for name in names if name.strip()}
