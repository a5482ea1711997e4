"""The signals that ask a process to stop."""

from __future__ import annotations

import signal


def stop_signals() -> list[int]:
    """Return SIGTERM, and SIGHUP unless ``nohup`` or the platform ignores it."""
    numbers: list[int] = [signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    return numbers
