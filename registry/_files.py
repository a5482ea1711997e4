"""Plugins in single files, for trying one out with ``pluxel --plugin ./my_head.py``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

from ._errors import PluxelError
from ._sources import PluginSource
from ._suggest import did_you_mean


def file_source(path: str | Path) -> PluginSource:
    """Return the plugin in a file. Its module has the file's name, so targets can refer to it.

    Raises: PluxelError for a missing file, and for one whose module would hide another module.
    """
    path = Path(path)
    with suppress(RuntimeError):  # no home directory
        path = path.expanduser()
    path = path.resolve()
    if not path.is_file():
        near = did_you_mean(path.name, (file.name for file in path.parent.glob("*.py")))
        raise PluxelError(f"plugin file {path} does not exist.{near}")
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise PluxelError(
            f"{path} cannot be a plugin: its name must be a Python module name, such as my_head.py"
        )
    taken_by = _module_of(path.stem)
    if taken_by not in (None, str(path)):
        raise PluxelError(
            f"{path} cannot be a plugin: it would hide the module {path.stem!r} ({taken_by}). "
            "Rename the file"
        )
    return PluginSource(path.name, "", partial(_load, path))


def _module_of(name: str) -> str | None:
    """Return the file that ``import name`` would load, or None if no module has that name."""
    if name in sys.modules:  # find_spec raises for modules without a spec, such as __main__
        origin = getattr(sys.modules[name], "__file__", None)
    elif spec := importlib.util.find_spec(name):
        origin = spec.origin if spec.has_location else None
    else:
        return None
    return str(Path(origin).resolve()) if origin else "built in"


def _load(path: Path) -> object:
    # Last on the path, the folder hides no module. Worker processes inherit the path, so they can
    # unpickle what the file defines, and the file can import modules beside it.
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    importlib.invalidate_caches()  # the file may be younger than the finder's listing
    return importlib.import_module(path.stem)
