"""Import what a record names."""

from __future__ import annotations

import sys
from importlib import import_module

from ._component import Component, Subcommand
from ._errors import ComponentImportError, PluxelError, reason_of
from ._packages import missing_package
from ._suggest import article, did_you_mean


def load_target(component: Component) -> type:
    """Import the class of a component.

    Raises: MissingPackage if a package that it needs is not installed; ComponentImportError for any
    other failure.
    """
    target = load_object(component)
    if not isinstance(target, type):
        raise ComponentImportError(
            f"{component.qualified} is registered as {component.target}, but that is "
            f"{article(type(target).__name__)}, not a class"
        )
    return target


def load_object(component: Component | Subcommand) -> object:
    """Import what a record names, whatever it is. Raises: the errors of `load_target`."""
    module, _, attribute = component.target.partition(":")
    try:
        target: object = import_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin's module may even call sys.exit on import
        raise _unimportable(component, error) from error
    registered = f"{component.qualified} is registered as {component.target}, but"
    for name in attribute.split("."):
        if not hasattr(target, name):
            near = did_you_mean(name, dir(target))
            raise ComponentImportError(f"{registered} {module} has no {attribute!r}.{near}")
        target = getattr(target, name)
    return target


def _unimportable(component: Component | Subcommand, error: BaseException) -> PluxelError:
    module = component.target.partition(":")[0]
    missing = error.name or "" if isinstance(error, ModuleNotFoundError) else ""
    if missing and f"{module}.".startswith(f"{missing}."):
        from pkgutil import iter_modules  # noqa: PLC0415 - only a mistake needs it

        parent, _, last = missing.rpartition(".")
        siblings = iter_modules(sys.modules[parent].__path__) if parent else ()
        near = did_you_mean(last, (one.name for one in siblings))
        return ComponentImportError(
            f"{component.qualified} is registered as {component.target}, but there is no module "
            f"{missing!r}{near and '.' + near}"
        )
    if missing.partition(".")[0] != module.partition(".")[0]:
        extra = getattr(component, "extra", None)
        extra = extra and f"'{component.provider}[{extra}]'"
        if needed := missing_package(error, component.qualified, requirement=extra):
            return needed
    reason, notes = reason_of(error)
    return ComponentImportError(f"{component.qualified} cannot be imported ({reason})", notes)
