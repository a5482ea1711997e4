"""Former public names, which work for one release."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from warnings import warn

NAMES: Mapping[str, str] = MappingProxyType({})
"""Former name -> present name, both in full: ``pluxel.core.Old`` -> ``pluxel.core.New``."""


def renamed(package: str, name: str) -> object:
    """Return what has a former name of a public package, with a DeprecationWarning.

    Raises: AttributeError if the name never existed.
    """
    present = NAMES.get(f"{package}.{name}")
    if present is None:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    message = f"{package}.{name} is now called {present}; the old name ends with the next release"
    warn(message, DeprecationWarning, stacklevel=3)
    home, _, last = present.rpartition(".")
    return getattr(import_module(home), last)
