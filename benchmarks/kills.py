"""Kill trainings, resume them, and compare each with one that ran to its end.

    python benchmarks/kills.py [--kills 200] [--seed 0]

Kills a small training of two phases with SIGKILL: in every write of every file (before, half-way
through, after the write and after the rename) and at random times. A resumed training is killed
again in every third round. Each training is then resumed to its end. The program compares weights,
optimizer, averages, scores and log lines with those of an uninterrupted training, bit for bit, and
counts the files that a finished run should not have. It fails if anything differs or is left.

Each training runs in a forked process, so that it starts at once. Trainings compute with one
thread, since sums of floating-point numbers depend on the number of threads.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import torch
from pluxel.core import load_config
from pluxel.core.common import files
from pluxel.core.engine.checkpoint import read_tensors
from pluxel.core.engine.preparation import prepare
from pluxel.core.engine.run import Run
from pluxel.core.engine.training.experiment import Experiment
from pluxel.core.engine.training.train import Trainer
from pluxel.registry import Host

PIPELINE = """\
backbone: {type: timm, model: test_resnet, pretrained: false}
decoder: {type: fcn32s}
loss: {type: cross_entropy, class_weights: auto}
dataset: {type: shapes, length: 8, size: 64}
splits: {train: train, val: val}
device: cpu
training:
  phases:
    - {name: coarse, steps: 4}
    - {name: fine, steps: 4, decoder: {type: fcn16s}, optimizer: {lr: 5e-3}}
  batch_size: 2
  precision: fp32
  log_every: 1
  eval_every: 2
  checkpoint_every: 1
  ema: 0.9
  optimizer: {type: adamw, lr: 1e-2}
"""
STAGES = ("before", "half", "written", "renamed")
EXPECTED = {
    "class_frequencies.json",
    "config.yaml",
    "last/state.safetensors",
    "metrics.jsonl",
    "results.json",
    "weights.safetensors",
    "phases/coarse/class_frequencies.json",
    "phases/coarse/config.yaml",
    "phases/coarse/results.json",
    "phases/coarse/weights.safetensors",
}


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Killer:
    """Kills this process in the ``index``-th write, at a stage of it."""

    def __init__(self, index: int, stage: str) -> None:
        self.index, self.stage, self.writes = index, stage, 0

    def at(self, stage: str) -> bool:
        """Return whether to kill now; each write asks for ``before`` first."""
        if stage == "before":
            self.writes += 1
        return self.writes == self.index + 1 and stage == self.stage

    def install(self) -> None:
        """Kill inside `replacing` and inside the appending of a line."""
        sync, rename, log = os.fsync, Path.replace, Run.log

        def fsync(descriptor: int) -> None:
            status = os.fstat(descriptor)
            for stage, size in (("before", 0), ("half", status.st_size // 2)):
                if self.at(stage):
                    if status.st_nlink == 1:  # a link to the weights of a phase is never half made
                        os.ftruncate(descriptor, size)
                    kill()
            sync(descriptor)
            if self.at("written"):
                kill()

        def replace(path: Path, target: Path) -> Path:
            result = rename(path, target)
            if self.at("renamed"):
                kill()
            return result

        def append(run: Run, record: Mapping[str, Any]) -> None:
            if self.at("before"):
                kill()
            if self.at("half"):
                with run.metrics.open("a") as file:
                    text = json.dumps(record)
                    file.write(text[: len(text) // 2])
                kill()
            log(run, record)
            if self.at("written") or self.at("renamed"):
                kill()

        files.os = _Replaced(os, fsync=fsync)
        Path.replace = replace
        Run.log = append


class _Replaced:
    """A module with some functions replaced, for one other module only."""

    def __init__(self, module: object, **functions: Callable[..., Any]) -> None:
        self._module = module
        self.__dict__.update(functions)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def train(source: Path, directory: Path, killer: Killer | None, workers: int) -> None:
    """Train, or resume, in this process."""
    torch.set_num_threads(1)
    if killer is not None:
        killer.install()
    config = load_config(source, [f"training.workers={workers}"], host=Host())
    experiment = Experiment(prepare(config), Run(directory))
    with experiment.claimed():
        Trainer(experiment, resume=True).train()
    if killer is not None:
        source.with_suffix(".writes").write_text(str(killer.writes))


def in_child(
    source: Path,
    directory: Path,
    killer: Killer | None = None,
    seconds: float | None = None,
    workers: int = 0,
) -> int:
    """Train in a forked process; kill it after ``seconds``. Return its exit code."""
    context = multiprocessing.get_context("fork")
    process = context.Process(target=train, args=(source, directory, killer, workers))
    process.start()
    process.join(seconds)
    if process.is_alive():
        process.kill()
        process.join()
    assert process.exitcode is not None
    return process.exitcode


def content(directory: Path) -> dict[str, Any]:
    """Return everything that a run contains, without times and the number of workers."""
    run = Run(directory)
    coarse = run.phase("coarse")
    found: dict[str, Any] = {}
    for file in (run.weights, run.state, coarse.weights):
        tensors, metadata = read_tensors(file)
        metadata.get("progress", {}).pop("seconds", None)
        metadata.get("settings", {}).get("training", {}).pop("workers", None)
        values = {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}
        found[file.relative_to(directory).as_posix()] = (values, metadata)
    lines = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    found["metrics"] = [{**line, "seconds": 0} for line in lines]
    for file in (run.results_of("val"), coarse.results_of("val"), run.class_frequencies):
        found[file.relative_to(directory).as_posix()] = json.loads(file.read_text())
    return found


def leftovers(directory: Path) -> list[str]:
    paths = {path.relative_to(directory).as_posix() for path in directory.rglob("*")}
    return sorted(paths - EXPECTED - {"last", "phases", "phases/coarse"})


def places(kills: int, writes: int, seconds: float, seed: int) -> Iterator[dict[str, Any]]:
    """Yield when to kill: at every stage of every write, then at random times."""
    rng = random.Random(seed)
    inside = list(product(range(writes), STAGES))
    for index, stage in inside[:kills]:
        yield {"killer": Killer(index, stage)}
    for _ in range(kills - len(inside)):
        yield {"seconds": rng.uniform(0, seconds), "workers": 2}


def describe(place: Mapping[str, Any]) -> str:
    killer = place.get("killer")
    return f"{killer.stage} in write {killer.index}" if killer else f"at {place['seconds']:.2f} s"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)  # the parent must not start threads, which a fork would lose
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "toy.yaml")
        source.write_text(PIPELINE)
        whole = Path(folder, "whole")
        began = time.monotonic()
        if in_child(source, whole, Killer(-1, "never")) != 0:
            raise SystemExit("the uninterrupted training failed")
        writes = int(source.with_suffix(".writes").read_text())
        seconds = time.monotonic() - began
        expected = content(whole)
        print(
            f"an uninterrupted training takes {seconds:.1f} s and writes {writes} times", flush=True
        )
        outcomes: Counter[str] = Counter()
        for number, place in enumerate(places(args.kills, writes, seconds, args.seed)):
            directory = Path(folder, f"run{number}")
            codes = [in_child(source, directory, **place)]
            if number % 3 == 2:
                again = Killer(number % writes, STAGES[number % 4])
                codes.append(in_child(source, directory, again))
            outcomes["kills"] += sum(code == -signal.SIGKILL for code in codes)
            if any(code not in (0, -signal.SIGKILL) for code in codes):
                outcomes["failed by itself"] += 1
            if in_child(source, directory) != 0:
                outcomes["cannot be resumed"] += 1
                print(f"{number} {describe(place)}: cannot be resumed")
                continue
            found = content(directory)
            differing = [name for name, value in expected.items() if found[name] != value]
            left = leftovers(directory)
            outcomes["differs" if differing else "equal bit for bit"] += 1
            outcomes["leftovers"] += len(left)
            if differing or left:
                print(f"{number} {describe(place)}: differs in {differing}; left {left}")
        print(", ".join(f"{name}: {count}" for name, count in outcomes.items()))
    bad = ("failed by itself", "cannot be resumed", "differs", "leftovers")
    return int(any(outcomes[name] for name in bad))


if __name__ == "__main__":
    sys.exit(main())
