"""Run the command line in separate processes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pluxel.core.cli import main

from ... import warm

TOYS = Path(__file__).parents[1] / "engine" / "toys.py"
PLUXEL = (sys.executable, "-m", "pluxel", "--plugin", str(TOYS))
WORDS = Path(__file__).parent / "toy_words.py"
TOY = """\
backbone: {type: toy}
decoder: {type: fcn32s}
loss: {type: cross_entropy}
dataset: {type: squares}
device: cpu
training: {steps: 20, batch_size: 4, precision: fp32, pictures: 0, optimizer: {lr: 1e-2}}
"""

Completed = subprocess.CompletedProcess[str]
Pluxel = Callable[..., Completed]
Words = Callable[..., tuple[object, str, str]]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


_started: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def _no_process_outlives_its_test() -> Iterator[None]:
    """End what a failed test leaves running: it would slow down all later tests."""
    yield
    while _started:
        process = _started.pop()
        if process.poll() is None:
            process.kill()
            process.communicate()


def start(*arguments: object, cwd: Path, **options: object) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*PLUXEL, *map(str, arguments)],
        cwd=cwd,
        env=environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,  # pyright: ignore[reportCallIssue, reportArgumentType]
    )
    _started.append(process)
    return process


@pytest.fixture
def pluxel(tmp_path: Path, in_processes: None) -> Pluxel:
    """Run ``pluxel …`` in ``tmp_path`` to its end; with ``options``, in a fresh interpreter."""

    def run(*arguments: object, **options: object) -> Completed:
        if not options:
            own = ["--plugin", str(TOYS), *map(str, arguments)]
            return warm.run(own, tmp_path)
        process = start(*arguments, cwd=tmp_path, **options)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    return run


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[object, str, str]]:
    """Run ``pluxel …`` in this process: arguments -> (exit code, stdout, stderr)."""

    def run(*arguments: str) -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        return (ended.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    path = tmp_path / "toy.yaml"
    path.write_text(TOY)
    return path


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, in_processes: None) -> Path:
    """A run directory written by a real ``pluxel train``."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "toy.yaml").write_text(TOY)
    process = start("train", "toy.yaml", "training.steps=60", cwd=folder)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    return folder / "runs" / "toy"


@pytest.fixture
def words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Words:
    """Run ``pluxel …`` with toy_words.py in this process, in ``tmp_path``, with ``stdin``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLUXEL_CACHE", str(tmp_path / "cache"))

    def run(
        *arguments: object, stdin: bytes = b"", plugin: Path = WORDS
    ) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as ended:
            main(["--plugin", str(plugin), *map(str, arguments)])
        return (ended.value.code, *capsys.readouterr())

    return run
