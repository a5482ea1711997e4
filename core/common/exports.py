"""The names that a package offers, each imported when it is first asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module


def exports(
    package: str, homes: Mapping[str, Sequence[str]]
) -> tuple[list[str], Callable[[str], object], Callable[[], list[str]]]:
    """Return ``__all__``, ``__getattr__`` and ``__dir__`` of a package.

    ``homes``: the modules that define the names, relative to the package -> their names. A package
    that a module needs and that is not installed is one error with the command to run.
    """
    home_of = {name: home for home, names in homes.items() for name in names}
    namespace = vars(sys.modules[package])

    def get(name: str) -> object:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            module = import_module(home_of[name], package)
        except ImportError as error:
            from ...registry import missing_package  # noqa: PLC0415 - only an error pays for it

            if (found := missing_package(error, f"{package}.{name}")) is None:
                raise
            raise found from error
        namespace[name] = value = getattr(module, name)
        return value

    return sorted(home_of), get, lambda: sorted({*namespace, *home_of})
