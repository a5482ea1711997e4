"""Measure the peak memory of a task of dense.py in a process of its own (Linux)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

SCRIPT = Path(__file__).parent / "dense.py"


def peak(what: str, *, above_inputs: bool = True) -> float:
    """Return the peak memory of a process that runs one task, in MiB."""
    command = [sys.executable, str(SCRIPT), "--peak", what]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found["peak"] - (found["before"] if above_inputs else 0)


def report_peak(run: Callable[[], object]) -> None:
    """Print the peak memory of this process before and after a task."""
    before = _resident()
    run()
    print(json.dumps({"before": before, "peak": _resident()}))


def _resident() -> float:
    """Return the peak memory of this process, in MiB (Linux)."""
    # Not from getrusage, whose peak includes the memory of the parent process.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
