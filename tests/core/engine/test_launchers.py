"""Processes that a launcher started train together with ``device: auto``, without a GPU too."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from pluxel.core.engine import distributed
from pluxel.core.engine.distributed import Processes
from pluxel.registry import PluxelError

TOYS = Path(__file__).with_name("toys.py")
CONFIG = """\
backbone: {type: toy}
decoder: {type: fcn32s}
loss: {type: cross_entropy}
dataset: {type: squares, length: 7}
augment: {train: [{RandomCrop: {height: 12, width: 12}}]}
training: {steps: 2, batch_size: 2, precision: fp32, eval_every: 2}
"""
HOOKS = """\
import os
from pathlib import Path

from pluxel.registry import hookimpl

def note(hook):
    with Path(f"{hook}-{os.environ['RANK']}").open("a") as file:
        file.write("x")

@hookimpl
def pluxel_model_built(model, config):
    note("built")

@hookimpl
def pluxel_training_step(losses):
    note("step")

@hookimpl
def pluxel_evaluated(run, results):
    note("evaluated")
"""
JOINED = """\
import json, sys
import torch
from pluxel.core.engine.distributed import Processes, is_main_process
is_main = is_main_process()
processes = Processes("auto")
ranks = processes.gather(torch.tensor([processes.process_index])).tolist()
print(json.dumps([is_main, processes.is_main_process, processes.device.type, ranks]))
"""
THREADS = """\
import atexit, json
from pathlib import Path

def list_threads():  # of the system, so also those that PyTorch started
    names = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    print(json.dumps([name for name in names if "gloo" in name]))

atexit.register(list_threads)  # runs after those that are registered later

import torch
from pluxel.core.engine.distributed import Processes

def train():
    processes = Processes("cpu")
    model = torch.nn.Linear(3, 1)
    wrapped, optimizer = processes.prepare(model, torch.optim.SGD(model.parameters(), 0.1))
    processes.backward(wrapped(torch.ones(2, 3)).sum())
    optimizer.step()
    wrapped.itself = wrapped  # freed by the garbage collection alone
    list_threads()

train()
"""
LAUNCHERS = {
    "torchrun": ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"),
    "MPICH": ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"),
    "Open MPI": (
        "OMPI_COMM_WORLD_RANK",
        "OMPI_COMM_WORLD_SIZE",
        "OMPI_COMM_WORLD_LOCAL_RANK",
        "OMPI_COMM_WORLD_LOCAL_SIZE",
    ),
}
"""Launcher -> its variables for rank and number of processes, in all and on this machine."""


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a machine without a GPU, for processes of one CPU thread."""
    return os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"} | more


def start_both(command: list[str | Path], variables: tuple[str, ...], cwd: Path) -> list[str]:
    """Start a command as two processes; return their output once both have ended with 0."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])

    def of_launcher(rank: int) -> Mapping[str, str]:
        return dict(zip(variables, (str(rank), "2", str(rank), "2"), strict=True))

    both = [
        subprocess.Popen(
            command,
            cwd=cwd,
            env=environment(MASTER_PORT=port, **of_launcher(rank)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    try:
        output = [one.communicate(timeout=180) for one in both]
    finally:
        for one in both:
            one.kill()
    assert [one.returncode for one in both] == [0, 0], output
    return [out for out, _ in output]


@pytest.mark.slow
@pytest.mark.parametrize("name", LAUNCHERS)
def test_auto_is_the_cpu_of_one_training_without_a_gpu(name: str, tmp_path: Path) -> None:
    output = start_both([sys.executable, "-c", JOINED], LAUNCHERS[name], tmp_path)
    assert [json.loads(text.splitlines()[-1]) for text in output] == [
        [True, True, "cpu", [0, 1]],
        [False, False, "cpu", [0, 1]],
    ]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="lists the threads of Linux")
def test_no_thread_of_the_connection_is_left_at_exit(tmp_path: Path) -> None:
    for text in start_both([sys.executable, "-c", THREADS], LAUNCHERS["torchrun"], tmp_path):
        before, after = map(json.loads, text.splitlines())
        assert before
        assert after == []


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Train and evaluate with torchrun, as the page says; return the folder and the output."""
    folder = tmp_path_factory.mktemp("launched")
    (folder / "toy.yaml").write_text(CONFIG)
    (folder / "hooky.py").write_text(HOOKS)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    script = str(Path(sys.executable).with_name("pluxel"))
    pluxel = [*torchrun, "--no-python", "--", script, "--plugin", str(TOYS), "--plugin", "hooky.py"]
    output = ""
    for command in (["train", "toy.yaml", "--run", "run"], ["evaluate", "run", "--split", "val"]):
        done = subprocess.run(
            [*pluxel, *command],
            check=False,
            cwd=folder,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        output += done.stdout
    return folder, output


@pytest.mark.slow
def test_torchrun_trains_and_evaluates_one_run_without_a_gpu(trained: tuple[Path, str]) -> None:
    folder, output = trained
    assert output.count("weights: run/weights.safetensors") == 1
    assert output.count("results: run/results.json") == 2
    found = json.loads((folder / "run" / "results.json").read_text())
    assert (found["step"], len(found["heads"]["semantic"]["per_image"])) == (2, 7)


@pytest.mark.slow
def test_hooks_run_where_the_page_says(trained: tuple[Path, str]) -> None:
    calls = {file.name: len(file.read_text()) for file in trained[0].glob("*-[01]")}
    assert calls == {"built-0": 2, "built-1": 2, "step-0": 2, "evaluated-0": 2}


def apple_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACCELERATE_USE_CPU", raising=False)  # accelerate may have set it
    found = SimpleNamespace(current_accelerator=lambda check_available: torch.device("mps"))
    monkeypatch.setattr(torch, "accelerator", found)


@pytest.mark.parametrize(("processes", "is_cpu"), [(1, False), (2, True)])
def test_auto_is_the_cpu_if_apple_gpus_would_train_alone(
    monkeypatch: pytest.MonkeyPatch, processes: int, is_cpu: bool
) -> None:
    apple_gpu(monkeypatch)
    assert distributed._auto_is_cpu(processes) is is_cpu


def test_auto_is_the_cpu_that_accelerate_launch_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    apple_gpu(monkeypatch)
    monkeypatch.setenv("ACCELERATE_USE_CPU", "True")
    assert distributed._auto_is_cpu(1)


def test_device_on_which_processes_would_train_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "find_device", torch.device)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name, value in zip(LAUNCHERS["torchrun"], ("0", "2", "0", "2"), strict=True):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", "1")
    with pytest.raises(PluxelError) as found:
        Processes("mps")
    assert str(found.value) == (
        "2 processes were started, but on device 'mps' they cannot train together\n"
        "  note: set device=cpu, or start a single process"
    )
