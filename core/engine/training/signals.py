"""Stop a training between two steps on Ctrl-C, SIGTERM or SIGHUP, after saving its state."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from ....registry import PluxelError
from ...common.signals import stop_signals
from ...contracts.kinds import TrackedEnd


class Interrupted(PluxelError):  # noqa: N818 - not an error, but a requested stop
    """A signal stopped the training; ``exit_code`` is 128 + the signal number."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number


@contextmanager
def end_reported(report: Callable[[TrackedEnd], object]) -> Iterator[None]:
    """Call ``report`` at the end of the block, a training, with how it ended."""
    status: TrackedEnd = "failed"
    try:
        yield
        status = "finished"
    except (Interrupted, KeyboardInterrupt):
        status = "interrupted"
        raise
    finally:
        report(status)


class StopRequest:
    """Stores the number of the signal that asked this process to stop; 0 before any."""

    def __init__(self) -> None:
        self.signal_number = 0

    def handle(self, signal_number: int, frame: FrameType | None) -> None:
        """Store the first signal; a second Ctrl-C interrupts immediately."""
        if self.signal_number and signal_number == signal.SIGINT:
            signal.default_int_handler(signal_number, frame)
        self.signal_number = signal_number


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Catch SIGINT, SIGTERM and SIGHUP while the block runs, then restore the previous handlers.

    Python delivers signals only to the main thread; in other threads, nothing is caught.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    numbers = (signal.SIGINT, *stop_signals())
    before = {number: signal.signal(number, request.handle) for number in numbers}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
