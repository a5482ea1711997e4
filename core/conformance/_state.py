"""The state of a process that a component must leave alone."""

from __future__ import annotations

import logging
import os
import random
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from ..embeddings import cache_folder


class _Part(NamedTuple):
    """One part of the state; ``read`` returns a value that can be compared and written."""

    read: Callable[[], Any]
    write: Callable[[Any], object]


def _numpy_state() -> tuple[Any, ...]:
    state: Any = np.random.get_state()
    return state[0], tuple(state[1].tolist()), *state[2:]


def _root_logger() -> tuple[int, int, list[logging.Handler]]:
    root = logging.getLogger()
    return root.level, root.manager.disable, [*root.handlers]


def _set_root_logger(state: tuple[int, int, list[logging.Handler]]) -> None:
    root = logging.getLogger()
    root.setLevel(state[0])
    root.manager.disable = state[1]
    root.handlers[:] = state[2]


def _set_filters(filters: list[Any]) -> None:
    found: Any = warnings.filters
    found[:] = filters
    warnings.simplefilter("default")  # makes Python forget what it cached
    del found[0]


def _set_environment(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def _set_cudnn_benchmark(on: bool) -> None:
    torch.backends.cudnn.benchmark = on


_PARTS = {
    "random numbers of the module random": _Part(random.getstate, random.setstate),
    "random numbers of NumPy": _Part(_numpy_state, np.random.set_state),
    "PyTorch's gradient mode": _Part(torch.is_grad_enabled, torch.set_grad_enabled),
    "PyTorch's default dtype": _Part(torch.get_default_dtype, torch.set_default_dtype),
    "PyTorch's default device": _Part(torch.get_default_device, torch.set_default_device),
    "PyTorch's number of threads": _Part(torch.get_num_threads, torch.set_num_threads),
    "PyTorch's deterministic mode": _Part(
        torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode
    ),
    "cuDNN's benchmark mode": _Part(lambda: torch.backends.cudnn.benchmark, _set_cudnn_benchmark),
    "the root logger": _Part(_root_logger, _set_root_logger),
    "the filters of warnings": _Part(lambda: [*warnings.filters], _set_filters),
    "the environment variables": _Part(lambda: dict(os.environ), _set_environment),
    "the working folder": _Part(lambda: str(Path.cwd()), os.chdir),
}


def snapshot() -> Mapping[str, Any]:
    """Return the state of the process: what → a value that can be compared."""
    return {what: part.read() for what, part in _PARTS.items()}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return what changed between two snapshots."""
    return [what for what, value in before.items() if after[what] != value]


@contextmanager
def restored() -> Iterator[None]:
    """Restore the state of the process after the block, also PyTorch's random numbers."""
    before = snapshot()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        for what in differences(before, snapshot()):
            _PARTS[what].write(before[what])


@contextmanager
def recorded() -> Iterator[list[tuple[str, str]]]:
    """Record what Python code does outside of the process while the block runs.

    Yields a list of ("write", path) and ("connect", address), from all threads. Files that a
    library writes from C are not seen.
    """
    _watch()
    events: list[tuple[str, str]] = []
    _RECORDS.append(events)
    try:
        yield events
    finally:
        _RECORDS.remove(events)


def is_foreign(path: str, folder: Path | None) -> bool:
    """Return whether a component must not write to a path.

    It may write to Pluxel's cache and to temporary files, but not to the working folder or to
    ``folder``, that of its data.
    """
    found = Path(path).absolute()
    if found.suffix == ".pyc" or found.is_relative_to(cache_folder()) or str(found) == os.devnull:
        return False
    own = [Path.cwd(), *([folder] if folder else [])]
    if any(found.is_relative_to(one) for one in own):
        return True
    return not found.is_relative_to(tempfile.gettempdir())


_RECORDS: list[list[tuple[str, str]]] = []
"""The records that are being written. Not a context variable, which new threads would not see."""

_PATHS = {
    "os.link": slice(1, 2),
    "os.mkdir": slice(1),
    "os.remove": slice(1),
    "os.rename": slice(2),
    "os.rmdir": slice(1),
    "os.symlink": slice(1, 2),
    "os.truncate": slice(1),
}
"""Operations that change files, and which arguments are the paths that they change."""

_IN_FOLDERS = {"os.mkdir", "os.remove", "os.rmdir"}
"""Operations whose last argument is the open folder that the path is relative to, or -1."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@cache
def _watch() -> None:
    """Install the audit hook, once: Python cannot remove one."""
    sys.addaudithook(_audit)


def _audit(
    event: str,
    arguments: tuple[Any, ...],
    # As a default, because a hook also runs while Python clears this module at exit.
    records: list[list[tuple[str, str]]] = _RECORDS,
) -> None:
    if records:
        found = [*_events(event, arguments)]
        for record in records:
            record.extend(found)


def _events(event: str, arguments: tuple[Any, ...]) -> Iterator[tuple[str, str]]:
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        yield "connect", str(arguments[1][0])
    elif event == "socket.getaddrinfo":
        yield "connect", str(arguments[0])
    elif event == "open":
        if _is_writing(*arguments[1:3]) and isinstance(arguments[0], str | os.PathLike):
            yield "write", os.fspath(arguments[0])
    elif event not in _IN_FOLDERS or arguments[-1] == -1:  # else shutil.rmtree empties a folder
        for path in arguments[_PATHS.get(event, slice(0))]:
            if isinstance(path, str | os.PathLike):
                yield "write", os.fspath(path)


def _is_writing(mode: str | None, flags: int) -> bool:
    return bool(flags & _WRITING) if mode is None else not {*"wax+"}.isdisjoint(mode)
