"""The sources of plugins: installed distributions, files, and objects made in a test."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from importlib.metadata import Distribution

BUILT_IN = "pluxel"
BUILT_IN_MODULE = f"{__name__.partition('.')[0]}.plugins"
GROUP = "pluxel"
"""The entry-point group in which a distribution declares its plugins."""


@dataclass(frozen=True)
class Provider:
    """A distribution, a file, or an object given to the host that offers components.

    ``version`` and ``entry_points`` (``name = module``) are empty if it has none; ``location`` is
    the file of the code that registered. ``former_names``: of the distribution.
    """

    name: str
    version: str = ""
    entry_points: tuple[str, ...] = ()
    location: str = ""
    former_names: tuple[str, ...] = ()


class PluginSource(NamedTuple):
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

    If several distributions share a name, the first on ``sys.path`` counts, as for ``import``,
    even if it declares no plugin; of several in one folder, the newest. What pip left behind, which
    it marks by ``~``, does not count. The built-in components are always found, also in a copy of
    Pluxel without metadata.
    """
    # This import takes a third of the start-up time; only hosts that discover plugins need it.
    from importlib.metadata import distributions  # noqa: PLC0415

    found: dict[str, list[PluginSource]] = {}
    for distribution in distributions():
        sources = _declared(distribution)
        if sources and _counts(distribution, sources[0]):
            found.setdefault(sources[0].provider, sources)
    built_in = PluginSource(BUILT_IN, "", partial(import_module, BUILT_IN_MODULE))
    found.setdefault(BUILT_IN, [built_in])
    return [source for name in sorted(found) for source in found[name]]


def _counts(distribution: Distribution, source: PluginSource) -> bool:
    """Return whether a distribution is the one with its name that Python uses.

    ``source``: has its name and version; reading them again would parse the metadata again.
    """
    from importlib.metadata import distributions  # noqa: PLC0415 - as above

    folder = _folder(distribution)
    if source.provider == folder:  # without metadata, it has no name to share
        return True
    namesakes = [(_folder(one), one) for one in distributions(name=source.provider)]
    if not namesakes or namesakes[0][0] != folder:
        return False
    versions = {_identity(one)[1] for place, one in namesakes if place == folder}
    return source.version == max(versions, key=_release)


def _folder(distribution: Distribution) -> str:
    """Return the folder or the archive that contains a distribution."""
    return str(distribution.locate_file(""))


def _release(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


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
        text = distribution.read_text("entry_points.txt") or ""
        if GROUP not in text.lower():
            return []
        _check_entry_points(text)
        points = distribution.entry_points.select(group=GROUP)
    except Exception as error:  # noqa: BLE001 - one malformed distribution must not cost the others
        return [PluginSource(*_identity(distribution), partial(_fail, error))]
    identity = _identity(distribution)
    return [
        PluginSource(*identity, point.load, f"{point.name} = {point.value}")
        for point in sorted(points, key=lambda point: point.name)
    ]


_LINE = re.compile(r"\s*(#.*|;.*|\[(?P<group>[^\[\]]*)\]|[^=\[\]]+=.+)?\s*")


def _check_entry_points(text: str) -> None:
    """Raise ValueError for a line that would be ignored, and with it a plugin."""
    group = None
    for number, line in enumerate(text.splitlines(), start=1):
        match = _LINE.fullmatch(line)
        if match and match["group"] is not None:
            group = match["group"]
        is_near = group is not None and group != GROUP and group.strip().lower() == GROUP
        is_lost = group is None and match is not None and "=" in line
        if match is None or is_near or is_lost:
            raise ValueError(f"line {number} of entry_points.txt is malformed: {line.strip()!r}")


_FIELDS = re.compile(r"^(Name|Version): *(.*?)\s*$", re.MULTILINE)


def _identity(distribution: Distribution) -> tuple[str, str]:
    """Return name and version; without metadata, the folder and an empty string."""
    # Distribution.metadata parses the description, too, which takes ten times as long.
    try:
        text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    except Exception:  # noqa: BLE001 - an archive or a file may be damaged
        text = ""
    header = text.replace("\r\n", "\n").partition("\n\n")[0]
    fields = dict(_FIELDS.findall(header))
    if not fields.get("Name"):
        return _folder(distribution), ""
    return normalize(fields["Name"]), fields.get("Version", "")


def _package(plugin: object) -> str:
    if isinstance(plugin, ModuleType):
        return normalize(plugin.__name__.partition(".")[0])
    return normalize(getattr(plugin, "__name__", type(plugin).__name__))


def _fail(error: Exception) -> object:
    raise error
