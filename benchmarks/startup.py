"""Time the start of ``pluxel``, compared with the minimum of imports.

    python benchmarks/startup.py [--runs 21]

Runs whole processes in turns, so that load affects all equally; prints medians and ratios.
Targets: at most 1.5 for ``pluxel --help`` and 2.5 for ``pluxel plugins list``.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

PLUXEL = str(Path(sysconfig.get_path("scripts")) / "pluxel")
BASELINE = "import click, rich, pluggy, yaml"
COMMANDS = {
    f"python -c '{BASELINE}'": [sys.executable, "-c", BASELINE],
    "pluxel --help": [PLUXEL, "--help"],
    "pluxel plugins list": [PLUXEL, "plugins", "list"],
}
TARGETS = (None, 1.5, 2.5)


def seconds(command: list[str]) -> float:
    """Return the wall-clock time of one process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=21, help="runs per command; 11 or more")
    runs = max(11, parser.parse_args().runs)
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for turn in range(runs + 1):
        for name, command in COMMANDS.items():
            taken = seconds(command)
            if turn:  # the first run fills the disk cache
                times[name].append(taken)
    medians = [statistics.median(taken) for taken in times.values()]
    print(f"| {'process':<46} | median of {runs} | ratio | target |")
    print("|---|---|---|---|")
    for name, median, target in zip(COMMANDS, medians, TARGETS, strict=True):
        ratio = f"{median / medians[0]:.2f}"
        print(f"| {name:<46} | {median * 1000:.0f} ms | {ratio} | {target or ''} |")


if __name__ == "__main__":
    main()
