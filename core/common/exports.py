"""Import each public name of a package on first access."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from importlib import import_module


def exports(package: str) -> tuple[list[str], Callable[[str], object], Callable[[], list[str]]]:
    """Return ``__all__``, ``__getattr__`` and ``__dir__`` for a package.

    The public names are those that the source of the package imports for type checkers, in the form
    ``from module import name as name``. If a module needs a package that is not installed, the
    error names the command that installs it.
    """
    namespace = vars(sys.modules[package])
    home_of = {
        alias.name: "." * node.level + (node.module or "")
        for node in ast.walk(ast.parse(namespace["__loader__"].get_source(package)))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name  # a checker takes no other import for an export
    }

    def get(name: str) -> object:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            module = import_module(home_of[name], package)
        except ImportError as error:
            from ...registry import missing_package  # noqa: PLC0415 - only an error needs it
            from .parts import modules_of  # noqa: PLC0415

            part = modules_of(home_of[name])
            if (missing := missing_package(error, f"{package}.{name}", part)) is None:
                raise
            raise missing from error
        namespace[name] = value = getattr(module, name)
        return value

    return sorted(home_of), get, lambda: sorted({*namespace, *home_of})
