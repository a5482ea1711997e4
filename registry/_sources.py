"""The sources of plugins: installed distributions, files, and objects made in a test."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import Distribution

GROUP = "pluxel"
"""The entry-point group in which a distribution declares its plugins."""


@dataclass(frozen=True)
class Provider:
    """A distribution, a file, or an object given to the host that offers components.

    ``version`` and ``entry_points`` (``name = module``) are empty if it has none; ``location`` is
    the file of the code that registered.
    """

    name: str
    version: str = ""
    entry_points: tuple[str, ...] = ()
    location: str = ""


@dataclass(frozen=True)
class PluginSource:
    """One plugin before any of its code runs; ``load`` runs it, and may raise anything."""

    provider: str
    version: str
    load: Callable[[], object]
    entry_point: str = ""


def normalize(name: str) -> str:
    """Return the normalized spelling of a distribution's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> list[PluginSource]:
    """Return the plugins of every installed distribution, sorted by its name.

    If several distributions share a name, the first on ``sys.path`` counts, as for ``import``.
    """
    # This import takes a third of the start-up time; only hosts that discover plugins need it.
    from importlib.metadata import distributions  # noqa: PLC0415

    found: dict[str, list[PluginSource]] = {}
    for distribution in distributions():
        if sources := _declared(distribution):
            found.setdefault(sources[0].provider, sources)
    return [source for name in sorted(found) for source in found[name]]


def given(plugins: Iterable[object] | Mapping[str, object]) -> list[PluginSource]:
    """Return sources for plugin objects, given by provider or named by their top-level package."""
    by_name = isinstance(plugins, Mapping)
    named = plugins.items() if by_name else ((_package(plugin), plugin) for plugin in plugins)
    return [PluginSource(str(name), "", lambda plugin=plugin: plugin) for name, plugin in named]


def location(plugin: object) -> str:
    """Return the file of a plugin's code, or an empty string if there is none."""
    module = plugin
    if not isinstance(plugin, ModuleType):
        name = getattr(plugin, "__module__", "")
        module = sys.modules.get(name)
    return getattr(module, "__file__", None) or ""


def _declared(distribution: Distribution) -> list[PluginSource]:
    try:
        # Most distributions declare no plugin; for those, only the file is read.
        if GROUP not in (distribution.read_text("entry_points.txt") or ""):
            return []
        points = distribution.entry_points.select(group=GROUP)
    except Exception as error:  # noqa: BLE001 - one malformed distribution must not cost the others
        return [PluginSource(*_identity(distribution), partial(_fail, error))]
    return [
        PluginSource(*_identity(distribution), point.load, f"{point.name} = {point.value}")
        for point in sorted(points, key=lambda point: point.name)
    ]


def _identity(distribution: Distribution) -> tuple[str, str]:
    """Return name and version; without metadata, the folder and an empty string."""
    try:
        metadata = distribution.metadata
        return normalize(metadata["Name"]), metadata["Version"]
    except Exception:  # noqa: BLE001 - the type of the error depends on the version of Python
        return str(distribution.locate_file("")), ""


def _package(plugin: object) -> str:
    if isinstance(plugin, ModuleType):
        return normalize(plugin.__name__.partition(".")[0])
    return normalize(getattr(plugin, "__name__", type(plugin).__name__))


def _fail(error: Exception) -> object:
    raise error
