"""Ctrl-C and SIGTERM end a training between two steps, with its state saved."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ....registry import PluxelError


class Interrupted(PluxelError):  # noqa: N818 - reads as what it says
    """The training was asked to stop; ``exit_code`` is 128 + the signal's number."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number


class StopRequest:
    """Remembers the signal that asked this process for the end; 0 until one has come."""

    def __init__(self) -> None:
        self.signal_number = 0

    def handle(self, signal_number: int, frame: FrameType | None) -> None:
        """Note the first signal; a second Ctrl-C interrupts at once."""
        if self.signal_number and signal_number == signal.SIGINT:
            signal.default_int_handler(signal_number, frame)
        self.signal_number = signal_number


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Catch SIGINT and SIGTERM while the block runs, and restore the handlers after it.

    Outside the main thread signals cannot be caught; the request then never comes.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, request.handle) for number in _SIGNALS}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_SIGNALS = (signal.SIGINT, signal.SIGTERM)
