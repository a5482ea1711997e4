"""Let packages offer components, and find components by name."""

from . import hookspecs
from ._collect import LoadFailure
from ._component import Component
from ._errors import (
    AmbiguousComponent,
    ComponentImportError,
    PluginError,
    PluxelError,
    UnknownComponent,
    reason_of,
)
from ._host import Host
from ._packages import MissingPackage, missing_package, needed_by
from ._sources import Provider
from ._suggest import article, did_you_mean, suggest
from .hookspecs import KINDS, hookimpl

__all__ = [
    "KINDS",
    "AmbiguousComponent",
    "Component",
    "ComponentImportError",
    "Host",
    "LoadFailure",
    "MissingPackage",
    "PluginError",
    "PluxelError",
    "Provider",
    "UnknownComponent",
    "article",
    "did_you_mean",
    "hookimpl",
    "hookspecs",
    "missing_package",
    "needed_by",
    "reason_of",
    "suggest",
]
