"""Let packages offer components, and find components by name."""

from typing import TYPE_CHECKING

from . import hookspecs
from ._api import API_VERSION, OLDEST_API_VERSION
from ._blame import PluginFrame
from ._collect import LoadFailure
from ._component import Component, Subcommand
from ._errors import (
    AmbiguousComponent,
    ComponentImportError,
    PluginError,
    PluxelError,
    UnknownComponent,
    reason_of,
)
from ._host import Host
from ._lifecycle import HealthCheck, failed_part
from ._packages import MissingPackage, missing_package, needed_by
from ._renamed import renamed
from ._sources import Provider
from ._suggest import article, did_you_mean, suggest
from .hookspecs import KINDS, hookimpl

__all__ = [
    "API_VERSION",
    "KINDS",
    "OLDEST_API_VERSION",
    "AmbiguousComponent",
    "Component",
    "ComponentImportError",
    "HealthCheck",
    "Host",
    "LoadFailure",
    "MissingPackage",
    "PluginError",
    "PluginFrame",
    "PluxelError",
    "Provider",
    "Subcommand",
    "UnknownComponent",
    "article",
    "did_you_mean",
    "failed_part",
    "hookimpl",
    "hookspecs",
    "missing_package",
    "needed_by",
    "reason_of",
    "suggest",
]

if not TYPE_CHECKING:  # hidden from type checkers, for which it would provide every name

    def __getattr__(name: str) -> object:
        return renamed(__name__, name)
