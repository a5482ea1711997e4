"""Pluxel: semantic segmentation assembled from plugins.

What a script needs. Plugin authors find the rest in ``pluxel.registry``, ``pluxel.core`` and
``pluxel.core.authoring``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .core.common.exports import exports

if TYPE_CHECKING:
    from .core.common.version import __version__ as __version__
    from .core.engine.inference.pipeline import Pipeline as Pipeline
    from .registry import Host as Host
else:  # hidden from type checkers, for which `__getattr__` would provide every name
    __getattr__, __dir__ = exports(__name__)
