"""Stop a training between two steps on Ctrl-C or SIGTERM, after saving its state."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ....registry import PluxelError


class Interrupted(PluxelError):  # noqa: N818 - not an error, but a requested stop
    """A signal stopped the training; ``exit_code`` is 128 + the signal number."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number


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
    """Catch SIGINT and SIGTERM while the block runs, then restore the previous handlers.

    Python delivers signals only to the main thread; in other threads, nothing is caught.
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
