"""Decide by name which installed plugins may load, before any of their code runs."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from functools import cache

from ._errors import PluxelError
from ._sources import BUILT_IN, normalize
from ._suggest import did_you_mean

VARIABLE = "PLUXEL_PLUGINS"
"""``a,b``: load only these plugins; empty: none; ``-a,-b``: all except these."""


def exclusions(
    allow: Iterable[str] | None, deny: Iterable[str], known: Collection[str]
) -> dict[str, str]:
    """Return which of the ``known`` plugins may not load, each with the reason.

    Combines the arguments with the environment. If ``allow`` is not None, only those names and the
    built-ins may load.

    Raises: PluxelError for an argument that is not in ``known``, because a misspelled name would
    admit the plugin that it should exclude. The environment may name plugins that are installed
    elsewhere only, so such names are reported by one warning.
    """
    named, unwanted = _environment()
    if unknown := ({*(named or ())} | unwanted).difference(known, [BUILT_IN]):
        _warn_once(
            f"{VARIABLE}: "
            + " ".join(
                f"no plugin {name!r} is installed.{did_you_mean(name, known)}"
                for name in sorted(unknown)
            )
        )
    allowed = named if allow is None else _checked("allow", allow, known)
    denied = _checked("deny", deny, known) | unwanted
    reasons: dict[str, str] = {}
    if allowed is not None:
        reason = f"not among the permitted plugins (--no-plugins, --allow-plugin or {VARIABLE})"
        reasons = dict.fromkeys((one for one in known if one not in {*allowed, BUILT_IN}), reason)
    reason = f"excluded (--deny-plugin or {VARIABLE})"
    return reasons | dict.fromkeys((one for one in known if one in denied), reason)


@cache
def _warn_once(message: str) -> None:
    import logging  # noqa: PLC0415 - most hosts have nothing to warn about

    logging.getLogger("pluxel").warning("%s", message)


def _checked(verb: str, names: Iterable[str], known: Collection[str]) -> set[str]:
    checked = {normalize(name) for name in names}
    for name in sorted(checked.difference(known)):
        raise PluxelError(
            f"cannot {verb} plugin {name!r}: no installed distribution with that name offers one."
            + did_you_mean(name, known)
        )
    return checked


def _environment() -> tuple[set[str] | None, set[str]]:
    """Return the only plugins to load, or None for all of them, and those to exclude."""
    value = os.environ.get(VARIABLE)
    names = [name.strip() for name in (value or "").split(",") if name.strip()]
    excluded = {normalize(name[1:]) for name in names if name.startswith("-")}
    named = {normalize(name) for name in names if not name.startswith("-")}
    return (None if value is None or (excluded and not named) else named), excluded
