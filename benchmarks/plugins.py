"""Time ``pluxel plugins list`` with 100 installed plugins, of which 10 are broken, and with none.

    python benchmarks/plugins.py [--runs 21] [--count 100]

Runs whole processes in turns, so that load affects both equally; prints the fastest and the median
of each, and their ratios. Targets: at most 3 for the ratio and 1 s for 100 plugins. Then prints
what the hook of a training step costs if no plugin has it, and if one does.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from _many_plugins import install
from pluxel.registry import Host, hookimpl

LIST = [sys.executable, "-m", "pluxel", "plugins", "list"]
HELP = [sys.executable, "-m", "pluxel", "--help"]


def seconds(command: list[str], folder: str) -> float:
    """Return the wall-clock time of one process that imports from a folder, too."""
    env = {**os.environ, "PYTHONPATH": folder}
    env.pop("PLUXEL_PLUGINS", None)
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    subprocess.run(
        command, check=True, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return time.perf_counter() - start


class Watching:
    """A plugin that receives the losses of each step, and does nothing with them."""

    @hookimpl
    def pluxel_training_step(self, step: int, losses: Mapping[str, float]) -> None:
        """Do nothing."""


def per_step(plugins: list[object], count: int = 100_000) -> float:
    """Return the seconds that a training step spends on its hook."""
    host, losses, run = Host(plugins), {"loss": 1.0, "semantic": 1.0}, Path("run")
    reports_steps = host.listens("pluxel_training_step")
    start = time.perf_counter()
    for step in range(count):
        if reports_steps:
            host.notify("pluxel_training_step", run=run, step=step, losses=losses)
    return (time.perf_counter() - start) / count


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=21, help="runs of each; 11 or more")
    parser.add_argument("--count", type=int, default=100, help="number of plugins")
    options = parser.parse_args()
    with TemporaryDirectory() as none, TemporaryDirectory() as many:
        install(Path(many), options.count)
        print("| command | plugins | fastest | ratio | median | ratio |\n|---|---|---|---|---|---|")
        for name, command in (("pluxel plugins list", LIST), ("pluxel --help", HELP)):
            times: dict[str, list[float]] = {none: [], many: []}
            for turn in range(max(11, options.runs) + 1):
                for folder, taken in times.items():
                    value = seconds(command, folder)
                    if turn:  # the first run compiles the modules
                        taken.append(value)
            for folder, count in ((none, 0), (many, options.count)):
                cells = [f"`{name}`", str(count)]
                for reduced in (min, statistics.median):
                    value, base = reduced(times[folder]), reduced(times[none])
                    cells += [f"{value * 1000:.0f} ms", f"{value / base:.2f}"]
                print("|", " | ".join(cells), "|")
    for who, plugins in (("no plugin", []), ("one plugin", [Watching()])):
        fastest = min(per_step(plugins) for _ in range(5))
        print(f"the hook of a training step, {who}: {fastest * 1e9:,.0f} ns")


if __name__ == "__main__":
    main()
