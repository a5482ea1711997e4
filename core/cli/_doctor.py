"""What can be told of a component without building it."""

from __future__ import annotations

from traceback import format_exception

from ...registry import Component, ComponentImportError, Host, PluginError
from ..contracts.signature import read_signature


def diagnose(host: Host, kind: str, component: Component) -> str | None:
    """Return what is wrong with a component, with the traceback of a failed import, or None."""
    try:
        read_signature(kind, component, host.load(component))
    except ComponentImportError as error:
        return "".join(format_exception(error))
    except PluginError as error:
        return f"  {error}"
    return None
