"""Import each public name of a package on first access."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module


def exports(
    package: str, homes: Mapping[str, Sequence[str]]
) -> tuple[list[str], Callable[[str], object], Callable[[], list[str]]]:
    """Return ``__all__``, ``__getattr__`` and ``__dir__`` for a package.

    ``homes``: module, relative to the package -> the public names that it defines. If a module
    needs a package that is not installed, the error names the command that installs it.
    """
    home_of = {name: home for home, names in homes.items() for name in names}
    namespace = vars(sys.modules[package])

    def get(name: str) -> object:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            module = import_module(home_of[name], package)
        except ImportError as error:
            from ...registry import missing_package  # noqa: PLC0415 - only an error needs it

            if (missing := missing_package(error, f"{package}.{name}")) is None:
                raise
            raise missing from error
        namespace[name] = value = getattr(module, name)
        return value

    return sorted(home_of), get, lambda: sorted({*namespace, *home_of})
