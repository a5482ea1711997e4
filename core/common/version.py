"""The installed version of Pluxel."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("pluxel")
except PackageNotFoundError:  # a copy without metadata, as in a frozen application
    __version__ = "unknown"
