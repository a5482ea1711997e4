"""The version of what plugins rely on, and what a plugin may declare about itself."""

from __future__ import annotations

from ._errors import PluginError
from ._sources import normalize

API_VERSION = 1
"""Version of the hooks, the records and the contracts of components.

It increases when plugins can rely on something new. A plugin that needs a version says so at the
top of its module: ``pluxel_api_version = 1``.
"""

OLDEST_API_VERSION = 1
"""The oldest version that plugins may still be written for."""


def check_api_version(plugin: object, provider: str) -> None:
    """Raise PluginError if a plugin needs a version of the API that this Pluxel does not have."""
    version: object = getattr(plugin, "pluxel_api_version", API_VERSION)
    if not isinstance(version, int) or isinstance(version, bool):
        raise PluginError(
            f"pluxel_api_version must be a whole number, such as {API_VERSION}, not {version!r}"
        )
    if version > API_VERSION:
        raise PluginError(
            f"it needs version {version} of the plugin API, but this Pluxel has version "
            f"{API_VERSION}: pip install --upgrade pluxel"
        )
    if version < OLDEST_API_VERSION:
        is_file = provider.endswith(".py")
        newer = "get a newer file" if is_file else f"pip install --upgrade {provider}"
        raise PluginError(
            f"it was written for version {version} of the plugin API, but this Pluxel supports "
            f"version {OLDEST_API_VERSION} and later: {newer}"
        )


def former_names(plugin: object) -> tuple[str, ...]:
    """Return the former names of the distribution of a plugin, which its module declares.

    Such as ``pluxel_renamed_from = ("acme-seg",)``. Raises: PluginError for anything but names.
    """
    names: object = getattr(plugin, "pluxel_renamed_from", ())
    if not isinstance(names, tuple | list) or not all(isinstance(name, str) for name in names):
        raise PluginError(
            f"pluxel_renamed_from must be a tuple of names of distributions, not {names!r}"
        )
    return tuple(normalize(name) for name in names)
