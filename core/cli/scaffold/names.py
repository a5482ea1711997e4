"""Names of a new package: of its distribution, its module, its component and its class."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from keyword import iskeyword

import yaml

from ....registry import PluxelError

_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")


@dataclass(frozen=True)
class PackageNames:
    """``distribution``: for pip, with hyphens. ``module``: also the name of the component."""

    distribution: str
    module: str


def package_names(name: str) -> PackageNames:
    """Return the names that follow from one of them, such as ``acme-seg``.

    Raises: PluxelError if it is not a name, if Python or YAML reads it as something else, and if a
    module or a distribution of this name exists, since one of the two would hide the other.
    """
    if not _NAME.fullmatch(name):
        near = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-0123456789")
        hint = f" Did you mean {near!r}?" if _is_usable(near) else ""
        raise _refused(
            name, f"use lowercase letters, digits and single hyphens, starting with a letter.{hint}"
        )
    module = name.replace("-", "_")
    if iskeyword(module):
        raise _refused(name, f"{module!r} is a keyword of Python")
    if module in sys.stdlib_module_names:
        raise _refused(name, f"{module!r} is a module of Python's standard library")
    if module == "tests":
        raise _refused(name, "the folder of its tests has this name")
    if not isinstance(yaml.safe_load(module), str):
        raise _refused(name, f"YAML reads {module!r} as {yaml.safe_load(module)!r}, not as a name")
    if (spec := find_spec(module)) is not None and spec.has_location:
        raise _refused(name, f"a module {module!r} is installed already ({spec.origin})")
    distribution = module.replace("_", "-")
    with suppress(PackageNotFoundError):
        raise _refused(name, f"{distribution} {version(distribution)} is installed already")
    return PackageNames(distribution, module)


def _is_usable(name: str) -> bool:
    try:
        return bool(_NAME.fullmatch(name) and package_names(name))
    except PluxelError:
        return False


def _refused(name: str, reason: str) -> PluxelError:
    return PluxelError(f"{name!r} cannot name a package: {reason}")
