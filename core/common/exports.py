"""Import each public name of a package on first access."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module


def exports(package: str) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for a package; the former also offers ``__all__``.

    The public names are those that the package imports for type checkers, in a block that never
    runs. They are read from its bytecode, which every installation has, frozen ones included. Names
    that were renamed work with a warning. If a module needs a package that is not installed, the
    error names the command that installs it.
    """
    namespace = vars(sys.modules[package])

    @cache
    def homes() -> dict[str, str]:
        """Return public name -> its module."""
        import dis  # noqa: PLC0415 - the help of the command line needs no names

        steps = [
            step
            for step in dis.get_instructions(namespace["__loader__"].get_code(package))
            if step.opname != "EXTENDED_ARG"
        ]
        return {
            name: "." * level.argval + step.argval
            for level, names, step in zip(steps, steps[1:], steps[2:], strict=False)
            if step.opname == "IMPORT_NAME"
            for name in names.argval or ()
            if name not in before  # the imports that have run are not for type checkers alone
        }

    before = {*namespace}

    def get(name: str) -> object:
        home_of = homes()
        if name == "__all__":
            return sorted(home_of)
        if name not in home_of:
            from ...registry import renamed  # noqa: PLC0415 - only a rare case needs it

            return renamed(package, name)
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

    return get, lambda: sorted({*namespace, *homes()})
