"""Diagnose a component without building it."""

from __future__ import annotations

from traceback import format_exception

from ...registry import Component, ComponentImportError, Host, PluginError
from ..contracts.near_misses import near_misses
from ..contracts.signature import read_signature


def diagnose(host: Host, kind: str, component: Component) -> str | None:
    """Return the problem of a component, with the traceback of a failed import, or None."""
    try:
        target = host.load(component)
        read_signature(kind, component, target)
    except ComponentImportError as error:
        return "".join(format_exception(error))
    except PluginError as error:
        return f"  {error}"
    return "\n".join(f"  {odd}" for odd in near_misses(kind, target)) or None
