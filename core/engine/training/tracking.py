"""Pass what a training measures to its trackers, each of which has a thread of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from queue import Queue
from threading import Lock, Thread
from typing import Any, NamedTuple

import numpy as np

from ....registry import failed_part
from ...common.json_files import read_json
from ...common.logs import logger
from ...config._config import Config
from ...config.tree.problems import ConfigError, Problem
from ...contracts.kinds import TrackedEnd, Tracker
from ..run import Run
from .signals import end_reported

_WAITING = 1000
"""Calls that wait for a slow tracker, such as one that is just starting; others are left out."""

_WAITING_WITH_IMAGES = 50
"""Calls that may wait when images are to wait, too: they are large."""

_LIMIT = 60.0
"""Seconds after which a call counts as hanging; also for all that waits when a training ends."""


class Tracking:
    """The trackers of a configuration; without any, every method does nothing.

    No method waits for a tracker, except for the end of ``of_run``. Mappings and arrays are copied.
    """

    def __init__(self, config: Config | None = None) -> None:
        """Check that the trackers can be built, without starting them. None: there are none.

        Raises: ConfigError for those that cannot work, such as for a missing package.
        """
        self._config = config
        self._threads: list[_TrackerThread] = []
        self._step = -1
        _trackers(config)

    @contextmanager
    def of_run(self, run: Run, step: int) -> Iterator[None]:
        """Track the training that the block runs, from ``step`` on, and how it ends.

        Each time, with new trackers, as after a resume.
        """
        self._threads = [_TrackerThread(run, *one) for one in _trackers(self._config)]
        self._step = -1
        if self._config is None or not self._threads:
            yield
            return
        self._call("start", run.directory.absolute(), self._config.plain(), step)
        with end_reported(self._finish):
            yield

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Pass finite numbers by name; ``seconds`` only once for each step."""
        again = {"seconds"} if step == self._step else set[str]()
        self._step = step
        self._call("scalars", step, {n: one for n, one in values.items() if n not in again})

    def images(self, step: int, images: Mapping[str, np.ndarray]) -> None:
        """Pass pictures by name, (H, W, 3) uint8 RGB."""
        self._call("images", step, images)

    def _call(self, method: str, *arguments: Any) -> None:
        for thread in self._threads:
            thread.put(method, arguments)

    def _finish(self, status: TrackedEnd) -> None:
        end = time.monotonic() + _LIMIT
        for thread in self._threads:
            thread.put_last(status)
        for thread in self._threads:
            thread.wait(end)
        self._threads = []


def _trackers(config: Config | None) -> list[tuple[str, str, Tracker]]:
    """Build the trackers of a configuration: provider, name and tracker of each.

    Raises: ConfigError.
    """
    built: list[tuple[str, str, Tracker]] = []
    problems: list[Problem] = []
    if config is None:
        return built
    for index, factory in enumerate(config.pipeline.training.trackers):
        try:
            with config.at("training", "trackers", index):
                built.append((factory.component.provider, str(factory), factory()))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return built


class _TrackerCall(NamedTuple):
    method: str
    arguments: tuple[Any, ...]


class _TrackerThread:
    """Calls one tracker, one call after the other, until one fails."""

    def __init__(self, run: Run, provider: str, name: str, tracker: Tracker) -> None:
        self._run = run
        self._provider, self._name, self._tracker = provider, name, tracker
        # Unbounded in itself, so that the last calls always fit; `put` keeps it short.
        self._calls: Queue[_TrackerCall | None] = Queue()
        self._lock = Lock()
        self._present: tuple[str, float] | None = None  # method, and when it was called
        self._is_off = self._is_late = False
        # A daemon: a tracker that hangs must not keep the process alive.
        self._thread = Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def put(self, method: str, arguments: tuple[Any, ...]) -> None:
        """Let the thread make a call with copies, unless too many wait or one failed or hangs."""
        if self._hangs() or self._is_off:
            return
        if self._calls.qsize() < (_WAITING_WITH_IMAGES if method == "images" else _WAITING):
            self._calls.put(_TrackerCall(method, deepcopy(arguments)))
        elif not self._is_late:
            self._is_late = True
            logger.warning("%s is too slow: what it cannot take in time is left out", self._label)

    def put_last(self, status: TrackedEnd) -> None:
        """Let the thread finish the tracker after the calls that wait, then end."""
        for one in (self._last(status), None):
            self._calls.put(one)

    def _last(self, status: TrackedEnd) -> _TrackerCall:
        content = read_json(self._run.results_of("val"))
        return _TrackerCall("finish", (content if isinstance(content, dict) else {}, status))

    def wait(self, end: float) -> None:
        """Wait until the thread ends, or until the time ``end``."""
        self._thread.join(max(0.0, end - time.monotonic()))
        if self._thread.is_alive():
            self._turn_off(f"{self._label} did not finish within {_LIMIT:g} s")

    def _hangs(self) -> bool:
        present = self._present
        if present is None or time.monotonic() - present[1] < _LIMIT:
            return False
        self._turn_off(f"{self._label} hangs: '{present[0]}' did not return within {_LIMIT:g} s")
        return True

    @property
    def _label(self) -> str:
        return f"plugin {self._provider}: {self._name}"

    def _work(self) -> None:
        while (call := self._calls.get()) is not None and not self._is_off:
            error = self._error_of(call)
            if error is None:
                continue
            # One that hung meanwhile is left alone: it may hang again.
            if self._turn_off(failed_part(self._provider, self._name, error)):
                if call.method != "finish":
                    self._error_of(self._last("failed"))  # it may hold files, variables or a run
                return

    def _error_of(self, call: _TrackerCall) -> BaseException | None:
        self._present = (call.method, time.monotonic())
        try:
            getattr(self._tracker, call.method)(*call.arguments)
        except BaseException as error:  # noqa: BLE001 - a plugin may even call sys.exit
            return error
        finally:
            self._present = None
        return None

    def _turn_off(self, problem: str) -> bool:
        """Warn that the tracker no longer receives anything; return False if that is known."""
        with self._lock:
            was_off, self._is_off = self._is_off, True
        if not was_off:
            logger.warning("%s; it no longer tracks this training", problem)
        return not was_off
