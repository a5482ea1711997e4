"""Import a plugin in a process of its own, and report what that changes there.

Run as ``python -P -m pluxel.core.conformance._fresh MODULE TARGET…``; prints JSON.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from functools import cache
from importlib import import_module
from io import StringIO
from typing import NamedTuple


class Fresh(NamedTuple):
    """``modules``: packages that registration imports. ``changes``: of the process by the targets.

    ``error``: why the process failed, or an empty string.
    """

    modules: tuple[str, ...]
    changes: tuple[str, ...]
    error: str = ""


@cache
def imported_afresh(module: str, targets: tuple[str, ...]) -> Fresh:
    """Return what importing a plugin's module, then the modules of its targets, changes."""
    import os  # noqa: PLC0415 - the new process needs little of this module
    import subprocess  # noqa: PLC0415

    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-P", "-m", __name__, module, *targets]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        return Fresh((), (), ended.stderr.strip().rpartition("\n")[2] or "it was killed")
    modules, changes = json.loads(ended.stdout.strip().rpartition("\n")[2])
    return Fresh(tuple(modules), tuple(changes))


_LIBRARIES = ("albumentations", "rich.progress", "timm", "torchvision")
"""Dependencies of Pluxel that change the process when they are imported."""


def module_at(location: str) -> str:
    """Return the name of the imported module with this file.

    Raises: PluxelError if it runs as the program, which no other process can import.
    """
    for name, module in sys.modules.items():
        if getattr(module, "__file__", None) == location and name != "__main__":
            return name
    from ...registry import PluxelError  # noqa: PLC0415

    raise PluxelError(f"no module can be imported from {location}: move the plugin to its own file")


def _registration(name: str) -> list[str]:
    """Return the packages, besides the plugin's own, that registration imports."""
    from ...registry import Host  # noqa: PLC0415

    before = {*sys.modules}
    host = Host({"plugin": import_module(name)})
    if host.failures:
        raise SystemExit(str(host.failures[0]))
    own = {name.partition(".")[0], "pluxel", "pluggy", *sys.stdlib_module_names}
    found = {one.partition(".")[0] for one in sys.modules if one not in before} - own
    return sorted(one for one in found if not one.startswith("_"))


def _changes(targets: list[str]) -> list[str]:
    """Return what importing the modules of the targets changes in the process."""
    for library in _LIBRARIES:  # what these change is not the plugin's doing
        import_module(library)
    from ._state import differences, snapshot  # noqa: PLC0415 - it imports torch

    before, stdout = snapshot(), sys.stdout
    sys.stdout = StringIO()
    for target in targets:
        with suppress(Exception, SystemExit):  # the check `target` reports it for its component
            import_module(target)
    printed, sys.stdout = sys.stdout.getvalue(), stdout
    return [*differences(before, snapshot()), *(["standard output"] if printed else [])]


if __name__ == "__main__":
    _found = _registration(sys.argv[1])
    print(json.dumps([_found, _changes(sys.argv[2:])]))  # noqa: T201 - this is a program
