"""Pass what a training measures to its trackers, each of which has a thread of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from queue import Queue
from threading import Lock, Thread
from typing import Any, NamedTuple

import numpy as np

from ....registry import failed_part
from ...common.files import read_json
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
    """The trackers of a training; without any, every method does nothing.

    No method waits for a tracker, except for the end of ``of_run``. Mappings and arrays are copied.
    """

    def __init__(self, trackers: Sequence[tuple[str, str, Tracker]] = ()) -> None:
        """Take provider, name and tracker of each."""
        self._threads = [_TrackerThread(*one) for one in trackers]
        self._step = -1

    @classmethod
    def of(cls, config: Config) -> Tracking:
        """Build the trackers of a configuration, without starting them.

        Raises: ConfigError for those that cannot work, such as for a missing package.
        """
        built: list[tuple[str, str, Tracker]] = []
        problems: list[Problem] = []
        for index, factory in enumerate(config.pipeline.training.trackers):
            try:
                with config.at("training", "trackers", index):
                    built.append((factory.component.provider, str(factory), factory()))
            except ConfigError as error:
                problems += error.problems
        if problems:
            raise ConfigError(problems)
        return cls(built)

    @contextmanager
    def of_run(self, run: Run, config: Config, step: int) -> Iterator[None]:
        """Track the training that the block runs, from ``step`` on, and how it ends."""
        if not self._threads:
            yield
            return
        self._call("start", run.directory.absolute(), config.plain(), step)
        with end_reported(partial(self._finish, run)):
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
            thread.put(_TrackerCall(method, deepcopy(arguments)))

    def _finish(self, run: Run, status: TrackedEnd) -> None:
        content = read_json(run.results_of("val"))
        results = content if isinstance(content, dict) else {}
        end = time.monotonic() + _LIMIT
        for thread in self._threads:
            thread.put_last(_TrackerCall("finish", (deepcopy(results), status)))
        for thread in self._threads:
            thread.wait(end)


class _TrackerCall(NamedTuple):
    method: str
    arguments: tuple[Any, ...]


class _TrackerThread:
    """Calls one tracker, one call after the other, until one fails."""

    def __init__(self, provider: str, name: str, tracker: Tracker) -> None:
        self._provider, self._name, self._tracker = provider, name, tracker
        # Unbounded in itself, so that the last calls always fit; `put` keeps it short.
        self._calls: Queue[_TrackerCall | None] = Queue()
        self._lock = Lock()
        self._present: tuple[str, float] | None = None  # method, and when it was called
        self._is_off = self._is_late = False
        # A daemon: a tracker that hangs must not keep the process alive.
        self._thread = Thread(target=self._work, name=name, daemon=True)

    def put(self, call: _TrackerCall) -> None:
        """Let the thread make a call, unless too many wait or one hangs."""
        if self._hangs() or self._is_off:
            return
        if call.method == "start":
            self._thread.start()
        if self._calls.qsize() < (_WAITING_WITH_IMAGES if call.method == "images" else _WAITING):
            self._calls.put(call)
        elif not self._is_late:
            self._is_late = True
            logger.warning("%s is too slow: what it cannot take in time is left out", self._label)

    def put_last(self, call: _TrackerCall) -> None:
        """Let the thread make a call after those that wait, then end."""
        for one in (call, None):
            self._calls.put(one)

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
            self._present = (call.method, time.monotonic())
            try:
                getattr(self._tracker, call.method)(*call.arguments)
            except BaseException as error:  # noqa: BLE001 - a plugin may even call sys.exit
                self._turn_off(failed_part(self._provider, self._name, error))
            finally:
                self._present = None

    def _turn_off(self, problem: str) -> None:
        """Warn that the tracker no longer receives anything, unless that is known already."""
        with self._lock:
            was_off, self._is_off = self._is_off, True
        if not was_off:
            logger.warning("%s; it no longer tracks this training", problem)
