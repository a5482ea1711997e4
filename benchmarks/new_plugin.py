"""Time the way from ``pluxel new`` to a tested and trained plugin, as its README gives it.

    python benchmarks/new_plugin.py [--kind decoder]

Makes a fresh virtual environment that already sees the installed dependencies, and is not counted.
In it, runs the four commands in order, each once, as a newcomer would: write the package, install
it in editable form, run its tests, train 20 steps. Prints the wall-clock and the CPU time of each.
Target: 60 s in all, with three commands after ``pluxel new``.
"""

from __future__ import annotations

import argparse
import os
import resource
import site
import subprocess
import sys
import time
import venv
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from pluxel.registry import KINDS

TARGET = 60


def environment(folder: Path) -> Path:
    """Make a virtual environment that sees the packages of this one; return its Python."""
    venv.create(folder, with_pip=True)
    (inner,) = folder.glob("lib/python*/site-packages")
    lines = (f"import site; site.addsitedir({path!r})\n" for path in site.getsitepackages())
    (inner / "shared.pth").write_text("".join(lines), encoding="utf-8")
    return folder / "bin" / "python"


def measured(command: list[str], folder: Path, env: Mapping[str, str]) -> tuple[float, float]:
    """Run a command; return its wall-clock time and the CPU time of all its processes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=KINDS, default="decoder")
    kind = parser.parse_args().kind
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        python = str(environment(folder / "venv"))
        env = {**os.environ, "PLUXEL_CACHE": str(folder / "cache")}
        commands = {
            f"pluxel new {kind} acme": ["pluxel", "new", kind, "acme"],
            "pip install --editable '.[test]'": ["pip", "install", "-q", "--editable", ".[test]"],
            "pytest": ["pytest"],
            "pluxel train acme.yaml": ["pluxel", "train", "acme.yaml"],
        }
        print("| command | wall clock | CPU | target |\n|---|---|---|---|")
        total = [0.0, 0.0]
        for name, arguments in commands.items():
            place = folder if arguments[1:2] == ["new"] else folder / "acme"
            times = measured([python, "-m", *arguments], place, env)
            total = [one + more for one, more in zip(total, times, strict=True)]
            print(f"| `{name}` | {times[0]:.1f} s | {times[1]:.1f} s | |")
    print(f"| all | {total[0]:.1f} s | {total[1]:.1f} s | {TARGET} s |")
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"load average: {load}", file=sys.stderr)


if __name__ == "__main__":
    main()
