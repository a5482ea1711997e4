"""Find the plugins whose code a traceback passes through."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ._sources import normalize


class PluginFrame(NamedTuple):
    """A frame of a traceback in the code of a plugin."""

    provider: str
    file: str
    line: int
    function: str


def own_modules(registered: Mapping[str, str], targets: Mapping[str, str]) -> dict[str, str]:
    """Return package or module -> the plugin that owns it, without those of Pluxel.

    ``registered``: the modules that registered -> their plugins. ``targets``: those of components
    and commands, which may belong to a library instead.
    """
    owners = _owners()
    found: dict[str, str] = {}
    for module, provider in targets.items():
        top = module.partition(".")[0]
        names = [normalize(name) for name in owners.get(top, [])]
        if top not in sys.stdlib_module_names and (not names or provider in names):
            found[_root(module)] = provider
    found |= {_root(module): provider for module, provider in registered.items() if module}
    return {root: provider for root, provider in found.items() if root.split(".")[0] != "pluxel"}


def _owners() -> Mapping[str, list[str]]:
    """Return top-level package -> the distributions that contain it."""
    from importlib.metadata import packages_distributions  # noqa: PLC0415 - only an error needs it

    try:
        return packages_distributions()
    except Exception:  # noqa: BLE001 - malformed metadata must not hide the error to explain
        return {}


def _root(module: str) -> str:
    """Return the outermost package of a module that has a file; others are shared namespaces."""
    parts = module.split(".")
    for count in range(1, len(parts)):
        package = ".".join(parts[:count])
        if getattr(sys.modules.get(package), "__file__", None):
            return package
    return module


def frames_of(error: BaseException, roots: Mapping[str, str]) -> list[PluginFrame]:
    """Return the frames of an error and of its causes in these modules, the innermost one last.

    The text of an error may contain the traceback of a worker process.
    """
    found: list[PluginFrame] = []
    for each in _chain(error):
        for module, file, line, function in (*_frames(each), *_written_frames(each)):
            names = module.split(".")
            prefixes = (".".join(names[:count]) for count in range(len(names), 0, -1))
            if provider := next((roots[one] for one in prefixes if one in roots), None):
                found.append(PluginFrame(provider, file, line, function))
    return found


def _chain(error: BaseException | None) -> list[BaseException]:
    """Return the errors that a traceback shows, in its order."""
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return chain[::-1]


FramePlace = tuple[str, str, int, str]


def _frames(error: BaseException) -> Iterator[FramePlace]:
    trace = error.__traceback__
    while trace is not None:
        frame, code = trace.tb_frame, trace.tb_frame.f_code
        yield frame.f_globals.get("__name__", ""), code.co_filename, trace.tb_lineno, code.co_name
        trace = trace.tb_next


_WRITTEN = re.compile(r'^ *File "(.+)", line (\d+), in (.+)$', re.MULTILINE)


def _written_frames(error: BaseException) -> Iterator[FramePlace]:
    text = str(error)
    if "Traceback (most recent call last)" not in text:
        return
    modules = {getattr(one, "__file__", None): name for name, one in [*sys.modules.items()]}
    for file, line, function in _WRITTEN.findall(text):
        yield modules.get(file, ""), file, int(line), function
