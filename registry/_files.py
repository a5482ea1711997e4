"""A plugin in a single file, tried out with ``pluxel --plugin ./my_head.py``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from functools import partial
from pathlib import Path

from ._errors import PluxelError
from ._sources import PluginSource
from ._suggest import did_you_mean


def file_source(path: str | Path) -> PluginSource:
    """Return the plugin in a file, whose module is called as the file, so targets may name it.

    Raises PluxelError for a file that is missing or whose module would hide another one.
    """
    path = Path(path).expanduser().resolve()
    if not path.is_file():
        near = did_you_mean(path.name, (file.name for file in path.parent.glob("*.py")))
        raise PluxelError(f"there is no plugin file {path}.{near}")
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise PluxelError(
            f"{path} cannot be a plugin: its name must be a Python module's, such as my_head.py"
        )
    taken_by = _module_of(path.stem)
    if taken_by not in (None, str(path)):
        raise PluxelError(
            f"{path} cannot be a plugin: it would hide the module {path.stem!r} ({taken_by}). "
            "Rename the file"
        )
    return PluginSource(path.name, "", partial(_load, path))


def _module_of(name: str) -> str | None:
    """Return the file that ``import name`` would give, or None if it would find nothing."""
    if name in sys.modules:  # find_spec raises for those without a spec, such as __main__
        origin = getattr(sys.modules[name], "__file__", None)
    elif spec := importlib.util.find_spec(name):
        origin = spec.origin if spec.has_location else None
    else:
        return None
    return str(Path(origin).resolve()) if origin else "built in"


def _load(path: Path) -> object:
    # Last on the path, where it hides nothing: worker processes, which inherit the path, can
    # unpickle what the file defines, and the file can import its neighbors.
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    importlib.invalidate_caches()  # the file may be younger than the finder's listing
    return importlib.import_module(path.stem)
