"""The installed version of Pluxel."""

from __future__ import annotations

from importlib.metadata import version

__version__ = version("pluxel")
