"""Import the class that a record names."""

from __future__ import annotations

from importlib import import_module

from ._component import Component
from ._errors import ComponentImportError
from ._packages import DISTRIBUTIONS, missing_package
from ._suggest import did_you_mean


def load_target(component: Component) -> type:
    """Import the class of a component. Raises: ComponentImportError if that fails."""
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
    if not isinstance(target, type):
        raise ComponentImportError(f"{registered} that is a {type(target).__name__}, not a class")
    return target


def _unimportable(component: Component, error: BaseException) -> ComponentImportError:
    notes = []
    if component.extra and isinstance(error, ImportError):
        requirement = f"{component.provider}[{component.extra}]"
        notes = [f"install its dependencies: pip install '{requirement}'"]
    elif isinstance(error, ImportError) and (error.name or "").partition(".")[0] in DISTRIBUTIONS:
        notes = [str(missing_package(error, component.name))]
    return ComponentImportError(
        f"{component.qualified} cannot be imported ({type(error).__name__}: {error})", notes
    )
