"""Pluxel: semantic segmentation assembled from plugins.

What a script needs; plugin authors find the rest in ``pluxel.registry`` and ``pluxel.core``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .core.engine.inference.pipeline import Pipeline
    from .registry import Host

    __version__: str

__all__ = ["Host", "Pipeline", "__version__"]

_HOMES = {"Host": ".registry", "Pipeline": ".core.engine.inference.pipeline"}


if not TYPE_CHECKING:  # a checker would believe that every name exists

    def __getattr__(name: str) -> object:
        if name == "__version__":
            value: object = import_module("importlib.metadata").version("pluxel")
        elif name in _HOMES:
            value = getattr(import_module(_HOMES[name], __name__), name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
