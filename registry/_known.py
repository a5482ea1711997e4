"""Components of plugins that are not installed: which distribution offers them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from ._sources import normalize

KNOWN: Mapping[tuple[str, str], str] = MappingProxyType({})
"""Kind and name of a component -> what pip installs to get it.

Empty until somebody has published a plugin: a name that nobody has registered with the package
index would invite others to register it.
"""


def remedy(kind: str, name: str, installed: Collection[str]) -> str:
    """Return how to install the plugin that offers an unknown component; empty if none is known.

    ``installed``: the names of plugins that did not offer it, although they are installed.
    """
    provider, _, bare = name.rpartition("/")
    requirement = KNOWN.get((kind, bare), "")
    distribution = requirement.partition("[")[0]
    normal = normalize(distribution)
    if (
        not requirement
        or normal in map(normalize, installed)
        or normalize(provider) not in ("", normal)
    ):
        return ""
    return f" {distribution} offers it, which is not installed: pip install '{requirement}'"
