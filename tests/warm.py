"""Run ``pluxel`` in a process of its own that has the large libraries already.

Importing torch, timm and albumentations takes most of the time of a short command. A server process
imports them once and forks for each command; Pluxel itself is imported by the command,
and what its environment says is followed, except that Python and torch have started already.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

LIBRARIES = ["accelerate", "albumentations", "scipy.special", "timm", "torch", "torchvision"]


def run(
    arguments: Sequence[str],
    folder: Path,
    env: Mapping[str, str] = os.environ,
    timeout: float = 120,
) -> subprocess.CompletedProcess[str]:
    """Run ``pluxel …`` in ``folder`` to its end."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LIBRARIES)
    out, err = (folder / f".{os.urandom(8).hex()}" for _ in range(2))
    options = ([*arguments], str(folder), dict(env), (str(out), str(err)))
    process = context.Process(target=_run, args=options)
    process.start()
    process.join(timeout)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError(f"pluxel {' '.join(arguments)}: {err.read_text()}")
    texts = [path.read_text(encoding="utf-8") for path in (out, err)]
    out.unlink()
    err.unlink()
    return subprocess.CompletedProcess(["pluxel", *arguments], process.exitcode, *texts)


def _run(
    arguments: list[str],
    folder: str,
    environment: dict[str, str],
    outputs: tuple[str, str],
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    for number, path in enumerate(outputs, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(open(number, "wb", closefd=False), "utf-8", write_through=True)  # noqa: SIM115
        for number in (1, 2)
    )
    sys.argv = ["pluxel", *arguments]
    from pluxel.core.cli import main  # noqa: PLC0415 - not before the fork

    main(arguments)
